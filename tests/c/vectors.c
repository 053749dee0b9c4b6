/*
 * Runs the cross-language vectors (tests/vectors, whose README says how) through the C API. The table of cases is
 * generated from them by vectors.py.
 */
#include <time.h>

#include "helpers.h"

enum call {
    CALL_APPEND,
    CALL_GET_EVENTS,
    CALL_CURSOR_OPEN,
    CALL_CURSOR_NEXT,
    CALL_CURSOR_CANCEL,
    CALL_CURSOR_CLOSE,
    CALL_WAIT,
    CALL_TRACKING,
    CALL_INFO,
    CALL_STATUS_NAME
};

/* A text is an array of parts, the last of them without bytes; NULL is an absent text. */
struct part {
    const char *bytes;
    size_t length, times;
};

struct step {
    enum call call;
    const char *status;
    const struct part *events, *query, *options, *source, *answer;
    size_t max_events;
    int64_t timeout_ms;
    uint64_t after;
    int32_t code;
    int cursor, has_position, has_head;
    uint64_t position_low, position_high, head;
    const char *const *details, *const *message_has;
};

struct vector_case {
    const char *name;
    const struct step *steps;
    size_t count, cursors;
};

#include "vectors.inc"

struct text {
    char *bytes; /* NULL if it is absent */
    size_t length;
};

/* What a call left behind. */
struct outcome {
    int32_t status;
    char *text;
    size_t length;
    uint64_t number;
};

static size_t steps_run;

static struct text text_of(const struct part *parts)
{
    struct text text = {NULL, 0};
    const struct part *part;
    size_t used = 0;

    if (parts == NULL)
        return text;
    for (part = parts; part->bytes != NULL; part++)
        text.length += part->length * part->times;
    text.bytes = malloc(text.length + 1); /* not NULL, also for a text of no bytes */
    if (text.bytes == NULL)
        abort();
    for (part = parts; part->bytes != NULL; part++) {
        size_t whole = part->length * part->times, done = part->length < whole ? part->length : whole;

        memcpy(text.bytes + used, part->bytes, done);
        /* Twice as much each time, since a text may be repeated 64 million times. */
        for (; done < whole; done += done < whole - done ? done : whole - done)
            memcpy(text.bytes + used + done, text.bytes + used, done < whole - done ? done : whole - done);
        used += whole;
    }
    return text;
}

/* ---- Answers with wildcards ---------------------------------------------------------------------------------- */

#define OPENING "\302\253" /* U+00AB */
#define CLOSING "\302\273" /* U+00BB */
#define TIME_MAX_SECONDS 300

static const char *find(const char *text, size_t length, const char *wanted, size_t wanted_length)
{
    for (; length >= wanted_length; text++, length--) {
        const char *first;

        if (wanted_length == 0 || memcmp(text, wanted, wanted_length) == 0)
            return text;
        first = memchr(text + 1, wanted[0], length - 1);
        if (first == NULL)
            return NULL;
        length -= (size_t)(first - text) - 1;
        text = first - 1;
    }
    return NULL;
}

static int is_uuid7(const char *text, size_t length)
{
    size_t place;

    if (length < 36 || text[14] != '7' || strchr("89ab", text[19]) == NULL)
        return 0;
    for (place = 0; place < 36; place++) {
        if (place == 8 || place == 13 || place == 18 || place == 23) {
            if (text[place] != '-')
                return 0;
        } else if (strchr("0123456789abcdef", text[place]) == NULL || text[place] == '\0') {
            return 0;
        }
    }
    return 1;
}

/* Days since 1970-01-01 in the Gregorian calendar; C99 has no timegm. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    int64_t era, year_of_era, day_of_year;

    year -= month <= 2;
    era = year / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int is_now(const char *text, size_t length)
{
    static const char form[] = "0000-00-00T00:00:00.000000Z";
    int year, month, day, hour, minute, second;
    int64_t seconds, now = (int64_t)time(NULL);
    size_t place;

    if (length < sizeof form - 1)
        return 0;
    for (place = 0; place < sizeof form - 1; place++)
        if (form[place] == '0' ? text[place] < '0' || text[place] > '9' : text[place] != form[place])
            return 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6)
        return 0;
    seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return seconds > now - TIME_MAX_SECONDS && seconds < now + TIME_MAX_SECONDS;
}

static int by_uuid(const void *left, const void *right)
{
    return memcmp(*(const char *const *)left, *(const char *const *)right, 36);
}

static int all_differ(const char **uuids, size_t count)
{
    size_t uuid;

    qsort(uuids, count, sizeof *uuids, by_uuid);
    for (uuid = 1; uuid < count; uuid++)
        if (memcmp(uuids[uuid - 1], uuids[uuid], 36) == 0)
            return 0;
    return 1;
}

/* Where in the answer the two part, or NULL if they agree. uuids has room for every wildcard. */
static const char *mismatch(struct text expected, const char *answer, size_t length, const char **uuids)
{
    const char *wanted = expected.bytes, *wanted_end = wanted + expected.length, *end = answer + length, *now = NULL;
    size_t uuid_count = 0;
    int anything = 0;

    for (;;) {
        const char *wildcard = find(wanted, (size_t)(wanted_end - wanted), OPENING, 2), *place;
        size_t literal = (size_t)((wildcard != NULL ? wildcard : wanted_end) - wanted);

        if (anything)
            place = literal > 0           ? find(answer, (size_t)(end - answer), wanted, literal)
                    : wildcard != NULL ? answer
                                          : end;
        else
            place = (size_t)(end - answer) >= literal && memcmp(answer, wanted, literal) == 0 ? answer : NULL;
        if (place == NULL)
            return answer;
        answer = place + literal;
        if (wildcard == NULL)
            return answer == end && all_differ(uuids, uuid_count) ? NULL : answer;
        wanted = find(wildcard, (size_t)(wanted_end - wildcard), CLOSING, 2) + 2;
        anything = memcmp(wildcard + 2, "any", 3) == 0;
        if (memcmp(wildcard + 2, "uuid7", 5) == 0) {
            if (!is_uuid7(answer, (size_t)(end - answer)))
                return answer;
            uuids[uuid_count++] = answer;
            answer += 36;
        } else if (memcmp(wildcard + 2, "now", 3) == 0) {
            if (!is_now(answer, (size_t)(end - answer)) || (now != NULL && memcmp(now, answer, 27) != 0))
                return answer;
            now = answer;
            answer += 27;
        } else if (!anything) {
            return answer;
        }
    }
}

static void check_answer(const struct step *step, const char *answer, size_t length)
{
    struct text expected = text_of(step->answer);
    const char **uuids = malloc((expected.length / 9 + 1) * sizeof *uuids), *place;

    if (uuids == NULL)
        abort();
    place = answer != NULL ? mismatch(expected, answer, length, uuids) : "";
    if (place != NULL)
        check_fail(__FILE__, __LINE__, "expected the answer: %.600s; actual: %.600s; they part at: %.80s",
                   expected.bytes, answer != NULL ? answer : "NULL", place);
    free(uuids);
    free(expected.bytes);
}

/* ---- Errors ----------------------------------------------------------------------------------------------------- */

static void check_details(const struct step *step, const char *text)
{
    const char *const *detail;

    for (detail = step->details; detail != NULL && *detail != NULL; detail++) {
        const char *place = text != NULL ? strstr(text, *detail) : NULL;

        /* What follows tells 1 from 10. */
        if (place == NULL || strchr(",}", place[strlen(*detail)]) == NULL)
            check_fail(__FILE__, __LINE__, "expected the member: %.300s; actual: %.400s", *detail,
                       text != NULL ? text : "NULL");
    }
}

static void check_message(const struct step *step, const char *text)
{
    static const char key[] = "\"message\":\"";
    const char *start = text != NULL ? strstr(text, key) : NULL, *end, *const * wanted;

    if (step->message_has == NULL || !CHECK(start != NULL))
        return;
    start += strlen(key);
    for (end = start; *end != '"' && *end != '\0'; end++)
        if (*end == '\\' && end[1] != '\0')
            end++;
    for (wanted = step->message_has; *wanted != NULL; wanted++)
        if (find(start, (size_t)(end - start), *wanted, strlen(*wanted)) == NULL)
            check_fail(__FILE__, __LINE__, "expected in the message: %.300s; actual: %.400s", *wanted, text);
}

/* ---- Steps and cases -------------------------------------------------------------------------------------------- */

struct cursors {
    store_cursor_t **named; /* by the number of the name */
    store_cursor_t **open; /* all that are to be closed in the end */
    size_t open_count;
};

static void close_cursor(struct cursors *cursors, store_cursor_t *cursor)
{
    size_t place;

    for (place = 0; place < cursors->open_count; place++)
        if (cursors->open[place] == cursor)
            cursors->open[place] = cursors->open[--cursors->open_count];
}

static void open_named_cursor(store_t *store, struct cursors *cursors, const struct step *step, struct text query,
                              struct text options, struct outcome *outcome)
{
    store_cursor_t *cursor = GARBAGE_POINTER;

    outcome->status = store_cursor_open(store, query.bytes, query.length, options.bytes, options.length, &cursor,
                                        &outcome->text, &outcome->length);
    CHECK((outcome->status == STORE_OK) == (cursor != NULL));
    cursors->named[step->cursor] = cursor;
    if (cursor != NULL)
        cursors->open[cursors->open_count++] = cursor;
}

/* Whether the call hands out a buffer with this status. */
static int has_buffer(enum call call, int32_t status)
{
    switch (call) {
    case CALL_APPEND:
    case CALL_GET_EVENTS:
    case CALL_CURSOR_NEXT:
    case CALL_INFO:
        return status == STORE_OK || status < 0;
    case CALL_CURSOR_OPEN:
    case CALL_WAIT:
    case CALL_TRACKING:
        return status < 0;
    default:
        return 0;
    }
}

static void run_step(store_t *store, struct cursors *cursors, const struct step *step)
{
    struct text events = text_of(step->events), query = text_of(step->query), options = text_of(step->options),
                source = text_of(step->source);
    struct outcome outcome = {STORE_OK, GARBAGE_POINTER, GARBAGE_SIZE, GARBAGE_NUMBER};
    const char *name = NULL;

    switch (step->call) {
    case CALL_APPEND:
        outcome.status = store_append(store, events.bytes, events.length, options.bytes, options.length, &outcome.text,
                                      &outcome.length);
        break;
    case CALL_GET_EVENTS:
        outcome.status = store_get_events(store, query.bytes, query.length, options.bytes, options.length,
                                          &outcome.text, &outcome.length);
        break;
    case CALL_CURSOR_OPEN:
        open_named_cursor(store, cursors, step, query, options, &outcome);
        break;
    case CALL_CURSOR_NEXT:
        outcome.status = store_cursor_next(cursors->named[step->cursor], step->max_events, step->timeout_ms,
                                           &outcome.number, &outcome.text, &outcome.length);
        break;
    case CALL_CURSOR_CANCEL:
        outcome.status = store_cursor_cancel(cursors->named[step->cursor]);
        break;
    case CALL_CURSOR_CLOSE:
        close_cursor(cursors, cursors->named[step->cursor]);
        outcome.status = store_cursor_close(cursors->named[step->cursor]);
        break;
    case CALL_WAIT:
        outcome.status =
            store_wait(store, step->after, step->timeout_ms, &outcome.number, &outcome.text, &outcome.length);
        break;
    case CALL_TRACKING:
        outcome.status =
            store_tracking(store, source.bytes, source.length, &outcome.number, &outcome.text, &outcome.length);
        break;
    case CALL_INFO:
        outcome.status = store_info(store, &outcome.text, &outcome.length);
        break;
    case CALL_STATUS_NAME:
        name = store_status_name(step->code);
        break;
    }

    steps_run++;
    CHECK_TEXT(step->status, store_status_name(outcome.status));
    if (step->call == CALL_STATUS_NAME) {
        check_answer(step, name, strlen(name));
    } else if (step->call != CALL_CURSOR_CANCEL && step->call != CALL_CURSOR_CLOSE) {
        if (has_buffer(step->call, outcome.status))
            CHECK_BUFFER(outcome.status, outcome.text, outcome.length);
        else
            CHECK(outcome.text == NULL && outcome.length == 0);
        if (step->answer != NULL)
            check_answer(step, outcome.text, outcome.length);
        check_details(step, outcome.text);
        check_message(step, outcome.text);
        store_free(outcome.text);
    }
    if (step->has_position && (outcome.number < step->position_low || outcome.number > step->position_high))
        check_fail(__FILE__, __LINE__, "position: expected: %" PRIu64 " to %" PRIu64 "; actual: %" PRIu64,
                   step->position_low, step->position_high, outcome.number);
    if (step->has_head)
        CHECK_UINT(step->head, outcome.number);
    free(events.bytes);
    free(query.bytes);
    free(options.bytes);
    free(source.bytes);
}

static void run_case(const void *argument)
{
    const struct vector_case *vector_case = argument;
    struct cursors cursors = {NULL, NULL, 0};
    store_t *store = open_store();
    size_t step;

    cursors.named = calloc(vector_case->cursors + 1, sizeof(store_cursor_t *));
    cursors.open = calloc(vector_case->count + 1, sizeof(store_cursor_t *));
    if (cursors.named == NULL || cursors.open == NULL)
        abort();
    for (step = 0; step < vector_case->count && check_failures == 0; step++) {
        run_step(store, &cursors, &vector_case->steps[step]);
        if (check_failures > 0)
            fprintf(check_file(), "  in step %zu of this case\n", step + 1);
    }
    while (cursors.open_count > 0)
        CHECK_STATUS(STORE_OK, store_cursor_close(cursors.open[--cursors.open_count]));
    close_store(store);
    free(cursors.named);
    free(cursors.open);
}

static void every_case_and_every_step_was_run(void)
{
    CHECK_UINT(VECTOR_CASES, check_passed + check_failed);
    if (check_failed == 0) /* the steps behind a failed one are not run */
        CHECK_UINT(VECTOR_STEPS, steps_run);
}

int main(void)
{
    size_t vector_case;

    for (vector_case = 0; vector_case < sizeof vector_cases / sizeof *vector_cases; vector_case++)
        RUN_WITH(vector_cases[vector_case].name, run_case, &vector_cases[vector_case]);
    RUN(every_case_and_every_step_was_run);
    check_note("%d files, %d cases, %zu of %d steps", VECTOR_FILES, VECTOR_CASES, steps_run, VECTOR_STEPS);
    return check_report();
}
