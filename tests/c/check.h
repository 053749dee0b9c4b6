/*
 * Checks for the C tests. A check that fails prints where it stands, what was expected and what was there, and the
 * test goes on; each macro is also a value, true where the check held, for tests that cannot go on.
 *
 * A test is a function; RUN runs it as one case, check_report prints the counts that run.sh adds up.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runestore.h>

#define CHECK(condition) check_that(__FILE__, __LINE__, #condition, (condition) ? 1 : 0)
#define CHECK_INT(expected, actual) check_int(__FILE__, __LINE__, #actual, (expected), (actual))
#define CHECK_UINT(expected, actual) check_uint(__FILE__, __LINE__, #actual, (expected), (actual))
#define CHECK_STATUS(expected, actual) check_status(__FILE__, __LINE__, #actual, (expected), (actual))
#define CHECK_TEXT(expected, actual) check_text(__FILE__, __LINE__, #actual, (expected), (actual), 0)
#define CHECK_PREFIX(expected, actual) check_text(__FILE__, __LINE__, #actual, (expected), (actual), 1)
#define CHECK_ONE_OF(status, ...) check_one_of(__FILE__, __LINE__, #status, (status), __VA_ARGS__, CHECK_END)
#define CHECK_END 12345 /* ends the list of CHECK_ONE_OF; no status has this number */

#define RUN(test) check_run(#test, test)
#define RUN_WITH(name, test, argument) check_run_with((name), (test), (argument))

/* One failing loop must not flood the output. */
#define CHECK_PRINTED_MAX 8

static FILE *check_out; /* where the results go, also while a test watches stdout */
static unsigned check_failures; /* in the case that runs; written by all its threads */
static unsigned check_passed, check_failed;

static inline FILE *check_file(void)
{
    return check_out != NULL ? check_out : stdout;
}

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline int check_fail(const char *file, int line, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    if (__atomic_add_fetch(&check_failures, 1, __ATOMIC_SEQ_CST) > CHECK_PRINTED_MAX)
        return 0;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(check_file(), "  %s:%d: %s\n", file, line, text);
    fflush(check_file());
    return 0;
}

static inline int check_that(const char *file, int line, const char *what, int holds)
{
    return holds ? 1 : check_fail(file, line, "expected: %s; actual: it does not hold", what);
}

static inline int check_int(const char *file, int line, const char *what, intmax_t expected, intmax_t actual)
{
    return expected == actual
               ? 1
               : check_fail(file, line, "%s: expected: %" PRIdMAX "; actual: %" PRIdMAX, what, expected, actual);
}

static inline int check_uint(const char *file, int line, const char *what, uintmax_t expected, uintmax_t actual)
{
    return expected == actual
               ? 1
               : check_fail(file, line, "%s: expected: %" PRIuMAX "; actual: %" PRIuMAX, what, expected, actual);
}

static inline int check_status(const char *file, int line, const char *what, int32_t expected, int32_t actual)
{
    return expected == actual
               ? 1
               : check_fail(file, line, "%.200s: expected: %s (%" PRId32 "); actual: %s (%" PRId32 ")", what,
                            store_status_name(expected), expected, store_status_name(actual), actual);
}

static inline int check_one_of(const char *file, int line, const char *what, int32_t actual, ...)
{
    char names[256] = "";
    size_t used = 0;
    va_list statuses;
    int32_t allowed;
    int found = 0;

    va_start(statuses, actual);
    while ((allowed = va_arg(statuses, int)) != CHECK_END) {
        found |= allowed == actual;
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, " %s", store_status_name(allowed));
    }
    va_end(statuses);
    return found ? 1
                 : check_fail(file, line, "%.200s: expected one of:%s; actual: %s (%" PRId32 ")", what, names,
                              store_status_name(actual), actual);
}

static inline int check_text(const char *file, int line, const char *what, const char *expected, const char *actual,
                             int prefix)
{
    int equal = 0;

    if (expected == NULL || actual == NULL)
        equal = expected == actual;
    else
        equal = prefix ? strncmp(expected, actual, strlen(expected)) == 0 : strcmp(expected, actual) == 0;
    return equal
               ? 1
               : check_fail(file, line, "%s: expected%s: %.400s; actual: %.400s", what, prefix ? " to begin with" : "",
                            expected != NULL ? expected : "NULL", actual != NULL ? actual : "NULL");
}

static inline void check_end_of_case(const char *name)
{
    unsigned failures = __atomic_exchange_n(&check_failures, 0, __ATOMIC_SEQ_CST);

    if (failures == 0) {
        check_passed++;
        return;
    }
    check_failed++;
    fprintf(check_file(), "FAILED %s (%u checks)\n", name, failures);
    fflush(check_file());
}

static inline void check_run(const char *name, void (*test)(void))
{
    test();
    check_end_of_case(name);
}

static inline void check_run_with(const char *name, void (*test)(const void *), const void *argument)
{
    test(argument);
    check_end_of_case(name);
}

/* What a reader of the results should know: how much was done, with which seed. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
static inline void check_note(const char *format, ...)
{
    va_list arguments;

    fprintf(check_file(), "note: ");
    va_start(arguments, format);
    vfprintf(check_file(), format, arguments);
    va_end(arguments);
    fprintf(check_file(), "\n");
}

/* The value of main. */
static inline int check_report(void)
{
    fprintf(check_file(), "result: %u passed, %u failed\n", check_passed, check_failed);
    fflush(check_file());
    return check_failed == 0 && check_passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/*
 * How often something is repeated. Under valgrind and the sanitizers everything is many times slower: run.sh says by
 * RUNESTORE_TEST_DIVISOR how much less is to be done there.
 */
static inline unsigned long check_scaled(unsigned long count)
{
    const char *text = getenv("RUNESTORE_TEST_DIVISOR");
    unsigned long divisor = text != NULL ? strtoul(text, NULL, 10) : 1;

    if (divisor > 1)
        count /= divisor;
    return count > 0 ? count : 1;
}

#endif
