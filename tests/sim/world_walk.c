/* Histories: each contact's rows, walked back from its newest along `prev`, are all of its rows. */
#include "world_state.h"

/* The seqs of one contact's rows, oldest first, with how far back the walk has come. */
struct history {
    ARRAY(uint64_t) seqs;
    size_t left;
    bool strays;
};

struct histories {
    struct history *of; /* by contact */
    uint32_t count;
};

static bool on_row(void *context, const struct store_row *row)
{
    const struct histories *histories = context;
    uint32_t contact = row->event ? row->event->contact : row->ledger->contact;
    if (contact < histories->count) /* taking a control entry is about nobody */
        *array_push(&histories->of[contact].seqs) = row->event ? row->event->seq : row->ledger->seq;
    return true;
}

static bool on_step_back(void *context, const struct store_row *row)
{
    struct history *history = context;
    uint64_t seq = row->event ? row->event->seq : row->ledger->seq;
    history->strays |= history->left == 0 || history->seqs.items[history->left - 1] != seq;
    if (history->left > 0)
        history->left--;
    return !history->strays;
}

static enum err check_partition(struct world *world, uint32_t p, struct err_detail *detail)
{
    const struct contacts *contacts = engine_contacts(partition_engine(world->owner->partitions[p]));
    struct histories histories = {NULL, contacts_count(contacts)};
    histories.of = memory_take_zeroed(histories.count + 1, sizeof *histories.of);
    enum err err = store_rows(world->store, p, 0, partition_head(world->owner->partitions[p])->seq, on_row,
                              &histories, detail);
    for (uint32_t c = 0; c < histories.count && !err; c++) {
        struct history *history = &histories.of[c];
        history->left = history->seqs.count;
        err = store_walk(world->store, p, contacts_head(contacts, (struct contact_id){c}), on_step_back,
                         history, detail);
        if (history->strays || history->left > 0)
            world_fail(world, WORLD_BROKEN,
                       "partition %u: the walk back through contact %u misses rows or strays", p, c);
    }
    for (uint32_t c = 0; c < histories.count; c++)
        array_free(&histories.of[c].seqs);
    free(histories.of);
    return err;
}

enum world_result world_check_walks(struct world *world)
{
    struct err_detail detail = {0};
    for (uint32_t p = 0; p < world->partitions; p++)
        if (check_partition(world, p, &detail))
            return world_fail(world, WORLD_BROKEN, "history cannot be read: %s", detail.text);
    return world_trouble(world)[0] ? WORLD_BROKEN : WORLD_OK;
}
