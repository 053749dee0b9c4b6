# frozen_string_literal: true

module Runestore
  # An event as it is stored. `domain` and `instance_id` name its stream; `data` and `metadata` have Strings as keys. Bytes
  # are a `data` of Encoding::BINARY.
  Event = Struct.new(
    :sequence_number, :id, :type, :domain, :instance_id, :stream_version, :version, :inserted_at, :tags, :data, :metadata,
    keyword_init: true
  ) do
    def self.of(map)
      base64 = map["data_base64"]
      new(
        sequence_number: map["sequence_number"], id: map["id"], type: map["type"], domain: map["domain"],
        instance_id: map["instance_id"], stream_version: map["stream_version"], version: map["version"],
        inserted_at: time(map["inserted_at"]), tags: map["tags"],
        data: base64 ? base64.unpack1("m0") : map["data"], metadata: map["metadata"]
      )
    end

    # "2026-11-23T03:50:00.123456Z", always of this form.
    def self.time(text)
      Time.utc(
        text[0, 4].to_i, text[5, 2].to_i, text[8, 2].to_i, text[11, 2].to_i, text[14, 2].to_i, text[17, 2].to_i, text[20, 6].to_i
      )
    end
    private_class_method :time

    # What an append takes: all but the positions, of which it gives new ones. In a struct nil is absent; as `data` it is a value.
    def given = to_h.except(:sequence_number, :stream_version).reject { |name, value| value.nil? && name != :data }
  end
end
