# frozen_string_literal: true

require_relative "helper"

class ErrorsTest < Minitest::Test
  include Helper

  def test_each_status_has_its_class
    codes = Runestore::Error::CODES
    assert_equal 21, codes.size
    codes.each do |code, status|
      assert_equal code.to_s, Runestore::Native.status_name(status)
      error = Runestore::Error.of(status, nil)
      assert_equal [code, status, {}], [error.code, error.status, error.details]
      assert_instance_of Runestore.const_get("#{code.to_s.split("_").map(&:capitalize).join}Error"), error
      assert_kind_of Runestore::Error, error
      assert_kind_of StandardError, error
    end
    later = Runestore::Error.of(-50, '{"code":"later","message":"of a later version","a":[{"b":1}]}')
    assert_instance_of Runestore::Error, later
    assert_equal [:later, -50, "of a later version", { a: [{ b: 1 }] }], [later.code, later.status, later.message, later.details]
  end

  def test_an_event_that_is_none_has_a_place
    error = assert_raises(Runestore::InvalidEventError) { @store.append([event, event(tpye: 1)]) }
    assert_equal [:invalid_event, -4, { index: 1, field: "tpye" }], [error.code, error.status, error.details]
    assert_includes error.message, "did you mean `type`?"
    [nil, 1, [nil], [[event]], { type: "T" }].each { |wrong| assert_raises(Runestore::InvalidEventError) { @store.append(wrong) } }
    assert_raises(Runestore::InvalidJsonError) { @store.append("") }
    assert_equal 0, @store.head
  end

  def test_an_expectation_that_fails
    @store.append(event)
    error = assert_raises(Runestore::ConflictError) { @store.append(event, expected_version: 0) }
    assert_equal({ reason: "expected_version", domain: "account", instance_id: "a-1", expected: 0, actual: 1 }, error.details)
    error = assert_raises(Runestore::ConflictError) { @store.append([], tracking: { source: "s", position: 0 }) }
    assert_equal ["tracking", "s", 0, 0], error.details.values_at(:reason, :source, :expected, :actual)
    assert_equal 1, @store.head
  end

  def test_an_id_that_is_there
    id = "0190a000-0000-7000-8000-000000000001"
    first = @store.append(event(id: id))
    assert_equal first, @store.append(event(id: id))
    error = assert_raises(Runestore::DuplicateIdError) { @store.append(event(id: id, type: "Closed")) }
    assert_equal({ ids: [id] }, error.details)
  end

  def test_queries_and_options_that_are_none
    error = assert_raises(Runestore::InvalidQueryError) { @store.get_events([{}, { typ: "x" }]) }
    assert_equal({ index: 1, key: "typ" }, error.details)
    assert_raises(Runestore::InvalidQueryError) { @store.each({ typ: "x" }).first }
    assert_raises(Runestore::InvalidQueryError) { @store.follow({ typ: "x" }).first }
    error = assert_raises(Runestore::InvalidOptionsError) { @store.append(event, expectedversion: 1) }
    assert_equal "expectedversion", error.details[:option]
    assert_raises(Runestore::InvalidOptionsError) { @store.get_events(limit: -1) }
    assert_raises(Runestore::InvalidOptionsError) { Runestore.open(store: "fiel") }
    assert_raises(Runestore::InvalidOptionsError) { Runestore.open(sync: :never) }
    assert_raises(Runestore::InvalidOptionsError) { Runestore.open("postgresql://localhost/none", scheme: "x") }
  end

  def test_stores_that_cannot_be_opened_or_written
    assert_raises(Runestore::NotFoundError) { Runestore.open(place, create: false) }
    Runestore.open(place) do |writer|
      error = assert_raises(Runestore::LockedError) { Runestore.open(place) }
      assert_equal place, error.details[:path]
      writer.append(event)
      Runestore.open(place, read_only: true) do |reader|
        assert_equal 1, reader.head
        assert_raises(Runestore::ReadOnlyError) { reader.append(event) }
      end
      assert_raises(Runestore::InvalidOptionsError) { writer.backup(@folder) }
    end
    File.write(place("plain"), "")
    assert_raises(Runestore::IoError) { Runestore.open(File.join(place("plain"), "below")) }
    assert_raises(Runestore::UnsupportedError) { @store.verify }
    assert_raises(Runestore::MisuseError) { @store.copy_to(@store) }
  end

  def test_damage_is_a_problem_and_an_error
    Runestore.open(place, mmap: false) { |store| store.append(counted(1..50)) }
    log = Dir.glob("#{place}/**/*").select { |file| File.file?(file) }.max_by { |file| File.size(file) }
    bytes = File.binread(log)
    at = bytes.index("Counted", bytes.size / 20)
    File.binwrite(log, "Cxunted", at)
    failed = begin
      Runestore.open(place, read_only: true, mmap: false) do |store|
        verified = store.verify
        refute verified[:ok]
        assert_equal File.basename(log), File.basename(verified[:problems][0][:file])
        store.each.to_a
      end
      nil
    rescue Runestore::CorruptError => e
      e
    end
    assert_equal :corrupt, failed&.code
    assert_kind_of Integer, failed.details[:offset]
  end

  def test_everything_after_the_close_says_closed
    cursor = @store.cursor
    following = @store.follow
    refute_predicate @store, :closed?
    assert_nil @store.close
    assert_nil @store.close
    assert_predicate @store, :closed?
    calls = [-> { @store.append(event) }, -> { @store.get_events }, -> { @store.each.first }, -> { @store.cursor }, -> { @store.head },
             -> { @store.wait(0) }, -> { @store.tracking("s") }, -> { @store.info }, -> { @store.verify }, -> { @store.backup(place) },
             -> { @store.interrupt }, -> { cursor.read }, -> { cursor.cancel }, -> { following.first },
             -> { Runestore.open { |other| other.copy_to(@store) } }, -> { Runestore.open { |other| @store.copy_to(other) } }]
    calls.each_with_index { |call, index| assert_raises(Runestore::ClosedError, index.to_s, &call) }
    assert_nil cursor.close
  end

  def test_a_library_that_is_not_there_or_is_another
    said = lambda do |name|
      program = 'begin; require "runestore"; rescue LoadError => e; print e.class, ": ", e.message; end'
      Open3.capture2e({ "RUNESTORE_LIBRARY" => name, "LD_LIBRARY_PATH" => nil }, RbConfig.ruby, "-w", "-e", program)[0]
    end
    assert_match(/\ARunestore::LibraryError: .*nowhere.*RUNESTORE_LIBRARY names it/m, said.call("/nowhere/librunestore.so"))
    assert_match(/\ARunestore::LibraryError: librunestore\.so\.1 cannot be loaded .*LD_LIBRARY_PATH/m, said.call(nil))
    assert_match(/\ARunestore::LibraryError: librunestore\.so\.1 cannot be loaded/, said.call(""))
    assert_match(/\ARunestore::LibraryError: libc\.so\.6 is no library of Runestore/, said.call("libc.so.6"))
    other = ENV.fetch("RUNESTORE_TEST_OTHER_MAJOR")
    assert_match(/\ARunestore::LibraryError: .* has version 2\.3 of the C interface, and this gem needs 1\.x/, said.call(other))
  end
end
