#include "delivery/outbox_state.h"

/* One that is open no more; false where it is not in memory. */
static bool close_item(struct outbox *outbox, uint32_t partition, uint64_t effect)
{
    size_t index;
    if (!outbox_find(outbox, partition, effect, &index))
        return false;
    outbox_remove(outbox, partition, index);
    outbox_tidy(&outbox->queues[partition]);
    return true;
}

/* One more that is open, or that there is one more to be read back. */
static void open_item(struct outbox *outbox, uint32_t partition, const struct effect_row *row)
{
    struct queue *queue = &outbox->queues[partition];
    queue->taken = row->seq;
    if (!queue->behind && outbox_make_room(outbox)) {
        outbox_add(outbox, partition, row, OUTBOX_READY, false);
    } else if (!queue->behind) {
        queue->behind = true;
        queue->read_to = row->seq - 1;
    }
}

void outbox_take(struct outbox *outbox, const struct batch *batch)
{
    array_each (&batch->effects, i)
        outbox_take_row(outbox, batch->partition, &batch->effects.items[i]);
}

void outbox_take_row(struct outbox *outbox, uint32_t partition, const struct effect_row *row)
{
    if (row->kind == EFFECT_OPENED)
        open_item(outbox, partition, row);
    else if (row->kind != EFFECT_ATTEMPTED)
        (void)close_item(outbox, partition, row->effect);
}

void outbox_take_missed(struct outbox *outbox, uint32_t partition, uint64_t from, uint64_t to)
{
    struct queue *queue = &outbox->queues[partition];
    CHECK(queue->taken < from && from <= to);
    queue->taken = to;
    if (!queue->behind) {
        queue->behind = true;
        queue->read_to = from - 1;
    }
}

/* ── at start ─────────────────────────────────────────────────────────────── */

struct opened_before {
    uint32_t partition;
    uint64_t effect;
};

struct reading {
    struct outbox *outbox;
    ARRAY(struct opened_before) uncertain; /* attempted, open, and without room: the opened row is wanted */
    const struct opened_before *wanted;
    bool found;
};

static void take_attempt(struct reading *reading, uint32_t partition, const struct effect_row *row)
{
    struct outbox *outbox = reading->outbox;
    const struct queue *queue = &outbox->queues[partition];
    size_t index;
    if (outbox_find(outbox, partition, row->effect, &index)) {
        outbox_note_attempt(outbox, partition, index);
        outbox_set(outbox, partition, index, OUTBOX_UNCERTAIN);
        return;
    }
    if (!queue->behind)
        return; /* it was closed before: seqs of delivery and engine are taken apart, so the row comes late */
    struct handover_question question = {.partition = partition, .effect = *row};
    outbox->options.ask(outbox->options.context, &question, 1);
    outbox_settle(outbox);
    if (question.answer != HANDOVER_GONE)
        *array_push(&reading->uncertain) = (struct opened_before){partition, row->effect};
}

static bool on_row_at_start(void *context, uint32_t partition, const struct effect_row *row)
{
    struct reading *reading = context;
    CHECK(partition < reading->outbox->partitions);
    if (row->kind == EFFECT_OPENED)
        open_item(reading->outbox, partition, row);
    else if (row->kind == EFFECT_ATTEMPTED)
        take_attempt(reading, partition, row);
    else
        (void)close_item(reading->outbox, partition, row->effect);
    return true;
}

static bool on_opened_row(void *context, uint32_t partition, const struct effect_row *row)
{
    struct reading *reading = context;
    if (partition != reading->wanted->partition || row->seq != reading->wanted->effect)
        return row->seq <= reading->wanted->effect; /* another partition's seq may be the same */
    reading->found = row->kind == EFFECT_OPENED;
    size_t index;
    if (reading->found && !outbox_find(reading->outbox, partition, row->effect, &index))
        outbox_add(reading->outbox, partition, row, OUTBOX_UNCERTAIN, true);
    return false;
}

/* An effect may have been attempted more than once; it is added once, however many rows say so. */
static enum err add_uncertain(struct reading *reading, struct err_detail *detail)
{
    struct outbox *outbox = reading->outbox;
    enum err err = ERR_OK;
    array_each (&reading->uncertain, i) {
        reading->wanted = &reading->uncertain.items[i];
        reading->found = false;
        err =
            store_effects(outbox->options.store, reading->wanted->effect - 1, on_opened_row, reading, detail);
        if (!err && !reading->found)
            err = err_fail(detail, ERR_CORRUPT, "",
                           "partition %u has an attempt of effect %lu, which was never opened",
                           reading->wanted->partition, (unsigned long)reading->wanted->effect);
        if (err)
            break;
        outbox_sort(&outbox->queues[reading->wanted->partition]);
    }
    return err;
}

enum err outbox_read(struct outbox *outbox, struct err_detail *detail)
{
    if (outbox->options.after == UINT64_MAX)
        return ERR_OK;
    struct reading reading = {.outbox = outbox};
    enum err err =
        store_effects(outbox->options.store, outbox->options.after, on_row_at_start, &reading, detail);
    if (!err)
        err = add_uncertain(&reading, detail);
    array_free(&reading.uncertain);
    return err;
}

/* ── reading back ─────────────────────────────────────────────────────────── */

bool outbox_wants_refill(const struct outbox *outbox)
{
    bool behind = false;
    for (uint32_t p = 0; p < outbox->partitions; p++)
        behind |= outbox->queues[p].behind;
    bool half_empty = outbox->count * 2 <= outbox->options.held_max;
    bool room = outbox->count < outbox->options.held_max;
    return behind && room && (half_empty || outbox->counts[OUTBOX_READY] == 0);
}

struct refill {
    struct outbox *outbox;
    uint64_t stopped_at; /* seq of the first row without room; UINT64_MAX = all were read */
};

/* Only what was committed and taken before: rows of batches that are on their way may appear between others,
 * and come by outbox_take. */
static bool on_row_back(void *context, uint32_t partition, const struct effect_row *row)
{
    struct refill *refill = context;
    struct outbox *outbox = refill->outbox;
    const struct queue *queue = &outbox->queues[partition];
    size_t index;
    if (row->kind != EFFECT_OPENED || !queue->behind || row->seq <= queue->read_to ||
        row->seq > queue->taken || outbox_find(outbox, partition, row->effect, &index))
        return true;
    if (outbox->count >= outbox->options.held_max) {
        refill->stopped_at = row->seq;
        return false;
    }
    outbox_add(outbox, partition, row, OUTBOX_READY, false);
    return true;
}

static void note_read(struct queue *queue, uint64_t stopped_at)
{
    outbox_sort(queue);
    if (!queue->behind)
        return;
    if (stopped_at - 1 > queue->read_to)
        queue->read_to = stopped_at - 1;
    queue->behind = queue->read_to < queue->taken;
}

enum err outbox_refill(struct outbox *outbox, struct err_detail *detail)
{
    (void)outbox_make_room(outbox);
    if (!outbox_wants_refill(outbox))
        return ERR_OK;
    uint64_t after = UINT64_MAX;
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        if (outbox->queues[p].behind && outbox->queues[p].read_to < after)
            after = outbox->queues[p].read_to;
    }
    struct refill refill = {outbox, UINT64_MAX};
    enum err err = store_effects(outbox->options.store, after, on_row_back, &refill, detail);
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        if (err)
            outbox_sort(&outbox->queues[p]);
        else
            note_read(&outbox->queues[p], refill.stopped_at);
    }
    return err;
}
