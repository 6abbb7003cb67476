#include "store/memory/tables.h"

#include "base/check.h"

void tables_init(struct tables *tables, uint32_t partitions)
{
    *tables = (struct tables){.count = partitions};
    tables->partitions = memory_take_zeroed(partitions, sizeof *tables->partitions);
}

void tables_deinit(struct tables *tables)
{
    for (uint32_t p = 0; p < tables->count; p++) {
        struct partition_tables *of = &tables->partitions[p];
        array_each (&of->stats, i)
            array_free(&of->stats.items[i].rows);
        array_each (&of->blocks, i)
            free((void *)(uintptr_t)of->blocks.items[i].body.data);
        array_free(&of->events);
        array_free(&of->ledger);
        array_free(&of->stats);
        array_free(&of->blocks);
    }
    free(tables->partitions);
    array_free(&tables->effects);
    array_free(&tables->control);
    arena_deinit(&tables->bytes);
}

/* Rows come almost in order, so each sinks from the end to its place; the same seq twice is a bug of the
 * owner. */
#define SINK(array, row_seq)                                                                                 \
    do {                                                                                                     \
        for (size_t at = (array)->count - 1; at > 0; at--) {                                                 \
            CHECK((array)->items[at - 1] row_seq != (array)->items[at] row_seq);                             \
            if ((array)->items[at - 1] row_seq < (array)->items[at] row_seq)                                 \
                break;                                                                                       \
            __auto_type higher = (array)->items[at - 1];                                                     \
            (array)->items[at - 1] = (array)->items[at];                                                     \
            (array)->items[at] = higher;                                                                     \
        }                                                                                                    \
    } while (0)

/* The index of the first item with seq > after. */
#define FIRST_AFTER(array, row_seq, after, ret)                                                              \
    do {                                                                                                     \
        size_t low_ = 0, high_ = (array)->count;                                                             \
        while (low_ < high_) {                                                                               \
            size_t middle_ = low_ + (high_ - low_) / 2;                                                      \
            if ((array)->items[middle_] row_seq > (after))                                                   \
                high_ = middle_;                                                                             \
            else                                                                                             \
                low_ = middle_ + 1;                                                                          \
        }                                                                                                    \
        (ret) = low_;                                                                                        \
    } while (0)

size_t tables_event_after(const struct partition_tables *tables, uint64_t after)
{
    size_t at;
    FIRST_AFTER(&tables->events, .seq, after, at);
    return at;
}

size_t tables_ledger_after(const struct partition_tables *tables, uint64_t after)
{
    size_t at;
    FIRST_AFTER(&tables->ledger, .seq, after, at);
    return at;
}

size_t tables_effect_after(const struct tables *tables, uint64_t after)
{
    size_t at;
    FIRST_AFTER(&tables->effects, .row.seq, after, at);
    return at;
}

static struct str keep(struct tables *tables, struct str s)
{
    return s.size ? arena_str(&tables->bytes, s) : (struct str){0};
}

static void put_event(struct tables *tables, struct partition_tables *of, const struct event_row *row)
{
    struct event_row *copy = array_push(&of->events);
    *copy = *row;
    copy->created = keep(tables, row->created);
    copy->body = keep(tables, row->body);
    SINK(&of->events, .seq);
}

static void put_ledger(struct tables *tables, struct partition_tables *of, const struct ledger_row *row)
{
    struct ledger_row *copy = array_push(&of->ledger);
    *copy = *row;
    copy->detail = keep(tables, row->detail);
    copy->path = NULL;
    if (row->path_count) {
        struct passage *path = arena_take_array(&tables->bytes, row->path_count, sizeof *path);
        memcpy(path, row->path, row->path_count * sizeof *path);
        copy->path = path;
    }
    SINK(&of->ledger, .seq);
}

void tables_put_effect(struct tables *tables, uint32_t partition, const struct effect_row *row)
{
    struct effect_of *copy = array_push(&tables->effects);
    *copy = (struct effect_of){.partition = partition, .row = *row};
    copy->row.destination_name = keep(tables, row->destination_name);
    copy->row.operation = keep(tables, row->operation);
    SINK(&tables->effects, .row.seq);
}

int stat_key_compare(struct stat_key a, struct stat_key b)
{
    if (a.version != b.version)
        return a.version < b.version ? -1 : 1;
    if (a.node != b.node)
        return a.node < b.node ? -1 : 1;
    if (a.kind != b.kind)
        return a.kind < b.kind ? -1 : 1;
    return (a.outcome > b.outcome) - (a.outcome < b.outcome);
}

/* Index of the first series whose key is not before `key`. */
static size_t series_at(const struct partition_tables *tables, struct stat_key key)
{
    size_t low = 0, high = tables->stats.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stat_key_compare(tables->stats.items[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct stat_series *tables_series(const struct partition_tables *tables, struct stat_key key)
{
    size_t at = series_at(tables, key);
    if (at == tables->stats.count || stat_key_compare(tables->stats.items[at].key, key) != 0)
        return NULL;
    return &tables->stats.items[at];
}

static void put_stat(struct partition_tables *of, const struct stat_row *row)
{
    size_t at = series_at(of, row->key);
    if (at == of->stats.count || stat_key_compare(of->stats.items[at].key, row->key) != 0) {
        array_push(&of->stats);
        memmove(&of->stats.items[at + 1], &of->stats.items[at],
                (of->stats.count - 1 - at) * sizeof *of->stats.items);
        of->stats.items[at] = (struct stat_series){.key = row->key};
    }
    struct stat_series *series = &of->stats.items[at];
    size_t behind = series->rows.count;
    while (behind > 0 && series->rows.items[behind - 1].quarter >= row->quarter)
        behind--;
    if (behind == series->rows.count || series->rows.items[behind].quarter != row->quarter) {
        array_push(&series->rows);
        memmove(&series->rows.items[behind + 1], &series->rows.items[behind],
                (series->rows.count - 1 - behind) * sizeof *series->rows.items);
    }
    series->rows.items[behind] = *row;
}

static int block_compare(const struct block *a, const struct block *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static void put_block(struct partition_tables *of, const struct block *block)
{
    struct block copy = *block;
    char *body = memory_take(block->body.size);
    if (block->body.size)
        memcpy(body, block->body.data, block->body.size);
    copy.body.data = body;
    size_t low = 0, high = of->blocks.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (block_compare(&of->blocks.items[middle], block) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < of->blocks.count && block_compare(&of->blocks.items[low], block) == 0) {
        free((void *)(uintptr_t)of->blocks.items[low].body.data);
    } else {
        array_push(&of->blocks);
        memmove(&of->blocks.items[low + 1], &of->blocks.items[low],
                (of->blocks.count - 1 - low) * sizeof *of->blocks.items);
    }
    of->blocks.items[low] = copy;
}

void tables_put_batch(struct tables *tables, const struct batch *batch)
{
    struct partition_tables *of = &tables->partitions[batch->partition];
    array_each (&batch->events, i)
        put_event(tables, of, &batch->events.items[i]);
    array_each (&batch->ledger, i)
        put_ledger(tables, of, &batch->ledger.items[i]);
    array_each (&batch->effects, i)
        tables_put_effect(tables, batch->partition, &batch->effects.items[i]);
    array_each (&batch->stats, i)
        put_stat(of, &batch->stats.items[i]);
    array_each (&batch->blocks, i)
        put_block(of, &batch->blocks.items[i]);
}

void tables_put_control(struct tables *tables, const struct control_entry *entry)
{
    struct control_entry *copy = array_push(&tables->control);
    *copy = (struct control_entry){.position = tables->control.count,
                                   .at_ms = entry->at_ms,
                                   .kind = keep(tables, entry->kind),
                                   .actor = keep(tables, entry->actor),
                                   .key = keep(tables, entry->key),
                                   .body = keep(tables, entry->body)};
}

uint64_t tables_seq_max(const struct tables *tables)
{
    uint64_t max = tables->effects.count ? tables->effects.items[tables->effects.count - 1].row.seq : 0;
    for (uint32_t p = 0; p < tables->count; p++) {
        if (tables->partitions[p].fence.head.seq > max)
            max = tables->partitions[p].fence.head.seq;
    }
    return max;
}
