# frozen_string_literal: true

require_relative "helper"

class ApiTest < Minitest::Test
  include Helper

  def test_an_event_comes_back_whole
    time = Time.utc(2026, 11, 23, 3, 50, 59, Rational(123_456_789, 1000))
    id = "0190a000-0000-7000-8000-000000000001"
    given = { "type" => :Opened, domain: "account", instance_id: "a-1", id: id, version: 3, inserted_at: time, tags: %w[vip],
              data: { owner: "Ada", list: [1, nil, true, 1.5] }, metadata: { by: "me" } }
    stored = @store.append(given)
    expected = Runestore::Event.new(
      sequence_number: 1, id: id, type: "Opened", domain: "account", instance_id: "a-1", stream_version: 1, version: 3,
      inserted_at: Time.utc(2026, 11, 23, 3, 50, 59, 123_456), tags: %w[vip],
      data: { "owner" => "Ada", "list" => [1, nil, true, 1.5] }, metadata: { "by" => "me" }
    )
    assert_equal [expected], stored
    assert_equal [expected], @store.get_events
    assert_equal [expected], @store.each.to_a
    assert_equal 123_456, stored[0].inserted_at.usec
    assert_predicate stored[0].inserted_at, :utc?
    assert_raises(Runestore::DuplicateIdError) { @store.append({ **given, "type" => "Another" }) }
  end

  def test_a_batch_is_one_and_an_event_can_be_appended_to_another_store
    stored = @store.append(counted(1..3))
    assert_equal [1, 2, 3], stored.map(&:sequence_number)
    assert_equal({ first: 4, last: 5, count: 2, head: 5 }, @store.append(counted(4..5), return: :summary))
    assert_equal [], @store.append([])
    assert_equal 6, @store.append(counted([6]).each)[0].sequence_number
    Runestore.open do |other|
      assert_equal 1, other.append(stored[2])[0].sequence_number
      assert_equal stored[0, 2].map(&:id), other.append(stored[0, 2]).map(&:id)
      null = other.append(event(data: nil))
      assert_nil null[0].data
      @store.append(null)
      assert_nil @store.get_events(id: null[0].id)[0].data
    end
  end

  def test_expectations_and_conditions_take_symbols_and_times
    @store.append(event(inserted_at: Time.utc(2020)), expected_version: 0)
    @store.append(event(type: "Seen"), expected_version: :exists, tracking: { source: "mailer", position: 1 })
    assert_equal 1, @store.tracking("mailer")
    assert_equal 0, @store.tracking(:unknown)
    guarded = { fail_if_events_match: { type: :Opened, to: Time.utc(2021) } }
    error = assert_raises(Runestore::ConflictError) { @store.append(event, condition: guarded) }
    assert_equal ["condition", 1], error.details.values_at(:reason, :sequence_number)
    assert_equal 3, @store.append(event, condition: { fail_if_events_match: { from: Time.utc(2019), to: Time.utc(2020) } })[0].sequence_number
    error = assert_raises(Runestore::ConflictError) { @store.append(event, expect: [{ domain: "account", instance_id: "a-1", version: 7 }]) }
    assert_equal ["expect", 7, 3], error.details.values_at(:reason, :expected, :actual)
  end

  def test_keys_of_a_query_stand_in_it_or_beside_it
    @store.append([event, event(instance_id: "a-2", tags: %w[vip]), event(type: "Closed")])
    numbers = ->(*query, **more) { @store.get_events(*query, **more).map(&:sequence_number) }
    assert_equal [1, 2, 3], numbers.call
    assert_equal [1, 2], numbers.call(type: :Opened)
    assert_equal [2], numbers.call({ "type" => "Opened" }, after: 1)
    assert_equal [3, 2], numbers.call([{ type: "Closed" }, { tags: ["vip"] }], after: 1, direction: :backward)
    assert_equal [2], numbers.call('{"tags":["vip"]}')
    assert_equal [], numbers.call([])
    assert_equal [3], numbers.call(domain: "account", limit: 1, offset: 2)
    assert_raises(ArgumentError) { numbers.call('{"tags":["vip"]}', after: 1) }
    assert_equal [2, 3], @store.each([{ type: "Closed" }, { type: "Opened" }], after: 1).map(&:sequence_number)
    page = @store.get_events(type: "Opened", limit: 1, pagination: true)
    assert_equal [1], page[:events].map(&:sequence_number)
    assert_equal [2, 2, true, 3], page[:pagination].values_at(:total_count, :total_pages, :has_next, :head)
  end

  def test_raw_texts_are_as_they_are_stored
    text = '{"type":"Counted","domain":"sky","instance_id":"s-1","data":{"b":1.10,"a":100000000000000000000001,"b":"\u00e9"}}'
    answer = @store.append(text, raw: true)
    assert_includes answer, '"data":{"b":1.10,"a":100000000000000000000001,"b":"\u00e9"}'
    assert_equal Encoding::UTF_8, answer.encoding
    assert_equal answer, @store.get_events(raw: true)
    assert_equal "#{answer[1..-2]}\n", @store.get_events(raw: true, format: :ndjson)
    assert_equal [answer[1..-2]], @store.each(raw: true).to_a
    assert_equal [answer[1..-2]], @store.follow(raw: true).first(1)
    assert_equal 100_000_000_000_000_000_000_001, @store.get_events[0].data["a"]
  end

  def test_formats_are_of_raw_texts
    [-> { @store.get_events(format: :ndjson) }, -> { @store.each(format: "array").to_a }, -> { @store.each(raw: true, format: "array").to_a }].each do |call|
      assert_equal({ option: "format" }, assert_raises(Runestore::InvalidOptionsError, &call).details)
    end
  end

  def test_each_is_lazy_and_bounded
    @store.append(counted(1..5000))
    enumerator = @store.each(type: "Counted")
    assert_instance_of Enumerator, enumerator
    assert_equal [2, 4, 6], enumerator.lazy.map(&:data).select(&:even?).first(3)
    assert_equal (1..5000).to_a, enumerator.map(&:data)
    assert_equal [1, 2], [enumerator.next.data, enumerator.next.data]
    assert_equal [5000, 4999], @store.each(direction: "backward").first(2).map(&:data)
    assert_same(@store, @store.each { break @store })
    assert_same(@store, @store.each(limit: 3) { |one| assert_operator one.data, :<, 4 })
  end

  def test_pieces_tell_a_position
    @store.append(counted(1..10))
    cursor = @store.cursor(up_to: 8)
    assert_equal [1, 2, 3], cursor.read(3).map(&:data)
    assert_equal 3, cursor.position
    assert_equal [4, 5, 6, 7, 8], cursor.read.map(&:data)
    assert_nil cursor.read
    assert_operator cursor.position, :>=, 8
    refute_predicate cursor, :closed?
    assert_nil cursor.close
    assert_nil cursor.close
    assert_predicate cursor, :closed?
    assert_raises(Runestore::ClosedError) { cursor.read }
    small = @store.cursor(max_bytes: 300)
    assert_equal [1], small.read.map(&:data)
    small.close
    follower = @store.cursor(after: 9, follow: true)
    assert_equal [10], follower.read.map(&:data)
    assert_equal [], follower.read(timeout: 0)
    assert_operator took { assert_equal [], follower.read(timeout: 0.12) }, :>=, 0.12
    assert_equal [1, 2], follower.then { @store.cursor.first(2) }.map(&:data)
    [-1, 1.5, 1 << 64, nil].each { |wrong| assert_raises(Runestore::InvalidOptionsError) { follower.read(wrong) } }
    [-1, "1", Float::NAN].each { |wrong| assert_raises(Runestore::InvalidOptionsError) { follower.read(timeout: wrong) } }
    follower.close
  end

  def test_heads_and_waits
    assert_equal 0, @store.head
    assert_nil @store.wait(0, timeout: 0)
    assert_operator took { assert_nil @store.wait(0, timeout: 0.13) }, :>=, 0.13
    appender = Thread.new { sleep 0.1; @store.append(event) }
    assert_equal 1, @store.wait(0)
    [10, Rational(1, 2), Float::INFINITY].each { |timeout| assert_equal 1, @store.wait(0, timeout: timeout) }
    assert_equal 1, @store.head
    appender.join
    assert_nil @store.wait((1 << 63) - 1, timeout: 0)
    [-1, 1 << 64, 1.0, nil].each do |wrong|
      assert_equal({ option: "after" }, assert_raises(Runestore::InvalidOptionsError) { @store.wait(wrong, timeout: 0) }.details)
    end
  end

  def test_a_directory_keeps_what_was_appended
    value = Runestore.open(place, sync: :never) do |store|
      store.append(counted(1..3))
      assert_equal({ ok: true, events: 3, problems: [] }, store.verify.slice(:ok, :events, :problems))
      assert_equal [3, 3], store.backup(Pathname(place("copy"))).values_at(:events, :head)
      info = store.info
      assert_equal ["file", 3, place, "never"], info.values_at(:engine, :head, :path, :sync)
      :of_the_block
    end
    assert_equal :of_the_block, value
    [[place("copy")], [Pathname(place)], [{ path: place }], [{ "store" => "file", "store_opts" => { path: place } }]].each do |where|
      Runestore.open(*where) { |store| assert_equal [1, 2, 3], store.each.map(&:data) }
    end
    Runestore.open(path: place, read_only: true) { |store| assert_equal({ copied: 3, events: 3, head: 3 }, store.copy_to(@store)) }
    Runestore.open(store: "file", store_opts: { path: place }) { |store| assert_equal @store.each.to_a, store.each.to_a }
    assert_raises(ArgumentError) { @store.copy_to(place) }
    assert_raises(TypeError) { Runestore.open(42) }
    assert_raises(ArgumentError) { Runestore.open(place, path: place) }
  end

  def test_the_block_of_an_open_closes_also_when_it_raises
    kept = nil
    assert_raises(KeyError) { Runestore.open(place) { |store| kept = store; raise KeyError } }
    assert_predicate kept, :closed?
    Runestore.open(place, &:head)
  end

  def test_it_says_its_versions
    assert_match(/\A\d+\.\d+\.\d+\z/, Runestore.library_version)
    assert_match(/\A\d+\.\d+\.\d+\z/, Runestore::VERSION)
    assert_equal Encoding::UTF_8, Runestore.library_version.encoding
  end
end
