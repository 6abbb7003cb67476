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
    } else if (!story->entered) {
        fputs("  never entered\n", out);
        if (story->missed.count)
            return; /* why stands above, event by event */
        array_each (&story->reasons, i)
            fprintf(out, "    %s\n", story->reasons.items[i]);
    }
}
