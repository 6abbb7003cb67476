/* One transaction of the writer: whatever was queued, joined. Its steps run in the order of calls; either all
 * of it becomes durable or none, and then the fences stand where they stood before. One thread. */
#ifndef STORE_SQLITE_GROUP_H
#define STORE_SQLITE_GROUP_H
#include <sqlite3.h>

#include "store/store.h"

struct group;

/* Prepares everything on the writer's connection and reads the fences. */
enum err group_new(sqlite3 *db, uint32_t partitions, struct group **ret, struct err_detail *detail);
void group_free(struct group *group);

/* The newest seq and control position that the database holds. */
uint64_t group_seq_max(const struct group *group);

enum err group_begin(struct group *group, struct err_detail *detail);
/* The rows are written by group_end, from where they are. COMMIT_DONE (if the group ends well), FENCED or
 * RETRY. */
enum commit_status group_add_batch(struct group *group, const struct batch *batch);
void group_add_effects(struct group *group, const struct store_effect *effects, size_t count);
void group_claim(struct group *group, uint32_t partition, uint64_t *ret_epoch,
                 struct partition_head *ret_head);
enum err group_append_control(struct group *group, const struct control_entry *entry, uint64_t *ret_position,
                              struct err_detail *detail);
/* Writes and commits. ERR_OK: durable. ERR_FULL, ERR_BUSY: nothing happened, the group may be tried again.
 * Anything else: the database can't be relied on. */
enum err group_end(struct group *group, struct err_detail *detail);
/* After a failure of any step: as if the group had never begun. */
void group_abandon(struct group *group);
/* The batch was part of an abandoned group: no later one of its partition may pass it by. */
void group_refused(struct group *group, const struct batch *batch);

#endif
