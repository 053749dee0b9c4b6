# What docs/LANGUAGES.md says of closing, threads and cancelling, from Ruby.
require "runestore"

EVENT = { type: "T", domain: "d", instance_id: "i" }.freeze

def opened = Runestore.open(ENV.fetch("OUTCOMES_STORE"))

def outcome
  yield
  "nothing"
rescue Runestore::Error => e
  e.code
end

def closed_meanwhile(store, &work)
  running = Thread.new { outcome(&work) }
  sleep 0.1
  store.close
  running.value
end

store = opened
store.append(EVENT)
cursor = store.cursor
store.close
puts "append after close: #{outcome { store.append(EVENT) }}"
puts "get_events after close: #{outcome { store.get_events }}"
puts "a cursor after close: #{outcome { cursor.read }}"
puts "close again: #{outcome { store.close } == "nothing" ? "no harm" : "harm"}"

store = opened
puts "a wait, closed meanwhile: #{closed_meanwhile(store) { store.wait(1_000_000) }}"

store = opened
puts "a follower, closed meanwhile: #{closed_meanwhile(store) { store.follow { |_| nil } }}"

store = opened
acknowledged = (1..store.head).to_a
ending = closed_meanwhile(store) { loop { acknowledged.concat(store.append(EVENT).map(&:sequence_number)) } }
puts "appends, closed meanwhile: #{ending}"
store = opened
there = store.each.map(&:sequence_number)
puts "what was acknowledged: #{there.size > 1 && there == acknowledged ? "all there" : "not what is there"}"

before = store.head
threads = %w[0 1].map do |instance_id|
  Thread.new { 1.upto(1000) { |data| store.append({ type: "T", domain: "two", instance_id: instance_id, data: data }) } }
end
threads.each(&:join)
events = store.get_events({ domain: "two" })
gapless = events.map(&:sequence_number) == (before + 1..before + 2000).to_a
ordered = events.group_by(&:instance_id).values.all? { |own| own.map(&:data) == (1..1000).to_a }
puts "two threads on one store: #{events.size} events, #{gapless ? "no" : "a"} gap, each thread's in #{ordered ? "its" : "another"} order"

follower = store.follow
running = Thread.new { outcome { follower.each { |_| nil } } }
sleep 0.1
follower.stop
ending = running.value
goes_on = outcome { store.append(EVENT) }
puts "a follower, cancelled: it #{ending == "nothing" ? "ends" : ending}, and the store #{goes_on == "nothing" ? "goes on" : goes_on}"
store.close
