/*
 * Every function that takes a handle, as one call that can be made with any handle: all out-parameters hold garbage
 * before it, and whatever the outcome is, each of them has to be written.
 */
#ifndef CALLS_H
#define CALLS_H

#include "helpers.h"

enum on_store {
    ON_CLOSE,
    ON_APPEND,
    ON_GET_EVENTS,
    ON_CURSOR_OPEN,
    ON_WAIT,
    ON_TRACKING,
    ON_INTERRUPT,
    ON_INFO,
    ON_VERIFY,
    ON_BACKUP,
    ON_STORE_COUNT
};

enum on_cursor { ON_CURSOR_NEXT, ON_CURSOR_CANCEL, ON_CURSOR_CLOSE, ON_CURSOR_COUNT };

/* The call that is expected to fail. Returns its status. */
static inline int32_t failing_store_call(enum on_store call, store_t *store)
{
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    uint64_t number = GARBAGE_NUMBER;
    store_cursor_t *cursor = GARBAGE_POINTER;
    int32_t status = STORE_OK;

    switch (call) {
    case ON_CLOSE:
        status = store_close(store, &out, &out_len);
        break;
    case ON_APPEND:
        status = store_append(store, EVENT, strlen(EVENT), NULL, 0, &out, &out_len);
        break;
    case ON_GET_EVENTS:
        status = store_get_events(store, NULL, 0, NULL, 0, &out, &out_len);
        break;
    case ON_CURSOR_OPEN:
        status = store_cursor_open(store, NULL, 0, NULL, 0, &cursor, &out, &out_len);
        CHECK(cursor == NULL);
        break;
    case ON_WAIT:
        status = store_wait(store, 0, 0, &number, &out, &out_len);
        CHECK_UINT(0, number);
        break;
    case ON_TRACKING:
        status = store_tracking(store, "s", 1, &number, &out, &out_len);
        CHECK_UINT(0, number);
        break;
    case ON_INTERRUPT:
        return store_interrupt(store);
    case ON_INFO:
        status = store_info(store, &out, &out_len);
        break;
    case ON_VERIFY:
        status = store_verify(store, NULL, 0, &out, &out_len);
        break;
    case ON_BACKUP:
        status = store_backup(store, "nowhere", 7, NULL, 0, &out, &out_len);
        break;
    case ON_STORE_COUNT:
        abort();
    }
    CHECK(status < 0);
    if (CHECK_BUFFER(status, out, out_len))
        store_free(out);
    return status;
}

static inline int32_t failing_cursor_call(enum on_cursor call, store_cursor_t *cursor)
{
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    uint64_t position = GARBAGE_NUMBER;
    int32_t status = STORE_OK;

    switch (call) {
    case ON_CURSOR_NEXT:
        status = store_cursor_next(cursor, 0, 0, &position, &out, &out_len);
        CHECK_UINT(0, position);
        break;
    case ON_CURSOR_CANCEL:
        return store_cursor_cancel(cursor);
    case ON_CURSOR_CLOSE:
        return store_cursor_close(cursor);
    case ON_CURSOR_COUNT:
        abort();
    }
    CHECK(status < 0);
    if (CHECK_BUFFER(status, out, out_len))
        store_free(out);
    return status;
}

/* Every function answers with this status. A close is tried as well, and is last: it must not have an effect. */
#define CHECK_EVERY_STORE_CALL(expected, store) check_every_store_call(__FILE__, __LINE__, (expected), (store))
#define CHECK_EVERY_CURSOR_CALL(expected, cursor) check_every_cursor_call(__FILE__, __LINE__, (expected), (cursor))

static inline void check_every_store_call(const char *file, int line, int32_t expected, store_t *store)
{
    int call;

    for (call = ON_STORE_COUNT - 1; call >= 0; call--) {
        char what[32];

        snprintf(what, sizeof what, "store call %d", call);
        check_status(file, line, what, expected, failing_store_call((enum on_store)call, store));
    }
}

static inline void check_every_cursor_call(const char *file, int line, int32_t expected, store_cursor_t *cursor)
{
    int call;

    for (call = 0; call < ON_CURSOR_COUNT; call++) {
        char what[32];

        snprintf(what, sizeof what, "cursor call %d", call);
        check_status(file, line, what, expected, failing_cursor_call((enum on_cursor)call, cursor));
    }
}

#endif
