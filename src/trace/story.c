#include "trace/story.h"

#include "trace/entry.h"

/* ── causes ───────────────────────────────────────────────────────────────── */

static struct trace_cause cause_of_event(const struct control *control, const struct event_row *event)
{
    if (event->kind == EVENT_IDENTIFY || event->kind == EVENT_UPDATE)
        return (struct trace_cause){.kind = event->kind == EVENT_UPDATE ? TRACE_UPDATE : TRACE_CHANGE,
                                    .body = event->body};
    if (event->kind == EVENT_ENROLL)
        return (struct trace_cause){.kind = TRACE_API, .body = event->body};
    struct str name =
        event->name ? names_get(control_names(control), NAME_EVENT, event->name) : STR("an event");
    return (struct trace_cause){
        .kind = TRACE_EVENT, .name = name, .own_ms = event->at_ms, .body = event->body};
}

static struct trace_cause cause_of_action(const struct control *control, uint64_t position)
{
    struct action action;
    for (size_t i = 0; control_action(control, i, &action); i++) {
        if (action.position == position)
            return (struct trace_cause){.kind = TRACE_ACTION,
                                        .name = str_from(action_kind_name(action.kind))};
    }
    return (struct trace_cause){.kind = TRACE_REMOVED};
}

static struct trace_cause cause_of_answer(const struct effect_row *answer, const struct plan_version *version)
{
    const struct node *node = &version->definition->nodes[answer->node];
    struct trace_cause cause = {.kind = TRACE_ANSWER, .failed = answer->kind == EFFECT_FAILED};
    if (answer->destination < node->activate.count)
        cause.name = node->activate.destinations[answer->destination];
    return cause;
}

static struct trace_cause cause_of(const struct control *control, const struct trace_chain *chain,
                                   const struct trace_fact *fact)
{
    int64_t cause = fact->row.cause;
    if (cause == 0)
        return (struct trace_cause){.kind = TRACE_TIME};
    if (cause < 0)
        return cause_of_action(control, (uint64_t)-cause);
    const struct event_row *event = trace_chain_event(chain, (uint64_t)cause);
    if (event)
        return cause_of_event(control, event);
    const struct effect_row *answer = trace_chain_answer(chain, (uint64_t)cause);
    return answer ? cause_of_answer(answer, fact->version) : (struct trace_cause){.kind = TRACE_REMOVED};
}

/* ── the story ────────────────────────────────────────────────────────────── */

void trace_story_tell(const struct control *control, const struct trace_contact *contact,
                      const struct trace_chain *chain, uint16_t journey, struct arena *arena,
                      struct trace_story *ret)
{
    const struct plan *plan = control_plan(control);
    *ret = (struct trace_story){.journey = plan_journey_name(plan, journey)};
    array_each (&chain->ledger, i) {
        const struct ledger_row *row = &chain->ledger.items[i];
        if (row->flags & LEDGER_CONTROL || plan_version(plan, row->version)->journey != journey)
            continue;
        struct trace_fact *fact = array_push(&ret->facts);
        *fact = (struct trace_fact){.row = *row, .version = plan_version(plan, row->version)};
        fact->cause = cause_of(control, chain, fact);
    }
    ret->entered = ret->facts.count > 0;
    if (journey < contact->journey_count) { /* else it was published after the look */
        const struct trace_standing *standing = &contact->journeys[journey];
        ret->inside = standing->inside;
        ret->now = standing->now;
        ret->entered |= standing->inside || standing->left;
    }
    if (ret->inside)
        ret->now_version = plan_version(plan, ret->now.version);
    trace_entry_explain(control, chain, plan_version(plan, plan_newest(plan, journey)), arena, ret);
}

void trace_story_free(struct trace_story *story)
{
    array_free(&story->facts);
    array_free(&story->missed);
    array_free(&story->reasons);
}
