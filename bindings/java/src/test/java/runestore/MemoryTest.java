package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What was used is given back. RUNESTORE_TEST_CALLS=1000000 for the long run. */
class MemoryTest extends Fixture {
    private static final int CALLS = Integer.parseInt(System.getenv().getOrDefault("RUNESTORE_TEST_CALLS", "20000"));

    /** An answer of 1 KiB kept by each of 20,000 calls would come to 20 MiB. */
    private static final long GROWTH_KIB_MAX = 8 << 10;

    /** What a process of its own grows by in so many calls: resident, and in the heap. */
    private record Growth(long resident, long heap) {}

    private Growth growth(String work, int calls) throws Exception {
        // The heap is resident from the beginning, so what is resident more is not of the heap.
        Ended ended = java(Map.of("MALLOC_ARENA_MAX", "2"), List.of(
                "-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC", Program.class.getName(), work, String.valueOf(calls)));
        assertEquals(0, ended.status(), ended.output());
        String[] grown = ended.output().trim().split(" ");
        return new Growth(Long.parseLong(grown[0]), Long.parseLong(grown[1]));
    }

    private void assertBounded(String name, String work) throws Exception {
        assertTrue(CALLS >= 20_000, "so few calls would show nothing");
        Growth grown = growth(work, CALLS);
        System.out.printf("memory, %s: %d calls, %d KiB more resident, %d in the heap%n", name, CALLS, grown.resident, grown.heap);
        assertTrue(grown.resident < GROWTH_KIB_MAX, grown::toString);
        assertTrue(grown.heap < GROWTH_KIB_MAX, grown::toString);
    }

    @Test
    void appendsAndReads() throws Exception {
        assertBounded("appends and reads", "appends");
    }

    @Test
    void cursors() throws Exception {
        assertBounded("cursors, ended, closed and left in the middle, and followers", "cursors");
    }

    @Test
    void errors() throws Exception {
        assertBounded("errors and answers that cannot be read", "errors");
    }

    @Test
    void aLeakIsSeen() throws Exception {
        assertTrue(growth("leaks", 20_000).heap > GROWTH_KIB_MAX);
    }

    @Test
    void aBufferThatIsNotFreedIsSeen() throws Exception {
        assertTrue(growth("buffers", 20_000).resident > GROWTH_KIB_MAX);
    }

    /** Run by the tests above. */
    static final class Program {
        private static final NewEvent EVENT = new NewEvent("Opened", "account", "a-1").data(Map.of("text", "x".repeat(1000)));
        private static final List<byte[]> KEPT = new ArrayList<>();

        private Program() {}

        public static void main(String[] arguments) throws Exception {
            int calls = Integer.parseInt(arguments[1]);
            work(arguments[0], Math.max(calls / 2, 20_000));
            long resident = resident();
            long heap = heap();
            work(arguments[0], calls);
            System.out.println((resident() - resident) + " " + (heap() - heap));
        }

        private static long resident() throws Exception {
            for (int n = 0; n < 3; n++) {
                System.gc();
                Thread.sleep(50);
            }
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("VmRSS:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .sum();
        }

        private static long heap() {
            Runtime runtime = Runtime.getRuntime();
            return (runtime.totalMemory() - runtime.freeMemory()) >> 10;
        }

        /** A store holds what was appended, so there is a new one now and then. */
        private static void work(String work, int calls) throws Exception {
            for (int done = 0; done < calls; done += 500) {
                try (Store store = Store.open()) {
                    for (int n = 0; n < 250; n++) {
                        switch (work) {
                            case "appends" -> appends(store, n);
                            case "cursors" -> cursors(store, n);
                            case "errors" -> errors(store, n);
                            case "leaks" -> KEPT.add(store.append(EVENT).dataJson().getBytes(StandardCharsets.UTF_8));
                            default -> buffers(store, n);
                        }
                    }
                }
            }
        }

        private static void appends(Store store, int n) {
            store.append(EVENT);
            List<Event> events = store.getEvents(new Query().after(n));
            if (events.size() != 1 || events.get(0).sequenceNumber() != n + 1) {
                throw new AssertionError(events);
            }
        }

        private static void cursors(Store store, int n) {
            store.append(n == 0 ? Collections.nCopies(20, EVENT) : List.of());
            switch (n % 5) {
                case 0 -> store.stream(new Query(), new ReadOptions().limit(15)).toList();
                case 1 -> store.stream(new Query()).findFirst();
                case 2 -> store.cursor(new Query(), new ReadOptions().maxBytes(2000)).next();
                case 3 -> store.follow(new Query(), new ReadOptions().limit(2)).stream().toList();
                default -> {
                    try (Cursor cursor = store.follow(new Query())) {
                        cursor.next();
                    }
                }
            }
        }

        private static void errors(Store store, int n) {
            try {
                switch (n % 3) {
                    case 0 -> store.appendJson("{\"" + "x".repeat(1000) + "\":1}", null);
                    case 1 -> store.getEvents(Query.json("{\"" + "x".repeat(1000) + "\":1}"));
                    default -> Texts.events("[{\"id\":".getBytes(StandardCharsets.US_ASCII));
                }
                throw new AssertionError("it was accepted");
            } catch (RunestoreException e) {
                store.head();
            }
        }

        /** As a call would that does not free its answer. */
        private static void buffers(Store store, int n) {
            store.append(EVENT);
            ByteBuffer outputs = ByteBuffer.allocateDirect(16);
            long address = Pointer.nativeValue(Native.getDirectBufferPointer(outputs));
            byte[] query = new Query().after(n).bytes();
            Functions.store_get_events(store.number(), query, query.length, null, 0, address, address + 8);
        }
    }
}
