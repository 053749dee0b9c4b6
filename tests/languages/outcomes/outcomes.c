/* What docs/LANGUAGES.md says of closing, threads and cancelling, from C. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <runestore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT(text) text, sizeof text - 1
#define CONFIG TEXT("{\"store\":\"file\",\"store_opts\":{\"path\":\"outcomes.runes\"}}")
#define EVENT TEXT("{\"type\":\"T\",\"domain\":\"d\",\"instance_id\":\"i\"}")

static const struct timespec moment = {0, 100000000};
static store_t *store;

static void print(const char *what, int32_t status)
{
    printf("%s: %s\n", what, store_status_name(status));
}

static void expect(int32_t status, int32_t wanted)
{
    if (status != wanted) {
        printf("%s in place of %s\n", store_status_name(status), store_status_name(wanted));
        exit(1);
    }
}

static void open_it(void)
{
    expect(store_init(CONFIG, &store, NULL, NULL), STORE_OK);
}

static store_cursor_t *cursor_of(const char *options)
{
    store_cursor_t *cursor;

    expect(store_cursor_open(store, NULL, 0, options, strlen(options), &cursor, NULL, NULL), STORE_OK);
    return cursor;
}

static pthread_t started(void *(*work)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, argument) != 0)
        exit(1);
    return thread;
}

static int32_t outcome_of(pthread_t thread)
{
    void *outcome;

    pthread_join(thread, &outcome);
    return (int32_t)(intptr_t)outcome;
}

static void *wait_for_more(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)store_wait(store, 1000000, -1, NULL, NULL, NULL);
}

/* Reads what is there, then waits. */
static void *follow(void *cursor)
{
    int32_t status;

    while ((status = store_cursor_next(cursor, 100, -1, NULL, NULL, NULL)) == STORE_OK)
        continue;
    return (void *)(intptr_t)status;
}

static uint64_t acknowledged;

static void *append_for_ever(void *unused)
{
    int32_t status;

    (void)unused;
    while ((status = store_append(store, EVENT, NULL, 0, NULL, NULL)) == STORE_OK)
        acknowledged++;
    return (void *)(intptr_t)status;
}

static void *append_a_thousand(void *instance_id)
{
    char event[80];
    int length, index;

    for (index = 1; index <= 1000; index++) {
        length = snprintf(event, sizeof event, "{\"type\":\"T\",\"domain\":\"two\",\"instance_id\":\"%s\",\"data\":%d}",
                          (const char *)instance_id, index);
        expect(store_append(store, event, (size_t)length, NULL, 0, NULL, NULL), STORE_OK);
    }
    return NULL;
}

static int number_behind(const char *text, const char *name)
{
    const char *found = strstr(text, name);

    return found ? atoi(found + strlen(name)) : -1;
}

static void two_threads(void)
{
    uint64_t position, before, events = 0;
    pthread_t threads[2];
    store_cursor_t *cursor;
    size_t size;
    int last[2] = {0, 0}, which, gapless = 1, ordered = 1;
    char *text;

    store_wait(store, 0, 0, &before, NULL, NULL);
    threads[0] = started(append_a_thousand, "0");
    threads[1] = started(append_a_thousand, "1");
    outcome_of(threads[0]);
    outcome_of(threads[1]);
    expect(store_cursor_open(store, TEXT("{\"domain\":\"two\"}"), TEXT("{\"format\":\"ndjson\"}"), &cursor, NULL, NULL), STORE_OK);
    while (store_cursor_next(cursor, 1, 0, &position, &text, &size) == STORE_OK) {
        events++;
        gapless &= position == before + events;
        which = number_behind(text, "\"instance_id\":\"") == 1;
        ordered &= number_behind(text, "\"data\":") == ++last[which];
        store_free(text);
    }
    store_cursor_close(cursor);
    printf("two threads on one store: %" PRIu64 " events, %s, each thread's in %s order\n", events, gapless ? "no gap" : "a gap",
           ordered ? "its" : "another");
}

int main(void)
{
    store_cursor_t *cursor;
    uint64_t head;
    pthread_t thread;
    int32_t status;

    open_it();
    expect(store_append(store, EVENT, NULL, 0, NULL, NULL), STORE_OK);
    cursor = cursor_of("{}");
    expect(store_close(store, NULL, NULL), STORE_OK);
    print("append after close", store_append(store, EVENT, NULL, 0, NULL, NULL));
    print("get_events after close", store_get_events(store, NULL, 0, NULL, 0, NULL, NULL));
    print("a cursor after close", store_cursor_next(cursor, 1, 0, NULL, NULL, NULL));
    store_cursor_close(cursor);
    status = store_close(store, NULL, NULL);
    puts(status == STORE_OK || status == STORE_ERR_CLOSED ? "close again: no harm" : "close again: harm");

    open_it();
    thread = started(wait_for_more, NULL);
    nanosleep(&moment, NULL);
    expect(store_close(store, NULL, NULL), STORE_OK);
    print("a wait, closed meanwhile", outcome_of(thread));

    open_it();
    cursor = cursor_of("{\"follow\":true}");
    thread = started(follow, cursor);
    nanosleep(&moment, NULL);
    expect(store_close(store, NULL, NULL), STORE_OK);
    print("a follower, closed meanwhile", outcome_of(thread));
    store_cursor_close(cursor);

    open_it();
    store_wait(store, 0, 0, &head, NULL, NULL);
    acknowledged = head;
    thread = started(append_for_ever, NULL);
    nanosleep(&moment, NULL);
    expect(store_close(store, NULL, NULL), STORE_OK);
    print("appends, closed meanwhile", outcome_of(thread));
    open_it();
    store_wait(store, 0, 0, &head, NULL, NULL);
    printf("what was acknowledged: %s\n", acknowledged > 1 && head == acknowledged ? "all there" : "not what is there");

    two_threads();

    cursor = cursor_of("{\"follow\":true}");
    thread = started(follow, cursor);
    nanosleep(&moment, NULL);
    store_cursor_cancel(cursor);
    status = outcome_of(thread);
    printf("a follower, cancelled: it %s", status == STORE_ERR_INTERRUPTED ? "ends" : "does not end so");
    store_cursor_close(cursor);
    status = store_append(store, EVENT, NULL, 0, NULL, NULL);
    printf(", and the store %s\n", status == STORE_OK ? "goes on" : "does not");
    return store_close(store, NULL, NULL);
}
