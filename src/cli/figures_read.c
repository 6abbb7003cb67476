#include "cli/figures_read.h"

static int64_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* Names have no zero byte and end nowhere in particular. */
static int64_t number_named(const json_t *object, struct str name, struct arena *arena)
{
    return number_of(object, arena_str(arena, name).data);
}

static struct leave_figures left_of(const json_t *object)
{
    struct leave_figures left;
    for (enum leave_reason reason = 0; reason < LEAVE_REASONS; reason++)
        left.reasons[reason] = number_of(object, leave_reason_name(reason));
    return left;
}

static void read_ends(const json_t *object, const struct definition *definition, struct arena *arena,
                      int64_t *goals, double *values, int64_t *exits)
{
    const json_t *by_name = json_object_get(object, "goals"), *worth = json_object_get(object, "goal_values"),
                 *by_number = json_object_get(object, "exit_rules");
    for (uint32_t i = 0; i < definition->goal_count; i++) {
        goals[i] = number_named(by_name, definition->goals[i].name, arena);
        values[i] =
            json_number_value(json_object_get(worth, arena_str(arena, definition->goals[i].name).data));
    }
    for (uint32_t i = 0; i < definition->exit_count; i++)
        exits[i] = json_integer_value(json_array_get(by_number, i));
}

static void read_node(const json_t *object, const struct definition *definition, uint16_t number,
                      struct arena *arena, struct node_figures *ret)
{
    const struct node *node = &definition->nodes[number];
    const json_t *moved = json_object_get(object, "moved");
    ret->entered = number_of(object, "entered");
    ret->waiting = number_of(object, "waiting");
    ret->waiting_before = number_of(object, "waiting_before");
    for (uint8_t outcome = 0; outcome < node->outcome_count; outcome++)
        ret->moved[outcome] = number_named(moved, node->outcomes[outcome].name, arena);
    ret->left = left_of(json_object_get(object, "left"));
    ret->left_before = left_of(json_object_get(object, "left_before"));
    read_ends(object, definition, arena, ret->goals, ret->values, ret->exits);
}

enum err figures_read(const json_t *statistics, const json_t *definition, struct arena *arena,
                      struct journey_figures *ret, struct err_detail *detail)
{
    struct definition *parsed = arena_take(arena, sizeof *parsed);
    struct plan_version *version = arena_take(arena, sizeof *version);
    enum err err = definition_parse(definition, arena, parsed, detail);
    if (err)
        return err_fail(detail, ERR_UNSUPPORTED, json_string_value(json_object_get(statistics, "name")),
                        "its definition has parts that this program does not know; take that of the server's "
                        "version, or --json");
    *version =
        (struct plan_version){.ordinal = (uint32_t)number_of(statistics, "version"), .definition = parsed};
    struct journey_figures figures = {.version = version,
                                      .qualified = number_of(statistics, "qualified"),
                                      .held_out = number_of(statistics, "held_out"),
                                      .entered = number_of(statistics, "entered"),
                                      .carried_in = number_of(statistics, "carried_in"),
                                      .in_journey = number_of(statistics, "in_journey"),
                                      .left = left_of(json_object_get(statistics, "left"))};
    const json_t *nodes = json_object_get(statistics, "nodes");
    figures.nodes = arena_take_array(arena, parsed->node_count, sizeof *figures.nodes);
    for (uint16_t i = 0; i < parsed->node_count; i++)
        read_node(json_object_get(nodes, arena_str(arena, parsed->nodes[i].id).data), parsed, i, arena,
                  &figures.nodes[i]);
    read_ends(statistics, parsed, arena, figures.goals, figures.values, figures.exits);
    *ret = figures;
    return ERR_OK;
}
