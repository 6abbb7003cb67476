#include "cli/trace.h"

static const char *instant_text(int64_t ms, char ret_text[32])
{
    instant_print(ms, ms % SECOND_MS != 0, ret_text);
    return ret_text;
}

static const struct node *node_of(const struct plan_version *version, uint8_t number)
{
    return &version->definition->nodes[number];
}

/* ── for people ───────────────────────────────────────────────────────────── */

enum { BODY_SHOWN_MAX = 80 };

/* What rules saw of it, where it is short enough for a line. */
static void print_body(struct str body, FILE *out)
{
    if (body.size > BODY_SHOWN_MAX)
        fputs(" {…}", out);
    else if (body.size > 2)
        fprintf(out, " %.*s", STR_ARG(body));
}

static void print_cause(const struct trace_fact *fact, FILE *out)
{
    char own[32];
    const struct trace_cause *cause = &fact->cause;
    switch (cause->kind) {
    case TRACE_TIME: fputs("time", out); break;
    case TRACE_CHANGE: fputs("a change of attributes", out); break;
    case TRACE_UPDATE: fputs("its own update of attributes", out); break;
    case TRACE_ACTION: fprintf(out, "action %.*s", STR_ARG(cause->name)); break;
    case TRACE_ANSWER:
        fprintf(out, "%.*s %s", STR_ARG(cause->name), cause->failed ? "gave up" : "took it");
        break;
    case TRACE_REMOVED: fputs("a cause that is not kept any more", out); break;
    case TRACE_EVENT:
        fprintf(out, "%.*s", STR_ARG(cause->name));
        if (cause->own_ms != fact->row.at_ms)
            fprintf(out, " (of %s)", instant_text(cause->own_ms, own));
        break;
    }
    print_body(cause->body, out);
}

/* What the contact waits for where it rests. */
static void print_rest(const struct plan_version *version, uint8_t number, bool before, uint16_t pending,
                       int64_t due_ms, bool done, FILE *out)
{
    char due[32];
    const struct node *node = node_of(version, number);
    if (before)
        fprintf(out, "waits before %.*s", STR_ARG(node->id));
    else if (done)
        fprintf(out, "stays at %.*s, which has no edge for this", STR_ARG(node->id));
    else
        fprintf(out, "waits at %.*s", STR_ARG(node->id));
    const char *comma = " for ";
    for (uint8_t d = 0; node->kind == NODE_ACTIVATE && d < node->activate.count; d++) {
        if (pending & (1u << d)) {
            fprintf(out, "%s%.*s", comma, STR_ARG(node->activate.destinations[d]));
            comma = ", ";
        }
    }
    if (!before && !done && node->kind == NODE_WAIT_FOR && node->wait_for.condition.is_event)
        fprintf(out, " for %.*s", STR_ARG(node->wait_for.condition.event.event));
    if (due_ms != INSTANT_NEVER)
        fprintf(out, " until %s", instant_text(due_ms, due));
}

static void print_fact(const struct trace_fact *fact, struct arena *arena, FILE *out)
{
    const struct ledger_row *row = &fact->row;
    char at[32];
    fprintf(out, "  %s  ", instant_text(row->at_ms, at));
    print_cause(fact, out);
    fputs(row->flags & LEDGER_ENTERS ? ": enters; " : ": ", out);
    for (uint16_t i = 0; i < row->path_count; i++) {
        const struct node *node = node_of(fact->version, row->path[i].node);
        fprintf(out, "%.*s -%.*s-> ", STR_ARG(node->id), STR_ARG(node->outcomes[row->path[i].outcome].name));
    }
    struct str node = node_of(fact->version, row->node)->id;
    if (row->path_count)
        fprintf(out, "%.*s; ", STR_ARG(node));
    if (row->flags & LEDGER_LEAVES)
        fprintf(out, "left %s %.*s: %.*s", row->flags & LEDGER_BEFORE ? "before" : "at", STR_ARG(node),
                STR_ARG(trace_reason(fact, arena)));
    else
        print_rest(fact->version, row->node, row->flags & LEDGER_BEFORE, row->pending, row->due_ms,
                   row->flags & LEDGER_DONE, out);
    if (row->flags & LEDGER_HELD)
        fputs("; held, this is remembered for the resume", out);
    fputc('\n', out);
}

static void print_miss(const struct trace_miss *miss, FILE *out)
{
    char at[32];
    fprintf(out, "  %s  %.*s", instant_text(miss->event->received_ms, at), STR_ARG(miss->name));
    print_body(miss->event->body, out);
    fprintf(out, ": not let in, %s\n", miss->why);
}

void trace_print(const struct trace_story *story, struct str contact, struct arena *arena, FILE *out)
{
    char at[32];
    fprintf(out, "%.*s in %.*s\n", STR_ARG(contact), STR_ARG(story->journey));
    size_t miss = 0;
    for (size_t fact = 0; fact < story->facts.count || miss < story->missed.count;) {
        bool next_is_fact = miss == story->missed.count ||
                            (fact < story->facts.count &&
                             story->facts.items[fact].row.seq < story->missed.items[miss].event->seq);
        if (next_is_fact)
            print_fact(&story->facts.items[fact++], arena, out);
        else
            print_miss(&story->missed.items[miss++], out);
    }
    if (story->inside) {
        fputs("  now: ", out);
        print_rest(story->now_version, story->now.node, false, story->now.pending, story->now.due_ms, false,
                   out);
        if (story->now.timeout_ms != INSTANT_NEVER)
            fprintf(out, "; the journey times out at %s", instant_text(story->now.timeout_ms, at));
        fputc('\n', out);
    } else if (story->facts.count == 0) {
        fputs("  never entered\n", out);
        if (story->missed.count)
            return; /* why stands above, event by event */
        array_each (&story->reasons, i)
            fprintf(out, "    %s\n", story->reasons.items[i]);
    }
}

/* ── for programs ─────────────────────────────────────────────────────────── */

static json_t *instant_json(int64_t ms)
{
    char text[32];
    return ms == INSTANT_NEVER ? json_null() : json_string(instant_text(ms, text));
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

static json_t *fact_json(const struct trace_fact *fact)
{
    const struct ledger_row *row = &fact->row;
    const struct definition *definition = fact->version->definition;
    bool leaves = row->flags & LEDGER_LEAVES;
    json_t *object = json_pack(
        "{s:o, s:o, s:I, s:i, s:b, s:o, s:o, s:b, s:o, s:o}", "at", instant_json(row->at_ms), "cause",
        cause_json(&fact->cause), "enrollment", (json_int_t)row->enrollment, "version",
        (int)fact->version->ordinal, "enters", (row->flags & LEDGER_ENTERS) != 0, "path", path_json(fact),
        "node", text_json(definition->nodes[row->node].id), "before", (row->flags & LEDGER_BEFORE) != 0,
        "due", instant_json(row->due_ms), "waits_for", pending_json(fact->version, row->node, row->pending));
    json_object_set_new(object, "left", leaves ? json_string(leave_reason_name(row->reason)) : json_null());
    if (leaves && row->reason == LEAVE_GOAL && row->which < definition->goal_count)
        json_object_set_new(object, "goal", text_json(definition->goals[row->which].name));
    if (leaves && row->reason == LEAVE_EXIT_RULE)
        json_object_set_new(object, "exit_rule", json_integer(row->which));
    if (row->flags & LEDGER_HELD)
        json_object_set_new(object, "held", json_true());
    return object;
}

static json_t *now_json(const struct trace_story *story)
{
    if (!story->inside)
        return json_null();
    const struct enrollment_view *now = &story->now;
    return json_pack("{s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "enrollment", (json_int_t)now->id, "version",
                     (int)story->now_version->ordinal, "node",
                     text_json(node_of(story->now_version, now->node)->id), "entered",
                     instant_json(now->entered_ms), "arrived", instant_json(now->arrived_ms), "due",
                     instant_json(now->due_ms), "timeout", instant_json(now->timeout_ms), "waits_for",
                     pending_json(story->now_version, now->node, now->pending));
}

static json_t *miss_json(const struct trace_miss *miss)
{
    return json_pack("{s:o, s:o, s:o, s:s}", "at", instant_json(miss->event->received_ms), "event",
                     text_json(miss->name), "properties", body_json(miss->event->body), "reason", miss->why);
}

json_t *trace_json(const struct trace_story *story)
{
    json_t *facts = json_array(), *missed = json_array(), *reasons = json_array();
    array_each (&story->missed, i)
        json_array_append_new(missed, miss_json(&story->missed.items[i]));
    array_each (&story->facts, i)
        json_array_append_new(facts, fact_json(&story->facts.items[i]));
    array_each (&story->reasons, i)
        json_array_append_new(reasons, json_string(story->reasons.items[i]));
    return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o}", "journey", text_json(story->journey), "entered",
                     story->facts.count > 0, "inside", (int)story->inside, "facts", facts, "missed", missed,
                     "now", now_json(story), "not_entered", reasons);
}
