/* What happened in each journey, node by node: the figures of spec/time-runs-stats.md §5 over everything so
 * far, summed over the partitions, for programs and for people. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H
#include <stdio.h>

#include "partition/partition.h"

enum { FIGURES_OUTCOMES_MAX = DEFINITION_GROUPS_MAX + 1 };

struct leave_figures {
    int64_t reasons[LEAVE_REASONS];
};

struct node_figures {
    int64_t entered, waiting, waiting_before;
    int64_t moved[FIGURES_OUTCOMES_MAX];
    struct leave_figures left, left_before;
    int64_t goals[DEFINITION_GOALS_MAX],
        exits[DEFINITION_EXITS_MAX]; /* left.goal and left.exit_rule, each apart */
};

struct journey_figures {
    const struct plan_version *version;
    enum version_state state;
    int64_t qualified, held_out, entered, carried_in, in_journey;
    struct leave_figures left;
    int64_t goals[DEFINITION_GOALS_MAX], exits[DEFINITION_EXITS_MAX];
    struct node_figures *nodes; /* one a node of the definition */
};

struct figures {
    int64_t contacts, events;
    uint16_t journey_count;
    struct journey_figures *journeys; /* every published version */
};

/* Lives in the arena; the definitions stay the control's. */
void figures_collect(struct partition *const *partitions, uint32_t count, const struct control *control,
                     struct arena *arena, struct figures *ret);

/* {"contacts", "events", "seconds", "journeys": […]}; no `seconds` where it is negative, each journey's
 * `state` only with `states`. The caller owns it. */
json_t *figures_json(const struct figures *figures, double seconds, bool states);
/* The same as tables. */
void figures_print(const struct figures *figures, double seconds, FILE *out);

#endif
