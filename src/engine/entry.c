/* Who is let in (spec/definition.md §1): the entry rules, then what keeps a contact out. */
#include "engine/state.h"

/* When rule i was last met, for match all: the newest moment at which the event was there at_least times
 * (within its window). Of 2n - 1 moments the one wanted is among the n newest: more events inside the window
 * than that would make the newest one meet the rule itself. */
static bool last_met(const struct engine *engine, const struct plan_match *rule, uint32_t contact,
                     struct past_moment *ret)
{
    if (past_aggregate_count(engine->past, contact, rule->aggregate) < rule->at_least)
        return false;
    if (!rule->within_ms)
        return past_newest(engine->past, contact, rule->aggregate, 1, ret);
    for (uint32_t k = 1; k <= rule->at_least; k++) {
        struct past_moment first;
        if (!past_newest(engine->past, contact, rule->aggregate, (uint16_t)(k + rule->at_least - 1),
                         &first) ||
            !past_newest(engine->past, contact, rule->aggregate, (uint16_t)k, ret))
            return false;
        if (first.at_ms >= ret->at_ms - rule->within_ms)
            return true;
    }
    return false;
}

/* Each rule holds from its event on, since go-live or the contact's last leaving; with a window, that long.
 */
static bool all_hold(const struct engine *engine, const struct plan_version *version, uint32_t contact)
{
    int64_t since_ms = engine->versions.items[version->number].opened_ms;
    uint64_t since_seq = 0;
    struct contact_left left;
    if (contacts_left_journey(engine->contacts, (struct contact_id){contact}, version->journey, &left) &&
        left.at_ms >= since_ms) {
        since_ms = left.at_ms;
        since_seq = left.seq;
    }
    for (uint32_t i = 0; i < version->definition->entry_count; i++) {
        const struct plan_match *rule = &version->entries[i];
        struct past_moment met;
        if (!last_met(engine, rule, contact, &met))
            return false;
        bool since = met.at_ms > since_ms || (met.at_ms == since_ms && met.seq > since_seq);
        if (!since || (rule->within_ms && met.at_ms < engine->head.now_ms - rule->within_ms))
            return false;
    }
    return true;
}

/* An entry rule counts history: every event from the n-th on meets it. */
static bool rule_met(const struct engine *engine, const struct plan_match *rule, uint32_t contact,
                     const struct happening *happening)
{
    if (rule->at_least > 1 && !rule->within_ms)
        return happening->event == rule->event &&
               where_matches(rule->where, happening->properties, engine->head.now_ms) &&
               past_aggregate_count(engine->past, contact, rule->aggregate) >= rule->at_least;
    return settle_match(engine, rule, contact, happening, INT64_MIN, 0);
}

/* WAITING where a rule is met and others do not hold. */
static enum enroll_outcome judge_rules(const struct engine *engine, const struct plan_version *version,
                                       uint32_t contact, const struct happening *happening)
{
    const struct definition *definition = version->definition;
    bool met = false;
    for (uint32_t i = 0; i < definition->entry_count && !met; i++)
        met = rule_met(engine, &version->entries[i], contact, happening);
    if (!met)
        return ENROLL_NO_RULE;
    bool all = definition->match == ENTRY_ALL && definition->entry_count > 1;
    return all && !all_hold(engine, version, contact) ? ENROLL_WAITING : ENROLL_ENTERED;
}

/* The entry must be open now and must have been at the event's own time. */
static bool is_open(const struct engine *engine, const struct plan_version *version,
                    const struct happening *happening)
{
    const struct version_runtime *runtime = &engine->versions.items[version->number];
    if (!lifecycle_lets_in(engine_version_status(engine, version->number)) ||
        happening->at_ms < runtime->opened_ms)
        return false;
    if (engine->options.late_tolerance &&
        engine->head.now_ms - happening->at_ms > version->definition->late_tolerance_ms)
        return false;
    array_each (&runtime->closures, i) {
        if (happening->at_ms >= runtime->closures.items[i].from_ms &&
            happening->at_ms < runtime->closures.items[i].to_ms)
            return false;
    }
    return true;
}

static bool is_barred(const struct engine *engine, const struct plan_version *version,
                      struct contact_id contact)
{
    struct contact_left left;
    if (!contacts_left_journey(engine->contacts, contact, version->journey, &left))
        return false;
    return !version->definition->reentry ||
           engine->head.now_ms < left.at_ms + version->definition->reentry_after_ms;
}

/* A contact-rule exit that holds already keeps the contact out. */
static bool is_kept_out(const struct engine *engine, const struct plan_version *version, uint32_t contact)
{
    for (uint32_t x = 0; x < version->definition->exit_count; x++) {
        if (version->exits[x].program && engine_judge(engine, version->exits[x].program, contact).holds)
            return true;
    }
    return false;
}

static uint8_t goals_armed_at_entry(const struct engine *engine, const struct plan_version *version,
                                    uint32_t contact)
{
    uint8_t armed = 0;
    for (uint8_t g = 0; g < version->definition->goal_count; g++) {
        if (version->goals[g].program && !engine_judge(engine, version->goals[g].program, contact).holds)
            armed |= (uint8_t)(1 << g);
    }
    return armed;
}

static const struct plan_version *running_version(const struct engine *engine, uint16_t journey)
{
    uint16_t newest = plan_newest(engine->plan, journey);
    return newest < engine->versions.count ? plan_version(engine->plan, newest) : NULL;
}

enum enroll_outcome settle_entry(struct engine *engine, struct contact_id contact, uint16_t journey,
                                 const struct happening *happening)
{
    const struct plan_version *version = running_version(engine, journey);
    if (!version || !is_open(engine, version, happening))
        return ENROLL_CLOSED;
    enum enroll_outcome outcome = judge_rules(engine, version, contact.n, happening);
    if (outcome != ENROLL_ENTERED)
        return outcome;
    if (is_barred(engine, version, contact))
        return ENROLL_REENTRY;
    if (is_kept_out(engine, version, contact.n))
        return ENROLL_EXIT_RULE;
    if (version->filter && !engine_judge(engine, version->filter, contact.n).holds)
        return ENROLL_FILTERED;
    advance_enter(engine, version, contact, goals_armed_at_entry(engine, version, contact.n),
                  happening->cause);
    return ENROLL_ENTERED;
}
