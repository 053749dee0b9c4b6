/*
 * Calls that are wrong in themselves. Each is misuse, says so in its error, changes nothing - and prints nothing: both
 * stdout and stderr are watched, since a library that is linked into a program has no business there.
 */
#include <unistd.h>

#include "calls.h"

static store_t *store;

static void a_null_handle_is_misuse(void)
{
    CHECK_EVERY_STORE_CALL(STORE_ERR_MISUSE, NULL);
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_MISUSE, NULL);
}

static void a_null_handle_out_pointer_is_misuse(void)
{
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;

    CHECK_STATUS(STORE_ERR_MISUSE, store_init(NULL, 0, NULL, &error, &error_len));
    CHECK_BUFFER(STORE_ERR_MISUSE, error, error_len);
    store_free(error);
    CHECK_STATUS(STORE_ERR_MISUSE, store_init("{}", 2, NULL, NULL, NULL));
    error = GARBAGE_POINTER;
    error_len = GARBAGE_SIZE;
    CHECK_STATUS(STORE_ERR_MISUSE, store_cursor_open(store, NULL, 0, NULL, 0, NULL, &error, &error_len));
    CHECK_BUFFER(STORE_ERR_MISUSE, error, error_len);
    store_free(error);
    CHECK_STATUS(STORE_ERR_MISUSE, store_cursor_open(store, NULL, 0, NULL, 0, NULL, NULL, NULL));
}

/* NULL with a length is never followed, not even by a byte. */
static void null_with_a_length_is_misuse_in_every_text(void)
{
    static const size_t lengths[] = {1, 2, 4096, SIZE_MAX / 2, SIZE_MAX};
    size_t place;

    for (place = 0; place < sizeof lengths / sizeof *lengths; place++) {
        size_t length = lengths[place], out_len = GARBAGE_SIZE;
        store_t *opened = GARBAGE_POINTER;
        store_cursor_t *cursor = GARBAGE_POINTER;
        uint64_t position = GARBAGE_NUMBER;
        char *out = GARBAGE_POINTER;

        CHECK_STATUS(STORE_ERR_MISUSE, store_init(NULL, length, &opened, &out, &out_len));
        CHECK(opened == NULL);
        CHECK_BUFFER(STORE_ERR_MISUSE, out, out_len);
        store_free(out);
        CHECK_APPEND_BYTES(STORE_ERR_MISUSE, store, NULL, length, NULL);
        CHECK_STATUS(STORE_ERR_MISUSE, store_append(store, EVENT, strlen(EVENT), NULL, length, NULL, NULL));
        CHECK_STATUS(STORE_ERR_MISUSE, store_get_events(store, NULL, length, NULL, 0, NULL, NULL));
        CHECK_STATUS(STORE_ERR_MISUSE, store_get_events(store, NULL, 0, NULL, length, NULL, NULL));
        CHECK_STATUS(STORE_ERR_MISUSE, store_cursor_open(store, NULL, length, NULL, 0, &cursor, NULL, NULL));
        CHECK(cursor == NULL);
        cursor = GARBAGE_POINTER;
        CHECK_STATUS(STORE_ERR_MISUSE, store_cursor_open(store, NULL, 0, NULL, length, &cursor, NULL, NULL));
        CHECK(cursor == NULL);
        CHECK_STATUS(STORE_ERR_MISUSE, store_tracking(store, NULL, length, &position, NULL, NULL));
        CHECK_UINT(0, position);
        CHECK_STATUS(STORE_ERR_MISUSE, store_verify(store, NULL, length, NULL, NULL));
        CHECK_STATUS(STORE_ERR_MISUSE, store_backup(store, NULL, length, NULL, 0, NULL, NULL));
        CHECK_STATUS(STORE_ERR_MISUSE, store_backup(store, "nowhere", 7, NULL, length, NULL, NULL));
    }
}

static void absent_events_and_an_absent_source_are_misuse(void)
{
    uint64_t position = GARBAGE_NUMBER;

    CHECK_APPEND_BYTES(STORE_ERR_MISUSE, store, NULL, 0, NULL);
    CHECK_APPEND_BYTES(STORE_ERR_MISUSE, store, NULL, 0, SUMMARY);
    CHECK_STATUS(STORE_ERR_MISUSE, store_tracking(store, NULL, 0, &position, NULL, NULL));
    CHECK_UINT(0, position);
    CHECK_STATUS(STORE_ERR_MISUSE, store_backup(store, NULL, 0, NULL, 0, NULL, NULL));
}

static void a_text_of_no_bytes_is_not_absent(void)
{
    store_t *opened = GARBAGE_POINTER;

    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_init("", 0, &opened, NULL, NULL));
    CHECK(opened == NULL);
    CHECK_APPEND(STORE_ERR_INVALID_JSON, store, "", NULL);
    CHECK_APPEND(STORE_ERR_INVALID_JSON, store, EVENT, "");
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_get_events(store, "", 0, NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_ERR_INVALID_JSON, store_get_events(store, NULL, 0, "", 0, NULL, NULL));
}

static void timeouts_below_minus_one_are_misuse(void)
{
    static const int64_t timeouts[] = {-2, -3, -1000, INT32_MIN, INT64_MIN + 1, INT64_MIN};
    store_cursor_t *cursor = open_cursor(store, NULL, FOLLOW);
    size_t place;

    for (place = 0; place < sizeof timeouts / sizeof *timeouts; place++) {
        uint64_t number = GARBAGE_NUMBER;
        char *out = GARBAGE_POINTER;
        size_t out_len = GARBAGE_SIZE;

        CHECK_STATUS(STORE_ERR_MISUSE, store_wait(store, 0, timeouts[place], &number, &out, &out_len));
        CHECK_BUFFER(STORE_ERR_MISUSE, out, out_len);
        CHECK_UINT(0, number);
        store_free(out);
        number = GARBAGE_NUMBER;
        CHECK_STATUS(STORE_ERR_MISUSE, store_cursor_next(cursor, 0, timeouts[place], &number, &out, &out_len));
        CHECK_BUFFER(STORE_ERR_MISUSE, out, out_len);
        CHECK_UINT(0, number);
        store_free(out);
    }
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
}

static void the_longest_timeout_is_no_misuse(void)
{
    store_cursor_t *cursor = open_cursor(store, "[]", NULL);
    uint64_t head = GARBAGE_NUMBER;

    CHECK_APPEND(STORE_OK, store, EVENT, NULL);
    CHECK_STATUS(STORE_OK, store_wait(store, 0, INT64_MAX, &head, NULL, NULL));
    CHECK_UINT(1, head);
    CHECK_STATUS(STORE_DONE, store_cursor_next(cursor, SIZE_MAX, INT64_MAX, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
}

/* Panics have to be caught without a word as well, whatever could raise one. */
static void errors_of_every_kind_are_silent(void)
{
    store_t *closed = open_store(), *opened;

    CHECK_APPEND(STORE_ERR_INVALID_JSON, store, "{\"a\":\xFF}", NULL);
    CHECK_APPEND(STORE_ERR_INVALID_EVENT, store, "{\"typ\":1}", NULL);
    CHECK_APPEND(STORE_ERR_INVALID_OPTIONS, store, EVENT, "{\"retrun\":1}");
    CHECK_APPEND(STORE_ERR_CONFLICT, store, EVENT, "{\"expected_version\":99}");
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_init("{\"store\":\"mermory\"}", 19, &opened, NULL, NULL));
    close_store(closed);
    CHECK_EVERY_STORE_CALL(STORE_ERR_CLOSED, closed);
}

static void nothing_was_stored_by_all_this(void)
{
    CHECK_UINT(1, head_of(store)); /* the one event that was to be */
}

/* Sends stdout and stderr into a file. The results go to where stdout went. */
static FILE *watch(void)
{
    FILE *watched = tmpfile();
    int to = dup(STDOUT_FILENO);

    fflush(stdout);
    if (watched == NULL || to < 0 || (check_out = fdopen(to, "w")) == NULL ||
        dup2(fileno(watched), STDOUT_FILENO) < 0 || dup2(fileno(watched), STDERR_FILENO) < 0) {
        perror("watching stdout and stderr");
        exit(EXIT_FAILURE);
    }
    return watched;
}

static FILE *watched;

static void nothing_was_printed(void)
{
    char printed[400];
    size_t length;

    fflush(stdout);
    fflush(stderr);
    rewind(watched);
    length = fread(printed, 1, sizeof printed - 1, watched);
    printed[length] = '\0';
    CHECK_TEXT("", printed);
}

int main(void)
{
    watched = watch();
    store = open_store();
    RUN(a_null_handle_is_misuse);
    RUN(a_null_handle_out_pointer_is_misuse);
    RUN(null_with_a_length_is_misuse_in_every_text);
    RUN(absent_events_and_an_absent_source_are_misuse);
    RUN(a_text_of_no_bytes_is_not_absent);
    RUN(timeouts_below_minus_one_are_misuse);
    RUN(the_longest_timeout_is_no_misuse);
    RUN(errors_of_every_kind_are_silent);
    RUN(nothing_was_stored_by_all_this);
    close_store(store);
    RUN(nothing_was_printed);
    return check_report();
}
