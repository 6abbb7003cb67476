/* Definitions. Nodes are numbered in order and edges lead forward, or back from a node that surely takes
 * time: so no cycle is instantaneous. What no edge leads to is taken away in the end. */
#include <stdio.h>

#include "calendar/instant.h"
#include "generate.h"
#include "scenario.h"

enum { NODES_MAX = 9, NODE_ID_BYTES = 8 };

struct drawing {
    struct generator *g;
    int64_t node, count;
};

static int64_t below(struct generator *g, int64_t bound)
{
    return (int64_t)prng_below(&g->prng, (uint64_t)bound);
}

static bool chance(struct generator *g, unsigned percent)
{
    return prng_chance(&g->prng, percent);
}

/* ── edges ────────────────────────────────────────────────────────────────── */

/* Mostly to the next node, so that most are reached. */
static json_t *draw_edge(const struct drawing *d, bool takes_time)
{
    int64_t ahead = d->count - d->node - 1, to;
    if (takes_time && chance(d->g, 15))
        to = below(d->g, d->count);
    else
        to = d->node + 1 + (chance(d->g, 60) ? 0 : below(d->g, ahead));
    char id[NODE_ID_BYTES];
    snprintf(id, sizeof id, "n%d", (int)to);
    return chance(d->g, 5) ? json_pack("{s:s}", "to", id) : json_string(id);
}

/* Edges of named outcomes, some left out; `must` = not all of them. */
static void draw_on(const struct drawing *d, json_t *node, const char *first, bool first_takes_time,
                    const char *second, bool second_takes_time, bool must)
{
    json_t *on = json_object();
    if (first && chance(d->g, 85))
        json_object_set_new(on, first, draw_edge(d, first_takes_time));
    if (second && chance(d->g, 85))
        json_object_set_new(on, second, draw_edge(d, second_takes_time));
    if (json_object_size(on) > 0)
        json_object_set_new(node, "on", on);
    else
        json_decref(on);
    if (chance(d->g, 15) || (must && json_object_get(node, "on") == NULL))
        json_object_set_new(node, "next", draw_edge(d, first_takes_time && second_takes_time));
}

/* ── nodes ────────────────────────────────────────────────────────────────── */

static json_t *draw_wait(const struct drawing *d)
{
    struct generator *g = d->g;
    json_t *node = json_pack("{s:s}", "type", "wait");
    bool until = chance(g, 15);
    if (until)
        json_object_set_new(node, "until", scenario_instant(SCENARIO_START_MS + g->grid_ms * below(g, 80)));
    else
        json_object_set_new(node, "for", generate_duration(g));
    if (chance(g, 90))
        json_object_set_new(node, "next", draw_edge(d, !until));
    else
        json_object_set_new(node, "on", json_pack("{s:o}", "next", draw_edge(d, !until)));
    return node;
}

static json_t *draw_wait_for(const struct drawing *d)
{
    struct generator *g = d->g;
    bool event = chance(g, 65);
    json_t *node = json_pack("{s:s, s:o}", "type", "wait_for", "rule",
                             event ? generate_event_rule(g) : generate_contact_rule(g, 2));
    if (chance(g, 75))
        json_object_set_new(node, "timeout", generate_duration(g));
    if (chance(g, 92))
        draw_on(d, node, "yes", event, "timed_out", true, false);
    return node;
}

static json_t *draw_segment(const struct drawing *d)
{
    struct generator *g = d->g;
    static const char *const names[] = {"one", "two"};
    const char *attribute = generate_attribute(g);
    json_t *groups = json_array(), *values[2] = {NULL, NULL};
    if (attribute[0] == 'n') {
        values[0] = json_pack("[i, i]", 0, 1);
        values[1] = json_pack("[i]", 2);
    } else if (attribute[0] == 'b') {
        values[0] = json_pack("[b]", 1);
        values[1] = json_pack("[b]", 0);
    } else {
        values[0] = json_pack("[s]", "a");
        values[1] = json_pack("[s, s, i]", "b", "ab", 3);
    }
    for (size_t i = 0; i < 2; i++) {
        json_t *group = json_pack("{s:s, s:o}", "name", names[i], "values", values[i]);
        if (i == 0 || chance(g, 70))
            json_object_set_new(group, "next", draw_edge(d, false));
        json_array_append_new(groups, group);
    }
    json_t *node = json_pack("{s:s, s:s, s:o}", "type", "segment", "attribute", attribute, "groups", groups);
    draw_on(d, node, "other", false, NULL, false, true);
    return node;
}

static json_t *draw_split(const struct drawing *d)
{
    struct generator *g = d->g;
    static const char *const names[] = {"one", "two", "three"};
    json_t *paths = json_array();
    int64_t count = 1 + below(g, 3);
    for (int64_t i = 0; i < count; i++) {
        json_t *path = json_pack("{s:s, s:o}", "name", names[i], "rule", generate_contact_rule(g, 2));
        if (i == 0 || chance(g, 70))
            json_object_set_new(path, "next", draw_edge(d, false));
        json_array_append_new(paths, path);
    }
    json_t *node = json_pack("{s:s, s:o}", "type", "split", "paths", paths);
    draw_on(d, node, "others", false, NULL, false, true);
    return node;
}

static json_t *draw_activate(const struct drawing *d)
{
    static const char *const operations[] = {"add", "update", "remove"};
    static const char *const names[] = {"crm", "crm", "crm", "broken", "slow", "slow"};
    json_t *destinations = json_pack("[s]", names[below(d->g, 6)]);
    const char *other = chance(d->g, 60) ? "ads" : "slow";
    if (chance(d->g, 25) && strcmp(json_string_value(json_array_get(destinations, 0)), other) != 0)
        json_array_append_new(destinations, json_string(other));
    json_t *node = json_pack("{s:s, s:o}", "type", "activate", "destinations", destinations);
    if (chance(d->g, 20))
        json_object_set_new(node, "operation", json_string(operations[below(d->g, 3)]));
    if (chance(d->g, 80))
        draw_on(d, node, "next", false, "failed", false, false);
    return node;
}

static json_t *draw_change(struct generator *g)
{
    static const char *const texts[] = {"a", "ab", "b"};
    int64_t kind = below(g, 5);
    const char *attribute = generate_attribute(g);
    if (kind >= 3 && chance(g, 80)) {
        const char *list = chance(g, 85) ? "l" : attribute;
        return json_pack("{s:s, s:s}", kind == 3 ? "add" : "remove", list, "value", texts[below(g, 3)]);
    }
    if (kind >= 1 && chance(g, 70)) {
        attribute = chance(g, 85) ? "n" : attribute;
        return json_pack("{s:s, s:I}", kind == 1 ? "increase" : "decrease", attribute, "by",
                         (json_int_t)(1 + below(g, 2)));
    }
    json_t *value = chance(g, 15) ? json_null() : generate_attribute_value(g, attribute[0]);
    return json_pack("{s:s, s:o}", "set", attribute, "to", value);
}

static json_t *draw_update(const struct drawing *d)
{
    json_t *changes = json_pack("[o]", draw_change(d->g));
    while (chance(d->g, 35))
        json_array_append_new(changes, draw_change(d->g));
    json_t *node = json_pack("{s:s, s:o}", "type", "update", "changes", changes);
    if (chance(d->g, 92))
        json_object_set_new(node, "next", draw_edge(d, false));
    return node;
}

static json_t *draw_last(const struct drawing *d)
{
    int64_t kind = below(d->g, 10);
    if (kind == 0)
        return json_pack("{s:s, s:[s]}", "type", "activate", "destinations", "crm");
    if (kind == 1) {
        json_t *rule = generate_event_rule(d->g);
        return json_pack("{s:s, s:o, s:o}", "type", "wait_for", "rule", rule, "timeout",
                         generate_duration(d->g));
    }
    return json_pack("{s:s}", "type", kind < 4 ? "exit" : "stop");
}

static json_t *draw_node(const struct drawing *d)
{
    if (d->node == d->count - 1)
        return draw_last(d);
    switch (below(d->g, 11)) {
    case 0:
    case 1:
    case 2: return draw_wait(d);
    case 3:
    case 4:
    case 5: return draw_wait_for(d);
    case 6: return draw_segment(d);
    case 7: return draw_split(d);
    case 8: return draw_activate(d);
    case 9: return draw_update(d);
    default: return chance(d->g, 30) ? json_pack("{s:s}", "type", "stop") : draw_update(d);
    }
}

/* ── the whole ────────────────────────────────────────────────────────────── */

static json_t *draw_entry_rule(struct generator *g)
{
    return chance(g, 15) ? json_pack("{s:b}", "api", 1) : generate_event_rule(g);
}

static json_t *draw_entry(struct generator *g)
{
    json_t *rules = json_pack("[o]", draw_entry_rule(g));
    while (chance(g, 40) && json_array_size(rules) < 3)
        json_array_append_new(rules, draw_entry_rule(g));
    json_t *entry = json_pack("{s:o}", "rules", rules);
    if (chance(g, 40))
        json_object_set_new(entry, "match", json_string(chance(g, 50) ? "all" : "any"));
    if (chance(g, 25))
        json_object_set_new(entry, "filter", generate_contact_rule(g, 2));
    if (chance(g, 15))
        json_object_set_new(entry, "late_tolerance", generate_duration(g));
    if (chance(g, 85)) {
        json_t *reentry = json_pack("{s:b}", "allowed", chance(g, 90));
        if (json_is_true(json_object_get(reentry, "allowed")) && chance(g, 30))
            json_object_set_new(reentry, "after", generate_duration(g));
        json_object_set_new(entry, "reentry", reentry);
    }
    return entry;
}

static json_t *draw_condition(struct generator *g, unsigned event_percent)
{
    return chance(g, event_percent) ? generate_event_rule(g) : generate_contact_rule(g, 2);
}

static json_t *draw_goal(struct generator *g, const char *name)
{
    json_t *goal = draw_condition(g, 60);
    bool valued = json_object_get(goal, "event") && chance(g, 40);
    if (chance(g, 50))
        goal = json_pack("{s:o}", "rule", goal);
    json_object_set_new(goal, "name", json_string(name));
    if (valued)
        json_object_set_new(goal, "value", json_string("n"));
    return goal;
}

static void draw_ends(struct generator *g, json_t *definition)
{
    static const char *const goals[] = {"first", "second", "third"};
    if (chance(g, 60)) {
        json_t *exits = json_pack("[o]", draw_condition(g, 60));
        while (chance(g, 40) && json_array_size(exits) < 3)
            json_array_append_new(exits, draw_condition(g, 60));
        json_object_set_new(definition, "exits", exits);
    }
    if (chance(g, 50)) {
        json_t *list = json_pack("[o]", draw_goal(g, goals[0]));
        while (chance(g, 40) && json_array_size(list) < 3)
            json_array_append_new(list, draw_goal(g, goals[json_array_size(list)]));
        json_object_set_new(definition, "goals", list);
    }
    if (chance(g, 50))
        json_object_set_new(definition, "timeout", generate_duration(g));
}

json_t *generate_definition(struct generator *g, const char *name)
{
    struct drawing d = {.g = g, .count = 1 + below(g, NODES_MAX)};
    json_t *definition = json_pack("{s:s, s:o}", "name", name, "entry", draw_entry(g));
    draw_ends(g, definition);
    json_t *nodes = json_object();
    for (d.node = 0; d.node < d.count; d.node++) {
        char id[NODE_ID_BYTES];
        snprintf(id, sizeof id, "n%d", (int)d.node);
        json_object_set_new(nodes, id, draw_node(&d));
    }
    json_object_set_new(definition, "nodes", nodes);
    json_object_set_new(definition, "start", json_string("n0"));
    definition_mend(definition);
    return definition;
}
