#include "base/hash.h"

#include <inttypes.h>
#include <xxhash.h>

#include "base/check.h"

uint64_t hash_str(struct str s)
{
    return XXH3_64bits(s.data, s.size);
}

uint64_t hash_str_seeded(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.data, s.size, seed);
}

struct hash_stream *hash_stream_new(void)
{
    XXH3_state_t *state = XXH3_createState();
    CHECK(state && XXH3_128bits_reset(state) == XXH_OK);
    return (struct hash_stream *)state;
}

void hash_stream_put(struct hash_stream *stream, struct str bytes)
{
    CHECK(XXH3_128bits_update((XXH3_state_t *)stream, bytes.data, bytes.size) == XXH_OK);
}

void hash_stream_hex(const struct hash_stream *stream, char ret_hex[33])
{
    XXH128_hash_t hash = XXH3_128bits_digest((const XXH3_state_t *)stream);
    snprintf(ret_hex, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

void hash_stream_free(struct hash_stream *stream)
{
    XXH3_freeState((XXH3_state_t *)stream);
}
