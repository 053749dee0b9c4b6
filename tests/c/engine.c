/*
 * Engines of the program's own: the example of examples/engines, and one that is broken in one way after the other.
 * Whatever an engine does, the store's caller gets an error that says what, and no wrong data.
 *
 * The broken engine keeps its events in a memory store, and then spoils what it answers.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../examples/engines/jsonl.h"
#include "helpers.h"

#define TEXT(literal) (literal), (sizeof(literal) - 1)

enum way { SPOIL, NO_BUFFER, FOREIGN, TOO_LONG, FAIL, STORE_AND_FAIL, REENTER };

struct fault {
    const char *name;
    enum way way;
    int32_t status;
    const char *find, *put; /* spoils the answer; of FAIL, put is the text */
    int32_t expected;
    const char *words, *detail;
};

struct broken {
    const struct fault *append, *get_events, *tracking, *close, *init;
    store_t *outer; /* the store that it serves */
    int inits, closes, destroys, inside, entered_twice;
};

struct state {
    struct broken *broken;
    store_t *inner;
};

static char *buffer_of(const char *text, size_t *length)
{
    char *buffer = store_alloc(*length = strlen(text));

    memcpy(buffer, text, *length);
    return buffer;
}

/* Spoils an answer, or fails, as the fault says; the status. */
static int32_t spoil(struct broken *broken, const struct fault *fault, char **out, size_t *out_len)
{
    static char foreign[256];
    char *place, *spoiled;

    if (fault == NULL)
        return STORE_OK;
    if (fault->way == REENTER) {
        int32_t status = store_append(broken->outer, EVENT, strlen(EVENT), NULL, 0, NULL, NULL);
        CHECK_STATUS(STORE_ERR_MISUSE, status);
        CHECK_STATUS(STORE_ERR_MISUSE, store_get_events(broken->outer, NULL, 0, NULL, 0, NULL, NULL));
        CHECK_STATUS(STORE_ERR_MISUSE, store_close(broken->outer, NULL, NULL));
        return STORE_OK;
    }
    if (fault->way == TOO_LONG) {
        *out_len += 4096;
        return STORE_OK;
    }
    if (fault->way == SPOIL && (place = strstr(*out, fault->find)) != NULL) {
        size_t before = (size_t)(place - *out), found = strlen(fault->find), put = strlen(fault->put);
        spoiled = store_alloc(*out_len - found + put);
        memcpy(spoiled, *out, before);
        memcpy(spoiled + before, fault->put, put);
        memcpy(spoiled + before + put, place + found, *out_len - before - found);
        *out_len = *out_len - found + put;
        store_free(*out);
        *out = spoiled;
        return STORE_OK;
    }
    CHECK(fault->way != SPOIL);
    store_free(*out);
    *out = NULL;
    *out_len = 0;
    if (fault->way == FOREIGN) {
        *out = foreign + 128;
        *out_len = 2;
    } else if (fault->put != NULL) {
        *out = buffer_of(fault->put, out_len);
    }
    return fault->status;
}

static int32_t broken_init(void *context, const char *opts, size_t opts_len, void **state, char **error, size_t *error_len)
{
    struct broken *broken = context;
    struct state *opened;

    CHECK(opts[opts_len] == '\0' && opts[0] == '{');
    if (broken->init != NULL)
        return spoil(broken, broken->init, error, error_len);
    opened = malloc(sizeof *opened);
    opened->broken = broken;
    opened->inner = open_store();
    __atomic_add_fetch(&broken->inits, 1, __ATOMIC_SEQ_CST);
    *state = opened;
    return STORE_OK;
}

static int32_t broken_append(void *state, const char *events, size_t events_len, const char *opts, size_t opts_len,
                             char **out, size_t *out_len)
{
    struct state *opened = state;
    struct broken *broken = opened->broken;
    const struct fault *fault = broken->append;
    const char *tracking = strstr(opts, "\"tracking\":");
    char options[2048] = "{}";
    int32_t status;

    CHECK(events[events_len] == '\0' && opts[opts_len] == '\0' && *out == NULL && *out_len == 0);
    if (__atomic_add_fetch(&broken->inside, 1, __ATOMIC_SEQ_CST) != 1)
        broken->entered_twice = 1;
    if (tracking != NULL)
        snprintf(options, sizeof options, "{%s", tracking);
    if (fault != NULL && fault->way == FAIL)
        status = spoil(broken, fault, out, out_len);
    else if ((status = store_append(opened->inner, events, events_len, options, strlen(options), out, out_len)) == STORE_OK)
        status = spoil(broken, fault, out, out_len);
    __atomic_sub_fetch(&broken->inside, 1, __ATOMIC_SEQ_CST);
    return status;
}

static int32_t broken_get_events(void *state, const char *query, size_t query_len, const char *opts, size_t opts_len,
                                 char **out, size_t *out_len)
{
    struct state *opened = state;
    struct broken *broken = opened->broken;
    const char *limit = strstr(opts, "\"limit\":");
    char options[256];
    int32_t status;

    CHECK(query[query_len] == '\0' && opts[opts_len] == '\0' && limit != NULL);
    if (__atomic_add_fetch(&broken->inside, 1, __ATOMIC_SEQ_CST) != 1)
        broken->entered_twice = 1;
    snprintf(options, sizeof options, "{%s", limit != NULL ? limit : "}");
    status = store_get_events(opened->inner, query, query_len, options, strlen(options), out, out_len);
    if (status == STORE_OK && *out_len > 2)
        status = spoil(broken, broken->get_events, out, out_len);
    __atomic_sub_fetch(&broken->inside, 1, __ATOMIC_SEQ_CST);
    return status;
}

static int32_t broken_tracking(void *state, const char *source, size_t source_len, uint64_t *position, char **error,
                               size_t *error_len)
{
    struct state *opened = state;

    if (opened->broken->tracking != NULL)
        return spoil(opened->broken, opened->broken->tracking, error, error_len);
    return store_tracking(opened->inner, source, source_len, position, error, error_len);
}

static int32_t broken_close(void *state, char **error, size_t *error_len)
{
    struct state *opened = state;
    struct broken *broken = opened->broken;

    close_store(opened->inner);
    free(opened);
    broken->closes++;
    return spoil(broken, broken->close, error, error_len);
}

static void broken_destroy(void *context)
{
    struct broken *broken = context;

    broken->destroys++;
}

static store_engine_t table(struct broken *broken)
{
    store_engine_t engine = {0};

    engine.size = sizeof engine;
    engine.version = STORE_ENGINE_VERSION;
    engine.context = broken;
    engine.init = broken_init;
    engine.append = broken_append;
    engine.get_events = broken_get_events;
    engine.tracking = broken_tracking;
    engine.close = broken_close;
    engine.destroy = broken_destroy;
    return engine;
}

static void register_broken(struct broken *broken)
{
    store_engine_t engine = table(broken);

    CHECK_STATUS(STORE_OK, store_register_engine("broken", 6, &engine, NULL, NULL));
    memset(&engine, 0, sizeof engine); /* it was copied */
}

static void unregister_broken(void)
{
    CHECK_STATUS(STORE_OK, store_unregister_engine("broken", 6, NULL, NULL));
}

static store_t *open_broken(struct broken *broken)
{
    store_t *store = NULL;

    CHECK_STATUS(STORE_OK, store_init(TEXT("{\"store\":\"broken\"}"), &store, NULL, NULL));
    broken->outer = store;
    return store;
}

static void check_error(const struct fault *fault, int32_t status, char *text, size_t length)
{
    int good = CHECK_STATUS(fault->expected, status) && CHECK(text != NULL) && CHECK(strlen(text) == length);

    good = good && CHECK(strstr(text, fault->words) != NULL) && CHECK(fault->detail == NULL || strstr(text, fault->detail) != NULL);
    if (!good)
        check_fail(__FILE__, __LINE__, "%s: %s: %s", fault->name, fault->words, text != NULL ? text : "no text");
    store_free(text);
}

/* ---- What is looked at ------------------------------------------------------------------------------------------ */

#define TWO "[{\"id\":\"0190a000-0000-7000-8000-000000000001\"," STREAM "},{\"id\":\"0190a000-0000-7000-8000-000000000002\"," STREAM "}]"
#define UNKNOWN "\"stored\":\"unknown\",\"ids\":[\"0190a000-0000-7000-8000-000000000001\""
#define ENGINE STORE_ERR_ENGINE

static const struct fault APPENDS[] = {
    {"no buffer", NO_BUFFER, 0, NULL, NULL, ENGINE, "returned ok, and no buffer", UNKNOWN},
    {"another's buffer", FOREIGN, 0, NULL, NULL, ENGINE, "not one of store_alloc", UNKNOWN},
    {"a length that is too large", TOO_LONG, 0, NULL, NULL, ENGINE, "length is larger", UNKNOWN},
    {"no UTF-8", SPOIL, 0, "\"t\"", "\"\xff\"", ENGINE, "not UTF-8 at byte", UNKNOWN},
    {"no JSON", SPOIL, 0, "\"type\":", "\"type\"", ENGINE, "no JSON array of events", UNKNOWN},
    {"more than JSON", SPOIL, 0, "]", "]]", ENGINE, "no JSON array of events", UNKNOWN},
    {"an empty text", NO_BUFFER, 0, NULL, "", ENGINE, "0 events of the 2", UNKNOWN},
    {"a number", NO_BUFFER, 0, NULL, "[7]", ENGINE, "must be a JSON object", UNKNOWN},
    {"an error in place of events", NO_BUFFER, 0, NULL, "{\"code\":\"io\",\"message\":\"x\"}", ENGINE, "`code` is not a field", UNKNOWN},
    {"a field that is missing", SPOIL, 0, "\"tags\":[],", "", ENGINE, "`tags` is missing", UNKNOWN},
    {"a field that is unknown", SPOIL, 0, "\"tags\":[],", "\"tags\":[],\"colour\":1,", ENGINE, "`colour` is not a field", UNKNOWN},
    {"a field twice", SPOIL, 0, "\"tags\":[],", "\"tags\":[],\"tags\":[],", ENGINE, "`tags` stands twice", UNKNOWN},
    {"a position as a string", SPOIL, 0, "\"sequence_number\":1,", "\"sequence_number\":\"1\",", ENGINE, "`sequence_number`", UNKNOWN},
    {"no position", SPOIL, 0, "\"sequence_number\":1,", "", ENGINE, "`sequence_number`", UNKNOWN},
    {"position 0", SPOIL, 0, "\"sequence_number\":1,", "\"sequence_number\":0,", ENGINE, "`sequence_number`", UNKNOWN},
    {"a gap", SPOIL, 0, "\"sequence_number\":2,", "\"sequence_number\":3,", ENGINE, "position 3 where 2 is next", UNKNOWN},
    {"a position twice", SPOIL, 0, "\"sequence_number\":2,", "\"sequence_number\":1,", ENGINE, "position 1 where 2 is next", UNKNOWN},
    {"another stream version", SPOIL, 0, "\"stream_version\":2,", "\"stream_version\":9,", ENGINE, "stream version 9 where 2 is next", UNKNOWN},
    {"other data", SPOIL, 0, "\"data\":{}", "\"data\":{\"a\":1}", ENGINE, "event 0 is not the one that was given", UNKNOWN},
    {"another type", SPOIL, 0, "\"type\":\"t\"", "\"type\":\"u\"", ENGINE, "event 0 is not the one", UNKNOWN},
    {"another id", SPOIL, 0, "000000000002\"", "000000000003\"", ENGINE, "event 1 is not the one", UNKNOWN},
    {"another time", SPOIL, 0, "\"inserted_at\":\"20", "\"inserted_at\":\"19", ENGINE, "event 0 is not the one", UNKNOWN},
    {"a failure in words", FAIL, STORE_ERR_IO, NULL, "the shelf fell", ENGINE, "append: the shelf fell", "\"engine_code\":\"io\",\"stored\":false"},
    {"a failure as JSON", FAIL, STORE_ERR_NO_SPACE, NULL, "{\"message\":\"no shelf\"}", ENGINE, "append: no shelf", "\"engine_code\":\"no_space\",\"stored\":false"},
    {"a failure without words", FAIL, -77, NULL, NULL, ENGINE, "gave no reason", "\"engine_code\":\"-77\",\"stored\":false"},
    {"it failed and stored", STORE_AND_FAIL, STORE_ERR_IO, NULL, "too late", ENGINE, "too late", UNKNOWN},
    {"it does not know", STORE_AND_FAIL, STORE_ERR_INDETERMINATE, NULL, "dead line", STORE_ERR_INDETERMINATE, "dead line", UNKNOWN},
};

static void appends_are_looked_at(void)
{
    for (size_t at = 0; at < sizeof APPENDS / sizeof *APPENDS; at++) {
        struct broken broken = {.append = &APPENDS[at]};
        char *out = GARBAGE_POINTER;
        size_t length = GARBAGE_SIZE;
        store_t *store;
        int32_t status;
        int stored;

        register_broken(&broken);
        store = open_broken(&broken);
        status = store_append(store, TWO, strlen(TWO), NULL, 0, &out, &length);
        stored = out != NULL && strstr(out, "\"stored\":false") == NULL;
        check_error(&APPENDS[at], status, out, length);
        broken.append = NULL;
        /* The batch again settles it, and the store goes on. */
        CHECK_STATUS(STORE_OK, store_append(store, TWO, strlen(TWO), SUMMARY, strlen(SUMMARY), &out, &length));
        CHECK_TEXT("{\"first\":1,\"last\":2,\"count\":2,\"head\":2}", out);
        store_free(out);
        CHECK_UINT(2, head_of(store));
        CHECK(stored || APPENDS[at].way == FAIL);
        close_store(store);
        unregister_broken();
        CHECK_INT(1, broken.destroys);
    }
    check_note("%zu broken appends", sizeof APPENDS / sizeof *APPENDS);
}

static const struct fault READS[] = {
    {"no buffer", NO_BUFFER, 0, NULL, NULL, ENGINE, "returned ok, and no buffer", NULL},
    {"another's buffer", FOREIGN, 0, NULL, NULL, ENGINE, "not one of store_alloc", NULL},
    {"a length that is too large", TOO_LONG, 0, NULL, NULL, ENGINE, "length is larger", NULL},
    {"no UTF-8", SPOIL, 0, "\"t\"", "\"\xff\"", ENGINE, "not UTF-8", NULL},
    {"no JSON", SPOIL, 0, "\"type\":", "\"type\"", ENGINE, "no JSON", NULL},
    {"a missing event", SPOIL, 0, "\"sequence_number\":2,", "\"sequence_number\":3,", ENGINE, "event at position 2 is missing", NULL},
    {"a gap", SPOIL, 0, "\"sequence_number\":1,", "\"sequence_number\":2,", ENGINE, "position 1 is missing before 2", NULL},
    {"the wrong order", SPOIL, 0, "\"sequence_number\":2,", "\"sequence_number\":1,", ENGINE, "position 1 follows 1", NULL},
    {"nothing", NO_BUFFER, 0, NULL, "[]", ENGINE, "position 1 is missing", NULL},
    {"a field of another kind", SPOIL, 0, "\"tags\":[]", "\"tags\":{}", ENGINE, "`tags`", NULL},
    {"a failure", NO_BUFFER, STORE_ERR_IO, NULL, "no light", ENGINE, "get_events: no light", "\"engine_code\":\"io\""},
};

static void reads_are_looked_at(void)
{
    for (size_t at = 0; at < sizeof READS / sizeof *READS; at++) {
        struct broken broken = {0};
        char *out = GARBAGE_POINTER;
        size_t length = GARBAGE_SIZE;
        store_t *store;
        int32_t status;

        register_broken(&broken);
        store = open_broken(&broken);
        CHECK_STATUS(STORE_OK, store_append(store, TWO, strlen(TWO), NULL, 0, NULL, NULL));
        broken.get_events = &READS[at];
        status = store_get_events(store, NULL, 0, NULL, 0, &out, &length);
        check_error(&READS[at], status, out, length);
        broken.get_events = NULL;
        CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, NULL, NULL));
        close_store(store);
        unregister_broken();
    }
    check_note("%zu broken reads", sizeof READS / sizeof *READS);
}

static void the_other_functions_fail_in_their_own_words(void)
{
    static const struct fault init = {"init", NO_BUFFER, STORE_ERR_LOCKED, NULL, "in use", ENGINE, "init: in use", "\"engine_code\":\"locked\""};
    static const struct fault tracking = {"tracking", NO_BUFFER, STORE_ERR_IO, NULL, "lost", ENGINE, "tracking: lost", "\"function\":\"tracking\""};
    static const struct fault closing = {"close", NO_BUFFER, STORE_ERR_IO, NULL, "stuck", ENGINE, "close: stuck", "\"function\":\"close\""};
    static const struct fault head = {"head", NO_BUFFER, STORE_ERR_IO, NULL, "dark", ENGINE, "get_events: dark", NULL};
    struct broken broken = {.init = &init};
    store_t *store = GARBAGE_POINTER;
    uint64_t position;
    int32_t status;
    char *error;
    size_t length;

    register_broken(&broken);
    status = store_init(TEXT("{\"store\":\"broken\"}"), &store, &error, &length);
    check_error(&init, status, error, length);
    CHECK(store == NULL && broken.inits == 0 && broken.closes == 0);
    broken.init = NULL;
    broken.tracking = &tracking;
    store = open_broken(&broken);
    status = store_tracking(store, "s", 1, &position, &error, &length);
    check_error(&tracking, status, error, length);
    broken.tracking = NULL;
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), TEXT("{\"tracking\":{\"source\":\"s\",\"position\":4}}"), NULL, NULL));
    CHECK_STATUS(STORE_OK, store_tracking(store, "s", 1, &position, NULL, NULL));
    CHECK_UINT(4, position);
    broken.get_events = &head;
    status = store_get_events(store, NULL, 0, NULL, 0, &error, &length);
    check_error(&head, status, error, length);
    broken.close = &closing;
    status = store_close(store, &error, &length);
    check_error(&closing, status, error, length);
    CHECK_INT(1, broken.closes);
    unregister_broken();
    CHECK_INT(1, broken.destroys);
}

/* ---- Registration ----------------------------------------------------------------------------------------------- */

static void refused(int32_t expected, const char *words, const char *name, size_t length, const store_engine_t *engine)
{
    struct fault fault = {name, FAIL, 0, NULL, NULL, expected, words, NULL};
    char *error = GARBAGE_POINTER;
    size_t error_len = GARBAGE_SIZE;
    int32_t status = store_register_engine(name, length, engine, &error, &error_len);

    check_error(&fault, status, error, error_len);
}

static void a_table_that_is_none_is_refused(void)
{
    struct broken broken = {0};
    store_engine_t good = table(&broken), bad;
    char long_name[1025];

    memset(long_name, 'x', sizeof long_name);
    refused(STORE_ERR_MISUSE, "engine is NULL", "e", 1, NULL);
    refused(STORE_ERR_MISUSE, "name is NULL", NULL, 0, &good);
    refused(STORE_ERR_MISUSE, "is empty", "", 0, &good);
    refused(STORE_ERR_MISUSE, "longer than 1024", long_name, sizeof long_name, &good);
    refused(STORE_ERR_MISUSE, "U+0000", "a\0b", 3, &good);
    refused(STORE_ERR_INVALID_JSON, "not UTF-8", "\xff", 1, &good);
    refused(STORE_ERR_MISUSE, "name of an engine already", "memory", 6, &good);
    refused(STORE_ERR_MISUSE, "name of an engine already", "postgres", 8, &good);
    bad = good, bad.size = 8;
    refused(STORE_ERR_MISUSE, "size 8", "e", 1, &bad);
    bad = good, bad.version = 2;
    refused(STORE_ERR_MISUSE, "version 2", "e", 1, &bad);
    bad = good, bad.init = NULL;
    refused(STORE_ERR_MISUSE, "no init", "e", 1, &bad);
    bad = good, bad.append = NULL;
    refused(STORE_ERR_MISUSE, "no append", "e", 1, &bad);
    bad = good, bad.get_events = NULL;
    refused(STORE_ERR_MISUSE, "no get_events", "e", 1, &bad);
    bad = good, bad.close = NULL;
    refused(STORE_ERR_MISUSE, "no close", "e", 1, &bad);
    bad = good, bad.abilities = 1 << 9;
    refused(STORE_ERR_UNSUPPORTED, "0x200", "e", 1, &bad);
    register_broken(&broken);
    refused(STORE_ERR_MISUSE, "name of an engine already", "broken", 6, &good);
    CHECK_INT(0, broken.destroys);
    unregister_broken();
    CHECK_INT(1, broken.destroys);
    CHECK_STATUS(STORE_ERR_NOT_FOUND, store_unregister_engine("broken", 6, NULL, NULL));
    CHECK_STATUS(STORE_ERR_MISUSE, store_unregister_engine(NULL, 0, NULL, NULL));
}

static void a_context_is_destroyed_once_when_the_last_store_is_closed(void)
{
    struct broken broken = {0};
    store_t *one, *other;

    register_broken(&broken);
    one = open_broken(&broken);
    other = open_broken(&broken);
    unregister_broken();
    CHECK_STATUS(STORE_ERR_INVALID_OPTIONS, store_init(TEXT("{\"store\":\"broken\"}"), &broken.outer, NULL, NULL));
    close_store(one);
    CHECK_INT(0, broken.destroys);
    CHECK_STATUS(STORE_OK, store_append(other, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    close_store(other);
    CHECK_INT(1, broken.destroys);
    CHECK_INT(2, broken.closes);
}

/* ---- Threads and processes -------------------------------------------------------------------------------------- */

static void *work(void *argument)
{
    for (unsigned long round = 0; round < check_scaled(400); round++) {
        CHECK_STATUS(STORE_OK, store_append(argument, EVENT, strlen(EVENT), SUMMARY, strlen(SUMMARY), NULL, NULL));
        CHECK_STATUS(STORE_OK, store_get_events(argument, NULL, 0, TEXT("{\"limit\":5}"), NULL, NULL));
    }
    return NULL;
}

static void one_thread_at_a_time_is_inside(void)
{
    struct broken broken = {0};
    pthread_t threads[4];
    store_t *store;

    register_broken(&broken);
    store = open_broken(&broken);
    for (size_t at = 0; at < 4; at++)
        CHECK(pthread_create(&threads[at], NULL, work, store) == 0);
    for (size_t at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    CHECK_UINT(4 * check_scaled(400), head_of(store));
    CHECK(!broken.entered_twice);
    close_store(store);
    unregister_broken();
}

static void an_engine_cannot_call_its_own_store(void)
{
    static const struct fault reenter = {"reenter", REENTER, 0, NULL, NULL, 0, NULL, NULL};
    struct broken broken = {.append = &reenter, .get_events = &reenter};
    store_t *store;

    register_broken(&broken);
    store = open_broken(&broken);
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, NULL, NULL));
    close_store(store);
    unregister_broken();
}

static void a_forked_child_leaves_its_parents_engine_alone(void)
{
    struct broken broken = {0};
    store_t *store;
    pid_t child;
    int status = 0;

    register_broken(&broken);
    store = open_broken(&broken);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        int good = store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL) == STORE_ERR_FORKED;
        good = good && store_close(store, NULL, NULL) == STORE_ERR_FORKED;
        good = good && store_unregister_engine("broken", 6, NULL, NULL) == STORE_OK;
        good = good && broken.closes == 0 && broken.destroys == 0;
        execlp(good ? "true" : "false", good ? "true" : "false", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    close_store(store);
    unregister_broken();
    CHECK_INT(1, broken.destroys);
}

/* ---- The example ------------------------------------------------------------------------------------------------ */

static int32_t open_file(const char *path, store_t **store, char **error, size_t *length)
{
    char config[512];

    snprintf(config, sizeof config, "{\"store\":\"jsonl\",\"store_opts\":{\"path\": \"%s\"}}", path);
    return store_init(config, strlen(config), store, error, length);
}

/* From the example into memory, and on. */
static void moves_house(store_t *store)
{
    static const struct fault self = {"itself", FAIL, 0, NULL, NULL, STORE_ERR_MISUSE, "both are one store", NULL};
    store_t *memory = open_store();
    char *out, *here, *there;
    size_t length;
    int32_t status;

    CHECK_STATUS(STORE_OK, store_copy(store, memory, NULL, 0, &out, &length));
    CHECK_TEXT("{\"copied\":4,\"events\":4,\"head\":4}", out);
    store_free(out);
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &here, NULL));
    CHECK_STATUS(STORE_OK, store_get_events(memory, NULL, 0, NULL, 0, &there, NULL));
    CHECK_TEXT(here, there);
    store_free(here);
    store_free(there);
    CHECK_STATUS(STORE_OK, store_append(memory, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_ERR_CONFLICT, store_copy(store, memory, NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_copy(memory, store, NULL, 0, NULL, NULL));
    status = store_copy(memory, memory, NULL, 0, &out, &length);
    check_error(&self, status, out, length);
    CHECK_STATUS(STORE_ERR_MISUSE, store_copy(NULL, memory, NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_ERR_MISUSE, store_copy(memory, NULL, NULL, 0, NULL, NULL));
    close_store(memory);
    CHECK_STATUS(STORE_ERR_CLOSED, store_copy(memory, store, NULL, 0, NULL, NULL));
}

static void the_example_keeps_its_events_and_cuts_off_what_is_torn(void)
{
    static const struct fault locked = {"locked", FAIL, 0, NULL, NULL, ENGINE, "open in another store", "\"engine_code\":\"locked\""};
    static const struct fault nameless = {"nameless", FAIL, 0, NULL, NULL, ENGINE, "name the file", "\"engine_code\":\"invalid_options\""};
    const char *folder = getenv("TMPDIR");
    char path[512], *error, *before, *after;
    uint64_t position;
    int32_t status;
    size_t length;
    store_t *store, *second = GARBAGE_POINTER;
    int file;

    snprintf(path, sizeof path, "%s/runestore-jsonl-%d-", folder != NULL ? folder : "/tmp", (int)getpid());
    length = strlen(path);
    memset(path + length, 'X', 6);
    path[length + 6] = '\0';
    file = mkstemp(path);
    CHECK(file >= 0);
    CHECK_STATUS(STORE_OK, jsonl_register(NULL, NULL));
    status = store_init(TEXT("{\"store\":\"jsonl\"}"), &store, &error, &length);
    check_error(&nameless, status, error, length);
    CHECK_STATUS(STORE_OK, open_file(path, &store, NULL, NULL));
    status = open_file(path, &second, &error, &length);
    check_error(&locked, status, error, length);
    CHECK_STATUS(STORE_OK, store_append(store, TWO, strlen(TWO), TEXT("{\"expected_version\":0}"), NULL, NULL));
    CHECK_STATUS(STORE_ERR_CONFLICT, store_append(store, EVENT, strlen(EVENT), TEXT("{\"expected_version\":0}"), NULL, NULL));
    CHECK_STATUS(STORE_OK, store_append(store, TEXT("[]"), TEXT("{\"tracking\":{\"source\":\"s\\n\\u0001\",\"position\":4}}"), NULL, NULL));
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), NULL, 0, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &before, NULL));
    close_store(store);

    /* A batch whose end never came, and then one whose bytes are not those that were written. */
    for (int torn = 0; torn < 2; torn++) {
        const char *tail = torn == 0 ? "#0000000500 0123456789abcdef\n{\"sequence_number\":4," : "#0000000003 0123456789abcdef\n{}\n";
        off_t end = lseek(file, 0, SEEK_END);
        CHECK(write(file, tail, strlen(tail)) == (ssize_t)strlen(tail));
        CHECK_STATUS(STORE_OK, open_file(path, &store, NULL, NULL));
        CHECK(lseek(file, 0, SEEK_END) == end);
        CHECK_STATUS(STORE_OK, store_get_events(store, NULL, 0, NULL, 0, &after, NULL));
        CHECK_TEXT(before, after);
        store_free(after);
        close_store(store);
    }
    CHECK_STATUS(STORE_OK, open_file(path, &store, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_tracking(store, TEXT("s\n\001"), &position, NULL, NULL));
    CHECK_UINT(4, position);
    CHECK_STATUS(STORE_OK, store_append(store, EVENT, strlen(EVENT), TEXT("{\"expected_version\":3}"), NULL, NULL));
    CHECK_STATUS(STORE_OK, store_get_events(store, TEXT("{\"id\":\"0190a000-0000-7000-8000-000000000002\"}"), TEXT("{\"direction\":\"backward\"}"), &after, NULL));
    CHECK_PREFIX("[{\"sequence_number\":2,\"id\":\"0190a000-0000-7000-8000-000000000002\"", after);
    store_free(after);
    store_free(before);
    moves_house(store);
    close_store(store);
    CHECK_STATUS(STORE_OK, store_unregister_engine("jsonl", 5, NULL, NULL));
    close(file);
    unlink(path);
}

static void buffers_are_made_and_freed(void)
{
    char *buffer = store_alloc(5);

    CHECK(buffer != NULL && memcmp(buffer, "\0\0\0\0\0\0", 6) == 0);
    memset(buffer, 'x', 5);
    store_free(buffer);
    CHECK(store_alloc(SIZE_MAX) == NULL);
    CHECK(store_alloc(SIZE_MAX / 2) == NULL);
    buffer = store_alloc(0);
    CHECK(buffer != NULL && *buffer == '\0');
    store_free(buffer);
}

int main(void)
{
    RUN(appends_are_looked_at);
    RUN(reads_are_looked_at);
    RUN(the_other_functions_fail_in_their_own_words);
    RUN(a_table_that_is_none_is_refused);
    RUN(a_context_is_destroyed_once_when_the_last_store_is_closed);
    RUN(one_thread_at_a_time_is_inside);
    RUN(an_engine_cannot_call_its_own_store);
    RUN(a_forked_child_leaves_its_parents_engine_alone);
    RUN(the_example_keeps_its_events_and_cuts_off_what_is_torn);
    RUN(buffers_are_made_and_freed);
    return check_report();
}
