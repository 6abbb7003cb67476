#include "partition/figures.h"

#include <math.h>

#include "base/check.h"

#define VALUE_PARTS     1e6  /* values are told to a millionth */
#define VALUE_PARTS_MAX 1e15 /* a double's whole numbers are exact up to there */

struct source {
    const struct engine *engine;
    uint16_t version;
};

static int64_t total(const struct source *source, uint8_t node, enum stat_kind kind, uint8_t outcome)
{
    struct stat_key key = {source->version, node, (uint8_t)kind, outcome};
    return engine_total(source->engine, key).total;
}

static void add_reasons(const struct source *source, uint8_t node, enum stat_kind kind,
                        struct leave_figures *figures)
{
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
        figures->reasons[reason] += total(source, node, kind, reason);
}

static void add_goal(const struct source *source, uint8_t node, uint8_t goal, struct node_figures *figures)
{
    struct stat_key key = {source->version, node, STAT_GOAL, goal};
    struct stat_row row = engine_total(source->engine, key);
    figures->goals[goal] += row.total;
    figures->values[goal] += row.value;
}

static void add_node(const struct source *source, const struct definition *definition, uint8_t number,
                     struct node_figures *figures)
{
    const struct node *node = &definition->nodes[number];
    CHECK(node->outcome_count <= FIGURES_OUTCOMES_MAX);
    figures->entered += total(source, number, STAT_NODE_ENTERED, 0);
    for (uint8_t outcome = 0; outcome < node->outcome_count; outcome++)
        figures->moved[outcome] += total(source, number, STAT_MOVED, outcome);
    add_reasons(source, number, STAT_LEFT, &figures->left);
    add_reasons(source, number, STAT_LEFT_BEFORE, &figures->left_before);
    for (uint8_t goal = 0; goal < definition->goal_count; goal++)
        add_goal(source, number, goal, figures);
    for (uint8_t exit = 0; exit < definition->exit_count; exit++)
        figures->exits[exit] += total(source, number, STAT_EXIT, exit);
}

void journey_figures_begin(struct journey_figures *figures, const struct control *control, uint16_t version,
                           struct arena *arena)
{
    *figures = (struct journey_figures){.version = plan_version(control_plan(control), version),
                                        .state = control_version_status(control, version).state};
    figures->nodes =
        arena_take_array(arena, figures->version->definition->node_count, sizeof *figures->nodes);
}

void journey_figures_add(struct journey_figures *figures, const struct engine *engine)
{
    const struct definition *definition = figures->version->definition;
    const struct source source = {engine, figures->version->number};
    figures->qualified += total(&source, STAT_JOURNEY, STAT_QUALIFIED, 0);
    figures->held_out += total(&source, STAT_JOURNEY, STAT_HELD_OUT, 0);
    figures->entered += total(&source, STAT_JOURNEY, STAT_ENTERED, 0);
    figures->carried_in += total(&source, STAT_JOURNEY, STAT_CARRIED_IN, 0);
    for (uint16_t i = 0; i < definition->node_count; i++)
        add_node(&source, definition, (uint8_t)i, &figures->nodes[i]);
}

static void add_node_row(struct node_figures *node, const struct definition *definition,
                         const struct stat_row *row)
{
    uint8_t outcome = row->key.outcome;
    switch ((enum stat_kind)row->key.kind) {
    case STAT_NODE_ENTERED: node->entered += row->total; break;
    case STAT_MOVED:
        CHECK(outcome < FIGURES_OUTCOMES_MAX);
        node->moved[outcome] += row->total;
        break;
    case STAT_LEFT:
    case STAT_LEFT_BEFORE:
        CHECK(outcome < LEAVE_REASONS);
        (row->key.kind == STAT_LEFT ? &node->left : &node->left_before)->reasons[outcome] += row->total;
        break;
    case STAT_GOAL:
        CHECK(outcome < definition->goal_count);
        node->goals[outcome] += row->total;
        node->values[outcome] += row->value;
        break;
    case STAT_EXIT:
        CHECK(outcome < definition->exit_count);
        node->exits[outcome] += row->total;
        break;
    default: break; /* effects are no figure of a node yet */
    }
}

void journey_figures_add_row(struct journey_figures *figures, const struct stat_row *row)
{
    const struct definition *definition = figures->version->definition;
    if (row->key.node != STAT_JOURNEY) {
        CHECK(row->key.node < definition->node_count);
        add_node_row(&figures->nodes[row->key.node], definition, row);
        return;
    }
    switch ((enum stat_kind)row->key.kind) {
    case STAT_QUALIFIED: figures->qualified += row->total; break;
    case STAT_HELD_OUT: figures->held_out += row->total; break;
    case STAT_ENTERED: figures->entered += row->total; break;
    case STAT_CARRIED_IN: figures->carried_in += row->total; break;
    default: break;
    }
}

/* Who moved on towards a node, or began there, and has neither arrived nor left stands on an edge before it.
 */
static void count_before(const struct definition *definition, struct journey_figures *figures)
{
    figures->nodes[definition->start].waiting_before += figures->entered + figures->carried_in;
    for (uint16_t i = 0; i < definition->node_count; i++) {
        for (uint8_t outcome = 0; outcome < definition->nodes[i].outcome_count; outcome++) {
            int16_t to = definition->nodes[i].outcomes[outcome].to;
            if (to != EDGE_NONE)
                figures->nodes[to].waiting_before += figures->nodes[i].moved[outcome];
        }
        struct node_figures *node = &figures->nodes[i];
        node->waiting_before -= node->entered;
        for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
            node->waiting_before -= node->left_before.reasons[reason];
    }
}

/* A journey's leavings are the sums of its nodes'. */
static void sum_ends(const struct definition *definition, const struct node_figures *node,
                     struct journey_figures *figures)
{
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++) {
        int64_t left = node->left.reasons[reason] + node->left_before.reasons[reason];
        figures->left.reasons[reason] += left;
        figures->in_journey -= left;
    }
    for (uint8_t goal = 0; goal < definition->goal_count; goal++) {
        figures->goals[goal] += node->goals[goal];
        figures->values[goal] += node->values[goal];
    }
    for (uint8_t exit = 0; exit < definition->exit_count; exit++)
        figures->exits[exit] += node->exits[exit];
}

void journey_figures_end(struct journey_figures *figures)
{
    const struct definition *definition = figures->version->definition;
    figures->in_journey = figures->entered + figures->carried_in;
    for (uint16_t i = 0; i < definition->node_count; i++) {
        struct node_figures *node = &figures->nodes[i];
        node->waiting = node->entered;
        for (uint8_t outcome = 0; outcome < definition->nodes[i].outcome_count; outcome++)
            node->waiting -= node->moved[outcome];
        for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
            node->waiting -= node->left.reasons[reason];
        sum_ends(definition, node, figures);
    }
    count_before(definition, figures);
}

static void subtract_reasons(struct leave_figures *left, const struct leave_figures *before)
{
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
        left->reasons[reason] -= before->reasons[reason];
}

static void subtract_values(double *values, const double *before)
{
    for (size_t i = 0; i < DEFINITION_GOALS_MAX; i++)
        values[i] -= before[i];
}

static void subtract_rules(int64_t *goals, int64_t *exits, const int64_t *goals_before,
                           const int64_t *exits_before)
{
    for (size_t i = 0; i < DEFINITION_GOALS_MAX; i++)
        goals[i] -= goals_before[i];
    for (size_t i = 0; i < DEFINITION_EXITS_MAX; i++)
        exits[i] -= exits_before[i];
}

void journey_figures_subtract(struct journey_figures *figures, const struct journey_figures *before)
{
    figures->qualified -= before->qualified;
    figures->held_out -= before->held_out;
    figures->entered -= before->entered;
    figures->carried_in -= before->carried_in;
    subtract_reasons(&figures->left, &before->left);
    subtract_rules(figures->goals, figures->exits, before->goals, before->exits);
    subtract_values(figures->values, before->values);
    for (uint16_t i = 0; i < figures->version->definition->node_count; i++) {
        struct node_figures *node = &figures->nodes[i];
        const struct node_figures *then = &before->nodes[i];
        node->entered -= then->entered;
        for (size_t outcome = 0; outcome < FIGURES_OUTCOMES_MAX; outcome++)
            node->moved[outcome] -= then->moved[outcome];
        subtract_reasons(&node->left, &then->left);
        subtract_reasons(&node->left_before, &then->left_before);
        subtract_rules(node->goals, node->exits, then->goals, then->exits);
        subtract_values(node->values, then->values);
    }
}

void figures_collect(struct partition *const *partitions, uint32_t count, const struct control *control,
                     struct arena *arena, struct figures *ret)
{
    *ret = (struct figures){.journey_count = plan_version_count(control_plan(control))};
    ret->journeys = arena_take_array(arena, ret->journey_count, sizeof *ret->journeys);
    for (uint16_t version = 0; version < ret->journey_count; version++)
        journey_figures_begin(&ret->journeys[version], control, version, arena);
    for (uint32_t i = 0; i < count; i++) {
        const struct engine *engine = partition_engine(partitions[i]);
        ret->contacts += contacts_count(engine_contacts(engine));
        ret->events += (int64_t)engine_event_count(engine);
        for (uint16_t version = 0; version < ret->journey_count; version++)
            journey_figures_add(&ret->journeys[version], engine);
    }
    for (uint16_t version = 0; version < ret->journey_count; version++)
        journey_figures_end(&ret->journeys[version]);
}

/* ── JSON ─────────────────────────────────────────────────────────────────── */

static void set(json_t *object, const char *key, int64_t number)
{
    json_object_set_new(object, key, json_integer(number));
}

static json_t *left_json(const struct leave_figures *left)
{
    json_t *object = json_object();
    for (enum leave_reason reason = 0; reason < LEAVE_REASONS; reason++)
        set(object, leave_reason_name(reason), left->reasons[reason]);
    return object;
}

/* Names in a definition are text without NUL, so jansson takes them by their size. */
static void set_named(json_t *object, struct str name, int64_t number, struct buf *scratch)
{
    buf_clear(scratch);
    buf_put_str(scratch, name);
    buf_put_char(scratch, '\0');
    set(object, scratch->data, number);
}

/* Sums differ in their last digits by the order in which they were added up. */
static double rounded(double value)
{
    double parts = value * VALUE_PARTS;
    return fabs(parts) < VALUE_PARTS_MAX ? round(parts) / VALUE_PARTS + 0.0 : value;
}

static void put_ends(json_t *object, const struct definition *definition, const int64_t *goals,
                     const double *values, const int64_t *exits, struct buf *scratch)
{
    json_t *by_name = json_object(), *by_number = json_array(), *worth = json_object();
    for (uint32_t i = 0; i < definition->goal_count; i++) {
        set_named(by_name, definition->goals[i].name, goals[i], scratch);
        json_object_set_new(worth, scratch->data, json_real(rounded(values[i])));
    }
    for (uint32_t i = 0; i < definition->exit_count; i++)
        json_array_append_new(by_number, json_integer(exits[i]));
    json_object_set_new(object, "goals", by_name);
    json_object_set_new(object, "goal_values", worth);
    json_object_set_new(object, "exit_rules", by_number);
}

static json_t *node_json(const struct definition *definition, uint16_t number,
                         const struct node_figures *figures, struct buf *scratch)
{
    const struct node *node = &definition->nodes[number];
    json_t *object = json_object(), *moved = json_object();
    for (uint8_t outcome = 0; outcome < node->outcome_count; outcome++)
        set_named(moved, node->outcomes[outcome].name, figures->moved[outcome], scratch);
    set(object, "entered", figures->entered);
    json_object_set_new(object, "moved", moved);
    set(object, "waiting", figures->waiting);
    set(object, "waiting_before", figures->waiting_before);
    json_object_set_new(object, "left", left_json(&figures->left));
    json_object_set_new(object, "left_before", left_json(&figures->left_before));
    put_ends(object, definition, figures->goals, figures->values, figures->exits, scratch);
    return object;
}

json_t *journey_figures_json(const struct journey_figures *figures, bool state)
{
    const struct definition *definition = figures->version->definition;
    struct buf scratch = {0};
    json_t *object = json_object(), *nodes = json_object();
    json_object_set_new(object, "name", json_stringn(definition->name.data, definition->name.size));
    set(object, "version", figures->version->ordinal);
    if (state)
        json_object_set_new(object, "state", json_string(version_state_name(figures->state)));
    if (figures->from.size)
        json_object_set_new(object, "from", json_stringn(figures->from.data, figures->from.size));
    if (figures->to.size)
        json_object_set_new(object, "to", json_stringn(figures->to.data, figures->to.size));
    set(object, "qualified", figures->qualified);
    set(object, "held_out", figures->held_out);
    set(object, "entered", figures->entered);
    set(object, "carried_in", figures->carried_in);
    set(object, "in_journey", figures->in_journey);
    json_object_set_new(object, "left", left_json(&figures->left));
    put_ends(object, definition, figures->goals, figures->values, figures->exits, &scratch);
    for (uint16_t i = 0; i < definition->node_count; i++) {
        json_t *node = node_json(definition, i, &figures->nodes[i], &scratch);
        buf_clear(&scratch);
        buf_put_str(&scratch, definition->nodes[i].id);
        buf_put_char(&scratch, '\0');
        json_object_set_new(nodes, scratch.data, node);
    }
    json_object_set_new(object, "nodes", nodes);
    buf_deinit(&scratch);
    return object;
}

json_t *figures_json(const struct figures *figures, double seconds, bool states)
{
    json_t *object = json_object(), *journeys = json_array();
    set(object, "contacts", figures->contacts);
    set(object, "events", figures->events);
    if (seconds >= 0)
        json_object_set_new(object, "seconds", json_real(rounded(seconds)));
    for (uint16_t i = 0; i < figures->journey_count; i++)
        json_array_append_new(journeys, journey_figures_json(&figures->journeys[i], states));
    json_object_set_new(object, "journeys", journeys);
    return object;
}
