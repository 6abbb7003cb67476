/* For tests: what a partition knows, and what a store holds of it, as texts that are equal where the two are.
 */
#ifndef PARTITION_STATE_TEXT_TEST_H
#define PARTITION_STATE_TEXT_TEST_H
#include "partition/partition.h"

/* Everything that decides about the future: head, versions, contacts, past, enrollments, holds, totals. */
void state_text(struct buf *text, const struct engine *engine, const struct plan *plan);
/* The event, ledger and effect rows of partition 0. Seqs are replaced by their rank among them, so that gaps
 * make no difference. */
void ledger_text(struct buf *text, struct store *store);
/* Every total at the end of every seventh quarter of an hour between the two instants, and at the end. */
void figures_text(struct buf *text, struct store *store, const struct plan *plan, int64_t from_ms,
                  int64_t to_ms);

#endif
