package runestore;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;

/** Java's values to JSON, and back. */
final class Json {
    /** data and metadata nest 128 levels each, inside an event and an array. Beyond that may be what holds itself. */
    static final int DEPTH_MAX = 140;

    /** A text that is one value of JSON already. */
    record Raw(String text) {}

    private Json() {}

    // ---- writing ----

    /** The text of a value; {@code what} names it where it has none. */
    static String text(Object value, String what) {
        StringBuilder text = new StringBuilder();
        write(text, value, what, 0);
        return text.toString();
    }

    /** The bytes of an object, null for one without a member: that is as if it were absent. */
    static byte[] bytes(Map<String, ?> value, String what) {
        return value.isEmpty() ? null : utf8(text(value, what), what);
    }

    /** In UTF-8. Half a character would become a question mark without a word. */
    static byte[] utf8(String text, String what) {
        int length = text.length();
        for (int at = 0; at < length; at++) {
            if (!Character.isSurrogate(text.charAt(at))) {
                continue;
            }
            if (at + 1 == length || !Character.isSurrogatePair(text.charAt(at), text.charAt(at + 1))) {
                throw new RunestoreException.InvalidJson(
                        what + ": a text holds half a surrogate pair at character " + at + ", which has no form in UTF-8", what);
            }
            at++;
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void writeString(StringBuilder text, String value) {
        text.append('"');
        int length = value.length();
        int begin = 0;
        for (int at = 0; at < length; at++) {
            char c = value.charAt(at);
            if (c < ' ' || c == '"' || c == '\\') {
                text.append(value, begin, at);
                begin = at + 1;
                if (c < ' ') {
                    text.append("\\u00").append(Character.forDigit(c >> 4, 16)).append(Character.forDigit(c & 15, 16));
                } else {
                    text.append('\\').append(c);
                }
            }
        }
        text.append(value, begin, length).append('"');
    }

    private static void write(StringBuilder text, Object value, String what, int depth) {
        if (depth > DEPTH_MAX) {
            throw new RunestoreException.InvalidJson(what + ": this nests more than " + DEPTH_MAX + " levels, or holds itself", what);
        }
        if (value == null || value instanceof Boolean) {
            text.append(value);
        } else if (value instanceof CharSequence || value instanceof Character || value instanceof UUID || value instanceof Instant) {
            writeString(text, value.toString());
        } else if (value instanceof Enum<?> constant) {
            writeString(text, constant.name());
        } else if (value instanceof Number number) {
            text.append(number(number, what));
        } else if (value instanceof Map<?, ?> map) {
            String separator = "{";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                text.append(separator);
                separator = ",";
                writeString(text, key(entry.getKey(), what));
                text.append(':');
                write(text, entry.getValue(), what, depth + 1);
            }
            text.append(separator.equals("{") ? "{}" : "}");
        } else if (value instanceof Iterable<?> values) {
            String separator = "[";
            for (Object one : values) {
                text.append(separator);
                separator = ",";
                write(text, one, what, depth + 1);
            }
            text.append(separator.equals("[") ? "[]" : "]");
        } else if (value instanceof Raw raw) {
            text.append(raw.text());
        } else if (value.getClass().isArray() && !(value instanceof byte[])) {
            int length = Array.getLength(value);
            text.append('[');
            for (int index = 0; index < length; index++) {
                text.append(index == 0 ? "" : ",");
                write(text, Array.get(value, index), what, depth + 1);
            }
            text.append(']');
        } else {
            String hint = value instanceof byte[]
                    ? "bytes can be the whole of data only, and not a part of it"
                    : "give a Map, an Iterable, an array, a String, a number, a Boolean, an Instant, a UUID or an enum, or JSON as text";
            throw new RunestoreException.InvalidJson(
                    what + ": a " + value.getClass().getTypeName() + " has no form in JSON: " + hint, what);
        }
    }

    private static String number(Number number, String what) {
        boolean exact = number instanceof Long || number instanceof Integer || number instanceof Short || number instanceof Byte
                || number instanceof BigInteger || number instanceof BigDecimal;
        if (exact || (number instanceof Double || number instanceof Float) && Double.isFinite(number.doubleValue())) {
            return number.toString();
        }
        throw new RunestoreException.InvalidJson(
                what + ": " + number + " (" + number.getClass().getTypeName() + ") is no number of JSON", what);
    }

    private static String key(Object key, String what) {
        if (key instanceof CharSequence || key instanceof UUID) {
            return key.toString();
        }
        if (key instanceof Enum<?> constant) {
            return constant.name();
        }
        throw new RunestoreException.InvalidJson(what + ": a key of a Map is a String, not "
                + (key == null ? "null" : "a " + key.getClass().getTypeName()), what);
    }

    /**
     * A text that becomes a part of another one. It must be one value: it could bring in fields or events of its own
     * otherwise.
     */
    static String one(String text, String what) {
        try {
            JsonReader reader = new JsonReader(text);
            reader.slice();
            reader.end();
        } catch (JsonReader.Malformed e) {
            throw new RunestoreException.InvalidJson(what + ": the text is no value of JSON: " + e.getMessage(), what);
        }
        return text;
    }

    // ---- reading ----

    /** Map, List, String, Long, BigInteger, Double, Boolean or null, of a text that is sound. */
    static Object value(String text) {
        try {
            return new JsonReader(text).value();
        } catch (JsonReader.Malformed e) {
            throw unreadable(e);
        }
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(byte[] text) {
        return (Map<String, Object>) value(new String(text, StandardCharsets.UTF_8));
    }

    static RunestoreException unreadable(JsonReader.Malformed e) {
        return new RunestoreException.Internal("the answer cannot be read: " + e.getMessage(), e);
    }
}
