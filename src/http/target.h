/* The target of a request line, `/v1/contacts/a%20b?limit=10`, taken apart with strictness: what is not
 * well-formed is refused, never guessed. Pure. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H
#include "base/arena.h"
#include "base/str.h"

enum { TARGET_SEGMENTS_MAX = 16 };

struct target {
    struct str path;                          /* as sent, without the query */
    struct str query;                         /* as sent, without the `?` */
    struct str segments[TARGET_SEGMENTS_MAX]; /* of the path, percent-decoded: in the arena */
    size_t segment_count;                     /* TARGET_SEGMENTS_MAX + 1: more than any route has */
};

/* NULL, or what is wrong with it, as static text. The target borrows from `raw`. */
const char *target_parse(struct str raw, struct arena *arena, struct target *ret);

/* The first query parameter of that name, `+` and percent-encoding decoded into the arena. */
bool target_query(const struct target *target, struct str name, struct arena *arena, struct str *ret);

#endif
