/*
 * A store is closed at a random moment while everybody is inside. Every call returns, with a status that is allowed for
 * it; and afterwards the books are balanced:
 *
 *   - the ranges that appends were told make 1, 2, 3 ... without a gap, so an append that was told closed stored
 * nothing;
 *   - what a follower got is the beginning of that, in order;
 *   - whoever looked saw at least what had been acknowledged before.
 *
 * In every second round the calls are interrupted all the time as well. An append that was told interrupted stored
 * nothing, either.
 */
#include "threads.h"

#define ROUNDS 250
#define READERS 3
#define WAITERS 3
#define FOLLOWERS 3
#define OPENERS 2
#define ASKERS 2
#define INTERRUPTERS 1
#define CLOSERS 2 /* of which one wins */
#define ALL (THREADS + READERS + WAITERS + FOLLOWERS + OPENERS + ASKERS + INTERRUPTERS)
#define LATEST_CLOSE_MICROSECONDS 12000

struct range {
    uint64_t first, last;
};

struct round {
    store_t *store;
    uint64_t acknowledged; /* the greatest position that any append was told */
    struct range *ranges[THREADS]; /* what each appender was told */
    size_t counts[THREADS];
    uint64_t followed[FOLLOWERS]; /* the last event that each follower got */
    uint64_t seed;
    int interrupts;
};

struct member {
    struct round *round;
    size_t number;
};

/* Whether a call that failed may be tried again. All others were closed. */
static int goes_on(const struct round *round, int32_t status)
{
    if (round->interrupts && status == STORE_ERR_INTERRUPTED)
        return 1;
    CHECK_STATUS(STORE_ERR_CLOSED, status);
    return 0;
}

/* ---- Inside ----------------------------------------------------------------------------------------------------- */

static void *append_until_closed(void *argument)
{
    const struct member *member = argument;
    struct round *round = member->round;
    uint64_t seed = round->seed + member->number * 7919;
    char batch[20 * sizeof EVENT + 2], id[200];
    size_t room = 0;

    for (;;) {
        size_t of = 1 + random_below(&seed, 20), event;
        const char *text = batch, *options = SUMMARY;
        char *out = NULL, *at = batch;
        size_t out_len = GARBAGE_SIZE;
        int32_t status;

        for (event = 0; event < of; event++)
            at += sprintf(at, "%c" EVENT, event > 0 ? ',' : '[');
        strcpy(at, "]");
        if (of == 1) { /* one with an id of its own, answered whole */
            snprintf(id, sizeof id, "{\"id\":\"%08x-0000-4000-8000-%012zx\"," STREAM "}", (unsigned)random_next(&seed),
                     member->number);
            text = id;
            options = NULL;
        }
        status = store_append(round->store, text, strlen(text), options, length_of(options), &out, &out_len);
        CHECK_BUFFER(status, out, out_len);
        if (status == STORE_OK) {
            struct range *ranges = round->ranges[member->number];

            if (round->counts[member->number] == room) {
                room = room * 2 + 64;
                ranges = realloc(ranges, room * sizeof *ranges);
                if (ranges == NULL)
                    abort();
                round->ranges[member->number] = ranges;
            }
            ranges += round->counts[member->number]++;
            ranges->first = number_after(out, of == 1 ? "{\"sequence_number\":" : "\"first\":");
            ranges->last = of == 1 ? ranges->first : number_after(out, "\"last\":");
            CHECK_UINT(of, ranges->last - ranges->first + 1);
            raise_to(&round->acknowledged, ranges->last);
        }
        store_free(out);
        if (status != STORE_OK && !goes_on(round, status))
            return NULL;
    }
}

static void *read_until_closed(void *argument)
{
    const struct member *member = argument;
    struct round *round = member->round;
    static const char *const options[] = {"{\"direction\":\"backward\",\"limit\":1}", "{\"direction\":\"backward\"}",
                                          "{\"pagination\":true}"};
    unsigned turn = (unsigned)member->number;

    for (;; turn++) {
        const char *opts = options[turn % 3];
        uint64_t known = GET(round->acknowledged), seen;
        char *out = NULL;
        size_t out_len = GARBAGE_SIZE;
        int32_t status = store_get_events(round->store, NULL, 0, opts, strlen(opts), &out, &out_len);

        CHECK_BUFFER(status, out, out_len);
        if (status == STORE_OK) {
            seen = number_after(out, turn % 3 == 2 ? "\"total_count\":" : "[{\"sequence_number\":");
            CHECK(known == 0 || (seen != UINT64_MAX && seen >= known));
        }
        store_free(out);
        if (status != STORE_OK && !goes_on(round, status))
            return NULL;
    }
}

static void *wait_until_closed(void *argument)
{
    const struct member *member = argument;
    struct round *round = member->round;
    uint64_t after = 0;

    for (;;) {
        uint64_t known = GET(round->acknowledged), head = GARBAGE_NUMBER;
        char *error = GARBAGE_POINTER;
        size_t error_len = GARBAGE_SIZE;
        /* One of them waits for what never comes, for ever; one with a timeout; one is woken all the time. */
        int32_t status = member->number == 0
                             ? store_wait(round->store, UINT64_MAX, -1, &head, &error, &error_len)
                             : store_wait(round->store, after, member->number == 1 ? 1 : -1, &head, &error, &error_len);

        if (status == STORE_OK || status == STORE_TIMEOUT) {
            CHECK(error == NULL && error_len == 0);
            CHECK(head >= known);
            CHECK(status == STORE_OK ? head > after : head <= after);
            after = head;
            continue;
        }
        CHECK_BUFFER(status, error, error_len);
        CHECK_UINT(0, head);
        store_free(error);
        if (!goes_on(round, status))
            return NULL;
    }
}

static void *follow_until_closed(void *argument)
{
    const struct member *member = argument;
    struct round *round = member->round;
    static const char options[] = "{\"follow\":true,\"format\":\"ndjson\"}";
    store_cursor_t *cursor = NULL;
    uint64_t last = 0;
    int32_t status;

    do
        status = store_cursor_open(round->store, NULL, 0, options, strlen(options), &cursor, NULL, NULL);
    while (status != STORE_OK && goes_on(round, status));
    if (status != STORE_OK)
        return NULL;
    do {
        char *out = NULL, *line;
        size_t out_len = GARBAGE_SIZE;
        uint64_t position = GARBAGE_NUMBER;

        status = store_cursor_next(cursor, 0, member->number == 0 ? 1 : -1, &position, &out, &out_len);
        CHECK_BUFFER(status, out, out_len);
        if (status == STORE_OK)
            for (line = out; *line != '\0'; line = strchr(line, '\n') + 1)
                CHECK_UINT(++last, number_after(line, "{\"sequence_number\":"));
        if (status == STORE_OK || status == STORE_TIMEOUT)
            CHECK_UINT(last, position);
        store_free(out);
    } while (status == STORE_OK || (status == STORE_TIMEOUT && member->number == 0) || goes_on(round, status));
    CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(cursor));
    round->followed[member->number] = last;
    return NULL;
}

static void *open_cursors_until_closed(void *argument)
{
    const struct member *member = argument;
    int32_t status;

    do {
        store_cursor_t *cursor = NULL;

        status = store_cursor_open(member->round->store, "{\"domain\":\"d\"}", 14, NULL, 0, &cursor, NULL, NULL);
        CHECK((status == STORE_OK) == (cursor != NULL));
        if (status == STORE_OK) {
            CHECK_ONE_OF(store_cursor_next(cursor, 3, 0, NULL, NULL, NULL), STORE_OK, STORE_DONE, STORE_ERR_CLOSED,
                         member->round->interrupts ? STORE_ERR_INTERRUPTED : STORE_OK);
            CHECK_ONE_OF(store_cursor_cancel(cursor), STORE_OK, STORE_ERR_CLOSED);
            CHECK_ONE_OF(store_cursor_next(cursor, 3, 0, NULL, NULL, NULL), STORE_ERR_INTERRUPTED, STORE_ERR_CLOSED);
            CHECK_ONE_OF(store_cursor_close(cursor), STORE_OK, STORE_ERR_CLOSED);
        }
    } while (status == STORE_OK || goes_on(member->round, status));
    return NULL;
}

static void *ask_until_closed(void *argument)
{
    const struct member *member = argument;
    store_t *store = member->round->store;
    int32_t may_interrupt = member->round->interrupts ? STORE_ERR_INTERRUPTED : STORE_ERR_CLOSED, status;

    do {
        CHECK_ONE_OF(store_tracking(store, "s", 1, NULL, NULL, NULL), STORE_OK, STORE_ERR_CLOSED, may_interrupt);
        CHECK_ONE_OF(store_verify(store, NULL, 0, NULL, NULL), STORE_ERR_UNSUPPORTED, STORE_ERR_CLOSED, may_interrupt);
        status = store_info(store, NULL, NULL);
    } while (status == STORE_OK || goes_on(member->round, status));
    return NULL;
}

static void *interrupt_until_closed(void *argument)
{
    const struct member *member = argument;
    int32_t status;

    do {
        sleep_microseconds(50);
        status = store_interrupt(member->round->store);
    } while (status == STORE_OK);
    CHECK_STATUS(STORE_ERR_CLOSED, status);
    return NULL;
}

static unsigned closes_that_won;

static void *close_it(void *argument)
{
    int32_t status = store_close(argument, NULL, NULL);

    if (status == STORE_OK)
        ADD(closes_that_won, 1);
    else
        CHECK_STATUS(STORE_ERR_CLOSED, status);
    /* Whoever is told so, the handle is gone. */
    CHECK_STATUS(STORE_ERR_CLOSED, store_info(argument, NULL, NULL));
    return NULL;
}

/* ---- Afterwards ------------------------------------------------------------------------------------------------- */

static int by_first(const void *left, const void *right)
{
    uint64_t a = ((const struct range *)left)->first, b = ((const struct range *)right)->first;

    return a < b ? -1 : a > b;
}

/* Returns how many events were stored. */
static uint64_t balance(struct round *round)
{
    size_t count = 0, used = 0, member;
    struct range *ranges;
    uint64_t head = 0;

    for (member = 0; member < THREADS; member++)
        count += round->counts[member];
    ranges = malloc((count + 1) * sizeof *ranges);
    if (ranges == NULL)
        abort();
    for (member = 0; member < THREADS; member++) {
        if (round->counts[member] > 0)
            memcpy(ranges + used, round->ranges[member], round->counts[member] * sizeof *ranges);
        used += round->counts[member];
        free(round->ranges[member]);
    }
    qsort(ranges, count, sizeof *ranges, by_first);
    for (used = 0; used < count; used++) {
        if (!CHECK_UINT(head + 1, ranges[used].first))
            break;
        head = ranges[used].last;
    }
    for (member = 0; member < FOLLOWERS; member++)
        CHECK(round->followed[member] <= head);
    free(ranges);
    return head;
}

static void start_all(void *(*body)(void *), size_t count, struct round *round, struct member **member,
                      pthread_t **thread)
{
    size_t number;

    for (number = 0; number < count; number++, ++*member, ++*thread) {
        (*member)->round = round;
        (*member)->number = number;
        start(*thread, body, *member);
    }
}

static void every_call_returns_and_the_books_are_balanced(void)
{
    unsigned long rounds = check_scaled(ROUNDS), number, empty = 0;
    uint64_t seed = random_seed(), events = 0, begun_with = seed;

    for (number = 0; number < rounds && check_failures == 0; number++) {
        struct round round;
        struct member members[ALL], *member = members;
        pthread_t threads[ALL], closers[CLOSERS], *thread = threads;
        uint64_t stored;
        size_t closer;

        memset(&round, 0, sizeof round);
        round.store = open_store();
        round.seed = random_next(&seed);
        round.interrupts = number % 2 == 1;
        closes_that_won = 0;
        start_all(follow_until_closed, FOLLOWERS, &round, &member, &thread);
        start_all(append_until_closed, THREADS, &round, &member, &thread);
        start_all(read_until_closed, READERS, &round, &member, &thread);
        start_all(wait_until_closed, WAITERS, &round, &member, &thread);
        start_all(open_cursors_until_closed, OPENERS, &round, &member, &thread);
        start_all(ask_until_closed, ASKERS, &round, &member, &thread);
        if (round.interrupts)
            start_all(interrupt_until_closed, INTERRUPTERS, &round, &member, &thread);
        sleep_microseconds(random_below(&seed, LATEST_CLOSE_MICROSECONDS));
        for (closer = 0; closer < CLOSERS; closer++)
            start(&closers[closer], close_it, round.store);
        for (closer = 0; closer < CLOSERS; closer++)
            join(closers[closer]);
        while (thread > threads)
            join(*--thread);
        CHECK_UINT(1, closes_that_won);
        stored = balance(&round);
        events += stored;
        empty += stored == 0;
    }
    check_note("%lu stores closed with %d threads inside, at %" PRIu64 " events on average, %lu empty; seed %" PRIu64,
               number, ALL, events / (number > 0 ? number : 1), empty, begun_with);
}

int main(void)
{
    watchdog(300);
    RUN(every_call_returns_and_the_books_are_balanced);
    return check_report();
}
