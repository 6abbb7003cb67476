#include "base/arena.h"

#include "base/array.h"
#include "base/check.h"

enum { CHUNK_BYTES_MIN = 4096, ALIGNMENT = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used, touched; /* touched: by former uses */
    _Alignas(ALIGNMENT) char bytes[];
};

static struct arena_chunk *chunk_new(struct arena *arena, size_t size)
{
    size_t last = arena->chunk ? arena->chunk->size : 0;
    size_t bytes = last * 2 > CHUNK_BYTES_MIN ? last * 2 : CHUNK_BYTES_MIN;
    if (bytes < size)
        bytes = size;
    struct arena_chunk *chunk = memory_take(sizeof *chunk + bytes);
    *chunk = (struct arena_chunk){.next = arena->chunk, .size = bytes};
    arena->chunk = chunk;
    return chunk;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct arena_chunk *chunk = arena->chunk;
    if (!chunk || chunk->size - chunk->used < rounded)
        chunk = chunk_new(arena, rounded);
    void *taken = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->bytes += rounded;
    return memset(taken, 0, rounded);
}

void *arena_take_array(struct arena *arena, size_t count, size_t item_size)
{
    size_t size;
    CHECK(!__builtin_mul_overflow(count, item_size, &size));
    return arena_take(arena, size);
}

struct str arena_str(struct arena *arena, struct str s)
{
    char *copy = arena_take(arena, s.size + 1);
    if (s.size)
        memcpy(copy, s.data, s.size);
    return (struct str){copy, s.size};
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    CHECK(size >= 0);
    char *text = arena_take(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(args);
    va_end(again);
    return text;
}

static void chunks_free(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept =
        arena->chunk; /* each chunk is at least twice the one before: the newest is the largest */
    if (!kept)
        return;
    chunks_free(kept->next);
    kept->next = NULL;
    if (kept->used > kept->touched)
        kept->touched = kept->used;
    kept->used = 0;
    arena->bytes = 0;
}

size_t arena_held(const struct arena *arena)
{
    size_t bytes = 0;
    for (const struct arena_chunk *chunk = arena->chunk; chunk; chunk = chunk->next)
        bytes += sizeof *chunk + (chunk->used > chunk->touched ? chunk->used : chunk->touched);
    return bytes;
}

void arena_deinit(struct arena *arena)
{
    chunks_free(arena->chunk);
    *arena = (struct arena){0};
}
