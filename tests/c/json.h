/*
 * Is a text JSON that every parser reads? RFC 8259 in UTF-8, without unpaired surrogates. Written for the tests, so
 * that what the library stores and answers is judged by other code than its own.
 */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <string.h>

struct json_text {
    const unsigned char *at, *end;
};

static inline int json_value(struct json_text *text, int depth);

static inline void json_blank(struct json_text *text)
{
    while (text->at < text->end && memchr(" \t\r\n", *text->at, 4) != NULL)
        text->at++;
}

static inline int json_take(struct json_text *text, int byte)
{
    if (text->at == text->end || *text->at != byte)
        return 0;
    text->at++;
    return 1;
}

static inline int json_word(struct json_text *text, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return 0;
    text->at += length;
    return 1;
}

/* Four hexadecimal digits, or -1. */
static inline long json_hex(struct json_text *text)
{
    long value = 0;
    int digit;

    if (text->end - text->at < 4)
        return -1;
    for (digit = 0; digit < 4; digit++) {
        int byte = *text->at++;

        if (byte >= '0' && byte <= '9')
            value = value * 16 + byte - '0';
        else if ((byte | 32) >= 'a' && (byte | 32) <= 'f')
            value = value * 16 + (byte | 32) - 'a' + 10;
        else
            return -1;
    }
    return value;
}

static inline int json_escape(struct json_text *text)
{
    long unit;

    if (text->at == text->end)
        return 0;
    if (*text->at != 'u')
        return memchr("\"\\/bfnrt", *text->at++, 8) != NULL;
    text->at++;
    unit = json_hex(text);
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return 0;
    if (unit < 0xD800 || unit > 0xDBFF)
        return 1;
    if (!json_word(text, "\\u"))
        return 0;
    unit = json_hex(text);
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* One character beyond ASCII: the shortest form, no surrogate, at most U+10FFFF. */
static inline int json_utf8(struct json_text *text)
{
    static const unsigned long least[] = {0x80, 0x800, 0x10000};
    unsigned long character = *text->at++;
    int more, left;

    if (character >= 0xC0 && character < 0xE0)
        more = 1;
    else if (character >= 0xE0 && character < 0xF0)
        more = 2;
    else if (character >= 0xF0 && character < 0xF8)
        more = 3;
    else
        return 0;
    character &= 0x3FUL >> more;
    for (left = more; left > 0; left--) {
        if (text->at == text->end || (*text->at & 0xC0) != 0x80)
            return 0;
        character = character << 6 | (*text->at++ & 0x3F);
    }
    return character >= least[more - 1] && character <= 0x10FFFF && (character < 0xD800 || character > 0xDFFF);
}

static inline int json_string(struct json_text *text)
{
    if (!json_take(text, '"'))
        return 0;
    while (text->at < text->end) {
        int byte = *text->at;

        if (byte == '"') {
            text->at++;
            return 1;
        }
        if (byte < 0x20)
            return 0;
        if (byte == '\\') {
            text->at++;
            if (!json_escape(text))
                return 0;
        } else if (byte < 0x80) {
            text->at++;
        } else if (!json_utf8(text)) {
            return 0;
        }
    }
    return 0;
}

static inline int json_digits(struct json_text *text)
{
    const unsigned char *start = text->at;

    while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
        text->at++;
    return text->at > start;
}

static inline int json_number(struct json_text *text)
{
    (void)json_take(text, '-');
    if (!json_take(text, '0') && !json_digits(text))
        return 0;
    if (json_take(text, '.') && !json_digits(text))
        return 0;
    if (json_take(text, 'e') || json_take(text, 'E')) {
        if (!json_take(text, '+'))
            (void)json_take(text, '-');
        return json_digits(text);
    }
    return 1;
}

static inline int json_members(struct json_text *text, int close, int depth)
{
    json_blank(text);
    if (json_take(text, close))
        return 1;
    do {
        json_blank(text);
        if (close == '}') {
            if (!json_string(text))
                return 0;
            json_blank(text);
            if (!json_take(text, ':'))
                return 0;
        }
        if (!json_value(text, depth + 1))
            return 0;
        json_blank(text);
    } while (json_take(text, ','));
    return json_take(text, close);
}

static inline int json_value(struct json_text *text, int depth)
{
    /* 128 levels of data or metadata, in an event, in an array, in a page. */
    if (depth > 140)
        return 0;
    json_blank(text);
    if (json_take(text, '{'))
        return json_members(text, '}', depth);
    if (json_take(text, '['))
        return json_members(text, ']', depth);
    if (text->at < text->end && *text->at == '"')
        return json_string(text);
    return json_word(text, "true") || json_word(text, "false") || json_word(text, "null") || json_number(text);
}

static inline int json_is_sound(const char *bytes, size_t length)
{
    struct json_text text;

    text.at = (const unsigned char *)bytes;
    text.end = text.at + length;
    if (!json_value(&text, 0))
        return 0;
    json_blank(&text);
    return text.at == text.end;
}

#endif
