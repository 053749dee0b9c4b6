/*
 * A call that waits can be ended from another thread: by cancelling or closing its cursor, by interrupting its store,
 * by closing the store. And two threads in one cursor at once are told so.
 */
#include <sched.h>

#include "threads.h"

#define ROUNDS 400
#define CLOSES 1000000
#define LONG_READ_EVENTS 200000

static uint64_t seed;
static unsigned long rounds;

/* One call that waits for ever in a thread of its own. */
struct waiting {
    pthread_t thread;
    store_t *store;
    store_cursor_t *cursor;
    unsigned begins, returned; /* flags */
    int32_t status;
};

static void *next_for_ever(void *argument)
{
    struct waiting *waiting = argument;
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    uint64_t position = GARBAGE_NUMBER;

    SET(waiting->begins, 1);
    waiting->status = store_cursor_next(waiting->cursor, 0, -1, &position, &out, &out_len);
    SET(waiting->returned, 1);
    CHECK_BUFFER(waiting->status, out, out_len);
    CHECK_UINT(0, position);
    store_free(out);
    return NULL;
}

static void *wait_for_ever(void *argument)
{
    struct waiting *waiting = argument;
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    uint64_t head = GARBAGE_NUMBER;

    SET(waiting->begins, 1);
    waiting->status = store_wait(waiting->store, 0, -1, &head, &out, &out_len);
    SET(waiting->returned, 1);
    CHECK_BUFFER(waiting->status, out, out_len);
    CHECK_UINT(0, head);
    store_free(out);
    return NULL;
}

static void begin(struct waiting *waiting, void *(*body)(void *))
{
    memset(waiting, 0, sizeof *waiting);
    waiting->store = open_store();
    waiting->cursor = open_cursor(waiting->store, NULL, FOLLOW);
    start(&waiting->thread, body, waiting);
    while (!GET(waiting->begins))
        sched_yield();
    /* Sometimes the call is asleep by then, sometimes on its way in. */
    if (random_below(&seed, 4) > 0)
        sleep_microseconds(random_below(&seed, 300));
}

static void end(struct waiting *waiting, int32_t expected)
{
    join(waiting->thread);
    CHECK_STATUS(expected, waiting->status);
}

static void cancelling_interrupts_the_next_in_progress_and_all_later_ones(void)
{
    struct waiting waiting;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        begin(&waiting, next_for_ever);
        CHECK_STATUS(STORE_OK, store_cursor_cancel(waiting.cursor));
        end(&waiting, STORE_ERR_INTERRUPTED);
        CHECK_STATUS(STORE_ERR_INTERRUPTED, store_cursor_next(waiting.cursor, 0, -1, NULL, NULL, NULL));
        CHECK_APPEND(STORE_OK, waiting.store, EVENT, NULL);
        CHECK_STATUS(STORE_ERR_INTERRUPTED, store_cursor_next(waiting.cursor, 0, 0, NULL, NULL, NULL));
        CHECK_STATUS(STORE_OK, store_cursor_cancel(waiting.cursor)); /* once more is fine */
        CHECK_STATUS(STORE_OK, store_cursor_close(waiting.cursor));
        close_store(waiting.store);
    }
}

static void closing_the_cursor_ends_its_next(void)
{
    struct waiting waiting;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        begin(&waiting, next_for_ever);
        CHECK_STATUS(STORE_OK, store_cursor_close(waiting.cursor));
        end(&waiting, STORE_ERR_CLOSED);
        CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_next(waiting.cursor, 0, 0, NULL, NULL, NULL));
        CHECK_APPEND(STORE_OK, waiting.store, EVENT, NULL); /* the store is not concerned */
        close_store(waiting.store);
    }
}

static void closing_the_store_ends_all_that_waits(void)
{
    struct waiting next, wait;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        begin(&next, next_for_ever);
        CHECK_STATUS(STORE_OK, store_close(next.store, NULL, NULL));
        end(&next, STORE_ERR_CLOSED);
        CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(next.cursor));
        begin(&wait, wait_for_ever);
        CHECK_STATUS(STORE_OK, store_close(wait.store, NULL, NULL));
        end(&wait, STORE_ERR_CLOSED);
        CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(wait.cursor));
    }
}

/* An interrupt that comes before the call begins does not concern it; so it is repeated until the call is back. */
static void interrupt_until_it_returns(struct waiting *waiting)
{
    while (!GET(waiting->returned))
        CHECK_STATUS(STORE_OK, store_interrupt(waiting->store));
}

static void an_interrupt_ends_the_calls_in_progress_and_no_later_one(void)
{
    struct waiting waiting;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        begin(&waiting, round % 2 ? next_for_ever : wait_for_ever);
        interrupt_until_it_returns(&waiting);
        end(&waiting, STORE_ERR_INTERRUPTED);
        CHECK_STATUS(STORE_TIMEOUT, store_wait(waiting.store, 0, 1, NULL, NULL, NULL));
        CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(waiting.cursor, 0, 1, NULL, NULL, NULL));
        CHECK_APPEND(STORE_OK, waiting.store, EVENT, NULL);
        CHECK_STATUS(STORE_OK, store_get_events(waiting.store, NULL, 0, NULL, 0, NULL, NULL));
        CHECK_STATUS(STORE_OK,
                     store_cursor_next(waiting.cursor, 0, -1, NULL, NULL, NULL)); /* it goes on where it was */
        CHECK_STATUS(STORE_OK, store_cursor_close(waiting.cursor));
        close_store(waiting.store);
    }
}

static void *interrupt_all_the_time(void *argument)
{
    struct waiting *waiting = argument;

    while (!GET(waiting->returned))
        CHECK_STATUS(STORE_OK, store_interrupt(waiting->store));
    return NULL;
}

/* Cancelling and closing are no work that could be given up: an interrupt at the same moment is not for them. */
static void cancelling_and_closing_are_not_interrupted(void)
{
    unsigned long left = check_scaled(CLOSES);
    struct waiting waiting;

    memset(&waiting, 0, sizeof waiting);
    waiting.store = open_store();
    start(&waiting.thread, interrupt_all_the_time, &waiting);
    while (left-- > 0 && GET(check_failures) == 0) {
        store_cursor_t *cursor = NULL;
        int32_t status = store_cursor_open(waiting.store, NULL, 0, NULL, 0, &cursor, NULL, NULL);

        CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INTERRUPTED);
        if (status == STORE_OK) {
            CHECK_STATUS(STORE_OK, store_cursor_cancel(cursor));
            CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
        }
    }
    SET(waiting.returned, 1);
    join(waiting.thread);
    close_store(waiting.store);
}

/* ---- Overlap ---------------------------------------------------------------------------------------------------- */

/* The other thread may be the one that comes second: then it tries again. */
static void *next_until_not_misuse(void *argument)
{
    struct waiting *waiting = argument;

    SET(waiting->begins, 1);
    do
        waiting->status = store_cursor_next(waiting->cursor, 0, -1, NULL, NULL, NULL);
    while (waiting->status == STORE_ERR_MISUSE);
    return NULL;
}

static void a_second_next_at_the_same_time_is_misuse(void)
{
    struct waiting waiting;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        char *out = NULL;
        size_t out_len = 0;
        int32_t status;

        begin(&waiting, next_until_not_misuse);
        do {
            store_free(out);
            status = store_cursor_next(waiting.cursor, 0, 0, NULL, &out, &out_len);
        } while (status == STORE_TIMEOUT);
        CHECK_STATUS(STORE_ERR_MISUSE, status); /* at once, although the other waits for ever */
        CHECK_BUFFER(status, out, out_len);
        store_free(out);
        CHECK_APPEND(STORE_OK, waiting.store, EVENT, NULL);
        end(&waiting, STORE_OK); /* the first was not disturbed */
        CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(waiting.cursor, 0, 0, NULL, NULL, NULL));
        CHECK_STATUS(STORE_OK, store_cursor_close(waiting.cursor));
        close_store(waiting.store);
    }
}

/* ---- Long reads ------------------------------------------------------------------------------------------------- */

static store_t *large;

static void *read_all(void *argument)
{
    struct waiting *waiting = argument;
    uint64_t before = 0;
    char *out, *place;

    SET(waiting->begins, 1);
    waiting->status = store_get_events(large, NULL, 0, "{\"format\":\"ndjson\"}", 19, &out, NULL);
    SET(waiting->returned, 1);
    if (waiting->status == STORE_OK) { /* then whole */
        for (place = out; *place != '\0'; place = strchr(place, '\n') + 1, before++)
            CHECK_UINT(before + 1, number_after(place, "{\"sequence_number\":"));
        CHECK_UINT(check_scaled(LONG_READ_EVENTS), before);
    }
    store_free(out);
    return NULL;
}

static void fill_large(void)
{
    unsigned long left = check_scaled(LONG_READ_EVENTS), chunk;
    char *batch = malloc(1000 * sizeof EVENT + 2);

    if (batch == NULL)
        abort();
    large = open_store();
    for (; left > 0; left -= chunk) {
        unsigned long event;
        char *at = batch;

        chunk = left < 1000 ? left : 1000;
        for (event = 0; event < chunk; event++)
            at += sprintf(at, "%c" EVENT, event > 0 ? ',' : '[');
        *at++ = ']';
        CHECK_APPEND_BYTES(STORE_OK, large, batch, (size_t)(at - batch), SUMMARY);
    }
    free(batch);
}

static void a_long_read_is_whole_or_ended(void)
{
    unsigned long round, interrupted = 0, tries = rounds / 10 + 1;
    struct waiting reading;
    double begun;

    fill_large();
    for (round = 0; round < tries; round++) {
        memset(&reading, 0, sizeof reading);
        start(&reading.thread, read_all, &reading);
        while (!GET(reading.begins))
            sched_yield();
        sleep_microseconds(random_below(&seed, 20000));
        CHECK_STATUS(STORE_OK, store_interrupt(large));
        join(reading.thread);
        CHECK_ONE_OF(reading.status, STORE_OK, STORE_ERR_INTERRUPTED);
        interrupted += reading.status == STORE_ERR_INTERRUPTED;
    }
    memset(&reading, 0, sizeof reading);
    start(&reading.thread, read_all, &reading);
    while (!GET(reading.begins))
        sched_yield();
    begun = now_seconds();
    CHECK_STATUS(STORE_OK, store_close(large, NULL, NULL));
    CHECK(now_seconds() - begun < 20);
    join(reading.thread);
    CHECK_ONE_OF(reading.status, STORE_OK, STORE_ERR_CLOSED);
    check_note("%lu of %lu long reads were ended half way", interrupted, tries);
}

int main(void)
{
    watchdog(300);
    seed = random_seed();
    rounds = check_scaled(ROUNDS);
    check_note("%lu rounds of each, seed %" PRIu64, rounds, seed);
    RUN(cancelling_interrupts_the_next_in_progress_and_all_later_ones);
    RUN(closing_the_cursor_ends_its_next);
    RUN(closing_the_store_ends_all_that_waits);
    RUN(an_interrupt_ends_the_calls_in_progress_and_no_later_one);
    RUN(cancelling_and_closing_are_not_interrupted);
    RUN(a_second_next_at_the_same_time_is_misuse);
    RUN(a_long_read_is_whole_or_ended);
    return check_report();
}
