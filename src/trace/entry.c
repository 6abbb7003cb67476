#include "trace/entry.h"

/* How far the events of one entry rule have come, in order of arrival. */
struct tally {
    uint32_t named, matching, open; /* with its name; with its properties too; live since the publish */
    bool imported;                  /* one of those that match is history */
    ARRAY(int64_t) moments;         /* of those that match: their own times */
};

/* Where the contact stands in the journey when an event arrives. */
struct standing {
    size_t next; /* fact */
    bool inside, barred;
    int64_t left_ms;
};

struct explaining {
    const struct control *control;
    const struct plan_version *version;
    struct arena *arena;
    struct trace_story *story;
    struct json_reader *reader;
    int64_t published_ms;
    struct tally tallies[DEFINITION_ENTRY_RULES_MAX];
    struct standing standing;
};

static int64_t published_at(const struct control *control, const struct plan_version *version)
{
    struct action action;
    for (size_t i = 0; control_action(control, i, &action); i++) {
        if (action.position == version->control)
            return action.at_ms;
    }
    return INT64_MIN;
}

/* ── rules ────────────────────────────────────────────────────────────────── */

static bool is_enough(const struct event_rule *rule, const struct tally *tally, int64_t now_ms)
{
    uint32_t count = 0;
    array_each (&tally->moments, i)
        count += !rule->within_ms || tally->moments.items[i] >= now_ms - rule->within_ms;
    return count >= rule->at_least;
}

/* The plan's id of what the row tells; 0 = it is no deed. */
static uint16_t event_id(const struct event_row *event)
{
    if (event->kind == EVENT_ENROLL)
        return plan_enroll_event((uint16_t)(event->name - 1));
    return event_is_deed(event->kind) ? event->name : 0;
}

static struct str event_name(const struct control *control, const struct event_row *event)
{
    return event->kind == EVENT_ENROLL ? STR("a call of the API")
                                       : names_get(control_names(control), NAME_EVENT, event->name);
}

/* Counts the event for every rule that names it; true where it meets one. */
static bool count_event(struct explaining *e, const struct event_row *event)
{
    const struct definition *definition = e->version->definition;
    struct properties properties = {0};
    bool named = false;
    for (uint32_t i = 0; i < definition->entry_count; i++)
        named |= event_id(event) == e->version->entries[i].event;
    if (!named)
        return false;
    struct str body = event->body.size ? event->body : STR("{}");
    bool readable = properties_parse(e->reader, body, e->arena, &properties, NULL) == ERR_OK, met = false;
    for (uint32_t i = 0; i < definition->entry_count; i++) {
        const struct plan_match *rule = &e->version->entries[i];
        struct tally *tally = &e->tallies[i];
        if (event_id(event) != rule->event)
            continue;
        tally->named++;
        if (!readable || !where_matches(rule->where, &properties, event->received_ms))
            continue;
        tally->matching++;
        bool live = event->kind != EVENT_HISTORY;
        tally->imported |= !live;
        tally->open += live && event->received_ms >= e->published_ms;
        *array_push(&tally->moments) = event->at_ms;
        met |= live && is_enough(&definition->entries[i].event, tally, event->received_ms);
    }
    return met;
}

/* ── what kept it out ─────────────────────────────────────────────────────── */

static void stand(struct standing *standing, const struct ledger_row *row)
{
    standing->inside = !(row->flags & LEDGER_LEAVES);
    if (row->flags & LEDGER_LEAVES && row->flags & LEDGER_BARS) {
        standing->barred = true;
        standing->left_ms = row->at_ms;
    }
}

/* Takes the facts up to the event and those that it caused; false where there is nothing to explain: it let
 * the contact in, or found it inside and left it there, or moved it to the end, which lets nobody in again.
 */
static bool stands_outside(struct explaining *e, const struct event_row *event)
{
    struct standing *standing = &e->standing;
    bool moved_out = false, entered = false;
    for (; standing->next < e->story->facts.count; standing->next++) {
        const struct ledger_row *row = &e->story->facts.items[standing->next].row;
        bool own = row->cause == (int64_t)event->seq && row->at_ms == event->received_ms;
        if (row->seq > event->seq && !own)
            break;
        stand(standing, row);
        entered |= own && row->flags & LEDGER_ENTERS;
        moved_out |=
            own && row->flags & LEDGER_LEAVES && row->reason != LEAVE_GOAL && row->reason != LEAVE_EXIT_RULE;
    }
    return !standing->inside && !moved_out && !entered;
}

static struct version_status status_at(const struct explaining *e, int64_t at_ms)
{
    struct version_status status = {VERSION_DRAFT, HOLD_NONE};
    struct action action;
    for (size_t i = 0; control_action(e->control, i, &action); i++) {
        if (action.version == e->version->number && action.at_ms <= at_ms)
            (void)lifecycle_move(status, action.kind, action.hold, &status);
    }
    return status;
}

static const char *why_not(const struct explaining *e, const struct event_row *event)
{
    const struct definition *definition = e->version->definition;
    struct version_status status = status_at(e, event->received_ms);
    bool rule = false;
    char from[32];
    if (!lifecycle_lets_in(status))
        return arena_printf(e->arena, "the journey was %s", version_state_name(status.state));
    if (e->standing.barred && !definition->reentry)
        return "re-entry is off";
    if (e->standing.barred && event->received_ms < e->standing.left_ms + definition->reentry_after_ms) {
        instant_print(e->standing.left_ms + definition->reentry_after_ms, false, from);
        return arena_printf(e->arena, "re-entry is allowed from %s on", from);
    }
    for (uint32_t i = 0; i < definition->exit_count; i++)
        rule |= !definition->exits[i].is_event;
    if (e->version->filter)
        return rule ? "the filter did not hold, or an exit rule held already" : "the filter did not hold";
    return rule ? "an exit rule held already" : "the entry was not open at the event's own time";
}

/* ── who met no rule ──────────────────────────────────────────────────────── */

static void add_reason(struct trace_story *story, const char *text)
{
    array_each (&story->reasons, i) {
        if (strcmp(story->reasons.items[i], text) == 0)
            return;
    }
    *array_push(&story->reasons) = text;
}

static const char *lacking(const struct explaining *e, const struct entry_rule *entry,
                           const struct tally *tally)
{
    const struct event_rule *rule = &entry->event;
    if (entry->kind == ENTRY_API)
        return tally->named == 0 ? "nobody has asked for it by the API" : NULL;
    int size = (int)rule->event.size;
    const char *event = rule->event.data;
    if (tally->named == 0)
        return arena_printf(e->arena, "no \"%.*s\" has come", size, event);
    if (tally->matching == 0)
        return arena_printf(
            e->arena, "\"%.*s\" has come %u times, never with the properties that the entry rule asks for",
            size, event, tally->named);
    if (tally->open == 0 && tally->imported)
        return arena_printf(
            e->arena, "\"%.*s\" was imported, and has not come since the journey was published", size, event);
    if (tally->open == 0)
        return arena_printf(e->arena, "\"%.*s\" came before the journey was published", size, event);
    if (tally->matching < rule->at_least)
        return arena_printf(e->arena, "\"%.*s\" has come %u times, the entry rule asks for %u", size, event,
                            tally->matching, rule->at_least);
    if (rule->within_ms && rule->at_least > 1)
        return arena_printf(e->arena,
                            "\"%.*s\" has come %u times, but not %u times within the entry rule's time", size,
                            event, tally->matching, rule->at_least);
    return NULL;
}

/* What a history that is not read to its beginning has not shown may have been all the same. */
static void explain_never(struct explaining *e, bool truncated)
{
    const struct definition *definition = e->version->definition;
    array_each (&e->story->missed, i)
        add_reason(e->story, e->story->missed.items[i].why);
    if (truncated)
        add_reason(e->story,
                   "the entry rules may have been met before the part of the history that was read");
    if (e->story->reasons.count)
        return;
    for (uint32_t i = 0; i < definition->entry_count; i++) {
        const char *text = lacking(e, &definition->entries[i], &e->tallies[i]);
        if (text)
            add_reason(e->story, text);
    }
    if (e->story->reasons.count == 0)
        add_reason(e->story,
                   "the entry rules were met, but not all together, or the contact was kept out then");
}

void trace_entry_explain(const struct control *control, const struct trace_chain *chain,
                         const struct plan_version *version, struct arena *arena, struct trace_story *story)
{
    const struct definition *definition = version->definition;
    bool each_by_itself = definition->match == ENTRY_ANY || definition->entry_count == 1;
    struct explaining e = {.control = control,
                           .version = version,
                           .arena = arena,
                           .story = story,
                           .reader = json_reader_new(),
                           .published_ms = published_at(control, version)};
    if (chain->truncated) /* a passage that began before what was read */
        e.standing.inside =
            story->facts.count ? !(story->facts.items[0].row.flags & LEDGER_ENTERS) : story->inside;
    array_each (&chain->events, i) {
        const struct event_row *event = &chain->events.items[i];
        bool met = count_event(&e, event), outside = stands_outside(&e, event);
        if (met && outside && each_by_itself && event->received_ms >= e.published_ms)
            *array_push(&story->missed) =
                (struct trace_miss){event, event_name(control, event), why_not(&e, event)};
    }
    if (!story->entered)
        explain_never(&e, chain->truncated);
    for (uint32_t i = 0; i < DEFINITION_ENTRY_RULES_MAX; i++)
        array_free(&e.tallies[i].moments);
    json_reader_free(e.reader);
}
