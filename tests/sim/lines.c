#include "lines.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES_MAX = 4000 };

void lines_add(struct lines *lines, const char *contact, uint32_t group, const char *format, ...)
{
    char text[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *array_push(&lines->items) = (struct line){strdup(contact), strdup(text), group};
}

void lines_clear(struct lines *lines)
{
    array_each (&lines->items, i) {
        free(lines->items.items[i].contact);
        free(lines->items.items[i].text);
    }
    array_clear(&lines->items);
}

void lines_free(struct lines *lines)
{
    lines_clear(lines);
    array_free(&lines->items);
}

static int place_compare(const struct line *a, const struct line *b)
{
    int order = strcmp(a->contact, b->contact);
    return order ? order : (a->group > b->group) - (a->group < b->group);
}

/* Addresses in one array: equal places keep the order in which they were added. */
static int line_compare(const void *left, const void *right)
{
    const struct line *const *a = left, *const *b = right;
    int order = place_compare(*a, *b);
    return order ? order : (*a > *b) - (*a < *b);
}

static const struct line **sorted(const struct lines *lines)
{
    const struct line **all = memory_take_zeroed(lines->items.count + 1, sizeof *all);
    array_each (&lines->items, i)
        all[i] = &lines->items.items[i];
    qsort(all, lines->items.count, sizeof *all, line_compare);
    return all;
}

void lines_print(const struct lines *lines, struct buf *out)
{
    const struct line **all = sorted(lines);
    for (const struct line **line = all; *line; line++)
        buf_printf(out, "%s\n", (*line)->text);
    free(all);
}

static void put_difference(struct buf *out, const struct line **expected, const struct line **found,
                           size_t at)
{
    const struct line *where = expected[at] == NULL                         ? found[at]
                               : found[at] == NULL                          ? expected[at]
                               : place_compare(expected[at], found[at]) < 0 ? expected[at]
                                                                            : found[at];
    for (size_t i = 0; i < at; i++)
        if (place_compare(expected[i], where) == 0)
            buf_printf(out, "    both      %s\n", expected[i]->text);
    bool misses = expected[at] && place_compare(expected[at], where) == 0;
    bool has = found[at] && place_compare(found[at], where) == 0;
    buf_printf(out, "    expected  %s\n", misses ? expected[at]->text : "nothing");
    buf_printf(out, "    found     %s\n", has ? found[at]->text : "nothing");
}

bool lines_equal(const struct lines *expected, const struct lines *found, struct buf *out)
{
    const struct line **e = sorted(expected), **f = sorted(found);
    size_t at = 0;
    while (e[at] && f[at] && place_compare(e[at], f[at]) == 0 && strcmp(e[at]->text, f[at]->text) == 0)
        at++;
    bool equal = e[at] == NULL && f[at] == NULL;
    if (!equal)
        put_difference(out, e, f, at);
    free(e);
    free(f);
    return equal;
}
