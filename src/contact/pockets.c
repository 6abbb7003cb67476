#include "contact/pockets.h"

#include "base/check.h"
#include "base/memory.h"

enum { POCKET_KEYS_MAX = 65535 };

struct pocket {
    uint16_t count;
    uint16_t keys[]; /* the values follow after the last of the capacity, which pool_capacity tells from the
                        count */
};

void pockets_init(struct pockets *pockets, uint32_t value_bytes)
{
    *pockets = (struct pockets){.value_bytes = value_bytes};
    pool_init(&pockets->pool, sizeof(struct pocket), (uint32_t)sizeof(uint16_t) + value_bytes);
}

void pockets_deinit(struct pockets *pockets)
{
    array_each (&pockets->chunks, i)
        free(pockets->chunks.items[i]);
    array_free(&pockets->chunks);
    pool_deinit(&pockets->pool);
}

uint64_t pockets_bytes(const struct pockets *pockets)
{
    return pool_bytes(&pockets->pool) + array_bytes(&pockets->chunks) +
           (uint64_t)pockets->chunks_made * sizeof(struct pockets_chunk);
}

static char *value_at(const struct pockets *pockets, struct pocket *pocket, uint32_t capacity, uint32_t i)
{
    return (char *)(pocket->keys + capacity) + (size_t)i * pockets->value_bytes;
}

static struct pocket *pocket_of(const struct pockets *pockets, uint32_t contact)
{
    uint32_t chunk = contact / POCKETS_CHUNK;
    if (chunk >= pockets->chunks.count || !pockets->chunks.items[chunk])
        return NULL;
    return pockets->chunks.items[chunk]->pockets[contact % POCKETS_CHUNK];
}

static struct pocket **place_of(struct pockets *pockets, uint32_t contact)
{
    uint32_t chunk = contact / POCKETS_CHUNK;
    while (pockets->chunks.count <= chunk)
        *array_push(&pockets->chunks) = NULL;
    struct pockets_chunk **at = &pockets->chunks.items[chunk];
    if (!*at) {
        *at = memory_take_zeroed(1, sizeof **at);
        pockets->chunks_made++;
    }
    return &(*at)->pockets[contact % POCKETS_CHUNK];
}

/* The first key that is not below. */
static uint32_t position_of(const struct pocket *pocket, uint16_t key)
{
    uint32_t low = 0, high = pocket->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pocket->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *pockets_find(const struct pockets *pockets, uint32_t contact, uint16_t key)
{
    struct pocket *pocket = pocket_of(pockets, contact);
    if (!pocket)
        return NULL;
    uint32_t i = position_of(pocket, key);
    if (i == pocket->count || pocket->keys[i] != key)
        return NULL;
    return value_at(pockets, pocket, pool_capacity(pocket->count), i);
}

/* The pocket with room for one more: itself, or a larger copy. */
static struct pocket *pocket_grown(struct pockets *pockets, struct pocket *pocket)
{
    CHECK(pocket->count < POCKET_KEYS_MAX);
    uint32_t had = pool_capacity(pocket->count), capacity = pool_capacity(pocket->count + 1u);
    if (capacity == had)
        return pocket;
    struct pocket *grown = pool_take(&pockets->pool, capacity);
    grown->count = pocket->count;
    memcpy(grown->keys, pocket->keys, pocket->count * sizeof *pocket->keys);
    memcpy(value_at(pockets, grown, capacity, 0), value_at(pockets, pocket, had, 0),
           (size_t)pocket->count * pockets->value_bytes);
    pool_give(&pockets->pool, pocket, had);
    return grown;
}

static void *insert(struct pockets *pockets, struct pocket **place, uint32_t i, uint16_t key)
{
    if (*place)
        *place = pocket_grown(pockets, *place);
    else
        (*place = pool_take(&pockets->pool, pool_capacity(1)))->count = 0;
    struct pocket *pocket = *place;
    uint32_t behind = pocket->count - i;
    char *value = value_at(pockets, pocket, pool_capacity(pocket->count + 1u), i);
    memmove(pocket->keys + i + 1, pocket->keys + i, behind * sizeof *pocket->keys);
    memmove(value + pockets->value_bytes, value, (size_t)behind * pockets->value_bytes);
    pocket->keys[i] = key;
    pocket->count++;
    return memset(value, 0, pockets->value_bytes);
}

void *pockets_put(struct pockets *pockets, uint32_t contact, uint16_t key, bool *ret_new)
{
    struct pocket **place = place_of(pockets, contact);
    uint32_t i = *place ? position_of(*place, key) : 0;
    *ret_new = !*place || i == (*place)->count || (*place)->keys[i] != key;
    if (*ret_new)
        return insert(pockets, place, i, key);
    return value_at(pockets, *place, pool_capacity((*place)->count), i);
}

void pockets_clear(struct pockets *pockets, uint32_t contact)
{
    struct pocket *pocket = pocket_of(pockets, contact);
    if (!pocket)
        return;
    pool_give(&pockets->pool, pocket, pool_capacity(pocket->count));
    *place_of(pockets, contact) = NULL;
}

uint32_t pockets_count(const struct pockets *pockets, uint32_t contact)
{
    const struct pocket *pocket = pocket_of(pockets, contact);
    return pocket ? pocket->count : 0;
}

const void *pockets_at(const struct pockets *pockets, uint32_t contact, uint32_t i, uint16_t *ret_key)
{
    struct pocket *pocket = pocket_of(pockets, contact);
    CHECK(pocket && i < pocket->count);
    *ret_key = pocket->keys[i];
    return value_at(pockets, pocket, pool_capacity(pocket->count), i);
}
