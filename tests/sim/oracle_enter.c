/* Who is let in (spec/definition.md §1, spec/time-runs-stats.md §1 "two times"). */
#include "oracle_state.h"

#define LATE_TOLERANCE_MS INT64_C(3600000) /* 60 min */

struct oracle_enrollment *oracle_open_enrollment(const struct oracle_contact *contact, uint32_t journey)
{
    array_each (&contact->enrollments, i) {
        struct oracle_enrollment *e = contact->enrollments.items[i];
        if (e->journey == journey && e->open)
            return e;
    }
    return NULL;
}

static const struct oracle_enrollment *last_enrollment(const struct oracle_contact *contact, uint32_t journey)
{
    const struct oracle_enrollment *last = NULL;
    array_each (&contact->enrollments, i)
        if (contact->enrollments.items[i]->journey == journey)
            last = contact->enrollments.items[i];
    return last;
}

static bool was_open(const struct oracle_journey *journey, int64_t at_ms)
{
    array_each (&journey->open, i)
        if (journey->open.items[i].from_ms <= at_ms && at_ms < journey->open.items[i].to_ms)
            return true;
    return false;
}

static bool too_late(const json_t *entry, const struct oracle_event *event)
{
    const json_t *tolerance = json_object_get(entry, "late_tolerance");
    int64_t ms = tolerance ? oracle_duration(tolerance) : LATE_TOLERANCE_MS;
    return event->arrived_ms - event->own_ms > ms;
}

static bool barred(const json_t *entry, const struct oracle_enrollment *last, int64_t now_ms)
{
    if (last == NULL || strcmp(last->reason, "version_stopped") == 0)
        return false;
    const json_t *reentry = json_object_get(entry, "reentry"), *after = json_object_get(reentry, "after");
    if (!json_is_true(json_object_get(reentry, "allowed")))
        return true;
    return after && now_ms < last->left_ms + oracle_duration(after);
}

/* How many events that the rule names lie in [from_ms, to_ms]. */
static json_int_t count_between(json_t *rule, const struct oracle_contact *contact, int64_t from_ms,
                                int64_t to_ms)
{
    json_int_t count = 0;
    array_each (&contact->events, i) {
        const struct oracle_event *e = &contact->events.items[i];
        if (from_ms <= e->own_ms && e->own_ms <= to_ms && oracle_event_fits(rule, e))
            count++;
    }
    return count;
}

/* Whether the rule was full at `at_ms`, counting history. */
static bool was_full(json_t *rule, const struct oracle_contact *contact, int64_t at_ms)
{
    const json_t *within = json_object_get(rule, "within"), *at_least = json_object_get(rule, "at_least");
    int64_t from_ms = within ? at_ms - oracle_duration(within) : INT64_MIN;
    return count_between(rule, contact, from_ms, at_ms) >= (at_least ? json_integer_value(at_least) : 1);
}

/* Every event from the n-th on lets in; one that arrives after its own window is none of the n. */
static bool qualified_by(json_t *rule, const struct oracle_contact *contact, const struct oracle_event *event,
                         int64_t now_ms)
{
    const json_t *within = json_object_get(rule, "within");
    return oracle_event_fits(rule, event) && was_full(rule, contact, now_ms) &&
           (within == NULL || event->own_ms >= now_ms - oracle_duration(within));
}

/* match all: whether the rule holds now from an event of its own on that lies after go-live and after
 * the last leaving, for as long as its window. Own times decide over history, so it is full at that event's
 * own time. */
static bool holds_from_its_event(json_t *rule, const struct oracle_journey *journey,
                                 const struct oracle_contact *contact, const struct oracle_enrollment *last,
                                 int64_t now_ms)
{
    const json_t *within = json_object_get(rule, "within");
    array_each (&contact->events, i) {
        const struct oracle_event *e = &contact->events.items[i];
        if (!oracle_event_fits(rule, e) || !was_full(rule, contact, e->own_ms))
            continue;
        if (e->own_ms < journey->published_ms)
            continue;
        if (last && (e->order <= last->left_order || e->own_ms < last->left_ms))
            continue;
        if (within == NULL || e->own_ms >= now_ms - oracle_duration(within))
            return true;
    }
    return false;
}

/* Of one rule all is the same as any. */
static bool entry_rules_hold(const struct oracle_journey *journey, const struct oracle_contact *contact,
                             const struct oracle_enrollment *last, const struct oracle_event *event,
                             int64_t now_ms)
{
    const json_t *entry = json_object_get(journey->definition, "entry");
    const char *match = json_string_value(json_object_get(entry, "match"));
    json_t *rules = json_object_get(entry, "rules"), *rule;
    bool all = match && strcmp(match, "all") == 0 && json_array_size(rules) > 1, now = false;
    size_t i;
    json_array_foreach(rules, i, rule)
    {
        now |= qualified_by(rule, contact, event, now_ms);
        if (all && !holds_from_its_event(rule, journey, contact, last, now_ms))
            return false;
    }
    return now;
}

/* An exit rule about the contact that holds already keeps it out. */
static bool kept_out(const struct oracle_journey *journey, const struct oracle_contact *contact,
                     int64_t now_ms)
{
    json_t *exits = json_object_get(journey->definition, "exits"), *rule;
    size_t i;
    json_array_foreach(exits, i, rule)
    {
        if (!oracle_is_event_rule(rule) && oracle_rule_holds(rule, contact, now_ms))
            return true;
    }
    return false;
}

static struct oracle_enrollment *open_new(struct oracle *oracle, struct oracle_contact *contact,
                                          uint32_t number, uint32_t passage, int64_t now_ms)
{
    const json_t *definition = oracle->journeys.items[number]->definition;
    const json_t *timeout = json_object_get(definition, "timeout");
    struct oracle_enrollment *e = memory_take_zeroed(1, sizeof *e);
    e->journey = number;
    e->passage = passage;
    e->open = true;
    e->entered_ms = now_ms;
    e->entered_order = oracle->order;
    e->timeout_ms = timeout ? now_ms + oracle_duration(timeout) : ORACLE_NEVER;
    json_t *goals = json_object_get(definition, "goals"), *goal;
    size_t g;
    json_array_foreach(goals, g, goal)
    {
        json_t *rule = oracle_goal_condition(goal);
        e->goal_was_false[g] = !oracle_is_event_rule(rule) && !oracle_rule_holds(rule, contact, now_ms);
    }
    *array_push(&contact->enrollments) = e;
    *array_push(&oracle->marks) =
        (struct oracle_mark){.at_ms = now_ms, .kind = ORACLE_ENTERED, .journey = number, .which = -1};
    return e;
}

void oracle_enter(struct oracle *oracle, struct oracle_contact *contact, uint32_t number,
                  const struct oracle_event *event, int64_t now_ms)
{
    const struct oracle_journey *journey = oracle->journeys.items[number];
    json_t *entry = json_object_get(journey->definition, "entry"), *filter = json_object_get(entry, "filter");
    const struct oracle_enrollment *last = last_enrollment(contact, number);
    if (journey->state != ORACLE_RUNNING || oracle_open_enrollment(contact, number))
        return;
    if (too_late(entry, event) || !was_open(journey, event->own_ms) || barred(entry, last, now_ms))
        return;
    if (!entry_rules_hold(journey, contact, last, event, now_ms))
        return;
    if ((filter && !oracle_rule_holds(filter, contact, now_ms)) || kept_out(journey, contact, now_ms))
        return;
    struct oracle_enrollment *e = open_new(oracle, contact, number, last ? last->passage + 1 : 1, now_ms);
    oracle_begin(oracle, contact, e, now_ms);
}
