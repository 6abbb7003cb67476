/* What the engines hold in memory, summed over partitions, and what the store says about the same. */
#include <stdio.h>

#include "world_state.h"

static void add(json_t *figures, const char *key, int64_t more)
{
    json_t *old = json_object_get(figures, key);
    if (more)
        json_object_set_new(figures, key, json_integer(json_integer_value(old) + more));
}

static json_t *inner(json_t *figures, const char *key)
{
    if (json_object_get(figures, key) == NULL)
        json_object_set_new(figures, key, json_object());
    return json_object_get(figures, key);
}

/* Where totals come from: the engines, or the store's rows at the end of a quarter hour. */
struct source {
    struct world *world;
    bool stored;
    int64_t quarter;
};

static struct stat_row total(const struct source *source, struct stat_key key)
{
    struct world *world = source->world;
    struct stat_row sum = {0};
    for (uint32_t p = 0; p < world->partitions; p++) {
        struct stat_row row = {0};
        struct err_detail detail;
        if (!source->stored)
            row = engine_total(partition_engine(world->owner->partitions[p]), key);
        else if (store_stat(world->store, p, key, source->quarter, &row, &detail))
            world_fail(world, WORLD_BROKEN, "a total cannot be read: %s", detail.text);
        sum.total += row.total;
        sum.value += row.value;
    }
    return sum;
}

static int64_t count_at(const struct source *source, uint16_t version, uint8_t node, enum stat_kind kind,
                        uint8_t outcome)
{
    return total(source, (struct stat_key){version, node, (uint8_t)kind, outcome}).total;
}

/* ── one version ──────────────────────────────────────────────────────────── */

static void add_left(const struct source *source, const struct plan_version *v, uint8_t n, json_t *journey,
                     json_t *node)
{
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++) {
        int64_t left = count_at(source, v->number, n, STAT_LEFT, reason);
        add(inner(journey, "left"), leave_reason_name(reason), left);
        add(inner(node, "left"), leave_reason_name(reason), left);
        add(inner(node, "left_before"), leave_reason_name(reason),
            count_at(source, v->number, n, STAT_LEFT_BEFORE, reason));
    }
}

static void add_rules(const struct source *source, const struct plan_version *v, uint8_t n, json_t *journey)
{
    char name[32];
    for (uint8_t g = 0; g < v->definition->goal_count; g++) {
        struct str goal = v->definition->goals[g].name;
        snprintf(name, sizeof name, "%.*s", STR_ARG(goal));
        add(inner(journey, "goals"), name, count_at(source, v->number, n, STAT_GOAL, g));
        double value = total(source, (struct stat_key){v->number, n, STAT_GOAL, g}).value;
        json_t *values = inner(journey, "goal_values");
        json_object_set_new(values, name,
                            json_real(json_number_value(json_object_get(values, name)) + value));
    }
    for (uint8_t x = 0; x < v->definition->exit_count; x++) {
        snprintf(name, sizeof name, "%u", x);
        add(inner(journey, "exit_rules"), name, count_at(source, v->number, n, STAT_EXIT, x));
    }
}

static void add_node(const struct source *source, const struct plan_version *v, uint8_t n, json_t *journey)
{
    const struct node *node = &v->definition->nodes[n];
    char name[80];
    snprintf(name, sizeof name, "%.*s", STR_ARG(node->id));
    json_t *figures = inner(inner(journey, "nodes"), name);
    add(figures, "entered", count_at(source, v->number, n, STAT_NODE_ENTERED, 0));
    for (uint8_t o = 0; o < node->outcome_count; o++) {
        snprintf(name, sizeof name, "%.*s", STR_ARG(node->outcomes[o].name));
        add(inner(figures, "moved"), name, count_at(source, v->number, n, STAT_MOVED, o));
    }
    add_left(source, v, n, journey, figures);
    add_rules(source, v, n, journey);
}

static void add_version(const struct source *source, uint16_t number, json_t *journey)
{
    const struct plan_version *v = plan_version(control_plan(source->world->owner->control), number);
    add(journey, "version", v->ordinal);
    add(journey, "qualified", count_at(source, number, STAT_JOURNEY, STAT_QUALIFIED, 0));
    add(journey, "held_out", count_at(source, number, STAT_JOURNEY, STAT_HELD_OUT, 0));
    add(journey, "entered", count_at(source, number, STAT_JOURNEY, STAT_ENTERED, 0));
    add(journey, "carried_in", count_at(source, number, STAT_JOURNEY, STAT_CARRIED_IN, 0));
    for (uint8_t n = 0; n < v->definition->node_count; n++)
        add_node(source, v, n, journey);
}

/* ── who is inside ────────────────────────────────────────────────────────── */

struct looking {
    struct world *world;
    uint32_t partition;
    struct lines *lines;
    json_t *journeys;
};

static bool on_enrollment(void *context, const struct enrollment_view *view)
{
    const struct looking *looking = context;
    const struct plan *plan = control_plan(looking->world->owner->control);
    const struct plan_version *v = plan_version(plan, view->version);
    const struct engine *engine = partition_engine(looking->world->owner->partitions[looking->partition]);
    struct str id = contacts_external_id(engine_contacts(engine), (struct contact_id){view->contact});
    struct str journey = plan_journey_name(plan, v->journey), node = v->definition->nodes[view->node].id;
    char contact_text[80], journey_text[80], node_text[80];
    snprintf(contact_text, sizeof contact_text, "%.*s", STR_ARG(id));
    snprintf(journey_text, sizeof journey_text, "%.*s", STR_ARG(journey));
    snprintf(node_text, sizeof node_text, "%.*s", STR_ARG(node));
    scenario_add_inside(looking->lines,
                        &(struct scenario_inside){contact_text, journey_text, node_text, v->journey,
                                                  view->visits, view->entered_ms, view->arrived_ms,
                                                  view->due_ms, view->timeout_ms});
    int64_t first_ms = view->due_ms < view->timeout_ms ? view->due_ms : view->timeout_ms;
    bool held = !lifecycle_moves(engine_version_status(engine, view->version));
    if (!held && partition_next_timer(looking->world->owner->partitions[looking->partition]) > first_ms)
        world_fail(looking->world, WORLD_BROKEN, "%s has a timer before the next one", contact_text);
    json_t *figures = json_array_get(looking->journeys, v->journey);
    add(figures, "in_journey", 1);
    add(inner(inner(figures, "nodes"), node_text), "waiting", 1);
    return true;
}

static void add_attributes(const struct world *world, const struct engine *engine, struct lines *lines)
{
    const struct contacts *contacts = engine_contacts(engine);
    const struct names *names = control_names(world->owner->control);
    for (uint32_t c = 0; c < contacts_count(contacts); c++) {
        for (uint16_t a = 1; a <= names_count(names, NAME_ATTRIBUTE); a++) {
            struct value value = contacts_attribute(contacts, (struct contact_id){c}, a);
            char contact[80], name[80];
            struct str id = contacts_external_id(contacts, (struct contact_id){c});
            struct str attribute = names_get(names, NAME_ATTRIBUTE, a);
            struct buf text = {0};
            if (value.type == VALUE_MISSING)
                continue;
            snprintf(contact, sizeof contact, "%.*s", STR_ARG(id));
            snprintf(name, sizeof name, "%.*s", STR_ARG(attribute));
            value_write_json(&value, &text);
            json_t *json = json_loadb(text.data, text.size, JSON_DECODE_ANY, NULL);
            CHECK(json);
            scenario_add_attribute(lines, contact, name, json);
            json_decref(json);
            buf_deinit(&text);
        }
    }
}

void world_add_state(struct world *world, struct lines *lines)
{
    const struct plan *plan = control_plan(world->owner->control);
    json_t *figures = json_object(), *journeys = json_array();
    for (uint16_t j = 0; j < plan_journey_count(plan); j++)
        json_array_append_new(journeys, json_object());
    for (uint16_t n = 0; n < plan_version_count(plan); n++)
        add_version(&(struct source){world, false, 0}, n,
                    json_array_get(journeys, plan_version(plan, n)->journey));
    for (uint32_t p = 0; p < world->partitions; p++) {
        const struct engine *engine = partition_engine(world->owner->partitions[p]);
        struct looking looking = {world, p, lines, journeys};
        engine_each_enrollment(engine, on_enrollment, &looking);
        add_attributes(world, engine, lines);
        add(figures, "contacts", contacts_count(engine_contacts(engine)));
        add(figures, "events", (int64_t)engine_event_count(engine));
    }
    json_object_set_new(figures, "journeys", journeys);
    scenario_add_figures(lines, figures);
    json_decref(figures);
}

/* ── what was ─────────────────────────────────────────────────────────────── */

static int64_t sum_of(json_t *counts)
{
    int64_t sum = 0;
    const char *name;
    json_t *count;
    json_object_foreach(counts, name, count)
    {
        sum += json_integer_value(count);
    }
    return sum;
}

/* Waiting at a past instant is in - out. */
static void add_waiting(json_t *journey)
{
    json_t *nodes = json_object_get(journey, "nodes"), *node;
    const char *id;
    json_object_foreach(nodes, id, node)
    {
        add(node, "waiting", json_integer_value(json_object_get(node, "entered")));
        add(node, "waiting", -sum_of(json_object_get(node, "moved")) - sum_of(json_object_get(node, "left")));
    }
    add(journey, "in_journey", json_integer_value(json_object_get(journey, "entered")));
    add(journey, "in_journey", -sum_of(json_object_get(journey, "left")));
}

void world_add_past(struct world *world, int64_t quarter, struct lines *lines)
{
    const struct plan *plan = control_plan(world->owner->control);
    json_t *journeys = json_array();
    for (uint16_t j = 0; j < plan_journey_count(plan); j++)
        json_array_append_new(journeys, json_object());
    for (uint16_t n = 0; n < plan_version_count(plan); n++) {
        json_t *journey = json_array_get(journeys, plan_version(plan, n)->journey);
        add_version(&(struct source){world, true, quarter}, n, journey);
        add_waiting(journey);
    }
    json_t *figures = json_pack("{s:o}", "journeys", journeys);
    scenario_add_figures(lines, figures);
    json_decref(figures);
}
