/*
 * A whole engine in C: events in a file, one JSON object a line, for tail -f, grep and jq.
 *
 * Each batch is a line "#BYTES HASH", then its events, then a line "@POSITION SOURCE" where a reader's position is recorded
 * with it; written at once and synced before it is acknowledged. What does not fit its hash when the file is opened is a batch that a crash tore: it is cut off. The store above makes every
 * check, so the engine never looks into an event: it is given the numbers that each is to get (opts of append), and
 * which positions are asked for (opts of get_events). It ignores queries; the store passes over what does not match.
 */
#define _GNU_SOURCE /* flock, pwritev */
#include "jsonl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEAD = 29, NUMBERS = 80 }; /* the bytes of "#BYTES HASH\n", and more than the numbers of an event have */

struct jsonl {
    int file;
    int broken;       /* a sync failed: what is on the disk is not known any more */
    uint64_t end;     /* the next batch begins here */
    uint64_t *starts; /* of each event's line; one more for the end of the last */
    uint64_t *ends;
    size_t count, room;
    struct tracked *tracked;
};

struct tracked {
    struct tracked *next;
    uint64_t position;
    char source[]; /* as JSON */
};

static int32_t fail(int32_t status, char **error, size_t *error_len, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    *error_len = strlen(text);
    *error = store_alloc(*error_len);
    if (*error != NULL)
        memcpy(*error, text, *error_len);
    else
        *error_len = 0;
    return status;
}

static uint64_t hash_of(const char *bytes, size_t length) /* FNV-1a */
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t at = 0; at < length; at++)
        hash = (hash ^ (unsigned char)bytes[at]) * UINT64_C(1099511628211);
    return hash;
}

/* Notes a line "@POSITION SOURCE"; 0 where memory ends. */
static int note_tracking(struct jsonl *store, const char *line, size_t length)
{
    char *source;
    uint64_t position = strtoull(line + 1, &source, 10);
    size_t size = length - (size_t)(++source - line) - 1;
    struct tracked *tracked = store->tracked;

    while (tracked != NULL && (strlen(tracked->source) != size || memcmp(tracked->source, source, size) != 0))
        tracked = tracked->next;
    if (tracked == NULL) {
        tracked = calloc(1, sizeof *tracked + size + 1);
        if (tracked == NULL)
            return 0;
        memcpy(tracked->source, source, size);
        tracked->next = store->tracked;
        store->tracked = tracked;
    }
    tracked->position = position;
    return 1;
}

/* Notes where the events of a batch lie, whose lines begin at `start` in the file: what is behind them, or NULL where
 * memory ends. */
static const char *note_events(struct jsonl *store, const char *lines, size_t length, uint64_t start)
{
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(lines + at, '\n', length - at);
        size_t next = newline != NULL ? (size_t)(newline - lines) + 1 : length;

        if (lines[at] == '@')
            return lines + at;
        if (store->count == store->room) {
            size_t room = store->room != 0 ? store->room * 2 : 1024;
            uint64_t *starts = realloc(store->starts, room * sizeof *starts);
            if (starts != NULL)
                store->starts = starts;
            uint64_t *ends = realloc(store->ends, room * sizeof *ends);
            if (ends != NULL)
                store->ends = ends;
            if (starts == NULL || ends == NULL)
                return NULL;
            store->room = room;
        }
        store->starts[store->count] = start + at;
        store->ends[store->count++] = start + next;
        at = next;
    }
    return lines + length;
}

static int read_exactly(int file, char *to, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t got = pread(file, to, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        to += got;
        length -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 1;
}

/* Reads the whole batches of a file and cuts off what comes behind them; 0, or what went wrong. */
static int recover(struct jsonl *store)
{
    struct stat file;

    if (fstat(store->file, &file) != 0)
        return errno;
    while (store->end + HEAD <= (uint64_t)file.st_size) {
        char head[HEAD + 1] = "";
        uint64_t bytes, hash;

        if (!read_exactly(store->file, head, HEAD, store->end))
            return EIO;
        if (sscanf(head, "#%10" SCNu64 " %16" SCNx64 "\n", &bytes, &hash) != 2)
            break;
        if (bytes > (uint64_t)file.st_size - store->end - HEAD)
            break;
        char *lines = malloc(bytes + 1);
        int whole = lines != NULL && read_exactly(store->file, lines, bytes, store->end + HEAD);
        int sound = whole && hash_of(lines, bytes) == hash;
        const char *behind = sound ? note_events(store, lines, bytes, store->end + HEAD) : NULL;
        int noted = behind != NULL && (behind == lines + bytes || note_tracking(store, behind, (size_t)(lines + bytes - behind)));
        free(lines);
        if (!whole || (sound && !noted))
            return whole ? ENOMEM : EIO;
        if (!sound)
            break;
        store->end += HEAD + bytes;
    }
    if (store->end < (uint64_t)file.st_size && (ftruncate(store->file, (off_t)store->end) != 0 || fsync(store->file) != 0))
        return errno;
    return 0;
}

/* The value of "path" in a JSON object that has no other string with escapes; NULL if it is not there. */
static char *path_of(const char *opts)
{
    const char *at = strstr(opts, "\"path\"");
    char *path;
    size_t length;

    if (at == NULL)
        return NULL;
    at += strlen("\"path\"");
    at += strspn(at, " \t\r\n:");
    if (*at++ != '"')
        return NULL;
    length = strcspn(at, "\"\\");
    path = at[length] == '"' && length > 0 ? malloc(length + 1) : NULL;
    if (path != NULL) {
        memcpy(path, at, length);
        path[length] = '\0';
    }
    return path;
}

static int release(struct jsonl *store)
{
    int closed = store->file >= 0 ? close(store->file) : 0;

    for (struct tracked *next, *at = store->tracked; at != NULL; at = next) {
        next = at->next;
        free(at);
    }
    free(store->starts);
    free(store->ends);
    free(store);
    return closed;
}

static int32_t jsonl_close(void *state, char **error, size_t *error_len)
{
    int closed = release(state);

    return closed == 0 ? STORE_OK : fail(STORE_ERR_IO, error, error_len, "close: %s", strerror(errno));
}

static int32_t jsonl_init(void *context, const char *opts, size_t opts_len, void **state, char **error, size_t *error_len)
{
    struct jsonl *store = calloc(1, sizeof *store);
    char *path = path_of(opts);
    int32_t status = STORE_OK;
    int fault;

    (void)context;
    (void)opts_len;
    if (store == NULL || path == NULL) {
        free(store);
        free(path);
        return fail(STORE_ERR_INVALID_OPTIONS, error, error_len,
                    "name the file: {\"path\":\"events.jsonl\"}, a string without escapes");
    }
    store->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->file < 0)
        status = fail(STORE_ERR_IO, error, error_len, "%s: %s", path, strerror(errno));
    else if (flock(store->file, LOCK_EX | LOCK_NB) != 0)
        status = fail(STORE_ERR_LOCKED, error, error_len, "%s is open in another store: close that one first", path);
    else if ((fault = recover(store)) != 0)
        status = fail(STORE_ERR_IO, error, error_len, "%s: %s", path, strerror(fault));
    free(path);
    if (status == STORE_OK) {
        *state = store;
        return STORE_OK;
    }
    release(store);
    return status;
}

/* Writes the events with their numbers, one a line; how many bytes. */
static size_t number_events(char *to, const char *events, size_t events_len, const char *opts)
{
    const char *end = events + events_len - 1; /* at the array's bracket */
    char *begin = to, *version;
    const char *source = strstr(opts, "\"tracking\":{\"source\":");
    uint64_t position = strtoull(opts + strlen("{\"first\":"), &version, 10);

    version += strlen(",\"stream_versions\":[");
    for (const char *line = events + 1; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *behind = newline != NULL ? newline - 1 : end; /* at the comma */

        to += sprintf(to, "{\"sequence_number\":%" PRIu64 ",\"stream_version\":%" PRIu64 ",", position++,
                      (uint64_t)strtoull(version, &version, 10));
        version++;
        memcpy(to, line + 1, (size_t)(behind - line) - 1);
        to += behind - line - 1;
        *to++ = '\n';
        line = newline != NULL ? newline + 1 : end;
    }
    if (source != NULL) {
        source += strlen("\"tracking\":{\"source\":");
        const char *tail = strrchr(source, ':'); /* of "position": the last member of opts */
        int length = (int)(tail - strlen(",\"position\"") - source);
        to += sprintf(to, "@%" PRIu64 " %.*s\n", (uint64_t)strtoull(tail + 1, NULL, 10), length, source);
    }
    return (size_t)(to - begin);
}

static int32_t jsonl_append(void *state, const char *events, size_t events_len, const char *opts, size_t opts_len,
                            char **out, size_t *out_len)
{
    struct jsonl *store = state;
    char head[64];
    size_t lines = 1, before = store->count;
    ssize_t written;

    if (store->broken)
        return fail(STORE_ERR_IO, out, out_len, "an earlier sync failed: close the store and open it again");
    for (size_t at = 0; at < events_len; at++)
        lines += events[at] == '\n';
    char *answer = store_alloc(events_len + opts_len + lines * NUMBERS);
    if (answer == NULL)
        return fail(STORE_ERR_NO_SPACE, out, out_len, "no memory for %zu bytes", events_len);
    size_t length = number_events(answer, events, events_len, opts);
    snprintf(head, sizeof head, "#%010zu %016" PRIx64 "\n", length, hash_of(answer, length));

    struct iovec parts[2] = {{head, HEAD}, {answer, length}};
    const char *behind = note_events(store, answer, length, store->end + HEAD);
    written = behind != NULL ? pwritev(store->file, parts, 2, (off_t)store->end) : -1;
    if (written != (ssize_t)(HEAD + length)) {
        int fault = written < 0 ? errno : ENOSPC;
        store->count = before;
        store_free(answer);
        if (ftruncate(store->file, (off_t)store->end) == 0)
            return fail(STORE_ERR_NO_SPACE, out, out_len, "the batch could not be written: %s", strerror(fault));
        store->broken = 1;
        return fail(STORE_ERR_INDETERMINATE, out, out_len, "a part of the batch could not be erased: %s", strerror(errno));
    }
    if (fdatasync(store->file) != 0) {
        store->broken = 1;
        store_free(answer);
        return fail(STORE_ERR_INDETERMINATE, out, out_len, "fdatasync: %s", strerror(errno));
    }
    store->end += HEAD + length;
    if (behind < answer + length && !note_tracking(store, behind, (size_t)(answer + length - behind))) {
        store->broken = 1;
        store_free(answer);
        return fail(STORE_ERR_INDETERMINATE, out, out_len, "no memory for a reader's position, which is recorded");
    }
    *out = answer;
    *out_len = (size_t)(behind - answer);
    return STORE_OK;
}

/* Writes a text as JSON, as the store does it: the mandatory escapes only. */
static void quote(char *to, const char *text, size_t length)
{
    static const char escapes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";

    *to++ = '"';
    for (size_t at = 0; at < length; at++) {
        const char *escape = strchr(escapes, text[at]);
        if (escape != NULL && *escape != '\0') {
            *to++ = '\\';
            *to++ = names[escape - escapes];
        } else if ((unsigned char)text[at] < 0x20) {
            to += sprintf(to, "\\u%04x", (unsigned)text[at]);
        } else {
            *to++ = text[at];
        }
    }
    *to++ = '"';
    *to = '\0';
}

static int32_t jsonl_tracking(void *state, const char *source, size_t source_len, uint64_t *position, char **error,
                              size_t *error_len)
{
    struct jsonl *store = state;
    char *quoted = malloc(source_len * 6 + 3);

    if (quoted == NULL)
        return fail(STORE_ERR_NO_SPACE, error, error_len, "no memory for %zu bytes", source_len);
    quote(quoted, source, source_len);
    for (struct tracked *at = store->tracked; at != NULL; at = at->next) {
        if (strcmp(at->source, quoted) == 0)
            *position = at->position;
    }
    free(quoted);
    return STORE_OK;
}

static int32_t jsonl_get_events(void *state, const char *query, size_t query_len, const char *opts, size_t opts_len,
                                char **out, size_t *out_len)
{
    struct jsonl *store = state;
    uint64_t after = 0, up_to = 0, limit = 0;
    size_t bytes = 0;

    (void)query;
    (void)query_len;
    (void)opts_len;
    sscanf(opts, "{\"after\":%" SCNu64 ",\"up_to\":%" SCNu64 ",\"limit\":%" SCNu64, &after, &up_to, &limit);
    if (up_to > store->count)
        up_to = store->count;
    if (after > up_to)
        after = up_to;
    int backward = strstr(opts, "\"backward\"") != NULL;
    if (limit > up_to - after)
        limit = up_to - after;
    for (uint64_t at = 0; at < limit; at++) {
        uint64_t line = backward ? up_to - 1 - at : after + at;
        bytes += store->ends[line] - store->starts[line];
    }
    char *answer = store_alloc(bytes);
    if (answer == NULL)
        return fail(STORE_ERR_NO_SPACE, out, out_len, "no memory for %zu bytes", bytes);
    *out = answer;
    *out_len = bytes;
    for (uint64_t at = 0; at < limit; at++) {
        uint64_t line = backward ? up_to - 1 - at : after + at;
        size_t length = store->ends[line] - store->starts[line];
        if (!read_exactly(store->file, answer, length, store->starts[line])) {
            store_free(*out);
            return fail(STORE_ERR_IO, out, out_len, "the event at position %" PRIu64 " cannot be read", line + 1);
        }
        answer += length;
    }
    return STORE_OK;
}

int32_t jsonl_register(char **error, size_t *error_len)
{
    store_engine_t engine = {0};

    engine.size = sizeof engine;
    engine.version = STORE_ENGINE_VERSION;
    engine.init = jsonl_init;
    engine.append = jsonl_append;
    engine.get_events = jsonl_get_events;
    engine.tracking = jsonl_tracking;
    engine.close = jsonl_close;
    return store_register_engine("jsonl", strlen("jsonl"), &engine, error, error_len);
}
