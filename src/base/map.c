#include "base/map.h"

#include "base/array.h"
#include "base/check.h"

static uint64_t slot_of(uint64_t hash, uint32_t value)
{
    return (hash & 0xffffffff00000000) | ((uint64_t)value + 1);
}

bool map_find(const struct map *map, uint64_t hash, map_is_key *is_key, const void *context, uint32_t *ret)
{
    if (!map->slots)
        return false;
    for (uint32_t i = (uint32_t)hash & map->mask;; i = (i + 1) & map->mask) {
        uint64_t slot = map->slots[i];
        if (slot == 0)
            return false;
        uint32_t value = (uint32_t)slot - 1;
        if ((slot >> 32) == (hash >> 32) && is_key(context, value)) {
            *ret = value;
            return true;
        }
    }
}

static void place(struct map *map, uint64_t hash, uint64_t slot)
{
    uint32_t i = (uint32_t)hash & map->mask;
    while (map->slots[i])
        i = (i + 1) & map->mask;
    map->slots[i] = slot;
}

static void grow(struct map *map, map_hash_of *hash_of, const void *context)
{
    struct map wider = {.mask = map->slots ? map->mask * 2 + 1 : 15, .count = map->count};
    CHECK(wider.mask != UINT32_MAX);
    wider.slots = memory_take_zeroed((size_t)wider.mask + 1, sizeof *wider.slots);
    for (size_t i = 0; map->slots && i <= map->mask; i++) {
        if (map->slots[i])
            place(&wider, hash_of(context, (uint32_t)map->slots[i] - 1), map->slots[i]);
    }
    free(map->slots);
    *map = wider;
}

void map_add(struct map *map, uint64_t hash, uint32_t value, map_hash_of *hash_of, const void *context)
{
    CHECK(value != UINT32_MAX);
    if (!map->slots || (uint64_t)map->count * 10 >= (uint64_t)map->mask * 7)
        grow(map, hash_of, context);
    place(map, hash, slot_of(hash, value));
    map->count++;
}

void map_deinit(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}
