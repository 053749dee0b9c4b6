# frozen_string_literal: true

require_relative "helper"
require "date"

class TextTest < Minitest::Test
  include Helper

  def stored(**more) = @store.append(event(**more))[0]

  def test_numbers_keep_their_digits
    numbers = [2**53 + 1, -(2**63), 2**64, 10**100 + 1, 0.1, 1e300, -1.5e-300, 5e-324]
    assert_equal numbers, stored(data: numbers).data
    assert_equal numbers, @store.each.first.data
    [Float::NAN, Float::INFINITY].each { |none| assert_raises(Runestore::InvalidJsonError) { stored(data: none) } }
    assert_raises(Runestore::InvalidJsonError) { @store.append('{"type":"T","domain":"d","instance_id":"i","data":1E400}') }
  end

  def test_what_holds_itself_has_no_form
    itself = { type: "T" }
    itself[:type] = [itself]
    assert_raises(Runestore::InvalidJsonError) { stored(data: itself) }
    assert_raises(Runestore::InvalidJsonError) { @store.get_events(itself) }
    assert_raises(Runestore::InvalidJsonError) { @store.append(event, condition: itself) }
  end

  def test_bytes_are_a_string_of_bytes
    [(0..255).to_a.pack("C*"), "".b, "text".b].each do |bytes|
      [{ data: bytes }, { "data" => bytes }, { data_base64: [bytes].pack("m0") }].each do |given|
        data = stored(**given.transform_keys(&:to_sym)).data
        assert_equal [bytes, Encoding::BINARY], [data, data.encoding]
        assert_equal data, @store.append(event.merge(given))[0].data
      end
    end
    text = stored(data: "text").data
    assert_equal ["text", Encoding::UTF_8], [text, text.encoding]
    again = @store.append(stored(data: "\xff".b))[0].data
    assert_equal "\xff".b, again
  end

  def test_strings_come_out_in_utf8
    given = { "ключ" => ["é".encode("ISO-8859-1"), "日本".encode("UTF-16LE"), "Ω".encode("UTF-32BE"), "plain".encode("US-ASCII"), :symbol] }
    one = stored(instance_id: "é".encode("ISO-8859-1"), data: given, tags: ["ü".encode("Windows-1252")])
    assert_equal({ "ключ" => ["é", "日本", "Ω", "plain", "symbol"] }, one.data)
    assert_equal ["é", ["ü"]], [one.instance_id, one.tags]
    [one.instance_id, one.id, one.tags[0], *one.data.keys, *one.data["ключ"]].each do |text|
      assert_equal Encoding::UTF_8, text.encoding
      assert_predicate text, :valid_encoding?
    end
    assert_equal [one], @store.get_events(instance_id: "é".encode("UTF-16BE"))
    assert_equal [one], @store.get_events('{"instance_id":"é"}'.encode("UTF-16LE"))
    @store.append(event, tracking: { source: "ж", position: 1 })
    assert_equal 1, @store.tracking("ж".encode("KOI8-R"))
    message = assert_raises(Runestore::InvalidEventError) { @store.append({ "tüp" => 1 }) }.message
    assert_equal Encoding::UTF_8, message.encoding
    assert_includes message, "tüp"
  end

  def test_what_is_no_text_is_refused
    @store.append(event)
    wrong = ["\xff", "a\xc3", "\xed\xa0\x80", "\x81".dup.force_encoding("Windows-1252"), "\xff".dup.force_encoding("EUC-JP")]
    wrong.each do |text|
      assert_refused(in: "events", index: 1) { @store.append([event, event(data: { a: text })]) }
      assert_refused(in: "events", index: 0) { @store.append(event(data: { text => 1 })) }
      assert_refused(in: "events") { @store.append(%({"type":").dup.force_encoding(text.encoding) + text) }
      assert_refused(in: "query") { @store.get_events(type: text) }
      assert_refused(in: "options") { @store.append(event, tracking: { source: text, position: 1 }) }
      assert_refused(in: "source") { @store.tracking(text) }
      assert_refused(in: "config") { Runestore.open(text) }
    end
    assert_equal 1, @store.head
    Runestore.open(place) { |store| assert_refused(in: "path") { store.backup("\xff") } }
  end

  def assert_refused(details, &call)
    error = assert_raises(Runestore::InvalidJsonError, &call)
    assert_equal details, error.details.slice(*details.keys)
    assert_equal [:invalid_json, -3], [error.code, error.status]
  end

  def test_the_zero_byte_is_data_and_no_name
    assert_equal "a\0b", stored(data: "a\0b").data
    error = assert_raises(Runestore::InvalidEventError) { stored(type: "a\0b") }
    assert_equal({ index: 0, field: "type" }, error.details)
    assert_raises(Runestore::InvalidJsonError) { @store.append("{\"type\":\"a\0b\"}") }
    assert_raises(Runestore::InvalidOptionsError) { @store.tracking("a\0b") }
    assert_raises(Runestore::Error) { Runestore.open("#{place}\0b") }
    Runestore.open(place) { |store| assert_raises(Runestore::Error) { store.backup("#{place}\0b") } }
    refute_path_exists "#{place}b"
  end

  def test_times_go_in_as_they_are_in_ruby
    time = Time.new(2026, 11, 23, 5, 50, Rational(999_999_999, 1000_000_000), "+02:00")
    expected = Time.utc(2026, 11, 23, 3, 50, 0, 999_999)
    assert_equal expected, stored(inserted_at: time).inserted_at
    assert_equal expected, @store.append({ **OPENED, "inserted_at" => time.to_datetime })[0].inserted_at
    assert_equal expected, stored(inserted_at: "2026-11-23T05:50:00.9999999+02:00").inserted_at
    [Time.utc(0), Time.utc(9999, 12, 31, 23, 59, 59, 999_999), Time.utc(1969, 12, 31, 23, 59, 59, 1)].each do |edge|
      assert_equal edge, stored(inserted_at: edge).inserted_at
    end
    assert_raises(Runestore::InvalidEventError) { stored(inserted_at: Time.utc(10_000)) }
    assert_equal 3, @store.get_events(from: time, to: time.to_datetime + 1).size
    assert_equal 3, @store.each([{ from: expected, to: expected + Rational(1, 1_000_000) }]).count
  end

  def test_a_field_given_twice_is_an_error
    assert_raises(Runestore::InvalidEventError) { @store.append({ **OPENED, "type" => "Opened" }) }
    assert_raises(Runestore::InvalidEventError) { @store.append({ **OPENED, data: "\xff".b, "data" => 1 }) }
    assert_raises(Runestore::InvalidEventError) { @store.append({ **OPENED, data: "\xff".b, data_base64: "" }) }
  end

  def test_what_was_given_is_left_alone
    given = event(data: "\xff".b, inserted_at: Time.now).freeze
    before = given.dup
    @store.append([given].freeze)
    assert_equal before, given
  end

  def test_depth_has_an_end
    nested = ->(depth) { (1...depth).reduce([]) { |inner, _| [inner] } }
    assert_equal nested.call(128), stored(data: nested.call(128), metadata: { a: nested.call(127) }).data
    assert_equal nested.call(128), @store.get_events(pagination: true)[:events][0].data
    assert_raises(Runestore::InvalidJsonError) { stored(data: nested.call(129)) }
    round = []
    round << round
    assert_raises(Runestore::InvalidJsonError) { stored(data: round) }
  end

  def test_limits_are_errors
    error = assert_raises(Runestore::TooLargeError) { @store.append([event] * 100_001) }
    assert_equal({ limit: 100_000, actual: 100_001 }, error.details.slice(:limit, :actual))
    assert_raises(Runestore::TooLargeError) { stored(data: "x" * (16 << 20)) }
    assert_raises(Runestore::TooLargeError) { @store.append(" " * ((64 << 20) + 1)) }
    assert_raises(Runestore::InvalidEventError) { stored(type: "x" * 1025) }
    large = "é" * (4 << 20)
    assert_equal large, stored(data: large).data
    assert_equal 1, @store.head
  end
end
