#include "trace/chain.h"

void trace_look(const struct partition *partition, const struct plan *plan, struct contact_id id,
                struct arena *arena, struct trace_contact *ret)
{
    const struct engine *engine = partition_engine(partition);
    const struct contacts *contacts = engine_contacts(engine);
    *ret = (struct trace_contact){.partition = partition_id(partition),
                                  .id = id,
                                  .head = contacts_head(contacts, id),
                                  .journey_count = plan_journey_count(plan)};
    ret->journeys = arena_take_array(arena, ret->journey_count, sizeof *ret->journeys);
    for (uint16_t i = 0; i < ret->journey_count; i++) {
        struct contact_left left;
        ret->journeys[i].inside = engine_enrollment(engine, id, i, &ret->journeys[i].now);
        ret->journeys[i].left = contacts_left_journey(contacts, id, i, &left);
    }
}

/* ── reading ──────────────────────────────────────────────────────────────── */

struct reading {
    struct trace_chain *chain;
    struct arena *arena;
    uint32_t left; /* rows that may still be read */
};

static void keep_event(struct event_row *kept, const struct event_row *row, struct arena *arena)
{
    *kept = *row;
    kept->created = arena_str(arena, row->created);
    kept->body = arena_str(arena, row->body);
}

static void keep_ledger(struct ledger_row *kept, const struct ledger_row *row, struct arena *arena)
{
    *kept = *row;
    struct passage *path = arena_take_array(arena, row->path_count, sizeof *path);
    if (row->path_count)
        memcpy(path, row->path, row->path_count * sizeof *path);
    kept->path = path;
    kept->detail = arena_str(arena, row->detail);
}

static bool on_row(void *context, const struct store_row *row)
{
    struct reading *reading = context;
    struct trace_chain *chain = reading->chain;
    if (reading->left == 0) {
        chain->truncated = true;
        return false;
    }
    reading->left--;
    chain->since_ms = row->event ? row->event->received_ms : row->ledger->at_ms;
    if (row->event)
        keep_event(array_push(&chain->events), row->event, reading->arena);
    else
        keep_ledger(array_push(&chain->ledger), row->ledger, reading->arena);
    return true;
}

static bool on_cause(void *context, const struct store_row *row)
{
    struct reading *reading = context;
    if (row->event)
        keep_event(array_push(&reading->chain->causes), row->event, reading->arena);
    return false;
}

struct search {
    uint64_t seq;
    struct trace_chain *chain;
};

static bool on_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    (void)partition; /* of one store, seqs are never given twice */
    const struct search *search = context;
    if (row->seq == search->seq)
        *array_push(&search->chain->answers) = *row; /* an answer has no texts */
    return false;
}

/* What caused a row and is none of the chain's events: a destination's answer, or an event before its first
 * row. Neither = its row has been removed. */
static enum err find_cause(struct store *store, uint32_t partition, uint64_t seq, struct reading *reading,
                           struct err_detail *detail)
{
    struct trace_chain *chain = reading->chain;
    size_t answers = chain->answers.count;
    struct search search = {seq, chain};
    enum err err = store_effects(store, seq - 1, on_effect, &search, detail);
    if (err || chain->answers.count > answers || !chain->truncated)
        return err;
    err = store_walk(store, partition, seq, on_cause, reading, detail);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ── order ────────────────────────────────────────────────────────────────── */

static int by_seq_event(const void *a, const void *b)
{
    const struct event_row *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_seq_ledger(const void *a, const void *b)
{
    const struct ledger_row *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_seq_answer(const void *a, const void *b)
{
    const struct effect_row *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static const struct event_row *find_event(const struct trace_chain *chain, uint64_t seq)
{
    if (chain->events.count == 0)
        return NULL;
    const struct event_row wanted = {.seq = seq};
    return bsearch(&wanted, chain->events.items, chain->events.count, sizeof wanted, by_seq_event);
}

const struct event_row *trace_chain_event(const struct trace_chain *chain, uint64_t seq)
{
    array_each (&chain->causes, i) {
        if (chain->causes.items[i].seq == seq)
            return &chain->causes.items[i];
    }
    return find_event(chain, seq);
}

const struct effect_row *trace_chain_answer(const struct trace_chain *chain, uint64_t seq)
{
    if (chain->answers.count == 0)
        return NULL;
    const struct effect_row wanted = {.seq = seq};
    return bsearch(&wanted, chain->answers.items, chain->answers.count, sizeof wanted, by_seq_answer);
}

enum err trace_chain_read(struct store *store, const struct trace_contact *contact, uint32_t rows_max,
                          struct arena *arena, struct trace_chain *ret, struct err_detail *detail)
{
    *ret = (struct trace_chain){.since_ms = INSTANT_NEVER};
    struct reading reading = {ret, arena, rows_max};
    enum err err = store_walk(store, contact->partition, contact->head, on_row, &reading, detail);
    if (err == ERR_NOT_FOUND && reading.left < rows_max) {
        ret->truncated = true;
        err = ERR_OK;
    }
    if (ret->events.count)
        qsort(ret->events.items, ret->events.count, sizeof *ret->events.items, by_seq_event);
    if (ret->ledger.count)
        qsort(ret->ledger.items, ret->ledger.count, sizeof *ret->ledger.items, by_seq_ledger);
    array_each (&ret->ledger, i) {
        int64_t cause = ret->ledger.items[i].cause;
        if (!err && cause > 0 && !trace_chain_event(ret, (uint64_t)cause))
            err = find_cause(store, contact->partition, (uint64_t)cause, &reading, detail);
    }
    if (ret->answers.count)
        qsort(ret->answers.items, ret->answers.count, sizeof *ret->answers.items, by_seq_answer);
    return err;
}

void trace_chain_free(struct trace_chain *chain)
{
    array_free(&chain->events);
    array_free(&chain->ledger);
    array_free(&chain->causes);
    array_free(&chain->answers);
}
