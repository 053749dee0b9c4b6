/*
 * The process that the tests kill, starve and cut off: it appends batches to a store, and says what it was told.
 *
 *     writer append CONFIG [NAME=NUMBER ...]     appends until it is ended, or for batches=N
 *     writer dump CONFIG                         opens the store and prints every event, a line each
 *
 * `append` prints one line for each thing that it learnt, by one write(2) as soon as the call has returned, so that a
 * line in the pipe is an answer that the caller had, whatever became of the process a moment later:
 *
 *     opened HEAD                        store_init returned
 *     refused CODE ERROR                 it did not open
 *     ack THREAD BATCH FIRST LAST        store_append returned: the batch has these positions
 *     failed THREAD BATCH CODE ERROR     store_append failed
 *     child PID                          a child was forked, which holds what a child inherits, and sleeps
 *     read CODE COUNT LAST               what a read of everything gave, after the appends
 *     closed CODE                        store_close returned
 *
 * Every event says in its data which run, thread and batch it is of, its place there and how many there are, so that
 * ledger.py can tell from the events alone whether a batch is whole.
 *
 * `dump` ends with a line that begins with '#': {"head":...,"verify":{...}} or {"refused":CODE,"error":{...}}. A dump
 * without that line was cut short.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <runestore.h>

#define THREADS_MAX 16
#define EVENTS_MAX 1000
#define PAD_MAX 8192
#define FIELDS_MAX 512  /* bytes of an event without its padding */
#define LINE_MAX_BYTES 4096 /* PIPE_BUF: so much a pipe takes whole */
#define SUMMARY "{\"return\":\"summary\"}"

static unsigned long run_number = 1;   /* which process this is, in the life of its store */
static unsigned long threads = 1;
static unsigned long first_batch = 1;
static unsigned long batches;          /* of each thread; 0: for ever */
static unsigned long events_min = 1, events_max = 20;
static unsigned long given_ids = 1;    /* 0: the store makes them; 1: this program; 2: by turns */
static unsigned long pad_max = 200;
static unsigned long child;            /* 1: a child is forked after the first batch, and outlives this process */
static unsigned long after_error;      /* so many more appends by a thread that met an error; then it stops */
static unsigned long pause_us;         /* between two appends */
static unsigned long read_back;        /* 1: everything is read before the store is closed */

static const struct {
    const char *name;
    unsigned long *number, limit;
} settings[] = {
    {"run", &run_number, UINT32_MAX}, {"threads", &threads, THREADS_MAX},       {"first_batch", &first_batch, UINT32_MAX},
    {"batches", &batches, UINT32_MAX}, {"events_min", &events_min, EVENTS_MAX}, {"events_max", &events_max, EVENTS_MAX},
    {"given_ids", &given_ids, 2},     {"pad_max", &pad_max, PAD_MAX},           {"child", &child, 1},
    {"after_error", &after_error, UINT32_MAX}, {"pause_us", &pause_us, 1000000}, {"read_back", &read_back, 1},
};

static store_t *store;

static void die(const char *what)
{
    fprintf(stderr, "writer: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* One write, so that lines of several threads do not mix. */
static void say(const char *line, size_t length)
{
    if (write(STDOUT_FILENO, line, length) != (ssize_t)length)
        die("its answers cannot be written");
}

#define SAY(...) \
    do { \
        char line[LINE_MAX_BYTES]; \
        int length = snprintf(line, sizeof line, __VA_ARGS__); \
        if (length >= (int)sizeof line) { \
            length = (int)sizeof line; \
            line[length - 1] = '\n'; \
        } \
        say(line, (size_t)length); \
    } while (0)

static const char *text_or_null(const char *text)
{
    return text != NULL ? text : "null";
}

/* ---- Appending ----------------------------------------------------------------------------------------------------- */

/* The same numbers for the same batch, whichever process appends it: a batch that is sent again is the same batch. */
static uint64_t mixed(uint64_t value)
{
    value += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

static size_t write_batch(char *text, unsigned long thread, unsigned long batch)
{
    uint64_t chance = mixed((uint64_t)run_number << 40 ^ (uint64_t)thread << 32 ^ batch);
    unsigned long count = events_min + chance % (events_max - events_min + 1);
    unsigned long index;
    size_t used = 0;

    text[used++] = '[';
    for (index = 0; index < count; index++) {
        unsigned long pad = mixed(chance + index) % (pad_max + 1);
        int letter = 'a' + (int)((run_number + thread + batch + index) % 26);

        if (index > 0)
            text[used++] = ',';
        text[used++] = '{';
        if (given_ids == 1 || (given_ids == 2 && batch % 2 == 0))
            used += (size_t)sprintf(text + used, "\"id\":\"%08lx-%04lx-4000-8000-%08lx%04lx\",", run_number, thread,
                                    batch, index);
        used += (size_t)sprintf(text + used,
                                "\"type\":\"Written\",\"domain\":\"machine\",\"instance_id\":\"%lu-%lu\","
                                "\"tags\":[\"batch:%lu\"],\"data\":{\"run\":%lu,\"thread\":%lu,\"batch\":%lu,"
                                "\"index\":%lu,\"of\":%lu,\"length\":%lu,\"pad\":\"",
                                run_number, thread, batch % 100, run_number, thread, batch, index, count, pad);
        memset(text + used, letter, pad);
        used += pad;
        used += (size_t)sprintf(text + used, "\"}}");
    }
    text[used++] = ']';
    return used;
}

static uint64_t number_after(const char *text, const char *key)
{
    const char *place = strstr(text, key);

    return place != NULL ? strtoull(place + strlen(key), NULL, 10) : 0;
}

/* What a forked server does to its parent's files: it keeps them open, and lives on. */
static void fork_child(void)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid == 0) {
        /* The parent's pipe must end with the parent. */
        close(STDOUT_FILENO);
        sleep(120);
        _exit(0);
    }
    SAY("child %ld\n", (long)pid);
}

static void *append_batches(void *argument)
{
    unsigned long thread = (unsigned long)(uintptr_t)argument;
    unsigned long batch = first_batch, errors_left = 0;
    char *text = malloc(events_max * (FIELDS_MAX + pad_max) + 2);
    int failed = 0;

    if (text == NULL)
        die("malloc");
    for (; batches == 0 || batch < first_batch + batches; batch++) {
        size_t length = write_batch(text, thread, batch), out_len = 0;
        char *out = NULL;
        int32_t status = store_append(store, text, length, SUMMARY, strlen(SUMMARY), &out, &out_len);

        if (status == STORE_OK)
            SAY("ack %lu %lu %" PRIu64 " %" PRIu64 "\n", thread, batch, number_after(out, "\"first\":"),
                number_after(out, "\"last\":"));
        else
            SAY("failed %lu %lu %s %s\n", thread, batch, store_status_name(status), text_or_null(out));
        store_free(out);
        if (status != STORE_OK && !failed) {
            failed = 1;
            errors_left = after_error;
        } else if (failed) {
            errors_left--;
        }
        if (failed && errors_left == 0)
            break;
        if (child && thread == 0 && batch == first_batch)
            fork_child();
        if (pause_us > 0) {
            struct timespec time = {0, 0};

            time.tv_nsec = (long)(pause_us % 1000000) * 1000;
            nanosleep(&time, NULL);
        }
    }
    free(text);
    return NULL;
}

static void read_everything(void)
{
    char *out = NULL;
    size_t out_len = 0, place;
    unsigned long count = 0;
    uint64_t last = 0;
    const char *opts = "{\"format\":\"ndjson\"}";
    int32_t status = store_get_events(store, NULL, 0, opts, strlen(opts), &out, &out_len);

    for (place = 0; status == STORE_OK && place < out_len; count++) {
        last = number_after(out + place, "\"sequence_number\":");
        place = (size_t)((char *)memchr(out + place, '\n', out_len - place) - out) + 1;
    }
    if (status == STORE_OK)
        SAY("read ok %lu %" PRIu64 "\n", count, last);
    else
        SAY("read %s 0 0 %s\n", store_status_name(status), text_or_null(out));
    store_free(out);
}

static int append_all(void)
{
    pthread_t started[THREADS_MAX];
    unsigned long thread;
    int32_t status;

    for (thread = 1; thread < threads; thread++)
        if ((errno = pthread_create(&started[thread], NULL, append_batches, (void *)(uintptr_t)thread)) != 0)
            die("pthread_create");
    append_batches((void *)(uintptr_t)0);
    for (thread = 1; thread < threads; thread++)
        pthread_join(started[thread], NULL);
    if (read_back)
        read_everything();
    status = store_close(store, NULL, NULL);
    SAY("closed %s\n", store_status_name(status));
    return EXIT_SUCCESS;
}

/* ---- Dumping ------------------------------------------------------------------------------------------------------- */

static int dump(uint64_t head)
{
    store_cursor_t *cursor = NULL;
    const char *opts = "{\"format\":\"ndjson\"}";
    char *out = NULL;
    size_t out_len = 0;
    int32_t status = store_cursor_open(store, NULL, 0, opts, strlen(opts), &cursor, &out, &out_len);

    while (status == STORE_OK) {
        store_free(out);
        status = store_cursor_next(cursor, 0, 0, NULL, &out, &out_len);
        if (status == STORE_OK && fwrite(out, 1, out_len, stdout) != out_len)
            die("the events cannot be written");
    }
    if (status != STORE_DONE) {
        printf("#{\"refused\":\"%s\",\"error\":%s}\n", store_status_name(status), text_or_null(out));
    } else {
        store_free(out);
        status = store_verify(store, NULL, 0, &out, &out_len);
        printf("#{\"head\":%" PRIu64 ",\"verify\":%s}\n", head, text_or_null(out));
    }
    store_free(out);
    store_cursor_close(cursor);
    status = store_close(store, NULL, NULL);
    return fflush(stdout) == 0 && status == STORE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- Starting ------------------------------------------------------------------------------------------------------ */

static void set(const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t i;

    for (i = 0; equals != NULL && i < sizeof settings / sizeof settings[0]; i++) {
        size_t length = strlen(settings[i].name);
        char *end;

        if (length != (size_t)(equals - argument) || strncmp(argument, settings[i].name, length) != 0)
            continue;
        *settings[i].number = strtoul(equals + 1, &end, 10);
        if (end != equals + 1 && *end == '\0' && *settings[i].number <= settings[i].limit)
            return;
    }
    fprintf(stderr, "writer: %s is no setting\n", argument);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    char *error = NULL;
    size_t error_len = 0;
    uint64_t head = 0;
    int32_t status;
    int dumps = argc >= 2 && strcmp(argv[1], "dump") == 0, i;

    if (argc < 3 || (!dumps && strcmp(argv[1], "append") != 0)) {
        fprintf(stderr, "usage: writer append|dump CONFIG [NAME=NUMBER ...]\n");
        return EXIT_FAILURE;
    }
    for (i = 3; i < argc; i++)
        set(argv[i]);
    if (events_min < 1 || events_min > events_max || threads < 1) {
        fprintf(stderr, "writer: these numbers make no batch\n");
        return EXIT_FAILURE;
    }
    status = store_init(argv[2], strlen(argv[2]), &store, &error, &error_len);
    if (status == STORE_OK)
        status = store_wait(store, 0, 0, &head, &error, &error_len);
    if (status < 0) {
        if (dumps)
            printf("#{\"refused\":\"%s\",\"error\":%s}\n", store_status_name(status), text_or_null(error));
        else
            SAY("refused %s %s\n", store_status_name(status), text_or_null(error));
        store_free(error);
        return 3;
    }
    if (dumps)
        return dump(head);
    SAY("opened %" PRIu64 "\n", head);
    return append_all();
}
