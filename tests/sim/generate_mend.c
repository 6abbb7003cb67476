#include "base/check.h"
#include "generate.h"
#include "scenario.h"

/* ── definitions ──────────────────────────────────────────────────────────── */

static void reach(json_t *nodes, json_t *reached, const json_t *edge);

static void reach_of_list(json_t *nodes, json_t *reached, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        reach(nodes, reached, json_object_get(json_array_get(list, i), "next"));
}

static void reach(json_t *nodes, json_t *reached, const json_t *edge)
{
    const char *id = json_string_value(json_is_object(edge) ? json_object_get(edge, "to") : edge), *outcome;
    json_t *node = id ? json_object_get(nodes, id) : NULL, *target;
    if (node == NULL || json_object_get(reached, id))
        return;
    json_object_set_new(reached, id, json_true());
    reach(nodes, reached, json_object_get(node, "next"));
    reach_of_list(nodes, reached, json_object_get(node, "groups"));
    reach_of_list(nodes, reached, json_object_get(node, "paths"));
    json_object_foreach(json_object_get(node, "on"), outcome, target) reach(nodes, reached, target);
}

void definition_mend(json_t *definition)
{
    json_t *nodes = json_object_get(definition, "nodes"), *reached = json_object(), *node;
    const char *id;
    void *next;
    reach(nodes, reached, json_object_get(definition, "start"));
    json_object_foreach_safe(nodes, next, id, node) if (json_object_get(reached, id) == NULL)
        json_object_del(nodes, id);
    json_decref(reached);
}

/* ── scenarios ────────────────────────────────────────────────────────────── */

static bool is_record(const char *action)
{
    return strcmp(action, "track") == 0 || strcmp(action, "identify") == 0;
}

/* `states` says by journey's name in which state it is; true where the action is allowed, which then has
 * happened. */
static bool act(json_t *states, const json_t *input)
{
    const char *action = json_string_value(json_object_get(input, "do")), *next = NULL;
    const json_t *journey = json_object_get(input, "journey");
    if (is_record(action))
        return true;
    const char *name =
        json_string_value(json_is_object(journey) ? json_object_get(journey, "name") : journey);
    const char *state = json_string_value(json_object_get(states, name));
    if (strcmp(action, "publish") == 0)
        next = state ? NULL : "running";
    else if (state == NULL || strcmp(state, "stopped") == 0)
        return false;
    else if (strcmp(action, "pause") == 0)
        next = strcmp(state, "running") == 0 ? "paused" : NULL;
    else if (strcmp(action, "resume") == 0)
        next = strcmp(state, "paused") == 0 ? "running" : NULL;
    else
        next = "stopped";
    if (next)
        json_object_set_new(states, name, json_string(next));
    return next != NULL;
}

void scenario_mend(json_t *scenario)
{
    json_t *steps = json_object_get(scenario, "steps"), *states = json_object();
    for (size_t s = 0; s < json_array_size(steps); s++) {
        json_t *step = json_array_get(steps, s), *inputs = json_object_get(step, "inputs");
        const json_t *after = json_array_get(steps, s + 1);
        for (size_t i = 0; i < json_array_size(inputs);) {
            if (act(states, json_array_get(inputs, i)))
                i++;
            else
                json_array_remove(inputs, i);
        }
        bool last = after == NULL || scenario_now(after) > scenario_now(step);
        json_object_set_new(step, "over", json_boolean(last));
    }
    json_decref(states);
}
