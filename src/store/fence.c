#include "store/fence.h"

static bool heads_equal(const struct partition_head *a, const struct partition_head *b)
{
    return a->seq == b->seq && a->now_ms == b->now_ms && a->now_open == b->now_open &&
           a->control == b->control && a->input == b->input && a->horizon == b->horizon &&
           a->contacts == b->contacts && a->enrollments == b->enrollments;
}

/* By content, since an owner may keep the same bytes at another address. */
static bool is_awaited(const struct fence *fence, const struct batch *batch)
{
    return fence->waits_seq_before == batch->seq_before && fence->waits_rows == batch_rows(batch) &&
           heads_equal(&fence->waits_head, &batch->head);
}

enum fence_verdict fence_judge(struct fence *fence, const struct batch *batch)
{
    if (batch->epoch != fence->epoch)
        return FENCE_OTHER;
    if (fence->waits && !is_awaited(fence, batch))
        return FENCE_WAIT;
    fence->waits = false;
    if (fence->head.seq == batch->seq_before) {
        fence->head = batch->head;
        return FENCE_TAKE;
    }
    return fence->head.seq == batch->head.seq ? FENCE_TAKEN : FENCE_OTHER;
}

void fence_refused(struct fence *fence, const struct batch *batch)
{
    if (fence->waits || batch->epoch != fence->epoch)
        return;
    fence->waits = true;
    fence->waits_seq_before = batch->seq_before;
    fence->waits_rows = batch_rows(batch);
    fence->waits_head = batch->head;
}

uint64_t fence_claim(struct fence *fence)
{
    fence->waits = false;
    return ++fence->epoch;
}
