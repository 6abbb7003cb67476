/* From a durable effect to its result, each handed over once:
 *
 *     outbox_open (after the partitions are loaded, before anything is committed) · outbox_define, one a
 *     destination · then, for ever:
 *         a batch was committed      → outbox_take(batch)
 *         outbox_deliver(now)        → results → INPUT_RESULT of a partition_step, whose batch comes by here
 * too
 *
 * - Before the first byte of an attempt leaves, its ATTEMPTED row is durable. An effect with such a row and
 *   without a closing one is *uncertain* at the next start: its destination is asked whether it has the key,
 *   and what it has is answered `sent` without being handed over again. One that cannot be asked leaves the
 *   effect *unknown*: it stays open, is listed for review (outbox_each, outbox_problem) and never repeated.
 * - The engine is the truth about what is open: it is asked at every hand-over, about a whole group at once.
 *   Held effects stay, those that are gone are dropped, for the engine closes them itself. A result that was
 * returned is not repeated before the next start, whatever becomes of it.
 * - An effect whose destination is not defined stays open and is listed, or fails: the caller says which. One
 *   that is uncertain stays in any case: whether it failed is not known.
 * - A destination that fails (disk full, …) keeps its effects; it is tried again after 1 s, 2 s, … 60 s.
 * - Memory: at most `held_max` effects, ~40 B each, and those attempted before. What cannot be held is read
 *   back from the store by seq; so are effects put aside for a cause that lasts (held, not defined, failing)
 *   where others need the room.
 * - One thread drives it, destinations included; it has no clock. After a pause was taken by a partition,
 *   what outbox_deliver is doing at that moment still goes out: answer the pause when it has returned. */
#ifndef DELIVERY_OUTBOX_H
#define DELIVERY_OUTBOX_H
#include "delivery/destination.h"
#include "delivery/handover.h"

enum {
    OUTBOX_HELD_MAX = 200000,          /* 8 MB: some seconds of the fastest destination's work */
    OUTBOX_GROUP_MAX = 1000,           /* effects a call hands over: one sync pays for them */
    OUTBOX_GROUP_BYTES_MAX = 16 << 20, /* of their contacts' attributes: a call ends soon after */
    OUTBOX_RETRY_MS_MIN = 1000,
    OUTBOX_RETRY_MS_MAX = 60000,
};

#define OUTBOX_STATE_TABLE(X)                                                                                \
    X(READY, ready)         /* to be handed over */                                                          \
    X(UNCERTAIN, uncertain) /* attempted; its destination is to be asked */                                  \
    X(RETURNED, returned)   /* its result was returned; the closing row has not come by */                   \
    X(HELD, held)           /* its version is paused with hold all */                                        \
    X(UNDEFINED, undefined) /* its destination is not defined */                                             \
    X(WAITING, waiting)     /* its destination failed and is tried again later */                            \
    X(UNKNOWN, unknown)     /* attempted, and its destination cannot be asked: for people to judge */

enum outbox_state {
#define X(name, key) OUTBOX_##name,
    OUTBOX_STATE_TABLE(X)
#undef X
        OUTBOX_STATES
};
const char *outbox_state_name(enum outbox_state state);

/* What becomes of effects whose destination is not defined. */
enum outbox_undefined { OUTBOX_KEEP, OUTBOX_FAIL };

struct outbox_options {
    struct store *store;
    uint64_t after;    /* nothing up to this seq is open: the least handover_after of the partitions */
    uint32_t held_max; /* 0 = OUTBOX_HELD_MAX */
    /* Answers every question, which are at most OUTBOX_GROUP_MAX; those of one partition stand together. What
     * the answers point to lives until the next call; when that is about OUTBOX_GROUP_BYTES_MAX the rest may
     * be HANDOVER_LATER, but not all. It may be called by outbox_open and outbox_deliver; it must not call
     * the outbox. */
    void (*ask)(void *context, struct handover_question *questions, size_t count);
    /* Called once after each `ask`, before anything is handed over and before outbox_deliver returns: comes
     * back when all that the answers rest on is durable. The attempts are committed between the two. NULL =
     * it was durable when it was answered. */
    void (*settle)(void *context);
    enum outbox_undefined (*undefined)(void *context, struct str destination); /* NULL = OUTBOX_KEEP */
    void *context;
};

struct outbox;

/* Reads what is open. The store outlives the outbox. */
enum err outbox_open(const struct outbox_options *options, struct outbox **ret, struct err_detail *detail);
/* Destinations stay the caller's, who closes them after the outbox. */
void outbox_close(struct outbox *outbox);

/* Takes the place of one of the same name, which is the caller's alone from here on; what waited for it or
 * for any cause is looked at again. */
void outbox_define(struct outbox *outbox, struct destination *destination);
void outbox_undefine(struct outbox *outbox, struct str name);
/* A version went on or was stopped: what is held is looked at again. */
void outbox_look_again(struct outbox *outbox);

/* The destination, which is defined, cannot be handed anything: as if a group had failed. */
void outbox_failed(struct outbox *outbox, struct str name, int64_t now_ms, const struct err_detail *cause);

/* The effect rows of a committed batch; of each partition every batch, in order. The rows are copied. */
void outbox_take(struct outbox *outbox, const struct batch *batch);
void outbox_take_row(struct outbox *outbox, uint32_t partition, const struct effect_row *row);

/* Instead of the rows of effects that were opened with a seq in [from, to]: they are read back when there is
 * room. Closings of such may be left out too. */
void outbox_take_missed(struct outbox *outbox, uint32_t partition, uint64_t from, uint64_t to);

struct outbox_result {
    uint32_t partition;
    struct result result;
    uint64_t effect;    /* seq of its opened row */
    const char *reason; /* with result.failed: static text */
};
/* Hands over what is ready, at most one group. The results are the outbox's until its next call. An error is
 * the store's: nothing was handed over and nothing is lost; the same call may be made again. */
enum err outbox_deliver(struct outbox *outbox, int64_t now_ms, const struct outbox_result **ret_results,
                        size_t *ret_count, struct err_detail *detail);
/* When outbox_deliver has something to do: INT64_MIN = at once, INSTANT_NEVER = nothing until something comes
 * in. */
int64_t outbox_next_ms(const struct outbox *outbox);

/* What keeps effects from a destination, one entry a destination and cause, for operators. */
struct outbox_problem {
    struct str destination;  /* lives as long as the outbox */
    enum outbox_state state; /* UNDEFINED, WAITING, UNKNOWN */
    uint64_t effects;        /* how many, put aside ones included */
    int64_t retry_ms;        /* WAITING: when it is tried again, else INSTANT_NEVER */
    struct err_detail cause; /* WAITING: why */
};
bool outbox_problem(const struct outbox *outbox, size_t index, struct outbox_problem *ret);

/* A destination that is defined, or that effects name, by its number from 0. */
struct outbox_view {
    struct str destination; /* lives as long as the outbox */
    bool defined, failing;
    uint64_t effects[OUTBOX_STATES]; /* put aside ones included, by their cause */
    uint64_t sent, failed;           /* results since the start */
    int64_t retry_ms;        /* failing: when it is tried again; INSTANT_NEVER = with the next effect */
    struct err_detail cause; /* failing: why */
};
bool outbox_view(const struct outbox *outbox, size_t number, struct outbox_view *ret);

/* Every effect in memory, by partition and seq; the callback returns false to end it. */
void outbox_each(const struct outbox *outbox,
                 bool (*on)(void *context, uint32_t partition, const struct effect_row *effect,
                            enum outbox_state state),
                 void *context);
uint64_t outbox_count(const struct outbox *outbox, enum outbox_state state); /* in memory */
/* Nothing is open that it knows of, in memory or in the store. */
bool outbox_is_empty(const struct outbox *outbox);
uint64_t outbox_bytes(const struct outbox *outbox); /* memory that it holds */

#endif
