# frozen_string_literal: true

# An account: decisions that hold, a reader that follows, an error. ruby example.rb [DIRECTORY]
# Without a directory the events are in memory.

require "runestore"

ACCOUNT = { domain: "account", instance_id: "a-1" }.freeze

# Takes money from the account if it is there, whoever else does so at the same time.
def withdraw(store, cents)
  events = store.get_events(ACCOUNT)
  balance = events.sum { |event| event.data["cents"] || 0 }
  raise ArgumentError, "#{balance} cents are there, #{cents} are wanted" if balance < cents

  store.append({ **ACCOUNT, type: "Withdrawn", data: { cents: -cents } }, expected_version: events.size)
rescue Runestore::ConflictError
  retry # Somebody was faster: read again, decide again.
end

Runestore.open(ARGV[0]) do |store|
  # A reader of its own: what is there and what comes, until it is told to stop.
  follower = store.follow(ACCOUNT)
  reader = Thread.new do
    balance = 0
    follower.each do |event|
      balance += event.data["cents"] || 0
      puts format("%3d %-10s %d", event.stream_version, event.type, balance)
    end
  end

  from = store.head
  store.append([{ **ACCOUNT, type: "Opened", data: { owner: "Ada" } }, { **ACCOUNT, type: "Deposited", data: { cents: 5000 } }])
  # Six at once want what is there for five: each is stored or refused, and the balance is right.
  threads = Array.new(6) do
    Thread.new do
      withdraw(store, 1000)
      nil
    rescue ArgumentError => e
      e.message
    end
  end
  refused = threads.filter_map(&:value)

  sleep 0.2
  follower.stop
  reader.join
  puts "#{store.head - from} events more; #{refused.size} of 6 refused: #{refused.last}"
end
