/*
 * Handles are not addresses: whatever a program passes by mistake is found out, and never followed. A handle that was
 * never issued is misuse or closed, one that was closed is closed for ever.
 */
#include "calls.h"

#define REUSES 1000000
#define OPEN_AT_ONCE 50000
#define STORES_AT_ONCE 5000
#define INVENTED 100000

static uint64_t seed;

/* ---- Handles that were never issued ----------------------------------------------------------------------------- */

struct real {
    store_t *store;
    store_cursor_t *cursor;
};

/* Any call with it fails in one of two ways, and has no effect on those that are open. */
static void check_invented(struct real *real, uintptr_t invented)
{
    int call;

    if (invented == (uintptr_t)real->store || invented == (uintptr_t)real->cursor)
        return;
    for (call = 0; call < ON_STORE_COUNT; call++)
        if (!CHECK_ONE_OF(failing_store_call((enum on_store)call, (store_t *)invented), STORE_ERR_MISUSE,
                          STORE_ERR_CLOSED))
            fprintf(check_file(), "  the handle is 0x%" PRIxPTR ", the store 0x%" PRIxPTR "\n", invented,
                    (uintptr_t)real->store);
    for (call = 0; call < ON_CURSOR_COUNT; call++)
        if (!CHECK_ONE_OF(failing_cursor_call((enum on_cursor)call, (store_cursor_t *)invented), STORE_ERR_MISUSE,
                          STORE_ERR_CLOSED))
            fprintf(check_file(), "  the handle is 0x%" PRIxPTR ", the cursor 0x%" PRIxPTR "\n", invented,
                    (uintptr_t)real->cursor);
}

static struct real open_real(void)
{
    struct real real;

    real.store = open_store();
    real.cursor = open_cursor(real.store, NULL, NULL);
    return real;
}

static void close_real(struct real real)
{
    CHECK_APPEND(STORE_OK, real.store, EVENT, NULL);
    CHECK_STATUS(STORE_DONE, store_cursor_next(real.cursor, 0, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_cursor_close(real.cursor));
    CHECK_STATUS(STORE_OK, store_close(real.store, NULL, NULL));
}

static void random_bits_are_no_handle(void)
{
    struct real real = open_real();
    unsigned long left = check_scaled(INVENTED);

    for (; left > 0; left--) {
        uint64_t bits = random_next(&seed);

        check_invented(&real, (uintptr_t)bits);
        /* Few bits set, or few bits from a real one: what is likelier to look like one. */
        check_invented(&real, (uintptr_t)(bits & random_next(&seed) & random_next(&seed)));
        check_invented(&real, (uintptr_t)real.store ^ (uintptr_t)(bits & random_next(&seed) & random_next(&seed)));
    }
    close_real(real);
}

static void each_bit_of_a_handle_counts(void)
{
    struct real real = open_real();
    int first, second;

    for (first = 0; first < (int)sizeof(void *) * 8; first++) {
        for (second = first; second < (int)sizeof(void *) * 8; second++) {
            uintptr_t flipped = (uintptr_t)1 << first | (uintptr_t)1 << second;

            check_invented(&real, (uintptr_t)real.store ^ flipped);
            check_invented(&real, (uintptr_t)real.cursor ^ flipped);
        }
    }
    close_real(real);
}

static void neighbours_of_a_handle_are_no_handle(void)
{
    struct real real = open_real();
    uintptr_t distance;

    for (distance = 1; distance <= 4096; distance++) {
        check_invented(&real, (uintptr_t)real.store + distance);
        check_invented(&real, (uintptr_t)real.store - distance);
        check_invented(&real, (uintptr_t)real.cursor + distance);
        check_invented(&real, (uintptr_t)real.cursor - distance);
        check_invented(&real, distance);
        check_invented(&real, UINTPTR_MAX - distance + 1);
    }
    close_real(real);
}

/* What a slip of the pen gives: the address of the handle, a buffer, a string, a function's result. */
static void addresses_of_objects_are_no_handle(void)
{
    struct real real = open_real();
    char on_stack[64], *on_heap = malloc(64), *buffer;
    size_t byte;

    if (on_heap == NULL)
        abort();
    memset(on_stack, 0xFF, sizeof on_stack);
    memset(on_heap, 1, 64);
    CHECK_STATUS(STORE_OK, store_info(real.store, &buffer, NULL));
    for (byte = 0; byte < 64; byte++) {
        check_invented(&real, (uintptr_t)on_stack + byte);
        check_invented(&real, (uintptr_t)on_heap + byte);
        check_invented(&real, (uintptr_t)buffer + byte);
        check_invented(&real, (uintptr_t)&real + byte);
        check_invented(&real, (uintptr_t)&open_real + byte);
        check_invented(&real, (uintptr_t)store_version() + byte);
    }
    store_free(buffer);
    free(on_heap);
    close_real(real);
}

static void a_store_is_no_cursor_and_a_cursor_no_store(void)
{
    struct real real = open_real();

    CHECK_EVERY_CURSOR_CALL(STORE_ERR_MISUSE, (store_cursor_t *)real.store);
    CHECK_EVERY_STORE_CALL(STORE_ERR_MISUSE, (store_t *)real.cursor);
    close_real(real);
}

/* ---- Handles that were closed ----------------------------------------------------------------------------------- */

static void every_call_after_the_close_is_closed(void)
{
    struct real real = open_real();
    store_t *other;

    CHECK_STATUS(STORE_OK, store_cursor_close(real.cursor));
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_CLOSED, real.cursor);
    close_store(real.store);
    CHECK_EVERY_STORE_CALL(STORE_ERR_CLOSED, real.store);
    /* Also when the place is taken again. */
    other = open_store();
    CHECK(other != real.store);
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_CLOSED, real.cursor);
    CHECK_EVERY_STORE_CALL(STORE_ERR_CLOSED, real.store);
    close_store(other);
}

static void a_cursor_of_a_closed_store_is_closed_and_then_released(void)
{
    struct real real = open_real();
    store_cursor_t *cancelled = open_cursor(real.store, NULL, FOLLOW);
    char *out = GARBAGE_POINTER;
    size_t out_len = GARBAGE_SIZE;
    uint64_t position = GARBAGE_NUMBER;
    int32_t status;

    CHECK_STATUS(STORE_OK, store_cursor_cancel(cancelled));
    close_store(real.store);
    status = store_cursor_next(real.cursor, 0, -1, &position, &out, &out_len);
    CHECK_STATUS(STORE_ERR_CLOSED, status);
    CHECK_BUFFER(status, out, out_len);
    CHECK_UINT(0, position);
    store_free(out);
    CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_next(real.cursor, 0, 0, NULL, NULL, NULL));
    CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_cancel(real.cursor));
    CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(real.cursor));
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_CLOSED, real.cursor);
    CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(cancelled));
    CHECK_EVERY_CURSOR_CALL(STORE_ERR_CLOSED, cancelled);
}

static int by_value(const void *left, const void *right)
{
    uintptr_t a = *(const uintptr_t *)left, b = *(const uintptr_t *)right;

    return a < b ? -1 : a > b;
}

/* The one before is closed even though its place was taken at once; and no handle ever comes back. */
static void no_handle_is_issued_twice(void)
{
    unsigned long count = check_scaled(REUSES), opened, twice = 0;
    uintptr_t *issued = malloc(count * sizeof *issued);
    store_t *store = open_store();

    if (issued == NULL)
        abort();
    for (opened = 0; opened < count; opened++) {
        store_cursor_t *cursor = NULL;

        if (!CHECK_STATUS(STORE_OK, store_cursor_open(store, NULL, 0, NULL, 0, &cursor, NULL, NULL)))
            break;
        issued[opened] = (uintptr_t)cursor;
        if (opened > 0)
            CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close((store_cursor_t *)issued[opened - 1]));
        CHECK_STATUS(STORE_OK, store_cursor_close(cursor));
    }
    for (opened = 0; opened < count; opened += count / 100 + 1)
        CHECK_EVERY_CURSOR_CALL(STORE_ERR_CLOSED, (store_cursor_t *)issued[opened]);
    qsort(issued, count, sizeof *issued, by_value);
    for (opened = 1; opened < count; opened++)
        twice += issued[opened] == issued[opened - 1];
    CHECK_UINT(0, twice);
    free(issued);
    close_store(store);
    check_note("%lu cursors opened and closed one after the other", count);
}

/* ---- Many at once ----------------------------------------------------------------------------------------------- */

static void many_cursors_are_open_at_once(void)
{
    unsigned long count = check_scaled(OPEN_AT_ONCE), place;
    store_cursor_t **cursors = malloc(count * sizeof *cursors);
    store_t *store = open_store();

    if (cursors == NULL)
        abort();
    CHECK_APPEND(STORE_OK, store, EVENT, NULL);
    for (place = 0; place < count; place++)
        cursors[place] = open_cursor(store, NULL, NULL);
    for (place = count - 1; place > 0; place--) { /* closed in no order */
        unsigned long other = random_below(&seed, place + 1);
        store_cursor_t *cursor = cursors[place];

        cursors[place] = cursors[other];
        cursors[other] = cursor;
    }
    for (place = 0; place < count; place++)
        CHECK_STATUS(STORE_OK, store_cursor_next(cursors[place], 0, 0, NULL, NULL, NULL));
    for (place = 0; place < count / 2; place++)
        CHECK_STATUS(STORE_OK, store_cursor_close(cursors[place]));
    for (place = 0; place < count; place++)
        CHECK_STATUS(place < count / 2 ? STORE_ERR_CLOSED : STORE_DONE,
                     store_cursor_next(cursors[place], 0, 0, NULL, NULL, NULL));
    close_store(store);
    for (place = count / 2; place < count; place++)
        CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_close(cursors[place]));
    free(cursors);
    check_note("%lu cursors open at once", count);
}

static void many_stores_are_open_at_once_and_apart(void)
{
    unsigned long count = check_scaled(STORES_AT_ONCE), place;
    store_t **stores = malloc(count * sizeof *stores);

    if (stores == NULL)
        abort();
    for (place = 0; place < count; place++)
        stores[place] = open_store();
    for (place = 0; place < count; place += 3)
        CHECK_APPEND(STORE_OK, stores[place], EVENT, SUMMARY);
    for (place = 0; place < count; place++) {
        CHECK_UINT(place % 3 == 0 ? 1 : 0, head_of(stores[place]));
        close_store(stores[place]);
    }
    for (place = 0; place < count; place++)
        CHECK_STATUS(STORE_ERR_CLOSED, store_close(stores[place], NULL, NULL));
    free(stores);
    check_note("%lu stores open at once", count);
}

int main(void)
{
    seed = random_seed();
    check_note("seed %" PRIu64, seed);
    RUN(random_bits_are_no_handle);
    RUN(each_bit_of_a_handle_counts);
    RUN(neighbours_of_a_handle_are_no_handle);
    RUN(addresses_of_objects_are_no_handle);
    RUN(a_store_is_no_cursor_and_a_cursor_no_store);
    RUN(every_call_after_the_close_is_closed);
    RUN(a_cursor_of_a_closed_store_is_closed_and_then_released);
    RUN(no_handle_is_issued_twice);
    RUN(many_cursors_are_open_at_once);
    RUN(many_stores_are_open_at_once_and_apart);
    return check_report();
}
