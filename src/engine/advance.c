/* One enrollment from where it rests to where it rests next: nodes are passed until one holds the contact or
 * ends the enrollment, and all of it becomes one ledger row. */
#include "engine/state.h"

typedef struct node_step node_arrive(struct passing *p);

static struct node_step exit_arrive(struct passing *p)
{
    (void)p;
    return LEAVE(LEAVE_FORCE_EXIT);
}

static struct node_step stop_arrive(struct passing *p)
{
    (void)p;
    return LEAVE(LEAVE_COMPLETED);
}

static node_arrive *const arrivals[NODE_KINDS] = {
    [NODE_WAIT] = node_wait_arrive,
    [NODE_WAIT_FOR] = node_wait_for_arrive,
    [NODE_SEGMENT] = node_segment_arrive,
    [NODE_SPLIT] = node_split_arrive,
    [NODE_ACTIVATE] = node_activate_arrive,
    [NODE_UPDATE] = node_update_arrive,
    [NODE_EXIT] = exit_arrive,
    [NODE_STOP] = stop_arrive,
};

/* ── too many passages ────────────────────────────────────────────────────── */

static uint32_t *passages_of(struct passages *passages, uint32_t contact)
{
    uint32_t i = (contact * UINT32_C(2654435761)) & passages->mask;
    while (passages->slots[i].count && passages->slots[i].contact != contact)
        i = (i + 1) & passages->mask;
    if (passages->slots[i].count == 0) {
        passages->slots[i].contact = contact;
        passages->used++;
    }
    return &passages->slots[i].count;
}

static void passages_grow(struct passages *passages)
{
    struct passages old = *passages;
    passages->mask = old.slots ? old.mask * 2 + 1 : 63;
    passages->used = 0;
    passages->slots = memory_take_zeroed((size_t)passages->mask + 1, sizeof *passages->slots);
    for (size_t i = 0; old.slots && i <= old.mask; i++) {
        if (old.slots[i].count)
            *passages_of(passages, old.slots[i].contact) = old.slots[i].count;
    }
    free(old.slots);
}

void engine_hold(struct engine *engine, uint16_t version, uint32_t contact, int64_t at_ms)
{
    engine_version(engine, version)->held_ms = at_ms;
    *array_push(&engine->alerts) = (struct engine_alert){version, contact, at_ms};
}

bool engine_too_many_passages(struct engine *engine, uint32_t contact, uint16_t version)
{
    struct passages *passages = &engine->passages;
    if (!passages->slots || passages->used * 2 > passages->mask)
        passages_grow(passages);
    if (++*passages_of(passages, contact) <= ENGINE_PASSAGES_MAX)
        return false;
    if (!engine_held(engine, version))
        engine_hold(engine, version, contact, engine->head.now_ms);
    return true;
}

/* ── the row ──────────────────────────────────────────────────────────────── */

static void open_effects(struct passing *p, uint64_t opened_by)
{
    struct engine *engine = p->engine;
    const struct node *node = passing_node(p);
    for (uint32_t d = 0; d < p->effects; d++) {
        struct effect_row effect = {.at_ms = engine->head.now_ms,
                                    .contact = p->contact,
                                    .enrollment = p->enrollment,
                                    .version = p->version->number,
                                    .visit = p->visits,
                                    .kind = EFFECT_OPENED,
                                    .node = p->node,
                                    .destination = (uint8_t)d,
                                    .destination_name =
                                        arena_str(&engine->batch->bytes, node->activate.destinations[d]),
                                    .operation = arena_str(&engine->batch->bytes, node->activate.operation)};
        effect.seq = engine_seq(engine, 0);
        effect.effect = effect.seq;
        CHECK(effect.seq == opened_by + 1 + d); /* how a result and a leaving find it again */
        *array_push(&engine->batch->effects) = effect;
    }
}

static void close_effect(struct engine *engine, const struct enrollment *e, uint32_t id, uint8_t destination,
                         enum effect_kind kind)
{
    struct effect_row effect = {.effect = e->arrived_seq + 1 + destination,
                                .at_ms = engine->head.now_ms,
                                .contact = e->contact,
                                .enrollment = id,
                                .version = e->version,
                                .visit = e->visits,
                                .kind = (uint8_t)kind,
                                .node = e->node,
                                .destination = destination};
    effect.seq = engine_seq(engine, 0);
    *array_push(&engine->batch->effects) = effect;
}

/* What has not been answered when the contact leaves; a node that was moved on from has nothing left. */
static void cancel_effects(const struct passing *p)
{
    const struct enrollment *e = enrollments_find(&p->engine->enrollments, p->enrollment);
    for (uint8_t d = 0; p->pending >> d; d++) {
        if (p->pending & (1 << d))
            close_effect(p->engine, e, p->enrollment, d, EFFECT_CANCELLED);
    }
}

static struct ledger_row row_of(const struct passing *p)
{
    struct ledger_row row = {.at_ms = p->engine->head.now_ms,
                             .due_ms = p->due_ms,
                             .cause = p->cause,
                             .contact = p->contact,
                             .enrollment = p->enrollment,
                             .version = p->version->number,
                             .node = p->node,
                             .goals = p->goals,
                             .visits = p->visits,
                             .pending = p->pending,
                             .failed = p->failed,
                             .path_count = p->path_count};
    row.flags = (uint16_t)((p->enters ? LEDGER_ENTERS : 0) | (p->moved ? LEDGER_MOVES : 0) |
                           (p->done ? LEDGER_DONE : 0) | (p->before ? LEDGER_BEFORE : 0) |
                           (p->off_edge ? LEDGER_OFF_EDGE : 0));
    if (p->path_count) {
        struct passage *path = arena_take_array(&p->engine->batch->bytes, p->path_count, sizeof *path);
        memcpy(path, p->path, p->path_count * sizeof *path);
        row.path = path;
    }
    return row;
}

/* What its update nodes changed is settled right after the movement that made it. */
static void settle_changes(struct passing *p)
{
    if (p->changed.count == 0)
        return;
    const struct happening happening = {.at_ms = p->engine->head.now_ms,
                                        .seq = p->changed_seq,
                                        .cause = (int64_t)p->changed_seq,
                                        .attributes = p->changed.items,
                                        .attribute_count = (uint32_t)p->changed.count};
    settle_attributes(p->engine, (struct contact_id){p->contact}, &happening);
    array_free(&p->changed);
}

static void rest(struct passing *p)
{
    struct ledger_row row = row_of(p);
    engine_put_ledger(p->engine, &row, p->effects);
    open_effects(p, row.seq);
    engine_arm_node(p->engine, p->enrollment);
    engine_arm(p->engine, p->enrollment, p->enters);
    settle_changes(p);
}

static void leave(struct passing *p, enum leave_reason reason, uint8_t which, double value)
{
    cancel_effects(p);
    struct ledger_row row = row_of(p);
    bool bars = reason != LEAVE_VERSION_STOPPED && reason != LEAVE_CARRIED_OVER;
    row.flags |= (uint16_t)(LEDGER_LEAVES | (bars ? LEDGER_BARS : 0));
    row.due_ms = INSTANT_NEVER;
    row.reason = (uint8_t)reason;
    row.which = which;
    row.value = value;
    engine_put_ledger(p->engine, &row, 0);
    settle_changes(p);
}

/* ── movement ─────────────────────────────────────────────────────────────── */

static struct node_step arrive(struct passing *p)
{
    p->moved = true;
    p->done = false;
    p->failed = false;
    p->pending = 0;
    p->due_ms = INSTANT_NEVER;
    p->before = engine_too_many_passages(p->engine, p->contact, p->version->number);
    if (p->before) {
        p->due_ms = p->engine->head.now_ms; /* overdue at once: resume takes it on */
        return STAY;
    }
    p->visits++;
    return arrivals[passing_node(p)->kind](p);
}

static void run(struct passing *p, struct node_step step)
{
    while (step.kind == STEP_TAKE) {
        const struct node *node = passing_node(p);
        CHECK(step.outcome < node->outcome_count);
        int16_t to = node->outcomes[step.outcome].to;
        p->pending = 0;
        p->due_ms = INSTANT_NEVER;
        if (to == EDGE_NONE && node->last && p->version->definition->goal_count == 0) {
            step = LEAVE(LEAVE_COMPLETED);
        } else if (to == EDGE_NONE) {
            p->done = true;
            step = STAY;
        } else {
            p->path[p->path_count++] = (struct passage){p->node, step.outcome};
            p->node = (uint8_t)to;
            step = arrive(p);
        }
    }
    if (step.kind == STEP_LEAVE)
        leave(p, step.reason, 0, 0);
    else
        rest(p);
}

static void passing_of(struct engine *engine, uint32_t id, int64_t cause, struct passing *ret)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    CHECK(e);
    ret->engine = engine;
    ret->version = plan_version(engine->plan, e->version);
    ret->enrollment = id;
    ret->contact = e->contact;
    ret->node = e->node;
    ret->goals = enrollment_goals(e);
    ret->visits = e->visits;
    ret->pending = e->pending;
    ret->moved = ret->off_edge = ret->enters = false;
    ret->done = e->bits & ENROLLMENT_DONE;
    ret->before = e->bits & ENROLLMENT_BEFORE;
    ret->failed = e->bits & ENROLLMENT_FAILED;
    ret->due_ms = enrollment_due(e);
    ret->cause = cause;
    ret->effects = 0;
    ret->path_count = 0;
    ret->changed.items = NULL;
    ret->changed.count = ret->changed.capacity = 0;
}

void advance_enter(struct engine *engine, const struct plan_version *version, struct contact_id contact,
                   uint8_t goals, int64_t cause)
{
    struct passing p;
    p.engine = engine;
    p.version = version;
    p.enrollment = engine->head.enrollments;
    p.contact = contact.n;
    p.node = (uint8_t)version->definition->start;
    p.goals = goals;
    p.visits = 0;
    p.pending = 0;
    p.off_edge = false;
    p.enters = true;
    p.cause = cause;
    p.effects = 0;
    p.path_count = 0;
    p.changed.items = NULL;
    p.changed.count = p.changed.capacity = 0;
    run(&p, arrive(&p));
}

void advance_by(struct engine *engine, uint32_t id, uint8_t outcome, int64_t cause)
{
    struct passing p;
    passing_of(engine, id, cause, &p);
    run(&p, TAKE(outcome));
}

void advance_due(struct engine *engine, uint32_t id)
{
    struct passing p;
    passing_of(engine, id, 0, &p);
    if (p.before) {
        p.off_edge = true;
        run(&p, arrive(&p));
        return;
    }
    switch (passing_node(&p)->kind) {
    case NODE_WAIT: run(&p, TAKE(0)); return;
    case NODE_WAIT_FOR: run(&p, TAKE(WAIT_FOR_TIMED_OUT)); return;
    case NODE_ACTIVATE: run(&p, TAKE(p.failed ? ACTIVATE_FAILED : ACTIVATE_NEXT)); return;
    default: CHECK(!"only these nodes have a timer");
    }
}

void advance_leave(struct engine *engine, uint32_t id, enum leave_reason reason, uint8_t which, double value,
                   int64_t cause)
{
    struct passing p;
    passing_of(engine, id, cause, &p);
    leave(&p, reason, which, value);
}

void advance_rewrite(struct engine *engine, uint32_t id, uint8_t goals, uint16_t pending, bool failed,
                     int64_t due_ms, const struct hold *hold, int64_t cause)
{
    struct passing p;
    passing_of(engine, id, cause, &p);
    p.goals = goals;
    p.pending = pending;
    p.failed = failed;
    p.due_ms = due_ms;
    struct ledger_row row = row_of(&p);
    struct hold kept;
    if (!hold && enrollments_find(&engine->enrollments, id)->bits & ENROLLMENT_HELD) {
        kept = holds_get(&engine->holds, id);
        hold = &kept;
    }
    if (hold) {
        struct buf text = {0};
        hold_write(hold, &text);
        row.flags |= LEDGER_HELD;
        row.detail = arena_str(&engine->batch->bytes, buf_str(&text));
        buf_deinit(&text);
    }
    engine_put_ledger(engine, &row, 0);
}

/* ── answers of destinations ──────────────────────────────────────────────── */

void engine_result(struct engine *engine, const struct result *result)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, result->enrollment);
    if (!e || e->visits != result->visit || result->destination >= DEFINITION_DESTINATIONS_MAX)
        return;
    uint16_t bit = (uint16_t)(1u << result->destination);
    if (!(e->pending & bit))
        return;
    close_effect(engine, e, result->enrollment, result->destination,
                 result->failed ? EFFECT_FAILED : EFFECT_SENT);
    int64_t cause = (int64_t)engine->head.seq;
    uint16_t pending = e->pending & (uint16_t)~bit;
    bool failed = result->failed || e->bits & ENROLLMENT_FAILED;
    if (pending == 0 && !engine_held(engine, e->version)) {
        advance_by(engine, result->enrollment, failed ? ACTIVATE_FAILED : ACTIVATE_NEXT, cause);
        return;
    }
    int64_t due_ms = pending ? INSTANT_NEVER : engine->head.now_ms; /* held: resume moves it on */
    advance_rewrite(engine, result->enrollment, enrollment_goals(e), pending, failed, due_ms, NULL, cause);
}
