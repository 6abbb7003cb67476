/* Delivery at work: one thread that owns the outbox and every destination, beside the crew's workers.
 *
 *     worker  ── dispatch_take ──▶ inbox ──▶ round: outbox_take, outbox_deliver
 *             ◀─── reads: whether an effect still stands ───┤
 *             ◀─── INPUT_RESULT: sent or failed ────────────┘
 *
 * - Whatever leaves is durable: the batches that opened it are, and so is all that a partition answers to a
 *   read.
 * - Orders are worked off between two rounds. When an order's `done` is called, the round that was under way
 *   when it was posted has ended: with a version that every partition has paused before, nothing of it leaves
 *   any more.
 * - A worker never waits for a destination: dispatch_take copies and returns. What comes in while a
 * destination does not return is held up to a limit; the store has the rest.
 * - A store that is full or busy is tried again; one that is broken goes to on_broken.
 *
 *     crew_new · dispatch_new · dispatch_define … · crew_start, dispatch_start · … · dispatch_stop ·
 * crew_stop · dispatch_free · crew_free
 *
 * What a round has sent is a mail to its partition before the round ends, and the crew works off every mail
 * before it stops: after an orderly end nothing is uncertain. */
#ifndef DELIVERY_DISPATCH_H
#define DELIVERY_DISPATCH_H
#include "delivery/outbox.h"
#include "partition/crew.h"

struct dispatch;

enum { DISPATCH_INBOX_MAX = 500000 }; /* 60 MB, where a destination's disk does not answer for long */

struct dispatch_options {
    struct store *store;
    struct crew *crew; /* loaded, not started */
    const struct control *control;
    uint32_t inbox_max; /* rows that wait for a round to end; the rest is read back; 0 = DISPATCH_INBOX_MAX */
    int64_t (*clock)(void *context); /* UTC ms; called from the dispatcher's thread */
    void *clock_context;
    /* Called on the dispatcher's thread when a destination begins to fail (why), and when it takes what it is
     * handed again (NULL). NULL = nobody listens. */
    void (*on_problem)(void *context, struct str destination, const struct err_detail *cause);
    /* Called once, when the store has failed for good: end the process. */
    void (*on_broken)(void *context, const struct err_detail *detail);
    void *context;
};

/* Reads what is open. Destinations are defined before dispatch_start, or later by orders. */
enum err dispatch_new(const struct dispatch_options *options, struct dispatch **ret,
                      struct err_detail *detail);
/* Takes the place of one of the same name. Where it can't be opened it is failing from the start. */
void dispatch_define(struct dispatch *dispatch, const struct destination_settings *settings);
/* Defines what the control log has. One that may no longer be where it is to be stays undefined, and
 * on_problem is told why. */
enum err dispatch_load(struct dispatch *dispatch, const struct destination_places *places,
                       struct err_detail *detail);
/* Without `delivers` it follows orders and hands nothing over. */
void dispatch_start(struct dispatch *dispatch, bool delivers);
/* Ends the round that is under way and works off the orders; the crew still runs. Nothing may be posted
 * meanwhile. */
void dispatch_stop(struct dispatch *dispatch);
void dispatch_free(struct dispatch *dispatch); /* stopped, or never started */

/* crew_options.on_durable; any thread. */
void dispatch_take(struct dispatch *dispatch, const struct batch *batch);

enum dispatch_order_kind {
    DISPATCH_BARRIER,    /* nothing but the moment between two rounds */
    DISPATCH_LOOK_AGAIN, /* a version went on or was stopped: what is held is looked at again */
    DISPATCH_DEFINE,
    DISPATCH_UNDEFINE,
};
/* Belongs to whoever posted it, and lives with what it points to until its `done` has been called on the
 * dispatcher's thread, which may free it. */
struct dispatch_order {
    struct dispatch_order *next;
    enum dispatch_order_kind kind;
    const struct destination_settings *settings; /* DEFINE; placed */
    struct str name;                             /* UNDEFINE */
    void (*done)(struct dispatch_order *order);
};
void dispatch_post(struct dispatch *dispatch, struct dispatch_order *order);

/* What is seen of it: as of the end of the last round or order. Any thread. */
struct dispatch_figures {
    uint64_t effects[OUTBOX_STATES]; /* open, in memory */
    uint64_t sent, failed;           /* results since the start */
    uint64_t bytes;                  /* memory: the outbox, and what comes in */
};
struct dispatch_figures dispatch_figures(struct dispatch *dispatch);
/* By number from 0; false beyond the last. The name lives as long as the dispatch. */
bool dispatch_view(struct dispatch *dispatch, size_t number, struct outbox_view *ret);
/* By name; where no effect has named it and it is not defined, false. */
bool dispatch_find(struct dispatch *dispatch, struct str name, struct outbox_view *ret);

#endif
