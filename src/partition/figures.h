/* What happened in each journey, node by node: the figures of spec/time-runs-stats.md §5 over everything so
 * far, summed over the partitions. Of a range of days: figures_range.h. */
#ifndef PARTITION_FIGURES_H
#define PARTITION_FIGURES_H
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
        exits[DEFINITION_EXITS_MAX];     /* left.goal and left.exit_rule, each apart */
    double values[DEFINITION_GOALS_MAX]; /* what the goals were worth */
};

struct journey_figures {
    const struct plan_version *version;
    struct str from, to; /* the days of a range, as they were asked for; empty = none */
    enum version_state state;
    int64_t qualified, held_out, entered, carried_in, in_journey;
    struct leave_figures left;
    int64_t goals[DEFINITION_GOALS_MAX], exits[DEFINITION_EXITS_MAX];
    double values[DEFINITION_GOALS_MAX];
    struct node_figures *nodes; /* one a node of the definition */
};

struct figures {
    int64_t contacts, events;
    uint16_t journey_count;
    struct journey_figures *journeys; /* every published version */
};

/* One journey's: begun with nothing, added up engine by engine (in any order, one at a time), then ended.
 * `nodes` lives in the arena, the definition stays the control's. An engine that has not taken the publish
 * yet adds nothing. */
void journey_figures_begin(struct journey_figures *figures, const struct control *control, uint16_t version,
                           struct arena *arena);
void journey_figures_add(struct journey_figures *figures, const struct engine *engine);
/* The same from the store's totals: a row adds to the figure of its key. */
void journey_figures_add_row(struct journey_figures *figures, const struct stat_row *row);
void journey_figures_end(struct journey_figures *figures);
/* Of two that are ended: what happened in between. Who waits stays as it was at the end. */
void journey_figures_subtract(struct journey_figures *figures, const struct journey_figures *before);
/* With its `state` where wanted. The caller owns it. */
json_t *journey_figures_json(const struct journey_figures *figures, bool state);

/* All journeys', where the partitions stand still. Lives in the arena. */
void figures_collect(struct partition *const *partitions, uint32_t count, const struct control *control,
                     struct arena *arena, struct figures *ret);
/* {"contacts", "events", "seconds", "journeys": […]}; no `seconds` where it is negative, each journey's
 * `state` only with `states`. The caller owns it. */
json_t *figures_json(const struct figures *figures, double seconds, bool states);

#endif
