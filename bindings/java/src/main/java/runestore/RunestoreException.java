package runestore;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a store refuses with. There is a class for each code: {@code catch (RunestoreException.Conflict e)}. The message says what
 * was found, where, and what to do.
 */
public class RunestoreException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The code of the error. */
    private final String code;

    /** The number of the C interface. */
    private final int status;

    /** What a program may want to know. */
    private final LinkedHashMap<String, Object> details;

    RunestoreException(String message, String code, int status, Map<String, ?> details) {
        super(message);
        this.code = code;
        this.status = status;
        this.details = new LinkedHashMap<>(details);
    }

    /**
     * The code, such as {@code "conflict"}, the same in every language.
     *
     * @return the code
     */
    public String code() {
        return code;
    }

    /**
     * The number that the C interface has for the code.
     *
     * @return a negative number
     */
    public int status() {
        return status;
    }

    /**
     * What a program may want to know, as {@code docs/ABI.md} lists it. Integers are Longs.
     *
     * @return a map that cannot be changed
     */
    public Map<String, Object> details() {
        return Collections.unmodifiableMap(details);
    }

    /** The exception for a status, of which the text is what the library wrote; a few of its functions write nothing. */
    static RunestoreException of(int status, byte[] text) {
        Map<String, Object> said = new LinkedHashMap<>();
        if (text != null && text.length > 0) {
            said.putAll(Json.object(text));
        }
        String code = said.remove("code") instanceof String given ? given : Calls.statusName(status);
        String message = said.remove("message") instanceof String given ? given : "the store answers: " + code;
        return switch (status) {
            case -1 -> new Misuse(message, said);
            case -2 -> new Closed(message, said);
            case -3 -> new InvalidJson(message, said);
            case -4 -> new InvalidEvent(message, said);
            case -5 -> new InvalidQuery(message, said);
            case -6 -> new InvalidOptions(message, said);
            case -7 -> new Conflict(message, said);
            case -8 -> new DuplicateId(message, said);
            case -9 -> new TooLarge(message, said);
            case -10 -> new NotFound(message, said);
            case -11 -> new ReadOnly(message, said);
            case -12 -> new Locked(message, said);
            case -13 -> new Io(message, said);
            case -14 -> new NoSpace(message, said);
            case -15 -> new Corrupt(message, said);
            case -16 -> new Unsupported(message, said);
            case -17 -> new Engine(message, said);
            case -18 -> new Indeterminate(message, said);
            case -19 -> new Interrupted(message, said);
            case -20 -> new Forked(message, said);
            case -99 -> new Internal(message, said);
            // A later library of the same major version may know more.
            default -> new RunestoreException(message, code, status, said);
        };
    }

    /** The call itself is wrong. Correct the program. */
    public static final class Misuse extends RunestoreException {
        private static final long serialVersionUID = 1;

        Misuse(String message, Map<String, ?> details) {
            super(message, "misuse", -1, details);
        }

        Misuse(String message) {
            this(message, Map.of());
        }
    }

    /** The store or the cursor is closed, or was during the call. An append that says so stored nothing. */
    public static final class Closed extends RunestoreException {
        private static final long serialVersionUID = 1;

        Closed(String message, Map<String, ?> details) {
            super(message, "closed", -2, details);
        }

        Closed(String message) {
            this(message, Map.of());
        }
    }

    /** A text is not JSON that every parser can read back, or a value has no form in JSON. Details: in, offset. */
    public static final class InvalidJson extends RunestoreException {
        private static final long serialVersionUID = 1;

        InvalidJson(String message, Map<String, ?> details) {
            super(message, "invalid_json", -3, details);
        }

        InvalidJson(String message, String in) {
            this(message, Map.of("in", in));
        }
    }

    /** The JSON is sound, but it is no event. Details: index, field. */
    public static final class InvalidEvent extends RunestoreException {
        private static final long serialVersionUID = 1;

        InvalidEvent(String message, Map<String, ?> details) {
            super(message, "invalid_event", -4, details);
        }
    }

    /** The JSON is sound, but it is no query. Details: index, key. */
    public static final class InvalidQuery extends RunestoreException {
        private static final long serialVersionUID = 1;

        InvalidQuery(String message, Map<String, ?> details) {
            super(message, "invalid_query", -5, details);
        }
    }

    /** An option is unknown, of the wrong type or out of range. Details: option. */
    public static final class InvalidOptions extends RunestoreException {
        private static final long serialVersionUID = 1;

        InvalidOptions(String message, Map<String, ?> details) {
            super(message, "invalid_options", -6, details);
        }

        InvalidOptions(String message, String option) {
            this(message, Map.of("option", option));
        }
    }

    /** A check made inside the commit failed; nothing was stored. Read again, decide again. Details: reason, expected,
     * actual, and domain and instance_id, or sequence_number, or source. */
    public static final class Conflict extends RunestoreException {
        private static final long serialVersionUID = 1;

        Conflict(String message, Map<String, ?> details) {
            super(message, "conflict", -7, details);
        }
    }

    /** An id is stored already, or stands twice in the batch; nothing was stored. Details: ids. */
    public static final class DuplicateId extends RunestoreException {
        private static final long serialVersionUID = 1;

        DuplicateId(String message, Map<String, ?> details) {
            super(message, "duplicate_id", -8, details);
        }
    }

    /** A limit on size or number was passed; nothing was stored. Details: limit, actual. */
    public static final class TooLarge extends RunestoreException {
        private static final long serialVersionUID = 1;

        TooLarge(String message, Map<String, ?> details) {
            super(message, "too_large", -9, details);
        }
    }

    /** What was asked for does not exist. */
    public static final class NotFound extends RunestoreException {
        private static final long serialVersionUID = 1;

        NotFound(String message, Map<String, ?> details) {
            super(message, "not_found", -10, details);
        }
    }

    /** The store was opened for reading only. */
    public static final class ReadOnly extends RunestoreException {
        private static final long serialVersionUID = 1;

        ReadOnly(String message, Map<String, ?> details) {
            super(message, "read_only", -11, details);
        }
    }

    /** Another writer holds the store. Details: path. */
    public static final class Locked extends RunestoreException {
        private static final long serialVersionUID = 1;

        Locked(String message, Map<String, ?> details) {
            super(message, "locked", -12, details);
        }
    }

    /** The operating system refused. */
    public static final class Io extends RunestoreException {
        private static final long serialVersionUID = 1;

        Io(String message, Map<String, ?> details) {
            super(message, "io", -13, details);
        }
    }

    /** There is no room left; nothing was stored. Try again once there is. */
    public static final class NoSpace extends RunestoreException {
        private static final long serialVersionUID = 1;

        NoSpace(String message, Map<String, ?> details) {
            super(message, "no_space", -14, details);
        }
    }

    /** Stored data is damaged. */
    public static final class Corrupt extends RunestoreException {
        private static final long serialVersionUID = 1;

        Corrupt(String message, Map<String, ?> details) {
            super(message, "corrupt", -15, details);
        }
    }

    /** This engine or this build cannot do it. */
    public static final class Unsupported extends RunestoreException {
        private static final long serialVersionUID = 1;

        Unsupported(String message, Map<String, ?> details) {
            super(message, "unsupported", -16, details);
        }
    }

    /** An engine that the program registered failed. */
    public static final class Engine extends RunestoreException {
        private static final long serialVersionUID = 1;

        Engine(String message, Map<String, ?> details) {
            super(message, "engine", -17, details);
        }
    }

    /** It could not be learnt whether the batch was stored. Append it again with its ids. Details: ids. */
    public static final class Indeterminate extends RunestoreException {
        private static final long serialVersionUID = 1;

        Indeterminate(String message, Map<String, ?> details) {
            super(message, "indeterminate", -18, details);
        }
    }

    /** {@link Store#interrupt} ended the call, or {@link Thread#interrupt} a wait that throws nothing checked. An append that
     * says so stored nothing. */
    public static final class Interrupted extends RunestoreException {
        private static final long serialVersionUID = 1;

        Interrupted(String message, Map<String, ?> details) {
            super(message, "interrupted", -19, details);
        }

        Interrupted(String message) {
            this(message, Map.of());
        }
    }

    /** The handle belongs to the parent process of a fork. */
    public static final class Forked extends RunestoreException {
        private static final long serialVersionUID = 1;

        Forked(String message, Map<String, ?> details) {
            super(message, "forked", -20, details);
        }
    }

    /** A defect in Runestore. Close the store and report it. */
    public static final class Internal extends RunestoreException {
        private static final long serialVersionUID = 1;

        Internal(String message, Map<String, ?> details) {
            super(message, "internal", -99, details);
        }

        Internal(String message, Throwable cause) {
            this(message, Map.of());
            initCause(cause);
        }
    }
}
