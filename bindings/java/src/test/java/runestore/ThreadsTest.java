package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ThreadsTest extends Fixture {
    private interface Wait {
        Object on(Store store) throws Exception;
    }

    private static final Duration LONG = Duration.ofMinutes(5);
    private static final Query NEVER = new Query().after(1000);

    /** Everything that waits; what an interrupted thread gets from those is checked, or is not. */
    private static final Map<String, Wait> CHECKED = Map.of(
            "awaitHead", store -> store.awaitHead(1000),
            "awaitHead, in time", store -> store.awaitHead(1000, LONG),
            "poll", store -> store.follow(NEVER).poll(LONG));

    private static final Map<String, Wait> UNCHECKED = Map.of(
            "hasNext", store -> store.follow(NEVER).hasNext(),
            "next", store -> store.follow(NEVER).next(),
            "stream", store -> store.follow(NEVER).stream().toList());

    private static Map<String, Wait> all() {
        Map<String, Wait> all = new LinkedHashMap<>(CHECKED);
        all.putAll(UNCHECKED);
        return all;
    }

    private static <T> List<Running<T>> running(int threads, Function<Integer, Callable<T>> call) {
        return IntStream.range(0, threads).mapToObj(index -> new Running<>(call.apply(index))).toList();
    }

    @Test
    void anInterruptedThreadWaitsNoMore() throws Exception {
        for (var wait : all().entrySet()) {
            boolean checked = CHECKED.containsKey(wait.getKey());
            boolean[] left = new boolean[1];
            Running<Object> running = Running.waiting(() -> {
                try {
                    return wait.getValue().on(store);
                } finally {
                    left[0] = Thread.currentThread().isInterrupted();
                }
            });
            running.thread.interrupt();
            long ended = took(() -> {
                Exception thrown = checked
                        ? running.thrown(InterruptedException.class)
                        : running.thrown(RunestoreException.Interrupted.class);
                assertTrue(thrown.getMessage().contains("interrupted"));
            });
            assertTrue(ended < SOON_MS, wait.getKey() + " took " + ended + " ms");
            // Who is told by an exception that is checked has heard of it; the others have not.
            assertEquals(!checked, left[0], wait.getKey());
        }
        assertEquals(1, store.append(event()).sequenceNumber());
    }

    @Test
    void anInterruptedThreadDoesWhatDoesNotWait() throws Exception {
        store.append(counted(1, 3000));
        Running<Object> running = new Running<>(() -> {
            Thread.currentThread().interrupt();
            assertEquals(3001, store.append(event()).sequenceNumber());
            assertEquals(3001, store.getEvents(new Query()).size());
            assertEquals(3001, store.stream(new Query(), new ReadOptions().maxBytes(1000)).count());
            assertTrue(store.cursor(new Query()).poll(Duration.ZERO).isPresent());
            assertEquals(3001, store.head());
            return Thread.currentThread().isInterrupted();
        });
        assertEquals(true, running.value());
    }

    @Test
    void endingOneWaitLeavesTheOthers() throws Exception {
        Running<Long> head = Running.waiting(() -> store.awaitHead(0));
        Running<Event> next = Running.waiting(() -> store.follow(new Query()).next());
        Running<Event> doomed = Running.waiting(() -> store.follow(new Query()).next());
        doomed.thread.interrupt();
        doomed.thrown(RunestoreException.Interrupted.class);
        Cursor stopped = store.follow(new Query());
        Running<List<Event>> ended = Running.waiting(() -> rest(stopped));
        stopped.stop();
        assertEquals(List.of(), ended.value());
        store.append(event());
        assertEquals(List.of(1L, 1L), List.of(head.value(), next.value().sequenceNumber()));
    }

    @Test
    void closingEndsWaits() throws Exception {
        List<Running<Object>> waits = new ArrayList<>();
        for (Wait wait : all().values()) {
            waits.add(Running.waiting(() -> wait.on(store)));
        }
        Cursor cursor = store.follow(new Query());
        Running<Boolean> reader = Running.waiting(cursor::hasNext);
        cursor.close();
        reader.thrown(RunestoreException.Closed.class);
        assertTrue(took(store::close) < 1000);
        for (Running<Object> wait : waits) {
            wait.thrown(RunestoreException.Closed.class);
        }
    }

    @Test
    void closingBesideCallsInManyThreads() throws Exception {
        for (int round = 0; round < 20; round++) {
            boolean memory = round % 2 == 1;
            var place = place("round" + round);
            Store shared = memory ? Store.open() : Store.open(place, Map.of("sync", "never"));
            List<Running<Long>> threads = running(8, index -> () -> {
                long stored = 0;
                try {
                    while (true) {
                        shared.append(new NewEvent("Opened", "account", "a-" + index));
                        stored++;
                        try (Cursor cursor = shared.cursor(new Query(), new ReadOptions().limit(50))) {
                            rest(cursor);
                        }
                        shared.getEvents(new Query(), new ReadOptions().limit(5));
                        shared.awaitHead(0);
                    }
                } catch (RunestoreException.Closed e) {
                    return stored;
                }
            });
            List<Running<Object>> closers = running(2, index -> () -> {
                Thread.sleep(20);
                shared.close();
                // Both return when it is closed: another may write it, one of them at a time.
                if (!memory) {
                    synchronized (place) {
                        Store.open(place).close();
                    }
                }
                return null;
            });
            for (Running<Object> closer : closers) {
                closer.value();
            }
            long stored = 0;
            for (Running<Long> thread : threads) {
                stored += thread.value();
            }
            if (!memory) {
                try (Store again = Store.open(place)) {
                    assertEquals(stored, again.head());
                }
            }
        }
    }

    @Test
    void manyThreadsUseOneStore() throws Exception {
        List<Running<Object>> threads = running(8, index -> () -> {
            for (long n = 0; n < 100; n++) {
                Event stored = store.append(new NewEvent("Opened", "account", "a-" + index), new AppendOptions().expectedVersion(n));
                assertEquals(n + 1, stored.streamVersion());
                assertEquals("a-" + index, stored.instanceId());
            }
            return null;
        });
        List<Long> seen = store.follow(new Query(), new ReadOptions().limit(800)).stream().map(Event::sequenceNumber).toList();
        assertEquals(LongStream.rangeClosed(1, 800).boxed().toList(), seen);
        for (Running<Object> thread : threads) {
            thread.value();
        }
        int refused = 0;
        for (Running<Integer> thread : running(4, index -> () -> {
            try {
                store.append(new NewEvent("Opened", "account", "once"), new AppendOptions().expectedVersion(0));
                return 0;
            } catch (RunestoreException.Conflict e) {
                return 1;
            }
        })) {
            refused += thread.value();
        }
        assertEquals(3, refused);
    }

    @Test
    void catchUpAndLiveAreOneSequence() throws Exception {
        store.append(counted(1, 1500));
        Running<Object> appender = new Running<>(() -> {
            for (int n = 1501; n <= 2000; n++) {
                store.append(counted(n, n));
            }
            return null;
        });
        try (Cursor follower = store.follow(new Query().type("Counted").after(10))) {
            assertEquals(numbers(11, 2000), data(follower.stream().limit(1990).toList()));
        }
        appender.value();
    }

    @Test
    void aFollowerIsStopped() throws Exception {
        store.append(counted(1, 10));
        try (Cursor follower = store.follow(new Query())) {
            List<Object> seen = new ArrayList<>();
            while (follower.hasNext()) {
                seen.add(follower.next().data());
                if (seen.size() == 3) {
                    follower.stop();
                }
            }
            assertEquals(numbers(1, 3), seen);
            assertEquals(3, follower.position());
            assertTrue(follower.isDone());
            assertFalse(follower.isClosed());
            assertTrue(follower.poll(LONG).isEmpty());
        }
        for (int round = 0; round < 50; round++) {
            Cursor follower = store.follow(new Query().after(10));
            Running<List<Event>> reader = new Running<>(() -> rest(follower));
            Thread.sleep(round % 5);
            assertTrue(took(() -> {
                follower.stop();
                assertEquals(List.of(), reader.value());
            }) < SOON_MS);
            follower.close();
        }
    }

    @Test
    void whatWasPromisedIsGivenThoughTheFollowerIsStopped() throws Exception {
        store.append(counted(1, 1000));
        try (Cursor follower = store.follow(new Query())) {
            assertTrue(follower.hasNext());
            follower.stop();
            assertFalse(follower.isDone());
            assertEquals(1, follower.next().sequenceNumber());
            assertTrue(follower.isDone());
            assertFalse(follower.hasNext());
            assertThrows(NoSuchElementException.class, follower::next);
        }
        for (int round = 0; round < 200; round++) {
            try (Cursor follower = store.follow(new Query())) {
                List<Long> seen = new ArrayList<>();
                Running<Object> reader = new Running<>(() -> {
                    follower.forEachRemaining(event -> seen.add(event.sequenceNumber()));
                    return null;
                });
                LockSupport.parkNanos(round * 7500L);
                follower.stop();
                reader.value();
                assertEquals(seen.size(), follower.position());
            }
        }
    }

    @Test
    void anInterruptOfTheStoreEndsAWaitWhereverItStands() throws Exception {
        for (var wait : all().entrySet()) {
            // Wherever in a slice.
            for (int round = 0; round < 3; round++) {
                Running<Object> running = new Running<>(() -> wait.getValue().on(store));
                Thread.sleep(130 + 17 * round);
                store.interrupt();
                running.thrown(RunestoreException.Interrupted.class);
                assertFalse(running.thread.isInterrupted());
            }
        }
        // Those that begin later are not touched.
        assertEquals(0, store.head());
        assertTrue(store.awaitHead(0, Duration.ofMillis(100)).isEmpty());
    }

    @Test
    void anInterruptBetweenTwoSlicesIsSeen() {
        AtomicInteger slices = new AtomicInteger();
        assertThrows(RunestoreException.Interrupted.class, () -> Waiting.until(null, store.interrupts(), ms -> {
            Calls.Answer answer = Calls.await(store.number(), 0, 0);
            if (slices.incrementAndGet() == 3) {
                store.interrupt();
            }
            return answer;
        }));
        assertEquals(3, slices.get());
    }

    @Test
    void oneThreadAtATimeReadsACursor() throws Exception {
        Cursor follower = store.follow(new Query());
        Running<Event> reader = Running.waiting(follower::next);
        assertThrows(RunestoreException.Misuse.class, follower::hasNext);
        assertThrows(RunestoreException.Misuse.class, () -> follower.poll(Duration.ZERO));
        store.append(event());
        assertEquals(1, reader.value().sequenceNumber());
        // One after the other is fine.
        store.append(event());
        assertEquals(2, new Running<>(follower::next).value().sequenceNumber());
        follower.close();
    }

    @Test
    void threadsThatReadOneCursorGetEachEventOnce() throws Exception {
        store.append(counted(1, 5000));
        Cursor cursor = store.cursor(new Query(), new ReadOptions().maxBytes(2000));
        List<Running<List<Object>>> threads = running(4, index -> () -> {
            List<Object> seen = new ArrayList<>();
            while (true) {
                try {
                    seen.add(cursor.next().data());
                } catch (RunestoreException.Misuse e) {
                    Thread.onSpinWait();
                } catch (NoSuchElementException e) {
                    return seen;
                }
            }
        });
        List<Long> all = new ArrayList<>();
        for (Running<List<Object>> thread : threads) {
            thread.value().forEach(number -> all.add((Long) number));
        }
        all.sort(null);
        assertEquals(numbers(1, 5000), new ArrayList<Object>(all));
    }
}
