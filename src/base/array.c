#include "base/array.h"

#include "base/check.h"

void *array_grow(void *items, size_t *capacity, size_t wanted, size_t item_size)
{
    size_t next = *capacity ? *capacity * 2 : 8;
    if (next < wanted)
        next = wanted;
    void *grown = reallocarray(items, next, item_size);
    CHECK(grown);
    *capacity = next;
    return grown;
}

void *memory_take(size_t size)
{
    void *taken = malloc(size ? size : 1);
    CHECK(taken);
    return taken;
}

void *memory_take_zeroed(size_t count, size_t size)
{
    void *taken = calloc(count ? count : 1, size ? size : 1);
    CHECK(taken);
    return taken;
}
