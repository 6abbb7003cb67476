/* What an event or a change means to a contact (spec/time-runs-stats.md §1): journey by journey in order of
 * number, and in each first ends, then entry, then movement, each seeing what the former left. */
#include "engine/state.h"

static struct verdict judge_at(const struct engine *engine, const struct rule_program *program,
                               uint32_t contact, int64_t at_ms)
{
    const struct rule_people people = {engine->contacts, engine->past};
    return rule_judge(program, &people, (struct contact_id){contact}, at_ms);
}

struct verdict engine_judge(const struct engine *engine, const struct rule_program *program, uint32_t contact)
{
    return judge_at(engine, program, contact, engine->head.now_ms);
}

uint32_t engine_find_enrollment(const struct engine *engine, struct contact_id contact, uint16_t journey)
{
    uint32_t id = contacts_enrollments(engine->contacts, contact);
    while (id != ENROLLMENT_NONE) {
        const struct enrollment *e = enrollments_find(&engine->enrollments, id);
        if (plan_version(engine->plan, e->version)->journey == journey)
            return id;
        id = e->next;
    }
    return ENROLLMENT_NONE;
}

static bool contains(const uint16_t *sorted, uint32_t count, uint16_t wanted)
{
    for (uint32_t i = 0; i < count; i++) {
        if (sorted[i] == wanted)
            return true;
    }
    return false;
}

bool settle_program_touched(const struct rule_program *program, const struct happening *happening)
{
    const struct rule_needs *needs = rule_needs(program);
    if (happening->time)
        return needs->time;
    if (happening->event)
        return contains(needs->events, needs->event_count, happening->event);
    for (uint32_t i = 0; i < happening->attribute_count; i++) {
        if (contains(needs->attributes, needs->attribute_count, happening->attributes[i]))
            return true;
    }
    return false;
}

/* Time alone makes a rule true at one instant. A rule that held the moment before was made true by history,
 * which moves nobody: it is acted on when what it names changes next. So it does not matter how often and
 * when a rule is looked at. */
bool settle_program_met(const struct engine *engine, const struct rule_program *program, uint32_t contact,
                        const struct happening *happening)
{
    return settle_program_touched(program, happening) && engine_judge(engine, program, contact).holds &&
           !(happening->time && judge_at(engine, program, contact, engine->head.now_ms - 1).holds);
}

/* Whether this event is the one that meets an event rule, counting from (since_ms, since_seq) on. */
bool settle_match(const struct engine *engine, const struct plan_match *match, uint32_t contact,
                  const struct happening *happening, int64_t since_ms, uint64_t since_seq)
{
    if (happening->event != match->event || happening->event == 0 || happening->at_ms < since_ms)
        return false;
    int64_t window_ms = match->within_ms ? engine->head.now_ms - match->within_ms : INT64_MIN;
    if (happening->at_ms < window_ms ||
        !where_matches(match->where, happening->properties, engine->head.now_ms))
        return false;
    if (match->at_least <= 1)
        return true;
    struct past_moment nth;
    if (!past_newest(engine->past, contact, match->aggregate, (uint16_t)match->at_least, &nth))
        return false;
    bool after = nth.at_ms > since_ms || (nth.at_ms == since_ms && nth.seq > since_seq);
    return after && nth.at_ms >= window_ms;
}

/* ── ends ─────────────────────────────────────────────────────────────────── */

struct ending {
    enum leave_reason reason;
    uint8_t which;
    double value;
};

static double value_of_goal(const struct goal *goal, const struct happening *happening)
{
    if (goal->value.size == 0 || !happening->properties)
        return 0;
    struct value value = properties_find(happening->properties, goal->value);
    return value.type == VALUE_NUMBER ? value.number : 0;
}

/* A contact-rule goal that is false now may be reached from here on. */
static void arm_goal(const struct engine *engine, const struct plan_version *version, uint8_t goal,
                     uint32_t contact, uint8_t *armed)
{
    if (!engine_judge(engine, version->goals[goal].program, contact).holds)
        *armed |= (uint8_t)(1 << goal);
}

/* The first goal that is met; arms contact-rule goals that have turned false. */
static bool find_goal(struct engine *engine, const struct plan_version *version, const struct enrollment *e,
                      const struct happening *happening, struct ending *ret, uint8_t *ret_armed)
{
    for (uint8_t g = 0; g < version->definition->goal_count; g++) {
        const struct plan_condition *goal = &version->goals[g];
        bool met = false;
        if (goal->is_event) {
            met = settle_match(engine, &goal->match, e->contact, happening, e->entered_ms, e->entered_seq);
        } else if (settle_program_touched(goal->program, happening)) {
            arm_goal(engine, version, g, e->contact, ret_armed);
            met = *ret_armed & (1 << g) && settle_program_met(engine, goal->program, e->contact, happening);
        }
        if (met) {
            *ret = (struct ending){LEAVE_GOAL, g, value_of_goal(&version->definition->goals[g], happening)};
            return true;
        }
    }
    return false;
}

static bool find_exit(struct engine *engine, const struct plan_version *version, const struct enrollment *e,
                      const struct happening *happening, struct ending *ret)
{
    for (uint8_t x = 0; x < version->definition->exit_count; x++) {
        const struct plan_condition *rule = &version->exits[x];
        bool met = rule->is_event ? settle_match(engine, &rule->match, e->contact, happening, e->entered_ms,
                                                 e->entered_seq)
                                  : settle_program_met(engine, rule->program, e->contact, happening);
        if (met) {
            *ret = (struct ending){LEAVE_EXIT_RULE, x, 0};
            return true;
        }
    }
    return false;
}

/* A held version moves nobody: the first end is noted with its own time and acted on at resume. */
static void note_end(struct engine *engine, uint32_t id, const struct ending *ending, uint8_t goals,
                     const struct happening *happening)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    struct hold hold = e->bits & ENROLLMENT_HELD ? holds_get(&engine->holds, id) : HOLD_NOTHING;
    if (hold.end_ms != INSTANT_NEVER)
        return;
    hold.end_ms = happening->at_ms;
    hold.end_cause = happening->cause;
    hold.reason = (uint8_t)ending->reason;
    hold.which = ending->which;
    hold.value = ending->value;
    advance_rewrite(engine, id, goals, e->pending, e->bits & ENROLLMENT_FAILED, enrollment_due(e), &hold,
                    happening->cause);
}

bool settle_ends(struct engine *engine, uint32_t id, const struct happening *happening)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    const struct plan_version *version = plan_version(engine->plan, e->version);
    uint8_t goals = enrollment_goals(e), armed = goals;
    struct ending ending;
    bool met = find_goal(engine, version, e, happening, &ending, &armed) ||
               find_exit(engine, version, e, happening, &ending);
    if (met && !engine_held(engine, e->version)) {
        advance_leave(engine, id, ending.reason, ending.which, ending.value, happening->cause);
        return true;
    }
    if (met)
        note_end(engine, id, &ending, armed, happening);
    else if (armed != goals)
        advance_rewrite(engine, id, armed, e->pending, e->bits & ENROLLMENT_FAILED, enrollment_due(e), NULL,
                        happening->cause);
    return met;
}

/* ── movement ─────────────────────────────────────────────────────────────── */

static void note_wait(struct engine *engine, uint32_t id, const struct happening *happening)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    struct hold hold = e->bits & ENROLLMENT_HELD ? holds_get(&engine->holds, id) : HOLD_NOTHING;
    if (hold.wait_ms != INSTANT_NEVER)
        return;
    hold.wait_ms = happening->at_ms;
    hold.wait_cause = happening->cause;
    advance_rewrite(engine, id, enrollment_goals(e), e->pending, e->bits & ENROLLMENT_FAILED,
                    enrollment_due(e), &hold, happening->cause);
}

void settle_wait(struct engine *engine, uint32_t id, const struct happening *happening)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    const struct plan_version *version = plan_version(engine->plan, e->version);
    if (version->definition->nodes[e->node].kind != NODE_WAIT_FOR ||
        e->bits & (ENROLLMENT_DONE | ENROLLMENT_BEFORE))
        return;
    const struct plan_condition *condition = &version->nodes[e->node].condition;
    bool met;
    if (condition->is_event)
        met = e->arrived_seq < happening->seq &&
              settle_match(engine, &condition->match, e->contact, happening, e->arrived_ms, e->arrived_seq);
    else
        met = settle_program_met(engine, condition->program, e->contact, happening);
    if (!met)
        return;
    if (engine_held(engine, e->version))
        note_wait(engine, id, happening);
    else
        advance_by(engine, id, WAIT_FOR_YES, happening->cause);
}

/* ── one contact, journey by journey ──────────────────────────────────────── */

/* Who is inside stays where it is, but time may change what its rules say at other instants than before, this
 * one included; and a goal that has become false may be reached again. */
static void settle_history(struct engine *engine, uint32_t id, const struct happening *happening)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    const struct plan_version *version = plan_version(engine->plan, e->version);
    uint8_t goals = enrollment_goals(e), armed = goals;
    for (uint8_t g = 0; g < version->definition->goal_count; g++) {
        const struct rule_program *program = version->goals[g].program;
        if (program && settle_program_touched(program, happening))
            arm_goal(engine, version, g, e->contact, &armed);
    }
    if (armed != goals)
        advance_rewrite(engine, id, armed, e->pending, e->bits & ENROLLMENT_FAILED, enrollment_due(e), NULL,
                        happening->cause);
    engine_look_again(engine, id);
}

static void settle_journey(struct engine *engine, struct contact_id contact, uint16_t journey,
                           const struct happening *happening)
{
    uint32_t inside = engine_find_enrollment(engine, contact, journey);
    if (happening->history) {
        if (inside != ENROLLMENT_NONE)
            settle_history(engine, inside, happening);
        return;
    }
    if (inside != ENROLLMENT_NONE)
        (void)settle_ends(engine, inside, happening);
    /* an update's change, settled within, may have moved it or ended it: look again */
    uint32_t still = engine_find_enrollment(engine, contact, journey);
    enum enroll_outcome outcome = ENROLL_INSIDE;
    if (still == ENROLLMENT_NONE && happening->event)
        outcome = settle_entry(engine, contact, journey, happening);
    if (happening->outcome)
        *happening->outcome = outcome;
    if (still == ENROLLMENT_NONE)
        return;
    if (still != inside)
        return;
    settle_wait(engine, still, happening);
    if (enrollments_find(&engine->enrollments, still))
        engine_arm(engine, still, false);
}

void settle_event(struct engine *engine, struct contact_id contact, const struct happening *happening)
{
    const struct plan_listeners *listeners = plan_event_listeners(engine->plan, happening->event);
    array_each (&listeners->journeys, i)
        settle_journey(engine, contact, listeners->journeys.items[i], happening);
}

void settle_attributes(struct engine *engine, struct contact_id contact, const struct happening *happening)
{
    /* the union of the attributes' listeners in order: the next journey above the last one settled */
    int32_t last = -1;
    for (;;) {
        int32_t next = INT32_MAX;
        for (uint32_t i = 0; i < happening->attribute_count; i++) {
            const struct plan_listeners *listeners =
                plan_attribute_listeners(engine->plan, happening->attributes[i]);
            array_each (&listeners->journeys, k) {
                int32_t journey = listeners->journeys.items[k];
                if (journey > last && journey < next)
                    next = journey;
            }
        }
        if (next == INT32_MAX)
            return;
        settle_journey(engine, contact, (uint16_t)next, happening);
        last = next;
    }
}
