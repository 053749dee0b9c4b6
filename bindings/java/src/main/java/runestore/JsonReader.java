package runestore;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON as RFC 8259 has it. It is not a library's, for those have limits that the store does not have (numbers of 1,000
 * characters, for one, in Jackson): one event could make all the others of an answer unreadable. And the place of a payload in its text
 * must be known, to give it out byte for byte.
 */
final class JsonReader {
    /** A text is no JSON. */
    static final class Malformed extends RuntimeException {
        private static final long serialVersionUID = 1;

        Malformed(String message) {
            super(message);
        }
    }

    private final String text;
    private int at;

    JsonReader(String text) {
        this.text = text;
    }

    /** Map, List, String, Long, BigInteger, Double, Boolean or null. */
    Object value() {
        return value(0);
    }

    /** Nothing but white space may follow. */
    void end() {
        if (next() != 0 || at < text.length()) {
            throw malformed("more than one value");
        }
    }

    /** A value as it is written. */
    String slice() {
        next();
        int begin = at;
        skip(0);
        return text.substring(begin, at);
    }

    /** Whether there is an element, or the next one, of an array; to be asked before each. */
    boolean element(boolean first) {
        return more(first, '[', ']');
    }

    /** The name of a member of an object, null behind the last; to be asked before each value. */
    String member(boolean first) {
        if (!more(first, '{', '}')) {
            return null;
        }
        String name = string();
        if (next() != ':') {
            throw malformed("a colon is missing");
        }
        at++;
        return name;
    }

    String string() {
        int begin = opened();
        int end = plain(begin);
        if (text.charAt(end) == '"') {
            at = end + 1;
            return text.substring(begin, end);
        }
        StringBuilder unescaped = new StringBuilder();
        while (text.charAt(end) != '"') {
            unescaped.append(text, begin, end);
            at = end + 1;
            unescaped.append(escaped());
            begin = at;
            end = plain(begin);
        }
        at = end + 1;
        return unescaped.append(text, begin, end).toString();
    }

    long integer() {
        return value() instanceof Long integer ? integer : 0;
    }

    private Object value(int depth) {
        switch (next()) {
            case '{':
                Map<String, Object> map = new LinkedHashMap<>();
                for (String name = member(deeper(depth)); name != null; name = member(false)) {
                    map.put(name, value(depth + 1));
                }
                return map;
            case '[':
                List<Object> list = new ArrayList<>();
                for (boolean more = element(deeper(depth)); more; more = element(false)) {
                    list.add(value(depth + 1));
                }
                return list;
            case '"':
                return string();
            case 't':
                word("true");
                return true;
            case 'f':
                word("false");
                return false;
            case 'n':
                word("null");
                return null;
            default:
                int begin = at;
                boolean integer = number();
                String digits = text.substring(begin, at);
                if (!integer) {
                    return Double.valueOf(digits);
                }
                // As many digits are in range for sure.
                if (digits.length() <= 18) {
                    return Long.valueOf(digits);
                }
                BigInteger large = new BigInteger(digits);
                return large.bitLength() < Long.SIZE ? (Object) large.longValue() : large;
        }
    }

    private void skip(int depth) {
        switch (next()) {
            case '{':
                if (more(deeper(depth), '{', '}')) {
                    do {
                        skipString();
                        if (next() != ':') {
                            throw malformed("a colon is missing");
                        }
                        at++;
                        skip(depth + 1);
                    } while (more(false, '{', '}'));
                }
                break;
            case '[':
                for (boolean more = element(deeper(depth)); more; more = element(false)) {
                    skip(depth + 1);
                }
                break;
            case '"':
                skipString();
                break;
            case 't':
                word("true");
                break;
            case 'f':
                word("false");
                break;
            case 'n':
                word("null");
                break;
            default:
                number();
        }
    }

    private boolean deeper(int depth) {
        if (depth >= Json.DEPTH_MAX) {
            throw malformed("nested more than " + Json.DEPTH_MAX + " levels");
        }
        return true;
    }

    private boolean more(boolean first, char opening, char closing) {
        if (first && next() != opening) {
            throw malformed("`" + opening + "` is missing");
        }
        at += first ? 1 : 0;
        char c = next();
        if (c == closing) {
            at++;
            return false;
        }
        if (!first) {
            if (c != ',') {
                throw malformed("`,` or `" + closing + "` is missing");
            }
            at++;
        }
        return true;
    }

    /** The next character behind white space, 0 at the end. */
    private char next() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
                return c;
            }
            at++;
        }
        return 0;
    }

    private char peek() {
        return at < text.length() ? text.charAt(at) : 0;
    }

    private int opened() {
        if (next() != '"') {
            throw malformed("a string is missing");
        }
        return ++at;
    }

    /** Where the next quotation mark or backslash is. */
    private int plain(int from) {
        int length = text.length();
        for (int end = from; end < length; end++) {
            char c = text.charAt(end);
            if (c == '"' || c == '\\') {
                return end;
            }
            if (c < ' ') {
                at = end;
                throw malformed("a control character is not escaped");
            }
        }
        at = length;
        throw malformed("a string does not end");
    }

    private void skipString() {
        int end = plain(opened());
        while (text.charAt(end) != '"') {
            at = end + 1;
            escaped();
            end = plain(at);
        }
        at = end + 1;
    }

    /** What stands behind a backslash. */
    private char escaped() {
        char c = peek();
        at++;
        switch (c) {
            case '"', '\\', '/':
                return c;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                int unit = 0;
                for (int end = at + 4; at < end; at++) {
                    char digit = peek();
                    int four = digit < 128 ? Character.digit(digit, 16) : -1;
                    if (four < 0) {
                        throw malformed("an escape has no four digits");
                    }
                    unit = unit << 4 | four;
                }
                return (char) unit;
            default:
                at--;
                throw malformed("there is no such escape");
        }
    }

    private void word(String word) {
        if (!text.startsWith(word, at)) {
            throw malformed("there is no value");
        }
        at += word.length();
    }

    /** Whether it is an integer. */
    private boolean number() {
        if (peek() == '-') {
            at++;
        }
        if (peek() == '0') {
            at++;
        } else {
            digits();
        }
        boolean integer = true;
        if (peek() == '.') {
            integer = false;
            at++;
            digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            integer = false;
            at++;
            if (peek() == '+' || peek() == '-') {
                at++;
            }
            digits();
        }
        return integer;
    }

    private void digits() {
        int begin = at;
        while (peek() >= '0' && peek() <= '9') {
            at++;
        }
        if (at == begin) {
            throw malformed(at == text.length() ? "the text ends" : "there is no value");
        }
    }

    private Malformed malformed(String message) {
        return new Malformed(message + " at character " + at);
    }
}
