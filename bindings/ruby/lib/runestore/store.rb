# frozen_string_literal: true

module Runestore
  # An open store: Runestore.open. Any number of threads may use one.
  class Store
    def initialize(where = nil, **opts)
      config = config(where, opts)
      @closed = false
      Native.masked do
        status, text, number = Native.init(config && Text.options(config, "config"))
        raise Error.of(status, text) if status.negative?

        ObjectSpace.define_finalizer(self, Native.closer(:close, number))
        @handle = Handle.new(number, 0)
      end
    end

    # Stores an event, or several as one batch: all of them, or nothing. Answers the stored events, or with `return: :summary`
    # where they are. An event is a Hash, an Event, or with all others of its batch JSON in a String. With `raw: true` the
    # answer is the library's text.
    #
    # The options are `expected_version`, `expect`, `condition`, `tracking` and `return`.
    def append(events, raw: false, **opts)
      text = answer(Native.append(number, Text.events(events), Text.options(opts)))
      return text if raw

      text.start_with?("[") ? Text.events_of(text) : Text.symbols(text)
    end

    # The events that match a query, all of one moment. Keys of the query may be given as keywords, too:
    #
    #   store.get_events(domain: "account", limit: 10, direction: :backward)
    #   store.get_events([{ type: "Opened" }, { tags: ["vip"] }], after: 17)
    #
    # The options are `limit`, `offset`, `direction`, `pagination: true`, which gives { events:, pagination: }, and
    # `raw: true`, which gives the library's text, and with it `format: :ndjson`.
    def get_events(query = nil, raw: false, **opts)
      Text.refuse_format(opts) unless raw
      query, opts = Text.split(query, opts)
      text = answer(Native.get_events(number, Text.query(query), Text.options(opts)))
      return text if raw
      return Text.events_of(text) if text.start_with?("[")

      page = Text.parse(text)
      { events: page["events"].map { |map| Event.of(map) }, pagination: page["pagination"].transform_keys(&:to_sym) }
    end

    # The same one by one, in memory that does not grow with their number. It reads when it is enumerated, of the moment when
    # that begins. With `raw: true` each is JSON. An option more is `max_bytes` of a piece.
    def each(query = nil, **opts, &block)
      return enum_for(:each, query, **opts) unless block

      cursor(query, **opts).each(&block)
      self
    end

    # What is there, and then what comes: a Follower, which is an Enumerator. `after: position` begins behind it.
    def follow(query = nil, **opts, &block)
      follower = Follower.new(self, query, opts)
      return follower unless block

      follower.each(&block)
      self
    end

    # The Cursor behind `each`, and with `follow: true` behind `follow`: for pieces, positions and timeouts.
    def cursor(query = nil, **opts) = Cursor.new(self, @handle, query, **opts)

    # The last position, 0 in an empty store.
    def head = counted(Native.wait(number, 0, 0))

    # The head, once it is larger than `after`; nil if that takes longer than `timeout` seconds.
    def wait(after, timeout: nil)
      after = Text.position(after, "after")
      waiting = Waiting.new(timeout, @handle)
      loop do
        status, text, head = Native.wait(number, after, waiting.slice)
        raise Error.of(status, text) if status.negative?
        return head if status == Native::OK
        return if waiting.over?
      end
    end

    # The position that a reader has recorded by the option `tracking` of its appends, 0 if none.
    def tracking(source) = counted(Native.tracking(number, Text.plain(source.to_s, "source")))

    # What is known about the store.
    def info = Text.symbols(answer(Native.info(number)))

    # Reads all that is stored and checks it: { ok:, events:, bytes:, problems: }. Damage is a problem in the answer, no error.
    def verify = Text.symbols(answer(Native.verify(number)))

    # Copies the store, which may be in use, into a new directory, and reads the copy to check it.
    def backup(path) = Text.symbols(answer(Native.backup(number, Text.path(path))))

    # Copies the store into another one, of any engine; what that one has already must be the beginning of this one.
    def copy_to(target)
      raise ArgumentError, "the target of a copy is an open Runestore::Store" unless target.is_a?(Store)

      Text.symbols(answer(Native.copy(number, target.number)))
    end

    # Ends the calls in progress with InterruptedError, and not those that begin later.
    def interrupt
      @handle.interrupts += 1
      answer(Native.interrupt(number))
      nil
    end

    # Ends what waits and reads with ClosedError, lets a commit that has begun finish, and lets go of files and locks. Closing
    # twice is fine. So is closing in a forked child, which leaves the parent's store alone.
    def close
      return if @closed

      @closed = true
      status, text = Native.close(number)
      ObjectSpace.undefine_finalizer(self)
      raise Error.of(status, text) if status.negative? && ![Native::CLOSED, Native::FORKED].include?(status)
    end

    def closed? = @closed

    protected

    def number = @handle.number

    private

    def config(where, opts)
      case where
      when nil then config_of(opts)
      when Hash then config_of(where.merge(opts))
      else
        text = Text.path(where, "config")
        store, option = text.start_with?("postgresql://", "postgres://") ? %w[postgres url] : %w[file path]
        raise ArgumentError, "`#{option}` is given twice" if opts.key?(option.to_sym)

        { store: store, store_opts: { option => text, **opts } }
      end
    end

    def config_of(opts)
      if opts.empty? then nil
      elsif opts.key?(:store) || opts.key?("store") then opts
      elsif opts.key?(:path) || opts.key?("path") then { store: "file", store_opts: opts }
      elsif opts.key?(:url) || opts.key?("url") then { store: "postgres", store_opts: opts }
      else { store: "memory", store_opts: opts }
      end
    end

    def answer((status, text, _))
      raise Error.of(status, text) if status.negative?

      text
    end

    def counted((status, text, count))
      raise Error.of(status, text) if status.negative?

      count
    end
  end
end
