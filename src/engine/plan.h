/* The plan: every published version compiled, and who listens to what. It grows by publishing and is
 * otherwise immutable; all engines of a process read the same one. Versions are numbered from 0 in the order
 * of publishing, journeys from 0 in the order of their first; a journey's own versions from 1. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H
#include "base/array.h"
#include "journey/definition.h"

enum {
    PLAN_VERSIONS_MAX = 60000,
    PLAN_AGGREGATES_MAX = 10000,
    AGGREGATE_NONE = 0xffff,
    VERSION_NONE = 0xffff
};

/* A call of the API that asks for a contact to enter is an event that its journey alone listens to: it has an
 * id behind those of names. In rows it is kept as the journey's number (EVENT_ENROLL). */
static inline uint16_t plan_enroll_event(uint16_t journey)
{
    return (uint16_t)(NAMES_EVENT_MAX + 1 + journey);
}
_Static_assert(NAMES_EVENT_MAX + PLAN_VERSIONS_MAX < UINT16_MAX, "ids of events have 16 bits");

/* An event rule with its names bound: what one event is held against. */
struct plan_match {
    uint16_t event;
    uint16_t aggregate; /* answers at_least > 1 and entry rules with match all; AGGREGATE_NONE = not needed */
    uint32_t at_least;
    int64_t within_ms;
    const struct where *where;
};

struct plan_condition {
    bool is_event;
    struct plan_match match;
    const struct rule_program *program;
};

struct plan_node {                              /* what a definition's node needs besides itself */
    struct plan_condition condition;            /* wait_for */
    uint16_t attribute;                         /* segment */
    const struct rule_program *const *programs; /* split */
    const uint16_t *attributes;                 /* update: one a change */
};

struct plan_version {
    uint16_t number, journey;
    uint32_t ordinal; /* among the journey's versions, from 1 */
    uint64_t control; /* position of its publish entry */
    const struct definition *definition;
    const struct plan_match *entries;
    const struct rule_program *filter;
    const struct plan_condition *exits, *goals;
    const struct plan_node *nodes;
    uint16_t aggregates_first, aggregates_end; /* those that it was the first to need */
    bool time_rules;                           /* a goal or exit rule's truth may change by time alone */
};

struct plan_aggregate {
    uint16_t event, ring;
    const struct where *where;
};

struct plan;

struct plan *plan_new(struct names *names);
void plan_free(struct plan *plan);

/* Compiles a definition (parsed from `document`) as the next version of the journey of its name. `name_id`
 * gives ids for names (control.h: a new one becomes a control entry first). On failure nothing has changed
 * but names. */
typedef uint16_t plan_name_id(void *context, enum name_kind kind, struct str name);
enum err plan_publish(struct plan *plan, const json_t *document, uint64_t control, plan_name_id *name_id,
                      void *context, uint16_t *ret_version, struct err_detail *detail);

/* Whether a publish would succeed, by the same code; nothing changes but names. */
enum err plan_try(struct plan *plan, const json_t *document, plan_name_id *name_id, void *context,
                  struct err_detail *detail);

const struct names *plan_names(const struct plan *plan);
uint16_t plan_version_count(const struct plan *plan);
const struct plan_version *plan_version(const struct plan *plan, uint16_t number);
uint16_t plan_journey_count(const struct plan *plan);
struct str plan_journey_name(const struct plan *plan, uint16_t journey);
/* The newest version of a journey. */
uint16_t plan_newest(const struct plan *plan, uint16_t journey);
/* The same by the journey's name; VERSION_NONE where there is none. */
uint16_t plan_find(const struct plan *plan, struct str journey_name);

/* Whether the API may let contacts into the version. */
bool plan_lets_api_in(const struct plan_version *version);

uint16_t plan_aggregate_count(const struct plan *plan);
const struct plan_aggregate *plan_aggregate(const struct plan *plan, uint16_t aggregate);

/* Who listens: journeys in order of their number, and aggregates. */
struct plan_listeners {
    ARRAY(uint16_t) journeys;
    ARRAY(uint16_t) aggregates; /* of an event */
};
const struct plan_listeners *plan_event_listeners(const struct plan *plan, uint16_t event); /* never NULL */
const struct plan_listeners *plan_attribute_listeners(const struct plan *plan,
                                                      uint16_t attribute); /* never NULL */

#endif
