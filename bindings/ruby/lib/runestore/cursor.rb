# frozen_string_literal: true

module Runestore
  # A result that is read piece by piece, in memory that does not grow with it: Store#cursor. One thread reads it at a time;
  # any may cancel or close it.
  class Cursor
    include Enumerable

    # Each piece is parsed while other threads wait, so it is smaller than the library's own default.
    MAX_BYTES = 256 << 10

    # Everything up to it was returned or does not match: the number to keep, and to begin behind another time.
    attr_reader :position

    def initialize(store, handle, query, raw: false, **opts)
      @store = store # What nobody refers to is closed.
      @handle = handle
      @raw = raw
      @position = 0
      @closed = false
      Text.refuse_format(opts)
      query, opts = Text.split(query, opts)
      query = Text.query(query)
      opts = Text.options({ max_bytes: MAX_BYTES, **opts, format: raw ? "ndjson" : "array" })
      Native.masked do
        status, text, @number = Native.cursor_open(handle.number, query, opts)
        raise Error.of(status, text) if status.negative?

        ObjectSpace.define_finalizer(self, Native.closer(:cursor_close, @number))
      end
    end

    # The next events, at most `max` (0: as many as a piece holds); nil at the end. One that follows waits for an event, at
    # most `timeout` seconds, and gives [] if there is none.
    def read(max = 0, timeout: nil)
      max = Text.position(max, "max")
      waiting = Waiting.new(timeout, @handle)
      loop do
        status, text, position = Native.cursor_next(@number, max, waiting.slice)
        raise Error.of(status, text) if status.negative?

        @position = position
        return if status == Native::DONE
        return @raw ? text.lines(chomp: true) : Text.events_of(text) if status == Native::OK
        return [] if waiting.over?
      end
    end

    # Each event to the end, and closes the cursor then, or when the block is left.
    def each(&block)
      return enum_for(:each) unless block

      begin
        while (events = read)
          events.each(&block)
        end
      ensure
        close
      end
      self
    end

    # Ends the read in progress with InterruptedError, and all later ones.
    def cancel
      status, = Native.cursor_cancel(@number)
      raise Error.of(status, nil) if status.negative?
    end

    # A read in progress ends with ClosedError. Closing twice is fine.
    def close
      return if @closed

      @closed = true
      # That it was closed with its store is no news.
      Native.cursor_close(@number)
      ObjectSpace.undefine_finalizer(self)
      nil
    end

    def closed? = @closed
  end

  # What is there and then what comes, one sequence: Store#follow. It ends when it is stopped, and with a
  # ClosedError when the store is closed.
  class Follower < Enumerator
    def initialize(store, query, opts)
      @stopped = false
      super() do |yielder|
        next if @stopped

        cursor = store.cursor(query, **opts, follow: true)
        begin
          follow(cursor, yielder)
        ensure
          cursor.close
        end
      end
    end

    # Ends the iteration within some 50 ms, from any thread and from the handler of a signal.
    def stop
      @stopped = true
      nil
    end

    private

    def follow(cursor, yielder)
      until @stopped
        events = cursor.read(timeout: 0.001 * Native::SLICE)
        return unless events

        events.each do |event|
          return if @stopped

          yielder << event
        end
      end
    end
  end

  # How long a wait still takes, in slices that Thread#raise, Thread#kill and Timeout can end.
  class Waiting
    def initialize(timeout, handle)
      unless timeout.nil? || (timeout.is_a?(Numeric) && timeout.real? && timeout >= 0)
        raise InvalidOptionsError.new("`timeout` must be a number of seconds, from 0 on", details: { option: "timeout" })
      end

      @end = now + timeout if timeout&.finite?
      @handle = handle
      @interrupts = handle.interrupts
    end

    # In milliseconds, rounded up: what ends too early would be called again.
    def slice
      return Native::SLICE unless @end

      ((@end - now) * 1000).ceil.clamp(0, Native::SLICE)
    end

    # Between two slices the library sees no call that Store#interrupt could end.
    def over?
      raise InterruptedError, "the wait was interrupted: go on waiting, if you like" if @handle.interrupts != @interrupts

      @end && now >= @end
    end

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  Handle = Struct.new(:number, :interrupts)
  private_constant :Waiting, :Handle
end
