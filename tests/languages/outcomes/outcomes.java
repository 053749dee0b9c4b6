import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import runestore.Cursor;
import runestore.Event;
import runestore.NewEvent;
import runestore.Query;
import runestore.RunestoreException;
import runestore.Store;

/** What docs/LANGUAGES.md says of closing, threads and cancelling, from Java. */
final class Outcomes {
    private static final NewEvent EVENT = new NewEvent("T", "d", "i");

    private interface Work {
        void run() throws Exception;
    }

    private static Store opened() {
        return Store.open(System.getenv("OUTCOMES_STORE"));
    }

    private static String outcome(Work work) {
        try {
            work.run();
            return "nothing";
        } catch (RunestoreException e) {
            return e.code();
        } catch (Exception e) {
            return e.toString();
        }
    }

    private static String closedMeanwhile(Store store, Work work) throws Exception {
        CompletableFuture<String> running = CompletableFuture.supplyAsync(() -> outcome(work), task -> new Thread(task).start());
        Thread.sleep(100);
        store.close();
        return running.get();
    }

    private static List<Long> positions(List<Event> events) {
        return events.stream().map(Event::sequenceNumber).toList();
    }

    private static List<Long> range(long first, long last) {
        return LongStream.rangeClosed(first, last).boxed().toList();
    }

    public static void main(String[] arguments) throws Exception {
        Store first = opened();
        first.append(EVENT);
        Cursor cursor = first.cursor(new Query());
        first.close();
        System.out.println("append after close: " + outcome(() -> first.append(EVENT)));
        System.out.println("get_events after close: " + outcome(() -> first.getEvents(new Query())));
        System.out.println("a cursor after close: " + outcome(cursor::next));
        System.out.println("close again: " + (outcome(first::close).equals("nothing") ? "no harm" : "harm"));

        Store waits = opened();
        System.out.println("a wait, closed meanwhile: " + closedMeanwhile(waits, () -> waits.awaitHead(1_000_000)));

        Store follows = opened();
        System.out.println("a follower, closed meanwhile: " + closedMeanwhile(follows, () -> follows.follow(new Query()).stream().count()));

        Store appends = opened();
        List<Long> acknowledged = new ArrayList<>(range(1, appends.head()));
        String ending = closedMeanwhile(appends, () -> {
            while (true) {
                acknowledged.add(appends.append(EVENT).sequenceNumber());
            }
        });
        System.out.println("appends, closed meanwhile: " + ending);

        try (Store store = opened()) {
            List<Long> there = positions(store.getEvents(new Query()));
            boolean allThere = there.size() > 1 && there.equals(acknowledged);
            System.out.println("what was acknowledged: " + (allThere ? "all there" : "not what is there"));

            long before = store.head();
            List<Thread> threads = new ArrayList<>();
            for (String instanceId : List.of("0", "1")) {
                threads.add(new Thread(() -> range(1, 1000).forEach(data -> store.append(new NewEvent("T", "two", instanceId).data(data)))));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            List<Event> events = store.getEvents(new Query().domain("two"));
            boolean gapless = positions(events).equals(range(before + 1, before + 2000));
            boolean ordered = events.stream()
                    .collect(Collectors.groupingBy(Event::instanceId, Collectors.mapping(Event::data, Collectors.toList())))
                    .values().stream().allMatch(own -> own.equals(range(1, 1000)));
            System.out.println("two threads on one store: " + events.size() + " events, " + (gapless ? "no" : "a")
                    + " gap, each thread's in " + (ordered ? "its" : "another") + " order");

            try (Cursor follower = store.follow(new Query())) {
                CompletableFuture<String> running = CompletableFuture.supplyAsync(() -> outcome(() -> follower.forEachRemaining(event -> { })));
                Thread.sleep(100);
                follower.stop();
                String ended = running.get().equals("nothing") ? "it ends" : "it does not end";
                String goesOn = outcome(() -> store.append(EVENT)).equals("nothing") ? "goes on" : "does not";
                System.out.println("a follower, cancelled: " + ended + ", and the store " + goesOn);
            }
        }
    }
}
