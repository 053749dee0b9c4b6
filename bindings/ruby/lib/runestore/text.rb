# frozen_string_literal: true

require "json"
require "time"

module Runestore
  # Values of Ruby to texts for the library, and back.
  module Text
    # data and metadata nest 128 levels each, inside an event, an array and a page.
    NESTING = { max_nesting: 140 }.freeze
    QUERY = %i[type domain instance_id id tags from to after up_to after_version].freeze

    class << self
      # A String as the library takes it: in UTF-8, and of its own, so that no other thread can change it during the call.
      def plain(string, what)
        string = string.encode(Encoding::UTF_8) unless bytes?(string)
        string.frozen? ? string : string.dup
      rescue EncodingError => e
        raise InvalidJsonError.new("#{what}: this is no text in #{string.encoding}: #{e.message}", details: { in: what })
      end

      def path(given, what = "path")
        given = given.to_path if given.respond_to?(:to_path)
        raise TypeError, "a path is a String or a Pathname, not #{given.class}" unless given.is_a?(String)

        plain(given, what)
      end

      # One event or several. A String is JSON already.
      def events(given)
        case given
        when String then plain(given, "events")
        when Array then batch(given)
        when Enumerator then batch(given.to_a)
        else json(event(given), "events", index: 0)
        end
      end

      def query(given)
        return plain(given, "query") if given.is_a?(String)

        given && json(times(given), "query")
      end

      def options(given, what = "options") = given.empty? ? nil : json(times(given), what)

      # Keywords are keys of the query or options: none is both.
      def split(query, keywords)
        keys = keywords.slice(*QUERY)
        return [query, keywords] if keys.empty?

        query = case query
                when nil then keys
                when Hash then query.merge(keys)
                when Array then query.map { |one| one.is_a?(Hash) ? one.merge(keys) : one }
                else raise ArgumentError, "#{keys.keys.join(", ")} cannot be added to a query that is JSON already"
                end
        [query, keywords.except(*QUERY)]
      end

      # Parsed events have no format.
      def refuse_format(opts)
        return unless opts.key?(:format)

        raise InvalidOptionsError.new("options: `format` is of texts: give `raw: true` with it", details: { option: "format" })
      end

      def parse(text) = JSON.parse(text, NESTING)

      def symbols(text) = JSON.parse(text, symbolize_names: true, **NESTING)

      def events_of(text) = parse(text).map { |map| Event.of(map) }

      def position(value, option)
        return value if value.is_a?(Integer) && value >= 0 && value < 1 << 64

        raise InvalidOptionsError.new("`#{option}` must be a position, an Integer from 0 on", details: { option: option })
      end

      private

      # What counts as UTF-8 without a look: the library looks, and names the place.
      def bytes?(string) = [Encoding::UTF_8, Encoding::BINARY, Encoding::US_ASCII].include?(string.encoding)

      def batch(events)
        events = events.map { |one| event(one) }
        JSON.generate(events, NESTING)
      rescue JSON::JSONError, EncodingError
        # Which one? There is no hurry any more.
        events.each_with_index { |one, index| json(one, "events", index: index) }
        raise
      end

      def event(given)
        given = given.given if given.is_a?(Event)
        return given unless given.is_a?(Hash)

        with_time(with_base64(given))
      end

      def with_base64(event)
        [:data, "data"].each do |key|
          data = event[key]
          next unless data.is_a?(String) && data.encoding == Encoding::BINARY

          return event.except(key).merge("data_base64" => [data].pack("m0"))
        end
        event
      end

      def with_time(event)
        [:inserted_at, "inserted_at"].each do |key|
          event = event.merge(key => time(event[key])) if time?(event[key])
        end
        event
      end

      def time?(value) = value.is_a?(Time) || (defined?(::DateTime) && value.is_a?(::DateTime))

      def time(value) = value.iso8601(6)

      # Queries and options are small, so all of them is looked through, unless it is too deep for JSON anyway.
      def times(value, depth = 0)
        return value if depth > NESTING[:max_nesting]

        case value
        when Hash then value.transform_values { |one| times(one, depth + 1) }
        when Array then value.map { |one| times(one, depth + 1) }
        else time?(value) ? time(value) : value
        end
      end

      def json(value, what, **place)
        JSON.generate(value, NESTING)
      rescue JSON::JSONError, EncodingError => e
        where = place.key?(:index) ? "#{what}[#{place[:index]}]" : what
        raise InvalidJsonError.new("#{where}: this has no form in JSON: #{e.message}", details: { in: what, **place })
      end
    end
  end
end
