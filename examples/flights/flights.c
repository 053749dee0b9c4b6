/*
 * Every flight that left New York in 2013, appended to a memory store and then asked about.
 *
 *     flights DIR
 *
 * DIR holds events.jsonl (each line a JSON array of events, which is one append) and events.count, both written by
 * convert.py. Every answer is checked against numbers that were counted without Runestore; the exit status is 0 only
 * if all of them are right.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <runestore.h>

#include "answers.h"
#include "known.h"

#define WIDTH 100 /* columns of the output */
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

struct follower {
    store_cursor_t *cursor;
    uint64_t counted, out_of_order, answers, position; /* a real follower would keep its position for the next start */
    int32_t status; /* STORE_DONE in the end, if all went well */
    char *error;
};

static uint64_t load(store_t *store, struct source *source, uint64_t batches, const struct counts *counts);
static void follow_the_rest(store_t *store, struct source *source, uint64_t batches, const struct counts *counts,
                            uint64_t head);
static void aircraft_year(store_t *store, uint64_t head);
static void blizzard(store_t *store, const struct counts *counts);
static void one_hour(store_t *store);
static void last_ten(store_t *store, uint64_t head);
static void errors(store_t *store, uint64_t head);

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
    struct source source = {NULL, NULL, 0};
    struct counts counts;
    store_t *store;
    char *error;
    int32_t status;
    uint64_t later, head;

    if (argc != 2) {
        fprintf(stderr, "usage: flights DIR\n");
        return EXIT_FAILURE;
    }
    if (store_abi_version() >> 16 != STORE_ABI_VERSION >> 16) {
        fprintf(stderr, "flights: built for another major version of Runestore's C ABI\n");
        return EXIT_FAILURE;
    }
    counts = read_counts(argv[1]);
    source.file = open_in(argv[1], "events.jsonl");

    /* No configuration: the memory engine. */
    status = store_init(NULL, 0, &store, &error, NULL);
    if (status != STORE_OK)
        fail("store_init", status, error);
    printf("Runestore %s, memory engine: every flight that left New York in 2013\n\n", store_version());

    later = counts.batches / 10; /* kept back, so that the follower sees events come */
    head = load(store, &source, counts.batches - later, &counts);
    follow_the_rest(store, &source, later, &counts, head);
    aircraft_year(store, counts.events);
    blizzard(store, &counts);
    one_hour(store);
    last_ten(store, counts.events);
    errors(store, counts.events);

    status = store_close(store, &error, NULL);
    if (status != STORE_OK)
        fail("store_close", status, error);
    fclose(source.file);
    free(source.line);

    if (wrong_answers == 0)
        printf("\nEvery number agrees with the table of flights.\n");
    if (fflush(stdout) != 0 || ferror(stdout) || wrong_answers > 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

/* ---- Appending -------------------------------------------------------------------------------------------------- */

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

/* A bar on a terminal; elsewhere, as in a log, a line for each quarter. */
static void show_progress(uint64_t done, uint64_t total_batches, uint64_t events, double elapsed)
{
    static const char bar[] = "########################################";
    static uint64_t quarters_shown;
    const int columns = (int)sizeof bar - 1;
    int full = (int)(done * (uint64_t)columns / total_batches);
    uint64_t quarters = done * 4 / total_batches;
    char count[32];

    if (isatty(STDOUT_FILENO)) {
        printf("\r  [%-*.*s] %3d %% %9s events %6.2f s%s", columns, full, bar, (int)(done * 100 / total_batches),
               grouped(count, events), elapsed, done == total_batches ? "\n" : "");
        fflush(stdout);
    } else if (quarters > quarters_shown) {
        quarters_shown = quarters;
        printf("  %3d %% %9s events %6.2f s\n", (int)(quarters * 25), grouped(count, events), elapsed);
    }
}

/* Returns the head. */
static uint64_t load(store_t *store, struct source *source, uint64_t batches, const struct counts *counts)
{
    double start = seconds(), shown = start, elapsed;
    uint64_t batch, head = 0;
    char title[WIDTH], first[32], second[32];

    for (batch = 1; batch <= batches; batch++) {
        double now;

        head = append_batch(store, source);
        now = seconds();
        /* A terminal is slower than the store: draw no more often than an eye can follow. */
        if (!isatty(STDOUT_FILENO) || now - shown > 0.04 || batch == batches) {
            show_progress(batch, batches, head, now - start);
            shown = now;
        }
    }
    elapsed = seconds() - start;
    snprintf(title, sizeof title, "%s events appended in %" PRIu64 " batches: %s events a second", grouped(first, head),
             batches, grouped(second, (uint64_t)((double)head / elapsed)));
    heading(title, elapsed);
    printf("  in all %s flights make %s events: ", grouped(first, counts->flights), grouped(second, counts->events));
    printf("%s departed, ", grouped(first, counts->departed));
    printf("%s arrived, %s cancelled\n", grouped(first, counts->arrived), grouped(second, counts->cancelled));
    return head;
}

/* ---- A follower ------------------------------------------------------------------------------------------------- */

/* The follower's thread: counts, and looks whether each event is the successor of the one before. */
static void *follow(void *argument)
{
    struct follower *follower = argument;

    for (;;) {
        char *events;
        const char *line;

        follower->status =
            store_cursor_next(follower->cursor, 0, FOLLOWER_TIMEOUT_MS, &follower->position, &events, NULL);
        if (follower->status != STORE_OK) {
            follower->error = events; /* NULL for STORE_DONE and STORE_TIMEOUT, which are no errors */
            return NULL;
        }
        follower->answers++;
        for (line = events; *line != '\0'; line = next_line(line)) {
            follower->counted++;
            if (number_after(line, "{\"sequence_number\":") != follower->counted)
                follower->out_of_order++;
        }
        store_free(events);
    }
}

static void follow_the_rest(store_t *store, struct source *source, uint64_t batches, const struct counts *counts,
                            uint64_t head)
{
    static const char options[] = "{\"follow\":true,\"format\":\"ndjson\"}";
    struct follower follower = {NULL, 0, 0, 0, 0, STORE_OK, NULL};
    uint64_t batch, head_before = head;
    double start = seconds();
    char query[64], first[32], second[32];
    pthread_t thread;
    char *error;
    int32_t status;

    /* up_to is where this follower ends. Without it, it would go on until store_cursor_cancel. */
    snprintf(query, sizeof query, "{\"up_to\":%" PRIu64 "}", counts->events);
    status = store_cursor_open(store, query, strlen(query), options, strlen(options), &follower.cursor, &error, NULL);
    if (status != STORE_OK)
        fail("store_cursor_open", status, error);
    if (pthread_create(&thread, NULL, follow, &follower) != 0)
        fail("pthread_create", STORE_OK, NULL);
    for (batch = 0; batch < batches; batch++)
        head = append_batch(store, source);
    if (pthread_join(thread, NULL) != 0)
        fail("pthread_join", STORE_OK, NULL);
    if (follower.status != STORE_DONE)
        fail("store_cursor_next", follower.status, follower.error);
    status = store_cursor_close(follower.cursor);
    if (status != STORE_OK)
        fail("store_cursor_close", status, NULL);

    heading("A follower reads from the first event on, while the rest is appended", seconds() - start);
    printf("  counted %s events in %" PRIu64 " answers; %s came while it read\n", grouped(first, follower.counted),
           follower.answers, grouped(second, head - head_before));
    expect("events appended", head, counts->events);
    expect("events that the follower counted", follower.counted, head);
    expect("events out of order", follower.out_of_order, 0);
    expect("the follower's position", follower.position, head);
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

static void last_ten(store_t *store, uint64_t head)
{
    char *events = ask(store, "{}", "{\"direction\":\"backward\",\"limit\":10,\"format\":\"ndjson\"}");
    uint64_t count = 0;
    const char *line;

    heading("The last ten events, backwards", asked_seconds);
    for (line = events; *line != '\0'; line = next_line(line)) {
        print_event(line);
        printf("\n");
        expect("sequence_number, backwards", number_after(line, "\"sequence_number\":"), head - count);
        count++;
    }
    store_free(events);
    expect("the last ten events", count, 10);
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

static void errors(store_t *store, uint64_t head)
{
    static const struct {
        const char *what, *event, *options;
        int32_t wanted;
    } refused[] = {
        {"a field's name misspelt",
         "{\"tpye\":\"departed\",\"domain\":\"MQ\",\"instance_id\":\"" AIRCRAFT "\"}", "{}",
         STORE_ERR_INVALID_EVENT},
        {"an event for " AIRCRAFT " as if it were new",
         "{\"type\":\"departed\",\"domain\":\"MQ\",\"instance_id\":\"" AIRCRAFT "\"}", "{\"expected_version\":0}",
         STORE_ERR_CONFLICT},
    };
    char *answer[2], *page;
    int32_t status[2];
    double start = seconds();
    size_t i;

    for (i = 0; i < 2; i++)
        status[i] = store_append(store, refused[i].event, strlen(refused[i].event), refused[i].options,
                                 strlen(refused[i].options), &answer[i], NULL);
    heading("What an error looks like", seconds() - start);
    for (i = 0; i < 2; i++) {
        char message[1024];

        expect(refused[i].what, (uint64_t)status[i], (uint64_t)refused[i].wanted);
        string_after(answer[i], "\"message\":\"", message, sizeof message);
        printf("  %s: %s (%d)\n", refused[i].what, store_status_name(status[i]), (int)status[i]);
        print_wrapped(message, 4);
        store_free(answer[i]);
    }
    page = ask(store, "{}", "{\"pagination\":true,\"limit\":1}");
    expect("the head after refused appends", number_after(last_of(page, "\"pagination\":{"), "\"head\":"), head);
    store_free(page);
}

/* ---- Calls and checks ------------------------------------------------------------------------------------------- */

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
