/* Bytes of any size that come and go, in segments that never move: what is taken stays where it is until it
 * is released. Released bytes leave holes; a segment in which nothing lives is freed, and when more than half
 * of a heap over 1 MB is holes its owner moves what lives in the emptiest segments elsewhere, piece by piece:
 *     heap_is_sparse → heap_leave_sparse → for each place held: heap_is_leaving? take, copy, release
 * A place is 39 bits: segment number and position. One thread. */
#ifndef CONTACT_HEAP_H
#define CONTACT_HEAP_H
#include <stdbool.h>

#include "base/array.h"

enum { HEAP_POSITION_BITS = 18, HEAP_PLACE_BITS = 39, HEAP_SPARSE_BYTES_MIN = 1 << 20 };

struct heap_segment {
    char *bytes; /* NULL: this number is free */
    uint32_t capacity, used, live;
    bool leaving;
};

struct heap {
    ARRAY(struct heap_segment) segments;
    uint32_t current; /* the segment that takes what comes */
    uint32_t leaving; /* how many segments are */
    uint64_t used, live;
};

void heap_deinit(struct heap *heap); /* a zeroed heap is an empty one */

/* `size` is over 0; `align` is 1, 2, 4 or 8. Constant time but for a new segment now and then. */
uint64_t heap_take(struct heap *heap, uint32_t size, uint32_t align, char **ret_bytes);
void heap_release(struct heap *heap, uint64_t place, uint32_t size); /* the size it was taken with */

static inline uint64_t heap_bytes(const struct heap *heap)
{
    return heap->used + heap->segments.capacity * sizeof *heap->segments.items;
}

static inline char *heap_at(const struct heap *heap, uint64_t place)
{
    return heap->segments.items[place >> HEAP_POSITION_BITS].bytes +
           (place & ((1 << HEAP_POSITION_BITS) - 1));
}

/* More than half of it is dead, it is over HEAP_SPARSE_BYTES_MIN and no rewriting is under way. */
bool heap_is_sparse(const struct heap *heap);
/* Begins rewriting: segments of which more than a third is dead take nothing more and are freed when the last
 * piece has left. It is over when heap->leaving is 0. */
void heap_leave_sparse(struct heap *heap);

static inline bool heap_is_leaving(const struct heap *heap, uint64_t place)
{
    return heap->segments.items[place >> HEAP_POSITION_BITS].leaving;
}

#endif
