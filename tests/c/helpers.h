/*
 * What several suites need around the API: short calls, buffers that are checked each time, and numbers out of answers.
 */
#ifndef HELPERS_H
#define HELPERS_H

#include "check.h"
#include "json.h"

#define STREAM "\"type\":\"t\",\"domain\":\"d\",\"instance_id\":\"i\""
#define EVENT "{" STREAM "}"
#define SUMMARY "{\"return\":\"summary\"}"
#define FOLLOW "{\"follow\":true}"

/* No call leaves these values behind, since every out-parameter is written on every path. */
#define GARBAGE_POINTER ((void *)(uintptr_t)0xDEADBEEF)
#define GARBAGE_SIZE ((size_t)0xDEAD)
#define GARBAGE_NUMBER UINT64_C(0xDEADBEEFDEADBEEF)

static inline size_t length_of(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static inline store_t *open_store(void)
{
    store_t *store = NULL;
    int32_t status = store_init(NULL, 0, &store, NULL, NULL);

    if (!CHECK_STATUS(STORE_OK, status) || !CHECK(store != NULL))
        exit(EXIT_FAILURE); /* nothing works, so nothing can be tested */
    return store;
}

static inline void close_store(store_t *store)
{
    CHECK_STATUS(STORE_OK, store_close(store, NULL, NULL));
}

static inline store_cursor_t *open_cursor(store_t *store, const char *query, const char *options)
{
    store_cursor_t *cursor = NULL;

    CHECK_STATUS(STORE_OK,
                 store_cursor_open(store, query, length_of(query), options, length_of(options), &cursor, NULL, NULL));
    return cursor;
}

/* What every buffer keeps: a NUL behind it, and JSON in it; for an error its code and a message that is not empty. */
static inline int check_buffer(const char *file, int line, int32_t status, const char *text, size_t length)
{
    char head[64];

    if (status == STORE_DONE || status == STORE_TIMEOUT)
        return text == NULL && length == 0 ? 1
                                           : check_fail(file, line, "expected no buffer; actual: %zu bytes", length);
    if (text == NULL)
        return check_fail(file, line, "expected a buffer with %s; actual: NULL", store_status_name(status));
    if (text[length] != '\0')
        return check_fail(file, line, "expected NUL behind the %zu bytes; actual: %d", length, text[length]);
    if (status == STORE_OK)
        return 1;
    snprintf(head, sizeof head, "{\"code\":\"%s\",\"message\":\"", store_status_name(status));
    if (strncmp(text, head, strlen(head)) != 0 || text[strlen(head)] == '"')
        return check_fail(file, line, "expected: %s...; actual: %.400s", head, text);
    return json_is_sound(text, length) ? 1 : check_fail(file, line, "expected sound JSON; actual: %.400s", text);
}

#define CHECK_BUFFER(status, text, length) check_buffer(__FILE__, __LINE__, (status), (text), (length))

/* Checks the buffer's rules and the status, and frees it. */
static inline int check_and_free(const char *file, int line, const char *what, int32_t expected, int32_t status,
                                 char *text, size_t length)
{
    int good = check_status(file, line, what, expected, status);

    if (!good && status < 0 && text != NULL)
        check_fail(file, line, "the error is %.400s", text);
    good &= check_buffer(file, line, status, text, length);
    store_free(text);
    return good;
}

#define CHECK_APPEND(expected, store, events, options)                                                                 \
    check_append(__FILE__, __LINE__, (expected), (store), (events), length_of(events), (options))
#define CHECK_APPEND_BYTES(expected, store, events, length, options)                                                   \
    check_append(__FILE__, __LINE__, (expected), (store), (events), (length), (options))

static inline int check_append(const char *file, int line, int32_t expected, store_t *store, const char *events,
                               size_t length, const char *options)
{
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    int32_t status = store_append(store, events, length, options, length_of(options), &out, &out_len);

    return check_and_free(file, line, "store_append", expected, status, out, out_len);
}

/* The head, or UINT64_MAX if it could not be learnt. */
static inline uint64_t head_of(store_t *store)
{
    uint64_t head = GARBAGE_NUMBER;
    int32_t status = store_wait(store, 0, 0, &head, NULL, NULL);

    return CHECK_ONE_OF(status, STORE_OK, STORE_TIMEOUT) ? head : UINT64_MAX;
}

/* The number behind the first key in text, UINT64_MAX if there is none. The key includes what is before the digits. */
static inline uint64_t number_after(const char *text, const char *key)
{
    const char *place = text;

    /* The sanitizer's strstr measures the whole text each time, which many megabytes of lines cannot afford. */
    if (text != NULL && strncmp(text, key, strlen(key)) != 0)
        place = strstr(text, key);

    return place != NULL ? strtoull(place + strlen(key), NULL, 10) : UINT64_MAX;
}

/* xorshift64*: the same numbers for the same seed everywhere, which rand() does not promise. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static inline size_t random_below(uint64_t *state, size_t limit)
{
    return (size_t)((random_next(state) >> 16) % limit);
}

/* RUNESTORE_TEST_SEED repeats a run. */
static inline uint64_t random_seed(void)
{
    const char *text = getenv("RUNESTORE_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 0;
    FILE *source;

    if (seed == 0 && (source = fopen("/dev/urandom", "rb")) != NULL) {
        uint32_t bytes = 0;

        if (fread(&bytes, sizeof bytes, 1, source) == 1)
            seed = bytes;
        fclose(source);
    }
    return seed != 0 ? seed : 1;
}

#endif
