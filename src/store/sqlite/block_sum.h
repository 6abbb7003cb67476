/* The checksum of a stored block: over its place and its seq too, so that a block in another's row is found.
 */
#ifndef STORE_SQLITE_BLOCK_SUM_H
#define STORE_SQLITE_BLOCK_SUM_H
#include "base/hash.h"
#include "engine/fact.h"

static inline uint64_t block_sum(uint32_t partition, const struct block *block)
{
    uint64_t place[3] = {(uint64_t)partition << 32 | block->number, block->kind, block->seq};
    return hash_str_seeded(block->body, hash_str((struct str){(const char *)place, sizeof place}));
}

#endif
