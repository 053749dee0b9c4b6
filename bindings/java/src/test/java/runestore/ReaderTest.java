package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The reader of JSON beside the library's own, which is strict as well. */
class ReaderTest extends Fixture {
    private static final List<String> SOUND = List.of(
            "0", "-0", "12", "-1.5", "1e5", "1E-5", "0.10", "1e+05", "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\"",
            "\"é日😀\"", "[]", "{}", "[1,2,[3]]", "{\"a\":{\"b\":[null]}}", "true", "false", "null", " [ 1 , { \"a\" : \"b\" } ] ", "\n\t\r1 ");

    @Test
    void valuesAreRead() {
        assertEquals(Arrays.asList(0L, -1.5, "a\"\\/\b\f\n\r\tAé😀", null, true, false, Map.of("a", List.of())),
                Json.value(" [ 0 , -1.5e0 , \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\\ud83d\\uDE00\" , null , true , false , { \"a\" : [ ] } ] "));
        assertEquals(List.of(999_999_999_999_999_999L, Long.MAX_VALUE, Long.MIN_VALUE, BigInteger.TWO.pow(63)),
                Json.value("[999999999999999999,9223372036854775807,-9223372036854775808,9223372036854775808]"));
        assertEquals(List.of(0L, 0.0, 1e2, 1e-2), Json.value("[-0,0.0,1e2,1E-2]"));
        // The last one counts where a key stands twice; the order is that of the text.
        assertEquals("{b=1, a=3}", Json.value("{\"b\":1,\"a\":2,\"a\":3}").toString());
        assertEquals(1_000_000, ((String) Json.value("\"" + "\\n".repeat(1_000_000) + "\"")).length());
        assertEquals("0." + "0".repeat(5000) + "1", Json.one("0." + "0".repeat(5000) + "1", "data"));
    }

    /** Whether the library takes a text as data; what it refuses for other reasons than its form is not among these. */
    private boolean sound(String text) {
        try {
            store.appendJson("{\"type\":\"T\",\"domain\":\"d\",\"instance_id\":\"i\",\"data\":[" + text + "]}", "{\"return\":\"summary\"}");
            return true;
        } catch (RunestoreException.InvalidJson e) {
            return false;
        }
    }

    private static boolean read(String text) {
        try {
            Json.value(Json.one("[" + text + "]", "data"));
            return true;
        } catch (RunestoreException.InvalidJson e) {
            return false;
        }
    }

    @Test
    void whatTheLibraryRefusesIsRefused() {
        SOUND.forEach(text -> assertEquals(List.of(true, true), List.of(sound(text), read(text)), text));
        for (String wrong : List.of("01", "-", "1.", ".5", "1e", "+1", "1e+", "--1", "0x1", "tru", "nul", "True", "NaN", "Infinity", "'a'", "\"", "\"\\\"",
                "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u٠٠٠٠\"", "\"\n\"", "\"\u0001\"", "[", "]", "[1", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"}",
                "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}", "1]", "],[", "}{", "/**/1", "1\u00a0", "\ufeff1")) {
            assertEquals(List.of(false, false), List.of(sound(wrong), read(wrong)), wrong);
        }
        assertThrows(RunestoreException.InvalidJson.class, () -> Json.one("1}", "data"));
        assertThrows(RunestoreException.InvalidJson.class, () -> Json.one("1,2", "data"));
        assertThrows(RunestoreException.InvalidJson.class, () -> Json.one("{} {}", "data"));
        assertThrows(RunestoreException.InvalidJson.class, () -> Json.one("[".repeat(100_000), "data"));
    }

    @Test
    void aCharacterMoreOrLessIsSeenAsTheLibrarySeesIt() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        String characters = "[]{},:\"\\ \n0123456789+-.eEtrufalsn/bx\u0001é";
        int sound = 0;
        for (int n = 0; n < 20_000; n++) {
            StringBuilder text = new StringBuilder(SOUND.get(random.nextInt(SOUND.size())));
            for (int edits = random.nextInt(3); edits >= 0; edits--) {
                int at = random.nextInt(text.length() + 1);
                if (random.nextBoolean() && at < text.length()) {
                    text.deleteCharAt(at);
                } else {
                    text.insert(at, characters.charAt(random.nextInt(characters.length())));
                }
            }
            String edited = text.toString();
            // Half a surrogate pair, and numbers beyond a double's range, are for the library to refuse.
            if (edited.chars().anyMatch(c -> Character.isSurrogate((char) c)) || edited.matches("(?s).*([eE][+-]?\\d{3}|\\\\u[dD]).*")) {
                continue;
            }
            boolean expected = sound(edited);
            sound += expected ? 1 : 0;
            assertEquals(expected, read(edited), () -> "seed " + seed + ": " + edited);
        }
        // Both sides of it come up.
        int both = sound;
        assertEquals(true, both > 1000 && both < 19_000, () -> both + " were sound");
    }
}
