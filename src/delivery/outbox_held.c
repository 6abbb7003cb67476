#include "delivery/outbox_state.h"

#include "base/hash.h"
#include "base/memory.h"

enum { TIDY_MIN = 256 };

/* ── names ────────────────────────────────────────────────────────────────── */

struct target_key {
    const struct outbox *outbox;
    struct str name;
};

static bool is_target(const void *context, uint32_t value)
{
    const struct target_key *key = context;
    return str_equal(key->outbox->targets.items[value].name, key->name);
}

static uint64_t target_hash(const void *context, uint32_t value)
{
    const struct target_key *key = context;
    return hash_str(key->outbox->targets.items[value].name);
}

uint16_t outbox_target(struct outbox *outbox, struct str name)
{
    struct target_key key = {outbox, name};
    uint32_t number;
    if (map_find(&outbox->target_map, hash_str(name), is_target, &key, &number))
        return (uint16_t)number;
    number = (uint32_t)outbox->targets.count;
    CHECK(number < TARGET_ALL);
    *array_push(&outbox->targets) =
        (struct target){.name = arena_str(&outbox->arena, name), .retry_ms = INSTANT_NEVER};
    map_add(&outbox->target_map, hash_str(name), number, target_hash, &key);
    return (uint16_t)number;
}

/* The three words that a definition may write. */
static uint16_t operation_number(struct outbox *outbox, struct str operation)
{
    array_each (&outbox->operations, i) {
        if (str_equal(outbox->operations.items[i], operation))
            return (uint16_t)i;
    }
    *array_push(&outbox->operations) = arena_str(&outbox->arena, operation);
    return (uint16_t)(outbox->operations.count - 1);
}

/* ── items ────────────────────────────────────────────────────────────────── */

static void count_item(struct outbox *outbox, const struct item *item, int by)
{
    struct target *target = outbox_target_of(outbox, item);
    outbox->counts[item->state] += (uint64_t)by;
    target->counts[item->state] += (uint64_t)by;
    if (item->attempted && (item->state == OUTBOX_READY || item->state == OUTBOX_WAITING))
        target->to_repeat += (uint64_t)by;
}

void outbox_add(struct outbox *outbox, uint32_t partition, const struct effect_row *opened,
                enum outbox_state state, bool attempted)
{
    struct queue *queue = &outbox->queues[partition];
    struct item item = {.effect = opened->effect,
                        .at_ms = opened->at_ms,
                        .contact = opened->contact,
                        .enrollment = opened->enrollment,
                        .version = opened->version,
                        .visit = opened->visit,
                        .target = outbox_target(outbox, opened->destination_name),
                        .operation = operation_number(outbox, opened->operation),
                        .node = opened->node,
                        .destination = opened->destination,
                        .state = (uint8_t)state,
                        .attempted = attempted};
    bool follows = queue->items.count == 0 || queue->items.items[queue->items.count - 1].effect < item.effect;
    if (queue->sorted == queue->items.count && follows)
        queue->sorted++;
    *array_push(&queue->items) = item;
    outbox->count++;
    count_item(outbox, &item, 1);
}

bool outbox_find(const struct outbox *outbox, uint32_t partition, uint64_t effect, size_t *ret_index)
{
    const struct queue *queue = &outbox->queues[partition];
    size_t low = 0, high = queue->sorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (queue->items.items[middle].effect < effect)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == queue->sorted || queue->items.items[low].effect != effect ||
        queue->items.items[low].state == ITEM_GONE)
        return false;
    *ret_index = low;
    return true;
}

void outbox_set(struct outbox *outbox, uint32_t partition, size_t index, enum outbox_state state)
{
    struct queue *queue = &outbox->queues[partition];
    struct item *item = &queue->items.items[index];
    count_item(outbox, item, -1);
    item->state = (uint8_t)state;
    count_item(outbox, item, 1);
    if (state == OUTBOX_READY && index < queue->next)
        queue->next = index;
}

void outbox_note_attempt(struct outbox *outbox, uint32_t partition, size_t index)
{
    struct item *item = &outbox->queues[partition].items.items[index];
    count_item(outbox, item, -1);
    item->attempted = true;
    count_item(outbox, item, 1);
}

void outbox_remove(struct outbox *outbox, uint32_t partition, size_t index)
{
    struct queue *queue = &outbox->queues[partition];
    struct item *item = &queue->items.items[index];
    count_item(outbox, item, -1);
    item->state = ITEM_GONE;
    outbox->count--;
    queue->gone++;
}

static void take_out_gone(struct queue *queue)
{
    size_t kept = 0, next = 0, sorted = 0;
    array_each (&queue->items, i) {
        if (queue->items.items[i].state == ITEM_GONE)
            continue;
        next += i < queue->next;
        sorted += i < queue->sorted;
        queue->items.items[kept++] = queue->items.items[i];
    }
    queue->items.count = kept;
    queue->next = next;
    queue->sorted = sorted;
    queue->gone = 0;
}

uint64_t outbox_bytes(const struct outbox *outbox)
{
    uint64_t bytes = sizeof *outbox + arena_held(&outbox->arena) + arena_held(&outbox->scratch) +
                     array_bytes(&outbox->targets) + array_bytes(&outbox->questions) +
                     array_bytes(&outbox->asked) + array_bytes(&outbox->picks) +
                     array_bytes(&outbox->activations) + array_bytes(&outbox->attempts) +
                     array_bytes(&outbox->results);
    for (uint32_t p = 0; p < outbox->partitions; p++)
        bytes += sizeof *outbox->queues + array_bytes(&outbox->queues[p].items);
    return bytes;
}

void outbox_tidy(struct queue *queue)
{
    if (queue->gone >= TIDY_MIN && queue->gone * 2 > queue->items.count)
        take_out_gone(queue);
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->effect > y->effect) - (x->effect < y->effect);
}

void outbox_sort(struct queue *queue)
{
    if (queue->sorted == queue->items.count)
        return;
    take_out_gone(queue);
    qsort(queue->items.items, queue->items.count, sizeof *queue->items.items, compare_items);
    queue->sorted = queue->items.count;
    queue->next = 0;
}

struct effect_row outbox_row(const struct outbox *outbox, const struct item *item)
{
    return (struct effect_row){.seq = item->effect,
                               .effect = item->effect,
                               .at_ms = item->at_ms,
                               .contact = item->contact,
                               .enrollment = item->enrollment,
                               .version = item->version,
                               .visit = item->visit,
                               .kind = EFFECT_OPENED,
                               .node = item->node,
                               .destination = item->destination,
                               .destination_name = outbox->targets.items[item->target].name,
                               .operation = outbox->operations.items[item->operation]};
}

void outbox_move_all(struct outbox *outbox, enum outbox_state from, enum outbox_state to, uint16_t target)
{
    if (outbox->counts[from] == 0 ||
        (target != TARGET_ALL && outbox->targets.items[target].counts[from] == 0))
        return;
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        const struct queue *queue = &outbox->queues[p];
        array_each (&queue->items, i) {
            const struct item *item = &queue->items.items[i];
            if (item->state == from && (target == TARGET_ALL || item->target == target))
                outbox_set(outbox, p, i, to);
        }
    }
}

/* ── room ─────────────────────────────────────────────────────────────────── */

/* One that was attempted stays, so that it is first when its destination is tried again: whatever was
 * attempted is uncertain after a crash, and that must not grow as long as a destination fails. */
static bool can_wait_elsewhere(const struct item *item)
{
    return !item->attempted &&
           (item->state == OUTBOX_HELD || item->state == OUTBOX_UNDEFINED || item->state == OUTBOX_WAITING);
}

static void put_aside(struct outbox *outbox)
{
    size_t keep = outbox->options.held_max / 4 / outbox->targets.count, kept_max = OUTBOX_GROUP_MAX;
    size_t *kept = memory_take_zeroed(outbox->targets.count, sizeof *kept);
    if (keep < kept_max)
        kept_max = keep;
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        struct queue *queue = &outbox->queues[p];
        array_each (&queue->items, i) {
            const struct item *item = &queue->items.items[i];
            if (item->state == ITEM_GONE || !can_wait_elsewhere(item) || kept[item->target]++ < kept_max)
                continue;
            if (item->effect < queue->aside_from)
                queue->aside_from = item->effect;
            outbox_target_of(outbox, item)->aside[item->state]++;
            outbox_remove(outbox, p, i);
        }
        outbox_tidy(queue);
    }
    free(kept);
}

bool outbox_make_room(struct outbox *outbox)
{
    uint64_t waiting =
        outbox->counts[OUTBOX_HELD] + outbox->counts[OUTBOX_UNDEFINED] + outbox->counts[OUTBOX_WAITING];
    if (outbox->count >= outbox->options.held_max && waiting * 2 >= outbox->options.held_max)
        put_aside(outbox);
    return outbox->count < outbox->options.held_max;
}

void outbox_fetch_aside(struct outbox *outbox)
{
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        struct queue *queue = &outbox->queues[p];
        if (queue->aside_from == UINT64_MAX)
            continue;
        if (!queue->behind || queue->aside_from <= queue->read_to)
            queue->read_to = queue->aside_from - 1;
        queue->behind = true;
        queue->aside_from = UINT64_MAX;
    }
    array_each (&outbox->targets, i)
        memset(outbox->targets.items[i].aside, 0, sizeof outbox->targets.items[i].aside);
}
