# frozen_string_literal: true

require_relative "helper"
require "json"

# Every case of tests/vectors, on the memory and on the file engine, below the public methods: those could not express a
# broken text. tests/vectors/README.md says what the cases mean. What comes back is also read as the gem reads it.
class VectorsTest < Minitest::Test
  Native = Runestore::Native
  FILES = Dir[File.join(ENV.fetch("RUNESTORE_VECTORS"), "*.json")].sort.freeze
  EXPECTED = %w[call note status answer position head details message_has].freeze
  INPUTS = {
    "append" => %w[events options], "get_events" => %w[query options], "cursor_open" => %w[query options cursor],
    "cursor_next" => %w[cursor max_events timeout_ms], "cursor_cancel" => %w[cursor], "cursor_close" => %w[cursor],
    "wait" => %w[after timeout_ms], "tracking" => %w[source], "info" => [], "status_name" => %w[code]
  }.freeze
  WILDCARDS = {
    "uuid7" => "(\\h{8}-\\h{4}-7\\h{3}-[89ab]\\h{3}-\\h{12})", "now" => "(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z)", "any" => "(.*?)"
  }.freeze

  def test_all_of_them_on_both_engines
    %w[memory file].each do |engine|
      @counts = Hash.new(0)
      FILES.each { |path| file(engine, path) }
      puts "vectors, #{engine}: #{@counts[:files]} files, #{@counts[:cases]} cases, #{@counts[:steps]} steps, " \
           "#{@counts[:answers]} answers, #{@counts[:positions]} positions, #{@counts[:parsed]} read as events"
      # These were there when this was written.
      assert_operator @counts[:files], :>=, 23
      assert_operator @counts[:cases], :>=, 216
      assert_operator @counts[:steps], :>=, 2560
      assert_operator @counts[:positions], :>=, 200
      assert_operator @counts[:parsed], :>=, 500
    end
  end

  def test_the_runner_sees_a_wrong_answer
    id = "0190a000-0000-7000-8000-000000000001"
    now = Time.now.utc.iso8601(6)
    assert_same_answer "a«any»b «uuid7» [«now»,«now»]", "axxb #{id} [#{now},#{now}]"
    [["[]", "[ ]"], ["a", nil], ["«uuid7»", id.sub("-7", "-4")], ["«uuid7» «uuid7»", "#{id} #{id}"], ["a«any»b", "a b c"],
     ["«now»", "2001-01-01T00:00:00.000000Z"], ["[«now»,«now»]", "[#{now},2001-01-01T00:00:00.000000Z]"]].each do |expected, answer|
      assert_raises(Minitest::Assertion, expected) { assert_same_answer(expected, answer) }
    end
  end

  private

  def file(engine, path)
    file = JSON.parse(File.read(path, encoding: "UTF-8"))
    assert_empty file.keys - %w[title texts cases]
    @counts[:files] += 1
    @texts = file["texts"] || {}
    file["cases"].each do |one|
      assert_equal %w[name steps], one.keys.sort
      @counts[:cases] += 1
      Dir.mktmpdir("runestore-vectors-") do |folder|
        run_case(engine, folder, one, "#{File.basename(path)}, #{engine}, #{one["name"]}")
      end
    end
  end

  def run_case(engine, folder, one, where)
    opts = engine == "file" ? { path: File.join(folder, "store"), sync: "never" } : {}
    status, text, @store = Native.init(JSON.generate(store: engine, store_opts: opts))
    assert_equal 0, status, text
    @cursors = {}
    one["steps"].each_with_index do |step, index|
      @where = "#{where}, step #{index} (#{step["call"]})"
      assert_empty step.keys - EXPECTED - INPUTS.fetch(step["call"]), @where
      @counts[:steps] += 1
      check(step, *call(step))
    end
    @cursors.each_value { |cursor| Native.cursor_close(cursor) }
    assert_equal 0, Native.close(@store)[0]
  end

  def call(step)
    case step["call"]
    when "append" then Native.append(@store, text(step, "events"), text(step, "options"))
    when "get_events" then Native.get_events(@store, text(step, "query"), text(step, "options"))
    when "cursor_open"
      answer = Native.cursor_open(@store, text(step, "query"), text(step, "options"))
      @cursors[step["cursor"]] = answer[2]
      answer
    when "cursor_next" then Native.cursor_next(@cursors.fetch(step["cursor"]), step["max_events"], step["timeout_ms"])
    when "cursor_cancel" then Native.cursor_cancel(@cursors.fetch(step["cursor"]))
    when "cursor_close" then Native.cursor_close(@cursors.fetch(step["cursor"]))
    when "wait" then Native.wait(@store, step["after"], step["timeout_ms"])
    when "tracking" then Native.tracking(@store, text(step, "source"))
    when "info" then Native.info(@store)
    when "status_name" then [0, Native.status_name(step["code"]), 0]
    end
  end

  def text(step, member) = step.key?(member) ? bytes(step[member]) : nil

  def bytes(value, texts = @texts)
    case value
    when String then value.b
    when Array then value.map { |part| bytes(part, texts) }.join.b
    else
      case value.keys.sort
      when %w[repeat times] then value["repeat"].b * value["times"]
      when %w[hex] then [value["hex"]].pack("H*")
      when %w[use] then bytes(texts.fetch(value["use"]), {})
      else flunk "#{value} is no part of a text"
      end
    end
  end

  def check(step, status, answer, number)
    name = Native.status_name(status)
    assert step["status"] == name, "#{@where}: #{name} #{short(answer)}"
    assert_nil answer, @where if %w[done timeout].include?(name)
    if step.key?("answer")
      assert_same_answer(bytes(step["answer"]).force_encoding("UTF-8"), answer)
      @counts[:answers] += 1
    end
    if step.key?("position")
      low, high = [step["position"]].flatten.then { |range| [range.first, range.last] }
      assert_includes low..high, number, @where
      @counts[:positions] += 1
    end
    assert_equal step["head"], number, @where if step.key?("head")
    check_members(step, status, name, answer)
    check_events(answer) if status.zero? && %w[append get_events cursor_next].include?(step["call"])
  end

  def check_members(step, status, name, answer)
    members = JSON.parse(answer) if step.key?("details") || (status.negative? && answer)
    if status.negative? && answer
      assert_equal name, members["code"], @where
      refute_empty members["message"], @where
      error = Runestore::Error.of(status, answer)
      assert_equal [name.to_sym, status, members["message"], members.size - 2],
                   [error.code, error.status, error.message, error.details.size], @where
    end
    (step["details"] || {}).each { |key, value| assert_equal value, members.fetch(key), "#{@where}: #{short(answer)}" }
    (step["message_has"] || []).each { |part| assert_includes members["message"], part, @where }
  end

  # Whether the gem reads the events as they are in the text.
  def check_events(answer)
    return unless answer.start_with?("[") && answer.bytesize < 1_000_000

    Runestore::Text.events_of(answer).zip(JSON.parse(answer, max_nesting: 0)) do |event, map|
      assert_equal map.values_at("sequence_number", "id", "type", "tags", "metadata"),
                   [event.sequence_number, event.id, event.type, event.tags, event.metadata], @where
      assert_equal map["inserted_at"], event.inserted_at.iso8601(6), @where
      data = map.key?("data") ? map["data"] : map["data_base64"].unpack1("m0")
      # A difference of some MiB would not be read by anybody.
      assert data == event.data && (data.nil? || data.class == event.data.class), @where
      @counts[:parsed] += 1
    end
  end

  def assert_same_answer(expected, answer)
    return if expected == answer

    # Literals and wildcards take turns; what a wildcard stands for is looked at afterwards.
    parts = expected.split(/«(.*?)»/, -1)
    pattern = parts.each_with_index.map { |part, index| index.odd? ? WILDCARDS.fetch(part) : Regexp.escape(part) }.join
    found = answer && Regexp.new("\\A#{pattern}\\z", Regexp::MULTILINE).match(answer)
    assert found, "#{@where}: #{short(expected)} was expected, there is #{short(answer)}"
    stands_for = parts.each_slice(2).filter_map { |_, wildcard| wildcard }.zip(found.captures).group_by(&:first).transform_values { |pairs| pairs.map(&:last) }
    ids, times = stands_for.values_at("uuid7", "now").map { |values| values || [] }
    assert_equal ids.uniq, ids, @where
    assert_operator times.uniq.size, :<=, 1, @where
    times.each { |time| assert_in_delta Time.now.to_f, Time.iso8601(time).to_f, 300, @where }
  end

  def short(text) = text.nil? ? "nothing" : text.byteslice(0, 600).scrub
end
