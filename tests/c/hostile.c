/*
 * Whatever stands in a text, the process lives, the status is one that such a text may have, and an error has stored
 * nothing. What is accepted can be read back by every JSON parser, here by the one in json.h.
 */
#include "helpers.h"

#define MUTATIONS 400000 /* over all arguments */
#define STORE_EVENTS_MAX 2000 /* then a fresh store, so that reading it back stays quick */
#define TEXT_MAX 4096
#define BRACKETS 1000000

static uint64_t seed;
static store_t *store;

/* ---- The arguments ---------------------------------------------------------------------------------------------- */

/* Gives the text to one argument, and checks all that holds whatever it is. Returns the status. */
typedef int32_t (*give)(const char *text, size_t length);

static int32_t give_events(const char *text, size_t length)
{
    uint64_t before = head_of(store), after;
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    int32_t status = store_append(store, text, length, NULL, 0, &out, &out_len);

    CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_EVENT, STORE_ERR_TOO_LARGE,
                 STORE_ERR_DUPLICATE_ID);
    CHECK_BUFFER(status, out, out_len);
    after = head_of(store);
    if (status != STORE_OK)
        CHECK_UINT(before, after);
    else if (!CHECK(json_is_sound(out, out_len)) || !CHECK(json_is_sound(text, length)))
        fprintf(check_file(), "  stored as %.*s\n", (int)(out_len < 400 ? out_len : 400), out);
    store_free(out);
    return status;
}

static int32_t give_append_options(const char *text, size_t length)
{
    uint64_t before = head_of(store);
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    int32_t status = store_append(store, EVENT, strlen(EVENT), text, length, &out, &out_len);

    CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_OPTIONS, STORE_ERR_INVALID_QUERY,
                 STORE_ERR_TOO_LARGE, STORE_ERR_CONFLICT);
    CHECK_BUFFER(status, out, out_len);
    CHECK_UINT(before + (status == STORE_OK), head_of(store));
    if (status == STORE_OK)
        CHECK(json_is_sound(out, out_len) && json_is_sound(text, length));
    store_free(out);
    return status;
}

static int32_t check_read(int32_t status, char *out, size_t out_len)
{
    CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_QUERY, STORE_ERR_INVALID_OPTIONS,
                 STORE_ERR_TOO_LARGE);
    CHECK_BUFFER(status, out, out_len);
    if (status == STORE_OK && out_len > 0 && out[out_len - 1] != '\n') /* lines are no JSON as a whole */
        CHECK(json_is_sound(out, out_len));
    store_free(out);
    return status;
}

static int32_t give_query(const char *text, size_t length)
{
    static const char options[] = "{\"limit\":3}";
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    int32_t status = store_get_events(store, text, length, options, strlen(options), &out, &out_len);

    return check_read(status, out, out_len);
}

static int32_t give_read_options(const char *text, size_t length)
{
    static const char query[] = "{\"up_to\":3}";
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    int32_t status = store_get_events(store, query, strlen(query), text, length, &out, &out_len);

    return check_read(status, out, out_len);
}

static int32_t check_cursor(const char *query, size_t query_length, const char *options, size_t options_length)
{
    store_cursor_t *cursor = GARBAGE_POINTER;
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;
    int32_t status =
        store_cursor_open(store, query, query_length, options, options_length, &cursor, &error, &error_len);

    CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_QUERY, STORE_ERR_INVALID_OPTIONS,
                 STORE_ERR_TOO_LARGE);
    if (status != STORE_OK) {
        CHECK(cursor == NULL);
        CHECK_BUFFER(status, error, error_len);
        store_free(error);
        return status;
    }
    CHECK(error == NULL && error_len == 0);
    CHECK_ONE_OF(store_cursor_next(cursor, 2, 0, NULL, NULL, NULL), STORE_OK, STORE_DONE, STORE_TIMEOUT);
    CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    return status;
}

static int32_t give_cursor_query(const char *text, size_t length)
{
    return check_cursor(text, length, NULL, 0);
}

static int32_t give_cursor_options(const char *text, size_t length)
{
    return check_cursor(NULL, 0, text, length);
}

static int32_t give_config(const char *text, size_t length)
{
    store_t *opened = GARBAGE_POINTER;
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;
    int32_t status = store_init(text, length, &opened, &error, &error_len);

    CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_OPTIONS, STORE_ERR_TOO_LARGE);
    if (status != STORE_OK) {
        CHECK(opened == NULL);
        CHECK_BUFFER(status, error, error_len);
        store_free(error);
        return status;
    }
    close_store(opened);
    return status;
}

static int32_t give_source(const char *text, size_t length)
{
    uint64_t position = GARBAGE_NUMBER;
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;
    int32_t status = store_tracking(store, text, length, &position, &error, &error_len);

    CHECK_ONE_OF(status, STORE_OK, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_OPTIONS, STORE_ERR_TOO_LARGE);
    CHECK(position != GARBAGE_NUMBER);
    if (status != STORE_OK) {
        CHECK_BUFFER(status, error, error_len);
        store_free(error);
    }
    return status;
}

static int32_t give_verify_options(const char *text, size_t length)
{
    int32_t status = store_verify(store, text, length, NULL, NULL);

    CHECK_ONE_OF(status, STORE_ERR_UNSUPPORTED, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_OPTIONS, STORE_ERR_TOO_LARGE);
    return status;
}

static int32_t give_backup_path(const char *text, size_t length)
{
    int32_t status = store_backup(store, text, length, NULL, 0, NULL, NULL);

    CHECK_ONE_OF(status, STORE_ERR_UNSUPPORTED, STORE_ERR_INVALID_JSON, STORE_ERR_INVALID_OPTIONS, STORE_ERR_TOO_LARGE);
    return status;
}

struct argument {
    const char *name;
    give give;
    const char *const *texts; /* sound ones, which the mutations begin with */
};

static const char *const event_texts[] = {
    EVENT,
    "[" EVENT "," EVENT "]",
    "{\"id\":\"0190a000-0000-7000-8000-000000000001\",\"type\":\"p\\u00e4id\","
    "\"domain\":\"\303\244\",\"instance_id\":\"\\ud83d\\ude00\","
    "\"version\":3,\"inserted_at\":\"2026-11-23T03:50:00.123456+01:00\",\"tags\":[\"a\",\"b\"],"
    "\"data\":{\"k\":[1.5e-3,null,true,\"\\\\\"]},\"metadata\":{\"who\":\"\342\202\254\"}}",
    "{\"type\":\"t\",\"metadata\":{\"domain\":\"d\",\"instance_id\":\"i\"},\"data_base64\":\"AAECAwQ=\"}",
    "[]",
    NULL,
};

static const char *const append_option_texts[] = {
    "{\"expected_version\":\"any\",\"return\":\"summary\"}",
    "{\"expect\":[{\"domain\":\"x\",\"instance_id\":\"y\",\"version\":0}],"
    "\"tracking\":{\"source\":\"s\",\"position\":9}}",
    "{\"condition\":{\"fail_if_events_match\":[{\"type\":\"no\",\"tags\":[\"x\"]}],\"after\":0},\"return\":\"events\"}",
    NULL,
};

static const char *const query_texts[] = {
    "{\"type\":[\"t\",\"b\"],\"domain\":\"d\",\"instance_id\":\"i\",\"tags\":[]}",
    "[{\"id\":\"0190a000-0000-7000-8000-000000000001\"},"
    "{\"from\":\"2020-01-01T00:00:00Z\",\"to\":\"2030-01-01T00:00:00-05:30\"}]",
    "{\"domain\":\"d\",\"instance_id\":\"i\",\"after_version\":1,\"after\":0,\"up_to\":9223372036854775807}",
    "null",
    NULL,
};

static const char *const read_option_texts[] = {
    "{\"limit\":10,\"offset\":0,\"direction\":\"backward\",\"pagination\":true,\"format\":\"array\"}",
    "{\"format\":\"ndjson\",\"limit\":null}",
    NULL,
};

static const char *const cursor_option_texts[] = {
    "{\"follow\":true,\"max_bytes\":1048576,\"limit\":5,\"format\":\"ndjson\"}",
    "{\"direction\":\"backward\",\"offset\":1}",
    NULL,
};

static const char *const config_texts[] = {"{\"store\":\"memory\",\"store_opts\":{}}", "{}", NULL};
static const char *const plain_texts[] = {"a reader", "\303\251\342\202\254\360\237\230\200", NULL};

static const struct argument arguments[] = {
    {"events", give_events, event_texts},
    {"append options", give_append_options, append_option_texts},
    {"query", give_query, query_texts},
    {"read options", give_read_options, read_option_texts},
    {"cursor query", give_cursor_query, query_texts},
    {"cursor options", give_cursor_options, cursor_option_texts},
    {"configuration", give_config, config_texts},
    {"source", give_source, plain_texts},
    {"verify options", give_verify_options, read_option_texts},
    {"backup path", give_backup_path, plain_texts},
};

#define ARGUMENTS (sizeof arguments / sizeof *arguments)

/* ---- Mutations -------------------------------------------------------------------------------------------------- */

/* What a text breaks on. Each is put in somewhere, with its NUL bytes. */
#define PIECE(text) {text, sizeof(text) - 1}
static const struct {
    const char *bytes;
    size_t length;
} pieces[] = {
    PIECE("\0"), PIECE("\""), PIECE("\\"), PIECE("{"), PIECE("}"), PIECE("["), PIECE("]"), PIECE(","), PIECE(":"),
    PIECE("null"), PIECE("true"), PIECE("-"), PIECE("0"), PIECE("1e400"), PIECE("-1E-400"),
    PIECE("18446744073709551616"), PIECE("\\u0000"), PIECE("\\ud800"), PIECE("\\udc00\\ud800"), PIECE("\\u00e9"),
    PIECE("\xFF"), PIECE("\xC0\x80"), PIECE("\xED\xA0\x80"), PIECE("\xF4\x90\x80\x80"), PIECE("\xE2\x82"),
    PIECE("\xEF\xBB\xBF"), PIECE("\x7F"), PIECE("\x01"), PIECE(" \t\r\n"), PIECE("/**/"), PIECE("\"type\":\"t\","),
    PIECE("\"data\":null,"), PIECE("\"tags\":[\"a\"],"), PIECE("{},"), PIECE("NaN"), PIECE("\"\":1,"), PIECE("[[[["),
    PIECE("1.5"), PIECE("\xE2\x80\xA8"),
};

/* Puts bytes in place of what is there. Returns the text's new length. */
static size_t splice(char *text, size_t length, size_t at, size_t removed, const char *bytes, size_t count)
{
    char result[TEXT_MAX];

    if (at + removed > length || length - removed + count > TEXT_MAX)
        return length;
    memcpy(result, text, at);
    memcpy(result + at, bytes, count);
    memcpy(result + at + count, text + at + removed, length - at - removed);
    length = length - removed + count;
    memcpy(text, result, length);
    return length;
}

static size_t mutate(char *text, size_t length)
{
    size_t at = random_below(&seed, length + 1), from = random_below(&seed, length + 1), piece;
    char byte = (char)random_below(&seed, 256);

    switch (random_below(&seed, 6)) {
    case 0: /* another byte */
        return splice(text, length, at, 1, &byte, 1);
    case 1: /* another bit */
        if (at < length)
            text[at] = (char)(text[at] ^ 1 << random_below(&seed, 8));
        return length;
    case 2: /* something taken out */
        return splice(text, length, at, 1 + random_below(&seed, 8), "", 0);
    case 3: /* something put in */
        piece = random_below(&seed, sizeof pieces / sizeof *pieces);
        return splice(text, length, at, 0, pieces[piece].bytes, pieces[piece].length);
    case 4: /* something twice */
        return splice(text, length, at, 0, text + from, random_below(&seed, length - from + 1));
    default: /* cut off */
        return random_below(&seed, 4) == 0 ? at : length;
    }
}

static unsigned long mutations_given, mutations_accepted;

static void mutations_of_sound_texts(const void *data)
{
    const struct argument *argument = data;
    unsigned long left = check_scaled(MUTATIONS / ARGUMENTS), given = 0;
    size_t kinds = 0;

    while (argument->texts[kinds] != NULL)
        kinds++;
    store = open_store();
    while (left-- > 0) {
        const char *origin = argument->texts[random_below(&seed, kinds)];
        size_t length = strlen(origin), times = 1 + random_below(&seed, 2) * random_below(&seed, 4);
        /* Exactly as long as the text: the sanitizer and valgrind see each byte that is read too much. */
        char text[TEXT_MAX], *exact;

        memcpy(text, origin, length);
        while (times-- > 0)
            length = mutate(text, length);
        exact = malloc(length > 0 ? length : 1);
        if (exact == NULL)
            abort();
        memcpy(exact, text, length);
        mutations_accepted += argument->give(exact, length) == STORE_OK;
        mutations_given++;
        given++;
        free(exact);
        if (check_failures > 0) {
            fprintf(check_file(), "  the text is %.*s\n", (int)length, text);
            break;
        }
        if (given % STORE_EVENTS_MAX == 0) {
            char *all = NULL;
            size_t all_length = 0;

            CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &all, &all_length));
            CHECK(json_is_sound(all, all_length));
            store_free(all);
            close_store(store);
            store = open_store();
        }
    }
    close_store(store);
}

/* ---- Extremes --------------------------------------------------------------------------------------------------- */

static char *repeated(const char *unit, size_t times, const char *middle, const char *closing, size_t *length)
{
    size_t unit_length = strlen(unit), middle_length = strlen(middle), closing_length = strlen(closing), time;
    char *text = malloc(unit_length * times + middle_length + closing_length * times + 1), *at = text;

    if (text == NULL)
        abort();
    for (time = 0; time < times; time++, at += unit_length)
        memcpy(at, unit, unit_length);
    memcpy(at, middle, middle_length);
    at += middle_length;
    for (time = 0; time < times; time++, at += closing_length)
        memcpy(at, closing, closing_length);
    *at = '\0';
    *length = (size_t)(at - text);
    return text;
}

/* A parser that calls itself for each bracket would run out of stack, which nobody can catch. */
static void a_million_brackets_are_refused(const void *data)
{
    static const struct {
        const char *open, *middle, *close;
    } nests[] = {{"[", "", ""}, {"[", "", "]"}, {"{\"a\":", "", ""}, {"{\"a\":", "1", "}"}, {"[{\"data\":", "1", "}]"},
                 {"{", "", ""}, {"]", "", ""}};
    const struct argument *argument = data;
    size_t nest;

    store = open_store();
    for (nest = 0; nest < sizeof nests / sizeof *nests; nest++) {
        size_t length;
        char *text = repeated(nests[nest].open, BRACKETS, nests[nest].middle, nests[nest].close, &length);

        CHECK(argument->give(text, length) != STORE_OK);
        free(text);
    }
    close_store(store);
}

static void a_million_brackets_in_data_are_refused(void)
{
    static const char *const fields[] = {"data", "metadata", "tags", "type", "unknown"};
    size_t field, length;
    char *nest = repeated("[", BRACKETS, "", "]", &length), *text = malloc(length + 200);

    if (text == NULL)
        abort();
    store = open_store();
    for (field = 0; field < sizeof fields / sizeof *fields; field++) {
        int written = sprintf(text, "{\"domain\":\"d\",\"instance_id\":\"i\",\"%s\":%s}", fields[field], nest);

        CHECK_STATUS(STORE_ERR_INVALID_JSON, give_events(text, (size_t)written));
    }
    free(text);
    free(nest);
    close_store(store);
}

static void numbers_of_any_length_are_kept_or_refused(void)
{
    static const struct {
        const char *start, *unit, *end;
        int32_t status;
    } numbers[] = {
        {"", "1", "", STORE_ERR_INVALID_JSON}, /* a million digits are beyond a double */
        {"0.", "1", "", STORE_OK},
        {"0.", "0", "1", STORE_OK},
        {"1e-", "9", "", STORE_OK}, /* zero, for whoever needs a double */
        {"1e", "9", "", STORE_ERR_INVALID_JSON},
        {"1e", "0", "", STORE_OK},
        {"0e", "9", "", STORE_OK}, /* zero, too */
        {"1e+", "0", "400", STORE_ERR_INVALID_JSON},
        {"-", "0", "", STORE_ERR_INVALID_JSON},
        {"-1", "0", ".", STORE_ERR_INVALID_JSON},
    };
    size_t number, length;

    store = open_store();
    for (number = 0; number < sizeof numbers / sizeof *numbers; number++) {
        char *digits = repeated(numbers[number].unit, 1000000, "", "", &length), *text = malloc(length + 200);
        int written;

        if (text == NULL)
            abort();
        written = sprintf(text, "{" STREAM ",\"data\":%s%s%s}", numbers[number].start, digits, numbers[number].end);
        if (!CHECK_STATUS(numbers[number].status, give_events(text, (size_t)written)))
            fprintf(check_file(), "  the number is %s%.3s...%s\n", numbers[number].start, digits, numbers[number].end);
        free(text);
        free(digits);
    }
    close_store(store);
}

static void every_byte_alone_and_twice(const void *data)
{
    const struct argument *argument = data;
    int first, second;

    store = open_store();
    for (first = 0; first < 256; first++) {
        char text[2];

        text[0] = (char)first;
        argument->give(text, 1);
        for (second = 0; second < 256; second += 1 + (int)random_below(&seed, 16)) {
            text[1] = (char)second;
            argument->give(text, 2);
        }
    }
    close_store(store);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*test)(const void *);
    } kinds[] = {
        {"mutations of sound texts", mutations_of_sound_texts},
        {"a million brackets are refused", a_million_brackets_are_refused},
        {"every byte alone and twice", every_byte_alone_and_twice},
    };
    size_t kind, argument;
    uint64_t begun_with;

    seed = random_seed();
    begun_with = seed;
    for (kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        for (argument = 0; argument < ARGUMENTS; argument++) {
            char name[100];

            /* A backup's path is plain text; brackets are as good as letters there. */
            if (kind == 1 && arguments[argument].texts == plain_texts)
                continue;
            snprintf(name, sizeof name, "%s: %s", arguments[argument].name, kinds[kind].name);
            RUN_WITH(name, kinds[kind].test, &arguments[argument]);
        }
    }
    RUN(a_million_brackets_in_data_are_refused);
    RUN(numbers_of_any_length_are_kept_or_refused);
    check_note("%lu mutations, %lu of them accepted; seed %" PRIu64, mutations_given, mutations_accepted, begun_with);
    return check_report();
}
