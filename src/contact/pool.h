/* Small arrays of one item type in very many sizes: capacities go in steps of at most 1.5, arrays of one
 * capacity share pages, and a page that empties serves any other capacity. So contacts whose arrays grow one
 * item at a time leave no holes behind. One thread; memory goes back to the system when the pool does. */
#ifndef CONTACT_POOL_H
#define CONTACT_POOL_H
#include <stddef.h>
#include <stdint.h>

enum { POOL_CLASSES = 32, POOL_CAPACITY_MAX = 65536 };

struct pool_page;
struct pool_region;
struct pool_large;

struct pool {
    uint32_t header_bytes, item_bytes;
    struct pool_page *open[POOL_CLASSES]; /* pages of this capacity with room */
    struct pool_page *empty;              /* pages of no capacity */
    struct pool_region *regions;
    struct pool_large *large;
    size_t pages, empty_pages;
    size_t touched; /* pages that have ever served: emptied ones serve again first */
    size_t large_bytes;
};

/* An array is `header_bytes` and then its items; header_bytes + item_bytes is at least 8. Arrays stand at
 * addresses that every power of two up to 16 divides which divides both header_bytes and item_bytes. */
void pool_init(struct pool *pool, uint32_t header_bytes, uint32_t item_bytes);
void pool_deinit(struct pool *pool);

/* The capacity with which an array of `count` items (1..POOL_CAPACITY_MAX) is taken: the smallest step that
 * holds them. An array whose count never falls needs no other record of its capacity. */
uint32_t pool_capacity(uint32_t count);
/* `capacity` is one that pool_capacity gives; the bytes are not set. Constant time. */
void *pool_take(struct pool *pool, uint32_t capacity);
void pool_give(struct pool *pool, void *array, uint32_t capacity);
size_t pool_bytes(const struct pool *pool); /* that it has written to */

#endif
