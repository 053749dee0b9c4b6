/*
 * What the suites with threads share: starting and joining, flags, clocks, and a watchdog, since a lost wake-up shows
 * as a call that never returns.
 */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "helpers.h"

#define THREADS 16

#define SET(flag, value) __atomic_store_n(&(flag), (value), __ATOMIC_SEQ_CST)
#define GET(flag) __atomic_load_n(&(flag), __ATOMIC_SEQ_CST)
#define ADD(number, count) __atomic_add_fetch(&(number), (count), __ATOMIC_SEQ_CST)

static inline void start(pthread_t *thread, void *(*body)(void *), void *argument)
{
    int error = pthread_create(thread, NULL, body, argument);

    if (error != 0) {
        fprintf(stderr, "pthread_create: %s\n", strerror(error));
        exit(EXIT_FAILURE);
    }
}

static inline void join(pthread_t thread)
{
    CHECK_INT(0, pthread_join(thread, NULL));
}

static inline double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void sleep_microseconds(unsigned long microseconds)
{
    struct timespec time;

    time.tv_sec = (time_t)(microseconds / 1000000);
    time.tv_nsec = (long)(microseconds % 1000000) * 1000;
    nanosleep(&time, NULL);
}

static inline void watchdog_bites(int signal_number)
{
    static const char message[] = "  a call did not return: the watchdog ended the test\n";
    ssize_t written = write(STDOUT_FILENO, message, sizeof message - 1);

    (void)signal_number;
    (void)written;
    _exit(EXIT_FAILURE);
}

/* Ends the process if it is still there after so long. 0 calls it off. */
static inline void watchdog(unsigned seconds)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = watchdog_bites;
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
}

/* The greatest value that was ever given to it. */
static inline void raise_to(uint64_t *greatest, uint64_t value)
{
    uint64_t known = __atomic_load_n(greatest, __ATOMIC_SEQ_CST);

    while (known < value &&
           !__atomic_compare_exchange_n(greatest, &known, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
}

#endif
