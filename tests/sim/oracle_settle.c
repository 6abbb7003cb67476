/* What follows from a change of a contact, and from time: ends, entry, movement, journey by journey
 * (spec/time-runs-stats.md §1), and what a hold keeps back until resume (spec/lifecycle.md §3). */
#include "oracle_state.h"

/* One enrollment and what is new, while it is judged. */
struct judging {
    struct oracle *oracle;
    struct oracle_contact *contact;
    struct oracle_enrollment *e;
    const struct oracle_change *change;
    int64_t now_ms;
};

static json_t *definition_of(const struct judging *j)
{
    return j->oracle->journeys.items[j->e->journey]->definition;
}

static bool is_held(const struct judging *j)
{
    return j->oracle->journeys.items[j->e->journey]->state == ORACLE_HELD;
}

/* An event rule counts from a moment of the enrollment on: (order, own time) of the entry, or of the arrival.
 */
static bool event_rule_met(const struct judging *j, json_t *rule, uint64_t order, int64_t from_ms)
{
    return j->change->event &&
           oracle_event_rule_met(rule, j->contact, j->change->event, j->now_ms, order, from_ms);
}

/* Where nothing is new but the time, what held the moment before was not made true by time: history has done
 * that, and moves nobody. */
static bool contact_rule_met(const struct judging *j, json_t *rule)
{
    bool time = j->change->event == NULL && j->change->attributes == NULL;
    return oracle_rule_asks(rule, j->change) && oracle_rule_holds(rule, j->contact, j->now_ms) &&
           !(time && oracle_rule_holds(rule, j->contact, j->now_ms - 1));
}

static void note_false_goal(const struct judging *j, json_t *rule, size_t g)
{
    if (oracle_rule_asks(rule, j->change) && !oracle_rule_holds(rule, j->contact, j->now_ms))
        j->e->goal_was_false[g] = true;
}

static bool goal_met(const struct judging *j, json_t *rule, size_t g)
{
    if (oracle_is_event_rule(rule))
        return event_rule_met(j, rule, j->e->entered_order, j->e->entered_ms);
    note_false_goal(j, rule, g);
    return j->e->goal_was_false[g] && contact_rule_met(j, rule);
}

static bool exit_met(const struct judging *j, json_t *rule)
{
    if (oracle_is_event_rule(rule))
        return event_rule_met(j, rule, j->e->entered_order, j->e->entered_ms);
    return contact_rule_met(j, rule);
}

/* What the goal's `value` property says in the event that meets it. */
static double worth(const struct judging *j, const json_t *goal)
{
    const json_t *value = json_object_get(goal, "value");
    return value && j->change->event
               ? json_number_value(json_object_get(j->change->event->properties, json_string_value(value)))
               : 0;
}

/* The first end that is met: goals in order, then exit rules. */
static bool find_end(const struct judging *j, struct oracle_met *ret)
{
    json_t *goals = json_object_get(definition_of(j), "goals"),
           *exits = json_object_get(definition_of(j), "exits");
    json_t *rule;
    size_t i;
    json_array_foreach(goals, i, rule)
    {
        if (goal_met(j, oracle_goal_condition(rule), i)) {
            *ret = (struct oracle_met){true, j->change->own_ms, "goal", (int)i, worth(j, rule)};
            return true;
        }
    }
    json_array_foreach(exits, i, rule)
    {
        if (exit_met(j, rule)) {
            *ret = (struct oracle_met){true, j->change->own_ms, "exit_rule", (int)i, 0};
            return true;
        }
    }
    return false;
}

/* In a hold the first end is remembered, with its own time. */
static void judge_ends(const struct judging *j)
{
    struct oracle_met end;
    if (!find_end(j, &end))
        return;
    if (!is_held(j))
        oracle_leave(j->oracle, j->contact, j->e, &end, j->now_ms);
    else if (!j->e->end.met)
        j->e->end = end;
}

static bool wait_is_over(const struct judging *j)
{
    const json_t *node = json_object_get(json_object_get(definition_of(j), "nodes"), j->e->node);
    if (j->e->done || strcmp(json_string_value(json_object_get(node, "type")), "wait_for") != 0)
        return false;
    json_t *rule = json_object_get(node, "rule");
    if (oracle_is_event_rule(rule))
        return event_rule_met(j, rule, j->e->arrived_order, j->e->arrived_ms);
    return contact_rule_met(j, rule);
}

static void judge_wait(const struct judging *j)
{
    if (!wait_is_over(j))
        return;
    if (!is_held(j))
        oracle_move(j->oracle, j->contact, j->e, "yes", j->now_ms);
    else if (!j->e->yes.met)
        j->e->yes = (struct oracle_met){.met = true, .own_ms = j->change->own_ms};
}

void oracle_settle(struct oracle *oracle, struct oracle_contact *contact, const struct oracle_change *change,
                   int64_t now_ms)
{
    for (uint32_t n = 0; n < oracle->journeys.count; n++) {
        struct judging j = {oracle, contact, oracle_open_enrollment(contact, n), change, now_ms};
        if (j.e)
            judge_ends(&j);
        if (change->event)
            oracle_enter(oracle, contact, n, change->event, now_ms);
        j.e = oracle_open_enrollment(contact, n);
        if (j.e)
            judge_wait(&j);
    }
}

void oracle_learn(struct oracle *oracle, struct oracle_contact *contact, const struct oracle_change *change,
                  int64_t now_ms)
{
    for (uint32_t n = 0; n < oracle->journeys.count; n++) {
        struct judging j = {oracle, contact, oracle_open_enrollment(contact, n), change, now_ms};
        json_t *goals = j.e ? json_object_get(definition_of(&j), "goals") : NULL, *goal;
        size_t g;
        json_array_foreach(goals, g, goal)
        {
            if (!oracle_is_event_rule(oracle_goal_condition(goal)))
                note_false_goal(&j, oracle_goal_condition(goal), g);
        }
    }
}

/* ── time ─────────────────────────────────────────────────────────────────── */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The next instant at which a contact rule that the enrollment is held against may change by time alone. */
static int64_t next_flip(const struct judging *j, int64_t after_ms)
{
    json_t *lists[] = {json_object_get(definition_of(j), "goals"),
                       json_object_get(definition_of(j), "exits")};
    json_t *rule;
    int64_t first_ms = ORACLE_NEVER;
    size_t i;
    for (size_t l = 0; l < 2; l++) {
        json_array_foreach(lists[l], i, rule)
        {
            rule = oracle_goal_condition(rule);
            if (!oracle_is_event_rule(rule))
                first_ms = earlier(first_ms, oracle_rule_flips(rule, j->contact, after_ms));
        }
    }
    rule = json_object_get(json_object_get(json_object_get(definition_of(j), "nodes"), j->e->node), "rule");
    if (rule && !oracle_is_event_rule(rule))
        first_ms = earlier(first_ms, oracle_rule_flips(rule, j->contact, after_ms));
    return first_ms;
}

static int64_t next_due(struct oracle *oracle, struct oracle_contact *contact)
{
    int64_t first_ms = ORACLE_NEVER;
    array_each (&contact->enrollments, i) {
        struct judging j = {oracle, contact, contact->enrollments.items[i], NULL, contact->clock_ms};
        if (!j.e->open)
            continue;
        if (!is_held(&j))
            first_ms = earlier(first_ms, earlier(j.e->timeout_ms, j.e->due_ms));
        first_ms = earlier(first_ms, next_flip(&j, contact->clock_ms));
    }
    return first_ms;
}

/* The node's own timer; at an activate node the answer that came in a hold. */
static void node_is_due(const struct judging *j)
{
    const json_t *node = json_object_get(json_object_get(definition_of(j), "nodes"), j->e->node);
    const char *type = json_string_value(json_object_get(node, "type")), *outcome = "next";
    if (strcmp(type, "wait_for") == 0)
        outcome = "timed_out";
    else if (strcmp(type, "activate") == 0 && j->e->failed)
        outcome = "failed";
    oracle_move(j->oracle, j->contact, j->e, outcome, j->now_ms);
}

/* Everything due at one instant: first what ends enrollments (by time alone, then journey timeouts), as ends
 * come before movement; then movement by id, a rule that has become true before the window that ends with it.
 */
static void instant_comes(struct oracle *oracle, struct oracle_contact *contact, int64_t now_ms)
{
    struct oracle_change time = {NULL, NULL, now_ms};
    struct oracle_met timed_out = oracle_reason("timed_out");
    size_t count = contact->enrollments.count;
    for (size_t i = 0; i < count; i++) {
        struct judging j = {oracle, contact, contact->enrollments.items[i], &time, now_ms};
        if (j.e->open)
            judge_ends(&j);
        if (j.e->open && !is_held(&j) && j.e->timeout_ms <= now_ms)
            oracle_leave(oracle, contact, j.e, &timed_out, now_ms);
    }
    for (size_t i = 0; i < count; i++) {
        struct judging j = {oracle, contact, contact->enrollments.items[i], &time, now_ms};
        if (j.e->open)
            judge_wait(&j);
        if (j.e->open && !is_held(&j) && j.e->due_ms <= now_ms)
            node_is_due(&j);
        oracle_answer(oracle, contact, now_ms);
    }
}

void oracle_run(struct oracle *oracle, struct oracle_contact *contact, int64_t limit_ms)
{
    int64_t due_ms;
    while ((due_ms = next_due(oracle, contact)) <= limit_ms) {
        contact->clock_ms = due_ms;
        instant_comes(oracle, contact, due_ms);
    }
    if (contact->clock_ms < limit_ms)
        contact->clock_ms = limit_ms;
}

/* Overdue policy `continue`. The end met in the hold comes first, then the wait that is over, then what is
 * overdue, all at the instant of the resume; what is due at that very instant is not overdue. A journey
 * timeout, or a window, that ended before the own time of what was met ended before it. */
static void resume(const struct judging *j)
{
    struct oracle_enrollment *e = j->e;
    const struct oracle_met timed_out = oracle_reason("timed_out"), end = e->end, yes = e->yes;
    e->end = e->yes = (struct oracle_met){0}; /* what was remembered is remembered for this resume only */
    if (end.met && end.own_ms <= e->timeout_ms) {
        oracle_leave(j->oracle, j->contact, e, &end, j->now_ms);
        return;
    }
    if (!end.met && yes.met && yes.own_ms <= e->timeout_ms && yes.own_ms <= e->due_ms)
        oracle_move(j->oracle, j->contact, e, "yes", j->now_ms);
    if (e->open && e->timeout_ms < j->now_ms)
        oracle_leave(j->oracle, j->contact, e, &timed_out, j->now_ms);
    if (e->open && e->due_ms < j->now_ms)
        node_is_due(j);
}

void oracle_resume(struct oracle *oracle, struct oracle_contact *contact, uint32_t journey, int64_t now_ms)
{
    struct judging j = {oracle, contact, oracle_open_enrollment(contact, journey), NULL, now_ms};
    if (j.e == NULL)
        return;
    resume(&j);
    oracle_answer(oracle, contact, now_ms);
}
