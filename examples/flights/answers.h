/*
 * What the demo reads out of Runestore's answers, and how it prints numbers.
 *
 * There is no JSON parser in here. Runestore writes fields in a fixed order and no white space between tokens, and
 * within a JSON string every quotation mark has a backslash before it: so the text "domain":" is found where the field
 * is, never inside of a value.
 */
#ifndef FLIGHTS_ANSWERS_H
#define FLIGHTS_ANSWERS_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The unsigned number right after the first occurrence of key; UINT64_MAX, which is no answer to anything, if none. */
static uint64_t number_after(const char *text, const char *key)
{
    const char *place = strstr(text, key);

    if (place == NULL || place[strlen(key)] < '0' || place[strlen(key)] > '9')
        return UINT64_MAX;
    return strtoull(place + strlen(key), NULL, 10);
}

/* The string after the first occurrence of key, up to its closing quotation mark; cut if out is too small. */
static void string_after(const char *text, const char *key, char *out, size_t size)
{
    const char *place = strstr(text, key);
    size_t length = 0;

    if (place != NULL)
        for (place += strlen(key); *place != '\0' && *place != '"' && length + 1 < size; place++) {
            if (*place == '\\' && (place[1] == '"' || place[1] == '\\' || place[1] == '/'))
                place++;
            out[length++] = *place;
        }
    out[length] = '\0';
}

/* The last occurrence, or the empty end of text. */
static const char *last_of(const char *text, const char *what)
{
    const char *place, *found = text + strlen(text);

    for (place = text; (place = strstr(place, what)) != NULL; place++)
        found = place;
    return found;
}

static uint64_t occurrences(const char *text, const char *what)
{
    uint64_t count = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

/* The start of the next line, or the end of the text. */
static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line == '\n' ? line + 1 : line;
}

/* 336776 as 336,776, written to out (32 bytes are enough). */
static const char *grouped(char *out, uint64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number), i;
    char *end = out;

    for (i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return out;
}

#endif
