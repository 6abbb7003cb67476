/* What an engine decides, as rows: the only thing a store keeps and the only thing that changes an engine's
 * memory (decide → ledger → apply). A batch is what one partition commits at once; once decided it is
 * immutable.
 *
 * `seq` numbers event, ledger and effect rows of all tables alike: rising within a partition, gaps allowed,
 * from 1. `prev` is the same contact's former event or ledger row (0 = none): history and trace are one walk.
 * Instants are UTC ms; INSTANT_NEVER = none. */
#ifndef ENGINE_FACT_H
#define ENGINE_FACT_H
#include "base/arena.h"
#include "base/array.h"
#include "base/str.h"
#include "calendar/instant.h"

/* ── event rows: every change that comes from outside, and those that `update` nodes make ─────────────────
 */

#define EVENT_KIND_TABLE(X)                                                                                  \
    X(TRACK, track)       /* something the contact did: name, properties */                                  \
    X(IDENTIFY, identify) /* attributes as JSON object; null removes */                                      \
    X(UPDATE, update)     /* the same, made by a node */                                                     \
    X(HISTORY, history)   /* a track that was imported: it counts, and moves nobody */                       \
    X(ENROLL, enroll)     /* the API asked for the contact to enter a journey */

enum event_kind {
#define X(name, key) EVENT_##name,
    EVENT_KIND_TABLE(X)
#undef X
        EVENT_KINDS
};
const char *event_kind_name(enum event_kind kind);
/* Something that was done, live or imported, by the contact or for it: it has properties and counts in the
 * past. */
static inline bool event_is_deed(uint8_t kind)
{
    return kind == EVENT_TRACK || kind == EVENT_HISTORY || kind == EVENT_ENROLL;
}

struct event_row {
    uint64_t seq, prev;
    uint64_t message;    /* hash of (contact, message id); 0 = none given */
    int64_t at_ms;       /* its own time, never after received_ms */
    int64_t received_ms; /* when it was judged */
    uint32_t contact;
    uint16_t name; /* id in event/names.h; 0 = no name (identify), or over the limit of names: see body; of
                    * an enroll the plan's number of the journey + 1 */
    uint8_t kind;
    struct str created; /* the external id, where this row creates the contact; else empty */
    struct str body; /* JSON object; empty = {}. Of a deed without name id {"event":…,"properties":{…}} */
};

/* ── ledger rows: one an advance, from one rest to the next ───────────────────────────────────────────────
 */

enum ledger_flags {
    LEDGER_ENTERS = 1, /* the enrollment begins with this row */
    LEDGER_MOVES = 2,  /* it arrived at `node` by this row (arrival instant and seq are this row's) */
    LEDGER_LEAVES = 4, /* it ends with this row, at `node`, for `reason` */
    LEDGER_BEFORE = 8, /* it stands (or left) on the edge before `node` */
    LEDGER_CONTROL =
        16, /* no enrollment: the partition took control entry -cause; version = the one it is about */
    LEDGER_HELD = 32,  /* what came during a hold was remembered in `detail`; nothing moved */
    LEDGER_BARS = 64,  /* with LEAVES: this passage counts for re-entry */
    LEDGER_DONE = 128, /* its node's work is done and no edge is drawn for the outcome: it stays for good */
    LEDGER_OFF_EDGE =
        256, /* it stood on the edge before its node until this row, and has arrived there now */
};

struct passage { /* node left through outcome; numbers of the version's definition */
    uint8_t node, outcome;
};

/* The enrollment's whole state after the row: applying it is overwriting. */
struct ledger_row {
    uint64_t seq, prev;
    int64_t at_ms;
    int64_t due_ms; /* when its node's own timer fires; INSTANT_NEVER = none */
    int64_t cause;  /* > 0: seq of the event or effect row; < 0: minus the control position; 0: time */
    uint32_t contact;
    uint32_t enrollment;
    uint16_t version; /* the engine's number of the version (order of publishing, from 0) */
    uint16_t flags;
    uint8_t node;
    uint8_t reason;   /* enum leave_reason, with LEDGER_LEAVES */
    uint8_t which;    /* the goal's or exit rule's number, with reason goal or exit_rule */
    uint8_t goals;    /* bit g: contact-rule goal g has been false since the entry, so it may be reached */
    uint32_t visits;  /* nodes arrived at so far: numbers the visit for effect keys */
    uint16_t pending; /* bit d: destination d of the activate node has not answered */
    uint8_t failed;   /* at an activate node: a destination gave up */
    uint16_t path_count;
    const struct passage *path;
    double value;      /* with reason goal: the goal's value property, else 0 */
    struct str detail; /* JSON for people and for holds; empty = none */
};

/* ── effect rows ──────────────────────────────────────────────────────────────────────────────────────────
 */

#define EFFECT_KIND_TABLE(X)                                                                                 \
    X(OPENED, opened)       /* to be handed over */                                                          \
    X(ATTEMPTED, attempted) /* durable before the first byte of an attempt leaves (written by delivery) */   \
    X(SENT, sent)           /* closed: the destination took it */                                            \
    X(FAILED, failed)       /* closed: it gave up */                                                         \
    X(CANCELLED, cancelled) /* closed: the enrollment left before the hand-over */                           \
    X(UNKNOWN, unknown)     /* closed: a crash between send and record, at one that honours no keys */

enum effect_kind {
#define X(name, key) EFFECT_##name,
    EFFECT_KIND_TABLE(X)
#undef X
        EFFECT_KINDS
};
const char *effect_kind_name(enum effect_kind kind);

/* Its idempotency key is (partition, enrollment, node, visit, destination); effect_key prints it. */
struct effect_row {
    uint64_t seq;
    uint64_t effect; /* seq of its opened row (its own for OPENED) */
    int64_t at_ms;
    uint32_t contact, enrollment;
    uint32_t visit;
    uint16_t version;
    uint8_t kind, node;
    uint8_t destination;                    /* number among the node's destinations */
    struct str destination_name, operation; /* of OPENED; else empty */
};

/* ── running totals ───────────────────────────────────────────────────────────────────────────────────────
 */

#define STAT_TABLE(X)                                                                                        \
    X(QUALIFIED, qualified)                                                                                  \
    X(HELD_OUT, held_out)                                                                                    \
    X(ENTERED, entered)                                                                                      \
    X(CARRIED_IN, carried_in)                                                                                \
    X(NODE_ENTERED, node_entered)                                                                            \
    X(MOVED, moved) X(LEFT, left) X(LEFT_BEFORE, left_before) X(GOAL, goal) X(EXIT, exit) X(EFFECT, effect)

/* outcome: of MOVED the outcome's number, of LEFT and LEFT_BEFORE the reason, of GOAL and EXIT the rule's
 * number, of EFFECT the effect_kind; else 0. node: STAT_JOURNEY for the first four. */
enum stat_kind {
#define X(name, key) STAT_##name,
    STAT_TABLE(X)
#undef X
        STAT_KINDS
};
const char *stat_kind_name(enum stat_kind kind);
enum { STAT_JOURNEY = 255 };

struct stat_key {
    uint16_t version;
    uint8_t node, kind, outcome;
};
struct stat_row {
    struct stat_key key;
    int64_t quarter; /* instant / QUARTER_MS, rounded down */
    int64_t total;   /* since the beginning, at the end of that quarter */
    double value;    /* of GOAL: the sum of values */
};

/* ── blocks and the head ──────────────────────────────────────────────────────────────────────────────────
 */

#define BLOCK_TABLE(X) X(CONTACTS, contacts) X(PAST, past) X(ENROLLMENTS, enrollments) X(TOTALS, totals)
enum block_kind {
#define X(name, key) BLOCK_##name,
    BLOCK_TABLE(X)
#undef X
        BLOCK_KINDS
};
const char *block_kind_name(enum block_kind kind);

struct block { /* what 1,024 consecutive ids are after row `seq`; replaces the former of (kind, number) */
    uint64_t seq;
    uint32_t number; /* first id / 1,024 */
    uint8_t kind;
    struct str body;
};

/* The partition row: everything that one commit moves on besides its rows. */
struct partition_head {
    uint64_t seq;     /* of its newest row */
    int64_t now_ms;   /* the instant it stands at */
    bool now_open;    /* inputs of now_ms may still come: its timers due exactly then have not fired */
    uint64_t control; /* the last control entry taken */
    uint64_t input;   /* the last input record taken (replay: number in time order, from 1) */
    uint64_t horizon; /* rows up to here are in blocks */
    uint32_t contacts, enrollments; /* next ids */
};

struct batch {
    uint32_t partition;
    uint64_t epoch;
    uint64_t seq_before; /* of the head it builds on: the fence */
    struct partition_head head;
    ARRAY(struct event_row) events;
    ARRAY(struct ledger_row) ledger;
    ARRAY(struct effect_row) effects;
    ARRAY(struct stat_row) stats;
    ARRAY(struct block) blocks;
    struct arena bytes; /* every str and path of the rows lives here */
};

static inline size_t batch_rows(const struct batch *b)
{
    return b->events.count + b->ledger.count + b->effects.count + b->stats.count + b->blocks.count;
}
void batch_clear(struct batch *batch); /* empties it, keeping its memory */
void batch_deinit(struct batch *batch);
uint64_t batch_bytes(const struct batch *batch); /* the memory it keeps */

enum { EFFECT_KEY_BYTES = 80 };
/* `p-enrollment-node-visit-destination`, the same for ever: what a destination sees as the idempotency key.
 */
void effect_key(uint32_t partition, const struct effect_row *effect, char ret_key[EFFECT_KEY_BYTES]);

#endif
