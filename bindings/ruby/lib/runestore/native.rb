# frozen_string_literal: true

module Runestore
  # The functions of the C interface. Texts are Strings or nil, handles and positions Integers; a call gives [status, text,
  # number]. Nobody above this line sees a pointer: what the library hands out is copied and freed here.
  module Native
    OK = 0
    DONE = 1
    TIMEOUT = 2
    CLOSED = -2
    FORKED = -20

    # How long a call waits inside the library, in milliseconds. It cannot be stopped there, so who waits longer calls again.
    SLICE = 50

    LIBRARY = Library.load
    # A negative type is the unsigned one.
    HANDLE = -Fiddle::TYPE_INTPTR_T
    TEXT = [Fiddle::TYPE_VOIDP, Fiddle::TYPE_SIZE_T].freeze
    OUT = HANDLE
    private_constant :LIBRARY, :HANDLE, :TEXT, :OUT

    def self.function(name, types, result = Fiddle::TYPE_INT32_T, need_gvl: false)
      Fiddle::Function.new(LIBRARY["store_#{name}"], types, result, need_gvl: need_gvl, name: name)
    end

    INIT = function("init", [*TEXT, OUT, OUT, OUT])
    CLOSE = function("close", [HANDLE, OUT, OUT])
    APPEND = function("append", [HANDLE, *TEXT, *TEXT, OUT, OUT])
    GET_EVENTS = function("get_events", [HANDLE, *TEXT, *TEXT, OUT, OUT])
    WAIT = function("wait", [HANDLE, -Fiddle::TYPE_INT64_T, Fiddle::TYPE_INT64_T, OUT, OUT, OUT])
    TRACKING = function("tracking", [HANDLE, *TEXT, OUT, OUT, OUT])
    INTERRUPT = function("interrupt", [HANDLE])
    INFO = function("info", [HANDLE, OUT, OUT])
    VERIFY = function("verify", [HANDLE, *TEXT, OUT, OUT])
    BACKUP = function("backup", [HANDLE, *TEXT, *TEXT, OUT, OUT])
    COPY = function("copy", [HANDLE, HANDLE, *TEXT, OUT, OUT])
    CURSOR_OPEN = function("cursor_open", [HANDLE, *TEXT, *TEXT, OUT, OUT, OUT])
    CURSOR_NEXT = function("cursor_next", [HANDLE, Fiddle::TYPE_SIZE_T, Fiddle::TYPE_INT64_T, OUT, OUT, OUT])
    CURSOR_CANCEL = function("cursor_cancel", [HANDLE])
    CURSOR_CLOSE = function("cursor_close", [HANDLE])
    # These take no time.
    FREE = function("free", [OUT], Fiddle::TYPE_VOID, need_gvl: true)
    VERSION = function("version", [], Fiddle::TYPE_VOIDP, need_gvl: true)
    STATUS_NAME = function("status_name", [Fiddle::TYPE_INT32_T], Fiddle::TYPE_VOIDP, need_gvl: true)
    private_class_method :function

    NEVER = { Object => :never }.freeze
    private_constant :NEVER

    class << self
      def init(config) = call(CLOSE) { |out, len, number| INIT.call(config, size(config), number, out, len) }

      def close(store) = call { |out, len| CLOSE.call(store, out, len) }

      def append(store, events, options)
        call { |out, len| APPEND.call(store, events, size(events), options, size(options), out, len) }
      end

      def get_events(store, query, options)
        call { |out, len| GET_EVENTS.call(store, query, size(query), options, size(options), out, len) }
      end

      def wait(store, after, timeout) = call { |out, len, number| WAIT.call(store, after, timeout, number, out, len) }

      def tracking(store, source)
        call { |out, len, number| TRACKING.call(store, source, size(source), number, out, len) }
      end

      def interrupt(store) = call { INTERRUPT.call(store) }

      def info(store) = call { |out, len| INFO.call(store, out, len) }

      def verify(store) = call { |out, len| VERIFY.call(store, nil, 0, out, len) }

      def backup(store, path) = call { |out, len| BACKUP.call(store, path, size(path), nil, 0, out, len) }

      def copy(store, target) = call { |out, len| COPY.call(store, target, nil, 0, out, len) }

      def cursor_open(store, query, options)
        call(CURSOR_CLOSE) do |out, len, number|
          CURSOR_OPEN.call(store, query, size(query), options, size(options), number, out, len)
        end
      end

      def cursor_next(cursor, max_events, timeout)
        call { |out, len, number| CURSOR_NEXT.call(cursor, max_events, timeout, number, out, len) }
      end

      def cursor_cancel(cursor) = call { CURSOR_CANCEL.call(cursor) }

      def cursor_close(cursor) = call { CURSOR_CLOSE.call(cursor) }

      def version = VERSION.call.to_s.encode(Encoding::UTF_8)

      def status_name(status) = STATUS_NAME.call(status).to_s.force_encoding(Encoding::UTF_8)

      # Thread#raise, Thread#kill and Timeout wait while the block runs, so that what it was given is not lost between the
      # library and the object that owns it.
      def masked(&block) = Thread.handle_interrupt(NEVER, &block)

      # What closes a handle that nobody refers to any more. It may be closed already, which is an answer like any other.
      def closer(kind, number) = proc { public_send(kind, number) }

      private

      def size(text) = text ? text.bytesize : 0

      # `undo` closes the handle that was made, where a signal's exception, which cannot be made to wait, hides it.
      def call(undo = nil)
        memory = "\0" * 24
        pointer = Fiddle::Pointer[memory]
        address = pointer.to_i
        masked do
          begin
            status = yield address, address + 8, address + 16
          ensure
            out, length, number = memory.unpack("JJJ")
            text = taken(out, length) if out != 0
            undo_now(undo, number) if undo && !status && number != 0
          end
          [status, text, number]
        end
      end

      def taken(out, length)
        Fiddle::Pointer.new(out)[0, length].force_encoding(Encoding::UTF_8)
      ensure
        FREE.call(out)
      end

      def undo_now(function, number)
        function.equal?(CLOSE) ? function.call(number, 0, 0) : function.call(number)
      end
    end
  end
end
