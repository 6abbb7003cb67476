#include "base/check.h"
#include "calendar/instant.h"
#include "generate.h"
#include "scenario.h"

/* ── definitions ──────────────────────────────────────────────────────────── */

static void reach(json_t *nodes, json_t *reached, const json_t *edge);

/* The edges of groups or paths; how many have none. */
static size_t reach_by_branches(json_t *nodes, json_t *reached, const json_t *list)
{
    size_t without = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *next = json_object_get(json_array_get(list, i), "next");
        without += next == NULL;
        reach(nodes, reached, next);
    }
    return without;
}

/* The outcomes that a kind of node has by itself; how many have no edge under `on`. */
static size_t reach_by_outcomes(json_t *nodes, json_t *reached, const json_t *node)
{
    static const char *const outcomes[][3] = {
        {"wait", "next", NULL},    {"update", "next", NULL},       {"segment", "other", NULL},
        {"split", "others", NULL}, {"activate", "next", "failed"}, {"wait_for", "yes", "timed_out"}};
    const char *type = json_string_value(json_object_get(node, "type"));
    const json_t *on = json_object_get(node, "on");
    size_t without = 0;
    for (size_t k = 0; k < sizeof outcomes / sizeof *outcomes; k++) {
        for (size_t o = 1; o < 3 && strcmp(outcomes[k][0], type) == 0 && outcomes[k][o]; o++) {
            const json_t *edge = json_object_get(on, outcomes[k][o]);
            without += edge == NULL;
            reach(nodes, reached, edge);
        }
    }
    return without;
}

/* `next` leads somewhere only for outcomes without an edge of their own. */
static void reach(json_t *nodes, json_t *reached, const json_t *edge)
{
    const char *id = json_string_value(json_is_object(edge) ? json_object_get(edge, "to") : edge);
    json_t *node = id ? json_object_get(nodes, id) : NULL;
    if (node == NULL || json_object_get(reached, id))
        return;
    json_object_set_new(reached, id, json_true());
    size_t without = reach_by_branches(nodes, reached, json_object_get(node, "groups"));
    without += reach_by_branches(nodes, reached, json_object_get(node, "paths"));
    without += reach_by_outcomes(nodes, reached, node);
    if (without > 0)
        reach(nodes, reached, json_object_get(node, "next"));
}

/* A `next` that stands for no outcome may lead to a node that has just gone. */
static void drop_dangling(const json_t *nodes, json_t *node)
{
    const json_t *edge = json_object_get(node, "next");
    const char *id = json_string_value(json_is_object(edge) ? json_object_get(edge, "to") : edge);
    if (id && json_object_get(nodes, id) == NULL)
        json_object_del(node, "next");
}

void definition_mend(json_t *definition)
{
    json_t *nodes = json_object_get(definition, "nodes"), *reached = json_object(), *node;
    const char *id;
    void *next;
    reach(nodes, reached, json_object_get(definition, "start"));
    json_object_foreach_safe(nodes, next, id, node)
    {
        if (json_object_get(reached, id) == NULL)
            json_object_del(nodes, id);
    }
    json_object_foreach(nodes, id, node)
    {
        drop_dangling(nodes, node);
    }
    json_decref(reached);
}

/* ── scenarios ────────────────────────────────────────────────────────────── */

/* `states` says by journey's name in which state it is; true where the action is allowed, which then has
 * happened. */
static bool act(json_t *states, const json_t *input)
{
    const char *action = json_string_value(json_object_get(input, "do")), *next = NULL;
    const json_t *journey = json_object_get(input, "journey");
    const char *name =
        json_string_value(json_is_object(journey) ? json_object_get(journey, "name") : journey);
    const char *state = json_string_value(json_object_get(states, name));
    const char *asked = json_string_value(json_object_get(input, "hold"));
    const char *hold = asked ? asked : "all"; /* a paused journey's state is its hold */
    if (json_object_get(input, "contact"))    /* what asks for a journey needs it */
        return strcmp(action, "enroll") != 0 || state != NULL;
    if (strcmp(action, "publish") == 0)
        next = state ? NULL : "running";
    else if (state == NULL || strcmp(state, "stopped") == 0)
        return false;
    else if (strcmp(action, "pause") == 0)
        next = strcmp(state, hold) == 0 ? NULL : hold;
    else if (strcmp(action, "resume") == 0)
        next = strcmp(state, "running") == 0 ? NULL : "running";
    else
        next = "stopped";
    if (next)
        json_object_set_new(states, name, json_string(next));
    return next != NULL;
}

/* A message is known for 24 hours and may be for up to 45 minutes more: what comes again in between says no
 * longer which it is. */
static void mend_message(json_t *taken, json_t *input, int64_t now_ms)
{
    const char *contact = json_string_value(json_object_get(input, "contact"));
    const char *message = json_string_value(json_object_get(input, "message"));
    char key[64];
    if (!contact || !message)
        return;
    snprintf(key, sizeof key, "%s %s", contact, message);
    const json_t *at = json_object_get(taken, key);
    int64_t age_ms = now_ms - json_integer_value(at);
    if (at && age_ms > DAY_MS && age_ms <= DAY_MS + 45 * MINUTE_MS)
        json_object_del(input, "message");
    else if (!at || age_ms > DAY_MS)
        json_object_set_new(taken, key, json_integer(now_ms));
}

void scenario_mend(json_t *scenario)
{
    json_t *steps = json_object_get(scenario, "steps"), *states = json_object(), *taken = json_object();
    for (size_t s = 0; s < json_array_size(steps); s++) {
        json_t *step = json_array_get(steps, s), *inputs = json_object_get(step, "inputs");
        const json_t *after = json_array_get(steps, s + 1);
        for (size_t i = 0; i < json_array_size(inputs);) {
            mend_message(taken, json_array_get(inputs, i), scenario_now(step));
            if (act(states, json_array_get(inputs, i)))
                i++;
            else
                json_array_remove(inputs, i);
        }
        bool last = after == NULL || scenario_now(after) > scenario_now(step);
        if (!last || json_array_size(inputs) > 0)
            json_object_del(step, "run");
        json_object_set_new(step, "over", json_boolean(last));
    }
    json_decref(states);
    json_decref(taken);
}
