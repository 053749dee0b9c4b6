package runestore;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A result that is read piece by piece, in memory that does not grow with it: {@link Store#cursor(Query)}. One that follows
 * ({@link Store#follow(Query)}) waits for new events at the end.
 *
 * <pre>{@code
 * try (Cursor cursor = store.follow(new Query().domain("account").after(position))) {
 *     while (cursor.hasNext()) {
 *         handle(cursor.next());
 *     }
 * }
 * }</pre>
 *
 * <p>One thread at a time reads a cursor; any may stop or close it. It is closed some time after nobody refers to it any more.
 */
public final class Cursor implements AutoCloseable, Iterator<Event> {
    /** A store is open as long as a cursor of it is used. */
    private final Store store;

    private final long number;
    private final boolean follows;
    private final boolean backward;
    private final Cleaner.Cleanable closing;
    private final ReentrantLock reading = new ReentrantLock();
    private volatile boolean closed;
    private volatile boolean stopped;
    private volatile boolean lost;

    private List<Event> piece = List.of();
    private int given;
    /** hasNext has said that there is a next one, so next gives it, whatever came between the two. */
    private volatile boolean promised;
    private long pieceEnd;
    private boolean done;
    private volatile long position;

    Cursor(Store store, long number, long begin, boolean follows, boolean backward) {
        this.store = store;
        this.number = number;
        this.follows = follows;
        this.backward = backward;
        position = begin;
        closing = Store.CLEANER.register(this, () -> Calls.cursorClose(number));
    }

    /**
     * Whether there is a next event; a follower waits for one. {@link Thread#interrupt} ends a wait within 50 ms with
     * {@link RunestoreException.Interrupted}, and leaves the thread interrupted; {@link #poll} throws what is checked.
     *
     * @return false at the end, and after a stop
     * @throws RunestoreException.Closed if the cursor or its store is closed, or was while it waited
     */
    @Override
    public boolean hasNext() {
        return waited(false) != null;
    }

    /**
     * The next event, waited for as by {@link #hasNext()}.
     *
     * @return the event
     * @throws NoSuchElementException at the end, and after a stop
     */
    @Override
    public Event next() {
        Event event = waited(true);
        if (event == null) {
            throw new NoSuchElementException("the cursor is at its end");
        }
        return event;
    }

    /**
     * The next event. A follower waits for one, at most so long.
     *
     * @param timeout from zero on
     * @return nothing if there is none in time, at the end, and after a stop
     * @throws InterruptedException if the thread is interrupted, of a follower
     * @throws RunestoreException.Closed if the cursor or its store is closed, or was while it waited
     */
    public Optional<Event> poll(Duration timeout) throws InterruptedException {
        return Optional.ofNullable(read(Waiting.checked(timeout), true));
    }

    /**
     * Everything up to it was given or does not match: the number to keep, and to begin behind another time with
     * {@link Query#after}. A cursor that goes backward says 0, or what the query begins behind, until it is at its end.
     *
     * @return a position
     */
    public long position() {
        return position;
    }

    /**
     * Whether the end was reached, or the cursor was stopped.
     *
     * @return true if no event comes any more
     */
    public boolean isDone() {
        return stopped && !promised || done && given == piece.size();
    }

    /**
     * The events that are left. Closing the stream closes the cursor, and so does reaching its end. Reading is sequential.
     *
     * @return a stream
     */
    public Stream<Event> stream() {
        Iterator<Event> events = new Iterator<>() {
            private boolean ended;

            @Override
            public boolean hasNext() {
                if (!ended && !Cursor.this.hasNext()) {
                    ended = true;
                    close();
                }
                return !ended;
            }

            @Override
            public Event next() {
                if (!hasNext()) {
                    throw new NoSuchElementException("the cursor is at its end");
                }
                return Cursor.this.next();
            }
        };
        int traits = Spliterator.ORDERED | Spliterator.NONNULL;
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(events, traits), false).onClose(this::close);
    }

    /**
     * Ends the iteration, also one that waits, as if there were no more events but the one that {@link #hasNext()} may have promised.
     * The cursor is still to be closed.
     */
    public void stop() {
        stopped = true;
        try {
            // That it is closed already is no news.
            Calls.cursorCancel(number);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Lets go of what the cursor holds. A read in progress ends with {@link RunestoreException.Closed}. Closing twice is fine. */
    @Override
    public void close() {
        closed = true;
        try {
            closing.clean();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Whether the cursor was closed.
     *
     * @return true after {@link #close()}
     */
    public boolean isClosed() {
        return closed;
    }

    private Event waited(boolean take) {
        try {
            return read(null, take);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RunestoreException.Interrupted(e.getMessage());
        }
    }

    /** The next event, which is the next one still where it is not taken; null if there is none. */
    private Event read(Duration timeout, boolean take) throws InterruptedException {
        if (!reading.tryLock()) {
            throw new RunestoreException.Misuse("another thread reads this cursor: give each a cursor of its own");
        }
        try {
            if (lost) {
                throw new RunestoreException.Closed(
                        "the cursor ended when its next events could not be taken over: open another one behind its position, " + position);
            }
            if (closed) {
                throw new RunestoreException.Closed("the cursor is closed: open another one");
            }
            if (!promised && (stopped || given == piece.size() && (done || !fetch(timeout)))) {
                return null;
            }
            promised = !take;
            return take ? taken() : piece.get(given);
        } finally {
            reading.unlock();
            Reference.reachabilityFence(this);
        }
    }

    private boolean fetch(Duration timeout) throws InterruptedException {
        Calls.Answer answer = follows
                ? Waiting.until(timeout, store.interrupts(), ms -> orLost(() -> Calls.cursorNext(number, 0, ms)))
                : orLost(() -> Calls.cursorNext(number, 0, 0));
        if (stopped && answer.status() < 0) {
            return false;
        }
        answer.orThrow();
        pieceEnd = answer.number();
        piece = List.of();
        given = 0;
        done = answer.status() == Calls.DONE;
        if (answer.status() != Calls.OK) {
            position = pieceEnd;
            return false;
        }
        piece = orLost(() -> Texts.events(answer.text()));
        return true;
    }

    /**
     * The library's cursor is behind what it has given. Where that cannot be taken over, for which memory may be short, going on would skip
     * it.
     */
    private <T> T orLost(Supplier<T> taking) {
        try {
            return taking.get();
        } catch (Throwable e) {
            lost = true;
            close();
            throw e;
        }
    }

    private Event taken() {
        Event event = piece.get(given);
        given++;
        if (given == piece.size()) {
            position = pieceEnd;
        } else if (!backward) {
            position = event.sequenceNumber();
        }
        return event;
    }
}
