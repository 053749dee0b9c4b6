/*
 * Every flight that left New York in 2013, kept in files and asked about.
 *
 *     flights DIR
 *
 * DIR holds events.jsonl (each line a JSON array of events, which is one append) and events.count, both written by
 * convert.py. The events go into DIR/flights.runes and a backup into DIR/copy.runes, which must not be there. Every
 * answer is checked against numbers that were counted without Runestore; the exit status is 0 only if all of them are
 * right.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <runestore.h>

#include "answers.h"
#include "known.h"

#define WIDTH 100 /* columns of the output */
#define BATCH_EVENTS 1000 /* in each line of events.jsonl but the last */
#define PAGE_EVENTS 100
#define FOLLOWER_TIMEOUT_MS 60000 /* a follower that hears nothing for so long has lost a wake-up */

/* What convert.py says that it wrote. */
struct counts {
    uint64_t flights, departed, arrived, cancelled, events, batches;
};

struct source {
    FILE *file;
    char *line;
    size_t capacity;
};

/* What a follower saw. */
struct followed {
    uint64_t counted, out_of_order, answers, position; /* a real follower would keep its position for the next start */
};

static uint64_t kill_a_writer(const char *directory, const struct counts *counts);
static store_t *open_again(const char *directory, uint64_t acknowledged, uint64_t *head);
static void write_while_another_follows(store_t *store, const char *directory, uint64_t head,
                                        const struct counts *counts);
static void aircraft_year(store_t *store, uint64_t head);
static void blizzard(store_t *store, const struct counts *counts);
static void one_hour(store_t *store);
static void last_three(store_t *store, uint64_t head);
static void errors(store_t *store, const char *directory, uint64_t head);
static void verify_and_back_up(store_t *store, const char *directory, const struct counts *counts);

static int32_t open_store(const char *directory, const char *name, const char *options, store_t **store, char **error);
static void close_store(store_t *store);
static uint64_t head_of(store_t *store);
static char *ask(store_t *store, const char *query, const char *options);
static uint64_t total(store_t *store, const char *query);
static void fail(const char *what, int32_t status, char *error);
static void expect(const char *what, uint64_t got, uint64_t wanted);

static struct counts read_counts(const char *directory);
static FILE *open_in(const char *directory, const char *name);
static double seconds(void);
static void heading(const char *title, double elapsed);

static double asked_seconds; /* spent in store_get_events since the last heading */
static int wrong_answers;

int main(int argc, char **argv)
{
    struct counts counts;
    store_t *store;
    uint64_t head;

    if (argc != 2) {
        fprintf(stderr, "usage: flights DIR\n");
        return EXIT_FAILURE;
    }
    if (store_abi_version() >> 16 != STORE_ABI_VERSION >> 16) {
        fprintf(stderr, "flights: built for another major version of Runestore's C ABI\n");
        return EXIT_FAILURE;
    }
    counts = read_counts(argv[1]);
    printf("Runestore %s, file engine: every flight that left New York in 2013\n", store_version());

    store = open_again(argv[1], kill_a_writer(argv[1], &counts), &head);
    write_while_another_follows(store, argv[1], head, &counts);
    aircraft_year(store, counts.events);
    blizzard(store, &counts);
    one_hour(store);
    last_three(store, counts.events);
    errors(store, argv[1], counts.events);
    verify_and_back_up(store, argv[1], &counts);
    close_store(store);

    if (wrong_answers == 0)
        printf("\nEvery number agrees with the table of flights.\n");
    if (fflush(stdout) != 0 || ferror(stdout) || wrong_answers > 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

/* ---- Appending -------------------------------------------------------------------------------------------------- */

/* Opens events.jsonl behind its first `batches` lines. */
static struct source open_source(const char *directory, uint64_t batches)
{
    struct source source = {NULL, NULL, 0};

    source.file = open_in(directory, "events.jsonl");
    for (; batches > 0; batches--)
        if (getline(&source.line, &source.capacity, source.file) < 0)
            fail("events.jsonl ends too early", STORE_OK, NULL);
    return source;
}

static void close_source(struct source *source)
{
    fclose(source->file);
    free(source->line);
}

/* Appends the file's next line as one atomic batch. Returns the head after it. */
static uint64_t append_batch(store_t *store, struct source *source)
{
    static const char options[] = "{\"return\":\"summary\"}";
    ssize_t length = getline(&source->line, &source->capacity, source->file);
    char *answer;
    int32_t status;
    uint64_t head;

    if (length < 0)
        fail("events.jsonl ends too early", STORE_OK, NULL);
    status = store_append(store, source->line, (size_t)length, options, strlen(options), &answer, NULL);
    if (status != STORE_OK)
        fail("store_append", status, answer);
    head = number_after(answer, "\"head\":");
    store_free(answer);
    return head;
}

/* A bar on a terminal, and nothing in a log. */
static void show_progress(uint64_t events, uint64_t total_events)
{
    static const char bar[] = "########################################";
    static double shown;
    const int columns = (int)sizeof bar - 1;
    double now = seconds();
    char count[32];

    /* A terminal is slower than the store: draw no more often than an eye can follow. */
    if (!isatty(STDOUT_FILENO) || (now - shown < 0.04 && events < total_events))
        return;
    shown = now;
    printf("\r  [%-*.*s] %3d %% %9s events", columns, (int)(events * (uint64_t)columns / total_events), bar,
           (int)(events * 100 / total_events), grouped(count, events));
    fflush(stdout);
}

/* The line is for what comes next. */
static void end_progress(void)
{
    if (isatty(STDOUT_FILENO))
        printf("\r%*s\r", WIDTH, "");
}

/* ---- A writer that is killed ------------------------------------------------------------------------------------ */

/* The writer's process: tells the pipe the head after each batch, when that was acknowledged. Never returns. */
static void write_and_tell(const char *directory, uint64_t batches, int pipe_end)
{
    struct source source = open_source(directory, 0);
    store_t *store;
    char *error;
    int32_t status = open_store(directory, "flights.runes", "", &store, &error);

    if (status != STORE_OK)
        fail("store_init", status, error);
    if (head_of(store) != 0)
        fail("flights.runes holds events already: remove it first", STORE_OK, NULL);
    for (; batches > 0; batches--) {
        uint64_t head = append_batch(store, &source);

        if (write(pipe_end, &head, sizeof head) != (ssize_t)sizeof head)
            fail("the pipe is broken", STORE_OK, NULL);
    }
    close_store(store);
    _exit(EXIT_SUCCESS);
}

/* Returns the head that was acknowledged last. */
static uint64_t kill_a_writer(const char *directory, const struct counts *counts)
{
    uint64_t head, acknowledged = 0, batches = 0;
    int ends[2], how, killed = 0;
    pid_t writer;

    fflush(stdout);
    if (pipe(ends) != 0 || (writer = fork()) < 0)
        fail("no process can be started", STORE_OK, NULL);
    if (writer == 0) {
        close(ends[0]);
        write_and_tell(directory, counts->batches, ends[1]);
    }
    close(ends[1]);
    /* What stands in the pipe when the writer is dead was acknowledged as well. */
    while (read(ends[0], &head, sizeof head) == (ssize_t)sizeof head) {
        acknowledged = head;
        batches++;
        show_progress(head, counts->events);
        if (batches >= counts->batches / 2 && !killed) {
            kill(writer, SIGKILL);
            killed = 1;
        }
    }
    close(ends[0]);
    if (waitpid(writer, &how, 0) != writer)
        fail("waitpid", STORE_OK, NULL);
    end_progress();
    if (!killed)
        exit(EXIT_FAILURE); /* it has said why */
    expect("what ended the writer", WIFSIGNALED(how) ? (uint64_t)WTERMSIG(how) : 0, SIGKILL);
    expect("events in the batches acknowledged", acknowledged, batches * BATCH_EVENTS);
    return acknowledged;
}

static store_t *open_again(const char *directory, uint64_t acknowledged, uint64_t *head)
{
    store_t *store;
    char *error, query[64], first[32], second[32];
    double start = seconds(), elapsed;
    int32_t status = open_store(directory, "flights.runes", "", &store, &error);

    elapsed = seconds() - start;
    if (status != STORE_OK)
        fail("store_init", status, error);
    *head = head_of(store);
    heading("The writer was killed half-way with SIGKILL; its store is opened again", elapsed);
    printf("  %s events had been acknowledged; %s are there, in whole batches\n", grouped(first, acknowledged),
           grouped(second, *head));
    snprintf(query, sizeof query, "{\"up_to\":%" PRIu64 "}", acknowledged);
    expect("events that were acknowledged and are there", total(store, query), acknowledged);
    expect("events of a torn batch", *head % BATCH_EVENTS, 0);
    /* It may have been killed between the commit and the word of it. */
    expect("batches stored and not acknowledged, beyond one", *head > acknowledged + BATCH_EVENTS, 0);
    return store;
}

/* ---- Two processes ---------------------------------------------------------------------------------------------- */

/* The follower's process: counts, and looks whether each event is the successor of the one before. Never returns. */
static void follow_and_tell(const char *directory, uint64_t up_to, int pipe_end)
{
    static const char options[] = "{\"follow\":true,\"format\":\"ndjson\"}";
    struct followed seen = {0, 0, 0, 0};
    store_cursor_t *cursor;
    store_t *store;
    char *events, query[64];
    int32_t status = open_store(directory, "flights.runes", ",\"read_only\":true", &store, &events);

    if (status != STORE_OK)
        fail("the follower's store_init", status, events);
    /* up_to is where this follower ends. Without it, it would go on until store_cursor_cancel. */
    snprintf(query, sizeof query, "{\"up_to\":%" PRIu64 "}", up_to);
    status = store_cursor_open(store, query, strlen(query), options, strlen(options), &cursor, &events, NULL);
    if (status != STORE_OK)
        fail("store_cursor_open", status, events);
    while ((status = store_cursor_next(cursor, 0, FOLLOWER_TIMEOUT_MS, &seen.position, &events, NULL)) == STORE_OK) {
        const char *line;

        seen.answers++;
        for (line = events; *line != '\0'; line = next_line(line)) {
            seen.counted++;
            if (number_after(line, "{\"sequence_number\":") != seen.counted)
                seen.out_of_order++;
        }
        store_free(events);
    }
    if (status != STORE_DONE)
        fail("store_cursor_next", status, events);
    status = store_cursor_close(cursor);
    if (status != STORE_OK)
        fail("store_cursor_close", status, NULL);
    close_store(store);
    if (write(pipe_end, &seen, sizeof seen) != (ssize_t)sizeof seen)
        fail("the pipe is broken", STORE_OK, NULL);
    _exit(EXIT_SUCCESS);
}

static void write_while_another_follows(store_t *store, const char *directory, uint64_t head,
                                        const struct counts *counts)
{
    struct source source = open_source(directory, head / BATCH_EVENTS);
    struct followed seen;
    uint64_t before = head;
    double start, elapsed;
    char title[WIDTH], first[32], second[32];
    int ends[2], how;
    pid_t follower;

    fflush(stdout);
    if (pipe(ends) != 0 || (follower = fork()) < 0)
        fail("no process can be started", STORE_OK, NULL);
    if (follower == 0) {
        close(ends[0]);
        /* `store` is the parent's: a call with it would be "forked" here. */
        follow_and_tell(directory, counts->events, ends[1]);
    }
    close(ends[1]);
    start = seconds();
    while (head < counts->events) {
        head = append_batch(store, &source);
        show_progress(head, counts->events);
    }
    elapsed = seconds() - start;
    end_progress();
    close_source(&source);
    if (read(ends[0], &seen, sizeof seen) != (ssize_t)sizeof seen || waitpid(follower, &how, 0) != follower)
        fail("the follower has failed", STORE_OK, NULL);
    close(ends[0]);

    snprintf(title, sizeof title, "The rest, while another process follows: %s events a second, on the disk",
             grouped(first, (uint64_t)((double)(head - before) / elapsed)));
    heading(title, elapsed);
    printf("  the follower counted %s events in %" PRIu64 " answers; %s came while it read\n",
           grouped(first, seen.counted), seen.answers, grouped(second, head - before));
    printf("  %s flights make %s events: ", grouped(first, counts->flights), grouped(second, counts->events));
    printf("%s departed, ", grouped(first, counts->departed));
    printf("%s arrived, %s cancelled\n", grouped(first, counts->arrived), grouped(second, counts->cancelled));
    expect("events appended", head, counts->events);
    expect("events that the follower counted", seen.counted, head);
    expect("events out of order", seen.out_of_order, 0);
    expect("the follower's position", seen.position, head);
}

/* ---- Questions -------------------------------------------------------------------------------------------------- */

static void aircraft_year(store_t *store, uint64_t head)
{
    uint64_t pages = 0, events = 0, cancelled = 0, arrived = 0, minutes = 0, total_count = 0, total_pages = 0;
    int has_next = 1;
    char title[WIDTH], first[32];

    while (has_next) {
        char query[128], options[128];
        char *page;
        const char *place;

        /* up_to keeps the pages as they are, whatever is appended while somebody leafs through them. */
        snprintf(query, sizeof query, "{\"instance_id\":\"" AIRCRAFT "\",\"up_to\":%" PRIu64 "}", head);
        snprintf(options, sizeof options, "{\"pagination\":true,\"limit\":%d,\"offset\":%" PRIu64 "}", PAGE_EVENTS,
                 pages * PAGE_EVENTS);
        page = ask(store, query, options);
        pages++;
        events += occurrences(page, "{\"sequence_number\":");
        cancelled += occurrences(page, "\"type\":\"cancelled\"");
        arrived += occurrences(page, "\"type\":\"arrived\"");
        for (place = page; (place = strstr(place, "\"air_time_min\":")) != NULL; place++)
            minutes += number_after(place, "\"air_time_min\":");
        place = last_of(page, "\"pagination\":{");
        expect("page_number", number_after(place, "\"page_number\":"), pages);
        total_count = number_after(place, "\"total_count\":");
        total_pages = number_after(place, "\"total_pages\":");
        has_next = strstr(place, "\"has_next\":true") != NULL;
        store_free(page);
    }
    snprintf(title, sizeof title, "The year of " AIRCRAFT ", the busiest aircraft: %" PRIu64 " pages of %d events",
             pages, PAGE_EVENTS);
    heading(title, asked_seconds);
    printf("  %s events: %" PRIu64 " flights flown, %" PRIu64 " cancelled, %" PRIu64 " recorded hours in the air\n",
           grouped(first, events), arrived, cancelled, minutes / 60);
    expect("events of " AIRCRAFT, events, AIRCRAFT_EVENTS);
    expect("total_count of " AIRCRAFT, total_count, AIRCRAFT_EVENTS);
    expect("total_pages of " AIRCRAFT, total_pages, pages);
    expect("cancelled flights of " AIRCRAFT, cancelled, AIRCRAFT_CANCELLED);
    expect("arrivals of " AIRCRAFT, arrived, AIRCRAFT_ARRIVED);
    expect("minutes in the air of " AIRCRAFT, minutes, AIRCRAFT_AIR_MINUTES);
}

static void print_share(const char *what, uint64_t cancelled, uint64_t departed)
{
    char first[32], second[32];

    printf("  %-20s %7s of %7s cancelled %8.1f %%\n", what, grouped(first, cancelled),
           grouped(second, departed + cancelled), 100.0 * (double)cancelled / (double)(departed + cancelled));
}

static void blizzard(store_t *store, const struct counts *counts)
{
    /* A query's times may have any offset: these are days in New York. The windows tile, since "to" is not in them. */
    static const char friday[] = "\"from\":\"2013-02-08T00:00:00-05:00\",\"to\":\"2013-02-09T00:00:00-05:00\"";
    static const char saturday[] = "\"from\":\"2013-02-09T00:00:00-05:00\",\"to\":\"2013-02-10T00:00:00-05:00\"";
    static const struct {
        const char *name, *window;
    } days[] = {{"Friday 8 February", friday}, {"Saturday 9 February", saturday}};
    uint64_t cancelled[2], departed[2], arrived, year_cancelled, year_departed;
    size_t day;

    /* A flight counts for the day on which it left, or was to leave and did not. */
    for (day = 0; day < 2; day++) {
        char query[160];

        snprintf(query, sizeof query, "{\"type\":\"cancelled\",%s}", days[day].window);
        cancelled[day] = total(store, query);
        snprintf(query, sizeof query, "{\"type\":\"departed\",%s}", days[day].window);
        departed[day] = total(store, query);
    }
    year_cancelled = total(store, "{\"type\":\"cancelled\"}");
    year_departed = total(store, "{\"type\":\"departed\"}");
    arrived = total(store, "{\"type\":\"arrived\"}");

    heading("The blizzard of February 2013: the share cancelled, from seven counts", asked_seconds);
    for (day = 0; day < 2; day++)
        print_share(days[day].name, cancelled[day], departed[day]);
    print_share("the whole year", year_cancelled, year_departed);
    expect("cancelled on Friday", cancelled[0], FRIDAY_CANCELLED);
    expect("departed on Friday", departed[0], FRIDAY_DEPARTED);
    expect("cancelled on Saturday", cancelled[1], SATURDAY_CANCELLED);
    expect("departed on Saturday", departed[1], SATURDAY_DEPARTED);
    expect("cancelled in the year", year_cancelled, counts->cancelled);
    expect("departed in the year", year_departed, counts->departed);
    expect("arrived in the year", arrived, counts->arrived);
}

/* One line for one event. Its strings stand before its data, so that the first match of a key is the event's own. */
static void print_event(const char *line)
{
    char when[32], type[16], carrier[16], tail[16], from[8], to[8];

    string_after(line, "\"type\":\"", type, sizeof type);
    string_after(line, "\"domain\":\"", carrier, sizeof carrier);
    string_after(line, "\"instance_id\":\"", tail, sizeof tail);
    string_after(line, "\"inserted_at\":\"", when, sizeof when);
    string_after(line, "\"origin:", from, sizeof from);
    string_after(line, "\"dest:", to, sizeof to);
    printf("  %7" PRIu64 "  %.10s %.5s UTC  %-9s  %s - %s  %s %4" PRIu64 "  %-6s",
           number_after(line, "\"sequence_number\":"), when, strlen(when) > 11 ? when + 11 : "", type, from, to,
           carrier, number_after(line, "\"flight\":"), tail);
}

static void one_hour(store_t *store)
{
    char *events = ask(store,
                       "{\"type\":\"departed\",\"tags\":[\"origin:JFK\",\"dest:SFO\"],"
                       "\"from\":\"2013-08-28T18:00:00-04:00\",\"to\":\"2013-08-28T19:00:00-04:00\"}",
                       "{\"format\":\"ndjson\"}");
    uint64_t count = 0;
    const char *line;

    heading("What left JFK for San Francisco on 28 August between 6 and 7 in the evening", asked_seconds);
    for (line = events; *line != '\0'; line = next_line(line)) {
        const char *delay = strstr(line, "\"delay_min\":");
        long minutes = delay == NULL ? 0 : strtol(delay + strlen("\"delay_min\":"), NULL, 10);

        print_event(line);
        printf("  %4ld min %s\n", labs(minutes), minutes < 0 ? "early" : "late");
        count++;
    }
    store_free(events);
    expect("departures from JFK to SFO in that hour", count, JFK_SFO_DEPARTED);
}

static void last_three(store_t *store, uint64_t head)
{
    char *events = ask(store, "{}", "{\"direction\":\"backward\",\"limit\":3,\"format\":\"ndjson\"}");
    uint64_t count = 0;
    const char *line;

    heading("The last three events, backwards", asked_seconds);
    for (line = events; *line != '\0'; line = next_line(line)) {
        print_event(line);
        printf("\n");
        expect("sequence_number, backwards", number_after(line, "\"sequence_number\":"), head - count);
        count++;
    }
    store_free(events);
    expect("the last three events", count, 3);
}

/* ---- Errors ----------------------------------------------------------------------------------------------------- */

static void print_wrapped(const char *text, int indent)
{
    while (*text != '\0') {
        size_t length = strlen(text), room = (size_t)(WIDTH - indent);

        if (length > room) {
            for (length = room; length > 0 && text[length] != ' '; length--) {
            }
            if (length == 0)
                length = room;
        }
        printf("%*s%.*s\n", indent, "", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void errors(store_t *store, const char *directory, uint64_t head)
{
    static const char misspelt[] = "{\"tpye\":\"departed\",\"domain\":\"MQ\",\"instance_id\":\"" AIRCRAFT "\"}";
    static const char as_new[] = "{\"type\":\"departed\",\"domain\":\"MQ\",\"instance_id\":\"" AIRCRAFT "\"}";
    static const char is_new[] = "{\"expected_version\":0}";
    struct {
        const char *what;
        int32_t wanted, status;
        char *answer;
    } refused[] = {
        {"a field's name misspelt", STORE_ERR_INVALID_EVENT, 0, NULL},
        {"an event for " AIRCRAFT " as if it were new", STORE_ERR_CONFLICT, 0, NULL},
        {"a second writer", STORE_ERR_LOCKED, 0, NULL},
    };
    store_t *second;
    double start = seconds();
    size_t i;

    refused[0].status = store_append(store, misspelt, strlen(misspelt), NULL, 0, &refused[0].answer, NULL);
    refused[1].status =
        store_append(store, as_new, strlen(as_new), is_new, strlen(is_new), &refused[1].answer, NULL);
    refused[2].status = open_store(directory, "flights.runes", "", &second, &refused[2].answer);
    heading("What an error looks like", seconds() - start);
    for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char message[1024];

        expect(refused[i].what, (uint64_t)refused[i].status, (uint64_t)refused[i].wanted);
        string_after(refused[i].answer, "\"message\":\"", message, sizeof message);
        printf("  %s: %s (%d)\n", refused[i].what, store_status_name(refused[i].status), (int)refused[i].status);
        print_wrapped(message, 4);
        store_free(refused[i].answer);
    }
    expect("the head after refused appends", head_of(store), head);
}

/* ---- Verify and back up ----------------------------------------------------------------------------------------- */

static void verify_and_back_up(store_t *store, const char *directory, const struct counts *counts)
{
    char path[4096], *answer, *error, first[32], second[32], third[32];
    uint64_t departed, arrived, cancelled, bytes;
    double start = seconds();
    store_t *copy;
    int32_t status = store_verify(store, NULL, 0, &answer, NULL);

    if (status != STORE_OK)
        fail("store_verify", status, answer);
    heading("Every checksum and every link is verified", seconds() - start);
    bytes = number_after(answer, "\"bytes\":");
    printf("  %s events in %s bytes, %s problems\n", grouped(first, number_after(answer, "\"events\":")),
           grouped(second, bytes), strstr(answer, "\"problems\":[]") == NULL ? "with" : "no");
    expect("events verified", number_after(answer, "\"events\":"), counts->events);
    expect("a sound store", strstr(answer, "\"ok\":true") != NULL, 1);
    store_free(answer);

    snprintf(path, sizeof path, "%s/copy.runes", directory);
    start = seconds();
    status = store_backup(store, path, strlen(path), NULL, 0, &answer, NULL);
    if (status != STORE_OK)
        fail("store_backup", status, answer);
    heading("A backup, which opens as a store of its own", seconds() - start);
    expect("events in the backup", number_after(answer, "\"events\":"), counts->events);
    store_free(answer);
    status = open_store(directory, "copy.runes", "", &copy, &error);
    if (status != STORE_OK)
        fail("store_init of the copy", status, error);
    departed = total(copy, "{\"type\":\"departed\"}");
    arrived = total(copy, "{\"type\":\"arrived\"}");
    cancelled = total(copy, "{\"type\":\"cancelled\"}");
    printf("  the copy has %s departed, %s arrived, %s cancelled\n", grouped(first, departed), grouped(second, arrived),
           grouped(third, cancelled));
    expect("the copy's head", head_of(copy), counts->events);
    expect("departed in the copy", departed, counts->departed);
    expect("arrived in the copy", arrived, counts->arrived);
    expect("cancelled in the copy", cancelled, counts->cancelled);
    close_store(copy);
}

/* ---- Calls and checks ------------------------------------------------------------------------------------------- */

/* Opens the store in DIR/name; options are more members of store_opts, each with a comma before it. */
static int32_t open_store(const char *directory, const char *name, const char *options, store_t **store, char **error)
{
    char config[4096];
    int length;

    if (strpbrk(directory, "\"\\") != NULL)
        fail("the folder's name would need escapes in JSON: give another", STORE_OK, NULL);
    length = snprintf(config, sizeof config, "{\"store\":\"file\",\"store_opts\":{\"path\":\"%s/%s\"%s}}", directory,
                      name, options);
    if (length < 0 || (size_t)length >= sizeof config)
        fail("the folder's name is too long", STORE_OK, NULL);
    return store_init(config, (size_t)length, store, error, NULL);
}

static void close_store(store_t *store)
{
    char *error;
    int32_t status = store_close(store, &error, NULL);

    if (status != STORE_OK)
        fail("store_close", status, error);
}

static uint64_t head_of(store_t *store)
{
    uint64_t head;
    char *error;
    int32_t status = store_wait(store, 0, 0, &head, &error, NULL);

    if (status != STORE_OK && status != STORE_TIMEOUT)
        fail("store_wait", status, error);
    return head;
}

/* The answer, to be freed with store_free. */
static char *ask(store_t *store, const char *query, const char *options)
{
    double start = seconds();
    char *answer;
    int32_t status = store_get_events(store, query, strlen(query), options, strlen(options), &answer, NULL);

    asked_seconds += seconds() - start;
    if (status != STORE_OK)
        fail("store_get_events", status, answer);
    return answer;
}

/* How many events match: a page knows it, however small it is. */
static uint64_t total(store_t *store, const char *query)
{
    char *page = ask(store, query, "{\"pagination\":true,\"limit\":1}");
    uint64_t count = number_after(last_of(page, "\"pagination\":{"), "\"total_count\":");

    store_free(page);
    return count;
}

/* Ends the program with Runestore's words; STORE_OK where the failure is not Runestore's. */
static void fail(const char *what, int32_t status, char *error)
{
    fflush(stdout);
    fprintf(stderr, "flights: %s", what);
    if (status != STORE_OK)
        fprintf(stderr, ": %s: %s", store_status_name(status), error == NULL ? "" : error);
    fprintf(stderr, "\n");
    store_free(error);
    exit(EXIT_FAILURE);
}

static void expect(const char *what, uint64_t got, uint64_t wanted)
{
    if (got == wanted)
        return;
    fflush(stdout);
    fprintf(stderr, "flights: %s: got %" PRIi64 ", expected %" PRIi64 "\n", what, (int64_t)got, (int64_t)wanted);
    wrong_answers++;
}

/* ---- Files, time, headings -------------------------------------------------------------------------------------- */

static struct counts read_counts(const char *directory)
{
    struct counts counts = {0, 0, 0, 0, 0, 0};
    const struct {
        const char *name;
        uint64_t *number;
    } wanted[] = {{"flights", &counts.flights}, {"departed", &counts.departed},   {"arrived", &counts.arrived},
                  {"cancelled", &counts.cancelled}, {"events", &counts.events}, {"batches", &counts.batches}};
    const size_t wanted_count = sizeof wanted / sizeof wanted[0];
    FILE *file = open_in(directory, "events.count");
    char name[32];
    uint64_t number;
    size_t i, found = 0;

    while (fscanf(file, "%31s %" SCNu64, name, &number) == 2)
        for (i = 0; i < wanted_count; i++)
            if (strcmp(name, wanted[i].name) == 0) {
                *wanted[i].number = number;
                found++;
            }
    fclose(file);
    if (found != wanted_count || counts.batches < 10)
        fail("events.count is not as convert.py writes it", STORE_OK, NULL);
    return counts;
}

static FILE *open_in(const char *directory, const char *name)
{
    char path[4096];
    FILE *file = NULL;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) < sizeof path)
        file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        fail("convert.py writes the files that are needed", STORE_OK, NULL);
    }
    return file;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void heading(const char *title, double elapsed)
{
    printf("\n%-*s%10.3f ms\n", WIDTH - 13, title, elapsed * 1e3);
    asked_seconds = 0;
}
