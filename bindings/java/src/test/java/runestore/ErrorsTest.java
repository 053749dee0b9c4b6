package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class ErrorsTest extends Fixture {
    private static final int[] STATUSES = {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16, -17, -18, -19, -20, -99};

    @Test
    void eachStatusHasItsClass() {
        assertEquals(STATUSES.length, RunestoreException.class.getClasses().length);
        for (int status : STATUSES) {
            RunestoreException error = RunestoreException.of(status, null);
            assertEquals(Calls.statusName(status), error.code());
            assertEquals(status, error.status());
            assertEquals(Map.of(), error.details());
            assertEquals(error.code().replace("_", ""), error.getClass().getSimpleName().toLowerCase(Locale.ROOT));
            assertTrue(error.getMessage().contains(error.code()));
        }
        byte[] said = "{\"code\":\"later\",\"message\":\"of a later version\",\"a\":[{\"b\":1}]}".getBytes(StandardCharsets.UTF_8);
        RunestoreException later = RunestoreException.of(-50, said);
        assertEquals(RunestoreException.class, later.getClass());
        assertEquals(List.of("later", -50, "of a later version", Map.of("a", List.of(Map.of("b", 1L)))),
                List.of(later.code(), later.status(), later.getMessage(), later.details()));
        assertThrows(UnsupportedOperationException.class, () -> later.details().clear());
        assertEquals("unknown", RunestoreException.of(-51, new byte[0]).code());
    }

    @Test
    void anErrorCanBeSerialized() throws Exception {
        var error = assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(new NewEvent("", "d", "i")));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(error);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            RunestoreException again = (RunestoreException) in.readObject();
            assertEquals(List.of(error.code(), error.details(), error.getMessage()), List.of(again.code(), again.details(), again.getMessage()));
        }
    }

    @Test
    void anEventThatIsNoneHasAPlace() {
        var error = assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(List.of(event(), event().id("no id"))));
        assertEquals(List.of("invalid_event", -4, Map.of("index", 1L, "field", "id")), List.of(error.code(), error.status(), error.details()));
        error = assertThrows(RunestoreException.InvalidEvent.class, () -> store.appendJson("[{\"tpye\":1}]", null));
        assertTrue(error.getMessage().contains("did you mean `type`?"), error.getMessage());
        assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(event().version(0)));
        assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(event().tags("a", "a")));
        for (String wrong : List.of("", " ", "{", "{} {}", "\u0000")) {
            assertThrows(RunestoreException.InvalidJson.class, () -> store.appendJson(wrong, null));
        }
        assertEquals(0, store.head());
    }

    @Test
    void anExpectationThatFails() {
        store.append(event());
        var error = assertThrows(RunestoreException.Conflict.class, () -> store.append(event(), new AppendOptions().expectedVersion(0)));
        assertEquals(Map.of("reason", "expected_version", "domain", "account", "instance_id", "a-1", "expected", 0L, "actual", 1L), error.details());
        error = assertThrows(RunestoreException.Conflict.class, () -> store.append(List.of(), new AppendOptions().tracking("s", 0)));
        assertEquals("tracking", error.details().get("reason"));
        assertEquals(1, store.head());
    }

    @Test
    void anIdThatIsThere() {
        String id = "0190a000-0000-7000-8000-000000000001";
        Event first = store.append(event().id(id));
        assertEquals(first, store.append(event().id(id)));
        var error = assertThrows(RunestoreException.DuplicateId.class, () -> store.append(event().id(id).data(1)));
        assertEquals(Map.of("ids", List.of(id)), error.details());
    }

    @Test
    void queriesAndOptionsThatAreNone() {
        var query = assertThrows(RunestoreException.InvalidQuery.class, () -> store.getEvents(Query.json("[{},{\"typ\":\"x\"}]")));
        assertEquals(Map.of("index", 1L, "key", "typ"), query.details());
        assertThrows(RunestoreException.InvalidQuery.class, () -> store.cursor(Query.json("{\"typ\":1}")));
        assertThrows(RunestoreException.InvalidQuery.class, () -> store.follow(new Query().after(-1)));
        assertThrows(RunestoreException.InvalidQuery.class, () -> store.stream(new Query().afterVersion(1)));
        assertThrows(RunestoreException.InvalidQuery.class, () -> store.append(event(), new AppendOptions().failIfEventsMatch(Query.anyOf())));
        var options = assertThrows(RunestoreException.InvalidOptions.class, () -> store.getEvents(new Query(), new ReadOptions().limit(-1)));
        assertEquals("limit", options.details().get("option"));
        options = assertThrows(RunestoreException.InvalidOptions.class, () -> store.getEvents(new Query(), new ReadOptions().maxBytes(10)));
        assertEquals("max_bytes", options.details().get("option"));
        assertThrows(RunestoreException.InvalidOptions.class, () -> store.follow(new Query(), new ReadOptions().backward()));
        assertThrows(RunestoreException.InvalidOptions.class, () -> store.append(event(), new AppendOptions().expectedVersion(-1)));
        assertThrows(RunestoreException.InvalidOptions.class, () -> store.tracking(""));
        assertThrows(RunestoreException.InvalidOptions.class, () -> Store.openJson("{\"store\":\"fiel\"}"));
        assertThrows(RunestoreException.InvalidOptions.class, () -> Store.open(place(), Map.of("snyc", "never")));
        assertThrows(RunestoreException.InvalidOptions.class, () -> Store.open("postgresql://localhost/none", Map.of("scheme", "x")));
        assertThrows(RunestoreException.InvalidJson.class, () -> Store.openJson(""));
    }

    @Test
    void storesThatCannotBeOpenedOrWritten() throws Exception {
        assertThrows(RunestoreException.NotFound.class, () -> Store.open(place(), Map.of("create", false)));
        try (Store writer = Store.open(place())) {
            var locked = assertThrows(RunestoreException.Locked.class, () -> Store.open(place()));
            assertEquals(place().toString(), locked.details().get("path"));
            writer.append(event());
            try (Store reader = Store.open(place(), Map.of("read_only", true))) {
                assertEquals(1, reader.head());
                assertThrows(RunestoreException.ReadOnly.class, () -> reader.append(event()));
            }
            Files.writeString(place("full"), "");
            assertThrows(RunestoreException.InvalidOptions.class, () -> writer.backup(folder));
        }
        assertThrows(RunestoreException.Io.class, () -> Store.open(place("full").resolve("below")));
        assertThrows(RunestoreException.Unsupported.class, () -> store.verify());
        assertThrows(RunestoreException.Unsupported.class, () -> store.backup(place("copy")));
        assertThrows(RunestoreException.Misuse.class, () -> store.copyTo(store));
    }

    @Test
    void damageIsAProblemAndAnError() throws Exception {
        try (Store file = Store.open(place(), Map.of("mmap", false))) {
            file.append(counted(1, 50));
        }
        Path log;
        try (Stream<Path> files = Files.walk(place())) {
            log = files.filter(Files::isRegularFile).max(Comparator.comparing(file -> file.toFile().length())).orElseThrow();
        }
        // In the batch, and not in the header of the file.
        byte[] bytes = Files.readAllBytes(log);
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("Counted", bytes.length / 20);
        bytes[at + 1] = 'x';
        Files.write(log, bytes);
        List<Object> said = new ArrayList<>();
        var error = assertThrows(RunestoreException.Corrupt.class, () -> {
            try (Store reader = Store.open(place(), Map.of("read_only", true, "mmap", false))) {
                Store.Verification found = reader.verify();
                assertFalse(found.ok());
                Store.Problem problem = found.problems().get(0);
                said.addAll(List.of(Path.of(problem.file()).getFileName(), problem.message().isEmpty(), problem.first(), problem.last()));
                rest(reader.cursor(new Query()));
            }
        });
        assertTrue(error.details().get("offset") instanceof Long, () -> error.details().toString());
        assertEquals(List.of(log.getFileName(), false, OptionalLong.of(1), OptionalLong.of(50)), said);
    }

    @Test
    void nullIsRefusedAtTheDoor() {
        List<Executable> calls = List.of(
                () -> Store.open((String) null), () -> Store.open((Path) null), () -> Store.open("x", null), () -> Store.openJson(null),
                () -> new NewEvent(null, "d", "i"), () -> new NewEvent("t", null, "i"), () -> new NewEvent("t", "d", null),
                () -> event().id((String) null), () -> event().insertedAt(null), () -> event().tags((String) null),
                () -> event().dataJson(null), () -> event().metadata(null), () -> event().metadataJson(null), () -> NewEvent.of(null),
                () -> new Query().type((String) null), () -> new Query().type((String[]) null), () -> new Query().from(null),
                () -> Query.json(null), () -> Query.anyOf((Query) null), () -> new AppendOptions().tracking(null, 1),
                () -> new AppendOptions().expect(null, "i", 1), () -> new AppendOptions().failIfEventsMatch(null),
                () -> store.append((NewEvent) null), () -> store.append((List<NewEvent>) null), () -> store.append(Arrays.asList(event(), null)),
                () -> store.append(event(), null), () -> store.appendJson(null, null), () -> store.getEvents(null),
                () -> store.getEvents(new Query(), null), () -> store.getPage(new Query(), null), () -> store.cursor(null),
                () -> store.follow(null), () -> store.tracking(null), () -> store.backup(null), () -> store.copyTo(null),
                () -> store.awaitHead(0, null), () -> store.cursor(new Query()).poll(null));
        for (int index = 0; index < calls.size(); index++) {
            assertThrows(NullPointerException.class, calls.get(index), "call " + index);
        }
        assertEquals(0, store.head());
    }

    @Test
    void useAfterTheClose() throws Exception {
        store.append(event());
        Cursor cursor = store.cursor(new Query());
        Cursor follower = store.follow(new Query());
        assertFalse(store.isClosed());
        store.close();
        store.close();
        assertTrue(store.isClosed());
        try (Store other = Store.open()) {
            List<Executable> calls = List.of(
                    () -> store.append(event()), () -> store.append(List.of()), () -> store.appendJson("[]", null),
                    () -> store.getEvents(new Query()), () -> store.getEventsJson(null, null), () -> store.getPage(new Query(), new ReadOptions()),
                    () -> store.cursor(new Query()), () -> store.stream(new Query()), () -> store.follow(new Query()), () -> store.head(),
                    () -> store.awaitHead(0), () -> store.awaitHead(0, Duration.ofSeconds(1)), () -> store.tracking("s"), () -> store.info(),
                    () -> store.verify(), () -> store.backup(place()), () -> store.interrupt(), () -> store.copyTo(other),
                    () -> other.copyTo(store), cursor::hasNext, cursor::next, () -> follower.poll(Duration.ofSeconds(1)));
            for (int index = 0; index < calls.size(); index++) {
                assertEquals("closed", assertThrows(RunestoreException.Closed.class, calls.get(index), "call " + index).code());
            }
        }
        cursor.stop();
        cursor.close();
        cursor.close();
        cursor.stop();
        assertThrows(RunestoreException.Closed.class, cursor::hasNext);
    }

    private String loading(Map<String, String> environment, List<String> options) throws Exception {
        List<String> arguments = new ArrayList<>(options);
        arguments.add(Loading.class.getName());
        return java(environment, arguments).output();
    }

    /** Run by the test below. */
    static final class Loading {
        private Loading() {}

        public static void main(String[] arguments) {
            for (int n = 0; n < 2; n++) {
                try {
                    Store.open();
                } catch (UnsatisfiedLinkError e) {
                    System.out.println(e.getMessage());
                }
            }
        }
    }

    private static void assertSaidTwice(String expected, String said) {
        List<String> lines = said.lines().toList();
        assertEquals(2, lines.size(), said);
        assertEquals(lines.get(0), lines.get(1));
        assertTrue(lines.get(0).matches(expected), said);
    }

    @Test
    void aLibraryThatIsNotThereOrIsAnother() throws Exception {
        List<String> none = List.of();
        assertSaidTwice("/nowhere/librunestore.so cannot be loaded: .*RUNESTORE_LIBRARY names it.*",
                loading(Map.of("RUNESTORE_LIBRARY", "/nowhere/librunestore.so"), none));
        assertSaidTwice("librunestore.so.1 cannot be loaded: .*LD_LIBRARY_PATH.*",
                loading(Map.of("RUNESTORE_LIBRARY", "", "LD_LIBRARY_PATH", ""), none));
        assertSaidTwice("libc.so.6 is no library of Runestore: .*", loading(Map.of("RUNESTORE_LIBRARY", "libc.so.6"), none));
        assertSaidTwice(".* has version 2.3 of the C interface, and this package needs 1.x.*",
                loading(Map.of("RUNESTORE_LIBRARY", System.getenv("RUNESTORE_TEST_OTHER_MAJOR")), none));
        assertSaidTwice("/property cannot be loaded: .*", loading(Map.of(), List.of("-Drunestore.library=/property")));
        assertEquals("", loading(Map.of(), none));
    }

    @Test
    void aPathWhoseTextIsAnotherPathIsRefused() throws Exception {
        Files.createDirectories(place("names").resolve("b\u00fccher.runes"));
        String program = """
                import java.nio.file.*;
                import runestore.*;
                class P {
                    public static void main(String[] names) throws Exception {
                        try (var listed = Files.list(Path.of(names[0]))) {
                            Store.open(listed.findFirst().get());
                        } catch (RunestoreException.InvalidOptions e) {
                            System.out.println(e.details().get("option") + ": " + e.getMessage().contains("LC_ALL=C.UTF-8"));
                        }
                    }
                }
                """;
        String names = place("names").toString();
        assertEquals("path: true\n", program(program, Map.of("LC_ALL", "C"), List.of(), names));
        assertEquals("", program(program, Map.of("LC_ALL", "C.UTF-8"), List.of(), names));
        try (var listed = Files.list(place("names"))) {
            assertEquals(1, listed.count());
        }
    }

    @Test
    void aCursorThatCouldNotTakeAPieceOverGivesNoLaterOne() throws Exception {
        try (Store store = Store.open(place())) {
            for (int bytes : new int[] {1, 12 << 20, 1}) {
                store.append(event().data("x".repeat(bytes)));
            }
        }
        String program = """
                import runestore.*;
                class P {
                    public static void main(String[] path) {
                        Cursor cursor = Store.open(path[0]).cursor(new Query());
                        System.out.println(cursor.next().sequenceNumber());
                        try {
                            cursor.next();
                        } catch (OutOfMemoryError e) {
                            System.out.println("no memory");
                        }
                        try {
                            cursor.next();
                        } catch (RunestoreException.Closed e) {
                            System.out.println(cursor.position() + " " + e.getMessage());
                        }
                    }
                }
                """;
        // The program's own compiler needs some of it.
        assertEquals("""
                1
                no memory
                1 the cursor ended when its next events could not be taken over: open another one behind its position, 1
                """, program(program, Map.of(), List.of("-Xmx32m"), place().toString()));
    }
}
