#include "cli/figures.h"

#include "base/check.h"

struct source {
    struct partition *const *partitions;
    uint32_t count;
    uint16_t version;
};

static int64_t total(const struct source *source, uint8_t node, enum stat_kind kind, uint8_t outcome)
{
    struct stat_key key = {source->version, node, (uint8_t)kind, outcome};
    int64_t sum = 0;
    for (uint32_t i = 0; i < source->count; i++)
        sum += engine_total(partition_engine(source->partitions[i]), key).total;
    return sum;
}

static int64_t collect_reasons(const struct source *source, uint8_t node, enum stat_kind kind,
                               struct leave_figures *ret)
{
    int64_t sum = 0;
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++) {
        ret->reasons[reason] = total(source, node, kind, reason);
        sum += ret->reasons[reason];
    }
    return sum;
}

static void collect_node(const struct source *source, const struct definition *definition, uint8_t number,
                         struct node_figures *ret)
{
    const struct node *node = &definition->nodes[number];
    int64_t moved = 0;
    CHECK(node->outcome_count <= FIGURES_OUTCOMES_MAX);
    ret->entered = total(source, number, STAT_NODE_ENTERED, 0);
    for (uint8_t outcome = 0; outcome < node->outcome_count; outcome++) {
        ret->moved[outcome] = total(source, number, STAT_MOVED, outcome);
        moved += ret->moved[outcome];
    }
    int64_t left = collect_reasons(source, number, STAT_LEFT, &ret->left);
    collect_reasons(source, number, STAT_LEFT_BEFORE, &ret->left_before);
    ret->waiting = ret->entered - moved - left;
    for (uint8_t goal = 0; goal < definition->goal_count; goal++)
        ret->goals[goal] = total(source, number, STAT_GOAL, goal);
    for (uint8_t exit = 0; exit < definition->exit_count; exit++)
        ret->exits[exit] = total(source, number, STAT_EXIT, exit);
}

/* Who moved on towards a node, or began there, and has neither arrived nor left stands on an edge before it.
 */
static void count_before(const struct definition *definition, struct journey_figures *ret)
{
    int64_t begun = ret->entered + ret->carried_in;
    ret->nodes[definition->start].waiting_before += begun;
    for (uint16_t i = 0; i < definition->node_count; i++) {
        for (uint8_t outcome = 0; outcome < definition->nodes[i].outcome_count; outcome++) {
            int16_t to = definition->nodes[i].outcomes[outcome].to;
            if (to != EDGE_NONE)
                ret->nodes[to].waiting_before += ret->nodes[i].moved[outcome];
        }
        struct node_figures *node = &ret->nodes[i];
        node->waiting_before -= node->entered;
        for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
            node->waiting_before -= node->left_before.reasons[reason];
    }
}

static void collect_journey(const struct source *source, const struct control *control, struct arena *arena,
                            struct journey_figures *ret)
{
    ret->version = plan_version(control_plan(control), source->version);
    ret->state = control_version_state(control, source->version);
    const struct definition *definition = ret->version->definition;
    ret->nodes = arena_take_array(arena, definition->node_count, sizeof *ret->nodes);
    ret->qualified = total(source, STAT_JOURNEY, STAT_QUALIFIED, 0);
    ret->held_out = total(source, STAT_JOURNEY, STAT_HELD_OUT, 0);
    ret->entered = total(source, STAT_JOURNEY, STAT_ENTERED, 0);
    ret->carried_in = total(source, STAT_JOURNEY, STAT_CARRIED_IN, 0);
    ret->in_journey = ret->entered + ret->carried_in;
    for (uint16_t i = 0; i < definition->node_count; i++) {
        struct node_figures *node = &ret->nodes[i];
        collect_node(source, definition, (uint8_t)i, node);
        for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++) {
            int64_t left = node->left.reasons[reason] + node->left_before.reasons[reason];
            ret->left.reasons[reason] += left;
            ret->in_journey -= left;
        }
        for (uint8_t goal = 0; goal < definition->goal_count; goal++)
            ret->goals[goal] += node->goals[goal];
        for (uint8_t exit = 0; exit < definition->exit_count; exit++)
            ret->exits[exit] += node->exits[exit];
    }
    count_before(definition, ret);
}

void figures_collect(struct partition *const *partitions, uint32_t count, const struct control *control,
                     struct arena *arena, struct figures *ret)
{
    *ret = (struct figures){.journey_count = plan_version_count(control_plan(control))};
    ret->journeys = arena_take_array(arena, ret->journey_count, sizeof *ret->journeys);
    for (uint32_t i = 0; i < count; i++) {
        const struct engine *engine = partition_engine(partitions[i]);
        ret->contacts += contacts_count(engine_contacts(engine));
        ret->events += (int64_t)engine_event_count(engine);
    }
    for (uint16_t version = 0; version < ret->journey_count; version++) {
        struct source source = {partitions, count, version};
        collect_journey(&source, control, arena, &ret->journeys[version]);
    }
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

static void put_ends(json_t *object, const struct definition *definition, const int64_t *goals,
                     const int64_t *exits, struct buf *scratch)
{
    json_t *by_name = json_object(), *by_number = json_array();
    for (uint32_t i = 0; i < definition->goal_count; i++)
        set_named(by_name, definition->goals[i].name, goals[i], scratch);
    for (uint32_t i = 0; i < definition->exit_count; i++)
        json_array_append_new(by_number, json_integer(exits[i]));
    json_object_set_new(object, "goals", by_name);
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
    put_ends(object, definition, figures->goals, figures->exits, scratch);
    return object;
}

static json_t *journey_json(const struct journey_figures *figures, bool states)
{
    const struct definition *definition = figures->version->definition;
    struct buf scratch = {0};
    json_t *object = json_object(), *nodes = json_object();
    json_object_set_new(object, "name", json_stringn(definition->name.data, definition->name.size));
    set(object, "version", figures->version->ordinal);
    if (states)
        json_object_set_new(object, "state", json_string(version_state_name(figures->state)));
    set(object, "qualified", figures->qualified);
    set(object, "held_out", figures->held_out);
    set(object, "entered", figures->entered);
    set(object, "carried_in", figures->carried_in);
    set(object, "in_journey", figures->in_journey);
    json_object_set_new(object, "left", left_json(&figures->left));
    put_ends(object, definition, figures->goals, figures->exits, &scratch);
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
        json_object_set_new(object, "seconds", json_real(seconds));
    for (uint16_t i = 0; i < figures->journey_count; i++)
        json_array_append_new(journeys, journey_json(&figures->journeys[i], states));
    json_object_set_new(object, "journeys", journeys);
    return object;
}
