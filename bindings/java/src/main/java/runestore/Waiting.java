package runestore;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/** Waits in slices, since nothing but an interrupt of the whole store could end one thread's call inside the library. */
final class Waiting {
    /** For how many milliseconds {@link Thread#interrupt} may be overlooked. */
    static final long SLICE_MS = 50;

    private static final Duration ENDLESS = Duration.ofNanos(Long.MAX_VALUE / 2);

    private Waiting() {}

    static Duration checked(Duration timeout) {
        if (timeout.isNegative()) {
            throw new RunestoreException.InvalidOptions("`timeout` must not be negative", "timeout");
        }
        return timeout;
    }

    /** Calls until the answer is no time-out, or the time, if it is not null, is over. */
    static Calls.Answer until(Duration timeout, AtomicLong interrupts, LongFunction<Calls.Answer> call) throws InterruptedException {
        boolean endless = timeout == null || timeout.compareTo(ENDLESS) > 0;
        long end = endless ? 0 : System.nanoTime() + timeout.toNanos();
        long begun = interrupts.get();
        while (true) {
            if (Thread.interrupted()) {
                throw new InterruptedException("the thread was interrupted, which ended its wait");
            }
            // Rounded up: what ends too early would be called again.
            long left = endless ? SLICE_MS : Math.max(0, Math.floorDiv(end - System.nanoTime() + 999_999, 1_000_000L));
            Calls.Answer answer = call.apply(Math.min(left, SLICE_MS));
            if (answer.status() != Calls.TIMEOUT) {
                return answer;
            }
            // Between two slices the library sees no call that Store.interrupt could end.
            if (interrupts.get() != begun) {
                throw new RunestoreException.Interrupted("the wait was interrupted: go on waiting, if you like");
            }
            if (!endless && System.nanoTime() - end >= 0) {
                return answer;
            }
        }
    }
}
