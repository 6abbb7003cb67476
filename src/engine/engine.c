#include "engine/engine.h"

#include "base/memory.h"
#include "engine/state.h"

enum { PASSAGES_KEPT = 4096 };

static void refine(void *context, uint32_t id, int64_t from_ms, int64_t to_ms);

struct engine *engine_new(const struct engine_options *options)
{
    struct engine *engine = memory_take_zeroed(1, sizeof *engine);
    engine->options = *options;
    engine->plan = options->plan;
    engine->contacts = contacts_new();
    engine->past = past_new();
    engine->timers = timers_new(refine, engine);
    engine->json = json_reader_new();
    engine->head.now_ms = INT64_MIN;
    return engine;
}

static void chunks_deinit(struct chunks *chunks)
{
    array_free(&chunks->dirty);
    array_free(&chunks->block_seq);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    contacts_free(engine->contacts);
    past_free(engine->past);
    enrollments_deinit(&engine->enrollments);
    holds_deinit(&engine->holds);
    timers_free(engine->timers);
    totals_deinit(&engine->totals);
    array_each (&engine->versions, i)
        array_free(&engine->versions.items[i].closures);
    array_free(&engine->versions);
    free(engine->passages.slots);
    array_free(&engine->alerts);
    for (size_t i = 0; i < BLOCK_TOTALS; i++)
        chunks_deinit(&engine->chunks[i]);
    free(engine->cycle.todo);
    arena_deinit(&engine->scratch);
    json_reader_free(engine->json);
    array_free(&engine->block_aggregates);
    free(engine);
}

static uint64_t work_bytes(const struct engine *engine)
{
    const struct passages *passages = &engine->passages;
    uint64_t bytes = sizeof *engine + totals_bytes(&engine->totals) + array_bytes(&engine->versions) +
                     array_bytes(&engine->alerts) + array_bytes(&engine->block_aggregates) +
                     engine->cycle.count * sizeof *engine->cycle.todo + arena_held(&engine->scratch);
    for (size_t i = 0; i < BLOCK_TOTALS; i++)
        bytes += array_bytes(&engine->chunks[i].dirty) + array_bytes(&engine->chunks[i].block_seq);
    return bytes + (passages->slots ? ((uint64_t)passages->mask + 1) * sizeof *passages->slots : 0);
}

void engine_weigh(const struct engine *engine, struct memory_use *use)
{
    contacts_weigh(engine->contacts, use);
    memory_add(use, MEMORY_PAST, past_bytes(engine->past));
    memory_add(use, MEMORY_ENROLLMENTS, enrollments_bytes(&engine->enrollments));
    memory_add(use, MEMORY_TIMERS, timers_bytes(engine->timers));
    memory_add(use, MEMORY_HOLDS, holds_bytes(&engine->holds));
    memory_add(use, MEMORY_ENGINE, work_bytes(engine));
}

void engine_set_batch(struct engine *engine, struct batch *batch)
{
    engine->batch = batch;
}

/* ── time ─────────────────────────────────────────────────────────────────── */

/* A table that an instant of very many has made goes with it: later instants need not empty it each time. */
static void passages_empty(struct passages *passages)
{
    if (passages->used == 0)
        return;
    if (passages->mask >= PASSAGES_KEPT) {
        free(passages->slots);
        *passages = (struct passages){0};
        return;
    }
    memset(passages->slots, 0, ((size_t)passages->mask + 1) * sizeof *passages->slots);
    passages->used = 0;
}

void engine_set_now(struct engine *engine, int64_t now_ms)
{
    CHECK(now_ms >= engine->head.now_ms);
    if (now_ms == engine->head.now_ms)
        return;
    int64_t quarter = totals_quarter(now_ms);
    if (quarter != engine->totals.quarter) {
        totals_write(&engine->totals, true, engine->batch);
        engine->totals.quarter = quarter;
    }
    engine->head.now_ms = now_ms;
    passages_empty(&engine->passages);
}

int64_t engine_now(const struct engine *engine)
{
    return engine->head.now_ms;
}

void engine_flush_totals(struct engine *engine)
{
    totals_write(&engine->totals, false, engine->batch);
}

/* ── timers ───────────────────────────────────────────────────────────────── */

int64_t engine_timeout(const struct engine *engine, const struct enrollment *e)
{
    int64_t timeout_ms = plan_version(engine->plan, e->version)->definition->timeout_ms;
    return timeout_ms ? e->entered_ms + timeout_ms : INSTANT_NEVER;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool has_time_rule(const struct plan_condition *condition)
{
    return condition->program && rule_needs(condition->program)->time;
}

static int64_t changes_of(const struct engine *engine, const struct plan_condition *condition,
                          uint32_t contact)
{
    if (!has_time_rule(condition))
        return INSTANT_NEVER;
    return engine_judge(engine, condition->program, contact).changes_ms;
}

/* When time alone may change what a goal, an exit rule or its wait_for says; asked only where one of them
 * can. */
static int64_t recheck_at(const struct engine *engine, const struct enrollment *e)
{
    const struct plan_version *version = plan_version(engine->plan, e->version);
    int64_t at_ms = INSTANT_NEVER;
    if (version->time_rules) {
        for (uint32_t i = 0; i < version->definition->goal_count; i++)
            at_ms = earlier(at_ms, changes_of(engine, &version->goals[i], e->contact));
        for (uint32_t i = 0; i < version->definition->exit_count; i++)
            at_ms = earlier(at_ms, changes_of(engine, &version->exits[i], e->contact));
    }
    if (version->definition->nodes[e->node].kind == NODE_WAIT_FOR &&
        !(e->bits & (ENROLLMENT_DONE | ENROLLMENT_BEFORE)))
        at_ms = earlier(at_ms, changes_of(engine, &version->nodes[e->node].condition, e->contact));
    return at_ms;
}

static bool has_time_rules(const struct engine *engine, uint32_t id)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    const struct plan_version *version = plan_version(engine->plan, e->version);
    return version->time_rules || (version->definition->nodes[e->node].kind == NODE_WAIT_FOR &&
                                   has_time_rule(&version->nodes[e->node].condition));
}

void engine_look_again(struct engine *engine, uint32_t id)
{
    if (has_time_rules(engine, id))
        timers_add(engine->timers, (struct timer){engine->head.now_ms, id, TIMER_NODE});
}

static void arm(struct engine *engine, uint32_t id, int64_t due_ms, enum timer_kind kind)
{
    if (due_ms != INSTANT_NEVER && due_ms >= engine->head.now_ms)
        timers_add(engine->timers, (struct timer){due_ms, id, kind});
}

void engine_arm(struct engine *engine, uint32_t id, bool all)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    arm(engine, id, recheck_at(engine, e), TIMER_NODE);
    if (all)
        arm(engine, id, engine_timeout(engine, e), TIMER_TIMEOUT);
}

void engine_arm_node(struct engine *engine, uint32_t id)
{
    arm(engine, id, enrollment_due(enrollments_find(&engine->enrollments, id)), TIMER_NODE);
}

void engine_arm_due_now(struct engine *engine, uint32_t id)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    if (engine_timeout(engine, e) == engine->head.now_ms)
        arm(engine, id, engine->head.now_ms, TIMER_TIMEOUT);
    if (enrollment_due(e) == engine->head.now_ms)
        arm(engine, id, engine->head.now_ms, TIMER_NODE);
}

/* The hour that an id was put into begins: its timers of this hour, by what it waits for at present. */
static void refine(void *context, uint32_t id, int64_t from_ms, int64_t to_ms)
{
    struct engine *engine = context;
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    if (!e)
        return;
    int64_t due_ms = enrollment_due(e), timeout_ms = engine_timeout(engine, e),
            recheck_ms = recheck_at(engine, e);
    if (due_ms >= from_ms && due_ms < to_ms)
        arm(engine, id, due_ms, TIMER_NODE);
    if (timeout_ms >= from_ms && timeout_ms < to_ms)
        arm(engine, id, timeout_ms, TIMER_TIMEOUT);
    arm(engine, id, recheck_ms, TIMER_NODE);
    /* opened by its very first instant: what changes then is no longer ahead, so it is judged now */
    if (engine->head.now_ms >= from_ms)
        engine_look_again(engine, id);
}

static void fire(struct engine *engine, const struct timer *timer)
{
    const struct happening happening = {.time = true, .at_ms = timer->due_ms, .seq = UINT64_MAX};
    const struct enrollment *e = enrollments_find(&engine->enrollments, timer->id);
    if (plan_version(engine->plan, e->version)->time_rules) {
        (void)settle_ends(engine, timer->id, &happening);
        e = enrollments_find(&engine->enrollments, timer->id);
        if (!e)
            return;
    }
    bool held = engine_held(engine, e->version);
    if (timer->kind == TIMER_TIMEOUT) {
        if (!held && engine_timeout(engine, e) <= timer->due_ms)
            advance_leave(engine, timer->id, LEAVE_TIMED_OUT, 0, 0, 0);
        return;
    }
    uint64_t arrived_seq = e->arrived_seq;
    settle_wait(engine, timer->id, &happening);
    e = enrollments_find(&engine->enrollments, timer->id);
    if (!e || e->arrived_seq != arrived_seq)
        return;
    if (!held && !(e->bits & ENROLLMENT_DONE) && enrollment_due(e) <= timer->due_ms)
        advance_due(engine, timer->id);
    else
        engine_arm(engine, timer->id, false);
}

bool engine_fire(struct engine *engine, int64_t until_ms)
{
    struct timer timer;
    while (timers_take(engine->timers, until_ms, &timer)) {
        if (!enrollments_find(&engine->enrollments, timer.id))
            continue;
        arena_reset(&engine->scratch);
        engine_set_now(engine, timer.due_ms);
        fire(engine, &timer);
        return true;
    }
    return false;
}

int64_t engine_next_timer(const struct engine *engine)
{
    return timers_next(engine->timers);
}

/* ── records ──────────────────────────────────────────────────────────────── */

/* The attributes that get another value by it: what is set again to what it is has not changed. */
static uint32_t list_changed(struct engine *engine, const struct record *record, struct contact_id contact,
                             bool is_new, uint16_t **ret)
{
    uint16_t *changed = arena_take_array(&engine->scratch, record->trait_count, sizeof *changed);
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->trait_count; i++) {
        const struct trait *trait = &record->traits[i];
        struct value now = {.type = VALUE_MISSING};
        if (!is_new)
            now = contacts_attribute(engine->contacts, contact, trait->attribute);
        if (!value_equal(&now, &trait->value))
            changed[count++] = trait->attribute;
    }
    *ret = changed;
    return count;
}

void engine_record(struct engine *engine, const struct record *record)
{
    arena_reset(&engine->scratch);
    struct arena *bytes = &engine->batch->bytes;
    struct contact_id contact;
    struct str created = {0};
    if (!contacts_find(engine->contacts, record->external_id, record->hash, &contact)) {
        contact.n = contacts_count(engine->contacts);
        created = arena_str(bytes, record->external_id);
    }
    int64_t now_ms = engine->head.now_ms;
    enum event_kind kind = record->kind == EVENT_TRACK && record->history ? EVENT_HISTORY : record->kind;
    struct event_row row = {.message = record->message,
                            .at_ms = record->at_ms < now_ms ? record->at_ms : now_ms,
                            .received_ms = now_ms,
                            .contact = contact.n,
                            .name = kind == EVENT_ENROLL ? (uint16_t)(record->journey + 1) : record->name,
                            .kind = (uint8_t)kind,
                            .created = created,
                            .body = record->body.size ? arena_str(bytes, record->body) : STR("")};
    const struct event_content content = {record->properties, record->trait_count, record->traits};
    uint16_t *changed;
    uint32_t changed_count = list_changed(engine, record, contact, created.size, &changed);
    engine_put_event(engine, &row, &content);
    struct happening happening = {.history = row.kind == EVENT_HISTORY,
                                  .at_ms = row.at_ms,
                                  .seq = row.seq,
                                  .cause = (int64_t)row.seq,
                                  .properties = &record->properties,
                                  .attributes = changed,
                                  .attribute_count = changed_count,
                                  .outcome = record->outcome};
    happening.event = engine_event_id(kind, row.name);
    if (kind == EVENT_ENROLL && record->outcome)
        *record->outcome = ENROLL_NO_RULE; /* nobody listens */
    if (event_is_deed(row.kind))
        settle_event(engine, contact, &happening);
    else
        settle_attributes(engine, contact, &happening);
}

/* ── reads ────────────────────────────────────────────────────────────────── */

bool engine_take_alert(struct engine *engine, struct engine_alert *ret)
{
    if (engine->alerts.count == 0)
        return false;
    *ret = engine->alerts.items[--engine->alerts.count];
    return true;
}

struct version_status engine_version_status(const struct engine *engine, uint16_t version)
{
    if (version >= engine->versions.count)
        return (struct version_status){VERSION_DRAFT, HOLD_NONE};
    return engine_held(engine, version) ? (struct version_status){VERSION_PAUSED, HOLD_ALL}
                                        : engine->versions.items[version].status;
}

static struct enrollment_view view_of(const struct engine *engine, uint32_t id)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    return (struct enrollment_view){.id = id,
                                    .contact = e->contact,
                                    .version = e->version,
                                    .visits = e->visits,
                                    .node = e->node,
                                    .before = e->bits & ENROLLMENT_BEFORE,
                                    .entered_ms = e->entered_ms,
                                    .arrived_ms = e->arrived_ms,
                                    .due_ms = enrollment_due(e),
                                    .timeout_ms = engine_timeout(engine, e),
                                    .pending = e->pending,
                                    .arrived_seq = e->arrived_seq};
}

bool engine_enrollment(const struct engine *engine, struct contact_id contact, uint16_t journey,
                       struct enrollment_view *ret)
{
    uint32_t id = engine_find_enrollment(engine, contact, journey);
    if (id == ENROLLMENT_NONE)
        return false;
    *ret = view_of(engine, id);
    return true;
}

void engine_each_enrollment(const struct engine *engine, bool (*on)(void *, const struct enrollment_view *),
                            void *context)
{
    for (uint32_t id = enrollments_next(&engine->enrollments, 0); id != ENROLLMENT_NONE;
         id = enrollments_next(&engine->enrollments, id + 1)) {
        struct enrollment_view view = view_of(engine, id);
        if (!on(context, &view))
            return;
    }
}

const struct contacts *engine_contacts(const struct engine *engine)
{
    return engine->contacts;
}

const struct past *engine_past(const struct engine *engine)
{
    return engine->past;
}

uint64_t engine_event_count(const struct engine *engine)
{
    return engine->totals.events;
}

struct stat_row engine_total(const struct engine *engine, struct stat_key key)
{
    return totals_get(&engine->totals, key);
}

const struct partition_head *engine_head(const struct engine *engine)
{
    return &engine->head;
}

void engine_set_input(struct engine *engine, uint64_t input, bool now_open)
{
    CHECK(input >= engine->head.input);
    engine->head.input = input;
    engine->head.now_open = now_open;
}
