#include "store/store.h"

#include "base/check.h"

const char *commit_status_name(enum commit_status status)
{
    static const char *const names[] = {
#define X(name, text) #name,
        COMMIT_TABLE(X)
#undef X
    };
    return names[status];
}

enum err store_claim(struct store *store, uint32_t partition, uint64_t *ret_epoch,
                     struct partition_head *ret_head, struct err_detail *detail)
{
    CHECK(partition < store->partitions);
    return store->calls->claim(store, partition, ret_epoch, ret_head, detail);
}

uint64_t store_seq_take(struct store *store, uint32_t partition, uint32_t count)
{
    CHECK(partition < store->partitions && count > 0);
    return store->calls->seq_take(store, partition, count);
}

/* What a bug above could write that no later check would find: rows outside the batch's own range of seqs. */
static void check_batch(const struct store *store, const struct batch *batch)
{
    check_context(batch->partition, batch->head.seq);
    CHECK(batch->partition < store->partitions);
    CHECK(batch->head.seq >= batch->seq_before && batch->head.horizon <= batch->head.seq);
    array_each (&batch->events, i)
        CHECK(batch->events.items[i].seq > batch->seq_before &&
              batch->events.items[i].seq <= batch->head.seq);
    array_each (&batch->ledger, i)
        CHECK(batch->ledger.items[i].seq > batch->seq_before &&
              batch->ledger.items[i].seq <= batch->head.seq);
    array_each (&batch->effects, i)
        CHECK(batch->effects.items[i].seq > batch->seq_before &&
              batch->effects.items[i].seq <= batch->head.seq);
    array_each (&batch->blocks, i)
        CHECK(batch->blocks.items[i].seq <= batch->head.seq && batch->blocks.items[i].kind < BLOCK_KINDS);
}

void store_commit(struct store *store, const struct batch *const *batches, size_t count,
                  store_commit_done *done, void *context)
{
    for (size_t i = 0; i < count; i++)
        check_batch(store, batches[i]);
    store->calls->commit(store, batches, count, done, context);
}

void store_flush(struct store *store)
{
    store->calls->flush(store);
}

enum err store_head(struct store *store, uint32_t partition, struct partition_head *ret,
                    struct err_detail *detail)
{
    CHECK(partition < store->partitions);
    return store->calls->head(store, partition, ret, detail);
}

enum err store_blocks(struct store *store, uint32_t partition, store_on_block *on_block, void *context,
                      struct err_detail *detail)
{
    CHECK(partition < store->partitions);
    return store->calls->blocks(store, partition, on_block, context, detail);
}

enum err store_rows(struct store *store, uint32_t partition, uint64_t after, uint64_t to,
                    store_on_row *on_row, void *context, struct err_detail *detail)
{
    const struct store_range range = {partition, after, to};
    return store_rows_of(store, &range, 1, STORE_EVENTS_AND_LEDGER, on_row, context, detail);
}

enum err store_rows_of(struct store *store, const struct store_range *ranges, size_t count,
                       enum store_tables tables, store_on_row *on_row, void *context,
                       struct err_detail *detail)
{
    for (size_t i = 0; i < count; i++)
        CHECK(ranges[i].partition < store->partitions);
    return store->calls->rows(store, ranges, count, tables, on_row, context, detail);
}

enum err store_walk(struct store *store, uint32_t partition, uint64_t head, store_on_row *on_row,
                    void *context, struct err_detail *detail)
{
    CHECK(partition < store->partitions);
    return store->calls->walk(store, partition, head, on_row, context, detail);
}

enum err store_messages(struct store *store, int64_t since_ms, uint64_t seqs_max,
                        store_on_message *on_message, void *context, struct err_detail *detail)
{
    return store->calls->messages(store, since_ms, seqs_max, on_message, context, detail);
}

enum err store_effects(struct store *store, uint64_t after, store_on_effect *on_effect, void *context,
                       struct err_detail *detail)
{
    return store->calls->effects(store, after, on_effect, context, detail);
}

enum err store_effects_put(struct store *store, const struct store_effect *effects, size_t count,
                           struct err_detail *detail)
{
    for (size_t i = 0; i < count; i++)
        CHECK(effects[i].partition < store->partitions);
    return store->calls->effects_put(store, effects, count, detail);
}

enum err store_stat(struct store *store, uint32_t partition, struct stat_key key, int64_t quarter,
                    struct stat_row *ret, struct err_detail *detail)
{
    CHECK(partition < store->partitions);
    return store->calls->stats(store, partition, key, quarter, ret, detail);
}

enum err store_stat_keys(struct store *store, uint32_t partition, uint16_t version, int64_t quarter,
                         store_on_stat *on_stat, void *context, struct err_detail *detail)
{
    CHECK(partition < store->partitions);
    return store->calls->stat_keys(store, partition, version, quarter, on_stat, context, detail);
}

enum err store_control_append(struct store *store, const struct control_entry *entry, uint64_t *ret_position,
                              struct err_detail *detail)
{
    return store->calls->control_append(store, entry, ret_position, detail);
}

enum err store_control_after(struct store *store, uint64_t position, store_on_control *on_control,
                             void *context, struct err_detail *detail)
{
    return store->calls->control_after(store, position, on_control, context, detail);
}

uint64_t store_bytes(const struct store *store)
{
    return store->calls->bytes ? store->calls->bytes(store) : 0;
}

void store_close(struct store *store)
{
    if (store)
        store->calls->close(store);
}
