package runestore;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Java's values to JSON and back. */
final class Json {
    /** data and metadata nest 128 levels each, inside an event and an array. Beyond that may be what holds itself. */
    private static final int DEPTH_MAX = 140;

    /** Keys are the user's: they are not to stay in a table, nor to fill one up. */
    static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
            .build();

    /** A text that is one value of JSON already. */
    record Raw(String text) {}

    private Json() {}

    // ---- writing ----

    /** The text of a value; {@code what} names it where it has none. */
    static String text(Object value, String what) {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = FACTORY.createGenerator(text)) {
            write(generator, value, what, 0);
        } catch (IOException e) {
            throw new RunestoreException.Internal(what + ": " + e.getMessage(), e);
        }
        return text.toString();
    }

    /** The bytes of a value, null for none. */
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

    static void write(JsonGenerator generator, Object value, String what, int depth) throws IOException {
        if (depth > DEPTH_MAX) {
            throw new RunestoreException.InvalidJson(what + ": this nests more than " + DEPTH_MAX + " levels, or holds itself", what);
        }
        if (value == null) {
            generator.writeNull();
        } else if (value instanceof CharSequence || value instanceof Character || value instanceof UUID || value instanceof Instant) {
            generator.writeString(value.toString());
        } else if (value instanceof Enum<?> constant) {
            generator.writeString(constant.name());
        } else if (value instanceof Boolean truth) {
            generator.writeBoolean(truth);
        } else if (value instanceof Number number) {
            writeNumber(generator, number, what);
        } else if (value instanceof Map<?, ?> map) {
            generator.writeStartObject();
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                generator.writeFieldName(key(entry.getKey(), what));
                write(generator, entry.getValue(), what, depth + 1);
            }
            generator.writeEndObject();
        } else if (value instanceof Iterable<?> values) {
            generator.writeStartArray();
            for (Object one : values) {
                write(generator, one, what, depth + 1);
            }
            generator.writeEndArray();
        } else if (value instanceof Raw raw) {
            generator.writeRawValue(raw.text());
        } else if (value.getClass().isArray() && !(value instanceof byte[])) {
            generator.writeStartArray();
            int length = Array.getLength(value);
            for (int index = 0; index < length; index++) {
                write(generator, Array.get(value, index), what, depth + 1);
            }
            generator.writeEndArray();
        } else {
            String hint = value instanceof byte[]
                    ? "bytes can be the whole of data only, and not a part of it"
                    : "give a Map, an Iterable, an array, a String, a number, a Boolean, an Instant, a UUID or an enum, or JSON as text";
            throw new RunestoreException.InvalidJson(
                    what + ": a " + value.getClass().getTypeName() + " has no form in JSON: " + hint, what);
        }
    }

    private static void writeNumber(JsonGenerator generator, Number number, String what) throws IOException {
        if (number instanceof Long || number instanceof Integer || number instanceof Short || number instanceof Byte) {
            generator.writeNumber(number.longValue());
        } else if (number instanceof BigInteger integer) {
            generator.writeNumber(integer);
        } else if (number instanceof BigDecimal decimal) {
            generator.writeNumber(decimal);
        } else if ((number instanceof Double || number instanceof Float) && Double.isFinite(number.doubleValue())) {
            // A Float by its own digits, which are fewer.
            generator.writeNumber(number.toString());
        } else {
            throw new RunestoreException.InvalidJson(
                    what + ": " + number + " (" + number.getClass().getTypeName() + ") is no number of JSON", what);
        }
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
        try (JsonParser parser = FACTORY.createParser(text)) {
            if (parser.nextToken() == null) {
                throw new RunestoreException.InvalidJson(what + ": the text is empty", what);
            }
            parser.skipChildren();
            parser.finishToken();
            if (parser.nextToken() != null) {
                throw new RunestoreException.InvalidJson(what + ": the text is more than one value of JSON", what);
            }
        } catch (JsonProcessingException e) {
            throw new RunestoreException.InvalidJson(what + ": the text is no JSON: " + e.getOriginalMessage(), what);
        } catch (IOException e) {
            throw new RunestoreException.Internal(what + ": " + e.getMessage(), e);
        }
        return text;
    }

    // ---- reading ----

    /** Map, List, String, Long, BigInteger, Double, Boolean or null. */
    static Object value(String text) {
        try (JsonParser parser = FACTORY.createParser(text)) {
            parser.nextToken();
            return value(parser);
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(byte[] text) {
        return (Map<String, Object>) value(new String(text, StandardCharsets.UTF_8));
    }

    static RunestoreException unreadable(IOException e) {
        return new RunestoreException.Internal("the answer cannot be read: " + e.getMessage(), e);
    }

    static Object value(JsonParser parser) throws IOException {
        JsonToken token = parser.currentToken();
        switch (token) {
            case START_OBJECT:
                Map<String, Object> map = new LinkedHashMap<>();
                while (parser.nextToken() != JsonToken.END_OBJECT) {
                    String name = parser.getCurrentName();
                    parser.nextToken();
                    map.put(name, value(parser));
                }
                return map;
            case START_ARRAY:
                List<Object> list = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    list.add(value(parser));
                }
                return list;
            case VALUE_STRING:
                return parser.getText();
            case VALUE_NUMBER_INT:
                return parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                        ? (Object) parser.getBigIntegerValue()
                        : (Object) parser.getLongValue();
            case VALUE_NUMBER_FLOAT:
                return parser.getDoubleValue();
            case VALUE_TRUE:
                return true;
            case VALUE_FALSE:
                return false;
            case VALUE_NULL:
                return null;
            default:
                throw new IOException("there is no value at " + token);
        }
    }
}
