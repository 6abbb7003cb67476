/* Where batches become durable, and where history is read. One contract over every database; no SQL above it.
 *
 * - A commit is taken in the order of calls. Atomic is the batch of one partition: its rows, its blocks and
 * its head, or nothing. A block is therefore never ahead of the ledger. Nothing is promised across
 * partitions.
 * - The fence: a batch is taken only where the partition's stored epoch is the batch's and its stored seq is
 *   `seq_before`. A batch that was taken already (stored seq = head.seq, same epoch) is answered COMMIT_DONE,
 * so the same immutable bytes may be committed again after COMMIT_RETRY or COMMIT_UNKNOWN.
 * - store_commit returns at once and calls `done` later, from any thread, in the order of commits. Everything
 * else blocks its caller and may be called from any thread beside commits.
 * - Reads see durable rows only. Rows handed to callbacks are borrowed for the duration of the call. A
 * callback that returns false ends the read (which is then ERR_OK). */
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include "base/err.h"
#include "engine/fact.h"

enum { STORE_FORMAT = 1, STORE_PARTITIONS = 16 };

#define COMMIT_TABLE(X)                                                                                      \
    X(DONE, "durable")                                                                                       \
    X(FENCED, "another owner has the partition: drop it")                                                    \
    X(RETRY, "nothing was taken (disk full, busy): the same bytes again")                                    \
    X(UNKNOWN, "taken or not: the same bytes again tell")                                                    \
    X(FAILED, "the store is broken: end the process")

enum commit_status {
#define X(name, text) COMMIT_##name,
    COMMIT_TABLE(X)
#undef X
};
const char *commit_status_name(enum commit_status status);

/* One status a batch, in the order given. `detail` says why where one is not COMMIT_DONE. */
typedef void store_commit_done(void *context, const enum commit_status *statuses, size_t count,
                               const struct err_detail *detail);

/* An operator action or another fact of the control plane (architecture.md §1). */
struct control_entry {
    uint64_t position; /* from 1 without gaps; given by the append */
    int64_t at_ms;
    struct str kind;  /* replay, name, publish, pause, resume, stop */
    struct str actor; /* who: a user's, token's or the system's name */
    struct str key;   /* Idempotency-Key; empty = none */
    struct str body;  /* JSON object */
};

/* An event or a ledger row, as a walk or a load meets it. Exactly one pointer is set. */
struct store_row {
    uint32_t partition;
    const struct event_row *event;
    const struct ledger_row *ledger;
};

/* What a reading wants of one partition: its rows in (after, to]. */
struct store_range {
    uint32_t partition;
    uint64_t after, to;
};

enum store_tables { STORE_EVENTS = 1, STORE_LEDGER = 2, STORE_EVENTS_AND_LEDGER = 3 };

/* An effect row of delivery's own, with the partition that it belongs to. */
struct store_effect {
    uint32_t partition;
    struct effect_row row;
};

typedef bool store_on_row(void *context, const struct store_row *row);
typedef bool store_on_effect(void *context, uint32_t partition, const struct effect_row *row);
typedef bool store_on_message(void *context, uint32_t partition, uint64_t message, int64_t received_ms);
typedef bool store_on_stat(void *context, const struct stat_row *row);
typedef bool store_on_block(void *context, const struct block *block);
typedef bool store_on_control(void *context, const struct control_entry *entry);

struct store;
struct store_calls {
    enum err (*claim)(struct store *, uint32_t partition, uint64_t *ret_epoch,
                      struct partition_head *ret_head, struct err_detail *);
    uint64_t (*seq_take)(struct store *, uint32_t partition, uint32_t count);
    void (*commit)(struct store *, const struct batch *const *batches, size_t count, store_commit_done *done,
                   void *context);
    void (*flush)(struct store *);
    enum err (*head)(struct store *, uint32_t partition, struct partition_head *ret, struct err_detail *);
    enum err (*blocks)(struct store *, uint32_t partition, store_on_block *, void *, struct err_detail *);
    enum err (*rows)(struct store *, const struct store_range *ranges, size_t count, enum store_tables,
                     store_on_row *, void *, struct err_detail *);
    enum err (*walk)(struct store *, uint32_t partition, uint64_t head, store_on_row *, void *,
                     struct err_detail *);
    enum err (*messages)(struct store *, int64_t since_ms, uint64_t seqs_max, store_on_message *, void *,
                         struct err_detail *);
    enum err (*effects)(struct store *, uint64_t after, store_on_effect *, void *, struct err_detail *);
    enum err (*effects_put)(struct store *, const struct store_effect *effects, size_t count,
                            struct err_detail *);
    enum err (*stats)(struct store *, uint32_t partition, struct stat_key key, int64_t quarter,
                      struct stat_row *ret, struct err_detail *);
    enum err (*stat_keys)(struct store *, uint32_t partition, uint16_t version, int64_t quarter,
                          store_on_stat *, void *, struct err_detail *);
    enum err (*control_append)(struct store *, const struct control_entry *, uint64_t *ret_position,
                               struct err_detail *);
    enum err (*control_after)(struct store *, uint64_t position, store_on_control *, void *,
                              struct err_detail *);
    uint64_t (*bytes)(const struct store *); /* NULL = 0 */
    void (*close)(struct store *);
};
struct store { /* first member of every implementation */
    const struct store_calls *calls;
    uint32_t partitions;
};

/* Takes the partition: a new epoch, durable before the answer, which fences every former owner. */
enum err store_claim(struct store *store, uint32_t partition, uint64_t *ret_epoch,
                     struct partition_head *ret_head, struct err_detail *detail);
/* `count` fresh consecutive seqs, greater than all that this partition ever got; the first of them. Not
 * durable: what is not used before a crash is given again. */
uint64_t store_seq_take(struct store *store, uint32_t partition, uint32_t count);
/* The batches must stay untouched until `done`. */
void store_commit(struct store *store, const struct batch *const *batches, size_t count,
                  store_commit_done *done, void *context);
/* Returns when every commit so far has been answered. */
void store_flush(struct store *store);
enum err store_head(struct store *store, uint32_t partition, struct partition_head *ret,
                    struct err_detail *detail);

/* Loading a partition: its blocks by (kind, number) ascending; then rows in (after, to], ascending by seq,
 * event and ledger rows merged. A damaged block (checksum) is ERR_CORRUPT and names it. */
enum err store_blocks(struct store *store, uint32_t partition, store_on_block *on_block, void *context,
                      struct err_detail *detail);
enum err store_rows(struct store *store, uint32_t partition, uint64_t after, uint64_t to,
                    store_on_row *on_row, void *context, struct err_detail *detail);
/* The same for several partitions, each with its own range and named once, in one pass over all of them:
 * ascending by seq whosever they are. Rows of other partitions in between cost a tenth of one that is wanted,
 * seqs that nobody wants nothing. */
enum err store_rows_of(struct store *store, const struct store_range *ranges, size_t count,
                       enum store_tables tables, store_on_row *on_row, void *context,
                       struct err_detail *detail);
/* One contact's rows from `head` back along `prev`, newest first. */
enum err store_walk(struct store *store, uint32_t partition, uint64_t head, store_on_row *on_row,
                    void *context, struct err_detail *detail);

/* The message ids of event rows of all partitions, ascending by seq: of those received at or after since_ms,
 * as far as they are among the newest seqs_max seqs. Earlier ones may come first. Finds its beginning by
 * halving, so rows must have been received in order of seq, as they are but for moments between partitions.
 */
enum err store_messages(struct store *store, int64_t since_ms, uint64_t seqs_max,
                        store_on_message *on_message, void *context, struct err_detail *detail);

/* Effect rows of all partitions with seq > after, ascending; and delivery's own rows (ATTEMPTED; their seqs
 * come from store_seq_take), all in one commit, durable when the call returns, whatever the partitions'
 * epochs. */
enum err store_effects(struct store *store, uint64_t after, store_on_effect *on_effect, void *context,
                       struct err_detail *detail);
enum err store_effects_put(struct store *store, const struct store_effect *effects, size_t count,
                           struct err_detail *detail);

/* The newest row of a key at or before a quarter (total 0 where there is none): a range is two of these. */
enum err store_stat(struct store *store, uint32_t partition, struct stat_key key, int64_t quarter,
                    struct stat_row *ret, struct err_detail *detail);
/* Every key of a version with its newest row at or before a quarter (INT64_MAX: its newest; total 0 where it
 * has none by then). */
enum err store_stat_keys(struct store *store, uint32_t partition, uint16_t version, int64_t quarter,
                         store_on_stat *on_stat, void *context, struct err_detail *detail);

/* Appends to the one ordered log, durable when it returns. An entry with a key that is there already is not
 * appended: its position is returned (ERR_OK), so a retried action acts once. */
enum err store_control_append(struct store *store, const struct control_entry *entry, uint64_t *ret_position,
                              struct err_detail *detail);
enum err store_control_after(struct store *store, uint64_t position, store_on_control *on_control,
                             void *context, struct err_detail *detail);

/* Memory that it holds: caches and what it has prepared. */
uint64_t store_bytes(const struct store *store);

/* Waits for the commits under way, then frees everything. */
void store_close(struct store *store);

#endif
