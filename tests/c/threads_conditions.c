/*
 * Sixteen threads demand the same thing at once: of equal conditions exactly one wins, in every round.
 */
#include "threads.h"

#define ROUNDS 1500

static store_t *store;
static pthread_barrier_t barrier;
static unsigned long rounds;

/* How one kind of demand is written for a round, and what the losers are told. */
struct demand {
    const char *name, *reason;
    void (*write)(char *events, char *options, size_t room, unsigned long round, int thread);
    unsigned events; /* that the winner stores */
};

static unsigned winners, losers;

static void expected_version(char *events, char *options, size_t room, unsigned long round, int thread)
{
    (void)thread;
    snprintf(events, room, EVENT);
    snprintf(options, room, "{\"expected_version\":%lu,\"return\":\"summary\"}", round);
}

static void expectation_of_another_stream(char *events, char *options, size_t room, unsigned long round, int thread)
{
    (void)thread;
    snprintf(events, room, "[{\"type\":\"t\",\"domain\":\"x\",\"instance_id\":\"%lu\"}," EVENT "]", round);
    snprintf(options, room, "{\"expect\":[{\"domain\":\"x\",\"instance_id\":\"%lu\",\"version\":0}]}", round);
}

static void condition(char *events, char *options, size_t room, unsigned long round, int thread)
{
    snprintf(events, room,
             "{\"type\":\"Taken\",\"domain\":\"seat\",\"instance_id\":\"by-%d\","
             "\"tags\":[\"seat:%lu\"]}",
             thread, round);
    snprintf(options, room,
             "{\"condition\":{\"fail_if_events_match\":"
             "{\"type\":\"Taken\",\"tags\":[\"seat:%lu\"]}}}",
             round);
}

static void tracking(char *events, char *options, size_t room, unsigned long round, int thread)
{
    snprintf(events, room, "{\"type\":\"Projected\",\"domain\":\"p\",\"instance_id\":\"%d\"}", thread);
    snprintf(options, room, "{\"tracking\":{\"source\":\"reader\",\"position\":%lu}}", round + 1);
}

static const struct demand *current;

static void *demand_in_every_round(void *argument)
{
    int thread = (int)(intptr_t)argument;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        char events[256], options[256], wanted[64], *out = NULL;
        int32_t status;

        current->write(events, options, sizeof events, round, thread);
        pthread_barrier_wait(&barrier);
        status = store_append(store, events, strlen(events), options, strlen(options), &out, NULL);
        if (status == STORE_OK) {
            ADD(winners, 1);
        } else if (CHECK_STATUS(STORE_ERR_CONFLICT, status)) {
            ADD(losers, 1);
            snprintf(wanted, sizeof wanted, "\"reason\":\"%s\"", current->reason);
            if (!CHECK(strstr(out, wanted) != NULL))
                fprintf(check_file(), "  %s\n", out);
        }
        store_free(out);
        pthread_barrier_wait(&barrier);
        if (thread == 0) {
            CHECK_UINT(round + 1, GET(winners));
            CHECK_UINT((round + 1) * (THREADS - 1), GET(losers));
        }
    }
    return NULL;
}

static void one_wins_in_every_round(const void *argument)
{
    pthread_t threads[THREADS];
    size_t thread;

    current = argument;
    winners = losers = 0;
    store = open_store();
    CHECK_INT(0, pthread_barrier_init(&barrier, NULL, THREADS));
    for (thread = 0; thread < THREADS; thread++)
        start(&threads[thread], demand_in_every_round, (void *)(intptr_t)thread);
    for (thread = 0; thread < THREADS; thread++)
        join(threads[thread]);
    pthread_barrier_destroy(&barrier);
    CHECK_UINT(rounds * current->events, head_of(store)); /* the losers stored nothing */
    close_store(store);
}

/* ---- The same batch from all ------------------------------------------------------------------------------------ */

static char *answers[THREADS];

static void *append_the_same_batch(void *argument)
{
    size_t thread = (size_t)(intptr_t)argument;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        char events[512];

        snprintf(events, sizeof events,
                 "[{\"id\":\"0190a000-0000-7000-8000-%012lx\",\"type\":\"t\",\"domain\":\"d\",\"instance_id\":\"i\"},"
                 "{\"id\":\"0190a000-0000-7000-8001-%012lx\",\"type\":\"t\",\"domain\":\"d\",\"instance_id\":\"i\"}]",
                 round, round);
        pthread_barrier_wait(&barrier);
        CHECK_STATUS(STORE_OK, store_append(store, events, strlen(events), NULL, 0, &answers[thread], NULL));
        pthread_barrier_wait(&barrier);
        if (thread == 0) {
            size_t other;

            CHECK_UINT(2 * (round + 1), head_of(store));
            for (other = 1; other < THREADS; other++)
                CHECK_TEXT(answers[0], answers[other]);
        }
        pthread_barrier_wait(&barrier);
        store_free(answers[thread]);
    }
    return NULL;
}

static void a_batch_that_all_append_with_its_ids_is_stored_once(void)
{
    pthread_t threads[THREADS];
    size_t thread;

    store = open_store();
    CHECK_INT(0, pthread_barrier_init(&barrier, NULL, THREADS));
    for (thread = 0; thread < THREADS; thread++)
        start(&threads[thread], append_the_same_batch, (void *)(intptr_t)thread);
    for (thread = 0; thread < THREADS; thread++)
        join(threads[thread]);
    pthread_barrier_destroy(&barrier);
    close_store(store);
}

int main(void)
{
    static const struct demand demands[] = {
        {"one winner of equal expected_version", "expected_version", expected_version, 1},
        {"one winner of equal expect", "expect", expectation_of_another_stream, 2},
        {"one winner of equal condition", "condition", condition, 1},
        {"one winner of equal tracking", "tracking", tracking, 1},
    };
    size_t demand;

    watchdog(300);
    rounds = check_scaled(ROUNDS);
    for (demand = 0; demand < sizeof demands / sizeof *demands; demand++)
        RUN_WITH(demands[demand].name, one_wins_in_every_round, &demands[demand]);
    RUN(a_batch_that_all_append_with_its_ids_is_stored_once);
    check_note("%d threads, %lu rounds of each kind", THREADS, rounds);
    return check_report();
}
