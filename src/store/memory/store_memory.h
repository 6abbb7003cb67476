/* A store in memory for tests and the simulator: same contract, no disk, and it fails where it is told to.
 * What was committed outlives the store's users, not the process. Commits are answered when store_memory_run
 * says so, so that a test decides what was durable at a crash. */
#ifndef STORE_MEMORY_STORE_MEMORY_H
#define STORE_MEMORY_STORE_MEMORY_H
#include "store/store.h"

struct store *store_memory_new(uint32_t partitions);

/* With `manual`, commits wait in order until store_memory_run answers `count` of them (SIZE_MAX = all);
 * without (the default), each is taken and answered inside store_commit. */
void store_memory_set_manual(struct store *store, bool manual);
size_t store_memory_run(struct store *store, size_t count);
/* Commits that wait for it. */
size_t store_memory_waiting(struct store *store);
/* Drops the commits that wait, unanswered: what a crash does. */
void store_memory_crash(struct store *store);

/* The k-th call from now (1 = the next) of claim, commit, control_append, effects_put or a read fails: a
 * commit with `status` (with COMMIT_UNKNOWN the batches are taken or not by turns), anything else with
 * ERR_IO. 0 = none. */
void store_memory_fail_at(struct store *store, uint64_t k, enum commit_status status);

#endif
