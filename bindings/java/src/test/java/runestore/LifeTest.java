package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is closed, when, and by whom. */
class LifeTest extends Fixture {
    private List<Long> forgotten(int cursors) {
        List<Long> numbers = new ArrayList<>();
        for (int n = 0; n < cursors; n++) {
            numbers.add(Calls.cursorOpen(store.number(), null, null).orThrow().number());
            new Cursor(store, numbers.get(n), 0, false, false).hasNext();
        }
        return numbers;
    }

    @Test
    void aCursorThatNobodyRefersToIsClosed() throws Exception {
        store.append(counted(1, 2000));
        List<Long> numbers = forgotten(20);
        Cursor kept = store.cursor(new Query());
        eventually(() -> {
            System.gc();
            return numbers.stream().allMatch(number -> Calls.cursorCancel(number).status() == -2);
        });
        assertEquals(2000, rest(kept).size());
        kept.close();
    }

    private WeakReference<Store> forgottenStore() {
        Store file = Store.open(place());
        file.append(event());
        file.cursor(new Query()).next();
        return new WeakReference<>(file);
    }

    @Test
    void aStoreThatNobodyRefersToIsClosed() throws Exception {
        WeakReference<Store> forgotten = forgottenStore();
        eventually(() -> {
            System.gc();
            try (Store again = Store.open(place())) {
                return again.head() == 1;
            } catch (RunestoreException.Locked e) {
                return false;
            }
        });
        assertEquals(null, forgotten.get());
    }

    private Cursor cursorOfAForgottenStore() {
        Store forgotten = Store.open();
        forgotten.append(counted(1, 3));
        return forgotten.cursor(new Query());
    }

    @Test
    void aCursorKeepsItsStore() throws Exception {
        Cursor cursor = cursorOfAForgottenStore();
        for (int n = 0; n < 5; n++) {
            System.gc();
            Thread.sleep(5);
        }
        assertEquals(numbers(1, 3), data(rest(cursor)));
        cursor.close();
    }

    @Test
    void aCallInProgressKeepsWhatItUses() throws Exception {
        List<Running<Boolean>> waits = List.of(
                new Running<>(() -> Store.open().awaitHead(0, Duration.ofMillis(300)).isEmpty()),
                new Running<>(() -> Store.open().follow(new Query()).poll(Duration.ofMillis(300)).isEmpty()),
                new Running<>(() -> Store.open().follow(new Query(), new ReadOptions().limit(0)).stream().findFirst().isEmpty()));
        for (int n = 0; n < 20; n++) {
            System.gc();
            Thread.sleep(10);
        }
        for (Running<Boolean> wait : waits) {
            assertEquals(true, wait.value());
        }
    }

    @Test
    void cursorsLeftOpenWhenTheStoreCloses() {
        store.append(counted(1, 2000));
        Cursor begun = store.cursor(new Query(), new ReadOptions().maxBytes(1000));
        assertEquals(1L, begun.next().data());
        Cursor fresh = store.cursor(new Query());
        store.close();
        // What was fetched is there, and then it is closed.
        List<Object> seen = new ArrayList<>();
        assertThrows(RunestoreException.Closed.class, () -> begun.forEachRemaining(event -> seen.add(event.data())));
        assertTrue(seen.size() < 10, () -> seen.size() + " events");
        assertThrows(RunestoreException.Closed.class, fresh::hasNext);
        begun.close();
        fresh.close();
        assertThrows(RunestoreException.Closed.class, begun::hasNext);
    }

    @Test
    void aStreamThatFailsClosesNothingTwice() {
        store.append(counted(1, 3));
        Cursor cursor = store.cursor(new Query());
        assertThrows(IllegalStateException.class, () -> {
            try (var stream = cursor.stream()) {
                stream.forEach(event -> {
                    throw new IllegalStateException();
                });
            }
        });
        assertTrue(cursor.isClosed());
    }

    @Test
    void aProcessThatEndsLeavesWhatWasAcknowledged() throws Exception {
        String source = """
                import runestore.*;

                public class Program {
                    public static void main(String[] arguments) throws Exception {
                        Store store = Store.open("ledger.runes", java.util.Map.of("sync", "never"));
                        for (int n = 0; n < 4; n++) {
                            Thread waits = new Thread(() -> store.follow(new Query().after(9)).hasNext());
                            waits.setDaemon(true);
                            waits.start();
                        }
                        store.append(new NewEvent("T", "d", "i"));
                        Thread.sleep(100);
                        System.out.println("end");
                        if (arguments.length > 0) {
                            Runtime.getRuntime().halt(0);
                        }
                    }
                }
                """;
        assertTrue(took(() -> assertEquals("end\n", program(source, Map.of(), List.of()))) < 20_000);
        assertEquals("end\n", program(source, Map.of(), List.of(), "halt"));
        try (Store file = Store.open(place())) {
            assertEquals(2, file.head());
        }
    }

    @Test
    void aProcessThatThisOneStartsLeavesTheStoresAlone() throws Exception {
        try (Store file = Store.open(place())) {
            file.append(event());
            assertEquals(0, new ProcessBuilder("true").start().waitFor());
            System.gc();
            assertEquals(2, file.append(event()).sequenceNumber());
            assertThrows(RunestoreException.Locked.class, () -> Store.open(place()));
        }
    }
}
