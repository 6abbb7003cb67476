#include "partition/world_test.h"

#include <inttypes.h>

#include "json/document.h"

/* ── a world ──────────────────────────────────────────────────────────────── */

static void say_and_fail(const char *what, const struct err_detail *detail)
{
    fail_msg("%s: %s %s", what, detail->place, detail->text);
}

static bool send_at_once(void *context, const struct effect_row *effect, bool *ret_failed)
{
    (void)context;
    (void)effect;
    *ret_failed = false;
    return true;
}

static void load(struct world *w)
{
    struct err_detail detail = {0};
    if (control_open(w->store, false, &w->control, &detail))
        say_and_fail("control_open", &detail);
    const struct partition_options options = {.store = w->store,
                                              .control = w->control,
                                              .answer = w->answers ? send_at_once : NULL,
                                              .late_tolerance = w->late_tolerance,
                                              .dedupe_ids_max = w->dedupe_ids_max,
                                              .cycle_rows = w->cycle_rows,
                                              .cycle_blocks = w->cycle_blocks};
    if (partition_open(&options, &w->partition, &detail))
        say_and_fail("partition_open", &detail);
    if (partition_remember(&w->partition, 1, w->now_ms, &detail))
        say_and_fail("partition_remember", &detail);
}

void world_begin(struct world *w)
{
    w->store = store_memory_new(1);
    w->json = json_reader_new();
    w->now_ms = INT64_MIN;
    load(w);
}

void world_end(struct world *w)
{
    partition_close(w->partition);
    control_close(w->control);
    store_close(w->store);
    json_reader_free(w->json);
    arena_deinit(&w->arena);
    buf_deinit(&w->alerts);
    buf_deinit(&w->expected);
}

static int open_world(void **state, bool answers)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);
    w->answers = answers;
    world_begin(w);
    *state = w;
    return 0;
}

int world_open(void **state)
{
    return open_world(state, false);
}

int world_closed(void **state)
{
    return open_world(state, true);
}

int world_over(void **state)
{
    world_end(*state);
    free(*state);
    return 0;
}

void world_reload(struct world *w)
{
    partition_close(w->partition);
    control_close(w->control);
    load(w);
}

/* ── texts ────────────────────────────────────────────────────────────────── */

int64_t world_instant(const char *text)
{
    char full[64];
    int64_t ms;
    const char *before = text[2] == ':' ? "2026-03-01T" : text[2] == 'T' ? "2026-03-" : "";
    snprintf(full, sizeof full, "%s%s%s", before, text, *before ? "Z" : "");
    if (!instant_parse(str_from(full), &ms))
        fail_msg("\"%s\" is no instant", text);
    return ms;
}

const char *world_json(struct world *w, const char *text)
{
    char *copy = arena_printf(&w->arena, "%s", text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static void put_single_quoted(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.size; i++)
        buf_put_char(out, text.data[i] == '"' ? '\'' : text.data[i]);
}

/* 01T10:00, with seconds and milliseconds where they are not zero; before March 2026 whole. */
static void put_instant(struct buf *out, int64_t ms)
{
    char text[32];
    instant_print(ms, false, text);
    char *from = strncmp(text, "2026-03-", 8) ? text : text + 8;
    from[strlen(from) - 1] = '\0';
    size_t size = strlen(from);
    if (size > 3 && strcmp(from + size - 3, ":00") == 0)
        from[size - 3] = '\0';
    buf_put_text(out, from);
}

/* ── putting in ───────────────────────────────────────────────────────────── */

void world_take_alerts(struct world *w)
{
    struct engine_alert alert;
    struct err_detail detail = {0};
    while (partition_take_alert(w->partition, &alert)) {
        const struct definition *d = plan_version(control_plan(w->control), alert.version)->definition;
        put_instant(&w->alerts, alert.at_ms);
        buf_printf(&w->alerts, " %.*s holds %.*s\n",
                   STR_ARG(contacts_external_id(engine_contacts(partition_engine(w->partition)),
                                                (struct contact_id){alert.contact})),
                   STR_ARG(d->name));
        const struct control_by by = {.actor = STR("system"), .at_ms = alert.at_ms};
        struct version_status status = control_version_status(w->control, alert.version);
        if (lifecycle_move(status, ACTION_PAUSE, HOLD_ALL, &status) &&
            control_act(w->control, ACTION_PAUSE, HOLD_ALL, d->name, &by, &detail))
            say_and_fail("hold", &detail);
    }
}

static void keep_status(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)detail;
    assert_int_equal(count, 1);
    *(enum commit_status *)context = statuses[0];
}

void world_commit(struct world *w)
{
    const struct batch *batch = partition_take_batch(w->partition);
    if (!batch)
        return;
    enum commit_status status = COMMIT_FAILED;
    store_commit(w->store, &batch, 1, keep_status, &status);
    store_flush(w->store);
    assert_int_equal(status, COMMIT_DONE);
    partition_batch_done(w->partition, batch);
}

static void step(struct world *w, int64_t at_ms, const struct input *input)
{
    struct err_detail detail = {0};
    assert_true(at_ms >= w->now_ms);
    w->now_ms = at_ms;
    if (partition_step(w->partition, at_ms, control_position(w->control), input, input ? 1 : 0, false,
                       &detail))
        say_and_fail("partition_step", &detail);
    world_take_alerts(w);
    if (!w->keep)
        world_commit(w);
}

void world_publish(struct world *w, const char *at, const char *definition)
{
    struct err_detail detail = {0};
    json_t *document = NULL;
    uint16_t version;
    if (document_parse(str_from(world_json(w, definition)), "definition", &document, &detail))
        say_and_fail(definition, &detail);
    const struct control_by by = {.actor = STR("tester"), .at_ms = world_instant(at)};
    if (control_publish(w->control, document, &by, &version, &detail))
        say_and_fail(definition, &detail);
    json_decref(document);
    step(w, by.at_ms, NULL);
}

static void act(struct world *w, const char *at, enum action_kind kind, enum version_hold hold,
                const char *journey)
{
    struct err_detail detail = {0};
    const struct control_by by = {.actor = STR("tester"), .at_ms = world_instant(at)};
    if (control_act(w->control, kind, hold, str_from(journey), &by, &detail))
        say_and_fail(journey, &detail);
    step(w, by.at_ms, NULL);
}

void world_act(struct world *w, const char *at, enum action_kind kind, const char *journey)
{
    act(w, at, kind, kind == ACTION_PAUSE ? HOLD_ALL : HOLD_NONE, journey);
}

void world_pause(struct world *w, const char *at, enum version_hold hold, const char *journey)
{
    act(w, at, ACTION_PAUSE, hold, journey);
}

void world_record(struct world *w, struct arena *arena, int64_t own_ms, const char *contact,
                  const char *event, const char *json, struct record *ret)
{
    struct err_detail detail = {0};
    struct properties properties = {0};
    *ret = (struct record){.kind = event ? EVENT_TRACK : EVENT_IDENTIFY,
                           .external_id = str_from(contact),
                           .hash = contact_hash(str_from(contact)),
                           .at_ms = own_ms};
    if (json) {
        ret->body = str_from(world_json(w, json));
        if (properties_parse(w->json, ret->body, arena, &properties, &detail))
            say_and_fail(json, &detail);
    }
    if (event) {
        ret->name = control_name(w->control, NAME_EVENT, str_from(event));
        ret->properties = properties;
        return;
    }
    struct trait *traits = arena_take_array(arena, properties.count, sizeof *traits);
    for (uint32_t i = 0; i < properties.count; i++)
        traits[i] = (struct trait){control_name(w->control, NAME_ATTRIBUTE, properties.items[i].name),
                                   properties.items[i].value};
    ret->traits = traits;
    ret->trait_count = properties.count;
}

static void put_record(struct world *w, const char *at, const char *own, const char *contact,
                       const char *event, const char *json, bool history)
{
    struct input input = {.kind = INPUT_RECORD, .number = ++w->input};
    struct arena arena = {0};
    world_record(w, &arena, world_instant(own), contact, event, json, &input.record);
    input.record.history = history;
    step(w, world_instant(at), &input);
    arena_deinit(&arena);
}

void world_event(struct world *w, const char *at, const char *contact, const char *event,
                 const char *properties)
{
    put_record(w, at, at, contact, event, properties, false);
}

void world_late(struct world *w, const char *at, const char *own, const char *contact, const char *event,
                const char *properties)
{
    put_record(w, at, own, contact, event, properties, false);
}

void world_history(struct world *w, const char *at, const char *own, const char *contact, const char *event,
                   const char *properties)
{
    put_record(w, at, own, contact, event, properties, true);
}

void world_is(struct world *w, const char *at, const char *contact, const char *traits)
{
    put_record(w, at, at, contact, NULL, traits, false);
}

enum enroll_outcome world_enroll(struct world *w, const char *at, const char *contact, const char *journey,
                                 const char *properties)
{
    enum enroll_outcome outcome = ENROLL_REPEATED;
    struct input input = {.kind = INPUT_RECORD, .number = ++w->input};
    struct arena arena = {0};
    world_record(w, &arena, INSTANT_NEVER, contact, NULL, NULL, &input.record);
    input.record.kind = EVENT_ENROLL;
    input.record.journey = plan_version(control_plan(w->control), world_version(w, journey))->journey;
    input.record.outcome = &outcome;
    if (properties)
        input.record.body = str_from(world_json(w, properties));
    step(w, world_instant(at), &input);
    arena_deinit(&arena);
    return outcome;
}

void world_result(struct world *w, const char *at, const char *contact, const char *journey,
                  uint8_t destination, bool failed)
{
    struct enrollment_view view = world_inside(w, contact, journey);
    const struct input input = {
        .kind = INPUT_RESULT, .number = ++w->input, .result = {view.id, view.visits, destination, failed}};
    step(w, world_instant(at), &input);
}

void world_until(struct world *w, const char *at)
{
    struct err_detail detail = {0};
    w->now_ms = world_instant(at);
    assert_int_equal(partition_run_until(w->partition, w->now_ms, &detail), ERR_OK);
    world_take_alerts(w);
    if (!w->keep)
        world_commit(w);
}

/* ── looking ──────────────────────────────────────────────────────────────── */

uint16_t world_version(const struct world *w, const char *journey)
{
    uint16_t version = plan_find(control_plan(w->control), str_from(journey));
    assert_int_not_equal(version, VERSION_NONE);
    return version;
}

static bool find_inside(const struct world *w, const char *contact, const char *journey,
                        struct enrollment_view *ret)
{
    const struct engine *engine = partition_engine(w->partition);
    struct contact_id id;
    return contacts_find(engine_contacts(engine), str_from(contact), contact_hash(str_from(contact)), &id) &&
           engine_enrollment(engine, id,
                             plan_version(control_plan(w->control), world_version(w, journey))->journey, ret);
}

bool world_is_inside(const struct world *w, const char *contact, const char *journey)
{
    struct enrollment_view view;
    return find_inside(w, contact, journey, &view);
}

struct enrollment_view world_inside(const struct world *w, const char *contact, const char *journey)
{
    struct enrollment_view view = {0};
    if (!find_inside(w, contact, journey, &view))
        fail_msg("%s is not inside %s", contact, journey);
    return view;
}

/* ── expecting ────────────────────────────────────────────────────────────── */

struct telling {
    const struct world *w;
    struct buf text;
};

static void put_who(struct telling *t, int64_t at_ms, uint32_t contact)
{
    put_instant(&t->text, at_ms);
    buf_printf(&t->text, " %.*s",
               STR_ARG(contacts_external_id(engine_contacts(partition_engine(t->w->partition)),
                                            (struct contact_id){contact})));
}

static void put_advance(struct telling *t, const struct ledger_row *row)
{
    const struct definition *d = plan_version(control_plan(t->w->control), row->version)->definition;
    struct str node = d->nodes[row->node].id;
    put_who(t, row->at_ms, row->contact);
    buf_printf(&t->text, " %.*s%s", STR_ARG(d->name), row->flags & LEDGER_ENTERS ? " enters," : "");
    for (uint16_t i = 0; i < row->path_count; i++) {
        const struct node *passed = &d->nodes[row->path[i].node];
        buf_printf(&t->text, " %.*s.%.*s", STR_ARG(passed->id),
                   STR_ARG(passed->outcomes[row->path[i].outcome].name));
    }
    const char *place = row->flags & LEDGER_BEFORE ? "before" : "at";
    const char *verb = row->flags & LEDGER_DONE ? "stays" : "rests";
    if (!(row->flags & LEDGER_LEAVES)) {
        buf_printf(&t->text, " %s %s %.*s\n", verb, place, STR_ARG(node));
        return;
    }
    buf_printf(&t->text, " leaves %s %.*s: %s", place, STR_ARG(node), leave_reason_name(row->reason));
    if (row->reason == LEAVE_GOAL || row->reason == LEAVE_EXIT_RULE)
        buf_printf(&t->text, " %u", row->which);
    if (row->value != 0)
        buf_printf(&t->text, " worth %g", row->value);
    buf_put_char(&t->text, '\n');
}

/* Rows that only note something where the contact stands are no advance. */
static bool tell_row(void *context, const struct store_row *row)
{
    struct telling *t = context;
    if (row->event && row->event->kind == EVENT_UPDATE) {
        put_who(t, row->event->at_ms, row->event->contact);
        buf_put_text(&t->text, " is ");
        put_single_quoted(&t->text, row->event->body);
        buf_put_char(&t->text, '\n');
    }
    if (!row->ledger || row->ledger->flags & (LEDGER_CONTROL | LEDGER_HELD))
        return true;
    if (row->ledger->flags & (LEDGER_ENTERS | LEDGER_MOVES | LEDGER_LEAVES | LEDGER_OFF_EDGE | LEDGER_DONE))
        put_advance(t, row->ledger);
    return true;
}

static bool tell_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct telling *t = context;
    const struct definition *d = plan_version(control_plan(t->w->control), row->version)->definition;
    const struct node *node = &d->nodes[row->node];
    (void)partition;
    put_who(t, row->at_ms, row->contact);
    buf_printf(&t->text, " %.*s %s %.*s by %.*s, visit %u\n", STR_ARG(d->name), effect_kind_name(row->kind),
               STR_ARG(node->activate.destinations[row->destination]), STR_ARG(node->id), row->visit);
    return true;
}

static void compare(struct telling *t, const char *expected)
{
    buf_put_char(&t->text, '\0');
    bool same = strcmp(t->text.data, expected) == 0;
    if (!same)
        print_error("expected:\n%sgot:\n%s", expected, t->text.data);
    buf_deinit(&t->text);
    assert_true(same);
}

void world_expect(struct world *w, const char *lines)
{
    struct telling t = {w, {0}};
    world_commit(w);
    assert_int_equal(store_rows(w->store, 0, 0, UINT64_MAX, tell_row, &t, NULL), ERR_OK);
    compare(&t, lines);
}

void world_expect_effects(struct world *w, const char *lines)
{
    struct telling t = {w, {0}};
    world_commit(w);
    assert_int_equal(store_effects(w->store, 0, tell_effect, &t, NULL), ERR_OK);
    compare(&t, lines);
}

void world_expect_alerts(struct world *w, const char *lines)
{
    struct telling t = {w, {0}};
    buf_put_str(&t.text, buf_str(&w->alerts));
    compare(&t, lines);
}

/* ── figures ──────────────────────────────────────────────────────────────── */

struct waiting {
    int64_t at[DEFINITION_NODES_MAX], before[DEFINITION_NODES_MAX], all;
    const struct engine *engine;
    uint16_t version;
};

static bool count_waiting(void *context, const struct enrollment_view *view)
{
    struct waiting *waiting = context;
    if (view->version != waiting->version)
        return true;
    waiting->all++;
    waiting->at[view->node] += !view->before;
    waiting->before[view->node] += view->before;
    return true;
}

static int64_t total(const struct world *w, uint16_t version, uint16_t node, enum stat_kind kind,
                     uint8_t outcome)
{
    const struct stat_key key = {version, (uint8_t)node, (uint8_t)kind, outcome};
    return engine_total(partition_engine(w->partition), key).total;
}

static int64_t sum(const struct world *w, uint16_t version, uint16_t node, enum stat_kind kind,
                   uint8_t outcomes)
{
    int64_t of_all = 0;
    for (uint8_t outcome = 0; outcome < outcomes; outcome++)
        of_all += total(w, version, node, kind, outcome);
    return of_all;
}

/* Moved along any edge to the node. */
static int64_t moved_to(const struct world *w, uint16_t version, const struct definition *d, uint16_t to)
{
    int64_t moved = 0;
    for (uint16_t n = 0; n < d->node_count; n++) {
        for (uint8_t o = 0; o < d->nodes[n].outcome_count; o++) {
            if (d->nodes[n].outcomes[o].to == to)
                moved += total(w, version, n, STAT_MOVED, o);
        }
    }
    return moved;
}

static void check_version(const struct world *w, uint16_t version)
{
    const struct definition *d = plan_version(control_plan(w->control), version)->definition;
    struct waiting waiting = {.version = version};
    engine_each_enrollment(partition_engine(w->partition), count_waiting, &waiting);
    int64_t entered = total(w, version, STAT_JOURNEY, STAT_ENTERED, 0), left = 0;
    assert_int_equal(total(w, version, STAT_JOURNEY, STAT_QUALIFIED, 0),
                     entered + total(w, version, STAT_JOURNEY, STAT_HELD_OUT, 0));
    for (uint16_t n = 0; n < d->node_count; n++) {
        int64_t arrived = total(w, version, n, STAT_NODE_ENTERED, 0);
        int64_t left_here = sum(w, version, n, STAT_LEFT, LEAVE_REASONS);
        int64_t left_before = sum(w, version, n, STAT_LEFT_BEFORE, LEAVE_REASONS);
        assert_int_equal(arrived, sum(w, version, n, STAT_MOVED, d->nodes[n].outcome_count) + left_here +
                                      waiting.at[n]);
        assert_int_equal(moved_to(w, version, d, n) + (n == d->start ? entered : 0),
                         arrived + left_before + waiting.before[n]);
        assert_int_equal(sum(w, version, n, STAT_GOAL, DEFINITION_GOALS_MAX),
                         total(w, version, n, STAT_LEFT, LEAVE_GOAL) +
                             total(w, version, n, STAT_LEFT_BEFORE, LEAVE_GOAL));
        assert_int_equal(sum(w, version, n, STAT_EXIT, DEFINITION_EXITS_MAX),
                         total(w, version, n, STAT_LEFT, LEAVE_EXIT_RULE) +
                             total(w, version, n, STAT_LEFT_BEFORE, LEAVE_EXIT_RULE));
        left += left_here + left_before;
    }
    assert_int_equal(waiting.all, entered - left);
}

static bool check_stat(void *context, const struct stat_row *row)
{
    const struct world *w = context;
    assert_int_equal(engine_total(partition_engine(w->partition), row->key).total, row->total);
    return true;
}

void world_check_figures(struct world *w)
{
    partition_checkpoint(w->partition);
    world_commit(w);
    for (uint16_t version = 0; version < plan_version_count(control_plan(w->control)); version++) {
        check_version(w, version);
        assert_int_equal(store_stat_keys(w->store, 0, version, INT64_MAX, check_stat, w, NULL), ERR_OK);
    }
}
