# frozen_string_literal: true

require_relative "helper"

# What is closed, when, and by whom.
class LifeTest < Minitest::Test
  include Helper

  COUNTS = { open: 0, closed: 0 }
  Runestore::Native.singleton_class.prepend(Module.new do
    def cursor_open(*) = super.tap { |status,| COUNTS[:open] += 1 if status.zero? }

    def cursor_close(*) = super.tap { |status,| COUNTS[:closed] += 1 if status.zero? }
  end)

  # How many cursors the library has opened and closed since.
  def cursors
    before = COUNTS.dup
    -> { COUNTS.to_h { |name, count| [name, count - before[name]] } }
  end

  def test_an_enumeration_that_is_left_closes_its_cursor
    @store.append(counted(1..2000))
    GC.disable # What it closes would count, too.
    counts = cursors
    @store.each { break }
    @store.each.first(2)
    @store.each.lazy.map(&:data).first(2)
    assert_raises(KeyError) { @store.each { raise KeyError } }
    catch(:out) { @store.each { throw :out } }
    @store.each.to_a
    @store.follow.first(2)
    @store.follow { break }
    @store.cursor.first
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { @store.follow(after: 2000).to_a } }
    Thread.new { @store.follow(after: 2000).to_a }.tap { sleep 0.1 }.kill.join
    assert_equal({ open: 11, closed: 11 }, counts.call)
  ensure
    GC.enable
  end

  def test_a_cursor_that_nobody_refers_to_is_closed
    @store.append(counted(1..2000))
    counts = cursors
    Thread.new { 20.times { @store.each.next; @store.cursor.read; @store.follow.next } }.join
    assert_equal 60, counts.call[:open]
    eventually do
      GC.start
      # A machine's stack may still hold a few.
      counts.call[:closed] >= 50
    end
  end

  def test_a_store_that_nobody_refers_to_is_closed
    said = ruby(<<~'PROGRAM')
      Thread.new { Runestore.open("ledger.runes").tap { |store| store.append({type: "T", domain: "d", instance_id: "i"}) }.each.next }.join
      100.times do
        GC.start
        Runestore.open("ledger.runes") { |store| puts "closed #{store.head}" }
        break
      rescue Runestore::LockedError
        Thread.new { Array.new(100) { |n| n.to_s * 100 } }.join
        sleep 0.05
      end
    PROGRAM
    assert_equal "closed 1\n", said
  end

  def test_a_cursor_keeps_its_store
    cursor = Thread.new { Runestore.open.tap { |store| store.append(counted(1..3)) }.cursor }.value
    10.times { GC.start }
    assert_equal [1, 2, 3], cursor.read.map(&:data)
    cursor.close
  end

  def test_cursors_left_open_when_the_store_closes
    @store.append(counted(1..2000))
    cursor = @store.cursor
    assert_equal 1, cursor.read(1).size
    external = @store.each
    external.next
    seen = 0
    error = assert_raises(Runestore::ClosedError) { @store.each { @store.close if (seen += 1) == 5 } }
    assert_equal :closed, error.code
    assert_operator seen, :<, 2000
    assert_raises(Runestore::ClosedError) { cursor.read }
    assert_nil cursor.close
    assert_predicate cursor, :closed?
    assert_raises(Runestore::ClosedError) { loop { external.next } }
  end

  def test_objects_may_move
    said = ruby(<<~'PROGRAM')
      GC.auto_compact = true
      GC.stress = false
      store = Runestore.open
      threads = Array.new(3) do |index|
        Thread.new do
          300.times do |n|
            text = "i#{index}"
            store.append({ type: "T", domain: "d", instance_id: text, data: n })
            raise "another" unless store.get_events(instance_id: text, after_version: n, domain: "d")[0].data == n
            raise "another" unless store.tracking("s") == 0
          end
        end
      end
      20.times { GC.start; GC.compact; sleep 0.005 }
      threads.each(&:join)
      puts store.each.count
      GC.stress = true
      store.append('{"type":"T","domain":"d","instance_id":"i"}', raw: true)
      puts store.cursor(after: 900).read.size
    PROGRAM
    assert_equal "900\n1\n", said
  end

  def test_a_text_may_be_changed_by_another_thread_during_the_call
    [Encoding::UTF_8, Encoding::BINARY].each do |encoding|
      given = +"x".dup.force_encoding(encoding) * 1000
      taken = Runestore::Text.plain(given, "events")
      given.setbyte(0, 0)
      given << "y" * 1_000_000
      assert_equal "x" * 1000, taken
    end
  end

  def test_a_thread_that_is_killed_loses_nothing
    said = ruby(<<~'PROGRAM')
      freed = 0
      Runestore::Native::FREE.define_singleton_method(:call) { |*given| super(*given).tap { freed += 1 } }
      # So the kill comes when the library is done, and nobody has its answer yet.
      late = Module.new do
        def init(*) = super.tap { sleep 0.2 if Thread.current[:late] }

        private

        def taken(*)
          sleep 0.2 if Thread.current[:late]
          super
        end
      end
      Runestore::Native.singleton_class.prepend(late)
      killed = lambda do |&call|
        Thread.new { (Thread.current[:late] = true) && call.call }.tap { sleep 0.1 }.kill.join
      end
      killed.call { Runestore.open("ledger.runes") }
      begin
        GC.start
        store = Runestore.open("ledger.runes")
      rescue Runestore::LockedError
        Thread.new { Array.new(100) { |n| n.to_s * 100 } }.join
        retry if (tries = tries.to_i + 1) < 50
        abort "locked"
      end
      freed = 0
      killed.call { store.get_events }
      puts freed
    PROGRAM
    assert_equal "1\n", said
  end

  # What a signal's handler raises comes out of the call that was in progress, when the library is done with it.
  def test_an_exception_of_a_signal_loses_nothing
    said = ruby(<<~'PROGRAM')
      native = Runestore::Native
      freed = closed = 0
      native::FREE.define_singleton_method(:call) { |*given| freed += 1 and super(*given) }
      native::CURSOR_CLOSE.define_singleton_method(:call) { |*given| closed += 1 and super(*given) }
      [native::INIT, native::GET_EVENTS, native::CURSOR_OPEN].each do |function|
        function.define_singleton_method(:call) { |*given| super(*given).tap { raise Interrupt if $raises } }
      end
      interrupted = lambda do |&call|
        $raises = true
        call.call
      rescue Interrupt
        $raises = false
        print "interrupted "
      end
      interrupted.call { Runestore.open("ledger.runes") }
      store = Runestore.open("ledger.runes")
      interrupted.call { store.get_events }
      print freed, " "
      interrupted.call { store.cursor }
      print closed
    PROGRAM
    assert_equal "interrupted interrupted 1 interrupted 1", said
  end

  def test_answers_that_do_not_parse_are_freed_once
    said = ruby(<<~'PROGRAM')
      store = Runestore.open
      freed = 0
      Runestore::Native::FREE.define_singleton_method(:call) { |*given| freed += 1 and super(*given) }
      JSON.singleton_class.prepend(Module.new { def parse(*) = raise(JSON::ParserError, "no") })
      [-> { store.get_events }, -> { store.info }, -> { store.append([]) }, -> { store.append({}) }, -> { store.cursor({ x: 1 }) }].each do |call|
        call.call
      rescue JSON::ParserError => e
        print e.message, " "
      end
      print freed
    PROGRAM
    assert_equal "no no no no no 5", said
  end

  def test_a_forked_child_has_none_of_it
    store = Runestore.open(place)
    store.append(event)
    cursor = store.cursor
    read, write = IO.pipe
    child = fork do
      said = [-> { store.append(event) }, -> { store.head }, -> { cursor.read }, -> { store.each.first }].map do |call|
        call.call
        :nothing
      rescue Runestore::Error => e
        e.code
      end
      write.puts said.join(" ")
      store.close
      cursor.close
      Runestore.open { |own| write.puts own.append(event)[0].sequence_number }
      # Neither the child's closing nor the finalizers are to touch the parent's.
      store = nil
      GC.start
      write.close
      exit!(0)
    end
    write.close
    assert_equal "forked forked forked forked\n1\n", read.read
    Process.wait(child)
    assert_equal 0, $?.exitstatus
    assert_equal 2, store.append(event)[0].sequence_number
    assert_equal 1, cursor.read.size
    store.close
    ended = ruby(<<~'PROGRAM')
      store = Runestore.open("forked.runes")
      Process.wait(fork { store.closed? })
      puts store.append({ type: "T", domain: "d", instance_id: "i" })[0].sequence_number
    PROGRAM
    assert_equal "1\n", ended
  end

  def test_a_process_that_ends_closes_its_stores_though_threads_wait
    start = now
    said = ruby(<<~'PROGRAM')
      store = Runestore.open("ledger.runes")
      Thread.new { store.follow.each { nil } }
      Thread.new { store.wait(1000) }
      store.append({ type: "T", domain: "d", instance_id: "i" })
      sleep 0.1
      puts "end"
    PROGRAM
    assert_equal "end\n", said
    assert_operator now - start, :<, 5
    Runestore.open(place) { |store| assert_equal 1, store.head }
  end
end
