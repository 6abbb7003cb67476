#include "engine/fact.h"

#include "base/memory.h"
#include "engine/input.h"

#include <inttypes.h>

const char *event_kind_name(enum event_kind kind)
{
    static const char *const names[] = {
#define X(name, key) #key,
        EVENT_KIND_TABLE(X)
#undef X
    };
    return names[kind];
}

const char *enroll_outcome_name(enum enroll_outcome outcome)
{
    static const char *const names[] = {
#define X(name, key) #key,
        ENROLL_OUTCOME_TABLE(X)
#undef X
    };
    return names[outcome];
}

const char *effect_kind_name(enum effect_kind kind)
{
    static const char *const names[] = {
#define X(name, key) #key,
        EFFECT_KIND_TABLE(X)
#undef X
    };
    return names[kind];
}

const char *stat_kind_name(enum stat_kind kind)
{
    static const char *const names[] = {
#define X(name, key) #key,
        STAT_TABLE(X)
#undef X
    };
    return names[kind];
}

const char *block_kind_name(enum block_kind kind)
{
    static const char *const names[] = {
#define X(name, key) #key,
        BLOCK_TABLE(X)
#undef X
    };
    return names[kind];
}

void batch_clear(struct batch *batch)
{
    array_clear(&batch->events);
    array_clear(&batch->ledger);
    array_clear(&batch->effects);
    array_clear(&batch->stats);
    array_clear(&batch->blocks);
    arena_reset(&batch->bytes);
}

void batch_deinit(struct batch *batch)
{
    array_free(&batch->events);
    array_free(&batch->ledger);
    array_free(&batch->effects);
    array_free(&batch->stats);
    array_free(&batch->blocks);
    arena_deinit(&batch->bytes);
}

uint64_t batch_bytes(const struct batch *batch)
{
    return sizeof *batch + array_bytes(&batch->events) + array_bytes(&batch->ledger) +
           array_bytes(&batch->effects) + array_bytes(&batch->stats) + array_bytes(&batch->blocks) +
           arena_held(&batch->bytes);
}

void effect_key(uint32_t partition, const struct effect_row *effect, char ret_key[EFFECT_KEY_BYTES])
{
    snprintf(ret_key, EFFECT_KEY_BYTES, "%" PRIu32 "-%" PRIu32 "-%u-%u-%u", partition, effect->enrollment,
             effect->node, effect->visit, effect->destination);
}
