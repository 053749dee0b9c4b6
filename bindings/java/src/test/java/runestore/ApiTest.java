package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ApiTest extends Fixture {
    @Test
    void anEventComesBackWhole() {
        Instant time = Instant.parse("2026-11-23T03:50:59.123456789Z");
        UUID id = UUID.fromString("0190a000-0000-7000-8000-000000000001");
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("owner", "Ada");
        data.put("list", Arrays.asList(1, null, true, 1.5));
        NewEvent given = event().id(id).version(3).insertedAt(time).tags("vip").data(data).metadata(Map.of("by", "me"));
        Event stored = store.append(given);
        Event expected = new Event(
                1, id.toString(), "Opened", "account", "a-1", 1, 3, Instant.parse("2026-11-23T03:50:59.123456Z"), List.of("vip"),
                "{\"owner\":\"Ada\",\"list\":[1,null,true,1.5]}", null, "{\"by\":\"me\"}");
        assertEquals(expected, stored);
        assertEquals(expected.hashCode(), stored.hashCode());
        assertEquals(List.of(expected), store.getEvents(new Query()));
        assertEquals(List.of(expected), store.stream(new Query()).toList());
        data.put("list", Arrays.asList(1L, null, true, 1.5));
        assertEquals(data, stored.data());
        assertEquals(List.of("owner", "list"), List.copyOf(((Map<?, ?>) stored.data()).keySet()));
        assertEquals("Ada", stored.data("owner"));
        assertNull(stored.data("Owner"));
        assertEquals(Map.of("by", "me"), stored.metadata());
        assertThrows(UnsupportedOperationException.class, () -> stored.tags().add("more"));
        assertThrows(RunestoreException.DuplicateId.class, () -> store.append(new NewEvent("Another", "account", "a-1").id(id)));
    }

    @Test
    void whatIsNotGivenIsTheStores() {
        Event stored = store.append(event());
        assertEquals(List.of(1L, 1L, 1L), List.of(stored.sequenceNumber(), stored.streamVersion(), stored.version()));
        assertEquals(List.of("{}", "{}", List.of()), List.of(stored.dataJson(), stored.metadataJson(), stored.tags()));
        assertTrue(Duration.between(stored.insertedAt(), Instant.now()).abs().toMinutes() < 5);
        assertEquals(7, UUID.fromString(stored.id()).version());
    }

    @Test
    void aBatchIsOneAndAnEventCanBeAppendedToAnotherStore() {
        List<Event> stored = store.append(counted(1, 3));
        assertEquals(List.of(1L, 2L, 3L), stored.stream().map(Event::sequenceNumber).toList());
        assertEquals(new Store.Summary(4, 5, 2, 5), store.appendSummary(counted(4, 5), new AppendOptions()));
        assertEquals(new Store.Summary(0, 0, 0, 5), store.appendSummary(List.of(), new AppendOptions()));
        assertEquals(List.of(), store.append(List.of()));
        try (Store other = Store.open()) {
            assertEquals(1, other.append(NewEvent.of(stored.get(2))).sequenceNumber());
            List<NewEvent> again = stored.subList(0, 2).stream().map(NewEvent::of).toList();
            assertEquals(stored.get(1).insertedAt(), other.append(again).get(1).insertedAt());
            // The same ids: a retry.
            assertEquals(other.append(again), other.getEvents(new Query().after(1)));
            assertEquals(3, other.head());
            Event null1 = other.append(event().data(null));
            assertEquals("null", null1.dataJson());
            assertNull(null1.data());
            Event bytes = store.append(NewEvent.of(other.append(event().data(new byte[] {-1}))));
            assertEquals("/w==", bytes.dataBase64());
        }
    }

    @Test
    void newEventsDoNotChange() {
        NewEvent base = event().tags("a");
        base.tags("b").version(7).data(1).metadata(Map.of("a", 1)).id("x").insertedAt(Instant.EPOCH);
        assertEquals("{\"type\":\"Opened\",\"domain\":\"account\",\"instance_id\":\"a-1\",\"tags\":[\"a\"]}", base.toString());
        Query query = new Query().type("A");
        query.after(1);
        assertEquals("{\"type\":[\"A\"]}", query.toString());
        AppendOptions options = new AppendOptions().expect("d", "i", 0);
        options.expect("d", "j", 0).tracking("s", 1);
        assertEquals("{\"expect\":[{\"domain\":\"d\",\"instance_id\":\"i\",\"version\":0}]}", options.toString());
        ReadOptions read = new ReadOptions().limit(1);
        read.backward();
        assertEquals("{\"limit\":1}", read.toString());
        LinkedHashMap<String, Object> changed = new LinkedHashMap<>(Map.of("a", 1));
        NewEvent taken = event().data(changed);
        changed.put("b", 2);
        assertEquals("{\"a\":1}", store.append(taken).dataJson());
        assertEquals("{\"b\":1}", store.append(event().data(new byte[1]).dataJson("{\"b\":1}")).dataJson());
        assertEquals("AA==", store.append(event().dataJson("{\"b\":1}").data(new byte[1])).dataBase64());
    }

    @Test
    void expectationsAndConditions() {
        store.append(event().insertedAt(Instant.parse("2020-01-01T00:00:00Z")), new AppendOptions().expectedVersion(0));
        store.append(event(), new AppendOptions().expectedToExist().tracking("mailer", 1));
        assertEquals(1, store.tracking("mailer"));
        assertEquals(0, store.tracking("unknown"));
        Query before = new Query().type("Opened").to(Instant.parse("2021-01-01T00:00:00Z"));
        var conflict = assertThrows(RunestoreException.Conflict.class,
                () -> store.append(event(), new AppendOptions().failIfEventsMatch(before)));
        assertEquals("condition", conflict.details().get("reason"));
        assertEquals(1L, conflict.details().get("sequence_number"));
        assertEquals(3, store.append(event(), new AppendOptions().failIfEventsMatch(before, 1)).sequenceNumber());
        assertThrows(RunestoreException.Conflict.class,
                () -> store.append(event(), new AppendOptions().failIfEventsMatch(Query.json("{\"after\":2}"))));
        AppendOptions two = new AppendOptions().expect("account", "a-1", 3).expect("account", "a-2", 7);
        conflict = assertThrows(RunestoreException.Conflict.class, () -> store.append(event(), two));
        assertEquals(List.of("expect", "a-2", 7L, 0L),
                Stream.of("reason", "instance_id", "expected", "actual").map(conflict.details()::get).toList());
        AppendOptions missing = new AppendOptions().expectToExist("account", "a-2");
        assertThrows(RunestoreException.Conflict.class, () -> store.append(List.of(), missing));
        assertThrows(RunestoreException.Conflict.class, () -> store.append(event(), new AppendOptions().expectedVersion(2)));
    }

    private List<Long> found(Query query, ReadOptions options) {
        List<Long> found = store.getEvents(query, options).stream().map(Event::sequenceNumber).toList();
        assertEquals(found, store.stream(query, options).map(Event::sequenceNumber).toList());
        return found;
    }

    @Test
    void queriesSayWhichEvents() {
        store.append(List.of(event(), new NewEvent("Opened", "account", "a-2").tags("vip", "new"), new NewEvent("Closed", "account", "a-1")));
        ReadOptions all = new ReadOptions();
        assertEquals(List.of(1L, 2L, 3L), found(new Query(), all));
        assertEquals(List.of(1L, 2L), found(new Query().type("Opened"), all));
        assertEquals(List.of(2L), found(new Query().type("Opened").after(1), all));
        assertEquals(List.of(1L, 3L), found(new Query().stream("account", "a-1"), all));
        assertEquals(List.of(3L), found(new Query().stream("account", "a-1").afterVersion(1), all));
        assertEquals(List.of(2L), found(new Query().tags("new", "vip"), all));
        assertEquals(List.of(), found(new Query().tags("new", "old"), all));
        assertEquals(List.of(), found(new Query().type(), all));
        assertEquals(List.of(1L, 2L), found(new Query().upTo(2), all));
        assertEquals(List.of(3L, 2L), found(new Query().after(1), all.backward()));
        assertEquals(List.of(3L), found(new Query().domain("account", "other"), all.limit(1).offset(2)));
        Query either = Query.anyOf(new Query().type("Closed"), new Query().tags("vip"));
        assertEquals(List.of(2L, 3L), found(either, all));
        assertEquals(List.of(3L), found(either.after(2), all));
        assertEquals(List.of(1L, 2L, 3L), found(Query.anyOf(either, new Query().upTo(1)), all));
        assertEquals(List.of(), found(Query.anyOf(), all));
        assertEquals(List.of(2L), found(Query.json("{\"tags\":[\"vip\"]}"), all));
        assertEquals(List.of(2L), found(Query.anyOf(Query.json("{\"tags\":[\"vip\"]}")), all));
        assertEquals(List.of(1L, 2L), found(Query.anyOf(Query.json(" [{\"tags\":[\"vip\"]}, {\"up_to\":1}]"), new Query().upTo(1)), all));
        assertEquals(List.of(), found(Query.anyOf(Query.json("[]")), all));
        String id = store.getEvents(new Query()).get(1).id();
        assertEquals(List.of(2L), found(new Query().id(id), all));
        Instant time = store.getEvents(new Query()).get(0).insertedAt();
        assertEquals(3, found(new Query().from(time).to(time.plusNanos(1000)), all).size());
        assertEquals(List.of(), found(new Query().to(time), all));
        assertThrows(IllegalStateException.class, () -> Query.json("{}").after(1));
        assertThrows(IllegalStateException.class, () -> Query.anyOf(new Query(), Query.json("{}")).after(1));
    }

    @Test
    void pagesTellHowManyThereAre() {
        store.append(counted(1, 5));
        Store.Page page = store.getPage(new Query().type("Counted"), new ReadOptions().limit(2).offset(2));
        assertEquals(numbers(3, 4), data(page.events()));
        assertEquals(new Store.Page(page.events(), 5, 2, 2, 3, true, true, 5), page);
        assertEquals(100, store.getPage(new Query(), new ReadOptions()).pageSize());
        assertEquals(new Store.Page(List.of(), 0, 100, 1, 0, false, false, 5), store.getPage(Query.anyOf(), new ReadOptions()));
    }

    @Test
    void rawTextsAreAsTheyAreStored() {
        String data = "{\"b\":1.10,\"a\":100000000000000000000001,\"b\":\"\\u00e9\",\"c\":[\"]}\\\"\", \"é😀\"]}";
        String text = "{\"type\":\"Counted\",\"domain\":\"sky\",\"instance_id\":\"s-1\",\"data\":" + data + "}";
        String stored = data.replace(", ", ",");
        String answer = store.appendJson(text, "{\"expected_version\":0}");
        assertTrue(answer.contains("\"data\":" + stored), answer);
        assertEquals(answer, store.getEventsJson(null, null));
        assertEquals(answer.substring(1, answer.length() - 1) + "\n", store.getEventsJson("{}", "{\"format\":\"ndjson\"}"));
        Event event = store.getEvents(new Query()).get(0);
        assertEquals(stored, event.dataJson());
        assertEquals("{}", event.metadataJson());
        Event again = store.append(event().dataJson(" " + data + " ").metadataJson("{\"z\":1e0, \"a\":-0}"));
        assertEquals(stored, again.dataJson());
        assertEquals("{\"z\":1e0,\"a\":-0}", again.metadataJson());
        for (String scalar : List.of("0", "-1", "1.50", "\"\"", "\"\\n\"", "true", "false", "null", "[]", "{}", "[[]]")) {
            Event one = store.append(event().dataJson(scalar).metadata(Map.of("a", 1)));
            assertEquals(List.of(scalar, "{\"a\":1}"), List.of(one.dataJson(), one.metadataJson()));
            assertEquals(one, store.getEvents(new Query().after(one.sequenceNumber() - 1)).get(0));
        }
    }

    @Test
    void aTextIsOneValue() {
        for (String wrong : List.of("", " ", "1,\"id\":2", "{}}", "{},{}", "1 2", "[1", "\"", "nul", "{\"a\":}", "'a'", "NaN", "01", "//\n1")) {
            assertThrows(RunestoreException.InvalidJson.class, () -> event().dataJson(wrong), wrong);
            assertThrows(RunestoreException.InvalidJson.class, () -> event().metadataJson(wrong), wrong);
            var error = assertThrows(RunestoreException.InvalidJson.class, () -> Query.json(wrong), wrong);
            assertEquals(Map.of("in", "query"), error.details());
        }
        assertThrows(RunestoreException.InvalidEvent.class, () -> store.append(event().metadataJson("[]")));
        assertThrows(RunestoreException.InvalidQuery.class, () -> store.getEvents(Query.json("17")));
        assertEquals(0, store.head());
    }

    @Test
    void cursorsTellAPosition() throws Exception {
        store.append(counted(1, 10));
        try (Cursor cursor = store.cursor(new Query().after(1).upTo(8), new ReadOptions().maxBytes(900))) {
            assertEquals(1, cursor.position());
            for (long n = 2; n <= 8; n++) {
                assertTrue(cursor.hasNext());
                assertTrue(cursor.hasNext());
                assertEquals(n - 1, cursor.position());
                assertFalse(cursor.isDone());
                assertEquals(n, cursor.next().data());
                assertTrue(cursor.position() >= n);
            }
            assertFalse(cursor.hasNext());
            assertTrue(cursor.isDone());
            assertTrue(cursor.position() >= 8);
            assertThrows(NoSuchElementException.class, cursor::next);
            assertEquals(Optional.empty(), cursor.poll(Duration.ZERO));
            assertFalse(cursor.isClosed());
        }
        try (Cursor backward = store.cursor(new Query().after(2), new ReadOptions().backward())) {
            for (long n = 10; n > 2; n--) {
                assertEquals(2, backward.position());
                assertEquals(n, backward.next().data());
            }
            assertFalse(backward.hasNext());
        }
        try (Cursor either = store.cursor(Query.anyOf(new Query().after(5), new Query().after(3)))) {
            assertEquals(3, either.position());
            assertEquals(numbers(4, 10), data(rest(either)));
        }
    }

    @Test
    void streamsAreLazyAndCloseTheirCursor() {
        store.append(counted(1, 5000));
        assertEquals(List.of(2L, 4L), store.stream(new Query()).map(e -> (Long) e.data()).filter(n -> n % 2 == 0).limit(2).toList());
        assertEquals(numbers(1, 5000), data(store.stream(new Query()).toList()));
        assertEquals(5000, store.stream(new Query()).parallel().map(Event::data).distinct().count());
        assertEquals(5000L, store.stream(new Query(), new ReadOptions().backward()).findFirst().orElseThrow().data());
        Cursor ended = store.cursor(new Query());
        assertEquals(5000, ended.stream().count());
        assertTrue(ended.isClosed());
        Cursor left = store.cursor(new Query());
        try (Stream<Event> stream = left.stream()) {
            assertTrue(stream.findFirst().isPresent());
            assertFalse(left.isClosed());
        }
        assertTrue(left.isClosed());
    }

    @Test
    void followersGoOn() throws Exception {
        store.append(counted(1, 3));
        try (Cursor follower = store.follow(new Query().after(1))) {
            assertEquals(List.of(2L, 3L), List.of(follower.next().data(), follower.next().data()));
            assertEquals(Optional.empty(), follower.poll(Duration.ZERO));
            assertTrue(took(() -> assertEquals(Optional.empty(), follower.poll(Duration.ofMillis(120)))) >= 120);
            var appender = new Running<>(() -> store.append(event().data("live")));
            assertEquals("live", follower.next().data());
            appender.value();
            assertEquals(4, follower.position());
            assertFalse(follower.isDone());
        }
        assertEquals(numbers(2, 3), data(rest(store.follow(new Query().after(1).upTo(3)))));
        assertEquals(2, store.follow(new Query(), new ReadOptions().limit(2)).stream().count());
        assertEquals(4, store.follow(new Query()).stream().limit(4).count());
    }

    @Test
    void headsAndWaits() throws Exception {
        assertEquals(0, store.head());
        assertEquals(OptionalLong.empty(), store.awaitHead(0, Duration.ZERO));
        assertTrue(took(() -> assertEquals(OptionalLong.empty(), store.awaitHead(0, Duration.ofMillis(130)))) >= 130);
        assertEquals(OptionalLong.empty(), store.awaitHead(0, Duration.ofNanos(1)));
        var appender = new Running<>(() -> {
            Thread.sleep(100);
            return store.append(event());
        });
        assertEquals(1, store.awaitHead(0));
        appender.value();
        for (Duration timeout : List.of(Duration.ZERO, Duration.ofSeconds(1), Duration.ofSeconds(Long.MAX_VALUE), Duration.ofNanos(Long.MAX_VALUE))) {
            assertEquals(OptionalLong.of(1), store.awaitHead(0, timeout));
        }
        assertEquals(OptionalLong.empty(), store.awaitHead(Long.MAX_VALUE, Duration.ZERO));
        var wrong = assertThrows(RunestoreException.InvalidOptions.class, () -> store.awaitHead(-1));
        assertEquals(Map.of("option", "after"), wrong.details());
        wrong = assertThrows(RunestoreException.InvalidOptions.class, () -> store.awaitHead(0, Duration.ofNanos(-1)));
        assertEquals(Map.of("option", "timeout"), wrong.details());
        assertThrows(RunestoreException.InvalidOptions.class, () -> store.cursor(new Query()).poll(Duration.ofSeconds(-1)));
        assertThrows(RunestoreException.InvalidOptions.class, () -> store.follow(new Query()).poll(Duration.ofSeconds(Long.MIN_VALUE)));
    }

    @Test
    void aDirectoryKeepsWhatWasAppended() throws Exception {
        try (Store file = Store.open(place(), Map.of("sync", "never"))) {
            file.append(counted(1, 3));
            Store.Verification found = file.verify();
            assertEquals(new Store.Verification(true, 3, found.bytes(), List.of()), found);
            assertTrue(found.bytes() > 300);
            Store.Backup copied = file.backup(place("copy"));
            assertEquals(new Store.Backup(3, copied.bytes(), 3, 1), copied);
            Map<String, Object> info = file.info();
            assertEquals(List.of("file", 3L, place().toString(), "never", false),
                    Stream.of("engine", "head", "path", "sync", "read_only").map(info::get).toList());
        }
        String config = "{\"store\":\"file\",\"store_opts\":{\"path\":\"" + place() + "\"}}";
        for (Store again : List.of(Store.open(place("copy")), Store.open(place().toString()), Store.open(place("copy").toString(), Map.of("read_only", true)))) {
            assertEquals(numbers(1, 3), data(again.getEvents(new Query())));
            again.close();
        }
        try (Store file = Store.openJson(config)) {
            assertEquals(new Store.Copy(3, 3, 3), file.copyTo(store));
            assertEquals(new Store.Copy(0, 3, 3), file.copyTo(store));
            assertEquals(file.getEvents(new Query()), store.getEvents(new Query()));
        }
        try (Store slow = Store.open(place("slow"), Map.of("sync", Map.of("interval_ms", 100)))) {
            assertEquals(Map.of("interval_ms", 100L), slow.info().get("sync"));
        }
        assertThrows(IllegalArgumentException.class, () -> Store.open(place(), Map.of("path", "x")));
        assertThrows(RunestoreException.InvalidOptions.class, () -> Store.open(""));
        try (FileSystem zip = FileSystems.newFileSystem(URI.create("jar:" + place("files.zip").toUri()), Map.of("create", "true"))) {
            assertThrows(UnsupportedOperationException.class, () -> Store.open(zip.getPath("ledger.runes")));
            assertThrows(UnsupportedOperationException.class, () -> store.backup(zip.getPath("copy")));
        }
        try (Store memory = Store.openJson("{}")) {
            assertEquals("memory", memory.info().get("engine"));
        }
    }

    @Test
    void theLibraryHasAVersion() {
        assertTrue(Store.libraryVersion().matches("\\d+\\.\\d+\\.\\d+"), Store.libraryVersion());
    }
}
