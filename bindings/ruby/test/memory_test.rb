# frozen_string_literal: true

require_relative "helper"

# What was used is given back. RUNESTORE_TEST_CALLS=1000000 for the long run.
class MemoryTest < Minitest::Test
  include Helper

  CALLS = Integer(ENV.fetch("RUNESTORE_TEST_CALLS", "20000"))
  # An answer of 1 KiB kept by each of 20,000 calls would come to 20 MiB.
  GROWTH_KIB_MAX = 8 << 10

  PRELUDE = <<~'PROGRAM'
    calls = Integer(ARGV[0])
    event = { type: "Opened", domain: "account", instance_id: "a-1", data: { text: "x" * 1000 } }
    kept = []
    resident = lambda do
      3.times { GC.start }
      GC.compact
      File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i
    end
    # A store holds what was appended, so there is a new one now and then.
    work = lambda do |times|
      (times / 500).times { Runestore.open { |store| 250.times { |n| yield_to(store, event, n, kept) } } }
    end
  PROGRAM
  MEASURE = <<~'PROGRAM'
    work.call([calls / 2, 10_000].max)
    before = resident.call
    work.call(calls)
    print resident.call - before
  PROGRAM

  # By how many KiB a process of its own grows in so many calls.
  def growth(body, calls = CALLS)
    program = "def yield_to(store, event, n, kept)\n#{body}\nend\n#{PRELUDE}#{MEASURE}"
    Integer(ruby(program, calls.to_s))
  end

  def assert_bounded(name, body)
    grown = growth(body)
    puts "memory, #{name}: #{CALLS} calls, #{grown} KiB more"
    assert_operator grown, :<, GROWTH_KIB_MAX
  end

  def test_appends_and_reads
    assert_bounded "appends and reads", <<~'BODY'
      store.append(event)
      raise "another" unless store.get_events(after: n)[0].sequence_number == n + 1
    BODY
  end

  def test_cursors
    assert_bounded "cursors, ended and left in the middle, and followers", <<~'BODY'
      store.append(n.zero? ? [event] * 20 : [])
      case n % 4
      when 0 then store.each(limit: 15).to_a
      when 1 then store.each { break }
      when 2 then store.cursor.read(1)
      else store.follow.first(2)
      end
    BODY
  end

  def test_errors
    assert_bounded "errors and answers that do not parse", <<~'BODY'
      begin
        case n % 3
        when 0 then store.append({ "x" * 1000 => 1 })
        when 1 then store.get_events({ "x" * 1000 => 1 })
        else
          text = store.append(event, raw: true)
          Runestore::Text.parse(text.chop)
        end
        raise "it was accepted"
      rescue Runestore::Error, JSON::ParserError
        store.head
      end
    BODY
  end

  def test_a_leak_is_seen
    assert_operator growth("store.append(event); kept << 'x' * 1024", 20_000), :>, GROWTH_KIB_MAX
  end

  def test_a_buffer_that_is_not_freed_is_seen
    assert_operator growth(<<~'BODY', 20_000), :>, GROWTH_KIB_MAX
      Runestore::Native::FREE.define_singleton_method(:call) { |*| kept << true } if kept.empty?
      store.append(event)
      store.get_events(after: n)
    BODY
  end
end
