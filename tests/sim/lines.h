/* Facts as text, a line each, by contact and group: what both sides of a comparison turn what they know into.
 */
#ifndef SIM_LINES_H
#define SIM_LINES_H
#include "base/array.h"
#include "base/buf.h"

struct line {
    char *contact, *text;
    uint32_t group; /* the journey, or LINES_… */
};
enum {
    LINES_ACTIVATIONS = 1000,
    LINES_ENDINGS = 1500,
    LINES_INSIDE = 2000,
    LINES_ATTRIBUTES = 3000,
    LINES_FIGURES = 4000
};

struct lines {
    ARRAY(struct line) items;
};

void lines_add(struct lines *lines, const char *contact, uint32_t group, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void lines_clear(struct lines *lines);
void lines_free(struct lines *lines);

/* By contact, then group, then in the order in which they were added. */
void lines_print(const struct lines *lines, struct buf *out);
/* True where both hold the same; else the first line that differs, with those before it of the same contact
 * and group, goes to `out`. */
bool lines_equal(const struct lines *expected, const struct lines *found, struct buf *out);

#endif
