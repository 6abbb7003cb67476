/* The open enrollments of a partition, 48 bytes each, by dense ids that are never used again. Chunks of 1,024
 * ids exist while one of them is open. */
#ifndef ENGINE_ENROLLMENTS_H
#define ENGINE_ENROLLMENTS_H
#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "calendar/instant.h"

enum { ENROLLMENTS_CHUNK = 1024 };
#define ENROLLMENT_NONE UINT32_MAX

enum enrollment_bits {
    ENROLLMENT_OPEN = 1,
    ENROLLMENT_FAILED = 2,  /* at an activate node: a destination gave up */
    ENROLLMENT_DONE = 4,    /* its node's work is done, no edge is drawn for the outcome */
    ENROLLMENT_HELD = 8,    /* something came during a hold: see holds.h */
    ENROLLMENT_BEFORE = 16, /* it stands on the edge before its node */
    ENROLLMENT_GOALS = 32,  /* and the two bits above: ledger_row.goals */
};
enum { ENROLLMENT_GOALS_SHIFT = 5 };

/* Instants and seqs in 48 bits: until the year 6429, and 2.8e14 rows. */
#define ENROLLMENT_INSTANT_NEVER ((INT64_C(1) << 47) - 1)

struct enrollment {
    uint32_t contact, next; /* the contact's next open one */
    uint16_t version;
    uint8_t node, bits;
    uint32_t visits;
    uint16_t pending;
    int64_t due_ms : 48;
    int64_t entered_ms : 48;
    int64_t arrived_ms : 48;
    uint64_t entered_seq : 48;
    uint64_t arrived_seq : 48;
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct enrollment) <= 48, "architecture.md §9");

static inline int64_t enrollment_due(const struct enrollment *e)
{
    return e->due_ms == ENROLLMENT_INSTANT_NEVER ? INSTANT_NEVER : e->due_ms;
}
static inline void enrollment_set_due(struct enrollment *e, int64_t due_ms)
{
    e->due_ms = due_ms < ENROLLMENT_INSTANT_NEVER ? due_ms : ENROLLMENT_INSTANT_NEVER;
}
static inline uint8_t enrollment_goals(const struct enrollment *e)
{
    return (uint8_t)(e->bits >> ENROLLMENT_GOALS_SHIFT);
}

struct enrollment_chunk;
struct enrollments {
    ARRAY(struct enrollment_chunk *) chunks; /* NULL = none of its ids is open */
    uint32_t open, chunks_made;
};

/* NULL where it is not open. */
struct enrollment *enrollments_find(const struct enrollments *all, uint32_t id);
/* Opens an id that is not open; zeroed but for ENROLLMENT_OPEN. */
struct enrollment *enrollments_open(struct enrollments *all, uint32_t id);
void enrollments_close(struct enrollments *all, uint32_t id);
/* The first open id at or after `from`; ENROLLMENT_NONE = no more. */
uint32_t enrollments_next(const struct enrollments *all, uint32_t from);
void enrollments_deinit(struct enrollments *all);
uint64_t enrollments_bytes(const struct enrollments *all);

/* Blocks: the open ones of a chunk. Decoding replaces what the chunk has. The holds stand in a block of their
 * own call. */
void enrollments_encode(const struct enrollments *all, uint32_t chunk, struct buf *out);
enum err enrollments_decode(struct enrollments *all, uint32_t chunk, struct reader *r,
                            struct err_detail *detail);

#endif
