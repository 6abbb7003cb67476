#include "event/past.h"

#include "base/check.h"
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
    pockets_deinit(&past->counts);
    free(past);
}

void past_count(struct past *past, uint32_t contact, uint16_t name, int64_t at_ms)
{
    CHECK(name > 0);
    bool is_new;
    struct past_packed *at = pockets_put(&past->counts, contact, name, &is_new);
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
