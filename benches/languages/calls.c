/* One event a call, and one event a read, in memory: usage: calls CALLS. Prints seconds. */
#include <inttypes.h>
#include <runestore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(int32_t status, const char *answer)
{
    if (status != STORE_OK) {
        fprintf(stderr, "%s: %s\n", store_status_name(status), answer ? answer : "");
        exit(1);
    }
}

int main(int count, char **arguments)
{
    long calls = count > 1 ? atol(arguments[1]) : 100000;
    store_t *store;
    char text[256], *answer;
    size_t length;
    double begun;

    check(store_init(NULL, 0, &store, NULL, NULL), NULL);
    begun = now();
    for (long n = 0; n < calls; n++) {
        int bytes = snprintf(text, sizeof text,
                             "{\"type\":\"Deposited\",\"domain\":\"account\",\"instance_id\":\"a-%ld\",\"data\":{\"cents\":%ld}}", n % 1000, n);
        check(store_append(store, text, (size_t)bytes, NULL, 0, &answer, &length), answer);
        store_free(answer);
    }
    printf("append %.6f\n", now() - begun);
    begun = now();
    for (long n = 0; n < calls; n++) {
        int bytes = snprintf(text, sizeof text, "{\"after\":%ld,\"up_to\":%ld}", n, n + 1);
        check(store_get_events(store, text, (size_t)bytes, NULL, 0, &answer, &length), answer);
        store_free(answer);
    }
    printf("get_events %.6f\n", now() - begun);
    return store_close(store, NULL, NULL);
}
