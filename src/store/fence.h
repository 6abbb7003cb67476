/* Whether a batch may be taken, the same in every store that keeps the fence in memory.
 *
 * A batch that was refused (RETRY, UNKNOWN) must come again before any later one of its partition: batches
 * are pipelined, and one that carries only blocks moves no seq, so seqs alone would let a later one pass it
 * by. */
#ifndef STORE_FENCE_H
#define STORE_FENCE_H
#include "engine/fact.h"

struct fence {
    uint64_t epoch;
    struct partition_head head;
    bool waits; /* for the batch below, before any other of this epoch */
    uint64_t waits_seq_before;
    size_t waits_rows;
    struct partition_head waits_head;
};

enum fence_verdict {
    FENCE_TAKE,  /* take it: the fence's head is now the batch's */
    FENCE_TAKEN, /* it was taken already */
    FENCE_OTHER, /* another owner has the partition */
    FENCE_WAIT,  /* one that was refused before it comes first */
};
enum fence_verdict fence_judge(struct fence *fence, const struct batch *batch);
/* The batch was refused: it is the next to be taken. */
void fence_refused(struct fence *fence, const struct batch *batch);
/* A new owner: its epoch. */
uint64_t fence_claim(struct fence *fence);

#endif
