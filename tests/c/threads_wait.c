/*
 * No wake-up is lost. Two threads take turns, each waiting for the other's event for ever: one lost wake-up, and both
 * sleep until the watchdog ends the test.
 */
#include "threads.h"

#define TURNS 100000
#define CURSOR_TURNS 30000
#define CROWD_ROUNDS 2000

static store_t *store;
static unsigned long turns;

/* ---- store_wait ------------------------------------------------------------------------------------------------- */

/* Appends whenever the head's last bit is this, and waits otherwise. */
static void *take_turns(void *argument)
{
    uint64_t parity = (uint64_t)(intptr_t)argument, head = 0;

    while (head < 2 * turns) {
        if (head % 2 == parity) {
            if (!CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL)))
                break;
            head++; /* nobody else appends at this moment */
        } else {
            uint64_t before = head;

            if (!CHECK_STATUS(STORE_OK, store_wait(store, before, -1, &head, NULL, NULL)))
                break;
            CHECK_UINT(before + 1, head);
        }
    }
    return NULL;
}

static void two_threads_take_turns_by_store_wait(void)
{
    pthread_t threads[2];
    double begun = now_seconds();

    store = open_store();
    turns = check_scaled(TURNS);
    start(&threads[0], take_turns, (void *)(intptr_t)0);
    start(&threads[1], take_turns, (void *)(intptr_t)1);
    join(threads[0]);
    join(threads[1]);
    CHECK_UINT(2 * turns, head_of(store));
    close_store(store);
    check_note("%lu rounds by store_wait, %.1f s", turns, now_seconds() - begun);
}

/* ---- Followers -------------------------------------------------------------------------------------------------- */

#define PING "{\"type\":\"ping\",\"domain\":\"d\",\"instance_id\":\"i\"}"
#define PONG "{\"type\":\"pong\",\"domain\":\"d\",\"instance_id\":\"i\"}"

static void *answer_each_ping(void *argument)
{
    store_cursor_t *cursor = open_cursor(store, "{\"type\":\"ping\"}", FOLLOW);
    unsigned long turn;

    (void)argument;
    for (turn = 0; turn < turns; turn++) {
        if (!CHECK_STATUS(STORE_OK, store_cursor_next(cursor, 1, -1, NULL, NULL, NULL)) ||
            !CHECK_STATUS(STORE_OK, store_append(store, PONG, strlen(PONG), NULL, 0, NULL, NULL)))
            break;
    }
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    return NULL;
}

static void two_threads_take_turns_by_followers(void)
{
    store_cursor_t *cursor;
    pthread_t thread;
    unsigned long turn;

    store = open_store();
    turns = check_scaled(CURSOR_TURNS);
    cursor = open_cursor(store, "{\"type\":\"pong\"}", FOLLOW);
    start(&thread, answer_each_ping, NULL);
    for (turn = 0; turn < turns; turn++) {
        uint64_t position = 0;

        CHECK_STATUS(STORE_OK, store_append(store, PING, strlen(PING), NULL, 0, NULL, NULL));
        if (!CHECK_STATUS(STORE_OK, store_cursor_next(cursor, 1, -1, &position, NULL, NULL)))
            break;
        CHECK_UINT(2 * turn + 2, position);
    }
    join(thread);
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    close_store(store);
    check_note("%lu rounds by followers", turns);
}

/* ---- Many waiters ----------------------------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *wait_with_the_crowd(void *argument)
{
    unsigned long round;

    (void)argument;
    for (round = 0; round < turns; round++) {
        uint64_t head = 0;

        CHECK_STATUS(STORE_OK, store_wait(store, round, -1, &head, NULL, NULL));
        CHECK_UINT(round + 1, head);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void one_event_wakes_all_who_wait(void)
{
    pthread_t threads[THREADS];
    unsigned long round;
    size_t thread;

    store = open_store();
    turns = check_scaled(CROWD_ROUNDS);
    CHECK_INT(0, pthread_barrier_init(&barrier, NULL, THREADS + 1));
    for (thread = 0; thread < THREADS; thread++)
        start(&threads[thread], wait_with_the_crowd, NULL);
    for (round = 0; round < turns; round++) {
        CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
        pthread_barrier_wait(&barrier);
    }
    for (thread = 0; thread < THREADS; thread++)
        join(threads[thread]);
    pthread_barrier_destroy(&barrier);
    close_store(store);
    check_note("%d waiters woken %lu times", THREADS, turns);
}

/* ---- Time ------------------------------------------------------------------------------------------------------- */

static void a_timeout_lasts_as_long_as_it_says(void)
{
    store_cursor_t *follower;
    double begun, elapsed;

    store = open_store();
    follower = open_cursor(store, NULL, FOLLOW);
    begun = now_seconds();
    CHECK_STATUS(STORE_TIMEOUT, store_wait(store, 0, 60, NULL, NULL, NULL));
    elapsed = now_seconds() - begun;
    CHECK(elapsed >= 0.060);
    CHECK(elapsed < 10); /* a bound for a machine that is busy, no measure */
    begun = now_seconds();
    CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(follower, 0, 60, NULL, NULL, NULL));
    elapsed = now_seconds() - begun;
    CHECK(elapsed >= 0.060);
    CHECK(elapsed < 10);
    CHECK_STATUS(STORE_OK, store_cursor_close(follower));
    close_store(store);
}

static void *append_all_the_time(void *argument)
{
    unsigned *stop = argument;

    while (!GET(*stop))
        CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    return NULL;
}

/* Wake-ups that do not concern a waiter must not make its time begin anew. */
static void a_timeout_passes_also_while_others_append(void)
{
    store_cursor_t *follower;
    pthread_t threads[4];
    unsigned stop = 0;
    size_t thread;
    double begun;

    store = open_store();
    follower = open_cursor(store, "{\"type\":\"never\"}", FOLLOW);
    for (thread = 0; thread < 4; thread++)
        start(&threads[thread], append_all_the_time, &stop);
    begun = now_seconds();
    CHECK_STATUS(STORE_TIMEOUT, store_wait(store, UINT64_MAX, 60, NULL, NULL, NULL));
    CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(follower, 0, 60, NULL, NULL, NULL));
    CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(follower, 0, 0, NULL, NULL, NULL));
    CHECK(now_seconds() - begun < 20);
    SET(stop, 1);
    for (thread = 0; thread < 4; thread++)
        join(threads[thread]);
    CHECK_STATUS(STORE_OK, store_cursor_close(follower));
    close_store(store);
}

int main(void)
{
    watchdog(300);
    RUN(two_threads_take_turns_by_store_wait);
    RUN(two_threads_take_turns_by_followers);
    RUN(one_event_wakes_all_who_wait);
    RUN(a_timeout_lasts_as_long_as_it_says);
    RUN(a_timeout_passes_also_while_others_append);
    return check_report();
}
