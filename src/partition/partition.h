/* One partition at work: its engine, the batch it is deciding, its blocks, and what it needs from the store
 * to start again. One thread drives it. Steps decide into the open batch; nothing of a batch may leave the
 * process before the store has answered COMMIT_DONE for it.
 *
 *     partition_step … partition_step → partition_take_batch → store_commit → partition_batch_done
 *
 * Several batches may be on their way; they are committed in the order taken. */
#ifndef PARTITION_PARTITION_H
#define PARTITION_PARTITION_H
#include "partition/control.h"
#include "partition/dedupe.h"

struct partition;

/* Answers an effect the moment it is opened, as part of the input or timer that opened it: true =
 * `ret_failed` says how. Replay is a closed world and answers everything; a server answers nothing here. */
typedef bool partition_answer(void *context, const struct effect_row *effect, bool *ret_failed);

struct partition_options {
    uint32_t id;
    struct store *store;
    struct control *control;
    partition_answer *answer; /* NULL = effects wait for INPUT_RESULT */
    void *answer_context;
    bool late_tolerance;
    bool read_only;          /* no claim, no steps: for reads of a directory that another process owns */
    uint32_t dedupe_ids_max; /* message ids to know again; 0 = every record is taken */
    uint32_t cycle_rows;     /* begin a block cycle after so many rows; 0 = 100,000 */
    uint32_t cycle_blocks;   /* of it are made so many after each step; 0 = 8 */
};

/* Claims and loads: blocks, rows after the horizon, back-fills. Takes the control entries that it has not
 * taken with the next step (partition_step does that by itself, before its inputs). */
enum err partition_open(const struct partition_options *options, struct partition **ret,
                        struct err_detail *detail);
/* The same for up to STORE_PARTITIONS of one store with one reading of the rows of all of them: all of them
 * or none, in the order of the options. */
enum err partition_open_all(const struct partition_options *options, size_t count, struct partition **ret,
                            struct err_detail *detail);
/* Nothing may be on its way. What is decided but not taken is lost, as in a crash. */
void partition_close(struct partition *partition);
struct memory_use; /* base/memory.h */
/* On the thread that drives it. */
void partition_weigh(const struct partition *partition, struct memory_use *use);

/* Fills what each knows of message ids from the store's rows of the last 24 hours, in one reading for all of
 * them: once, after they have been opened, and before any step; none will be before now_ms. It goes back
 * dedupe_ids_max seqs for each and as many again, so that a start costs no more than that, about a
 * microsecond a row. */
enum err partition_remember(struct partition *const *partitions, uint32_t count, int64_t now_ms,
                            struct err_detail *detail);

/* Settles the instant now_ms: timers due before it, the inputs in order, and with `last` the timers due
 * exactly then (without, more inputs of the same instant will come). Actions of the control log up to
 * `control_to` that it has not taken are taken after the timers, before the inputs. Inputs whose number the
 * partition has taken already are skipped, and so are records whose message id it knows. now_ms below the
 * partition's own is set to that. ERR_IO and others: the store failed (back-fill); end the process. */
enum err partition_step(struct partition *partition, int64_t now_ms, uint64_t control_to,
                        const struct input *inputs, size_t count, bool last, struct err_detail *detail);
/* The beginning of a step whose rest comes with partition_step at the same instant or a later one, in two
 * parts, so that what several partitions want of the past is read once for all: each acts (timers due before
 * now_ms, then actions up to `control_to`), then those that want the past get it. Nothing else may be asked
 * of a partition between the two. */
enum err partition_act(struct partition *partition, int64_t now_ms, uint64_t control_to,
                       struct err_detail *detail);
enum err partition_backfill(struct partition *const *partitions, size_t count, struct err_detail *detail);
/* Fires every timer due at or before until_ms, in order, each at its own instant. */
enum err partition_run_until(struct partition *partition, int64_t until_ms, struct err_detail *detail);
int64_t
partition_next_timer(const struct partition *partition); /* an instant not after the next; INSTANT_NEVER */

/* The rows decided since the last take; NULL where there is nothing to commit. Immutable from here on; the
 * partition goes on deciding into another. */
const struct batch *partition_take_batch(struct partition *partition);
size_t partition_open_rows(const struct partition *partition);
/* The store has answered COMMIT_DONE for the oldest batch taken: its memory is used again. */
void partition_batch_done(struct partition *partition, const struct batch *batch);

/* Ends the running block cycle and makes another whole one into the open batch, with totals: the next start
 * reads no rows. */
void partition_checkpoint(struct partition *partition);

uint32_t partition_id(const struct partition *partition);
const struct engine *partition_engine(const struct partition *partition);
const struct partition_head *
partition_head(const struct partition *partition);                        /* as decided, not as durable */
const struct dedupe *partition_dedupe(const struct partition *partition); /* NULL = off */
bool partition_take_alert(struct partition *partition, struct engine_alert *ret);

/* Which partition a contact belongs to. */
static inline uint32_t partition_of(uint64_t contact_hash, uint32_t partitions)
{
    return (uint32_t)((contact_hash >> 40) % partitions);
}

#endif
