/* Random scenarios (scenario.h) over everything that definitions may say and inputs may do: small alphabets
 * and a coarse clock, so that what rarely meets in life meets all the time here. The same seed gives the same
 * scenario. */
#ifndef SIM_GENERATE_H
#define SIM_GENERATE_H
#include <jansson.h>

#include "base/prng.h"

struct generator {
    struct prng prng;
    int64_t grid_ms; /* most instants and durations are multiples of it */
    unsigned twists; /* percent of the rarer things */
};

json_t *generate_scenario(uint64_t seed);

/* ── generate_rule.c ──────────────────────────────────────────────────────── */

json_t *generate_contact_rule(struct generator *g, int depth);
/* {"event", "where", "at_least", "within"} */
json_t *generate_event_rule(struct generator *g);
json_t *generate_attribute_value(struct generator *g, char attribute);
json_t *generate_properties(struct generator *g);
json_t *generate_duration(struct generator *g);
const char *generate_event(struct generator *g);
const char *generate_attribute(struct generator *g);

/* ── generate_journey.c ───────────────────────────────────────────────────── */

/* A definition that may be published. */
json_t *generate_definition(struct generator *g, const char *name);

/* ── generate_mend.c ──────────────────────────────────────────────────────── */

/* Makes a scenario sound from which something was taken away: actions that are not allowed any more go, and
 * each instant's last step is its last. Nodes that no edge leads to any more go from definitions. */
void scenario_mend(json_t *scenario);
/* Takes away the nodes that cannot be reached. */
void definition_mend(json_t *definition);

#endif
