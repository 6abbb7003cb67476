/* The outbox's inside, shared by its own files only.
 *
 *     outbox.c        what goes out: asking, attempts, groups, results
 *     outbox_held.c   the open effects in memory, and their states
 *     outbox_read.c   what comes in: the store at start, committed batches, what had no room
 *
 * Of each partition the open effects stand in a row by seq. Those up to `read_to` were looked at; beyond it,
 * while the queue is `behind`, they are only in the store:
 *
 *     opened rows in the store   1 2 3 4 5 6 7 8 9          taken = 9: all that was committed
 *     in memory                  1 3 6                      read_to = 6, behind: 7 8 9 are read back
 *
 * Putting aside moves read_to back to before the first that was put aside (`aside_from`) once its cause may
 * be gone; the engine is asked about what is met a second time. */
#ifndef DELIVERY_OUTBOX_STATE_H
#define DELIVERY_OUTBOX_STATE_H
#include "base/check.h"
#include "base/map.h"
#include "delivery/outbox.h"

enum { ITEM_GONE = OUTBOX_STATES }; /* its place is taken out when many are gone */

struct item {
    uint64_t effect;
    int64_t at_ms;
    uint32_t contact, enrollment, visit;
    uint16_t version;
    uint16_t target, operation; /* numbers in the outbox's tables */
    uint8_t node, destination;
    uint8_t state;  /* enum outbox_state, or ITEM_GONE */
    bool attempted; /* its row is durable */
};

struct queue {
    ARRAY(struct item) items; /* by effect */
    size_t gone;              /* items that are */
    size_t next;              /* no item before it is READY */
    size_t sorted;            /* those in front that are; fewer than all only while items are read back */
    bool behind;
    uint64_t read_to, taken;
    uint64_t aside_from; /* UINT64_MAX = nothing is put aside */
};

struct target { /* a destination by its name, defined or not */
    struct str name;
    struct destination *destination; /* NULL = not defined */
    uint64_t counts[OUTBOX_STATES];
    uint64_t aside[OUTBOX_STATES]; /* put aside, by the cause at the time */
    uint64_t to_repeat;            /* READY or WAITING, and attempted before */
    uint64_t sent, failed;         /* results */
    int64_t retry_ms;              /* INSTANT_NEVER = it has not failed */
    int64_t pause_ms;              /* between the last two tries */
    struct err_detail failure;
};

/* One to be handed over, or to be asked about. */
struct pick {
    uint32_t partition;
    size_t index; /* in its queue */
    uint16_t target;
    size_t order; /* in which they were picked */
    struct handover handover;
    char key[EFFECT_KEY_BYTES];
};

struct outbox {
    struct outbox_options options;
    struct arena arena; /* names */
    ARRAY(struct target) targets;
    struct map target_map;
    ARRAY(struct str) operations;
    uint32_t partitions;
    struct queue *queues;
    uint64_t counts[OUTBOX_STATES];
    uint64_t count; /* in memory, of any state */
    uint32_t turn;  /* the partition that is first next time */
    uint32_t group_max;
    /* of one call */
    struct arena scratch;
    ARRAY(struct handover_question) questions;
    ARRAY(size_t) asked; /* what each question is about: an index in its partition's queue */
    ARRAY(struct pick) picks;
    ARRAY(struct activation) activations;
    ARRAY(struct store_effect) attempts;
    ARRAY(struct outbox_result) results;
};

/* ── outbox_held.c ────────────────────────────────────────────────────────── */

uint16_t outbox_target(struct outbox *outbox, struct str name); /* made where it is new */
static inline struct target *outbox_target_of(struct outbox *outbox, const struct item *item)
{
    return &outbox->targets.items[item->target];
}
void outbox_add(struct outbox *outbox, uint32_t partition, const struct effect_row *opened,
                enum outbox_state state, bool attempted);
/* False where it is not in memory. */
bool outbox_find(const struct outbox *outbox, uint32_t partition, uint64_t effect, size_t *ret_index);
void outbox_set(struct outbox *outbox, uint32_t partition, size_t index, enum outbox_state state);
void outbox_note_attempt(struct outbox *outbox, uint32_t partition, size_t index);
void outbox_remove(struct outbox *outbox, uint32_t partition, size_t index);
struct effect_row outbox_row(const struct outbox *outbox, const struct item *item);
/* All in a state into another one, of one target or of all (TARGET_ALL). */
enum { TARGET_ALL = UINT16_MAX };
void outbox_move_all(struct outbox *outbox, enum outbox_state from, enum outbox_state to, uint16_t target);
/* Whether there is room for one more; those whose cause lasts make it, but for the first few of a target. */
bool outbox_make_room(struct outbox *outbox);
/* What was put aside is to be read back. */
void outbox_fetch_aside(struct outbox *outbox);
void outbox_sort(struct queue *queue);
void outbox_tidy(struct queue *queue); /* takes the gone out where they are many; indexes change */

/* Until all that the last answers rest on is durable. */
static inline void outbox_settle(struct outbox *outbox)
{
    if (outbox->options.settle)
        outbox->options.settle(outbox->options.context);
}

/* ── outbox_read.c ────────────────────────────────────────────────────────── */

enum err outbox_read(struct outbox *outbox, struct err_detail *detail); /* at start */
bool outbox_wants_refill(const struct outbox *outbox);
enum err outbox_refill(struct outbox *outbox, struct err_detail *detail); /* where it is wanted */

#endif
