/* A ring is an array of capacity c, circular, newest first from `newest` on:
 *
 *     c = 6, four kept:   | 3rd | 4th | free | free | 1st | 2nd |
 *                                                      ▲ newest = 4
 *
 * A moment newer than all goes in front of `newest`, over the oldest where the ring is full; a late one
 * pushes those newer than itself one place to the front. The capacity follows from how many are kept, which
 * never falls. */
#include "event/rings.h"

#include "base/check.h"
#include "base/memory.h"

struct ring {
    uint64_t newest;
    struct past_moment moments[];
};

void rings_init(struct rings *rings, uint16_t limit)
{
    *rings = (struct rings){.limit = limit};
    pool_init(&rings->pool, sizeof(struct ring), sizeof(struct past_moment));
}

void rings_deinit(struct rings *rings)
{
    array_each (&rings->chunks, i)
        free(rings->chunks.items[i]);
    array_free(&rings->chunks);
    pool_deinit(&rings->pool);
}

static size_t chunk_bytes(const struct rings *rings)
{
    return sizeof(struct ring_chunk) + (rings->limit ? PAST_CHUNK * sizeof(struct ring *) : 0);
}

uint64_t rings_bytes(const struct rings *rings)
{
    return pool_bytes(&rings->pool) + array_bytes(&rings->chunks) +
           (uint64_t)rings->chunks_made * chunk_bytes(rings);
}

static uint32_t capacity_of(const struct rings *rings, uint32_t kept)
{
    uint32_t capacity = pool_capacity(kept);
    return capacity < rings->limit ? capacity : rings->limit;
}

static struct ring_chunk *chunk_of(const struct rings *rings, uint32_t contact)
{
    uint32_t chunk = contact / PAST_CHUNK;
    return chunk < rings->chunks.count ? rings->chunks.items[chunk] : NULL;
}

static struct ring_chunk *chunk_made(struct rings *rings, uint32_t contact)
{
    uint32_t chunk = contact / PAST_CHUNK;
    while (rings->chunks.count <= chunk)
        *array_push(&rings->chunks) = NULL;
    struct ring_chunk **at = &rings->chunks.items[chunk];
    if (!*at) {
        *at = memory_take_zeroed(1, chunk_bytes(rings));
        rings->chunks_made++;
    }
    return *at;
}

uint64_t rings_count(const struct rings *rings, uint32_t contact)
{
    const struct ring_chunk *chunk = chunk_of(rings, contact);
    return chunk ? chunk->counts[contact % PAST_CHUNK] : 0;
}

uint32_t rings_kept(const struct rings *rings, uint32_t contact)
{
    uint64_t count = rings_count(rings, contact);
    return count < rings->limit ? (uint32_t)count : rings->limit;
}

static struct past_moment *moment_at(struct ring *ring, uint32_t capacity, uint32_t k)
{
    uint64_t i = ring->newest + k;
    return &ring->moments[i < capacity ? i : i - capacity];
}

struct past_moment rings_moment(const struct rings *rings, uint32_t contact, uint32_t k)
{
    uint32_t kept = rings_kept(rings, contact);
    CHECK(k < kept);
    struct ring *ring = chunk_of(rings, contact)->rings[contact % PAST_CHUNK];
    return *moment_at(ring, capacity_of(rings, kept), k);
}

/* The ring with room for one more: itself, or a larger copy with the newest first. */
static struct ring *ring_grown(struct rings *rings, struct ring *ring, uint32_t kept)
{
    uint32_t capacity = kept ? capacity_of(rings, kept) : 0;
    if (kept < capacity || kept == rings->limit)
        return ring;
    struct ring *grown = pool_take(&rings->pool, pool_capacity(kept + 1));
    grown->newest = 0;
    for (uint32_t k = 0; k < kept; k++)
        grown->moments[k] = *moment_at(ring, capacity, k);
    if (ring)
        pool_give(&rings->pool, ring, pool_capacity(kept));
    return grown;
}

static bool is_newer(struct past_moment a, struct past_moment b)
{
    return a.at_ms != b.at_ms ? a.at_ms > b.at_ms : a.seq > b.seq;
}

static void ring_insert(struct ring *ring, uint32_t capacity, uint32_t kept, struct past_moment moment)
{
    uint32_t newer = 0;
    while (newer < kept && is_newer(*moment_at(ring, capacity, newer), moment))
        newer++;
    if (newer == capacity)
        return; /* full of newer ones */
    ring->newest = ring->newest ? ring->newest - 1 : capacity - 1;
    for (uint32_t k = 0; k < newer; k++)
        *moment_at(ring, capacity, k) = *moment_at(ring, capacity, k + 1);
    *moment_at(ring, capacity, newer) = moment;
}

void rings_add(struct rings *rings, uint32_t contact, struct past_moment moment)
{
    struct ring_chunk *chunk = chunk_made(rings, contact);
    uint32_t kept = rings_kept(rings, contact), i = contact % PAST_CHUNK;
    chunk->counts[i]++;
    if (rings->limit == 0)
        return;
    chunk->rings[i] = ring_grown(rings, chunk->rings[i], kept);
    ring_insert(chunk->rings[i], capacity_of(rings, rings_kept(rings, contact)), kept, moment);
}

void rings_clear(struct rings *rings, uint32_t contact)
{
    struct ring_chunk *chunk = chunk_of(rings, contact);
    uint32_t kept = rings_kept(rings, contact), i = contact % PAST_CHUNK;
    if (!chunk)
        return;
    if (kept > 0) {
        pool_give(&rings->pool, chunk->rings[i], pool_capacity(kept));
        chunk->rings[i] = NULL;
    }
    chunk->counts[i] = 0;
}

void rings_set_count(struct rings *rings, uint32_t contact, uint64_t count)
{
    uint32_t kept = rings_kept(rings, contact);
    struct ring_chunk *chunk = chunk_made(rings, contact);
    chunk->counts[contact % PAST_CHUNK] = count;
    CHECK(rings_kept(rings, contact) == kept);
}
