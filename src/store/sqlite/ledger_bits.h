/* How a ledger row's small fields share two integer columns: most are zero, and a zero costs SQLite no byte.
 *
 *     flags   bits 0-15 flags · 16-23 reason · 24-31 which · 32-39 failed
 *     state   bits 0-31 visits · 32-47 pending · 48-55 goals
 *
 * The view ledger_view spreads them. */
#ifndef STORE_SQLITE_LEDGER_BITS_H
#define STORE_SQLITE_LEDGER_BITS_H
#include "engine/fact.h"

static inline int64_t ledger_flags_pack(const struct ledger_row *row)
{
    return row->flags | (int64_t)row->reason << 16 | (int64_t)row->which << 24 | (int64_t)row->failed << 32;
}

static inline int64_t ledger_state_pack(const struct ledger_row *row)
{
    return row->visits | (int64_t)row->pending << 32 | (int64_t)row->goals << 48;
}

static inline void ledger_bits_unpack(int64_t flags, int64_t state, struct ledger_row *ret)
{
    ret->flags = (uint16_t)flags;
    ret->reason = (uint8_t)(flags >> 16);
    ret->which = (uint8_t)(flags >> 24);
    ret->failed = (uint8_t)(flags >> 32);
    ret->visits = (uint32_t)state;
    ret->pending = (uint16_t)(state >> 32);
    ret->goals = (uint8_t)(state >> 48);
}

#endif
