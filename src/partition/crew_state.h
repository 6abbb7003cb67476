/* What a crew is, for the files that make it one: crew.c (the work of the threads) and crew_open.c (what is
 * there before them). */
#ifndef PARTITION_CREW_STATE_H
#define PARTITION_CREW_STATE_H
#include <stdatomic.h>

#include "base/memory.h"
#include "partition/control_lock.h"
#include "partition/crew.h"

/* One partition, as its worker sees it. */
struct post {
    struct partition *partition;
    struct mailbox box;       /* guarded by the worker's mutex */
    struct mail_list waiting; /* stepped, in order, each until its batch is durable */
    uint64_t taken, durable;  /* batches, counted from 1 */
    _Atomic uint64_t dedupe_ids;
    _Atomic int64_t dedupe_lost_ms;
    _Atomic uint64_t memory[MEMORY_KINDS];
    int64_t weighed_ms; /* by the monotonic clock; 0 = never */
    bool to_weigh;      /* something has happened since */
};

/* One call of store_commit. */
struct job {
    struct worker *worker;
    const struct batch *batches[STORE_PARTITIONS];
    struct post *posts[STORE_PARTITIONS];
    enum commit_status statuses[STORE_PARTITIONS];
    size_t count;
    struct err_detail detail;
};

struct worker {
    struct crew *crew;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct post *posts[STORE_PARTITIONS];
    size_t post_count;
    bool stopping;                 /* guarded, like the next two */
    bool mail;                     /* something was posted since the last look */
    bool answered;                 /* the store has answered the commit under way */
    _Atomic int64_t away_since_ms; /* by the monotonic clock; 0 = nothing is away */
    struct job *away;           /* the commit under way: one, so that a refused one has nothing behind it */
    ARRAY(struct input) inputs; /* of the step being put together: the worker's own */
};

struct crew {
    struct crew_options options;
    struct post posts[STORE_PARTITIONS];
    uint32_t partitions;
    struct worker *workers;
    bool started;
    struct control_lock control_lock;
    _Atomic size_t room_used, room_max;
    _Atomic bool stalled, broken;
    _Atomic uint64_t rows_durable;
};

static inline struct worker *crew_worker(struct crew *crew, uint32_t partition)
{
    return &crew->workers[partition % crew->options.workers];
}

/* What metrics read while the partition is at work. `stepped`: something may have changed. */
void crew_tell_figures(struct post *post, bool stepped);

#endif
