/* Brings what partitions decide to the store: one commit over all of them at a time, two on their way, so
 * that engines decide the next while the store writes the last. Knows how to wait while a disk is full. One
 * thread. */
#ifndef CLI_COMMITS_H
#define CLI_COMMITS_H
#include "cli/command.h"
#include "partition/partition.h"

struct commits;

/* `name` stands in messages (the data directory). Everything is borrowed. */
struct commits *commits_new(const struct environment *environment, const char *name, struct store *store,
                            struct partition *const *partitions, uint32_t count);
/* Waits for what is on its way. */
void commits_free(struct commits *commits);

/* Takes the open batch of every partition and hands them over together; waits where two commits are on their
 * way. After a failure, which is told in `detail`, the partitions are of no more use: what is durable is
 * whole, so the process may end and start again. */
enum err commits_put(struct commits *commits, struct err_detail *detail);
/* Returns when everything put is durable. */
enum err commits_flush(struct commits *commits, struct err_detail *detail);
/* Whether anything has been put. */
bool commits_any(const struct commits *commits);

#endif
