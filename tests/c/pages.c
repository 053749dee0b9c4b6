/*
 * Nothing is ever read past an input's length, nor before its start. The last byte of each text stands at the end of a
 * page, and the page behind it cannot be read: one byte too many is a crash. Each text is also cut after every byte.
 *
 * The same bytes are given once more in front of what would make the text go on. The status has to be the same, so that
 * the length alone says where a text ends.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "helpers.h"

#define ROOM_PAGES 2

static char *room; /* ROOM_PAGES pages that can be used, between two that cannot */
static size_t room_length;

static void make_room(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages;
    int zero = -1;
    FILE *source = fopen("/dev/zero", "r+b"); /* POSIX knows no anonymous mapping */

    if (source != NULL)
        zero = fileno(source);
    pages = mmap(NULL, (ROOM_PAGES + 2) * page, PROT_NONE, MAP_PRIVATE, zero, 0);
    if (source == NULL || pages == MAP_FAILED ||
        mprotect(pages + page, ROOM_PAGES * page, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        exit(EXIT_FAILURE);
    }
    fclose(source);
    room = pages + page;
    room_length = ROOM_PAGES * page;
}

/* The first length bytes of text, ending where the room ends. For no bytes, a pointer that must not be read at all. */
static const char *at_the_end(const char *text, size_t length)
{
    memset(room, '"', room_length);
    return memcpy(room + room_length - length, text, length);
}

static const char *at_the_start(const char *text, size_t length)
{
    memset(room, '"', room_length);
    return memcpy(room, text, length);
}

/* ---- The arguments ---------------------------------------------------------------------------------------------- */

/* Each takes a text in one of the arguments, on a store of its own, and returns the status. */
typedef int32_t (*take)(store_t *store, const char *text, size_t length);

static int32_t as_events(store_t *store, const char *text, size_t length)
{
    return store_append(store, text, length, NULL, 0, NULL, NULL);
}

static int32_t as_append_options(store_t *store, const char *text, size_t length)
{
    return store_append(store, EVENT, strlen(EVENT), text, length, NULL, NULL);
}

static int32_t as_query(store_t *store, const char *text, size_t length)
{
    return store_get_events(store, text, length, NULL, 0, NULL, NULL);
}

static int32_t as_read_options(store_t *store, const char *text, size_t length)
{
    return store_get_events(store, NULL, 0, text, length, NULL, NULL);
}

static int32_t as_cursor_query(store_t *store, const char *text, size_t length)
{
    store_cursor_t *cursor;
    int32_t status = store_cursor_open(store, text, length, NULL, 0, &cursor, NULL, NULL);

    /* A cursor keeps its query: what it kept has to be its own by now. */
    memset(room, 'x', room_length);
    if (status == STORE_OK) {
        CHECK_ONE_OF(store_cursor_next(cursor, 0, 0, NULL, NULL, NULL), STORE_OK, STORE_DONE);
        CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    }
    return status;
}

static int32_t as_cursor_options(store_t *store, const char *text, size_t length)
{
    store_cursor_t *cursor;
    int32_t status = store_cursor_open(store, NULL, 0, text, length, &cursor, NULL, NULL);

    if (status == STORE_OK)
        CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    return status;
}

static int32_t as_config(store_t *store, const char *text, size_t length)
{
    store_t *opened;
    int32_t status = store_init(text, length, &opened, NULL, NULL);

    (void)store;
    if (status == STORE_OK)
        CHECK_STATUS(STORE_OK, store_close(opened, NULL, NULL));
    return status;
}

static int32_t as_source(store_t *store, const char *text, size_t length)
{
    return store_tracking(store, text, length, NULL, NULL, NULL);
}

static int32_t as_verify_options(store_t *store, const char *text, size_t length)
{
    return store_verify(store, text, length, NULL, NULL);
}

static int32_t as_backup_path(store_t *store, const char *text, size_t length)
{
    return store_backup(store, text, length, NULL, 0, NULL, NULL);
}

static int32_t as_backup_options(store_t *store, const char *text, size_t length)
{
    return store_backup(store, "nowhere", 7, text, length, NULL, NULL);
}

/* ---- Every text, cut after every byte --------------------------------------------------------------------------- */

static unsigned long texts_given;

static int32_t given(take take, const char *text, size_t length)
{
    store_t *store = open_store(); /* a fresh one, so that each status stands for itself */
    int32_t status = take(store, text, length);

    texts_given++;
    CHECK(status != STORE_ERR_INTERNAL);
    CHECK_STATUS(STORE_OK, store_close(store, NULL, NULL));
    return status;
}

static void check_text_in(take take, const char *text)
{
    size_t whole = strlen(text), length;

    for (length = 0; length <= whole; length++) {
        int32_t in_the_open = given(take, text, length);

        if (!CHECK_STATUS(in_the_open, given(take, at_the_end(text, length), length)) ||
            !CHECK_STATUS(in_the_open, given(take, at_the_start(text, length), length)))
            fprintf(check_file(), "  the text is %.*s\n", (int)length, text);
    }
}

/* Sound and broken, and such that many of the cuts fall inside of an escape, a character, a number or a word. */
static const char *const any_json[] = {
    "null",
    "true",
    "-12.5e+10",
    "1e400",
    "\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\"",
    "\"\\ud83d\"",
    "\"\\u12\"",
    "\"\\x\"",
    "\"\303\251\342\202\254\360\237\230\200\"", /* two, three and four bytes */
    "\"\300\200\"", /* not the shortest form */
    "\"\355\240\200\"", /* a surrogate */
    "\"\364\220\200\200\"", /* beyond U+10FFFF */
    "\"\360\237\230\"",
    "{\"a\":[1,2,{\"b\":[]}]}",
    "[[[[[[[[",
    "{\"a\":1,}",
    "[1 2]",
    "  {}  ",
    "\357\273\277{}", /* a byte order mark */
    "{\"a\":tru}",
    "[01]",
    "\"a",
};

static const char *const events[] = {
    EVENT,
    "[" EVENT "," EVENT "]",
    "{\"id\":\"0190a000-0000-7000-8000-000000000001\",\"type\":\"p\\u00e4id\","
    "\"domain\":\"\303\244\",\"instance_id\":\"\\ud83d\\ude00\","
    "\"version\":4294967295,\"inserted_at\":\"2026-11-23T03:50:00.123456789+01:00\","
    "\"tags\":[\"a\",\"\\n\",\"\360\237\230\200\"],"
    "\"data\":{\"k\":[1.5e-3,null,true,\"\\\\\"]},\"metadata\":{\"who\":\"\342\202\254\"}}",
    "{\"type\":\"t\",\"metadata\":{\"domain\":\"d\",\"instance_id\":\"i\"},\"data_base64\":\"AAECAwQ=\"}",
};

static const char *const append_options[] = {
    "{\"expected_version\":0,\"return\":\"summary\"}",
    "{\"expected_version\":\"exists\"}",
    "{\"expect\":[{\"domain\":\"d\",\"instance_id\":\"\\u0069\",\"version\":0}],"
    "\"tracking\":{\"source\":\"s\",\"position\":12}}",
    "{\"condition\":{\"fail_if_events_match\":"
    "[{\"type\":\"t\",\"tags\":[\"\342\202\254\"]},{\"domain\":[\"d\"]}],\"after\":100}}",
};

static const char *const queries[] = {
    "{\"type\":[\"a\",\"b\"],\"domain\":\"d\",\"instance_id\":\"\\ud83d\\ude00\",\"tags\":[\"\303\251\"]}",
    "[{\"id\":\"0190a000-0000-7000-8000-000000000001\"},"
    "{\"from\":\"2026-11-23T03:50:00Z\",\"to\":\"2027-01-01T00:00:00-05:30\"}]",
    "{\"domain\":\"d\",\"instance_id\":\"i\",\"after_version\":3,\"after\":10,\"up_to\":9223372036854775807}",
};

static const char *const read_options[] = {
    "{\"limit\":10,\"offset\":0,\"direction\":\"backward\",\"pagination\":true}",
    "{\"format\":\"ndjson\",\"limit\":null}",
};

static const char *const cursor_options[] = {
    "{\"follow\":true,\"max_bytes\":1048576,\"limit\":5}",
};

static const char *const configs[] = {
    "{\"store\":\"memory\",\"store_opts\":{}}",
    "{\"store\":\"mem\\u006fry\"}",
};

static const char *const plain[] = {
    "a reader",
    "\303\251\342\202\254\360\237\230\200",
    "\303(",
};

#define CHECK_TEXTS(take, texts) check_texts((take), (texts), sizeof(texts) / sizeof *(texts))

static void check_texts(take take, const char *const *texts, size_t count)
{
    size_t text;

    for (text = 0; text < count; text++)
        check_text_in(take, texts[text]);
}

static void events_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_events, any_json);
    CHECK_TEXTS(as_events, events);
}

static void append_options_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_append_options, any_json);
    CHECK_TEXTS(as_append_options, append_options);
}

static void queries_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_query, any_json);
    CHECK_TEXTS(as_query, queries);
}

static void read_options_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_read_options, any_json);
    CHECK_TEXTS(as_read_options, read_options);
}

static void cursor_queries_are_read_to_their_length_and_not_kept(void)
{
    CHECK_TEXTS(as_cursor_query, any_json);
    CHECK_TEXTS(as_cursor_query, queries);
}

static void cursor_options_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_cursor_options, any_json);
    CHECK_TEXTS(as_cursor_options, cursor_options);
}

static void configurations_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_config, any_json);
    CHECK_TEXTS(as_config, configs);
}

static void sources_are_read_to_their_length(void)
{
    CHECK_TEXTS(as_source, any_json);
    CHECK_TEXTS(as_source, plain);
}

static void what_verify_and_backup_take_is_read_to_its_length(void)
{
    CHECK_TEXTS(as_verify_options, any_json);
    CHECK_TEXTS(as_backup_options, any_json);
    CHECK_TEXTS(as_backup_path, plain);
}

int main(void)
{
    make_room();
    RUN(events_are_read_to_their_length);
    RUN(append_options_are_read_to_their_length);
    RUN(queries_are_read_to_their_length);
    RUN(read_options_are_read_to_their_length);
    RUN(cursor_queries_are_read_to_their_length_and_not_kept);
    RUN(cursor_options_are_read_to_their_length);
    RUN(configurations_are_read_to_their_length);
    RUN(sources_are_read_to_their_length);
    RUN(what_verify_and_backup_take_is_read_to_its_length);
    check_note("%lu texts given", texts_given);
    return check_report();
}
