import java.util.List;
import java.util.Map;
import runestore.Event;
import runestore.NewEvent;
import runestore.Query;
import runestore.Store;

/** One event a call, and one event a read, in memory: usage: Calls CALLS. Prints seconds, those of the JVM's own compiling among them. */
public final class Calls {
    private Calls() {}

    private static void print(String what, long begun) {
        System.out.println(what + " " + (System.nanoTime() - begun) / 1e9);
    }

    public static void main(String[] arguments) {
        int calls = Integer.parseInt(arguments[0]);
        try (Store store = Store.open()) {
            long begun = System.nanoTime();
            for (int n = 0; n < calls; n++) {
                Event event = store.append(new NewEvent("Deposited", "account", "a-" + n % 1000).data(Map.of("cents", n)));
                if (event.sequenceNumber() != n + 1) {
                    throw new AssertionError(event);
                }
            }
            print("append", begun);
            begun = System.nanoTime();
            for (int n = 0; n < calls; n++) {
                List<Event> events = store.getEvents(new Query().after(n).upTo(n + 1));
                if (events.size() != 1 || !events.get(0).data("cents").equals((long) n)) {
                    throw new AssertionError(events);
                }
            }
            print("get_events", begun);
        }
    }
}
