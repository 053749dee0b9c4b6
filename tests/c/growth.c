/*
 * A million appends and as many reads leave nothing behind. Under valgrind and the sanitizers, which see each lost byte and
 * have needs of their own, there are fewer, and what the process holds is not looked at.
 */
#include "helpers.h"

#include <unistd.h>

#define CALLS 1000000
/* What a store holds is bounded, since it is closed after so many. */
#define CALLS_A_STORE 2000
/* One byte lost by a call would be as much. */
#define GROWTH_MAX 1000000

static unsigned long calls;

/* The bytes of the process that are in memory. */
static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!CHECK(file != NULL))
        return 0;
    CHECK_INT(1, fscanf(file, "%*d %ld", &pages));
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void append_and_read(unsigned long times)
{
    static const char event[] = "{" STREAM ",\"data\":{\"text\":\"0123456789012345678901234567890123456789\"}}";
    char query[40], *text;
    unsigned long done, position;
    size_t length;
    store_t *store = NULL;

    for (done = 0; done < times; done++) {
        position = done % CALLS_A_STORE;
        if (position == 0) {
            if (store != NULL)
                close_store(store);
            store = open_store();
        }
        if (!CHECK_STATUS(STORE_OK, store_append(store, event, sizeof event - 1, NULL, 0, &text, &length)))
            break;
        store_free(text);
        snprintf(query, sizeof query, "{\"after\":%lu}", position);
        if (!CHECK_STATUS(STORE_OK, store_get_events(store, query, strlen(query), NULL, 0, &text, &length)))
            break;
        CHECK_UINT(position + 1, strtoul(strstr(text, "\"sequence_number\":") + strlen("\"sequence_number\":"), NULL, 10));
        store_free(text);
        if (!CHECK_STATUS(STORE_ERR_CONFLICT, store_append(store, event, sizeof event - 1, "{\"expected_version\":0}", 22,
                                                          &text, &length)))
            break;
        store_free(text);
    }
    close_store(store);
}

static void a_million_calls_leave_nothing_behind(void)
{
    long before, grown;

    append_and_read(calls / 10);
    before = resident();
    append_and_read(calls);
    grown = resident() - before;
    check_note("%lu appends, as many reads and as many conflicts, %ld KiB more", calls, grown / 1024);
    if (calls == CALLS)
        CHECK(grown < GROWTH_MAX);
}

int main(void)
{
    calls = check_scaled(CALLS);
    RUN(a_million_calls_leave_nothing_behind);
    return check_report();
}
