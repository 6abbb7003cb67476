/* What operators (or the system) do to a version, as one partition takes it. Taking an action is a ledger
 * row; the state itself is a fold over the control log, so a partition that loads makes it again from the
 * actions it had taken. */
#include "engine/state.h"

static void fold_publish(struct engine *engine, const struct action *action)
{
    const struct plan_version *version = plan_version(engine->plan, action->version);
    struct version_runtime *runtime = engine_version(engine, action->version);
    runtime->opened_ms = action->at_ms;
    totals_add_version(&engine->totals, version);
    for (uint16_t a = past_aggregates(engine->past); a < version->aggregates_end; a++)
        past_register(engine->past, a, plan_aggregate(engine->plan, a)->ring);
}

/* Since when the entry is closed, whatever the hold; it has one closure from the first pause to the resume.
 */
static void fold_entry(struct version_runtime *runtime, struct version_status to, int64_t at_ms)
{
    if (lifecycle_lets_in(runtime->status) && to.hold != HOLD_NONE)
        runtime->closed_ms = at_ms;
    if (lifecycle_lets_in(to) && runtime->closed_ms != INSTANT_NEVER)
        *array_push(&runtime->closures) = (struct interval){runtime->closed_ms, at_ms};
    if (to.hold == HOLD_NONE)
        runtime->closed_ms = INSTANT_NEVER;
}

void action_fold(struct engine *engine, const struct action *action)
{
    struct version_runtime *runtime = engine_version(engine, action->version);
    struct version_status to;
    CHECK(lifecycle_move(runtime->status, action->kind, action->hold, &to));
    if (action->kind == ACTION_PUBLISH)
        fold_publish(engine, action);
    fold_entry(runtime, to, action->at_ms);
    if (to.hold == HOLD_ALL)
        runtime->held_ms = action->at_ms; /* the log's word, also where it had held itself before */
    else if (to.hold == HOLD_NONE || runtime->status.hold == HOLD_ALL)
        runtime->held_ms = INSTANT_NEVER; /* not by a pause of entries alone, where it has held itself */
    runtime->status = to;
    engine->head.control = action->position;
}

/* One contact of a version that goes on (spec/lifecycle.md §3): what came during the hold in its own order,
 * ends first; then what is overdue, the journey's timeout first. */
static void resume_one(struct engine *engine, uint32_t id)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    if (engine_held(engine, e->version))
        return; /* held again by one before this: the next resume goes on from here */
    struct hold hold = e->bits & ENROLLMENT_HELD ? holds_get(&engine->holds, id) : HOLD_NOTHING;
    int64_t timeout_ms = engine_timeout(engine, e), now_ms = engine->head.now_ms;
    int64_t first_ms = hold.end_ms != INSTANT_NEVER ? hold.end_ms : hold.wait_ms;
    if (first_ms != INSTANT_NEVER && timeout_ms < first_ms) {
        advance_leave(engine, id, LEAVE_TIMED_OUT, 0, 0, 0);
        return;
    }
    if (hold.end_ms != INSTANT_NEVER) {
        advance_leave(engine, id, hold.reason, hold.which, hold.value, hold.end_cause);
        return;
    }
    if (hold.wait_ms != INSTANT_NEVER && hold.wait_ms <= enrollment_due(e)) {
        advance_by(engine, id, WAIT_FOR_YES, hold.wait_cause);
        e = enrollments_find(&engine->enrollments, id);
        if (!e)
            return;
    }
    if (timeout_ms < now_ms)
        advance_leave(engine, id, LEAVE_TIMED_OUT, 0, 0, 0);
    else if (engine_held(engine, e->version))
        return;
    else if (enrollment_due(e) < now_ms || (e->bits & ENROLLMENT_BEFORE && enrollment_due(e) <= now_ms))
        advance_due(engine, id);
    else
        engine_arm_due_now(engine, id);
}

static void each_inside(struct engine *engine, uint16_t version, void (*on)(struct engine *, uint32_t))
{
    uint32_t end = engine->head.enrollments;
    for (uint32_t id = enrollments_next(&engine->enrollments, 0); id < end;
         id = enrollments_next(&engine->enrollments, id + 1)) {
        if (enrollments_find(&engine->enrollments, id)->version == version)
            on(engine, id);
    }
}

static void stop_one(struct engine *engine, uint32_t id)
{
    advance_leave(engine, id, LEAVE_VERSION_STOPPED, 0, 0, 0);
}

void engine_action(struct engine *engine, const struct action *action)
{
    CHECK(action->position > engine->head.control);
    arena_reset(&engine->scratch);
    bool was_held = action->version < engine->versions.count && engine_held(engine, action->version);
    action_fold(engine, action);
    struct ledger_row row = {.at_ms = engine->head.now_ms,
                             .due_ms = INSTANT_NEVER,
                             .cause = -(int64_t)action->position,
                             .contact = UINT32_MAX,
                             .enrollment = ENROLLMENT_NONE,
                             .version = action->version,
                             .flags = LEDGER_CONTROL};
    engine_put_ledger(engine, &row, 0);
    if (was_held && lifecycle_moves(engine_version_status(engine, action->version)))
        each_inside(engine, action->version, resume_one);
    else if (action->kind == ACTION_STOP)
        each_inside(engine, action->version, stop_one);
    if (engine->totals.events == 0)
        engine->backfill_from = past_aggregates(engine->past);
}
