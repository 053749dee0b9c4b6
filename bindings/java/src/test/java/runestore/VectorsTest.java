package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every case of tests/vectors, on the memory and on the file engine, below the public methods: those could not express a broken
 * text. tests/vectors/README.md says what the cases mean. What comes back is also read as the package reads it.
 */
class VectorsTest {
    private static final Set<String> EXPECTED = Set.of("call", "note", "status", "answer", "position", "head", "details", "message_has");
    private static final Map<String, Set<String>> INPUTS = Map.of(
            "append", Set.of("events", "options"), "get_events", Set.of("query", "options"),
            "cursor_open", Set.of("query", "options", "cursor"), "cursor_next", Set.of("cursor", "max_events", "timeout_ms"),
            "cursor_cancel", Set.of("cursor"), "cursor_close", Set.of("cursor"), "wait", Set.of("after", "timeout_ms"),
            "tracking", Set.of("source"), "info", Set.of(), "status_name", Set.of("code"));
    private static final Map<String, String> WILDCARDS = Map.of(
            "uuid7", "([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})",
            "now", "(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z)", "any", "(.*?)");
    private static final Pattern WILDCARD = Pattern.compile("«(.*?)»");

    @TempDir
    Path folder;

    private int files;
    private int cases;
    private int steps;
    private int answers;
    private int positions;
    private int parsed;

    private Map<?, ?> texts;
    private long store;
    private final Map<Object, Long> cursors = new HashMap<>();
    private String where = "";

    @Test
    void allOfThemOnBothEngines() throws Exception {
        Functions.load();
        for (String engine : List.of("memory", "file")) {
            files = cases = steps = answers = positions = parsed = 0;
            List<Path> all;
            try (Stream<Path> listed = Files.list(Path.of(System.getenv("RUNESTORE_VECTORS")))) {
                all = listed.filter(file -> file.toString().endsWith(".json")).sorted().toList();
            }
            for (Path file : all) {
                runFile(engine, file);
            }
            System.out.printf("vectors, %s: %d files, %d cases, %d steps, %d answers, %d positions, %d read as events%n",
                    engine, files, cases, steps, answers, positions, parsed);
            // These were there when this was written.
            assertTrue(files >= 23 && cases >= 216 && steps >= 2560 && positions >= 200 && parsed >= 500);
        }
    }

    @Test
    void theRunnerSeesAWrongAnswer() {
        String id = "0190a000-0000-7000-8000-000000000001";
        String now = Instant.now().truncatedTo(ChronoUnit.MILLIS).plusNanos(1000).toString();
        assertSameAnswer("a«any»b «uuid7» [«now»,«now»]", "axxb " + id + " [" + now + "," + now + "]");
        String past = "2001-01-01T00:00:00.000000Z";
        String[][] wrong = {
            {"[]", "[ ]"}, {"a", null}, {"«uuid7»", id.replace("-7", "-4")}, {"«uuid7» «uuid7»", id + " " + id}, {"a«any»b", "a b c"},
            {"«now»", past}, {"[«now»,«now»]", "[" + now + "," + past + "]"}};
        for (String[] pair : wrong) {
            assertThrows(AssertionError.class, () -> assertSameAnswer(pair[0], pair[1]), pair[0]);
        }
    }

    private void runFile(String engine, Path path) throws Exception {
        Map<?, ?> file = (Map<?, ?>) Json.value(Files.readString(path));
        assertTrue(Set.of("title", "texts", "cases").containsAll(file.keySet()));
        files++;
        texts = file.get("texts") instanceof Map<?, ?> given ? given : Map.of();
        for (Object one : (List<?>) file.get("cases")) {
            Map<?, ?> given = (Map<?, ?>) one;
            assertEquals(Set.of("name", "steps"), given.keySet());
            cases++;
            runCase(engine, (List<?>) given.get("steps"), path.getFileName() + ", " + engine + ", " + given.get("name"));
        }
    }

    private void runCase(String engine, List<?> all, String name) throws Exception {
        Map<String, Object> opts = engine.equals("file") ? Map.of("path", folder.resolve(engine + cases).toString(), "sync", "never") : Map.of();
        store = Calls.init(Json.bytes(Map.of("store", engine, "store_opts", opts), "config")).orThrow().number();
        cursors.clear();
        for (int index = 0; index < all.size(); index++) {
            Map<?, ?> step = (Map<?, ?>) all.get(index);
            String call = (String) step.get("call");
            where = name + ", step " + index + " (" + call + ")";
            Set<Object> unknown = new HashSet<>(step.keySet());
            unknown.removeAll(EXPECTED);
            unknown.removeAll(INPUTS.get(call));
            assertEquals(Set.of(), unknown, where);
            steps++;
            check(step, call(step, call));
        }
        cursors.values().forEach(Calls::cursorClose);
        assertEquals(0, Calls.close(store).status(), where);
    }

    private Calls.Answer call(Map<?, ?> step, String call) {
        return switch (call) {
            case "append" -> Calls.append(store, text(step, "events"), text(step, "options"));
            case "get_events" -> Calls.getEvents(store, text(step, "query"), text(step, "options"));
            case "cursor_open" -> {
                Calls.Answer answer = Calls.cursorOpen(store, text(step, "query"), text(step, "options"));
                cursors.put(step.get("cursor"), answer.number());
                yield answer;
            }
            case "cursor_next" -> Calls.cursorNext(cursors.get(step.get("cursor")), number(step, "max_events"), number(step, "timeout_ms"));
            case "cursor_cancel" -> Calls.cursorCancel(cursors.get(step.get("cursor")));
            case "cursor_close" -> Calls.cursorClose(cursors.get(step.get("cursor")));
            case "wait" -> Calls.await(store, number(step, "after"), number(step, "timeout_ms"));
            case "tracking" -> Calls.tracking(store, text(step, "source"));
            case "info" -> Calls.info(store);
            case "status_name" -> new Calls.Answer(
                    0, Calls.statusName((int) number(step, "code")).getBytes(StandardCharsets.UTF_8), 0);
            default -> fail("there is no call " + call);
        };
    }

    private static long number(Map<?, ?> step, String member) {
        return (Long) step.get(member);
    }

    private byte[] text(Map<?, ?> step, String member) {
        return step.containsKey(member) ? bytes(step.get(member)) : null;
    }

    private byte[] bytes(Object value) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        collect(value, all);
        return all.toByteArray();
    }

    private void collect(Object value, ByteArrayOutputStream all) {
        if (value instanceof String string) {
            all.writeBytes(string.getBytes(StandardCharsets.UTF_8));
        } else if (value instanceof List<?> parts) {
            parts.forEach(part -> collect(part, all));
        } else {
            Map<?, ?> part = (Map<?, ?>) value;
            switch (new TreeSet<>(part.keySet()).toString()) {
                case "[repeat, times]" -> collect(((String) part.get("repeat")).repeat((int) number(part, "times")), all);
                case "[hex]" -> all.writeBytes(HexFormat.of().parseHex((String) part.get("hex")));
                case "[use]" -> collect(texts.get(part.get("use")), all);
                default -> fail(part + " is no part of a text");
            }
        }
    }

    private void check(Map<?, ?> step, Calls.Answer answer) {
        String name = Calls.statusName(answer.status());
        String text = answer.text() == null ? null : new String(answer.text(), StandardCharsets.UTF_8);
        assertTrue(step.get("status").equals(name), () -> where + ": " + name + " " + brief(text));
        if (name.equals("done") || name.equals("timeout")) {
            assertNull(text, where);
        }
        if (step.containsKey("answer")) {
            assertSameAnswer(new String(bytes(step.get("answer")), StandardCharsets.UTF_8), text);
            answers++;
        }
        if (step.containsKey("position")) {
            List<?> range = step.get("position") instanceof List<?> given ? given : List.of(step.get("position"));
            long low = (Long) range.get(0);
            long high = (Long) range.get(range.size() - 1);
            assertTrue(low <= answer.number() && answer.number() <= high, () -> where + ": " + answer.number());
            positions++;
        }
        if (step.containsKey("head")) {
            assertEquals(step.get("head"), answer.number(), where);
        }
        checkMembers(step, answer.status(), name, answer.text());
        if (answer.status() == Calls.OK && Set.of("append", "get_events", "cursor_next").contains(step.get("call"))) {
            checkEvents(answer.text(), text);
        }
    }

    private void checkMembers(Map<?, ?> step, int status, String name, byte[] text) {
        boolean error = status < 0 && text != null;
        Map<String, Object> members = error || step.containsKey("details") ? Json.object(text) : Map.of();
        if (error) {
            assertEquals(name, members.get("code"), where);
            assertFalse(((String) members.get("message")).isEmpty(), where);
            RunestoreException thrown = RunestoreException.of(status, text);
            assertEquals(List.of(name, status, members.get("message"), members.size() - 2),
                    List.of(thrown.code(), thrown.status(), thrown.getMessage(), thrown.details().size()), where);
        }
        if (step.get("details") instanceof Map<?, ?> details) {
            details.forEach((key, value) -> assertEquals(value, members.get(key), where));
        }
        if (step.get("message_has") instanceof List<?> parts) {
            parts.forEach(part -> assertTrue(((String) members.get("message")).contains((String) part), where));
        }
    }

    /** Whether the package reads the events as they are in the text. */
    private void checkEvents(byte[] bytes, String text) {
        if (!text.startsWith("[") || bytes.length > 1_000_000) {
            return;
        }
        List<Event> events = Texts.events(bytes);
        List<?> maps = (List<?>) Json.value(text);
        assertEquals(maps.size(), events.size(), where);
        StringBuilder again = new StringBuilder("[");
        for (int index = 0; index < maps.size(); index++) {
            Map<?, ?> map = (Map<?, ?>) maps.get(index);
            Event event = events.get(index);
            assertEquals(
                    Stream.of("sequence_number", "id", "type", "domain", "instance_id", "stream_version", "version", "tags", "metadata")
                            .map(map::get).toList(),
                    List.of(event.sequenceNumber(), event.id(), event.type(), event.domain(), event.instanceId(), event.streamVersion(),
                            event.version(), event.tags(), event.metadata()), where);
            assertEquals(Instant.parse((String) map.get("inserted_at")), event.insertedAt(), where);
            String payload = event.dataBase64() == null ? "\"data\":" + event.dataJson() : "\"data_base64\":\"" + event.dataBase64() + "\"";
            // What is not of the payload is compared above.
            String end = payload + ",\"metadata\":" + event.metadataJson() + "}";
            int at = text.indexOf(end, again.length());
            assertTrue(at > 0, () -> where + ": " + brief(end));
            again.append(text, again.length(), at + end.length()).append(index + 1 < maps.size() ? "," : "]");
            if (event.dataBase64() == null) {
                assertEquals(map.get("data"), event.data(), where);
            } else {
                assertEquals(map.get("data_base64"), Base64.getEncoder().encodeToString((byte[]) event.data()), where);
            }
            parsed++;
        }
        assertEquals(text, maps.isEmpty() ? "[]" : again.toString(), where);
    }

    private void assertSameAnswer(String expected, String answer) {
        if (expected.equals(answer)) {
            return;
        }
        // Literals and wildcards take turns; what a wildcard stands for is looked at afterwards.
        List<String> names = new ArrayList<>();
        StringBuilder pattern = new StringBuilder();
        Matcher wildcards = WILDCARD.matcher(expected);
        int behind = 0;
        while (wildcards.find()) {
            pattern.append(Pattern.quote(expected.substring(behind, wildcards.start()))).append(WILDCARDS.get(wildcards.group(1)));
            names.add(wildcards.group(1));
            behind = wildcards.end();
        }
        pattern.append(Pattern.quote(expected.substring(behind)));
        Matcher found = answer == null ? null : Pattern.compile(pattern.toString(), Pattern.DOTALL).matcher(answer);
        assertTrue(found != null && found.matches(), () -> where + ": " + brief(expected) + " was expected, there is " + brief(answer));
        Map<String, List<String>> standFor = new TreeMap<>(Map.of("uuid7", new ArrayList<>(), "now", new ArrayList<>(), "any", new ArrayList<>()));
        for (int index = 0; index < names.size(); index++) {
            standFor.get(names.get(index)).add(found.group(index + 1));
        }
        List<String> ids = standFor.get("uuid7");
        assertEquals(ids.size(), new HashSet<>(ids).size(), where);
        Set<String> times = new HashSet<>(standFor.get("now"));
        assertTrue(times.size() <= 1, where);
        times.forEach(time -> assertTrue(Duration.between(Instant.parse(time), Instant.now()).abs().toMinutes() < 5, where));
    }

    private static String brief(String text) {
        return text == null ? "nothing" : text.substring(0, Math.min(600, text.length()));
    }
}
