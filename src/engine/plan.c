#include "engine/plan.h"

#include "base/check.h"

struct journey {
    struct str name;
    uint16_t newest; /* version */
    uint32_t versions;
    struct plan_listeners enroll; /* to the API's calls: itself, and aggregates */
};

struct plan {
    struct names *names;
    struct arena arena;
    ARRAY(struct plan_version *) versions;
    ARRAY(struct journey) journeys;
    ARRAY(struct plan_aggregate) aggregates;
    struct plan_listeners *events, *attributes; /* by id */
    struct plan_listeners nobody;
};

/* One publish under way: what is to be kept goes to the plan's arena, the aggregates it needs are listed. */
struct publishing {
    struct plan *plan;
    plan_name_id *name_id;
    void *context;
    struct err_detail *detail;
};

struct plan *plan_new(struct names *names)
{
    struct plan *plan = memory_take_zeroed(1, sizeof *plan);
    plan->names = names;
    plan->events = memory_take_zeroed(NAMES_EVENT_MAX + 1, sizeof *plan->events);
    plan->attributes = memory_take_zeroed(NAMES_ATTRIBUTE_MAX + 1, sizeof *plan->attributes);
    return plan;
}

static void listeners_free(struct plan_listeners *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        array_free(&all[i].journeys);
        array_free(&all[i].aggregates);
    }
    free(all);
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    listeners_free(plan->events, NAMES_EVENT_MAX + 1);
    listeners_free(plan->attributes, NAMES_ATTRIBUTE_MAX + 1);
    array_each (&plan->journeys, i) {
        array_free(&plan->journeys.items[i].enroll.journeys);
        array_free(&plan->journeys.items[i].enroll.aggregates);
    }
    array_free(&plan->versions);
    array_free(&plan->journeys);
    array_free(&plan->aggregates);
    arena_deinit(&plan->arena);
    free(plan);
}

/* ── binding ──────────────────────────────────────────────────────────────── */

static uint16_t bind_name(void *context, enum name_kind kind, struct str name)
{
    struct publishing *p = context;
    return p->name_id(p->context, kind, name);
}

/* Only an aggregate that this publish registers itself may be given a longer ring: an older one has already
 * let moments go. */
static uint16_t bind_aggregate(void *context, uint16_t event, const struct where *where, uint16_t ring)
{
    struct publishing *p = context;
    struct plan *plan = p->plan;
    array_each (&plan->aggregates, i) {
        const struct plan_aggregate *a = &plan->aggregates.items[i];
        if (a->event == event && a->ring >= ring && where_equal(a->where, where))
            return (uint16_t)i;
    }
    if (plan->aggregates.count == PLAN_AGGREGATES_MAX)
        return AGGREGATE_NONE;
    *array_push(&plan->aggregates) = (struct plan_aggregate){.event = event, .ring = ring, .where = where};
    return (uint16_t)(plan->aggregates.count - 1);
}

static enum err compile(struct publishing *p, const struct rule *rule, const struct rule_program **ret)
{
    const struct rule_binder binder = {.context = p, .name = bind_name, .aggregate = bind_aggregate};
    return rule_compile(rule, &binder, &p->plan->arena, ret, p->detail);
}

static enum err bind_count(struct publishing *p, const struct where *where, uint32_t ring,
                           struct plan_match *ret)
{
    ret->aggregate = bind_aggregate(p, ret->event, where, (uint16_t)ring);
    return ret->aggregate == AGGREGATE_NONE
               ? err_fail(p->detail, ERR_LIMIT, "",
                          "more than %d different counts over past events are asked for", PLAN_AGGREGATES_MAX)
               : ERR_OK;
}

/* `ring` newest moments are needed to answer it; 0 = the event itself is enough. */
static enum err bind_match(struct publishing *p, const struct event_rule *rule, uint32_t ring, bool count,
                           struct plan_match *ret)
{
    *ret = (struct plan_match){.at_least = rule->at_least,
                               .within_ms = rule->within_ms,
                               .where = rule->where,
                               .aggregate = AGGREGATE_NONE};
    ret->event = p->name_id(p->context, NAME_EVENT, rule->event);
    if (ret->event == 0)
        return err_fail(p->detail, ERR_LIMIT, "", "the event name \"%.*s\" is over the limit of %d names",
                        STR_ARG(rule->event), NAMES_EVENT_MAX);
    if (ring == 0 && !count)
        return ERR_OK;
    if (ring > PAST_RING_MAX)
        return err_fail(p->detail, ERR_LIMIT, "", "\"at_least\" of \"%.*s\" is over the limit of %d here",
                        STR_ARG(rule->event), PAST_RING_MAX / 2);
    return bind_count(p, rule->where, ring, ret);
}

static enum err bind_condition(struct publishing *p, const struct condition *condition,
                               struct plan_condition *ret)
{
    ret->is_event = condition->is_event;
    if (!condition->is_event)
        return compile(p, condition->rule, &ret->program);
    uint32_t at_least = condition->event.at_least;
    return bind_match(p, &condition->event, at_least > 1 ? at_least : 0, false, &ret->match);
}

/* Only match all asks when it was called last. */
static enum err bind_api(struct publishing *p, uint16_t journey, bool all, struct plan_match *ret)
{
    *ret =
        (struct plan_match){.event = plan_enroll_event(journey), .aggregate = AGGREGATE_NONE, .at_least = 1};
    return all ? bind_count(p, NULL, 1, ret) : ERR_OK;
}

/* match all asks when a rule was last met: 2n - 1 moments tell for at_least n within a window (settle.c). */
static enum err bind_entries(struct publishing *p, const struct definition *d, struct plan_version *version)
{
    struct plan_match *entries = arena_take_array(&p->plan->arena, d->entry_count, sizeof *entries);
    for (uint32_t i = 0; i < d->entry_count; i++) {
        const struct event_rule *rule = &d->entries[i].event;
        uint32_t ring = rule->within_ms && rule->at_least > 1 ? rule->at_least : 0;
        bool all = d->match == ENTRY_ALL && d->entry_count > 1;
        if (all)
            ring = rule->within_ms ? 2 * rule->at_least - 1 : 1;
        enum err err = d->entries[i].kind == ENTRY_API
                           ? bind_api(p, version->journey, all, &entries[i])
                           : bind_match(p, rule, ring, rule->at_least > 1, &entries[i]);
        if (err)
            return err;
    }
    version->entries = entries;
    return ERR_OK;
}

static enum err bind_ends(struct publishing *p, const struct definition *d, struct plan_version *version)
{
    struct plan_condition *exits = arena_take_array(&p->plan->arena, d->exit_count, sizeof *exits);
    struct plan_condition *goals = arena_take_array(&p->plan->arena, d->goal_count, sizeof *goals);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < d->exit_count && !err; i++) {
        err = bind_condition(p, &d->exits[i], &exits[i]);
        version->time_rules |= !err && exits[i].program && rule_needs(exits[i].program)->time;
    }
    for (uint32_t i = 0; i < d->goal_count && !err; i++) {
        err = bind_condition(p, &d->goals[i].condition, &goals[i]);
        version->time_rules |= !err && goals[i].program && rule_needs(goals[i].program)->time;
    }
    version->exits = exits;
    version->goals = goals;
    return err;
}

static enum err attribute_id(struct publishing *p, struct str name, uint16_t *ret)
{
    *ret = p->name_id(p->context, NAME_ATTRIBUTE, name);
    return *ret ? ERR_OK
                : err_fail(p->detail, ERR_LIMIT, "",
                           "the attribute \"%.*s\" is over the limit of %d attributes", STR_ARG(name),
                           NAMES_ATTRIBUTE_MAX);
}

static enum err bind_split(struct publishing *p, const struct node *node, struct plan_node *ret)
{
    const struct rule_program **programs =
        arena_take_array(&p->plan->arena, node->outcome_count, sizeof *programs);
    for (uint8_t i = 0; i + 1 < node->outcome_count; i++) {
        enum err err = compile(p, node->split.rules[i], &programs[i]);
        if (err)
            return err;
    }
    ret->programs = programs;
    return ERR_OK;
}

static enum err bind_update(struct publishing *p, const struct node *node, struct plan_node *ret)
{
    uint16_t *attributes = arena_take_array(&p->plan->arena, node->update.count, sizeof *attributes);
    for (uint32_t i = 0; i < node->update.count; i++) {
        enum err err = attribute_id(p, node->update.changes[i].attribute, &attributes[i]);
        if (err)
            return err;
    }
    ret->attributes = attributes;
    return ERR_OK;
}

static enum err bind_nodes(struct publishing *p, const struct definition *d, struct plan_version *version)
{
    struct plan_node *nodes = arena_take_array(&p->plan->arena, d->node_count, sizeof *nodes);
    version->nodes = nodes;
    for (uint16_t n = 0; n < d->node_count; n++) {
        const struct node *node = &d->nodes[n];
        enum err err = ERR_OK;
        if (node->kind == NODE_WAIT_FOR)
            err = bind_condition(p, &node->wait_for.condition, &nodes[n].condition);
        else if (node->kind == NODE_SEGMENT)
            err = attribute_id(p, node->segment.attribute, &nodes[n].attribute);
        else if (node->kind == NODE_SPLIT)
            err = bind_split(p, node, &nodes[n]);
        else if (node->kind == NODE_UPDATE)
            err = bind_update(p, node, &nodes[n]);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* ── who listens ──────────────────────────────────────────────────────────── */

static struct plan_listeners *listeners_of(struct plan *plan, uint16_t event)
{
    return event <= NAMES_EVENT_MAX ? &plan->events[event]
                                    : &plan->journeys.items[event - plan_enroll_event(0)].enroll;
}

static void listen(struct plan_listeners *listeners, uint16_t journey)
{
    size_t at = listeners->journeys.count;
    while (at > 0 && listeners->journeys.items[at - 1] > journey)
        at--;
    if (at > 0 && listeners->journeys.items[at - 1] == journey)
        return;
    (void)array_push(&listeners->journeys);
    memmove(listeners->journeys.items + at + 1, listeners->journeys.items + at,
            (listeners->journeys.count - 1 - at) * sizeof *listeners->journeys.items);
    listeners->journeys.items[at] = journey;
}

static void listen_condition(struct plan *plan, const struct plan_condition *condition, uint16_t journey)
{
    if (condition->is_event) {
        listen(&plan->events[condition->match.event], journey);
        return;
    }
    const struct rule_needs *needs = rule_needs(condition->program);
    for (uint32_t i = 0; i < needs->event_count; i++)
        listen(&plan->events[needs->events[i]], journey);
    for (uint32_t i = 0; i < needs->attribute_count; i++)
        listen(&plan->attributes[needs->attributes[i]], journey);
}

static void listen_version(struct plan *plan, const struct plan_version *version)
{
    const struct definition *d = version->definition;
    for (uint32_t i = 0; i < d->entry_count; i++)
        listen(listeners_of(plan, version->entries[i].event), version->journey);
    for (uint32_t i = 0; i < d->exit_count; i++)
        listen_condition(plan, &version->exits[i], version->journey);
    for (uint32_t i = 0; i < d->goal_count; i++)
        listen_condition(plan, &version->goals[i], version->journey);
    for (uint16_t n = 0; n < d->node_count; n++) {
        if (d->nodes[n].kind == NODE_WAIT_FOR)
            listen_condition(plan, &version->nodes[n].condition, version->journey);
    }
    for (uint16_t a = version->aggregates_first; a < version->aggregates_end; a++)
        *array_push(&listeners_of(plan, plan->aggregates.items[a].event)->aggregates) = a;
}

/* ── publishing ───────────────────────────────────────────────────────────── */

static uint16_t find_journey(const struct plan *plan, struct str name)
{
    array_each (&plan->journeys, i) {
        if (str_equal(plan->journeys.items[i].name, name))
            return (uint16_t)i;
    }
    return UINT16_MAX;
}

static enum err build(struct publishing *p, const json_t *document, struct plan_version *version)
{
    struct definition *definition = arena_take(&p->plan->arena, sizeof *definition);
    enum err err = definition_parse(document, &p->plan->arena, definition, p->detail);
    if (err)
        return err;
    version->definition = definition;
    version->journey = find_journey(p->plan, definition->name);
    if (version->journey == UINT16_MAX)
        version->journey = (uint16_t)p->plan->journeys.count;
    version->aggregates_first = (uint16_t)p->plan->aggregates.count;
    err = bind_entries(p, definition, version);
    if (!err && definition->filter)
        err = compile(p, definition->filter, &version->filter);
    if (!err)
        err = bind_ends(p, definition, version);
    if (!err)
        err = bind_nodes(p, definition, version);
    version->aggregates_end = (uint16_t)p->plan->aggregates.count;
    return err;
}

/* A failed one takes no aggregates. */
static enum err build_within_limits(struct publishing *p, const json_t *document,
                                    struct plan_version *version)
{
    struct plan *plan = p->plan;
    if (plan->versions.count == PLAN_VERSIONS_MAX)
        return err_fail(p->detail, ERR_LIMIT, "", "%d versions have been published here, no more can be",
                        PLAN_VERSIONS_MAX);
    size_t aggregates = plan->aggregates.count;
    enum err err = build(p, document, version);
    if (err)
        plan->aggregates.count = aggregates;
    return err;
}

enum err plan_try(struct plan *plan, const json_t *document, plan_name_id *name_id, void *context,
                  struct err_detail *detail)
{
    struct publishing p = {plan, name_id, context, detail};
    struct arena kept = plan->arena;
    plan->arena = (struct arena){0};
    size_t aggregates = plan->aggregates.count;
    enum err err = build_within_limits(&p, document, &(struct plan_version){0});
    plan->aggregates.count = aggregates;
    arena_deinit(&plan->arena);
    plan->arena = kept;
    return err;
}

enum err plan_publish(struct plan *plan, const json_t *document, uint64_t control, plan_name_id *name_id,
                      void *context, uint16_t *ret_version, struct err_detail *detail)
{
    struct publishing p = {plan, name_id, context, detail};
    struct plan_version *version = arena_take(&plan->arena, sizeof *version);
    enum err err = build_within_limits(&p, document, version);
    if (err)
        return err;
    uint16_t journey = version->journey;
    if (journey == plan->journeys.count)
        *array_push(&plan->journeys) = (struct journey){.name = version->definition->name};
    version->number = (uint16_t)plan->versions.count;
    version->ordinal = ++plan->journeys.items[journey].versions;
    version->control = control;
    plan->journeys.items[journey].newest = version->number;
    *array_push(&plan->versions) = version;
    listen_version(plan, version);
    *ret_version = version->number;
    return ERR_OK;
}

/* ── reading ──────────────────────────────────────────────────────────────── */

const struct names *plan_names(const struct plan *plan)
{
    return plan->names;
}

uint16_t plan_version_count(const struct plan *plan)
{
    return (uint16_t)plan->versions.count;
}

const struct plan_version *plan_version(const struct plan *plan, uint16_t number)
{
    CHECK(number < plan->versions.count);
    return plan->versions.items[number];
}

uint16_t plan_journey_count(const struct plan *plan)
{
    return (uint16_t)plan->journeys.count;
}

struct str plan_journey_name(const struct plan *plan, uint16_t journey)
{
    CHECK(journey < plan->journeys.count);
    return plan->journeys.items[journey].name;
}

uint16_t plan_newest(const struct plan *plan, uint16_t journey)
{
    CHECK(journey < plan->journeys.count);
    return plan->journeys.items[journey].newest;
}

uint16_t plan_find(const struct plan *plan, struct str journey_name)
{
    uint16_t journey = find_journey(plan, journey_name);
    return journey == UINT16_MAX ? VERSION_NONE : plan->journeys.items[journey].newest;
}

uint16_t plan_aggregate_count(const struct plan *plan)
{
    return (uint16_t)plan->aggregates.count;
}

const struct plan_aggregate *plan_aggregate(const struct plan *plan, uint16_t aggregate)
{
    CHECK(aggregate < plan->aggregates.count);
    return &plan->aggregates.items[aggregate];
}

bool plan_lets_api_in(const struct plan_version *version)
{
    for (uint32_t i = 0; i < version->definition->entry_count; i++) {
        if (version->definition->entries[i].kind == ENTRY_API)
            return true;
    }
    return false;
}

const struct plan_listeners *plan_event_listeners(const struct plan *plan, uint16_t event)
{
    size_t enroll = (size_t)event - plan_enroll_event(0);
    if (event && event <= NAMES_EVENT_MAX)
        return &plan->events[event];
    return event && enroll < plan->journeys.count ? &plan->journeys.items[enroll].enroll : &plan->nobody;
}

const struct plan_listeners *plan_attribute_listeners(const struct plan *plan, uint16_t attribute)
{
    return attribute && attribute <= NAMES_ATTRIBUTE_MAX ? &plan->attributes[attribute] : &plan->nobody;
}
