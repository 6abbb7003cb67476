/* Bump allocation with one lifetime: everything taken from an arena goes when it is reset or freed. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena_chunk;
struct arena {
    struct arena_chunk *chunk; /* newest first */
    size_t bytes;              /* taken since the last reset */
};

/* Zeroed memory, aligned to 16 bytes; never NULL. A zeroed `struct arena` is an empty one. */
void *arena_take(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_take_array(struct arena *arena, size_t count, size_t item_size) __attribute__((returns_nonnull));
/* Copies; the copy is followed by a zero byte so that it may also be used as a C string. */
struct str arena_str(struct arena *arena, struct str s);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empties it and keeps its largest chunk for the next use. */
void arena_reset(struct arena *arena);
void arena_deinit(struct arena *arena);
/* Bytes it keeps and has written to. */
size_t arena_held(const struct arena *arena);

#endif
