/*
 * Out-parameters: written on every path, each of them may be NULL, and what they hold keeps the rules of a buffer.
 */
#include "helpers.h"

static store_t *store;

static void init_writes_the_handle_and_the_error(void)
{
    store_t *opened = GARBAGE_POINTER;
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;

    CHECK_STATUS(STORE_OK, store_init("{}", 2, &opened, &error, &error_len));
    CHECK(opened != NULL && opened != GARBAGE_POINTER);
    CHECK(error == NULL && error_len == 0);
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_OK, store_close(opened, &error, &error_len));
    CHECK(error == NULL && error_len == 0);

    opened = GARBAGE_POINTER;
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_init("{\"stor\":1}", 10, &opened, &error, &error_len));
    CHECK(opened == NULL);
    CHECK(strlen(error) == error_len);
    CHECK(strstr(error, "store") != NULL);
    CHECK_BUFFER(STORE_ERR_INVALID_OPTIONS, error, error_len);
    store_free(error);

    /* Only the handle is required, also where there is an error to tell. */
    opened = GARBAGE_POINTER;
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_init("{", 1, &opened, NULL, NULL));
    CHECK(opened == NULL);
}

static void append_and_get_events_write_answers_and_errors(void)
{
    char *out = GARBAGE_POINTER, *only_text;
    size_t out_len = GARBAGE_SIZE, only_length;

    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, &out, &out_len));
    CHECK_UINT(strlen(out), out_len);
    CHECK_PREFIX("[{\"sequence_number\":", out);
    CHECK(json_is_sound(out, out_len));
    store_free(out);

    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &out, &out_len));
    CHECK_UINT(strlen(out), out_len);
    CHECK(json_is_sound(out, out_len));
    store_free(out);

    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_OK, store_get_events(store, "[]", 2, "{\"format\":\"ndjson\"}", 19, &out, &out_len));
    CHECK(out != NULL && out_len == 0); /* an answer of no bytes is a buffer all the same */
    CHECK_TEXT("", out);
    store_free(out);

    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INVALID_EVENT, store_append(store, "{}", 2, NULL, 0, &out, &out_len));
    CHECK_UINT(strlen(out), out_len);
    CHECK_BUFFER(STORE_ERR_INVALID_EVENT, out, out_len);
    store_free(out);

    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INVALID_QUERY, store_get_events(store, "{\"a\":1}", 7, NULL, 0, &out, &out_len));
    CHECK_UINT(strlen(out), out_len);
    CHECK_BUFFER(STORE_ERR_INVALID_QUERY, out, out_len);
    store_free(out);

    /* Each of the two alone, and neither: on success and on an error. */
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, &only_text, NULL));
    store_free(only_text);
    only_length = GARBAGE_SIZE;
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, &only_length));
    CHECK(only_length != GARBAGE_SIZE);
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_append(store, "{", 1, NULL, 0, &only_text, NULL));
    store_free(only_text);
    only_length = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_append(store, "{", 1, NULL, 0, NULL, &only_length));
    CHECK(only_length != GARBAGE_SIZE);
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_append(store, "{", 1, NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, NULL, NULL));
    only_length = GARBAGE_SIZE;
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, NULL, &only_length));
    CHECK(only_length != GARBAGE_SIZE);
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_get_events(store, "{", 1, NULL, 0, NULL, NULL));
}

static void wait_writes_the_head_also_on_timeout(void)
{
    uint64_t head = GARBAGE_NUMBER, there = head_of(store);
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;

    CHECK_STATUS(STORE_OK, store_wait(store, 0, -1, &head, &error, &error_len));
    CHECK_UINT(there, head);
    CHECK(error == NULL && error_len == 0);

    head = GARBAGE_NUMBER;
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_TIMEOUT, store_wait(store, there, 0, &head, &error, &error_len));
    CHECK_UINT(there, head);
    CHECK(error == NULL && error_len == 0);

    head = GARBAGE_NUMBER;
    CHECK_STATUS(STORE_TIMEOUT, store_wait(store, UINT64_MAX, 1, &head, NULL, NULL));
    CHECK_UINT(there, head);

    head = GARBAGE_NUMBER;
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_MISUSE, store_wait(store, 0, -2, &head, &error, &error_len));
    CHECK_UINT(0, head);
    CHECK_BUFFER(STORE_ERR_MISUSE, error, error_len);
    store_free(error);

    CHECK_STATUS(STORE_OK, store_wait(store, 0, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_TIMEOUT, store_wait(store, there, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_ERR_MISUSE, store_wait(store, there, INT64_MIN, NULL, NULL, NULL));
}

static void tracking_writes_the_position(void)
{
    uint64_t position = GARBAGE_NUMBER;
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;

    CHECK_APPEND(STORE_OK, store, "[]", "{\"tracking\":{\"source\":\"s\",\"position\":7}}");
    CHECK_STATUS(STORE_OK, store_tracking(store, "s", 1, &position, &error, &error_len));
    CHECK_UINT(7, position);
    CHECK(error == NULL && error_len == 0);

    position = GARBAGE_NUMBER;
    CHECK_STATUS(STORE_OK, store_tracking(store, "other", 5, &position, NULL, NULL));
    CHECK_UINT(0, position);
    CHECK_STATUS(STORE_OK, store_tracking(store, "s", 1, NULL, NULL, NULL));

    position = GARBAGE_NUMBER;
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_tracking(store, "", 0, &position, &error, &error_len));
    CHECK_UINT(0, position);
    CHECK_BUFFER(STORE_ERR_INVALID_OPTIONS, error, error_len);
    store_free(error);

    position = GARBAGE_NUMBER;
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_tracking(store, "\xFF", 1, &position, NULL, NULL));
    CHECK_UINT(0, position);
}

static void info_verify_and_backup_write_their_answers(void)
{
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    int32_t status = store_info(store, &out, &out_len);

    CHECK_STATUS(STORE_OK, status);
    CHECK_PREFIX("{\"", out);
    CHECK_UINT(strlen(out), out_len);
    CHECK(json_is_sound(out, out_len));
    CHECK(strstr(out, "\"engine\":\"memory\"") != NULL);
    CHECK(strstr(out, "\"version\":\"0.1.0\"") != NULL);
    CHECK_UINT(head_of(store), number_after(out, "\"head\":"));
    store_free(out);
    CHECK_STATUS(STORE_OK, store_info(store, NULL, NULL));

    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_UNSUPPORTED, store_verify(store, NULL, 0, &out, &out_len));
    CHECK_BUFFER(STORE_ERR_UNSUPPORTED, out, out_len);
    store_free(out);

    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_UNSUPPORTED, store_backup(store, "nowhere", 7, NULL, 0, &out, &out_len));
    CHECK_BUFFER(STORE_ERR_UNSUPPORTED, out, out_len);
    store_free(out);
}

static void cursor_open_writes_the_handle_and_the_error(void)
{
    store_cursor_t *cursor = GARBAGE_POINTER;
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;

    CHECK_STATUS(STORE_OK, store_cursor_open(store, NULL, 0, NULL, 0, &cursor, &error, &error_len));
    CHECK(cursor != NULL && cursor != GARBAGE_POINTER);
    CHECK(error == NULL && error_len == 0);
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));

    cursor = GARBAGE_POINTER;
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS,
                 store_cursor_open(store, NULL, 0, "{\"pagination\":true}", 19, &cursor, &error, &error_len));
    CHECK(cursor == NULL);
    CHECK_BUFFER(STORE_ERR_INVALID_OPTIONS, error, error_len);
    store_free(error);

    cursor = GARBAGE_POINTER;
    CHECK_STATUS(STORE_ERR_INVALID_QUERY, store_cursor_open(store, "7", 1, NULL, 0, &cursor, NULL, NULL));
    CHECK(cursor == NULL);
}

static void cursor_next_writes_position_and_buffer_with_every_status(void)
{
    store_cursor_t *cursor = open_cursor(store, NULL, NULL), *follower;
    uint64_t there = head_of(store), position = GARBAGE_NUMBER;
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;

    CHECK_STATUS(STORE_OK, store_cursor_next(cursor, 1, 0, &position, &out, &out_len));
    CHECK_UINT(1, position);
    CHECK_UINT(strlen(out), out_len);
    CHECK(json_is_sound(out, out_len));
    store_free(out);
    CHECK_STATUS(STORE_OK, store_cursor_next(cursor, 1, 0, NULL, NULL, NULL)); /* the event is gone, as asked */
    CHECK_STATUS(STORE_OK, store_cursor_next(cursor, 0, 0, &position, &out, NULL));
    CHECK_UINT(there, position);
    CHECK_PREFIX("[{\"sequence_number\":3,", out);
    store_free(out);

    position = GARBAGE_NUMBER;
    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_DONE, store_cursor_next(cursor, 0, 0, &position, &out, &out_len));
    CHECK_UINT(there, position);
    CHECK(out == NULL && out_len == 0);
    CHECK_STATUS(STORE_DONE, store_cursor_next(cursor, 0, -1, NULL, NULL, NULL));

    position = GARBAGE_NUMBER;
    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_MISUSE, store_cursor_next(cursor, 0, -2, &position, &out, &out_len));
    CHECK_UINT(0, position);
    CHECK_BUFFER(STORE_ERR_MISUSE, out, out_len);
    store_free(out);

    follower = open_cursor(store, "{\"type\":\"never\"}", FOLLOW);
    position = GARBAGE_NUMBER;
    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_TIMEOUT, store_cursor_next(follower, 0, 0, &position, &out, &out_len));
    CHECK_UINT(there, position); /* nothing up to there matches */
    CHECK(out == NULL && out_len == 0);

    CHECK_STATUS(STORE_OK, store_cursor_cancel(follower));
    position = GARBAGE_NUMBER;
    out = GARBAGE_POINTER;
    out_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_INTERRUPTED, store_cursor_next(follower, 0, -1, &position, &out, &out_len));
    CHECK_UINT(0, position);
    CHECK_BUFFER(STORE_ERR_INTERRUPTED, out, out_len);
    store_free(out);
    CHECK_STATUS(STORE_OK, store_cursor_close(follower));
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
}

static void buffers_outlive_their_store_and_are_aligned(void)
{
    store_t *short_lived = open_store();
    char *out;
    size_t out_len;

    CHECK_STATUS(STORE_OK, store_append(short_lived, EVENT, strlen(EVENT), NULL, 0, &out, &out_len));
    close_store(short_lived);
    CHECK_UINT(strlen(out), out_len);
    CHECK_UINT(0, (uintptr_t)out % 8);
    /* The buffer is the caller's: all of it may be written. */
    memset(out, 'x', out_len + 1);
    store_free(out);
    store_free(NULL);
}

int main(void)
{
    store = open_store();
    RUN(init_writes_the_handle_and_the_error);
    RUN(append_and_get_events_write_answers_and_errors);
    RUN(wait_writes_the_head_also_on_timeout);
    RUN(tracking_writes_the_position);
    RUN(info_verify_and_backup_write_their_answers);
    RUN(cursor_open_writes_the_handle_and_the_error);
    RUN(cursor_next_writes_position_and_buffer_with_every_status);
    RUN(buffers_outlive_their_store_and_are_aligned);
    close_store(store);
    return check_report();
}
