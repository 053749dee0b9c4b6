package runestore;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class ValuesTest extends Fixture {
    private enum Colour {
        RED
    }

    private Event stored(Object data) {
        return store.append(event().data(data));
    }

    @Test
    void numbersKeepTheirDigits() {
        BigInteger large = BigInteger.TEN.pow(100).add(BigInteger.ONE);
        List<Object> numbers = List.of(
                0L, (1L << 53) + 1, Long.MIN_VALUE, Long.MAX_VALUE, BigInteger.TWO.pow(63), BigInteger.TWO.pow(63).negate().subtract(BigInteger.ONE),
                BigInteger.TWO.pow(64).negate(), large, 0.1,
                1e300, -1.5e-300, Double.MIN_VALUE, Double.MAX_VALUE, 1.0);
        assertEquals(numbers, stored(numbers).data());
        assertEquals("[9223372036854775807,9223372036854775808,-9223372036854775808,-9223372036854775809]", stored(List.of(
                Long.MAX_VALUE, BigInteger.TWO.pow(63), Long.MIN_VALUE, BigInteger.TWO.pow(63).negate().subtract(BigInteger.ONE))).dataJson());
        assertEquals(numbers, store.getEvents(new Query()).get(0).data());
        assertEquals("[1,2,3,4,5,0.1,0.1,1.10,1E+5]",
                stored(List.of((byte) 1, (short) 2, 3, 4L, BigInteger.valueOf(5), 0.1f, 0.1, new BigDecimal("1.10"), new BigDecimal("1E+5"))).dataJson());
        assertEquals(List.of(1L, large), List.of(stored(1).data(), stored(large).data()));
        for (Number none : List.of(Double.NaN, Double.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, new AtomicLong())) {
            assertThrows(RunestoreException.InvalidJson.class, () -> event().data(none));
        }
        // No parser that makes doubles of them could read it.
        assertThrows(RunestoreException.InvalidJson.class, () -> store.append(event().data(new BigDecimal("1E+400"))));
    }

    @Test
    void valuesOfManyKinds() {
        UUID id = UUID.randomUUID();
        Instant time = Instant.parse("2026-11-23T03:50:00.1Z");
        Object value = Arrays.asList(
                null, true, 'c', new StringBuilder("b"), Colour.RED, id, time, new TreeSet<>(List.of(2, 1)), new Object[] {1, "x"},
                new int[] {1, 2}, new double[] {0.5}, new char[] {'x'}, Map.of(Colour.RED, 1), Collections.singletonMap(id, null));
        assertEquals(Arrays.asList(
                null, true, "c", "b", "RED", id.toString(), time.toString(), List.of(1L, 2L), List.of(1L, "x"), List.of(1L, 2L), List.of(0.5),
                List.of("x"), Map.of("RED", 1L), Collections.singletonMap(id.toString(), null)), stored(value).data());
        for (Object none : List.of(new Object(), Thread.currentThread(), List.of(new Object()), Map.of(1, 2), Map.of("a", Map.of(List.of(), 1)),
                Collections.singletonMap(null, 1), List.of(new byte[1]), Map.of("bytes", new byte[1]), new byte[1][1], Optional.empty())) {
            var error = assertThrows(RunestoreException.InvalidJson.class, () -> event().data(none), () -> none.getClass().getName());
            assertEquals(Map.of("in", "data"), error.details());
        }
        assertThrows(RunestoreException.InvalidJson.class, () -> event().metadata(Map.of("a", new Object())));
        assertThrows(RunestoreException.InvalidJson.class, () -> Store.open(place(), Map.of("sync", new Object())));
        assertFalse(Files.exists(place()));
    }

    @Test
    void whatHoldsItselfHasNoForm() {
        List<Object> list = new ArrayList<>();
        list.add(list);
        list.add(list);
        Map<String, Object> map = new HashMap<>();
        map.put("a", List.of(map));
        Object[] array = new Object[1];
        array[0] = array;
        // A path is made of paths, and the last one of itself.
        for (Object itself : List.of(list, map, array, Path.of("a"))) {
            var error = assertThrows(RunestoreException.InvalidJson.class, () -> event().data(itself));
            assertTrue(error.getMessage().contains("or holds itself"), error.getMessage());
        }
        assertThrows(RunestoreException.InvalidJson.class, () -> event().metadata(map));
        assertThrows(RunestoreException.InvalidJson.class, () -> Store.open(place(), map));
    }

    @Test
    void depthHasAnEnd() {
        Object nested = nested(128);
        Event deep = store.append(event().data(nested).metadata(Map.of("a", nested(127))));
        assertEquals(nested, deep.data());
        assertEquals(nested, store.getPage(new Query(), new ReadOptions()).events().get(0).data());
        assertThrows(RunestoreException.InvalidJson.class, () -> store.append(event().data(nested(129))));
        assertThrows(RunestoreException.InvalidJson.class, () -> store.append(event().dataJson("[".repeat(100_000) + "]".repeat(100_000))));
    }

    private static Object nested(int depth) {
        Object value = List.of();
        for (int level = 1; level < depth; level++) {
            value = List.of(value);
        }
        return value;
    }

    @Test
    void bytesAreAnArray() {
        byte[] all = new byte[256];
        for (int n = 0; n < 256; n++) {
            all[n] = (byte) n;
        }
        for (byte[] bytes : List.of(all, new byte[0], new byte[] {1})) {
            Event event = stored(bytes);
            assertArrayEquals(bytes, (byte[]) event.data());
            assertEquals(null, event.dataJson());
            assertEquals(null, event.data("a"));
            assertArrayEquals(bytes, (byte[]) store.append(NewEvent.of(event).id(UUID.randomUUID())).data());
        }
    }

    @Test
    void stringsOfAllKinds() {
        String text = "a\0\b\t\n\f\r\u001b\"\\/\u007f\u0085é\u2028\ufeff\ufffe\uffff日😀\udbff\udfff";
        assertEquals(text, stored(text).data());
        assertEquals(Map.of(text, text), stored(Map.of(text, text)).data());
        String name = text.replace("\0", "");
        Event one = store.append(new NewEvent(name, name, name).tags(name).metadata(Map.of(name, 1)));
        assertEquals(List.of(name, name, name, List.of(name), Map.of(name, 1L)),
                List.of(one.type(), one.domain(), one.instanceId(), one.tags(), one.metadata()));
        assertEquals(List.of(one), store.getEvents(new Query().type(name).stream(name, name).tags(name)));
        store.append(event(), new AppendOptions().tracking(name, 1));
        assertEquals(1, store.tracking(name));
        try (Store file = Store.open(place("ж😀"))) {
            assertEquals(place("ж😀").toString(), file.info().get("path"));
        }
        assertTrue(Files.isDirectory(place("ж😀")));
    }

    @Test
    void halfASurrogatePairIsRefused() {
        store.append(event());
        for (String wrong : List.of("\ud83d", "\ude00", "a\ud83db", "\ude00\ud83d", "\ud83d\ud83d\ude00", "\ud83d\ude00\ude00")) {
            assertRefused("events", 1L, () -> store.append(List.of(event(), event().data(Map.of("a", wrong)))));
            assertRefused("events", 0L, () -> store.append(event().data(Map.of(wrong, 1))));
            assertRefused("events", 0L, () -> store.append(event().tags(wrong)));
            assertRefused("events", 0L, () -> store.append(event().dataJson("\"" + wrong + "\"")));
            assertRefused("events", null, () -> store.appendJson("{\"type\":\"" + wrong, null));
            assertRefused("query", null, () -> store.getEvents(new Query().type(wrong)));
            assertRefused("query", null, () -> store.cursor(new Query().type(wrong)));
            assertRefused("query", null, () -> store.getEventsJson(wrong, null));
            assertRefused("options", null, () -> store.getEventsJson(null, wrong));
            assertRefused("options", null, () -> store.append(event(), new AppendOptions().tracking(wrong, 1)));
            assertRefused("source", null, () -> store.tracking(wrong));
            assertRefused("config", null, () -> Store.open(wrong));
            assertRefused("config", null, () -> Store.openJson(wrong));
        }
        // As an escape it comes to the library.
        assertRefused("events", null, () -> store.append(event().dataJson("\"\\ud83d\"")));
        assertEquals(1, store.head());
    }

    private static void assertRefused(String in, Long index, Executable call) {
        var error = assertThrows(RunestoreException.InvalidJson.class, call);
        assertEquals(in, error.details().get("in"), error.getMessage());
        if (index != null) {
            assertEquals(index, error.details().get("index"));
        }
        assertEquals(List.of("invalid_json", -3), List.of(error.code(), error.status()));
    }

    @Test
    void theZeroCharacterIsDataAndNoName() {
        assertEquals("a\0b", stored("a\0b").data());
        var error = assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(new NewEvent("a\0b", "d", "i")));
        assertEquals(Map.of("index", 0L, "field", "type"), error.details());
        assertThrows(RunestoreException.InvalidOptions.class, () -> store.tracking("a\0b"));
        assertThrows(RunestoreException.class, () -> Store.open(place() + "\0b"));
        assertFalse(Files.exists(place()));
    }

    @Test
    void timesAreInstants() {
        for (String time : List.of("0000-01-01T00:00:00Z", "1969-12-31T23:59:59.000001Z", "1970-01-01T00:00:00Z", "2024-02-29T12:00:00.5Z",
                "9999-12-31T23:59:59.999999Z")) {
            Instant instant = Instant.parse(time);
            assertEquals(instant, store.append(event().insertedAt(instant)).insertedAt());
            assertEquals(1, store.getEvents(new Query().from(instant).to(Instant.parse("9999-12-31T23:59:59.999999Z")).after(store.head() - 1)).size()
                    + (time.startsWith("9999") ? 1 : 0));
        }
        Instant fine = Instant.parse("2026-11-23T03:50:00.999999999Z");
        assertEquals(Instant.parse("2026-11-23T03:50:00.999999Z"), store.append(event().insertedAt(fine)).insertedAt());
        for (Instant far : List.of(Instant.MAX, Instant.MIN, Instant.parse("+10000-01-01T00:00:00Z"))) {
            assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(event().insertedAt(far)));
            assertThrows(RunestoreException.InvalidQuery.class, () -> store.getEvents(new Query().from(far)));
        }
    }

    @Test
    void limitsAreErrors() {
        var error = assertThrows(RunestoreException.TooLarge.class, () -> store.append(Collections.nCopies(100_001, event())));
        assertEquals(List.of(100_000L, 100_001L), List.of(error.details().get("limit"), error.details().get("actual")));
        assertThrows(RunestoreException.TooLarge.class, () -> stored("x".repeat(17 << 20)));
        assertThrows(RunestoreException.TooLarge.class, () -> stored(new byte[17 << 20]));
        assertThrows(RunestoreException.TooLarge.class, () -> store.appendJson(" ".repeat((64 << 20) + 1), null));
        assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(new NewEvent("x".repeat(1025), "d", "i")));
        assertEquals(0, store.head());
        String large = "é".repeat(4 << 20);
        assertEquals(large, stored(large).data());
        byte[] bytes = new byte[11 << 20];
        Arrays.fill(bytes, (byte) 0xa5);
        assertArrayEquals(bytes, (byte[]) stored(bytes).data());
    }

    @Test
    void aHundredThousandEvents() {
        assertEquals(new Store.Summary(1, 100_000, 100_000, 100_000), store.appendSummary(counted(1, 100_000), new AppendOptions()));
        assertEquals(numbers(1, 100_000), data(store.getEvents(new Query())));
        assertEquals(numbers(1, 100_000), data(store.stream(new Query()).toList()));
    }
}
