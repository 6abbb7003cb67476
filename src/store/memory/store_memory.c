#include "store/memory/store_memory.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "store/memory/tables.h"

struct waiting_commit {
    const struct batch **batches;
    size_t count;
    store_commit_done *done;
    void *context;
    enum commit_status fate; /* COMMIT_DONE, or the failure it was told to have */
};

struct store_memory {
    struct store base;
    pthread_mutex_t lock;   /* of everything below but `seq` */
    pthread_mutex_t answer; /* held while a commit is taken and answered, so that answers keep the order;
                             * recursive, since an answer may commit again */
    struct tables tables;
    ARRAY(struct waiting_commit) waiting;
    bool manual;
    bool unknown_taken; /* what the next batch of an unknown outcome is: by turns */
    uint64_t fail_in;   /* calls until one fails; 0 = none */
    enum commit_status fail_status;
    _Atomic uint64_t seq; /* the last one given */
};

static struct store_memory *memory_of(struct store *store)
{
    return (struct store_memory *)store;
}

/* ── failing where told ─────────────────────────────────────────────────────── */

void store_memory_fail_at(struct store *store, uint64_t k, enum commit_status status)
{
    struct store_memory *m = memory_of(store);
    pthread_mutex_lock(&m->lock);
    m->fail_in = k;
    m->fail_status = status;
    pthread_mutex_unlock(&m->lock);
}

static bool is_to_fail(struct store_memory *m)
{
    return m->fail_in > 0 && --m->fail_in == 0;
}

/* Takes the lock; with a failure, ERR_IO and no lock. */
static enum err enter(struct store_memory *m, struct err_detail *detail)
{
    pthread_mutex_lock(&m->lock);
    if (!is_to_fail(m))
        return ERR_OK;
    pthread_mutex_unlock(&m->lock);
    return err_fail(detail, ERR_IO, "", "the memory store was told to fail at this call");
}

/* ── commits ────────────────────────────────────────────────────────────────── */

static enum commit_status take(struct store_memory *m, const struct batch *batch, enum commit_status fate)
{
    struct fence *fence = &m->tables.partitions[batch->partition].fence;
    struct fence before = *fence;
    switch (fence_judge(fence, batch)) {
    case FENCE_OTHER: return COMMIT_FENCED;
    case FENCE_WAIT: return COMMIT_RETRY;
    case FENCE_TAKEN: return COMMIT_DONE;
    case FENCE_TAKE: break;
    }
    bool taken = fate == COMMIT_DONE;
    if (fate == COMMIT_UNKNOWN) {
        taken = m->unknown_taken;
        m->unknown_taken = !taken;
    }
    if (taken)
        tables_put_batch(&m->tables, batch);
    else
        *fence = before;
    if (fate == COMMIT_UNKNOWN || fate == COMMIT_RETRY)
        fence_refused(fence, batch);
    return fate;
}

static void answer(struct store_memory *m, const struct waiting_commit *commit)
{
    enum commit_status *statuses = memory_take(commit->count * sizeof *statuses);
    struct err_detail detail = {0};
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < commit->count; i++) {
        statuses[i] = take(m, commit->batches[i], commit->fate);
        if (statuses[i] != COMMIT_DONE)
            err_fail(&detail, ERR_IO, "", "memory store, partition %u: %s", commit->batches[i]->partition,
                     commit->fate == COMMIT_DONE ? "the batch is not the next one"
                                                 : "told to fail at this commit");
    }
    pthread_mutex_unlock(&m->lock);
    commit->done(commit->context, statuses, commit->count, &detail);
    free(statuses);
}

static void memory_commit(struct store *store, const struct batch *const *batches, size_t count,
                          store_commit_done *done, void *context)
{
    struct store_memory *m = memory_of(store);
    pthread_mutex_lock(&m->answer);
    struct waiting_commit commit = {.count = count, .done = done, .context = context};
    commit.batches = memory_take(count * sizeof *commit.batches);
    memcpy(commit.batches, batches, count * sizeof *commit.batches);
    pthread_mutex_lock(&m->lock);
    commit.fate = is_to_fail(m) ? m->fail_status : COMMIT_DONE;
    bool manual = m->manual;
    if (manual)
        *array_push(&m->waiting) = commit;
    pthread_mutex_unlock(&m->lock);
    if (!manual) {
        answer(m, &commit);
        free(commit.batches);
    }
    pthread_mutex_unlock(&m->answer);
}

void store_memory_set_manual(struct store *store, bool manual)
{
    struct store_memory *m = memory_of(store);
    pthread_mutex_lock(&m->lock);
    m->manual = manual;
    pthread_mutex_unlock(&m->lock);
}

size_t store_memory_run(struct store *store, size_t count)
{
    struct store_memory *m = memory_of(store);
    size_t answered = 0;
    pthread_mutex_lock(&m->answer);
    for (; answered < count; answered++) {
        pthread_mutex_lock(&m->lock);
        bool any = m->waiting.count > 0;
        struct waiting_commit first = {0};
        if (any) {
            first = m->waiting.items[0];
            m->waiting.count--;
            memmove(&m->waiting.items[0], &m->waiting.items[1], m->waiting.count * sizeof first);
        }
        pthread_mutex_unlock(&m->lock);
        if (!any)
            break;
        answer(m, &first);
        free(first.batches);
    }
    pthread_mutex_unlock(&m->answer);
    return answered;
}

size_t store_memory_waiting(struct store *store)
{
    struct store_memory *m = memory_of(store);
    pthread_mutex_lock(&m->lock);
    size_t count = m->waiting.count;
    pthread_mutex_unlock(&m->lock);
    return count;
}

static void memory_flush(struct store *store)
{
    store_memory_run(store, SIZE_MAX);
}

void store_memory_crash(struct store *store)
{
    struct store_memory *m = memory_of(store);
    pthread_mutex_lock(&m->lock);
    array_each (&m->waiting, i)
        free(m->waiting.items[i].batches);
    array_clear(&m->waiting);
    atomic_store(&m->seq, tables_seq_max(&m->tables));
    pthread_mutex_unlock(&m->lock);
}

static uint64_t memory_seq_take(struct store *store, uint32_t partition, uint32_t count)
{
    (void)partition;
    return atomic_fetch_add(&memory_of(store)->seq, count) + 1;
}

static enum err memory_claim(struct store *store, uint32_t partition, uint64_t *ret_epoch,
                             struct partition_head *ret_head, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    struct fence *fence = &m->tables.partitions[partition].fence;
    *ret_epoch = fence_claim(fence);
    *ret_head = fence->head;
    pthread_mutex_unlock(&m->lock);
    return ERR_OK;
}

static enum err memory_effects_put(struct store *store, const struct store_effect *effects, size_t count,
                                   struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        tables_put_effect(&m->tables, effects[i].partition, &effects[i].row);
    pthread_mutex_unlock(&m->lock);
    return ERR_OK;
}

static enum err memory_control_append(struct store *store, const struct control_entry *entry,
                                      uint64_t *ret_position, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    uint64_t position = 0;
    array_each (&m->tables.control, i) {
        if (entry->key.size && str_equal(m->tables.control.items[i].key, entry->key))
            position = i + 1;
    }
    if (position == 0) {
        tables_put_control(&m->tables, entry);
        position = m->tables.control.count;
    }
    *ret_position = position;
    pthread_mutex_unlock(&m->lock);
    return ERR_OK;
}

/* ── reads: each row is copied under the lock and handed out without it, so that a callback may call the
 * store ──── */

static enum err memory_head(struct store *store, uint32_t partition, struct partition_head *ret,
                            struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    *ret = m->tables.partitions[partition].fence.head;
    pthread_mutex_unlock(&m->lock);
    return ERR_OK;
}

static enum err memory_blocks(struct store *store, uint32_t partition, store_on_block *on_block,
                              void *context, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    struct partition_tables *of = &m->tables.partitions[partition];
    struct arena copies = {0}; /* a later commit may replace bodies while they are read */
    size_t count = of->blocks.count;
    struct block *blocks = arena_take_array(&copies, count, sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = of->blocks.items[i];
        blocks[i].body = arena_str(&copies, blocks[i].body);
    }
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < count && on_block(context, &blocks[i]); i++)
        ;
    arena_deinit(&copies);
    return ERR_OK;
}

/* The next row of the tables after `after`; false where there is none up to `to`. */
static bool next_row(struct store_memory *m, const struct store_range *range, enum store_tables tables,
                     struct event_row *event, struct ledger_row *ledger, struct store_row *ret)
{
    pthread_mutex_lock(&m->lock);
    struct partition_tables *of = &m->tables.partitions[range->partition];
    size_t e = tables & STORE_EVENTS ? tables_event_after(of, range->after) : of->events.count;
    size_t l = tables & STORE_LEDGER ? tables_ledger_after(of, range->after) : of->ledger.count;
    uint64_t event_seq = e < of->events.count ? of->events.items[e].seq : UINT64_MAX;
    uint64_t ledger_seq = l < of->ledger.count ? of->ledger.items[l].seq : UINT64_MAX;
    *ret = (struct store_row){.partition = range->partition};
    if (event_seq < ledger_seq && event_seq <= range->to) {
        *event = of->events.items[e];
        ret->event = event;
    } else if (ledger_seq < event_seq && ledger_seq <= range->to) {
        *ledger = of->ledger.items[l];
        ret->ledger = ledger;
    }
    pthread_mutex_unlock(&m->lock);
    return ret->event || ret->ledger;
}

static uint64_t seq_of(const struct store_row *row)
{
    return row->event ? row->event->seq : row->ledger->seq;
}

/* One partition's next row of a reading, ahead of the others' or not. */
struct ahead {
    struct store_range left; /* what comes after the row */
    struct event_row event;
    struct ledger_row ledger;
    struct store_row row;
    bool has_row;
};

static struct ahead *first_of(struct ahead *aheads, size_t count)
{
    struct ahead *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (aheads[i].has_row && (!first || seq_of(&aheads[i].row) < seq_of(&first->row)))
            first = &aheads[i];
    }
    return first;
}

static enum err memory_rows(struct store *store, const struct store_range *ranges, size_t count,
                            enum store_tables tables, store_on_row *on_row, void *context,
                            struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    pthread_mutex_unlock(&m->lock);
    struct ahead *aheads = memory_take_zeroed(count, sizeof *aheads), *at;
    for (size_t i = 0; i < count; i++) {
        at = &aheads[i];
        at->left = ranges[i];
        at->has_row = next_row(m, &at->left, tables, &at->event, &at->ledger, &at->row);
    }
    while ((at = first_of(aheads, count)) && on_row(context, &at->row)) {
        at->left.after = seq_of(&at->row);
        at->has_row = next_row(m, &at->left, tables, &at->event, &at->ledger, &at->row);
    }
    free(aheads);
    return ERR_OK;
}

static enum err memory_walk(struct store *store, uint32_t partition, uint64_t head, store_on_row *on_row,
                            void *context, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    pthread_mutex_unlock(&m->lock);
    struct event_row event;
    struct ledger_row ledger;
    struct store_row row;
    while (head) {
        const struct store_range one = {partition, head - 1, head};
        if (!next_row(m, &one, STORE_EVENTS_AND_LEDGER, &event, &ledger, &row))
            return err_fail(detail, ERR_NOT_FOUND, "",
                            "partition %u has no row %llu: older history was removed", partition,
                            (unsigned long long)head);
        uint64_t prev = row.event ? event.prev : ledger.prev;
        CHECK(prev < head);
        head = prev;
        if (!on_row(context, &row))
            break;
    }
    return ERR_OK;
}

/* The event row of any partition that comes next after a seq. */
static const struct event_row *next_event(const struct tables *tables, uint64_t after,
                                          uint32_t *ret_partition)
{
    const struct event_row *next = NULL;
    for (uint32_t p = 0; p < tables->count; p++) {
        const struct partition_tables *of = &tables->partitions[p];
        size_t at = tables_event_after(of, after);
        if (at < of->events.count && (!next || of->events.items[at].seq < next->seq)) {
            next = &of->events.items[at];
            *ret_partition = p;
        }
    }
    return next;
}

static enum err memory_messages(struct store *store, int64_t since_ms, uint64_t seqs_max,
                                store_on_message *on_message, void *context, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    uint64_t last = tables_seq_max(&m->tables), after = last > seqs_max ? last - seqs_max : 0;
    pthread_mutex_unlock(&m->lock);
    for (bool more = true; more;) {
        uint32_t partition = 0;
        pthread_mutex_lock(&m->lock);
        const struct event_row *row = next_event(&m->tables, after, &partition);
        struct event_row event = row ? *row : (struct event_row){0};
        pthread_mutex_unlock(&m->lock);
        after = event.seq;
        more = row != NULL;
        if (more && event.message && event.received_ms >= since_ms)
            more = on_message(context, partition, event.message, event.received_ms);
    }
    return ERR_OK;
}

static enum err memory_effects(struct store *store, uint64_t after, store_on_effect *on_effect, void *context,
                               struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    pthread_mutex_unlock(&m->lock);
    for (bool more = true; more;) {
        pthread_mutex_lock(&m->lock);
        size_t at = tables_effect_after(&m->tables, after);
        struct effect_of effect = {0};
        more = at < m->tables.effects.count;
        if (more)
            effect = m->tables.effects.items[at];
        pthread_mutex_unlock(&m->lock);
        after = effect.row.seq;
        more = more && on_effect(context, effect.partition, &effect.row);
    }
    return ERR_OK;
}

static struct stat_row row_at(const struct stat_series *series, struct stat_key key, int64_t quarter)
{
    for (size_t i = series ? series->rows.count : 0; i-- > 0;) {
        if (series->rows.items[i].quarter <= quarter)
            return series->rows.items[i];
    }
    return (struct stat_row){.key = key, .quarter = quarter};
}

static enum err memory_stats(struct store *store, uint32_t partition, struct stat_key key, int64_t quarter,
                             struct stat_row *ret, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    *ret = row_at(tables_series(&m->tables.partitions[partition], key), key, quarter);
    pthread_mutex_unlock(&m->lock);
    return ERR_OK;
}

static enum err memory_stat_keys(struct store *store, uint32_t partition, uint16_t version, int64_t quarter,
                                 store_on_stat *on_stat, void *context, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    ARRAY(struct stat_row) rows = {0};
    struct partition_tables *of = &m->tables.partitions[partition];
    array_each (&of->stats, i) {
        const struct stat_series *series = &of->stats.items[i];
        if (series->key.version == version)
            *array_push(&rows) = row_at(series, series->key, quarter);
    }
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < rows.count && on_stat(context, &rows.items[i]); i++)
        ;
    array_free(&rows);
    return ERR_OK;
}

static enum err memory_control_after(struct store *store, uint64_t position, store_on_control *on_control,
                                     void *context, struct err_detail *detail)
{
    struct store_memory *m = memory_of(store);
    enum err err = enter(m, detail);
    if (err)
        return err;
    pthread_mutex_unlock(&m->lock);
    for (bool more = true; more; position++) {
        pthread_mutex_lock(&m->lock);
        struct control_entry entry = {0};
        more = position < m->tables.control.count;
        if (more)
            entry = m->tables.control.items[position];
        pthread_mutex_unlock(&m->lock);
        more = more && on_control(context, &entry);
    }
    return ERR_OK;
}

static void memory_close(struct store *store)
{
    struct store_memory *m = memory_of(store);
    memory_flush(store);
    tables_deinit(&m->tables);
    array_free(&m->waiting);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->answer);
    free(m);
}

struct store *store_memory_new(uint32_t partitions)
{
    static const struct store_calls calls = {
        .claim = memory_claim,
        .seq_take = memory_seq_take,
        .commit = memory_commit,
        .flush = memory_flush,
        .head = memory_head,
        .blocks = memory_blocks,
        .rows = memory_rows,
        .walk = memory_walk,
        .messages = memory_messages,
        .effects = memory_effects,
        .effects_put = memory_effects_put,
        .stats = memory_stats,
        .stat_keys = memory_stat_keys,
        .control_append = memory_control_append,
        .control_after = memory_control_after,
        .close = memory_close,
    };
    struct store_memory *m = memory_take_zeroed(1, sizeof *m);
    m->base = (struct store){.calls = &calls, .partitions = partitions};
    tables_init(&m->tables, partitions);
    pthread_mutexattr_t recursive;
    CHECK(pthread_mutexattr_init(&recursive) == 0);
    CHECK(pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE) == 0);
    CHECK(pthread_mutex_init(&m->lock, NULL) == 0 && pthread_mutex_init(&m->answer, &recursive) == 0);
    pthread_mutexattr_destroy(&recursive);
    return &m->base;
}
