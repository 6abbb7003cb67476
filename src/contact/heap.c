#include "contact/heap.h"

#include "base/check.h"

enum { SEGMENT_BYTES_MIN = 4 << 10, SEGMENT_BYTES_MAX = 1 << HEAP_POSITION_BITS };

void heap_deinit(struct heap *heap)
{
    array_each (&heap->segments, i)
        free(heap->segments.items[i].bytes);
    array_free(&heap->segments);
    *heap = (struct heap){0};
}

static void segment_free(struct heap *heap, struct heap_segment *segment)
{
    heap->used -= segment->used;
    heap->leaving -= segment->leaving;
    free(segment->bytes);
    *segment = (struct heap_segment){0};
}

static uint32_t free_number(struct heap *heap)
{
    array_each (&heap->segments, i) {
        if (!heap->segments.items[i].bytes)
            return (uint32_t)i;
    }
    CHECK(heap->segments.count < UINT64_C(1) << (HEAP_PLACE_BITS - HEAP_POSITION_BITS));
    *array_push(&heap->segments) = (struct heap_segment){0};
    return (uint32_t)heap->segments.count - 1;
}

/* Segments grow with the heap, so that a small one stays small; a large piece has one of its own. */
static struct heap_segment *segment_add(struct heap *heap, uint32_t size)
{
    if (heap->current < heap->segments.count && heap->segments.items[heap->current].live == 0)
        segment_free(heap, &heap->segments.items[heap->current]);
    uint64_t capacity = heap->used < SEGMENT_BYTES_MIN ? SEGMENT_BYTES_MIN : heap->used;
    if (capacity > SEGMENT_BYTES_MAX)
        capacity = SEGMENT_BYTES_MAX;
    if (capacity < size)
        capacity = size;
    heap->current = free_number(heap);
    struct heap_segment *segment = &heap->segments.items[heap->current];
    *segment = (struct heap_segment){.bytes = memory_take(capacity), .capacity = (uint32_t)capacity};
    return segment;
}

static uint64_t aligned(uint64_t position, uint32_t align)
{
    return (position + align - 1) & ~(uint64_t)(align - 1);
}

uint64_t heap_take(struct heap *heap, uint32_t size, uint32_t align, char **ret_bytes)
{
    CHECK(size > 0);
    struct heap_segment *segment =
        heap->current < heap->segments.count ? &heap->segments.items[heap->current] : NULL;
    uint64_t position = segment ? aligned(segment->used, align) : 0;
    if (!segment || !segment->bytes || segment->leaving || position + size > segment->capacity) {
        segment = segment_add(heap, size);
        position = 0;
    }
    heap->used += position + size - segment->used;
    heap->live += size;
    segment->used = (uint32_t)position + size;
    segment->live += size;
    *ret_bytes = segment->bytes + position;
    return (uint64_t)heap->current << HEAP_POSITION_BITS | position;
}

void heap_release(struct heap *heap, uint64_t place, uint32_t size)
{
    uint32_t number = (uint32_t)(place >> HEAP_POSITION_BITS);
    struct heap_segment *segment = &heap->segments.items[number];
    CHECK(segment->live >= size);
    segment->live -= size;
    heap->live -= size;
    if (segment->live == 0 && (number != heap->current || segment->leaving))
        segment_free(heap, segment);
}

bool heap_is_sparse(const struct heap *heap)
{
    return heap->used > HEAP_SPARSE_BYTES_MIN && heap->live < heap->used / 2 && heap->leaving == 0;
}

void heap_leave_sparse(struct heap *heap)
{
    array_each (&heap->segments, i) {
        struct heap_segment *segment = &heap->segments.items[i];
        if (!segment->bytes || (uint64_t)segment->live * 3 > (uint64_t)segment->used * 2)
            continue;
        segment->leaving = true;
        heap->leaving++;
        if (segment->live == 0)
            segment_free(heap, segment);
    }
}
