/* Frozen hashes (XXH3): their output is written to disk and decides chance, so it must never change. */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stdint.h>

#include "base/str.h"

uint64_t hash_str(struct str s);
uint64_t hash_str_seeded(struct str s, uint64_t seed);
/* A uniform number in [0, bound) out of a hash, without the bias of `%`. */
static inline uint32_t hash_below(uint64_t hash, uint32_t bound)
{
    return (uint32_t)(((hash >> 32) * bound) >> 32);
}

/* A digest of a long input taken piece by piece. */
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_put(struct hash_stream *stream, struct str bytes);
void hash_stream_hex(const struct hash_stream *stream, char ret_hex[33]); /* 128 bits and a zero byte */
void hash_stream_free(struct hash_stream *stream);

#endif
