#include "partition/partition.h"

#include "base/check.h"
#include "base/memory.h"

enum { CYCLE_ROWS = 100000, BLOCKS_AT_ONCE = 8, BATCHES_MAX = 8, PREFETCH_AHEAD = 8 };

struct partition {
    struct partition_options options;
    struct engine *engine;
    struct dedupe *dedupe; /* NULL = off */
    uint64_t epoch;
    struct batch *open;              /* being decided */
    struct batch *away[BATCHES_MAX]; /* taken, oldest first */
    size_t away_count;
    struct batch *spare[BATCHES_MAX];
    size_t spare_count;
    size_t actions_taken; /* of the control's list */
    size_t answered;      /* effects of the open batch that the answer hook has seen */
    uint64_t rows_since_cycle;
    bool in_cycle;
};

/* ── batches ──────────────────────────────────────────────────────────────── */

static void open_batch(struct partition *p)
{
    struct batch *batch = p->spare_count ? p->spare[--p->spare_count] : memory_take_zeroed(1, sizeof *batch);
    batch->partition = p->options.id;
    batch->epoch = p->epoch;
    batch->seq_before = engine_head(p->engine)->seq;
    p->open = batch;
    p->answered = 0;
    engine_set_batch(p->engine, batch);
}

size_t partition_open_rows(const struct partition *p)
{
    return batch_rows(p->open);
}

/* The head may have moved without a row: an instant without work is not worth a commit of its own, an input
 * taken is. */
static bool has_something(const struct partition *p)
{
    const struct partition_head *head = engine_head(p->engine);
    return batch_rows(p->open) > 0 || head->input != p->open->head.input ||
           head->control != p->open->head.control;
}

const struct batch *partition_take_batch(struct partition *p)
{
    if (!has_something(p))
        return NULL;
    CHECK(p->away_count < BATCHES_MAX);
    struct batch *batch = p->open;
    batch->head = *engine_head(p->engine);
    p->rows_since_cycle += batch_rows(batch);
    p->away[p->away_count++] = batch;
    open_batch(p);
    p->open->head = batch->head;
    return batch;
}

void partition_batch_done(struct partition *p, const struct batch *done)
{
    CHECK(p->away_count > 0 && p->away[0] == done);
    struct batch *batch = p->away[0];
    memmove(p->away, p->away + 1, --p->away_count * sizeof *p->away);
    batch_clear(batch);
    if (p->spare_count < BATCHES_MAX) {
        p->spare[p->spare_count++] = batch;
        return;
    }
    batch_deinit(batch);
    free(batch);
}

/* ── opening ──────────────────────────────────────────────────────────────── */

static uint64_t take_seqs(void *context, uint32_t count)
{
    const struct partition *p = context;
    return store_seq_take(p->options.store, p->options.id, count);
}

struct loading {
    struct engine *engine;
    enum err err;
    struct err_detail *detail;
};

static bool on_block(void *context, const struct block *block)
{
    struct loading *loading = context;
    loading->err = engine_load_block(loading->engine, block, loading->detail);
    return loading->err == ERR_OK;
}

/* Several partitions whose rows are read in one pass, at work or being opened. */
struct passing {
    struct partition *of[STORE_PARTITIONS]; /* by id */
    enum err err;
    struct err_detail *detail;
};

static struct passing passing_of(struct partition *const *partitions, size_t count, struct err_detail *detail)
{
    struct passing passing = {.detail = detail};
    for (size_t i = 0; i < count; i++) {
        CHECK(partitions[i]->options.id < STORE_PARTITIONS);
        passing.of[partitions[i]->options.id] = partitions[i];
    }
    return passing;
}

static bool on_row(void *context, const struct store_row *row)
{
    struct passing *passing = context;
    passing->err =
        engine_load_row(passing->of[row->partition]->engine, row->event, row->ledger, passing->detail);
    return passing->err == ERR_OK;
}

static bool on_past_row(void *context, const struct store_row *row)
{
    struct passing *passing = context;
    passing->err = engine_backfill_row(passing->of[row->partition]->engine, row->event, passing->detail);
    return passing->err == ERR_OK;
}

static void load_actions(struct partition *p, const struct partition_head *head)
{
    ARRAY(struct action) actions = {0};
    struct action action;
    while (control_action(p->options.control, p->actions_taken, &action) &&
           action.position <= head->control) {
        *array_push(&actions) = action;
        p->actions_taken++;
    }
    engine_load_begin(p->engine, head, actions.items, actions.count);
    array_free(&actions);
}

/* The past of those who want it, up to each one's durable head. */
static enum err backfill_from_store(struct partition *const *partitions, size_t count, const uint64_t *to,
                                    struct err_detail *detail)
{
    struct passing passing = passing_of(partitions, count, detail);
    struct store_range ranges[STORE_PARTITIONS];
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct store_range){partitions[i]->options.id, 0, to[i]};
    enum err err = store_rows_of(partitions[0]->options.store, ranges, count, STORE_EVENTS, on_past_row,
                                 &passing, detail);
    return err ? err : passing.err;
}

static enum err backfill_loaded(struct partition *const *partitions, size_t count, struct err_detail *detail)
{
    struct partition *wanting[STORE_PARTITIONS];
    uint64_t to[STORE_PARTITIONS];
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        to[found] = engine_backfill_to(partitions[i]->engine);
        if (to[found])
            wanting[found++] = partitions[i];
    }
    return found ? backfill_from_store(wanting, found, to, detail) : ERR_OK;
}

/* Rows behind the horizons, then the past where aggregates want it. */
static enum err load_rows(struct partition *const *partitions, size_t count, struct err_detail *detail)
{
    struct passing passing = passing_of(partitions, count, detail);
    struct store_range ranges[STORE_PARTITIONS];
    for (size_t i = 0; i < count; i++) {
        const struct partition_head *head = engine_head(partitions[i]->engine);
        ranges[i] = (struct store_range){partitions[i]->options.id, head->horizon, head->seq};
    }
    enum err err = store_rows_of(partitions[0]->options.store, ranges, count, STORE_EVENTS_AND_LEDGER, on_row,
                                 &passing, detail);
    if (!err)
        err = passing.err;
    if (!err)
        err = backfill_loaded(partitions, count, detail);
    for (size_t i = 0; i < count && !err; i++) {
        engine_backfill_end(partitions[i]->engine);
        engine_load_end(partitions[i]->engine);
    }
    return err;
}

/* Claims, and loads the blocks. */
static enum err load_blocks(struct partition *p, struct err_detail *detail)
{
    struct store *store = p->options.store;
    struct loading loading = {p->engine, ERR_OK, detail};
    struct partition_head head;
    enum err err = p->options.read_only ? store_head(store, p->options.id, &head, detail)
                                        : store_claim(store, p->options.id, &p->epoch, &head, detail);
    if (err)
        return err;
    if (head.seq == 0 && head.now_ms == 0)
        head.now_ms = INT64_MIN; /* a partition that has not begun stands before every instant */
    load_actions(p, &head);
    err = store_blocks(store, p->options.id, on_block, &loading, detail);
    return err ? err : loading.err;
}

static struct partition *partition_new(const struct partition_options *options)
{
    struct partition *p = memory_take_zeroed(1, sizeof *p);
    p->options = *options;
    const struct engine_options engine_options = {.partition = options->id,
                                                  .plan = control_plan(options->control),
                                                  .seqs = take_seqs,
                                                  .seqs_context = p,
                                                  .late_tolerance = options->late_tolerance};
    p->engine = engine_new(&engine_options);
    if (options->dedupe_ids_max)
        p->dedupe = dedupe_new(options->dedupe_ids_max);
    return p;
}

enum err partition_open_all(const struct partition_options *options, size_t count, struct partition **ret,
                            struct err_detail *detail)
{
    struct partition *partitions[STORE_PARTITIONS];
    enum err err = ERR_OK;
    CHECK(count <= STORE_PARTITIONS);
    for (size_t i = 0; i < count; i++) {
        partitions[i] = partition_new(&options[i]);
        if (!err)
            err = load_blocks(partitions[i], detail);
    }
    if (!err && count)
        err = load_rows(partitions, count, detail);
    for (size_t i = 0; i < count; i++) {
        if (err) {
            partition_close(partitions[i]);
            continue;
        }
        open_batch(partitions[i]);
        partitions[i]->open->head = *engine_head(partitions[i]->engine);
        ret[i] = partitions[i];
    }
    return err;
}

enum err partition_open(const struct partition_options *options, struct partition **ret,
                        struct err_detail *detail)
{
    return partition_open_all(options, 1, ret, detail);
}

static void free_batch(struct batch *batch)
{
    if (!batch)
        return;
    batch_deinit(batch);
    free(batch);
}

void partition_close(struct partition *p)
{
    if (!p)
        return;
    free_batch(p->open);
    for (size_t i = 0; i < p->away_count; i++)
        free_batch(p->away[i]);
    for (size_t i = 0; i < p->spare_count; i++)
        free_batch(p->spare[i]);
    dedupe_free(p->dedupe);
    engine_free(p->engine);
    free(p);
}

void partition_weigh(const struct partition *p, struct memory_use *use)
{
    engine_weigh(p->engine, use);
    if (p->dedupe)
        memory_add(use, MEMORY_DEDUPE, dedupe_bytes(p->dedupe));
    memory_add(use, MEMORY_BATCHES, batch_bytes(p->open));
    for (size_t i = 0; i < p->away_count; i++)
        memory_add(use, MEMORY_BATCHES, batch_bytes(p->away[i]));
    for (size_t i = 0; i < p->spare_count; i++)
        memory_add(use, MEMORY_BATCHES, batch_bytes(p->spare[i]));
}

/* ── message ids ──────────────────────────────────────────────────────────── */

enum {
    CLOCKS_APART_MS = 10 * MINUTE_MS
}; /* of partitions: rows are found by time as if they had one clock */

struct remembering {
    struct partition *const *partitions;
    uint32_t count;
    int64_t first_ms;
};

static bool on_message(void *context, uint32_t partition, uint64_t message, int64_t received_ms)
{
    struct remembering *remembering = context;
    if (remembering->first_ms == INSTANT_NEVER)
        remembering->first_ms = received_ms;
    for (uint32_t i = 0; i < remembering->count; i++) {
        struct partition *p = remembering->partitions[i];
        if (p->options.id == partition && p->dedupe)
            dedupe_add(p->dedupe, message, received_ms);
    }
    return true;
}

enum err partition_remember(struct partition *const *partitions, uint32_t count, int64_t now_ms,
                            struct err_detail *detail)
{
    struct remembering remembering = {partitions, count, INSTANT_NEVER};
    uint64_t seqs_max = 0, seq = 0;
    int64_t first_ms = INSTANT_NEVER; /* the earliest instant at which one of them may go on */
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_head *head = engine_head(partitions[i]->engine);
        int64_t next_ms = head->now_ms > now_ms ? head->now_ms : now_ms;
        seqs_max += 2 * (uint64_t)partitions[i]->options.dedupe_ids_max;
        seq = head->seq > seq ? head->seq : seq;
        if (head->seq && next_ms < first_ms)
            first_ms = next_ms;
    }
    if (seqs_max == 0 || seq == 0)
        return ERR_OK;
    int64_t since_ms = first_ms - DEDUPE_WINDOW_MS - CLOCKS_APART_MS;
    enum err err =
        store_messages(partitions[0]->options.store, since_ms, seqs_max, on_message, &remembering, detail);
    bool cut = seq > seqs_max && remembering.first_ms != INSTANT_NEVER && remembering.first_ms > since_ms;
    for (uint32_t i = 0; i < count && cut; i++) {
        if (partitions[i]->dedupe)
            dedupe_lost_until(partitions[i]->dedupe, remembering.first_ms);
    }
    return err;
}

/* ── steps ────────────────────────────────────────────────────────────────── */

/* A closed world answers what was opened before anything else happens. */
static void answer(struct partition *p)
{
    if (!p->options.answer)
        return;
    for (; p->answered < p->open->effects.count; p->answered++) {
        const struct effect_row effect = p->open->effects.items[p->answered];
        bool failed;
        if (effect.kind != EFFECT_OPENED || !p->options.answer(p->options.answer_context, &effect, &failed))
            continue;
        engine_result(p->engine,
                      &(struct result){effect.enrollment, effect.visit, effect.destination, failed});
    }
}

static void fire_until(struct partition *p, int64_t until_ms)
{
    while (engine_fire(p->engine, until_ms))
        answer(p);
}

/* Rows that are not durable yet are still here: those of the batches under way and of the open one. */
static enum err backfill_from_batches(struct partition *p, uint64_t after, struct err_detail *detail)
{
    enum err err = ERR_OK;
    for (size_t b = 0; b <= p->away_count; b++) {
        const struct batch *batch = b < p->away_count ? p->away[b] : p->open;
        for (size_t i = 0; i < batch->events.count && !err; i++) {
            if (batch->events.items[i].seq > after)
                err = engine_backfill_row(p->engine, &batch->events.items[i], detail);
        }
    }
    return err;
}

enum err partition_backfill(struct partition *const *partitions, size_t count, struct err_detail *detail)
{
    struct partition *wanting[STORE_PARTITIONS];
    uint64_t to[STORE_PARTITIONS];
    size_t found = 0;
    enum err err = ERR_OK;
    CHECK(count <= STORE_PARTITIONS);
    for (size_t i = 0; i < count && !err; i++) {
        struct partition_head durable;
        if (engine_backfill_to(partitions[i]->engine) == 0)
            continue;
        err = store_head(partitions[i]->options.store, partitions[i]->options.id, &durable, detail);
        to[found] = durable.seq;
        wanting[found++] = partitions[i];
    }
    if (!err && found)
        err = backfill_from_store(wanting, found, to, detail);
    for (size_t i = 0; i < found && !err; i++) {
        err = backfill_from_batches(wanting[i], to[i], detail);
        if (!err)
            engine_backfill_end(wanting[i]->engine);
    }
    return err;
}

/* Several publishes in a row are back-filled by one reading of the past: the last ones' comes later. */
static enum err take_actions(struct partition *p, uint64_t control_to, struct err_detail *detail)
{
    struct action action;
    while (control_action(p->options.control, p->actions_taken, &action) && action.position <= control_to) {
        p->actions_taken++;
        if (action.kind != ACTION_PUBLISH) {
            enum err err = partition_backfill(&p, 1, detail);
            if (err)
                return err;
        }
        engine_action(p->engine, &action);
        answer(p);
    }
    return ERR_OK;
}

static bool has_action(const struct partition *p, uint64_t control_to)
{
    struct action action;
    return control_action(p->options.control, p->actions_taken, &action) && action.position <= control_to;
}

/* To the instant now_ms or the partition's own where that is later, and into it by the log's actions. */
static enum err step_into(struct partition *p, int64_t now_ms, uint64_t control_to, struct err_detail *detail)
{
    const struct partition_head *head = engine_head(p->engine);
    if (now_ms < head->now_ms)
        now_ms = head->now_ms;
    fire_until(p, now_ms - 1);
    engine_set_now(p->engine, now_ms);
    return take_actions(p, control_to, detail);
}

enum err partition_act(struct partition *p, int64_t now_ms, uint64_t control_to, struct err_detail *detail)
{
    if (!has_action(p, control_to))
        return ERR_OK;
    enum err err = step_into(p, now_ms, control_to, detail);
    engine_set_input(p->engine, engine_head(p->engine)->input, true);
    return err;
}

/* Blocks are made between steps, a few at a time, so that a cycle never holds anything up. */
static void go_on_with_cycle(struct partition *p)
{
    uint32_t cycle_rows = p->options.cycle_rows ? p->options.cycle_rows : CYCLE_ROWS;
    if (!p->in_cycle && p->rows_since_cycle + batch_rows(p->open) < cycle_rows)
        return;
    if (!p->in_cycle) {
        engine_cycle_begin(p->engine);
        p->in_cycle = true;
        p->rows_since_cycle = 0;
    }
    p->in_cycle =
        !engine_cycle_go_on(p->engine, p->options.cycle_blocks ? p->options.cycle_blocks : BLOCKS_AT_ONCE);
}

static void take_input(struct partition *p, const struct input *input)
{
    switch (input->kind) {
    case INPUT_RECORD: engine_record(p->engine, &input->record); break;
    case INPUT_RESULT: engine_result(p->engine, &input->result); break;
    case INPUT_ACTION: CHECK(!"actions come through the control log");
    }
    answer(p);
}

static bool is_new(const struct partition *p, const struct input *input)
{
    return input->number == 0 || input->number > engine_head(p->engine)->input;
}

/* A record that was taken before, perhaps not durably yet: it changes nothing, and whoever waits for it waits
 * for all that has been decided so far. */
static bool is_repeated(struct partition *p, const struct input *input)
{
    bool repeated = p->dedupe && input->kind == INPUT_RECORD && input->record.message &&
                    !dedupe_add(p->dedupe, input->record.message, engine_now(p->engine));
    if (repeated && input->record.repeated)
        *input->record.repeated = true;
    return repeated;
}

static void take_inputs(struct partition *p, const struct input *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (p->dedupe && i + PREFETCH_AHEAD < count && inputs[i + PREFETCH_AHEAD].kind == INPUT_RECORD)
            dedupe_prefetch(p->dedupe, inputs[i + PREFETCH_AHEAD].record.message);
        if (!is_repeated(p, &inputs[i]))
            take_input(p, &inputs[i]);
        if (inputs[i].number)
            engine_set_input(p->engine, inputs[i].number, true);
    }
}

enum err partition_step(struct partition *p, int64_t now_ms, uint64_t control_to, const struct input *inputs,
                        size_t count, bool last, struct err_detail *detail)
{
    size_t first = 0;
    while (first < count && !is_new(p, &inputs[first]))
        first++;
    const struct partition_head *head = engine_head(p->engine);
    bool past = now_ms < head->now_ms || (now_ms == head->now_ms && !head->now_open);
    if (past && first == count && !has_action(p, control_to))
        return ERR_OK; /* an instant that was settled before: going on after a crash */
    enum err err = step_into(p, now_ms, control_to, detail);
    if (!err)
        err = partition_backfill(&p, 1, detail);
    if (err)
        return err;
    take_inputs(p, inputs + first, count - first);
    if (last)
        fire_until(p, head->now_ms);
    engine_set_input(p->engine, head->input, !last);
    go_on_with_cycle(p);
    return ERR_OK;
}

enum err partition_run_until(struct partition *p, int64_t until_ms, struct err_detail *detail)
{
    (void)detail;
    fire_until(p, until_ms);
    engine_set_input(p->engine, engine_head(p->engine)->input, false);
    go_on_with_cycle(p);
    return ERR_OK;
}

int64_t partition_next_timer(const struct partition *p)
{
    return engine_next_timer(p->engine);
}

void partition_checkpoint(struct partition *p)
{
    if (p->in_cycle)
        while (!engine_cycle_go_on(p->engine, UINT32_MAX))
            ;
    engine_cycle_begin(p->engine);
    while (!engine_cycle_go_on(p->engine, UINT32_MAX))
        ;
    p->in_cycle = false;
    p->rows_since_cycle = 0;
}

/* ── reads ────────────────────────────────────────────────────────────────── */

uint32_t partition_id(const struct partition *p)
{
    return p->options.id;
}

const struct engine *partition_engine(const struct partition *p)
{
    return p->engine;
}

const struct partition_head *partition_head(const struct partition *p)
{
    return engine_head(p->engine);
}

const struct dedupe *partition_dedupe(const struct partition *p)
{
    return p->dedupe;
}

bool partition_take_alert(struct partition *p, struct engine_alert *ret)
{
    return engine_take_alert(p->engine, ret);
}
