/* All partitions at work at once: worker threads that each drive some of them by their mailboxes and by time,
 * and the commits of what they decide. This is the running server's heart; replay drives partitions by
 * itself.
 *
 *     any thread ── crew_post ──▶ mailbox ──▶ worker: partition_step ──▶ store_commit ──▶ mail's done
 *
 * A worker commits what its partitions have decided when their former batches are durable, so that commits
 * grow with load by themselves. A store that is full or busy is tried again with the same bytes, and
 * crew_stalled says so; a store that is broken ends everything through `on_broken`. */
#ifndef PARTITION_CREW_H
#define PARTITION_CREW_H
#include "partition/mailbox.h"

struct crew;

struct crew_options {
    struct store *store;
    struct control *control;
    uint32_t workers;                /* threads; partitions are dealt out in turn */
    int64_t (*clock)(void *context); /* UTC ms; called from the workers */
    void *clock_context;
    size_t room_bytes;       /* of records accepted and not yet durable; beyond, crew_room_take refuses */
    uint64_t dedupe_ids_max; /* message ids to know again, of all partitions together; 0 = none */
    /* Called on a worker when a batch is durable: delivery takes its effects here. NULL = none. */
    void (*on_durable)(void *context, const struct batch *batch);
    /* Called on a worker when the system has held a version, after that is in the control log. NULL = nobody
     * listens. */
    void (*on_alert)(void *context, const struct engine_alert *alert);
    /* Called once, from any thread, when the store has failed for good: end the process. */
    void (*on_broken)(void *context, const struct err_detail *detail);
    void *context;
};

/* Opens every partition (claims, loads) and reads which message ids have been taken. No thread runs before
 * crew_start. */
enum err crew_new(const struct crew_options *options, struct crew **ret, struct err_detail *detail);
/* Every partition takes first what the control log has and it has not: what a crash left half done. */
void crew_start(struct crew *crew);
/* Works off every mail that has been posted, makes a last checkpoint, waits until all is durable, ends the
 * threads. Nothing may be posted meanwhile. */
void crew_stop(struct crew *crew);
void crew_free(struct crew *crew); /* stopped, or never started */

/* The mail is taken by the partition's worker. */
void crew_post(struct crew *crew, uint32_t partition, struct mail *mail);
uint32_t crew_partitions(const struct crew *crew);
/* Only while no worker runs: between crew_new and crew_start. */
const struct partition *crew_partition(const struct crew *crew, uint32_t partition);

/* Room for records, process-wide, taken before a request is parted over partitions and given back when it is
 * answered: a request is taken whole or refused whole. */
bool crew_room_take(struct crew *crew, size_t bytes);
void crew_room_give(struct crew *crew, size_t bytes);
size_t crew_room_used(const struct crew *crew);
/* Another room_bytes from now on; what has been taken stays taken. Any thread. */
void crew_room_set(struct crew *crew, size_t bytes);

/* True while the store refuses commits (disk full): new records should be answered 503. */
bool crew_stalled(const struct crew *crew);
/* How long the oldest commit or change under way has been waiting for the disk; 0 = none is. */
int64_t crew_disk_waits_ms(const struct crew *crew);
/* The running sum of rows made durable, and of batches, for metrics. */
uint64_t crew_rows_durable(const struct crew *crew);

/* Message ids that are known, and for how long an id is sure to be: DEDUPE_WINDOW_MS, or less where there
 * were more than dedupe_ids_max. As of each partition's last step. */
uint64_t crew_dedupe_ids(const struct crew *crew);
int64_t crew_dedupe_window_ms(const struct crew *crew);
/* What the partitions hold, as of a second or two ago. Any thread. */
struct memory_use; /* base/memory.h */
void crew_weigh(const struct crew *crew, struct memory_use *use);

/* The control plane is one: whoever changes it (names, publishes, actions) holds the lock for writing,
 * whoever reads the plan or names outside a mail's `read` holds it for reading. Workers hold it for reading
 * while they step. A writer waits for other writers and for the disk, as long as that takes; readers wait for
 * neither (control_lock.h). */
void crew_control_write(struct crew *crew);
void crew_control_read(struct crew *crew);
void crew_control_unlock(struct crew *crew);

#endif
