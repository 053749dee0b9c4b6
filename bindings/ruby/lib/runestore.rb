# frozen_string_literal: true

require_relative "runestore/version"
require_relative "runestore/errors"
require_relative "runestore/library"
require_relative "runestore/native"
require_relative "runestore/event"
require_relative "runestore/text"
require_relative "runestore/cursor"
require_relative "runestore/store"

# An event store that a program embeds. docs/EVENTS.md of the repository has the rules for events, queries and options.
module Runestore
  # Opens a store. With a block it gives the store to the block, closes it, and answers what the block did.
  #
  #   Runestore.open                                                     # in memory
  #   Runestore.open("ledger.runes", sync: { interval_ms: 100 })         # a directory; options of the engine
  #   Runestore.open("postgresql://host/database", schema: "ledger")     # a PostgreSQL database
  #   Runestore.open(store: "file", store_opts: { path: "ledger.runes" }) # by the engine's name
  def self.open(where = nil, **opts)
    store = Store.new(where, **opts)
    return store unless block_given?

    begin
      yield store
    ensure
      store.close
    end
  end

  # The version of the library, which is not the gem's.
  def self.library_version = Native.version
end
