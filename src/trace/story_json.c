#include "trace/story_json.h"

static json_t *instant_json(int64_t ms)
{
    char text[32];
    if (ms == INSTANT_NEVER)
        return json_null();
    int size = instant_print(ms, ms % SECOND_MS != 0, text);
    return json_stringn(text, (size_t)size);
}

static const struct node *node_of(const struct plan_version *version, uint8_t number)
{
    return &version->definition->nodes[number];
}

static json_t *text_json(struct str text)
{
    return json_stringn(text.data, text.size);
}

static json_t *body_json(struct str body)
{
    json_t *object = body.size ? json_loadb(body.data, body.size, 0, NULL) : NULL;
    return object ? object : json_object();
}

static json_t *cause_json(const struct trace_cause *cause)
{
    switch (cause->kind) {
    case TRACE_TIME: return json_pack("{s:s}", "kind", "time");
    case TRACE_CHANGE: return json_pack("{s:s, s:o}", "kind", "change", "traits", body_json(cause->body));
    case TRACE_API: return json_pack("{s:s, s:o}", "kind", "api", "properties", body_json(cause->body));
    case TRACE_UPDATE: return json_pack("{s:s, s:o}", "kind", "update", "traits", body_json(cause->body));
    case TRACE_ACTION: return json_pack("{s:s, s:o}", "kind", "action", "action", text_json(cause->name));
    case TRACE_ANSWER:
        return json_pack("{s:s, s:o, s:b}", "kind", "answer", "destination", text_json(cause->name), "failed",
                         (int)cause->failed);
    case TRACE_EVENT:
        return json_pack("{s:s, s:o, s:o, s:o}", "kind", "event", "event", text_json(cause->name), "at",
                         instant_json(cause->own_ms), "properties", body_json(cause->body));
    case TRACE_REMOVED: break;
    }
    return json_pack("{s:s}", "kind", "removed");
}

static json_t *path_json(const struct trace_fact *fact)
{
    json_t *path = json_array();
    for (uint16_t i = 0; i < fact->row.path_count; i++) {
        const struct node *node = node_of(fact->version, fact->row.path[i].node);
        json_array_append_new(path, json_pack("{s:o, s:o}", "node", text_json(node->id), "outcome",
                                              text_json(node->outcomes[fact->row.path[i].outcome].name)));
    }
    return path;
}

static json_t *pending_json(const struct plan_version *version, uint8_t number, uint16_t pending)
{
    json_t *names = json_array();
    const struct node *node = node_of(version, number);
    for (uint8_t d = 0; node->kind == NODE_ACTIVATE && d < node->activate.count; d++) {
        if (pending & (1u << d))
            json_array_append_new(names, text_json(node->activate.destinations[d]));
    }
    return names;
}

/* Of a wait_for for an event: its name. */
static json_t *awaited_json(const struct plan_version *version, uint8_t number, bool at_rest)
{
    const struct node *node = node_of(version, number);
    bool event = at_rest && node->kind == NODE_WAIT_FOR && node->wait_for.condition.is_event;
    return event ? text_json(node->wait_for.condition.event.event) : json_null();
}

static json_t *fact_json(const struct trace_fact *fact)
{
    const struct ledger_row *row = &fact->row;
    const struct definition *definition = fact->version->definition;
    bool leaves = row->flags & LEDGER_LEAVES;
    json_t *object =
        json_pack("{s:o, s:o, s:I, s:i, s:b, s:o, s:o, s:b, s:o, s:o, s:o}", "at", instant_json(row->at_ms),
                  "cause", cause_json(&fact->cause), "enrollment", (json_int_t)row->enrollment, "version",
                  (int)fact->version->ordinal, "enters", (row->flags & LEDGER_ENTERS) != 0, "path",
                  path_json(fact), "node", text_json(definition->nodes[row->node].id), "before",
                  (row->flags & LEDGER_BEFORE) != 0, "due", instant_json(row->due_ms), "waits_for",
                  pending_json(fact->version, row->node, row->pending), "waits_for_event",
                  awaited_json(fact->version, row->node,
                               !(row->flags & (LEDGER_LEAVES | LEDGER_BEFORE | LEDGER_DONE))));
    json_object_set_new(object, "left", leaves ? json_string(leave_reason_name(row->reason)) : json_null());
    if (leaves && row->reason == LEAVE_GOAL && row->which < definition->goal_count)
        json_object_set_new(object, "goal", text_json(definition->goals[row->which].name));
    if (leaves && row->reason == LEAVE_EXIT_RULE)
        json_object_set_new(object, "exit_rule", json_integer(row->which));
    if (row->flags & LEDGER_HELD)
        json_object_set_new(object, "held", json_true());
    if (row->flags & LEDGER_DONE && !(row->flags & (LEDGER_LEAVES | LEDGER_BEFORE)))
        json_object_set_new(object, "stays", json_true());
    return object;
}

static json_t *now_json(const struct trace_story *story)
{
    if (!story->inside)
        return json_null();
    const struct enrollment_view *now = &story->now;
    return json_pack("{s:I, s:i, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "enrollment", (json_int_t)now->id,
                     "version", (int)story->now_version->ordinal, "node",
                     text_json(node_of(story->now_version, now->node)->id), "before", (int)now->before,
                     "entered", instant_json(now->entered_ms), "arrived", instant_json(now->arrived_ms),
                     "due", instant_json(now->due_ms), "timeout", instant_json(now->timeout_ms), "waits_for",
                     pending_json(story->now_version, now->node, now->pending), "waits_for_event",
                     awaited_json(story->now_version, now->node, !now->before));
}

static json_t *miss_json(const struct trace_miss *miss)
{
    return json_pack("{s:o, s:o, s:o, s:s}", "at", instant_json(miss->event->received_ms), "event",
                     text_json(miss->name), "properties", body_json(miss->event->body), "reason", miss->why);
}

json_t *trace_story_json(const struct trace_story *story)
{
    json_t *facts = json_array(), *missed = json_array(), *reasons = json_array();
    size_t count = story->missed.count;
    for (size_t i = count > TRACE_MISSED_SHOWN ? count - TRACE_MISSED_SHOWN : 0; i < count; i++)
        json_array_append_new(missed, miss_json(&story->missed.items[i]));
    array_each (&story->facts, i)
        json_array_append_new(facts, fact_json(&story->facts.items[i]));
    array_each (&story->reasons, i)
        json_array_append_new(reasons, json_string(story->reasons.items[i]));
    return json_pack("{s:o, s:b, s:b, s:o, s:o, s:I, s:o, s:o}", "journey", text_json(story->journey),
                     "entered", (int)story->entered, "inside", (int)story->inside, "facts", facts, "missed",
                     missed, "missed_count", (json_int_t)count, "now", now_json(story), "not_entered",
                     reasons);
}
