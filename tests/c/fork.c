/*
 * After fork, a child has its parent's handles, and perhaps its locks in the hands of threads that do not exist there.
 * Every call on such a handle is forked, at once; the child opens stores of its own; the parent does not notice.
 *
 * The children report through a pipe and end by becoming another program: what looks for leaks at an exit cannot judge
 * a process whose other threads are missing.
 */
#include <sys/wait.h>

#include "calls.h"
#include "threads.h"

#define BUSY_ROUNDS 300
#define FIRST_CALL_ROUNDS 300
#define BUSY_THREADS 6
#define IDS 200
#define ID_LENGTH 36
#define CHILDREN 4
#define CHILD_SECONDS 20

/* The sanitizer's own allocator is not made for fork in a process with other threads: the child could hang in it. */
#if defined(__SANITIZE_ADDRESS__)
#define BUSY_FORKS 0
#else
#define BUSY_FORKS 1
#endif

struct inherited {
    store_t *store;
    store_cursor_t *cursor;
    char *buffer;
};

/* ---- Children --------------------------------------------------------------------------------------------------- */

struct child {
    pid_t process;
    int reports;
};

/* Runs body in a child, with the pipe's end to write to. */
static struct child begin_child(void (*body)(const struct inherited *, int), const struct inherited *inherited)
{
    struct child child;
    int ends[2];

    if (pipe(ends) != 0 || (child.process = fork()) < 0) {
        perror("fork");
        exit(EXIT_FAILURE);
    }
    if (child.process == 0) {
        char verdict;

        close(ends[0]);
        watchdog(CHILD_SECONDS);
        SET(check_failures, 0);
        body(inherited, ends[1]);
        verdict = GET(check_failures) == 0 ? '+' : '-';
        if (write(ends[1], &verdict, 1) == 1)
            execlp("true", "true", (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    close(ends[1]);
    child.reports = ends[0];
    return child;
}

/* Reads what the child wrote before its verdict into text, and checks the verdict. */
static void end_child(struct child child, char *text, size_t length)
{
    size_t used = 0;
    ssize_t got;
    char verdict = '?';
    int status = 0;

    while (used < length && (got = read(child.reports, text + used, length - used)) > 0)
        used += (size_t)got;
    CHECK_UINT(length, used);
    CHECK_INT(1, read(child.reports, &verdict, 1));
    if (verdict != '+')
        check_fail(__FILE__, __LINE__, "expected from the child: + (all its checks held); actual: %c", verdict);
    close(child.reports);
    CHECK_INT(child.process, waitpid(child.process, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void run_child(void (*body)(const struct inherited *, int), const struct inherited *inherited)
{
    end_child(begin_child(body, inherited), NULL, 0);
}

static void check_inherited_is_forked(const struct inherited *inherited)
{
    CHECK_EVERY_STORE_CALL(STORE_ERR_FORKED, inherited->store);
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_FORKED, inherited->cursor);
}

/* A store of the child's own does all that a store does. */
static void check_own_store(void)
{
    store_t *store = open_store();
    store_cursor_t *cursor = open_cursor(store, NULL, FOLLOW);
    char *events = NULL;

    CHECK_APPEND(STORE_OK, store, "[" EVENT "," EVENT "]", SUMMARY);
    CHECK_APPEND(STORE_OK, store, EVENT, "{\"expected_version\":2}");
    CHECK_UINT(3, head_of(store));
    CHECK_STATUS(STORE_OK, store_wait(store, 2, -1, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &events, NULL));
    CHECK_PREFIX("[{\"sequence_number\":1,", events);
    store_free(events);
    CHECK_STATUS(STORE_OK, store_cursor_next(cursor, 0, -1, NULL, NULL, NULL));
    CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(cursor, 0, 1, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_CLOSED, cursor);
    close_store(store);
    CHECK_EVERY_STORE_CALL(STORE_ERR_CLOSED, store);
}

/* ---- One thread ------------------------------------------------------------------------------------------------- */

static struct inherited open_inherited(void)
{
    struct inherited inherited;

    inherited.store = open_store();
    inherited.cursor = open_cursor(inherited.store, NULL, FOLLOW);
    CHECK_STATUS(STORE_OK, store_append(inherited.store, EVENT, strlen(EVENT), NULL, 0, &inherited.buffer, NULL));
    return inherited;
}

/* The parent's side: all is as it was. */
static void close_inherited(struct inherited inherited)
{
    CHECK_UINT(1, head_of(inherited.store));
    CHECK_APPEND(STORE_OK, inherited.store, EVENT, "{\"expected_version\":1}");
    CHECK_STATUS(STORE_OK, store_cursor_next(inherited.cursor, 1, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_cursor_next(inherited.cursor, 1, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_cursor_close(inherited.cursor));
    CHECK_STATUS(STORE_OK, store_close(inherited.store, NULL, NULL));
    store_free(inherited.buffer);
}

static void calls_on_inherited_handles(const struct inherited *inherited, int reports)
{
    (void)reports;
    check_inherited_is_forked(inherited);
    check_own_store();
    check_inherited_is_forked(inherited); /* also once the child has handles of its own */
    store_free(inherited->buffer); /* the child's copy is the child's to free */
}

static void every_call_on_an_inherited_handle_is_forked(void)
{
    struct inherited inherited = open_inherited();

    run_child(calls_on_inherited_handles, &inherited);
    close_inherited(inherited);
}

static void calls_in_the_grandchild(const struct inherited *inherited, int reports)
{
    struct inherited own = open_inherited();

    (void)reports;
    check_inherited_is_forked(inherited);
    run_child(calls_on_inherited_handles, inherited);
    run_child(calls_on_inherited_handles, &own);
    close_inherited(own);
}

static void a_grandchild_is_apart_from_both(void)
{
    struct inherited inherited = open_inherited();

    run_child(calls_in_the_grandchild, &inherited);
    close_inherited(inherited);
}

static void calls_on_closed_handles(const struct inherited *inherited, int reports)
{
    int call;

    (void)reports;
    for (call = 0; call < ON_STORE_COUNT; call++)
        CHECK_ONE_OF(failing_store_call((enum on_store)call, inherited->store), STORE_ERR_FORKED, STORE_ERR_CLOSED);
    for (call = 0; call < ON_CURSOR_COUNT; call++)
        CHECK_ONE_OF(failing_cursor_call((enum on_cursor)call, inherited->cursor), STORE_ERR_FORKED, STORE_ERR_CLOSED);
}

static void handles_closed_before_the_fork_stay_unusable(void)
{
    struct inherited inherited = open_inherited();

    close_inherited(inherited);
    run_child(calls_on_closed_handles, &inherited);
}

/* ---- Identifiers ------------------------------------------------------------------------------------------------ */

/* The ids that the library made for IDS events, half of them in one batch. */
static void make_ids(char *ids)
{
    store_t *store = open_store();
    char batch[IDS / 2 * sizeof EVENT + 2] = "[", *events = NULL;
    const char *place;
    size_t made;

    for (made = 0; made < IDS / 2; made++) {
        strcat(batch, made > 0 ? "," EVENT : EVENT);
        CHECK_APPEND(STORE_OK, store, EVENT, SUMMARY);
    }
    strcat(batch, "]");
    CHECK_APPEND(STORE_OK, store, batch, SUMMARY);
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &events, NULL));
    for (made = 0, place = events; made < IDS && (place = strstr(place, "\"id\":\"")) != NULL; made++, place++)
        memcpy(ids + made * ID_LENGTH, place + 6, ID_LENGTH);
    CHECK_UINT(IDS, made);
    store_free(events);
    close_store(store);
}

static void send_ids(const struct inherited *inherited, int reports)
{
    static char ids[IDS * ID_LENGTH];

    (void)inherited;
    make_ids(ids);
    CHECK_INT(sizeof ids, write(reports, ids, sizeof ids));
}

static int by_id(const void *left, const void *right)
{
    return memcmp(left, right, ID_LENGTH);
}

/* All processes begin with the same memory; a generator that lives there would repeat itself. */
static void ids_made_in_parent_and_children_differ(void)
{
    static char ids[(CHILDREN + 1) * IDS * ID_LENGTH];
    struct child children[CHILDREN];
    size_t child, id, twice = 0;

    check_own_store(); /* whatever is made at the first use is there before the fork */
    for (child = 0; child < CHILDREN; child++)
        children[child] = begin_child(send_ids, NULL);
    make_ids(ids);
    for (child = 0; child < CHILDREN; child++)
        end_child(children[child], ids + (child + 1) * IDS * ID_LENGTH, IDS * ID_LENGTH);
    qsort(ids, (CHILDREN + 1) * IDS, ID_LENGTH, by_id);
    for (id = 1; id < (CHILDREN + 1) * IDS; id++)
        twice += memcmp(ids + (id - 1) * ID_LENGTH, ids + id * ID_LENGTH, ID_LENGTH) == 0;
    CHECK_UINT(0, twice);
}

/* ---- During the first call -------------------------------------------------------------------------------------- */

static unsigned first_call_may_begin;

static void *first_call(void *argument)
{
    (void)argument;
    while (!GET(first_call_may_begin))
        continue;
    close_store(open_store());
    return NULL;
}

static void calls_in_a_child_that_came_during_the_first_call(const struct inherited *inherited, int reports)
{
    (void)inherited;
    (void)reports;
    check_own_store();
}

/* In a process that has not called the library yet: one thread does, and the other forks at that moment. */
static void fork_during_the_first_call(const struct inherited *inherited, int reports)
{
    static uint64_t seed;
    volatile size_t spins;
    pthread_t thread;

    (void)inherited;
    (void)reports;
    seed = (uint64_t)getpid() * 2654435761U + 1;
    start(&thread, first_call, NULL);
    sleep_microseconds(50);
    spins = random_below(&seed, 2000);
    SET(first_call_may_begin, 1);
    while (spins > 0)
        spins--;
    run_child(calls_in_a_child_that_came_during_the_first_call, NULL);
    join(thread);
}

/* What is set up at the first use must not be left half done, and waited for, in the child. */
static void a_fork_during_the_very_first_call_leaves_the_child_able_to_work(void)
{
    unsigned long rounds = check_scaled(FIRST_CALL_ROUNDS), round;

    for (round = 0; round < rounds && check_failures == 0; round++)
        run_child(fork_during_the_first_call, NULL);
    check_note("%lu forks during the first call", round);
}

/* ---- While other threads are inside ----------------------------------------------------------------------------- */

static struct inherited shared;
static unsigned stop, appended;

/* One thread of each kind, so that at the moment of a fork any of the library's locks may be held. */
static void *append_all_the_time(void *argument)
{
    (void)argument;
    while (!GET(stop)) {
        CHECK_APPEND(STORE_OK, shared.store, "[" EVENT "," EVENT "]", NULL);
        ADD(appended, 2);
    }
    return NULL;
}

static void *read_all_the_time(void *argument)
{
    (void)argument;
    while (!GET(stop))
        CHECK_STATUS(STORE_OK,
                     store_get_events(shared.store, "{\"type\":\"t\"}", 12, "{\"limit\":100}", 13, NULL, NULL));
    return NULL;
}

static void *wait_all_the_time(void *argument)
{
    uint64_t head = 0;

    (void)argument;
    while (!GET(stop))
        CHECK_ONE_OF(store_wait(shared.store, head, 1, &head, NULL, NULL), STORE_OK, STORE_TIMEOUT);
    return NULL;
}

static void *follow_all_the_time(void *argument)
{
    (void)argument;
    while (!GET(stop))
        CHECK_ONE_OF(store_cursor_next(shared.cursor, 0, 1, NULL, NULL, NULL), STORE_OK, STORE_TIMEOUT);
    return NULL;
}

static void *open_and_close_all_the_time(void *argument)
{
    (void)argument;
    while (!GET(stop)) {
        store_t *store = open_store();
        store_cursor_t *cursor = open_cursor(store, NULL, NULL);

        CHECK_APPEND(STORE_OK, store, EVENT, NULL);
        CHECK_STATUS(STORE_OK, store_close(store, NULL, NULL));
        CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(cursor));
    }
    return NULL;
}

static void children_of_a_busy_parent_never_hang(void)
{
    static void *(*const kinds[BUSY_THREADS])(void *) = {append_all_the_time, append_all_the_time,
                                                         read_all_the_time,   wait_all_the_time,
                                                         follow_all_the_time, open_and_close_all_the_time};
    unsigned long rounds = check_scaled(BUSY_ROUNDS), round;
    pthread_t threads[BUSY_THREADS];
    uint64_t seed = random_seed();
    size_t thread;

    shared.store = open_store();
    shared.cursor = open_cursor(shared.store, NULL, FOLLOW);
    CHECK_STATUS(STORE_OK, store_append(shared.store, EVENT, strlen(EVENT), NULL, 0, &shared.buffer, NULL));
    appended = 1;
    for (thread = 0; thread < BUSY_THREADS; thread++)
        start(&threads[thread], kinds[thread], NULL);
    for (round = 0; round < rounds; round++) {
        sleep_microseconds(random_below(&seed, 500));
        run_child(calls_on_inherited_handles, &shared);
    }
    SET(stop, 1);
    for (thread = 0; thread < BUSY_THREADS; thread++)
        join(threads[thread]);
    CHECK_UINT(appended, head_of(shared.store));
    CHECK_STATUS(STORE_OK, store_cursor_close(shared.cursor));
    CHECK_STATUS(STORE_OK, store_close(shared.store, NULL, NULL));
    store_free(shared.buffer);
    check_note("%lu forks of a parent with %d busy threads", rounds, BUSY_THREADS);
}

static void *wait_for_the_second_event(void *argument)
{
    uint64_t head = GARBAGE_NUMBER;

    (void)argument;
    CHECK_STATUS(STORE_OK, store_wait(shared.store, 1, -1, &head, NULL, NULL));
    CHECK_UINT(2, head);
    return NULL;
}

static void a_waiting_thread_of_the_parent_sleeps_on_and_is_woken(void)
{
    pthread_t waiter;

    shared = open_inherited();
    start(&waiter, wait_for_the_second_event, NULL);
    sleep_microseconds(20000);
    run_child(calls_on_inherited_handles, &shared);
    CHECK_APPEND(STORE_OK, shared.store, EVENT, NULL);
    join(waiter);
    CHECK_STATUS(STORE_OK, store_cursor_close(shared.cursor));
    CHECK_STATUS(STORE_OK, store_close(shared.store, NULL, NULL));
    store_free(shared.buffer);
}

int main(void)
{
    watchdog(300);
    if (BUSY_FORKS) /* before anything else calls the library */
        RUN(a_fork_during_the_very_first_call_leaves_the_child_able_to_work);
    RUN(every_call_on_an_inherited_handle_is_forked);
    RUN(a_grandchild_is_apart_from_both);
    RUN(handles_closed_before_the_fork_stay_unusable);
    RUN(ids_made_in_parent_and_children_differ);
    if (BUSY_FORKS) {
        RUN(children_of_a_busy_parent_never_hang);
        RUN(a_waiting_thread_of_the_parent_sleeps_on_and_is_woken);
    } else {
        check_note("forks of a process with threads are left out: the sanitizer's allocator may hang in the child");
    }
    return check_report();
}
