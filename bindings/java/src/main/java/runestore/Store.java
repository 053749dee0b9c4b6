package runestore;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * An open store. Any number of threads may use it at once, {@link #close()} included.
 *
 * <pre>{@code
 * try (Store store = Store.open("ledger.runes")) {
 *     store.append(new NewEvent("Opened", "account", "a-1").data(Map.of("owner", "Ada")));
 * }
 * }</pre>
 *
 * <p>A call runs in the library and ends when that is done: {@link Thread#interrupt} ends waits alone. After a close each call throws
 * {@link RunestoreException.Closed}. A store is closed some time after nobody refers to it any more; one that is open when the process
 * ends is left as by a process that died: what was acknowledged is there.
 */
public final class Store implements AutoCloseable {
    static final Cleaner CLEANER = Cleaner.create();

    /** The library never issues it again, so a call after or during a close is an error and no more. */
    private final long number;

    private final AtomicLong interrupts = new AtomicLong();
    private final Closing closing;
    private final Cleaner.Cleanable cleanable;
    private volatile boolean closed;

    /** It must not refer to the store. */
    private static final class Closing implements Runnable {
        private final long number;
        private Calls.Answer answer;

        Closing(long number) {
            this.number = number;
        }

        @Override
        public void run() {
            answer = Calls.close(number);
        }
    }

    private Store(byte[] config) {
        Functions.load();
        number = Calls.init(config).orThrow().number();
        closing = new Closing(number);
        cleanable = CLEANER.register(this, closing);
    }

    // ---- opening ----

    /**
     * Opens a store in memory, which is gone when it is closed.
     *
     * @return the store
     * @throws UnsatisfiedLinkError if the library cannot be loaded, here and wherever a store is opened
     */
    public static Store open() {
        return new Store(null);
    }

    /**
     * Opens the store in a directory, which is made if it is not there.
     *
     * @param directory where the events are
     * @return the store
     * @throws RunestoreException if it cannot be opened
     */
    public static Store open(Path directory) {
        return open(directory, Map.of());
    }

    /**
     * Opens the store in a directory.
     *
     * @param directory where the events are, of the default file system
     * @param options those of the engine {@code file}: {@code Map.of("sync", "never", "read_only", true)}
     * @return the store
     * @throws RunestoreException if it cannot be opened
     */
    public static Store open(Path directory, Map<String, ?> options) {
        return open("file", "path", text(directory), options);
    }

    /** A path may have bytes that its text has not: another folder would be meant. */
    private static String text(Path path) {
        // A path that is not of the machine's files has no File.
        String text = path.toFile().getPath();
        try {
            if (Path.of(text).equals(path)) {
                return text;
            }
        } catch (InvalidPathException e) {
            // Said below.
        }
        throw new RunestoreException.InvalidOptions("`path`: the name of " + text + " has bytes that are no text in this locale ("
                + System.getProperty("sun.jnu.encoding") + "): run Java with LC_ALL=C.UTF-8, or give the path as a String", "path");
    }

    /**
     * Opens the store in a directory, or in a PostgreSQL database.
     *
     * @param target a path, or an address that begins with postgresql:// or postgres://
     * @return the store
     * @throws RunestoreException if it cannot be opened
     */
    public static Store open(String target) {
        return open(target, Map.of());
    }

    /**
     * Opens the store in a directory, or in a PostgreSQL database.
     *
     * @param target a path, or an address that begins with postgresql:// or postgres://
     * @param options those of the engine {@code file} or {@code postgres}
     * @return the store
     * @throws RunestoreException if it cannot be opened
     */
    public static Store open(String target, Map<String, ?> options) {
        boolean postgres = target.startsWith("postgresql://") || target.startsWith("postgres://");
        return postgres ? open("postgres", "url", target, options) : open("file", "path", target, options);
    }

    private static Store open(String engine, String member, String target, Map<String, ?> options) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put(member, target);
        options.forEach((name, value) -> {
            if (all.put(name, value) != null && name.equals(member)) {
                throw new IllegalArgumentException("`" + member + "` is given twice");
            }
        });
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("store", engine);
        config.put("store_opts", all);
        return new Store(Json.bytes(config, "config"));
    }

    /**
     * Opens the store of a configuration, of whatever engine.
     *
     * @param config {@code {"store":NAME,"store_opts":{...}}}
     * @return the store
     * @throws RunestoreException if it cannot be opened
     */
    public static Store openJson(String config) {
        return new Store(Json.utf8(config, "config"));
    }

    /**
     * The version of the library, which is not this package's.
     *
     * @return a version such as {@code "0.1.0"}
     */
    public static String libraryVersion() {
        Functions.load();
        return Calls.version();
    }

    // ---- appending ----

    /**
     * Stores an event.
     *
     * @param event the event
     * @return the event as it is stored
     * @throws RunestoreException if nothing was stored, or ({@link RunestoreException.Indeterminate}) it could not be learnt
     */
    public Event append(NewEvent event) {
        return append(event, new AppendOptions());
    }

    /**
     * Stores an event.
     *
     * @param event the event
     * @param options what is checked inside the commit
     * @return the event as it is stored
     * @throws RunestoreException if nothing was stored, or ({@link RunestoreException.Indeterminate}) it could not be learnt
     */
    public Event append(NewEvent event, AppendOptions options) {
        return Texts.events(appended(NewEvent.bytes(List.of(event), false), options.bytes())).get(0);
    }

    /**
     * Stores events as one batch: all of them, or nothing.
     *
     * @param events the events
     * @return the events as they are stored
     * @throws RunestoreException if nothing was stored, or ({@link RunestoreException.Indeterminate}) it could not be learnt
     */
    public List<Event> append(List<NewEvent> events) {
        return append(events, new AppendOptions());
    }

    /**
     * Stores events as one batch: all of them, or nothing. Give each an id, and an append whose outcome you did not learn can be
     * repeated: what is stored already is answered, and not stored twice.
     *
     * @param events the events
     * @param options what is checked inside the commit
     * @return the events as they are stored
     * @throws RunestoreException if nothing was stored, or ({@link RunestoreException.Indeterminate}) it could not be learnt
     */
    public List<Event> append(List<NewEvent> events, AppendOptions options) {
        return Texts.events(appended(NewEvent.bytes(events, true), options.bytes()));
    }

    /**
     * The same with a shorter answer, which costs less.
     *
     * @param events the events
     * @param options what is checked inside the commit
     * @return where the events are stored
     * @throws RunestoreException if nothing was stored, or ({@link RunestoreException.Indeterminate}) it could not be learnt
     */
    public Summary appendSummary(List<NewEvent> events, AppendOptions options) {
        byte[] text = appended(NewEvent.bytes(events, true), options.with("return", "summary").bytes());
        Map<String, Object> said = Json.object(text);
        return new Summary(
                Texts.number(said, "first"), Texts.number(said, "last"), Texts.number(said, "count"), Texts.number(said, "head"));
    }

    /**
     * Stores what is JSON already.
     *
     * @param events an event, or an array of events
     * @param options an object, or null
     * @return the library's answer as it is
     * @throws RunestoreException if nothing was stored, or ({@link RunestoreException.Indeterminate}) it could not be learnt
     */
    public String appendJson(String events, String options) {
        return text(appended(Json.utf8(events, "events"), options == null ? null : Json.utf8(options, "options")));
    }

    private byte[] appended(byte[] events, byte[] options) {
        return answered(Calls.append(number, events, options)).text();
    }

    // ---- reading ----

    /**
     * The events that a query means, all of one moment, in the order of their positions.
     *
     * @param query which events
     * @return the events
     */
    public List<Event> getEvents(Query query) {
        return getEvents(query, new ReadOptions());
    }

    /**
     * The events that a query means, all of one moment. Read what may not fit in memory with a cursor.
     *
     * @param query which events
     * @param options how many, and from which end
     * @return the events
     */
    public List<Event> getEvents(Query query, ReadOptions options) {
        return Texts.events(answered(Calls.getEvents(number, query.bytes(), options.bytes())).text());
    }

    /**
     * A page of the events that a query means, with the number of all. The limit is the size of a page, 100 where nothing is said.
     * With its head as the query's {@link Query#upTo} further pages are of the same moment.
     *
     * @param query which events
     * @param options how many, and from which end
     * @return the page
     */
    public Page getPage(Query query, ReadOptions options) {
        return Texts.page(answered(Calls.getEvents(number, query.bytes(), options.with("pagination", true).bytes())).text());
    }

    /**
     * The library's answer as it is: each payload byte for byte.
     *
     * @param query a query, or null for all events
     * @param options an object, or null
     * @return JSON, or with the option {@code "format":"ndjson"} an event a line
     */
    public String getEventsJson(String query, String options) {
        byte[] which = query == null ? null : Json.utf8(query, "query");
        return text(answered(Calls.getEvents(number, which, options == null ? null : Json.utf8(options, "options"))).text());
    }

    /**
     * The events that a query means, of this moment, one by one, in memory that does not grow with their number.
     *
     * @param query which events
     * @return a cursor, to close
     */
    public Cursor cursor(Query query) {
        return cursor(query, new ReadOptions());
    }

    /**
     * The events that a query means, of this moment, one by one, in memory that does not grow with their number.
     *
     * @param query which events
     * @param options how many, and from which end
     * @return a cursor, to close
     */
    public Cursor cursor(Query query, ReadOptions options) {
        return cursor(query, options, false);
    }

    /**
     * The same as a stream. Reaching its end closes the cursor behind it, and so does closing it.
     *
     * @param query which events
     * @return a stream, to close where it may not be read to its end
     */
    public Stream<Event> stream(Query query) {
        return cursor(query).stream();
    }

    /**
     * The same as a stream. Reaching its end closes the cursor behind it, and so does closing it.
     *
     * @param query which events
     * @param options how many, and from which end
     * @return a stream, to close where it may not be read to its end
     */
    public Stream<Event> stream(Query query, ReadOptions options) {
        return cursor(query, options).stream();
    }

    /**
     * What is there, and then what comes: one sequence, nothing skipped and nothing twice.
     *
     * @param query which events
     * @return a cursor that waits, to close
     */
    public Cursor follow(Query query) {
        return follow(query, new ReadOptions());
    }

    /**
     * What is there, and then what comes: one sequence, nothing skipped and nothing twice. It ends after as many events as the limit
     * says, or behind the query's {@link Query#upTo}.
     *
     * @param query which events
     * @param options how many
     * @return a cursor that waits, to close
     */
    public Cursor follow(Query query, ReadOptions options) {
        return cursor(query, options.with("follow", true), true);
    }

    private Cursor cursor(Query query, ReadOptions options, boolean follows) {
        Calls.Answer answer = answered(Calls.cursorOpen(number, query.bytes(), options.bytes()));
        return new Cursor(this, answer.number(), query.begin(), follows, options.isBackward());
    }

    // ---- waiting ----

    /**
     * The last position.
     *
     * @return a sequence number, 0 in an empty store
     */
    public long head() {
        return answered(Calls.await(number, 0, 0)).number();
    }

    /**
     * Waits until the head is larger than a position.
     *
     * @param after a sequence number, or 0
     * @return the head then
     * @throws InterruptedException if the thread is interrupted, which ends the wait within 50 ms
     */
    public long awaitHead(long after) throws InterruptedException {
        return awaited(after, null).number();
    }

    /**
     * Waits until the head is larger than a position, at most so long.
     *
     * @param after a sequence number, or 0
     * @param timeout from zero on
     * @return the head then, or nothing if it took longer
     * @throws InterruptedException if the thread is interrupted, which ends the wait within 50 ms
     */
    public OptionalLong awaitHead(long after, Duration timeout) throws InterruptedException {
        Calls.Answer answer = awaited(after, Waiting.checked(timeout));
        return answer.status() == Calls.OK ? OptionalLong.of(answer.number()) : OptionalLong.empty();
    }

    private Calls.Answer awaited(long after, Duration timeout) throws InterruptedException {
        if (after < 0) {
            throw new RunestoreException.InvalidOptions("`after` must be a position, from 0 on", "after");
        }
        return answered(Waiting.until(timeout, interrupts, ms -> Calls.await(number, after, ms)));
    }

    /** Ends the calls in progress with {@link RunestoreException.Interrupted}, and not those that begin later. */
    public void interrupt() {
        interrupts.incrementAndGet();
        answered(Calls.interrupt(number));
    }

    AtomicLong interrupts() {
        return interrupts;
    }

    // ---- the rest ----

    /**
     * The position that a reader has recorded by {@link AppendOptions#tracking}.
     *
     * @param source the reader's name
     * @return a sequence number, 0 if it has recorded none
     */
    public long tracking(String source) {
        return answered(Calls.tracking(number, Json.utf8(source, "source"))).number();
    }

    /**
     * What is known about the store, as far as its engine has it: engine, head, events, bytes …
     *
     * @return a map
     */
    public Map<String, Object> info() {
        return Json.object(answered(Calls.info(number)).text());
    }

    /**
     * Reads all that is stored and checks it. Damage is no error, but a problem in the answer.
     *
     * @return what was found
     */
    public Verification verify() {
        Map<String, Object> said = Json.object(answered(Calls.verify(number)).text());
        List<Problem> problems = ((List<?>) said.get("problems")).stream().map(Problem::of).toList();
        return new Verification((Boolean) said.get("ok"), Texts.number(said, "events"), Texts.number(said, "bytes"), problems);
    }

    /**
     * Copies the store, which may be in use, into a new directory, and reads the copy to check it.
     *
     * @param directory a path where nothing is, or an empty directory
     * @return what was copied
     */
    public Backup backup(Path directory) {
        byte[] path = Json.utf8(text(directory), "path");
        Map<String, Object> said = Json.object(answered(Calls.backup(number, path)).text());
        return new Backup(
                Texts.number(said, "events"), Texts.number(said, "bytes"), Texts.number(said, "head"), Texts.number(said, "segments"));
    }

    /**
     * Copies the store into another one, of any engine, with positions, ids, times and tracking. What the target has already must be
     * the beginning of this one: a copy that ended early is gone on with by copying again.
     *
     * @param target an open store
     * @return what was copied
     */
    public Copy copyTo(Store target) {
        try {
            Map<String, Object> said = Json.object(answered(Calls.copy(number, target.number)).text());
            return new Copy(Texts.number(said, "copied"), Texts.number(said, "events"), Texts.number(said, "head"));
        } finally {
            Reference.reachabilityFence(target);
        }
    }

    /**
     * Ends what waits and reads with {@link RunestoreException.Closed}, lets a commit that has begun finish, and returns when files
     * and locks are let go. Closing twice is fine.
     *
     * @throws RunestoreException if the engine could not end in order; the store is closed all the same
     */
    @Override
    public void close() {
        closed = true;
        // A second one returns when the first has ended, and has no news.
        synchronized (closing) {
            try {
                cleanable.clean();
            } finally {
                Reference.reachabilityFence(this);
            }
            Calls.Answer answer = closing.answer;
            closing.answer = null;
            if (answer != null) {
                answer.orThrow();
            }
        }
    }

    /**
     * Whether the store was closed.
     *
     * @return true after {@link #close()}
     */
    public boolean isClosed() {
        return closed;
    }

    long number() {
        return number;
    }

    private static String text(byte[] answer) {
        return new String(answer, StandardCharsets.UTF_8);
    }

    /** It also keeps a store that nobody else refers to from being closed before the call has returned. */
    private Calls.Answer answered(Calls.Answer answer) {
        Reference.reachabilityFence(this);
        return answer.orThrow();
    }

    // ---- answers ----

    /**
     * Where events were stored.
     *
     * @param first the position of the first, 0 if there is none
     * @param last the position of the last, 0 if there is none
     * @param count how many
     * @param head the store's last position then
     */
    public record Summary(long first, long last, long count, long head) {}

    /**
     * One of the pages that a query comes to.
     *
     * @param events the events of the page
     * @param totalCount how many events match
     * @param pageSize how many events a page has
     * @param pageNumber the page's number, from 1 on
     * @param totalPages how many pages there are
     * @param hasNext whether there is a page behind it
     * @param hasPrev whether there is a page before it
     * @param head the store's last position then
     */
    public record Page(
            List<Event> events,
            long totalCount,
            long pageSize,
            long pageNumber,
            long totalPages,
            boolean hasNext,
            boolean hasPrev,
            long head) {}

    /**
     * What {@link #verify()} found.
     *
     * @param ok whether all is sound
     * @param events how many events there are
     * @param bytes how many bytes they take
     * @param problems what is damaged
     */
    public record Verification(boolean ok, long events, long bytes, List<Problem> problems) {}

    /**
     * A damage.
     *
     * @param file where
     * @param offset where in the file
     * @param message what it is
     * @param first the first position concerned, if it is known
     * @param last the last position concerned, if it is known
     */
    public record Problem(String file, long offset, String message, OptionalLong first, OptionalLong last) {
        private static Problem of(Object said) {
            Map<?, ?> map = (Map<?, ?>) said;
            return new Problem(
                    String.valueOf(map.get("file")), Texts.number(map, "offset"), String.valueOf(map.get("message")),
                    position(map.get("first")), position(map.get("last")));
        }

        private static OptionalLong position(Object said) {
            return said instanceof Long position ? OptionalLong.of(position) : OptionalLong.empty();
        }
    }

    /**
     * What {@link #backup} copied.
     *
     * @param events how many events
     * @param bytes how many bytes
     * @param head the copy's last position
     * @param segments how many files of the log
     */
    public record Backup(long events, long bytes, long head, long segments) {}

    /**
     * What {@link #copyTo} copied this time, and what the target has now.
     *
     * @param copied how many events were copied
     * @param events how many the target has
     * @param head its last position
     */
    public record Copy(long copied, long events, long head) {}
}
