/* A scenario is everything that happens to a system under test, as one JSON document that can be printed, cut
 * down and run again:
 *     {"steps":[{"now":instant,"inputs":[…oracle.h…],"over":bool,"faults":[…simulate.h…]}]}
 * A step hands over inputs at one instant, actions before records; `over` says that no more of that instant
 * will come. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H
#include "lines.h"
#include "oracle.h"

#define SCENARIO_START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

int64_t scenario_now(const json_t *step);
bool scenario_is_over(const json_t *step);
/* Gives one step to the oracle. */
void scenario_feed(struct oracle *oracle, const json_t *step);

/* An instant as a JSON string, and as `1d+1ms` since SCENARIO_START_MS. */
json_t *scenario_instant(int64_t ms);
void scenario_put_offset(struct buf *out, int64_t ms);

/* What the oracle has found, as vectors.h writes it, behind what has been seen of it. */
struct scenario_seen {
    size_t facts, activations, endings;
};
void scenario_add_facts(struct lines *lines, const struct oracle *oracle, struct scenario_seen *seen);

/* Who is inside, attributes and figures. */
void scenario_add_state(struct lines *lines, const struct oracle *oracle);
/* The journeys' figures as they were at the end of until_ms. */
void scenario_add_past(struct lines *lines, const struct oracle *oracle, int64_t until_ms);

/* Lines of the same form for whoever knows the same otherwise: contact `id` stands at `node` of the journey.
 */
struct scenario_inside {
    const char *contact, *journey, *node;
    uint32_t number, visits; /* number of the journey */
    int64_t entered_ms, arrived_ms, due_ms, timeout_ms;
};
void scenario_add_inside(struct lines *lines, const struct scenario_inside *inside);
void scenario_add_attribute(struct lines *lines, const char *contact, const char *name, const json_t *value);
/* Everything that is not zero, in order of the names. */
void scenario_add_figures(struct lines *lines, json_t *figures);

#endif
