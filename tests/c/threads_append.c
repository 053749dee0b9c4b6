/*
 * Sixteen threads append while followers read: nothing is lost, doubled or out of order, the events of a batch are
 * adjacent, and both positions - in the store and in the stream - have no gap.
 */
#include "threads.h"

#define EVENTS 1000000
#define BATCH_MAX 60
#define STREAMS 64 /* shared by all threads */
#define PENDING_MS 120000 /* nothing new for so long: a wake-up was lost */

static store_t *store;
static unsigned long events_wanted;

/* ---- Appending -------------------------------------------------------------------------------------------------- */

struct appender {
    pthread_t thread;
    unsigned number;
    unsigned long count, batches, singles;
    uint64_t seed;
};

/* Each event says who appended it, as which of his, and where it stands in its batch. */
static int write_event(char *text, size_t room, struct appender *appender, unsigned long nth, unsigned at, unsigned of)
{
    return snprintf(text, room,
                    "{\"type\":\"t\",\"domain\":\"%s\",\"instance_id\":\"s-%zu\","
                    "\"data\":{\"by\":%u,\"nth\":%lu,\"at\":%u,\"of\":%u}}",
                    appender->number % 2 ? "odd" : "even", random_below(&appender->seed, STREAMS), appender->number,
                    nth, at, of);
}

static void *append_events(void *argument)
{
    struct appender *appender = argument;
    char *text = malloc(BATCH_MAX * 160);
    unsigned long done = 0;
    uint64_t last = 0;

    if (text == NULL)
        abort();
    while (done < appender->count) {
        /* As many single events as batches. */
        unsigned of = random_below(&appender->seed, 2) ? 1 : 1 + (unsigned)random_below(&appender->seed, BATCH_MAX), at;
        char *out = NULL, *end = text;
        uint64_t first;
        int32_t status;

        if (of > appender->count - done)
            of = (unsigned)(appender->count - done);
        *end++ = '[';
        for (at = 0; at < of; at++) {
            end += write_event(end, 160, appender, done + at + 1, at, of);
            *end++ = ',';
        }
        end[-1] = ']';
        if (of == 1)
            status = store_append(store, text + 1, (size_t)(end - text) - 2, SUMMARY, strlen(SUMMARY), &out, NULL);
        else
            status = store_append(store, text, (size_t)(end - text), SUMMARY, strlen(SUMMARY), &out, NULL);
        if (!CHECK_STATUS(STORE_OK, status))
            break;
        first = number_after(out, "\"first\":");
        CHECK(first > last); /* a later append of one thread comes later in the store */
        last = number_after(out, "\"last\":");
        CHECK_UINT(of, last - first + 1);
        CHECK(number_after(out, "\"head\":") >= last);
        store_free(out);
        done += of;
        if (of == 1)
            appender->singles++;
        else
            appender->batches++;
    }
    free(text);
    return NULL;
}

/* ---- Following -------------------------------------------------------------------------------------------------- */

struct follower {
    pthread_t thread;
    const char *query, *options;
    size_t events_max;
    unsigned first, step; /* it gets the events of the threads first, first + step ... */
    unsigned long expected;
    unsigned long seen;
    uint64_t sequence_number;
    unsigned long nth[THREADS]; /* of the last event of each thread */
    uint64_t stream_version[2][STREAMS];
    uint64_t by, at, of; /* of the last event */
};

static void check_event(struct follower *follower, const char *line)
{
    uint64_t sequence_number = number_after(line, "{\"sequence_number\":"), by = number_after(line, "\"by\":");
    uint64_t at = number_after(line, "\"at\":"), of = number_after(line, "\"of\":"),
             stream = number_after(line, "\"s-");
    int odd = strstr(line, "\"domain\":\"odd\"") != NULL;

    if (!CHECK(by < THREADS) || !CHECK(stream < STREAMS))
        return;
    if (follower->step == 1)
        CHECK_UINT(follower->sequence_number + 1, sequence_number);
    else
        CHECK(sequence_number > follower->sequence_number);
    if (at == 0) {
        CHECK_UINT(follower->of, follower->at + 1); /* the batch before is whole */
    } else {
        CHECK_UINT(follower->by, by);
        CHECK_UINT(follower->at + 1, at);
        CHECK_UINT(follower->of, of);
        CHECK_UINT(follower->sequence_number + 1, sequence_number); /* adjacent, whoever looks */
    }
    CHECK_UINT(++follower->nth[by], number_after(line, "\"nth\":"));
    CHECK_UINT(++follower->stream_version[odd][stream], number_after(line, "\"stream_version\":"));
    follower->sequence_number = sequence_number;
    follower->by = by;
    follower->at = at;
    follower->of = of;
    follower->seen++;
}

static void *follow(void *argument)
{
    struct follower *follower = argument;
    store_cursor_t *cursor = open_cursor(store, follower->query, follower->options);

    while (follower->seen < follower->expected) {
        uint64_t position = 0;
        char *out = NULL, *line, *end;
        int32_t status = store_cursor_next(cursor, follower->events_max, PENDING_MS, &position, &out, NULL);

        if (!CHECK_STATUS(STORE_OK, status)) {
            store_free(out);
            break;
        }
        for (line = out; *line != '\0'; line = end + 1) {
            end = strchr(line, '\n');
            *end = '\0';
            check_event(follower, line);
        }
        CHECK(position >= follower->sequence_number);
        store_free(out);
    }
    CHECK_UINT(follower->of, follower->at + 1);
    CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(cursor, 0, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    return NULL;
}

/* ---- The test --------------------------------------------------------------------------------------------------- */

static void nothing_is_lost_doubled_or_out_of_order(void)
{
    static struct follower followers[] = {
        {.options = "{\"follow\":true,\"format\":\"ndjson\"}", .first = 0, .step = 1},
        {.options = "{\"follow\":true,\"format\":\"ndjson\",\"max_bytes\":4096}",
         .first = 0,
         .step = 1,
         .events_max = 7},
        {.query = "{\"domain\":\"odd\"}", .options = "{\"follow\":true,\"format\":\"ndjson\"}", .first = 1, .step = 2},
    };
    static struct appender appenders[THREADS];
    const size_t follower_count = sizeof followers / sizeof *followers;
    unsigned long batches = 0, singles = 0;
    uint64_t seed = random_seed();
    double begun = now_seconds();
    size_t number, other;

    events_wanted = check_scaled(EVENTS) / THREADS * THREADS;
    store = open_store();
    for (number = 0; number < follower_count; number++) {
        struct follower *follower = &followers[number];

        follower->expected = events_wanted / follower->step;
        follower->at = 0;
        follower->of = 1; /* as if a batch of one came before the first */
        start(&follower->thread, follow, follower);
    }
    for (number = 0; number < THREADS; number++) {
        appenders[number].number = (unsigned)number;
        appenders[number].count = events_wanted / THREADS;
        appenders[number].seed = seed + number * 977;
        start(&appenders[number].thread, append_events, &appenders[number]);
    }
    for (number = 0; number < THREADS; number++) {
        join(appenders[number].thread);
        batches += appenders[number].batches;
        singles += appenders[number].singles;
    }
    for (number = 0; number < follower_count; number++) {
        join(followers[number].thread);
        CHECK_UINT(followers[number].expected, followers[number].seen);
        for (other = followers[number].first; other < THREADS; other += followers[number].step)
            CHECK_UINT(events_wanted / THREADS, followers[number].nth[other]);
    }
    CHECK_UINT(events_wanted, head_of(store));
    check_note("%d threads appended %lu events, %lu alone and %lu batches; %zu followers; %.1f s; seed %" PRIu64,
               THREADS, events_wanted, singles, batches, follower_count, now_seconds() - begun, seed);
}

/* The same log, looked at once more when all is quiet. */
static void the_log_counts_the_same_afterwards(void)
{
    char *page, *last;

    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, "{\"pagination\":true,\"limit\":1}", 29, &page, NULL));
    CHECK_UINT(events_wanted, number_after(page, "\"total_count\":"));
    store_free(page);
    CHECK_STATUS(STORE_OK, store_get_events(store, "{\"domain\":\"odd\"}", 16, "{\"pagination\":true,\"limit\":1}", 29,
                                            &page, NULL));
    CHECK_UINT(events_wanted / 2, number_after(page, "\"total_count\":"));
    store_free(page);
    CHECK_STATUS(STORE_OK,
                 store_get_events(store, NULL, 0, "{\"direction\":\"backward\",\"limit\":1}", 34, &last, NULL));
    CHECK_UINT(events_wanted, number_after(last, "[{\"sequence_number\":"));
    store_free(last);
    close_store(store);
}

int main(void)
{
    watchdog(300);
    RUN(nothing_is_lost_doubled_or_out_of_order);
    RUN(the_log_counts_the_same_afterwards);
    return check_report();
}
