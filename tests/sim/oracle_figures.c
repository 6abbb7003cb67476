/* The figures, counted from one mark after the other. */
#include "oracle_state.h"

static const char *const reasons[] = {
    "completed",       "goal",         "exit_rule", "timed_out",       "force_exit",
    "version_stopped", "carried_over", "removed",   "contact_deleted", "contact_merged"};

static void add(json_t *object, const char *key, json_int_t more)
{
    json_object_set_new(object, key, json_integer(json_integer_value(json_object_get(object, key)) + more));
}

static json_t *zero_reasons(void)
{
    json_t *left = json_object();
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        add(left, reasons[i], 0);
    return left;
}

static void add_names(json_t *moved, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        add(moved, json_string_value(json_object_get(json_array_get(list, i), "name")), 0);
}

static json_t *zero_outcomes(const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "type"));
    json_t *moved = json_object();
    add_names(moved, json_object_get(node, "groups"));
    add_names(moved, json_object_get(node, "paths"));
    if (strcmp(type, "segment") == 0)
        add(moved, "other", 0);
    else if (strcmp(type, "split") == 0)
        add(moved, "others", 0);
    else if (strcmp(type, "wait_for") == 0)
        add(moved, "yes", 0), add(moved, "timed_out", 0);
    else if (strcmp(type, "activate") == 0)
        add(moved, "next", 0), add(moved, "failed", 0);
    else if (strcmp(type, "wait") == 0 || strcmp(type, "update") == 0)
        add(moved, "next", 0);
    return moved;
}

static json_t *zero_nodes(json_t *nodes)
{
    json_t *figures = json_object(), *node;
    const char *id;
    json_object_foreach(nodes, id, node)
    {
        json_t *zeros =
            json_pack("{s:i, s:o, s:i, s:i, s:o, s:o}", "entered", 0, "moved", zero_outcomes(node), "waiting",
                      0, "waiting_before", 0, "left", zero_reasons(), "left_before", zero_reasons());
        json_object_set_new(figures, id, zeros);
    }
    return figures;
}

static json_t *zero_journey(const struct oracle_journey *journey)
{
    json_t *goals = json_object(), *exits = json_array();
    add_names(goals, json_object_get(journey->definition, "goals"));
    for (size_t i = 0; i < json_array_size(json_object_get(journey->definition, "exits")); i++)
        json_array_append_new(exits, json_integer(0));
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:{}, s:o, s:o}", "name", journey->name,
                     "version", 1, "qualified", 0, "held_out", 0, "entered", 0, "carried_in", 0, "in_journey",
                     0, "left", zero_reasons(), "goals", goals, "goal_values", "exit_rules", exits, "nodes",
                     zero_nodes(journey->nodes));
}

static void count_rule(json_t *figures, const struct oracle_journey *journey, const struct oracle_mark *mark)
{
    if (strcmp(mark->what, "goal") == 0) {
        const json_t *goal =
            json_array_get(json_object_get(journey->definition, "goals"), (size_t)mark->which);
        const char *name = json_string_value(json_object_get(goal, "name"));
        json_t *values = json_object_get(figures, "goal_values");
        add(json_object_get(figures, "goals"), name, 1);
        json_object_set_new(values, name,
                            json_real(json_number_value(json_object_get(values, name)) + mark->value));
    } else if (strcmp(mark->what, "exit_rule") == 0) {
        json_t *exits = json_object_get(figures, "exit_rules");
        json_int_t before = json_integer_value(json_array_get(exits, (size_t)mark->which));
        json_array_set_new(exits, (size_t)mark->which, json_integer(before + 1));
    }
}

static void count_mark(json_t *figures, const struct oracle_journey *journey, const struct oracle_mark *mark)
{
    json_t *node = mark->node ? json_object_get(json_object_get(figures, "nodes"), mark->node) : NULL;
    switch (mark->kind) {
    case ORACLE_ENTERED: /* nobody is held out yet: a control group comes with a later issue */
        add(figures, "qualified", 1);
        add(figures, "entered", 1);
        add(figures, "in_journey", 1);
        break;
    case ORACLE_ARRIVED:
        add(node, "entered", 1);
        add(node, "waiting", 1);
        break;
    case ORACLE_MOVED:
        add(json_object_get(node, "moved"), mark->what, 1);
        add(node, "waiting", -1);
        break;
    case ORACLE_LEFT:
        add(json_object_get(figures, "left"), mark->what, 1);
        add(json_object_get(node, "left"), mark->what, 1);
        add(node, "waiting", -1);
        add(figures, "in_journey", -1);
        count_rule(figures, journey, mark);
        break;
    }
}

json_t *oracle_figures(const struct oracle *oracle, int64_t until_ms)
{
    json_t *journeys = json_array();
    for (uint32_t n = 0; n < oracle->journeys.count; n++) {
        json_t *figures = zero_journey(oracle->journeys.items[n]);
        array_each (&oracle->marks, i) {
            if (oracle->marks.items[i].journey == n && oracle->marks.items[i].at_ms <= until_ms)
                count_mark(figures, oracle->journeys.items[n], &oracle->marks.items[i]);
        }
        json_array_append_new(journeys, figures);
    }
    return json_pack("{s:I, s:I, s:o}", "contacts", (json_int_t)oracle->contacts.count, "events",
                     (json_int_t)oracle->events, "journeys", journeys);
}
