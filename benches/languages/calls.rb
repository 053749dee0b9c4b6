# One event a call, and one event a read, in memory: usage: calls.rb CALLS. Prints seconds.
require "runestore"

def seconds
  begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  yield
  Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
end

calls = Integer(ARGV.fetch(0))
Runestore.open do |store|
  appended = seconds do
    calls.times do |n|
      event, = store.append({ type: "Deposited", domain: "account", instance_id: "a-#{n % 1000}", data: { cents: n } })
      raise "it answers something else" unless event.sequence_number == n + 1
    end
  end
  puts "append #{appended}"
  read = seconds do
    calls.times do |n|
      event, = store.get_events(after: n, up_to: n + 1)
      raise "it answers something else" unless event.data["cents"] == n
    end
  end
  puts "get_events #{read}"
end
