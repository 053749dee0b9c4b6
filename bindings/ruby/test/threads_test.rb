# frozen_string_literal: true

require_relative "helper"

class ThreadsTest < Minitest::Test
  include Helper

  class Stop < StandardError; end

  # A wait ends within 50 ms, and on a machine that is busy with other things a little later.
  SOON = 0.4

  # Begins a thread and comes back when it waits.
  def waiting(&block)
    thread = Thread.new(&block)
    thread.report_on_exception = false
    sleep 0.15
    assert_predicate thread, :alive?
    thread
  end

  WAITS = {
    "wait" => ->(store) { store.wait(1000) },
    "follow" => ->(store) { store.follow(after: 1000).each { raise "there is none" } },
    "cursor" => ->(store) { store.cursor(after: 1000, follow: true).read },
    "next" => ->(store) { store.follow(after: 1000).next }
  }.freeze

  def test_other_threads_run_while_one_waits
    counted = 0
    counter = Thread.new { loop { counted += 1 and sleep 0.001 } }
    # One call of the library that waits for 0.4 s.
    library_waits = Thread.new { Runestore::Native.wait(@store.send(:number), 1000, 400)[0] }
    sleep 0.1
    before = counted
    sleep 0.2
    assert_predicate library_waits, :alive?
    assert_operator counted - before, :>, 20
    assert_equal Runestore::Native::TIMEOUT, library_waits.value
  ensure
    counter&.kill
  end

  def test_a_wait_can_be_killed_raised_into_and_timed_out
    WAITS.each do |name, wait|
      thread = waiting { wait.call(@store) }
      assert_operator took { thread.kill.join }, :<, SOON, name
      thread = waiting { wait.call(@store) }
      assert_operator took { thread.raise(Stop); assert_raises(Stop) { thread.join } }, :<, SOON, name
      assert_operator took { assert_raises(Timeout::Error) { Timeout.timeout(0.1) { wait.call(@store) } } }, :<, 0.1 + SOON, name
    end
    # Others are not disturbed, and the store goes on.
    assert_equal [1], @store.append(event).map(&:sequence_number)
  end

  def test_ending_one_wait_leaves_the_others
    others = [waiting { @store.wait(0) }, waiting { @store.follow.first(1) }]
    doomed = waiting { @store.follow.first(1) }
    doomed.kill.join
    stopped = @store.follow
    ended = waiting { stopped.to_a }
    stopped.stop
    assert_equal [], ended.value
    @store.append(event)
    assert_equal [1, 1], [others[0].value, others[1].value[0].sequence_number]
  end

  def test_closing_ends_waits
    store = Runestore.open
    threads = WAITS.transform_values { |wait| waiting { wait.call(store) } }
    assert_operator took { store.close }, :<, 1
    threads.each_value { |thread| assert_raises(Runestore::ClosedError) { thread.value } }
  end

  def test_closing_beside_calls_in_many_threads
    20.times do |round|
      store = round.odd? ? Runestore.open : Runestore.open(place(round.to_s), sync: :never)
      stored = Array.new(4) { 0 }
      threads = stored.each_index.map do |index|
        Thread.new do
          loop do
            store.append(event(instance_id: index.to_s))
            stored[index] += 1
            store.each(limit: 50) { nil }
            store.get_events(limit: 5)
          end
        rescue Runestore::ClosedError
          :closed
        end
      end
      closers = Array.new(2) { Thread.new { sleep 0.02; store.close } }
      closers.each(&:join)
      assert_equal [:closed] * 4, threads.map(&:value)
      next if round.odd?

      Runestore.open(place(round.to_s)) { |again| assert_equal stored.sum, again.head }
    end
  end

  def test_many_threads_use_one_store
    threads = Array.new(8) { |index| Thread.new { 100.times { |n| @store.append(event(instance_id: index.to_s), expected_version: n) } } }
    seen = @store.follow(limit: 800).map(&:sequence_number)
    threads.each(&:join)
    assert_equal (1..800).to_a, seen
    refused = Array.new(4) do
      Thread.new do
        @store.append(event(instance_id: "once"), expected_version: 0)
        0
      rescue Runestore::ConflictError
        1
      end
    end
    assert_equal 3, refused.sum(&:value)
  end

  def test_catch_up_and_live_are_one_sequence
    @store.append(counted(1..1500))
    appender = Thread.new { (1501..2000).each { |n| @store.append(counted([n])) } }
    follower = @store.follow(type: "Counted", after: 10)
    assert_instance_of Runestore::Follower, follower
    assert_equal (11..2000).to_a, follower.lazy.map(&:data).first(1990)
    appender.join
    assert_equal [1999, 2000], @store.follow(after: 1998, up_to: 2000).map(&:data)
    assert_same(@store, @store.follow(limit: 2) { nil })
    assert_equal(:left, @store.follow { break :left })
  end

  def test_a_follower_is_stopped
    @store.append(counted(1..10))
    follower = @store.follow
    seen = []
    follower.each do |one|
      seen << one.data
      follower.stop if one.data == 3
    end
    assert_equal [1, 2, 3], seen
    assert_equal [], follower.to_a
    waits = @store.follow(after: 10)
    thread = waiting { waits.to_a }
    assert_operator took { waits.stop; assert_equal [], thread.value }, :<, SOON
  end

  def test_a_signal_stops_a_follower_and_interrupts_a_wait
    said = ruby(<<~'PROGRAM')
      store = Runestore.open
      follower = store.follow
      trap("INT", "DEFAULT") # A shell that runs this in the background has it ignored.
      trap("TERM") { follower.stop }
      Thread.new { sleep 0.2; Process.kill("TERM", $$) }
      follower.each { nil }
      puts "stopped"
      Thread.new { sleep 0.2; Process.kill("INT", $$) }
      begin
        store.wait(0)
      rescue Interrupt
        puts "interrupted"
      end
    PROGRAM
    assert_equal "stopped\ninterrupted\n", said
  end

  def test_an_interrupt_ends_a_wait_wherever_it_stands
    # The other thread is behind its slice here, and not in the library.
    Runestore::Native.singleton_class.prepend(Module.new do
      def wait(*) = super.tap { sleep 0.3 if Thread.current.thread_variable?(:late) }

      def cursor_next(*) = super.tap { sleep 0.3 if Thread.current.thread_variable?(:late) }
    end)
    WAITS.each do |name, wait|
      thread = waiting { Thread.current.thread_variable_set(:late, true) and wait.call(@store) }
      @store.interrupt
      assert_raises(Runestore::InterruptedError, name) { Timeout.timeout(2) { thread.value } }
    end
  end

  def test_interrupt_and_cancel
    number = @store.send(:number)
    inside = Thread.new { Runestore::Native.wait(number, 1000, 5000)[0] }
    sleep 0.1
    assert_nil @store.interrupt
    assert_equal(-19, inside.value)
    assert_equal 0, @store.head
    cursor = @store.cursor(follow: true)
    reader = waiting { cursor.read }
    cursor.cancel
    assert_raises(Runestore::InterruptedError) { reader.value }
    assert_raises(Runestore::InterruptedError) { cursor.read }
    cursor.close
    busy = @store.cursor(follow: true)
    inside = Thread.new { Runestore::Native.cursor_next(busy.instance_variable_get(:@number), 0, 300) }
    sleep 0.1
    assert_raises(Runestore::MisuseError) { busy.read }
    inside.join
    reader = waiting { busy.read }
    busy.close
    assert_raises(Runestore::ClosedError) { reader.value }
  end
end
