import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import runestore.AppendOptions;
import runestore.Cursor;
import runestore.Event;
import runestore.NewEvent;
import runestore.Query;
import runestore.RunestoreException;
import runestore.Store;

/**
 * An account: decisions that hold, a reader that follows, an error. {@code java -cp ... Account.java [DIRECTORY]}; without a
 * directory the events are in memory.
 */
public final class Account {
    private static final Query ACCOUNT = new Query().stream("account", "a-1");

    private Account() {}

    private static NewEvent event(String type) {
        return new NewEvent(type, "account", "a-1");
    }

    private static long cents(Event event) {
        return event.data("cents") instanceof Long cents ? cents : 0;
    }

    /** Takes money from the account if it is there, whoever else does so at the same time; what is there if it is too little. */
    private static String withdraw(Store store, long cents) {
        while (true) {
            List<Event> events = store.getEvents(ACCOUNT);
            long balance = events.stream().mapToLong(Account::cents).sum();
            if (balance < cents) {
                return balance + " cents are there, " + cents + " are wanted";
            }
            try {
                store.append(event("Withdrawn").data(Map.of("cents", -cents)), new AppendOptions().expectedVersion(events.size()));
                return null;
            } catch (RunestoreException.Conflict e) {
                // Somebody was faster: read again, decide again.
            }
        }
    }

    private static void print(Cursor cursor) {
        long balance = 0;
        while (cursor.hasNext()) {
            Event event = cursor.next();
            balance += cents(event);
            System.out.printf("%3d %-10s %d%n", event.streamVersion(), event.type(), balance);
        }
    }

    public static void main(String[] arguments) throws Exception {
        try (Store store = arguments.length > 0 ? Store.open(arguments[0]) : Store.open();
                // A reader of its own: what is there and what comes, until it is told to stop.
                Cursor follower = store.follow(ACCOUNT)) {
            Thread reader = new Thread(() -> print(follower));
            reader.start();

            long from = store.head();
            store.append(List.of(
                    event("Opened").data(Map.of("owner", "Ada")), event("Deposited").data(Map.of("cents", 5000))));
            // Six at once want what is there for five: each is stored or refused, and the balance is right.
            ExecutorService six = Executors.newFixedThreadPool(6);
            List<Future<String>> withdrawals = new ArrayList<>();
            for (int n = 0; n < 6; n++) {
                withdrawals.add(six.submit(() -> withdraw(store, 1000)));
            }
            List<String> refused = new ArrayList<>();
            for (Future<String> withdrawal : withdrawals) {
                if (withdrawal.get() != null) {
                    refused.add(withdrawal.get());
                }
            }
            six.shutdown();

            Thread.sleep(200);
            follower.stop();
            reader.join();
            System.out.println(store.head() - from + " events more; " + refused.size() + " of 6 refused: " + refused.get(0));
        }
    }
}
