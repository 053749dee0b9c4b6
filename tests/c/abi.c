/*
 * What programs are built upon and can never change within a major version: numbers, names, signatures, sizes.
 */
#include "helpers.h"

/* Written out, not taken from the header: a number that changes there must fail here. */
static const struct {
    int32_t number, constant;
    const char *name;
} statuses[] = {
    {0, STORE_OK, "ok"},
    {1, STORE_DONE, "done"},
    {2, STORE_TIMEOUT, "timeout"},
    {-1, STORE_ERR_MISUSE, "misuse"},
    {-2, STORE_ERR_CLOSED, "closed"},
    {-3, STORE_ERR_INVALID_JSON, "invalid_json"},
    {-4, STORE_ERR_INVALID_EVENT, "invalid_event"},
    {-5, STORE_ERR_INVALID_QUERY, "invalid_query"},
    {-6, STORE_ERR_INVALID_OPTIONS, "invalid_options"},
    {-7, STORE_ERR_CONFLICT, "conflict"},
    {-8, STORE_ERR_DUPLICATE_ID, "duplicate_id"},
    {-9, STORE_ERR_TOO_LARGE, "too_large"},
    {-10, STORE_ERR_NOT_FOUND, "not_found"},
    {-11, STORE_ERR_READ_ONLY, "read_only"},
    {-12, STORE_ERR_LOCKED, "locked"},
    {-13, STORE_ERR_IO, "io"},
    {-14, STORE_ERR_NO_SPACE, "no_space"},
    {-15, STORE_ERR_CORRUPT, "corrupt"},
    {-16, STORE_ERR_UNSUPPORTED, "unsupported"},
    {-17, STORE_ERR_ENGINE, "engine"},
    {-18, STORE_ERR_INDETERMINATE, "indeterminate"},
    {-19, STORE_ERR_INTERRUPTED, "interrupted"},
    {-20, STORE_ERR_FORKED, "forked"},
    {-99, STORE_ERR_INTERNAL, "internal"},
};

/* Each assignment is a compile error where the header's signature differs. */
static uint32_t (*const abi_version)(void) = store_abi_version;
static const char *(*const version)(void) = store_version;
static const char *(*const status_name)(int32_t) = store_status_name;
static int32_t (*const init)(const char *, size_t, store_t **, char **, size_t *) = store_init;
static int32_t (*const close_it)(store_t *, char **, size_t *) = store_close;
static int32_t (*const append)(store_t *, const char *, size_t, const char *, size_t, char **, size_t *) = store_append;
static int32_t (*const get_events)(store_t *, const char *, size_t, const char *, size_t, char **,
                                   size_t *) = store_get_events;
static void (*const free_it)(void *) = store_free;
static int32_t (*const cursor_open)(store_t *, const char *, size_t, const char *, size_t, store_cursor_t **, char **,
                                    size_t *) = store_cursor_open;
static int32_t (*const cursor_next)(store_cursor_t *, size_t, int64_t, uint64_t *, char **,
                                    size_t *) = store_cursor_next;
static int32_t (*const cursor_cancel)(store_cursor_t *) = store_cursor_cancel;
static int32_t (*const cursor_close)(store_cursor_t *) = store_cursor_close;
static int32_t (*const wait_for)(store_t *, uint64_t, int64_t, uint64_t *, char **, size_t *) = store_wait;
static int32_t (*const tracking)(store_t *, const char *, size_t, uint64_t *, char **, size_t *) = store_tracking;
static int32_t (*const interrupt)(store_t *) = store_interrupt;
static int32_t (*const info)(store_t *, char **, size_t *) = store_info;
static int32_t (*const verify)(store_t *, const char *, size_t, char **, size_t *) = store_verify;
static int32_t (*const backup)(store_t *, const char *, size_t, const char *, size_t, char **, size_t *) = store_backup;

static void status_numbers_and_constants_are_fixed(void)
{
    size_t status;

    for (status = 0; status < sizeof statuses / sizeof *statuses; status++)
        CHECK_INT(statuses[status].number, statuses[status].constant);
}

static void every_number_has_its_name_and_all_others_are_unknown(void)
{
    static const int32_t far[] = {INT32_MIN, INT32_MIN + 1, -65536, 65536, INT32_MAX - 1, INT32_MAX};
    int32_t number;
    size_t place;

    for (number = -1000; number <= 1000; number++) {
        const char *expected = "unknown";

        for (place = 0; place < sizeof statuses / sizeof *statuses; place++)
            if (statuses[place].number == number)
                expected = statuses[place].name;
        if (!CHECK_TEXT(expected, store_status_name(number)))
            fprintf(check_file(), "  the number is %" PRId32 "\n", number);
    }
    for (place = 0; place < sizeof far / sizeof *far; place++)
        CHECK_TEXT("unknown", store_status_name(far[place]));
}

static void names_are_static(void)
{
    CHECK(store_status_name(STORE_ERR_CONFLICT) == store_status_name(STORE_ERR_CONFLICT));
    CHECK(store_version() == store_version());
}

static void versions_are_those_of_the_header(void)
{
    CHECK_UINT(65536, STORE_ABI_VERSION);
    CHECK_UINT(65536, store_abi_version());
    CHECK_TEXT("0.1.0", store_version());
}

static void handles_are_as_large_as_a_pointer_and_statuses_have_32_bits(void)
{
    CHECK_UINT(sizeof(void *), sizeof(store_t *));
    CHECK_UINT(sizeof(void *), sizeof(store_cursor_t *));
    CHECK_UINT(4, sizeof store_wait(NULL, 0, 0, NULL, NULL, NULL));
    CHECK_UINT(4, sizeof store_abi_version());
}

static void every_function_of_the_header_can_be_called_through_a_pointer(void)
{
    store_t *store = NULL;
    store_cursor_t *cursor = NULL;

    CHECK_UINT(65536, abi_version());
    CHECK_TEXT("0.1.0", version());
    CHECK_TEXT("ok", status_name(0));
    CHECK_STATUS(STORE_OK, init(NULL, 0, &store, NULL, NULL));
    CHECK_STATUS(STORE_OK, append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, get_events(store, NULL, 0, NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, wait_for(store, 0, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, tracking(store, "s", 1, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, interrupt(store));
    CHECK_STATUS(STORE_OK, info(store, NULL, NULL));
    CHECK_STATUS(STORE_ERR_UNSUPPORTED, verify(store, NULL, 0, NULL, NULL)); /* of the memory engine */
    CHECK_STATUS(STORE_ERR_UNSUPPORTED, backup(store, "nowhere", 7, NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, cursor_open(store, NULL, 0, NULL, 0, &cursor, NULL, NULL));
    CHECK_STATUS(STORE_OK, cursor_next(cursor, 0, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, cursor_cancel(cursor));
    CHECK_STATUS(STORE_OK, cursor_close(cursor));
    CHECK_STATUS(STORE_OK, close_it(store, NULL, NULL));
    free_it(NULL);
}

int main(void)
{
    RUN(status_numbers_and_constants_are_fixed);
    RUN(every_number_has_its_name_and_all_others_are_unknown);
    RUN(names_are_static);
    RUN(versions_are_those_of_the_header);
    RUN(handles_are_as_large_as_a_pointer_and_statuses_have_32_bits);
    RUN(every_function_of_the_header_can_be_called_through_a_pointer);
    check_note("%zu statuses", sizeof statuses / sizeof *statuses);
    return check_report();
}
