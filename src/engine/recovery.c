/* Blocks and loading. A cycle writes every chunk that was dirty when it began, each with the seq reached when
 * it is encoded; when its last is in a batch, all that happened up to the cycle's first seq stands in blocks,
 * and that seq is the horizon. Loading decodes blocks and applies the rows behind the horizon, each only
 * where its block is older. */
#include "engine/state.h"

/* ── making blocks ────────────────────────────────────────────────────────── */

static void put_block(struct engine *engine, enum block_kind kind, uint32_t number, struct buf *body)
{
    *array_push(&engine->batch->blocks) =
        (struct block){.seq = engine->head.seq,
                       .number = number,
                       .kind = (uint8_t)kind,
                       .body = arena_str(&engine->batch->bytes, buf_str(body))};
    buf_deinit(body);
}

static void encode_holds(const struct engine *engine, uint32_t number, struct buf *out)
{
    for (uint32_t i = 0; i < ENROLLMENTS_CHUNK; i++) {
        uint32_t id = number * ENROLLMENTS_CHUNK + i;
        const struct enrollment *e = enrollments_find(&engine->enrollments, id);
        if (!e || !(e->bits & ENROLLMENT_HELD))
            continue;
        struct hold hold = holds_get(&engine->holds, id);
        hold_encode(&hold, out);
    }
}

static void put_chunk(struct engine *engine, enum block_kind kind, uint32_t number)
{
    struct buf body = {0};
    switch (kind) {
    case BLOCK_CONTACTS: contacts_encode(engine->contacts, number, &body); break;
    case BLOCK_PAST: past_encode(engine->past, number, &body); break;
    case BLOCK_ENROLLMENTS:
        enrollments_encode(&engine->enrollments, number, &body);
        encode_holds(engine, number, &body);
        break;
    default: CHECK(!"totals are no chunk");
    }
    engine->chunks[kind].dirty.items[number] = false;
    put_block(engine, kind, number, &body);
}

/* It says how many aggregates every past block has: those there when the cycle began. A later one may be
 * missing in the cycle's first blocks. */
static void put_totals(struct engine *engine)
{
    struct buf body = {0};
    buf_put_varint(&body, engine->head.control);
    buf_put_varint(&body, engine->cycle.aggregates);
    totals_encode(&engine->totals, &body);
    put_block(engine, BLOCK_TOTALS, 0, &body);
}

void engine_cycle_begin(struct engine *engine)
{
    struct cycle *cycle = &engine->cycle;
    CHECK(!cycle->running && engine->backfill_from == past_aggregates(engine->past));
    size_t count = 0;
    for (size_t kind = 0; kind < BLOCK_TOTALS; kind++)
        count += engine->chunks[kind].dirty.count;
    free(cycle->todo);
    cycle->todo = memory_take_zeroed(count, sizeof *cycle->todo);
    cycle->count = cycle->next = 0;
    for (uint8_t kind = 0; kind < BLOCK_TOTALS; kind++) {
        array_each (&engine->chunks[kind].dirty, number) {
            if (!engine->chunks[kind].dirty.items[number])
                continue;
            cycle->todo[cycle->count].kind = kind;
            cycle->todo[cycle->count++].number = (uint32_t)number;
        }
    }
    cycle->first_seq = engine->head.seq;
    cycle->aggregates = past_aggregates(engine->past);
    cycle->running = true;
}

bool engine_cycle_go_on(struct engine *engine, uint32_t count)
{
    struct cycle *cycle = &engine->cycle;
    CHECK(cycle->running);
    for (; count > 0 && cycle->next < cycle->count; count--, cycle->next++)
        put_chunk(engine, cycle->todo[cycle->next].kind, cycle->todo[cycle->next].number);
    if (cycle->next < cycle->count)
        return false;
    engine_flush_totals(engine);
    put_totals(engine);
    cycle->running = false;
    engine->head.horizon = cycle->first_seq;
    return true;
}

/* ── loading ──────────────────────────────────────────────────────────────── */

void engine_load_begin(struct engine *engine, const struct partition_head *head, const struct action *actions,
                       size_t action_count)
{
    engine->loading = true;
    engine->head = *head;
    for (size_t i = 0; i < action_count; i++)
        action_fold(engine, &actions[i]);
    engine->head = *head;
    engine->totals_seq = 0;
    engine->backfill_from = 0;
}

static enum err load_totals(struct engine *engine, const struct block *block, struct err_detail *detail)
{
    struct reader r = reader_of(block->body);
    (void)reader_varint(&r); /* the control position, for people who look */
    uint64_t aggregates = reader_varint(&r);
    enum err err = totals_decode(&engine->totals, &r, detail);
    if (err)
        return err;
    if (aggregates > past_aggregates(engine->past) || !reader_done(&r))
        return err_fail(detail, ERR_CORRUPT, "", "the totals block does not fit the control log");
    engine->backfill_from = (uint16_t)aggregates;
    engine->totals_seq = block->seq;
    return ERR_OK;
}

static enum err decode_holds(struct engine *engine, uint32_t number, struct reader *r,
                             struct err_detail *detail)
{
    for (uint32_t i = 0; i < ENROLLMENTS_CHUNK; i++) {
        uint32_t id = number * ENROLLMENTS_CHUNK + i;
        const struct enrollment *e = enrollments_find(&engine->enrollments, id);
        if (!e)
            continue;
        if (e->version >= engine->versions.count || !engine->totals.versions.items[e->version].items ||
            e->node >= engine->totals.versions.items[e->version].nodes)
            return err_fail(detail, ERR_CORRUPT, "",
                            "enrollment %u stands in a version that the control log lacks", id);
        if (!(e->bits & ENROLLMENT_HELD))
            continue;
        struct hold hold = hold_decode(r);
        holds_set(&engine->holds, id, &hold);
    }
    return reader_done(r) ? ERR_OK
                          : err_fail(detail, ERR_CORRUPT, "",
                                     "enrollment block %u is longer or shorter than it says", number);
}

static enum err load_past(struct engine *engine, const struct block *block, struct reader *r,
                          struct err_detail *detail)
{
    while (engine->block_aggregates.count <= block->number)
        *array_push(&engine->block_aggregates) = 0;
    return past_decode(engine->past, block->number, r, &engine->block_aggregates.items[block->number],
                       detail);
}

enum err engine_load_block(struct engine *engine, const struct block *block, struct err_detail *detail)
{
    if (block->kind == BLOCK_TOTALS)
        return load_totals(engine, block, detail);
    if (block->kind > BLOCK_TOTALS)
        return err_fail(detail, ERR_NEWER, "", "block kind %u is of a later version", block->kind);
    struct reader r = reader_of(block->body);
    enum err err;
    if (block->kind == BLOCK_CONTACTS)
        err = contacts_decode(engine->contacts, block->number, &r, detail);
    else if (block->kind == BLOCK_PAST)
        err = load_past(engine, block, &r, detail);
    else
        err = enrollments_decode(&engine->enrollments, block->number, &r, detail);
    if (!err && block->kind == BLOCK_ENROLLMENTS)
        err = decode_holds(engine, block->number, &r, detail);
    struct chunks *chunks = &engine->chunks[block->kind];
    while (chunks->block_seq.count <= block->number)
        *array_push(&chunks->block_seq) = 0;
    chunks->block_seq.items[block->number] = block->seq;
    return err;
}

/* Whether everything that a row names is there: what applying it takes for granted. */
static bool is_row_sound(const struct engine *engine, const struct ledger_row *row)
{
    if (row->flags & LEDGER_CONTROL)
        return true;
    if (row->version >= engine->versions.count || row->version >= plan_version_count(engine->plan) ||
        row->contact >= contacts_count(engine->contacts))
        return false;
    const struct definition *definition = plan_version(engine->plan, row->version)->definition;
    uint32_t rules = row->reason == LEAVE_GOAL        ? definition->goal_count
                     : row->reason == LEAVE_EXIT_RULE ? definition->exit_count
                                                      : UINT32_MAX;
    if (row->node >= definition->node_count || row->reason >= LEAVE_REASONS ||
        (row->flags & LEDGER_LEAVES && row->which >= rules))
        return false;
    for (uint16_t i = 0; i < row->path_count; i++) {
        if (row->path[i].node >= definition->node_count ||
            row->path[i].outcome >= definition->nodes[row->path[i].node].outcome_count)
            return false;
    }
    return true;
}

enum err engine_load_row(struct engine *engine, const struct event_row *event,
                         const struct ledger_row *ledger, struct err_detail *detail)
{
    arena_reset(&engine->scratch);
    if ((event ? event->seq : ledger->seq) > engine->totals_seq)
        totals_turn(&engine->totals, event ? event->received_ms : ledger->at_ms);
    if (ledger) {
        return is_row_sound(engine, ledger)
                   ? apply_ledger(engine, ledger, detail)
                   : err_fail(detail, ERR_CORRUPT, "", "ledger row %lu names what is not there",
                              (unsigned long)ledger->seq);
    }
    uint32_t next = contacts_count(engine->contacts);
    if (event->contact > next || (event->contact == next && event->created.size == 0))
        return err_fail(detail, ERR_CORRUPT, "", "event row %lu is of a contact that is not there",
                        (unsigned long)event->seq);
    struct event_content content;
    enum err err = event_content_of(engine, event, &content, detail);
    if (!err)
        apply_event(engine, event, &content);
    return err;
}

uint64_t engine_backfill_to(const struct engine *engine)
{
    return engine->backfill_from < past_aggregates(engine->past) ? engine->head.seq : 0;
}

static bool is_counted(const struct engine *engine, const struct event_row *event, uint16_t from,
                       uint16_t end)
{
    const struct plan_listeners *listeners =
        plan_event_listeners(engine->plan, engine_event_id(event->kind, event->name));
    array_each (&listeners->aggregates, i) {
        if (listeners->aggregates.items[i] >= from && listeners->aggregates.items[i] < end)
            return true;
    }
    return false;
}

enum err engine_backfill_row(struct engine *engine, const struct event_row *event, struct err_detail *detail)
{
    uint16_t from = engine_aggregates_there(engine, event->contact), end = past_aggregates(engine->past);
    if (!event_is_deed(event->kind) || event->name == 0 || from >= end)
        return ERR_OK;
    engine_dirty(engine, BLOCK_PAST, event->contact);
    if (!is_counted(engine, event, from, end))
        return ERR_OK; /* parsing its properties would be a quarter of what it costs */
    arena_reset(&engine->scratch);
    struct event_content content;
    enum err err = event_content_of(engine, event, &content, detail);
    if (!err)
        engine_aggregate(engine, event, &content.properties, from, end);
    return err;
}

void engine_backfill_end(struct engine *engine)
{
    engine->backfill_from = past_aggregates(engine->past);
    array_free(&engine->block_aggregates);
}

/* Whoever rests before a node and is due at once went through too many: the system held the version then, and
 * the log may not say so yet. */
static void hold_again(struct engine *engine, const struct enrollment *e)
{
    if (!(e->bits & ENROLLMENT_BEFORE) || enrollment_due(e) != e->arrived_ms ||
        engine_held(engine, e->version))
        return;
    engine_hold(engine, e->version, e->contact, e->arrived_ms);
}

/* Lists and timers are no facts: they are made again from the enrollments. */
static void rebuild(struct engine *engine)
{
    for (uint32_t id = enrollments_next(&engine->enrollments, 0); id != ENROLLMENT_NONE;
         id = enrollments_next(&engine->enrollments, id + 1)) {
        struct enrollment *e = enrollments_find(&engine->enrollments, id);
        struct contact_id contact = {e->contact};
        e->next = contacts_enrollments(engine->contacts, contact);
        contacts_set_enrollments(engine->contacts, contact, id);
        hold_again(engine, e);
        engine_arm_node(engine, id);
        engine_arm(engine, id, true);
        engine_look_again(engine, id);
    }
}

void engine_load_end(struct engine *engine)
{
    engine->loading = false;
    if (engine->head.now_ms != INT64_MIN) {
        totals_turn(&engine->totals, engine->head.now_ms);
        timers_start(engine->timers, engine->head.now_ms);
    }
    rebuild(engine);
    for (size_t kind = 0; kind < BLOCK_TOTALS; kind++)
        array_free(&engine->chunks[kind].block_seq);
}
