#include <inttypes.h>

#include "cli/figures_print.h"

enum { COUNT_BYTES = 32, NODE_COLUMN_MIN = 8 };

/* 1204 → "1,204". */
static const char *count_text(int64_t count, char ret_text[COUNT_BYTES])
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRId64, count), out = 0;
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0 && digits[i - 1] != '-')
            ret_text[out++] = ',';
        ret_text[out++] = digits[i];
    }
    ret_text[out] = '\0';
    return ret_text;
}

/* `, 1,204 name`, nothing where there was none. */
static bool print_part(FILE *out, bool first, const char *before, int64_t count, struct str name)
{
    char text[COUNT_BYTES];
    if (count == 0)
        return first;
    fprintf(out, "%s%s %.*s", first ? before : ", ", count_text(count, text), STR_ARG(name));
    return false;
}

/* A goal by its name, an exit rule by its number from 1 as people count, where there is more than one. */
static bool print_reason(FILE *out, bool first, const char *before, int64_t count, enum leave_reason reason,
                         const struct definition *definition, const int64_t *goals, const double *values,
                         const int64_t *exits)
{
    char text[128];
    if (reason == LEAVE_GOAL && goals) {
        for (uint32_t i = 0; i < definition->goal_count; i++) {
            int size =
                snprintf(text, sizeof text, "goal \"%.*s\"",
                         definition->goals[i].name.size < 40 ? (int)definition->goals[i].name.size : 40,
                         definition->goals[i].name.data);
            if (values[i] != 0)
                size += snprintf(text + size, sizeof text - (size_t)size, " worth %.2f", values[i]);
            first = print_part(out, first, before, goals[i], (struct str){text, (size_t)size});
        }
        return first;
    }
    if (reason == LEAVE_EXIT_RULE && exits && definition->exit_count > 1) {
        for (uint32_t i = 0; i < definition->exit_count; i++) {
            int size = snprintf(text, sizeof text, "exit rule %u", i + 1);
            first = print_part(out, first, before, exits[i], (struct str){text, (size_t)size});
        }
        return first;
    }
    return print_part(out, first, before, count, str_from(leave_reason_name(reason)));
}

static bool print_left(FILE *out, bool first, const char *before, const struct leave_figures *left,
                       const struct definition *definition, const int64_t *goals, const double *values,
                       const int64_t *exits)
{
    for (enum leave_reason reason = 0; reason < LEAVE_REASONS; reason++)
        first =
            print_reason(out, first, before, left->reasons[reason], reason, definition, goals, values, exits);
    return first;
}

static void print_node(FILE *out, int width, const struct definition *definition, uint16_t number,
                       const struct node_figures *figures)
{
    const struct node *node = &definition->nodes[number];
    char entered[COUNT_BYTES], waiting[COUNT_BYTES], before[COUNT_BYTES];
    fprintf(out, "  %-*.*s  %-8s  %9s  %9s  %9s", width, STR_ARG(node->id), node_kind_name(node->kind),
            count_text(figures->entered, entered), count_text(figures->waiting, waiting),
            count_text(figures->waiting_before, before));
    bool first = true;
    for (uint8_t outcome = 0; outcome < node->outcome_count; outcome++)
        first = print_part(out, first, "  -> ", figures->moved[outcome], node->outcomes[outcome].name);
    bool there =
        figures->left_before.reasons[LEAVE_GOAL] + figures->left_before.reasons[LEAVE_EXIT_RULE] == 0;
    print_left(out, true, first ? "  left: " : "; left: ", &figures->left, definition,
               there ? figures->goals : NULL, figures->values, there ? figures->exits : NULL);
    print_left(out, true, "; left before it: ", &figures->left_before, definition, NULL, NULL, NULL);
    fputc('\n', out);
}

static bool is_end(const struct definition *definition, uint16_t node)
{
    return definition->nodes[node].kind == NODE_STOP || definition->nodes[node].kind == NODE_EXIT;
}

/* From the start along the edges, the ends last, as people read a journey; the document's order need not be
 * that. */
static uint16_t reading_order(const struct definition *definition, uint16_t order[DEFINITION_NODES_MAX])
{
    uint16_t found[DEFINITION_NODES_MAX], count = 0, placed = 0;
    bool listed[DEFINITION_NODES_MAX] = {false};
    found[count++] = definition->start;
    listed[definition->start] = true;
    for (uint16_t i = 0; i < count; i++) {
        const struct node *node = &definition->nodes[found[i]];
        for (uint8_t outcome = 0; outcome < node->outcome_count; outcome++) {
            int16_t to = node->outcomes[outcome].to;
            if (to != EDGE_NONE && !listed[to]) {
                listed[to] = true;
                found[count++] = (uint16_t)to;
            }
        }
    }
    for (int ends = 0; ends <= 1; ends++) {
        for (uint16_t i = 0; i < count; i++) {
            if (is_end(definition, found[i]) == (ends == 1))
                order[placed++] = found[i];
        }
    }
    return count;
}

void journey_figures_print(const struct journey_figures *figures, const char *state, FILE *out)
{
    const struct definition *definition = figures->version->definition;
    char qualified[COUNT_BYTES], entered[COUNT_BYTES], inside[COUNT_BYTES];
    fprintf(out, "\n%.*s, version %u, %s\n  %s qualified, %s entered, %s in the journey",
            STR_ARG(definition->name), figures->version->ordinal, state,
            count_text(figures->qualified, qualified), count_text(figures->entered, entered),
            count_text(figures->in_journey, inside));
    print_left(out, true, "\n  left: ", &figures->left, definition, figures->goals, figures->values,
               figures->exits);
    fputs("\n\n", out);

    uint16_t order[DEFINITION_NODES_MAX], count = reading_order(definition, order);
    int width = NODE_COLUMN_MIN;
    for (uint16_t i = 0; i < count; i++) {
        int size = (int)definition->nodes[order[i]].id.size;
        width = size > width ? size : width;
    }
    fprintf(out, "  %-*s  %-8s  %9s  %9s  %9s\n", width, "node", "type", "entered", "waiting", "before it");
    for (uint16_t i = 0; i < count; i++)
        print_node(out, width, definition, order[i], &figures->nodes[order[i]]);
}

void figures_print(const struct figures *figures, double seconds, FILE *out)
{
    char contacts[COUNT_BYTES], events[COUNT_BYTES];
    fprintf(out, "%s contacts, %s events", count_text(figures->contacts, contacts),
            count_text(figures->events, events));
    if (seconds >= 0)
        fprintf(out, ", %.2f seconds", seconds);
    fputc('\n', out);
    for (uint16_t i = 0; i < figures->journey_count; i++)
        journey_figures_print(&figures->journeys[i], version_state_name(figures->journeys[i].state), out);
}
