/* A borrowed run of bytes: never owned, not terminated. Whoever hands one out says how long it lives. */
#ifndef BASE_STR_H
#define BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data;
    size_t size;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* For printf: `"%.*s", STR_ARG(s)`. */
#define STR_ARG(s) (int)(s).size, (s).data

static inline struct str str_from(const char *terminated)
{
    return (struct str){terminated, strlen(terminated)};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

static inline bool str_contains(struct str s, struct str part)
{
    return part.size == 0 || (s.size >= part.size && memmem(s.data, s.size, part.data, part.size));
}

/* Byte order, shorter first among equals: <0, 0, >0. */
int str_compare(struct str a, struct str b);

/* Whole-string decimal numbers; false where anything else stands in it. */
bool str_to_int64(struct str s, int64_t *ret);
bool str_to_double(struct str s, double *ret);

/* Whether the bytes are well-formed UTF-8 (no surrogates, nothing overlong, nothing over U+10FFFF). */
bool str_is_utf8(struct str s);

#endif
