/* For tests of the outbox: a caller with an engine that only knows which effects are pending, and a
 * destination that is a list of keys and fails as it is told. */
#ifndef DELIVERY_OUTBOX_CALLER_H
#define DELIVERY_OUTBOX_CALLER_H
#include "base/prng.h"
#include "delivery/outbox.h"
#include "store/memory/store_memory.h"

enum { CALLER_PARTITIONS = 3, CALLER_VERSIONS = 4 };

enum basket_fault {
    BASKET_WELL,
    BASKET_UNSENT,     /* fails, surely without having taken anything */
    BASKET_OPEN_TAKEN, /* fails, without knowing; the first half was taken */
    BASKET_REFUSES,    /* answers failed */
};

/* A destination in memory that outlives crashes. */
struct basket {
    struct destination base;
    enum basket_fault fault;
    bool has_fails;
    ARRAY(char *) keys; /* taken, in order */
    uint64_t calls, asked;
    struct caller *caller;
};

struct pending {
    uint32_t partition;
    struct effect_row row; /* as opened; its names are static text */
    bool open, returned;
};

struct caller {
    struct store *store;
    struct outbox *outbox;
    struct partition_head heads[CALLER_PARTITIONS];
    uint64_t epochs[CALLER_PARTITIONS];
    uint64_t seq_next[CALLER_PARTITIONS], seq_end[CALLER_PARTITIONS];
    uint32_t enrollments;
    ARRAY(struct pending) pending;
    ARRAY(struct batch) late; /* durable, and the outbox has not taken them */
    bool lags;                /* batches become late */
    bool unsettled;           /* what the last answers rest on may not be durable yet */
    bool held[CALLER_VERSIONS];
    uint32_t held_max;
    size_t attribute_bytes; /* of every contact */
    struct arena answers;   /* what the last ones point to */
    enum outbox_undefined undefined;
    struct basket crm, mailer;
    int64_t now_ms;
};

/* Both baskets are defined, the crm honours keys, the mailer does too until told otherwise. */
void caller_begin(struct caller *caller, uint32_t held_max);
void caller_end(struct caller *caller);

/* Opens `count` effects for a destination and commits them; the outbox takes the batch. */
void caller_open(struct caller *caller, uint32_t partition, uint32_t count, const char *destination,
                 uint16_t version);
/* The outbox takes what is late, or the first `count` of it. */
void caller_take(struct caller *caller, size_t count);
/* The enrollment has left: the effect is closed as cancelled. */
void caller_cancel(struct caller *caller, size_t index);
/* One outbox_deliver; its results, which are checked against what is pending. */
size_t caller_deliver(struct caller *caller);
/* Commits what the last results say, or the first `count` of them. */
void caller_close_returned(struct caller *caller, size_t count);
/* Delivers and closes at the present instant until nothing more comes. */
void caller_drain(struct caller *caller);
/* The process ends here and starts again. */
void caller_crash(struct caller *caller);

size_t caller_open_count(const struct caller *caller);
/* Rows of a kind in the store. */
size_t caller_rows(struct caller *caller, enum effect_kind kind);
/* How often a basket has the key of a pending effect. */
size_t basket_count(const struct basket *basket, const struct pending *pending);

#endif
