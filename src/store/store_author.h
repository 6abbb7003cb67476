/* For tests: someone who owns a partition and decides batches that differ in every field, and texts of what a
 * store holds, so that two of them are compared by one assertion. */
#ifndef STORE_STORE_AUTHOR_H
#define STORE_STORE_AUTHOR_H
#include "base/buf.h"
#include "base/prng.h"
#include "store/store.h"

struct author {
    struct store *store;
    uint32_t partition;
    uint64_t epoch;
    struct partition_head head; /* as decided */
    uint64_t last_row;          /* newest row of its one contact's chain */
    struct prng prng;
};

/* Claims the partition. */
void author_begin(struct author *author, struct store *store, uint32_t partition);

/* A batch with so many event, ledger and effect rows (in turns), stat rows and blocks; it moves the author's
 * head. */
struct batch_shape {
    uint32_t events, ledger, effects, stats, blocks;
};
struct batch *author_decide(struct author *author, struct batch_shape shape);
void author_discard(struct batch *batch);

/* Commits one batch and waits for its status. */
enum commit_status author_commit(struct author *author, const struct batch *batch);

/* ── texts ──────────────────────────────────────────────────────────────────── */

void text_of_event(struct buf *text, const struct event_row *row);
void text_of_ledger(struct buf *text, const struct ledger_row *row);
void text_of_effect(struct buf *text, uint32_t partition, const struct effect_row *row);
void text_of_stat(struct buf *text, const struct stat_row *row);
void text_of_block(struct buf *text, const struct block *block);
void text_of_head(struct buf *text, const struct partition_head *head);

/* Everything a store holds of a partition: head, rows, blocks. The store's own error where it fails. */
enum err text_of_partition(struct buf *text, struct store *store, uint32_t partition,
                           struct err_detail *detail);
/* The event and ledger rows of a batch in order of seq. */
void text_of_batch_rows(struct buf *text, const struct batch *batch);
/* The text, terminated. */
const char *text_end(struct buf *text);

#endif
