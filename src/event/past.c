#include "event/past.h"

#include "base/check.h"
#include "base/memory.h"
#include "event/past_state.h"

struct past *past_new(void)
{
    struct past *past = memory_take_zeroed(1, sizeof *past);
    pockets_init(&past->counts, sizeof(struct past_packed));
    return past;
}

void past_free(struct past *past)
{
    if (!past)
        return;
    array_each (&past->aggregates, i)
        rings_deinit(&past->aggregates.items[i]);
    array_free(&past->aggregates);
    array_each (&past->doers, name) {
        array_each (&past->doers.items[name].chunks, chunk)
            free(past->doers.items[name].chunks.items[chunk]);
        array_free(&past->doers.items[name].chunks);
    }
    array_free(&past->doers);
    pockets_deinit(&past->counts);
    free(past);
}

uint64_t past_bytes(const struct past *past)
{
    uint64_t bytes = pockets_bytes(&past->counts) + array_bytes(&past->doers) +
                     array_bytes(&past->aggregates) + (uint64_t)past->doers_made * (PAST_CHUNK / 8);
    array_each (&past->doers, name)
        bytes += array_bytes(&past->doers.items[name].chunks);
    array_each (&past->aggregates, i)
        bytes += rings_bytes(&past->aggregates.items[i]);
    return bytes;
}

static uint64_t *doers_chunk(struct past *past, uint16_t name, uint32_t chunk)
{
    while (past->doers.count <= name)
        *array_push(&past->doers) = (struct past_doers){0};
    struct past_doers *doers = &past->doers.items[name];
    while (doers->chunks.count <= chunk)
        *array_push(&doers->chunks) = NULL;
    if (!doers->chunks.items[chunk]) {
        doers->chunks.items[chunk] = memory_take_zeroed(PAST_CHUNK / 64, sizeof(uint64_t));
        past->doers_made++;
    }
    return doers->chunks.items[chunk];
}

struct past_packed *past_put(struct past *past, uint32_t contact, uint16_t name, bool *ret_new)
{
    struct past_packed *count = pockets_put(&past->counts, contact, name, ret_new);
    if (*ret_new)
        doers_chunk(past, name, contact / PAST_CHUNK)[contact % PAST_CHUNK / 64] |= UINT64_C(1)
                                                                                    << contact % 64;
    return count;
}

void past_count(struct past *past, uint32_t contact, uint16_t name, int64_t at_ms)
{
    CHECK(name > 0);
    bool is_new;
    struct past_packed *at = past_put(past, contact, name, &is_new);
    if (is_new)
        *at = (struct past_packed){.first_ms = at_ms, .last_ms = at_ms};
    if (at->count < UINT32_MAX)
        at->count++;
    if (at_ms < at->first_ms)
        at->first_ms = at_ms;
    if (at_ms > at->last_ms)
        at->last_ms = at_ms;
}

struct past_count past_get(const struct past *past, uint32_t contact, uint16_t name)
{
    const struct past_packed *at = pockets_find(&past->counts, contact, name);
    return at ? (struct past_count){at->count, at->first_ms, at->last_ms} : (struct past_count){0};
}

const uint64_t *past_doers(const struct past *past, uint32_t chunk, uint16_t name)
{
    if (name >= past->doers.count || chunk >= past->doers.items[name].chunks.count)
        return NULL;
    return past->doers.items[name].chunks.items[chunk];
}

void past_register(struct past *past, uint16_t aggregate, uint16_t ring)
{
    CHECK(aggregate == past->aggregates.count && ring <= PAST_RING_MAX);
    rings_init(array_push(&past->aggregates), ring);
}

uint16_t past_aggregates(const struct past *past)
{
    return (uint16_t)past->aggregates.count;
}

static struct rings *rings_of(const struct past *past, uint16_t aggregate)
{
    CHECK(aggregate < past->aggregates.count);
    return &past->aggregates.items[aggregate];
}

void past_add(struct past *past, uint32_t contact, uint16_t aggregate, struct past_moment moment)
{
    rings_add(rings_of(past, aggregate), contact, moment);
}

uint64_t past_aggregate_count(const struct past *past, uint32_t contact, uint16_t aggregate)
{
    return rings_count(rings_of(past, aggregate), contact);
}

bool past_newest(const struct past *past, uint32_t contact, uint16_t aggregate, uint16_t k,
                 struct past_moment *ret)
{
    const struct rings *rings = rings_of(past, aggregate);
    if (k == 0 || k > rings_kept(rings, contact))
        return false;
    *ret = rings_moment(rings, contact, k - 1u);
    return true;
}
