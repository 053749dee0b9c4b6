package runestore;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;

/**
 * Calls of the C interface. Texts are bytes in UTF-8, null is absent; handles and positions are numbers. Nobody above this
 * class sees an address: what the library hands out is copied and freed here.
 */
final class Calls {
    static final int OK = 0;
    static final int DONE = 1;
    static final int TIMEOUT = 2;

    /** A String has no more characters than this, where they are not all of one byte. */
    private static final long LENGTH_MAX = (1 << 30) - 16;

    /** A text without a byte is not absent: C is given an address, and the length 0. */
    private static final byte[] NOTHING = new byte[1];

    private static final ThreadLocal<Outputs> OUTPUTS = ThreadLocal.withInitial(Outputs::new);

    private Calls() {}

    /** What a function gave: the text is null where there is no buffer, the number is a handle, a position or a head. */
    record Answer(int status, byte[] text, long number) {
        Answer orThrow() {
            if (status < 0) {
                throw RunestoreException.of(status, text);
            }
            return this;
        }
    }

    /** Where the functions write to: one for each thread, used by one call at a time. */
    private static final class Outputs {
        private final ByteBuffer memory = ByteBuffer.allocateDirect(24).order(ByteOrder.nativeOrder());
        private final long text = Pointer.nativeValue(Native.getDirectBufferPointer(memory));
        private final long length = text + 8;
        private final long number = text + 16;

        static Outputs get() {
            Outputs outputs = OUTPUTS.get();
            outputs.memory.putLong(0, 0).putLong(8, 0).putLong(16, 0);
            return outputs;
        }

        Answer taken(int status) {
            long address = memory.getLong(0);
            return new Answer(status, address == 0 ? null : copied(address, memory.getLong(8)), memory.getLong(16));
        }

        private static byte[] copied(long address, long length) {
            try {
                if (length > LENGTH_MAX) {
                    throw new RunestoreException.TooLarge("the answer has " + length + " bytes, more than a String holds: read with"
                            + " a cursor, or less at once", Map.of("limit", LENGTH_MAX, "actual", length));
                }
                return new Pointer(address).getByteArray(0, (int) length);
            } finally {
                Functions.store_free(address);
            }
        }
    }

    private static byte[] start(byte[] text) {
        return text != null && text.length == 0 ? NOTHING : text;
    }

    private static long length(byte[] text) {
        return text == null ? 0 : text.length;
    }

    static Answer init(byte[] config) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_init(start(config), length(config), o.number, o.text, o.length));
    }

    static Answer close(long store) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_close(store, o.text, o.length));
    }

    static Answer append(long store, byte[] events, byte[] options) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_append(
                store, start(events), length(events), start(options), length(options), o.text, o.length));
    }

    static Answer getEvents(long store, byte[] query, byte[] options) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_get_events(
                store, start(query), length(query), start(options), length(options), o.text, o.length));
    }

    static Answer await(long store, long after, long timeoutMs) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_wait(store, after, timeoutMs, o.number, o.text, o.length));
    }

    static Answer tracking(long store, byte[] source) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_tracking(store, start(source), length(source), o.number, o.text, o.length));
    }

    static Answer interrupt(long store) {
        return new Answer(Functions.store_interrupt(store), null, 0);
    }

    static Answer info(long store) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_info(store, o.text, o.length));
    }

    static Answer verify(long store) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_verify(store, null, 0, o.text, o.length));
    }

    static Answer backup(long store, byte[] path) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_backup(store, start(path), length(path), null, 0, o.text, o.length));
    }

    static Answer copy(long source, long target) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_copy(source, target, null, 0, o.text, o.length));
    }

    static Answer cursorOpen(long store, byte[] query, byte[] options) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_cursor_open(
                store, start(query), length(query), start(options), length(options), o.number, o.text, o.length));
    }

    static Answer cursorNext(long cursor, long maxEvents, long timeoutMs) {
        Outputs o = Outputs.get();
        return o.taken(Functions.store_cursor_next(cursor, maxEvents, timeoutMs, o.number, o.text, o.length));
    }

    static Answer cursorCancel(long cursor) {
        return new Answer(Functions.store_cursor_cancel(cursor), null, 0);
    }

    static Answer cursorClose(long cursor) {
        return new Answer(Functions.store_cursor_close(cursor), null, 0);
    }

    static String statusName(int status) {
        return Functions.store_status_name(status).getString(0, "UTF-8");
    }

    static String version() {
        return Functions.store_version().getString(0, "UTF-8");
    }
}
