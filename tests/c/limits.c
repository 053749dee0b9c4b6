/*
 * The limits of docs/EVENTS.md, from both sides: the largest that is taken, and one more. What is too much stores
 * nothing.
 */
#include "helpers.h"

#define MIB ((size_t)1 << 20)
#define TEXT_MAX (64 * MIB)
#define PAYLOAD_MAX (16 * MIB)
#define EVENTS_MAX 100000
#define LEVELS_MAX 128
#define NAME_MAX_BYTES 1024
#define TAGS_MAX 64

static store_t *store;
static char *text; /* room for the largest of all */
static size_t length;

static void begin(void)
{
    length = 0;
}

static void add(const char *part)
{
    size_t part_length = strlen(part);

    memcpy(text + length, part, part_length);
    length += part_length;
}

static void add_times(char byte, size_t times)
{
    memset(text + length, byte, times);
    length += times;
}

/* Appends what was put together. On an error the head stands still. */
#define CHECK_TAKEN(expected) check_taken(__FILE__, __LINE__, (expected))

static int check_taken(const char *file, int line, int32_t expected)
{
    uint64_t before = head_of(store), after;
    int good = check_append(file, line, expected, store, text, length, SUMMARY);

    after = head_of(store);
    return good & (expected == STORE_OK ? check_that(file, line, "the head moved", after > before)
                                        : check_uint(file, line, "the head", before, after));
}

/* ---- Number and text -------------------------------------------------------------------------------------------- */

static void add_events(size_t count)
{
    begin();
    add("[");
    for (; count > 1; count--)
        add(EVENT ",");
    add(EVENT "]");
}

static void a_batch_holds_at_most_100000_events(void)
{
    char *out = NULL;

    store = open_store();
    add_events(EVENTS_MAX);
    CHECK_TAKEN(STORE_OK);
    CHECK_UINT(EVENTS_MAX, head_of(store));
    add_events(EVENTS_MAX + 1);
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    CHECK_STATUS(STORE_ERR_TOO_LARGE, store_append(store, text, length, NULL, 0, &out, NULL));
    CHECK_UINT(EVENTS_MAX, number_after(out, "\"limit\":"));
    CHECK_UINT(EVENTS_MAX + 1, number_after(out, "\"actual\":"));
    store_free(out);
    close_store(store);
}

static void add_padded_event(size_t total)
{
    begin();
    add(EVENT);
    add_times(' ', total - length);
}

static void a_text_has_at_most_64_mib(void)
{
    char *out = NULL;

    store = open_store();
    add_padded_event(TEXT_MAX);
    CHECK_TAKEN(STORE_OK);
    add_padded_event(TEXT_MAX + 1);
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    CHECK_STATUS(STORE_ERR_TOO_LARGE, store_append(store, text, length, NULL, 0, &out, NULL));
    CHECK_UINT(TEXT_MAX, number_after(out, "\"limit\":"));
    CHECK_UINT(TEXT_MAX + 1, number_after(out, "\"actual\":"));
    store_free(out);
    /* The size is judged before the content. */
    text[0] = '\0';
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    close_store(store);
}

static void all_other_texts_have_at_most_64_mib_as_well(void)
{
    store_t *opened = GARBAGE_POINTER;
    store_cursor_t *cursor = GARBAGE_POINTER;
    size_t size;

    store = open_store();
    begin();
    add("{}");
    add_times(' ', TEXT_MAX + 1 - length);
    for (size = TEXT_MAX; size <= TEXT_MAX + 1; size++) {
        int32_t expected = size > TEXT_MAX ? STORE_ERR_TOO_LARGE : STORE_OK;

        CHECK_STATUS(expected, store_get_events(store, text, size, NULL, 0, NULL, NULL));
        CHECK_STATUS(expected, store_get_events(store, NULL, 0, text, size, NULL, NULL));
        CHECK_STATUS(expected, store_append(store, "[]", 2, text, size, NULL, NULL));
    }
    CHECK_STATUS(STORE_ERR_TOO_LARGE, store_init(text, TEXT_MAX + 1, &opened, NULL, NULL));
    CHECK(opened == NULL);
    CHECK_STATUS(STORE_ERR_TOO_LARGE, store_cursor_open(store, text, TEXT_MAX + 1, NULL, 0, &cursor, NULL, NULL));
    CHECK(cursor == NULL);
    cursor = GARBAGE_POINTER;
    CHECK_STATUS(STORE_ERR_TOO_LARGE, store_cursor_open(store, NULL, 0, text, TEXT_MAX + 1, &cursor, NULL, NULL));
    CHECK(cursor == NULL);
    CHECK_UINT(0, head_of(store));
    close_store(store);
}

/* ---- Payload ---------------------------------------------------------------------------------------------------- */

/* data of so many bytes in all, its quotes among them; and metadata, if there is any. */
static void add_payload(size_t data, size_t metadata)
{
    begin();
    add("{" STREAM ",\"data\": \"");
    add_times('x', data - 2);
    add("\"");
    if (metadata > 0) {
        add(" , \"metadata\" : { \"m\" : \""); /* white space does not count: {"m":"..."} is stored */
        add_times('y', metadata - 8);
        add("\" }  ");
    }
    add("}");
}

static void data_and_metadata_have_at_most_16_mib_together(void)
{
    store = open_store();
    add_payload(PAYLOAD_MAX, 0);
    CHECK_TAKEN(STORE_OK);
    add_payload(PAYLOAD_MAX + 1, 0);
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    add_payload(PAYLOAD_MAX - 1000, 1000);
    CHECK_TAKEN(STORE_OK);
    add_payload(PAYLOAD_MAX - 1000, 1001);
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    add_payload(1000, PAYLOAD_MAX - 1000);
    CHECK_TAKEN(STORE_OK);
    add_payload(1001, PAYLOAD_MAX - 1000);
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    close_store(store);
}

static void a_binary_payload_counts_as_its_text(void)
{
    store = open_store();
    begin();
    add("{" STREAM ",\"data_base64\":\"");
    add_times('A', PAYLOAD_MAX - 4); /* a multiple of four, and two quotes */
    add("\"}");
    CHECK_TAKEN(STORE_OK);
    begin();
    add("{" STREAM ",\"data_base64\":\"");
    add_times('A', PAYLOAD_MAX);
    add("\"}");
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    close_store(store);
}

static void one_event_that_is_too_large_spoils_its_batch(void)
{
    store = open_store();
    begin();
    add("[" EVENT ",{" STREAM ",\"data\":\"");
    add_times('x', PAYLOAD_MAX);
    add("\"}," EVENT "]");
    CHECK_TAKEN(STORE_ERR_TOO_LARGE);
    close_store(store);
}

/* ---- Depth ------------------------------------------------------------------------------------------------------ */

static void add_nested(const char *field, const char *open, const char *middle, const char *close, size_t levels)
{
    size_t level;

    begin();
    add("{" STREAM ",\"");
    add(field);
    add("\":");
    for (level = 0; level < levels; level++)
        add(open);
    add(middle);
    for (level = 0; level < levels; level++)
        add(close);
    add("}");
}

static void data_and_metadata_nest_at_most_128_levels_each(void)
{
    static const struct {
        const char *field, *open, *middle, *close;
    } nests[] = {
        {"data", "[", "", "]"},
        {"data", "{\"a\":", "1", "}"},
        {"metadata", "{\"a\":", "1", "}"},
        {"data", "[0,", "[]", ",0]"},
    };
    size_t nest, out_len;
    char *out;

    store = open_store();
    for (nest = 0; nest < sizeof nests / sizeof *nests; nest++) {
        size_t levels = LEVELS_MAX - (strcmp(nests[nest].middle, "[]") == 0);

        add_nested(nests[nest].field, nests[nest].open, nests[nest].middle, nests[nest].close, levels);
        CHECK_TAKEN(STORE_OK);
        add_nested(nests[nest].field, nests[nest].open, nests[nest].middle, nests[nest].close, levels + 1);
        CHECK_TAKEN(STORE_ERR_INVALID_JSON);
    }
    /* Each counted from itself, so both may be full; and what is stored is read back. */
    add_nested("data", "[", "", "]", LEVELS_MAX);
    length--;
    add(",\"metadata\":");
    for (nest = 0; nest < LEVELS_MAX; nest++)
        add("{\"\":");
    add("null");
    add_times('}', LEVELS_MAX + 1);
    CHECK_TAKEN(STORE_OK);
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &out, &out_len));
    CHECK(json_is_sound(out, out_len));
    store_free(out);
    close_store(store);
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

static void add_name(const char *field, size_t bytes)
{
    static const char *const names[] = {"type", "domain", "instance_id"};
    size_t name;

    begin();
    add("{\"data\":1");
    for (name = 0; name < 3; name++) {
        add(",\"");
        add(names[name]);
        add("\":\"");
        add_times('n', strcmp(field, names[name]) == 0 ? bytes : 1);
        add("\"");
    }
    add("}");
}

static void names_have_1_to_1024_bytes(void)
{
    static const char *const fields[] = {"type", "domain", "instance_id"};
    size_t field;

    store = open_store();
    for (field = 0; field < sizeof fields / sizeof *fields; field++) {
        add_name(fields[field], NAME_MAX_BYTES);
        CHECK_TAKEN(STORE_OK);
        add_name(fields[field], NAME_MAX_BYTES + 1);
        CHECK_TAKEN(STORE_ERR_INVALID_EVENT);
        add_name(fields[field], 0);
        CHECK_TAKEN(STORE_ERR_INVALID_EVENT);
    }
    begin();
    add_times('s', NAME_MAX_BYTES + 1);
    CHECK_STATUS(STORE_OK, store_tracking(store, text, NAME_MAX_BYTES, NULL, NULL, NULL));
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_tracking(store, text, NAME_MAX_BYTES + 1, NULL, NULL, NULL));
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_tracking(store, text, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_tracking(store, "s\0s", 3, NULL, NULL, NULL));
    close_store(store);
}

static void add_tags(size_t count, size_t bytes)
{
    size_t tag;

    begin();
    add("{" STREAM ",\"tags\":[");
    for (tag = 0; tag < count; tag++) {
        char number[16];

        snprintf(number, sizeof number, "%s\"%04u", tag > 0 ? "," : "", (unsigned)tag);
        add(number);
        add_times('t', bytes - 4);
        add("\"");
    }
    add("]}");
}

static void an_event_has_at_most_64_tags_of_1024_bytes(void)
{
    store = open_store();
    add_tags(TAGS_MAX, 4);
    CHECK_TAKEN(STORE_OK);
    add_tags(TAGS_MAX, NAME_MAX_BYTES);
    CHECK_TAKEN(STORE_OK);
    add_tags(TAGS_MAX + 1, 4);
    CHECK_TAKEN(STORE_ERR_INVALID_EVENT);
    add_tags(1, NAME_MAX_BYTES + 1);
    CHECK_TAKEN(STORE_ERR_INVALID_EVENT);
    close_store(store);
}

int main(void)
{
    text = malloc(TEXT_MAX + 1);
    if (text == NULL)
        abort();
    RUN(a_batch_holds_at_most_100000_events);
    RUN(a_text_has_at_most_64_mib);
    RUN(all_other_texts_have_at_most_64_mib_as_well);
    RUN(data_and_metadata_have_at_most_16_mib_together);
    RUN(a_binary_payload_counts_as_its_text);
    RUN(one_event_that_is_too_large_spoils_its_batch);
    RUN(data_and_metadata_nest_at_most_128_levels_each);
    RUN(names_have_1_to_1024_bytes);
    RUN(an_event_has_at_most_64_tags_of_1024_bytes);
    free(text);
    return check_report();
}
