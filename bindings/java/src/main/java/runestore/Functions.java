package runestore;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.File;

/**
 * The functions of the C interface as they are, bound by JNA. Handles are numbers in the shape of a pointer; outputs are addresses
 * of memory that {@link Calls} owns.
 *
 * <p>Java 22's java.lang.foreign would do without JNA; the baseline here is Java 17, which does not have it.
 */
final class Functions {
    static final int ABI_MAJOR = 1;
    static final String NAME = "librunestore.so." + ABI_MAJOR;

    private static boolean loaded;

    private Functions() {}

    /** Must come before any other call. A library that is not there is looked for again by the next one. */
    static synchronized void load() {
        if (loaded) {
            return;
        }
        if (Native.POINTER_SIZE != Long.BYTES || Native.SIZE_T_SIZE != Long.BYTES) {
            throw failed("this package is for machines whose addresses have 64 bits", null);
        }
        String named = named();
        String remedy = named == null
                ? "install Runestore's library where the loader finds it (ldconfig, LD_LIBRARY_PATH), or give its path in the"
                        + " property runestore.library or in the environment variable RUNESTORE_LIBRARY"
                : "runestore.library or RUNESTORE_LIBRARY names it: give the path of the library's file, or unset it to have the"
                        + " loader look for " + NAME;
        // JNA takes what has a folder for a name to look for, unless it begins at the root.
        String name = named == null ? NAME : named.contains("/") ? new File(named).getAbsolutePath() : named;
        NativeLibrary library;
        int version;
        try {
            library = NativeLibrary.getInstance(name);
        } catch (UnsatisfiedLinkError e) {
            throw failed(name + " cannot be loaded: " + remedy, e);
        }
        try {
            version = library.getFunction("store_abi_version").invokeInt(new Object[0]);
        } catch (UnsatisfiedLinkError e) {
            throw failed(name + " is no library of Runestore: " + remedy, e);
        }
        if (version >>> 16 != ABI_MAJOR) {
            throw failed(name + " has version " + (version >>> 16) + "." + (version & 0xffff) + " of the C interface, and this"
                    + " package needs " + ABI_MAJOR + ".x: install the library of that version (" + NAME + ") beside it, or the"
                    + " version of this package that goes with yours", null);
        }
        Native.register(Functions.class, library);
        loaded = true;
    }

    private static String named() {
        String named = System.getProperty("runestore.library", "");
        if (named.isEmpty()) {
            named = System.getenv("RUNESTORE_LIBRARY");
        }
        return named == null || named.isEmpty() ? null : named;
    }

    private static UnsatisfiedLinkError failed(String message, Throwable cause) {
        UnsatisfiedLinkError error = new UnsatisfiedLinkError(message);
        error.initCause(cause);
        return error;
    }

    static native Pointer store_version();

    static native Pointer store_status_name(int status);

    static native void store_free(long buffer);

    static native int store_init(byte[] config, long configLength, long store, long error, long errorLength);

    static native int store_close(long store, long error, long errorLength);

    static native int store_append(
            long store, byte[] events, long eventsLength, byte[] opts, long optsLength, long out, long outLength);

    static native int store_get_events(
            long store, byte[] query, long queryLength, byte[] opts, long optsLength, long out, long outLength);

    static native int store_wait(long store, long after, long timeoutMs, long head, long error, long errorLength);

    static native int store_tracking(
            long store, byte[] source, long sourceLength, long position, long error, long errorLength);

    static native int store_interrupt(long store);

    static native int store_info(long store, long out, long outLength);

    static native int store_verify(long store, byte[] opts, long optsLength, long out, long outLength);

    static native int store_backup(
            long store, byte[] path, long pathLength, byte[] opts, long optsLength, long out, long outLength);

    static native int store_copy(long source, long target, byte[] opts, long optsLength, long out, long outLength);

    static native int store_cursor_open(
            long store, byte[] query, long queryLength, byte[] opts, long optsLength, long cursor, long error, long errorLength);

    static native int store_cursor_next(long cursor, long maxEvents, long timeoutMs, long position, long out, long outLength);

    static native int store_cursor_cancel(long cursor);

    static native int store_cursor_close(long cursor);
}
