/* Open-addressing map from a 64-bit hash to a 32-bit number. It keeps no keys: the caller says whether the
 * number found is the one meant, so a slot is 8 bytes (32 bits of hash, 32 bits of value) and strings stay
 * where they are. Iteration order is nobody's business: there is none. */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
    uint64_t *slots; /* 0 = free; low half value + 1, high half upper hash bits */
    uint32_t count, mask;
};

typedef bool map_is_key(const void *context, uint32_t value);
typedef uint64_t map_hash_of(const void *context, uint32_t value);

/* True and the value where `is_key` accepts one of those under this hash. */
bool map_find(const struct map *map, uint64_t hash, map_is_key *is_key, const void *context, uint32_t *ret);
/* The caller has made sure that the key is not there; `hash_of` is asked again when the map grows. */
void map_add(struct map *map, uint64_t hash, uint32_t value, map_hash_of *hash_of, const void *context);
/* Starts the load of the slot's cache line: call it some look-ups ahead. */
static inline void map_prefetch(const struct map *map, uint64_t hash)
{
    if (map->slots)
        __builtin_prefetch(&map->slots[hash & map->mask]);
}
void map_deinit(struct map *map);
static inline size_t map_held(const struct map *map)
{
    return map->slots ? ((size_t)map->mask + 1) * sizeof *map->slots : 0;
}

#endif
