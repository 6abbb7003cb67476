#include "journey/checklist_graph.h"

#include "json/document.h"

enum { CYCLE_IDS_SHOWN = 8, HOLDERS_SHOWN = 3 };

struct graph {
    struct parse *parse;
    const struct definition *definition;
};

/* ── edges ── */

static size_t target_count(const struct graph *graph, size_t node)
{
    const struct drawing *drawing = &graph->parse->drawings[node];
    return drawing->outcomes_known ? graph->definition->nodes[node].outcome_count : drawing->edge_count;
}

static int target(const struct graph *graph, size_t node, size_t i)
{
    const struct drawing *drawing = &graph->parse->drawings[node];
    return drawing->outcomes_known ? graph->definition->nodes[node].outcomes[i].to : drawing->edges[i].to;
}

/* Whether a contact may go this way in the instant in which it arrived. A wait until an instant is over at
 * once when that has passed, as it has when contacts come round again; who leaves a wait_for by `timed_out`
 * has waited. */
static bool is_instant(const struct graph *graph, size_t node, size_t i)
{
    const struct drawing *drawing = &graph->parse->drawings[node];
    const struct node *it = &graph->definition->nodes[node];
    if (!drawing->outcomes_known || !drawing->work_known)
        return false;
    switch (it->kind) {
    case NODE_WAIT: return it->wait.for_ms == 0;
    case NODE_WAIT_FOR: return i == 0 && !it->wait_for.condition.is_event;
    default: return true;
    }
}

/* ── walks ── */

typedef bool goes_on(const struct graph *graph, size_t node, size_t i);

/* A breadth-first walk: `before[n]` = the node from which n was first come to, EDGE_NONE = not come to. The
 * nodes come to stand in `queue` in that order. */
struct walk {
    int16_t *before;
    uint16_t *queue;
    size_t count;
};

static struct walk walk_from(const struct graph *graph, size_t from, goes_on *may)
{
    size_t nodes = graph->definition->node_count;
    struct walk walk = {.before = arena_take_array(graph->parse->arena, nodes, sizeof *walk.before),
                        .queue = arena_take_array(graph->parse->arena, nodes + 1, sizeof *walk.queue)};
    for (size_t i = 0; i < nodes; i++)
        walk.before[i] = EDGE_NONE;
    walk.queue[walk.count++] = (uint16_t)from;
    for (size_t head = 0; head < walk.count; head++) {
        size_t at = walk.queue[head];
        for (size_t i = 0; i < target_count(graph, at); i++) {
            int to = target(graph, at, i);
            if (to == EDGE_NONE || walk.before[to] != EDGE_NONE || !may(graph, at, i))
                continue;
            walk.before[to] = (int16_t)at;
            if ((size_t)to != from)
                walk.queue[walk.count++] = (uint16_t)to;
        }
    }
    return walk;
}

static bool goes_anyhow(const struct graph *graph, size_t node, size_t i)
{
    (void)graph, (void)node, (void)i;
    return true;
}

static bool is_wait(enum node_kind kind)
{
    return kind == NODE_WAIT || kind == NODE_WAIT_FOR;
}

/* On to the first action, where nothing was waited for; through nodes of unknown kind nobody knows. */
static bool goes_without_wait(const struct graph *graph, size_t node, size_t i)
{
    (void)i;
    enum node_kind kind = graph->definition->nodes[node].kind;
    return graph->parse->drawings[node].outcomes_known && !is_wait(kind) && kind != NODE_ACTIVATE;
}

/* ── errors ── */

static void find_unreachable(const struct graph *graph)
{
    struct parse *parse = graph->parse;
    size_t start = graph->definition->start;
    struct walk walk = walk_from(graph, start, goes_anyhow);
    for (size_t i = 0; i < graph->definition->node_count; i++) {
        if (walk.before[i] != EDGE_NONE || i == start)
            continue;
        parse->node = graph->definition->nodes[i].id;
        problem_add(parse, ERR_OK, FINDING_NODE_UNREACHABLE, parse->drawings[i].pointer,
                    "draw an edge to it, or remove it", "no path from the start leads to %s",
                    quoted(parse->arena, parse->node));
    }
}

static void find_without_edge(const struct graph *graph, size_t i)
{
    const struct node *node = &graph->definition->nodes[i];
    struct parse *parse = graph->parse;
    bool needs = node->kind == NODE_WAIT || node->kind == NODE_SEGMENT || node->kind == NODE_SPLIT;
    if (needs && node->last)
        problem_add(parse, ERR_OK, FINDING_NODE_WITHOUT_EDGE, parse->drawings[i].pointer,
                    "draw where contacts go from here, \"next\": \"offer\"",
                    "this %s has no edge, so it leads nobody anywhere", node_kind_name(node->kind));
}

/* Reports the cycle that the walk from `first` closed, and marks who is on it. */
static void report_cycle(const struct graph *graph, const struct walk *walk, size_t first, bool *on_cycle)
{
    struct parse *parse = graph->parse;
    const struct node *nodes = graph->definition->nodes;
    uint16_t *back = arena_take_array(parse->arena, graph->definition->node_count, sizeof *back);
    size_t count = 0;
    for (size_t at = (size_t)walk->before[first]; at != first; at = (size_t)walk->before[at])
        back[count++] = (uint16_t)at;
    on_cycle[first] = true;
    const char *path = arena_printf(parse->arena, "%.*s", STR_ARG(nodes[first].id));
    for (size_t i = 0; i < count; i++) {
        size_t at = back[count - 1 - i];
        on_cycle[at] = true;
        if (i < CYCLE_IDS_SHOWN)
            path = arena_printf(parse->arena, "%s → %.*s", path, STR_ARG(nodes[at].id));
    }
    if (count > CYCLE_IDS_SHOWN)
        path = arena_printf(parse->arena, "%s → … (%zu more)", path, count - CYCLE_IDS_SHOWN);
    parse->node = nodes[first].id;
    problem_add(parse, ERR_OK, FINDING_CYCLE_WITHOUT_TIME, parse->drawings[first].pointer,
                "put a wait \"for\" some time, or a wait_for an event, into it",
                "contacts may go round in one instant, for ever: %s → %.*s", path, STR_ARG(nodes[first].id));
}

/* Every node that lies on such a cycle lies on one that is reported. */
static void find_cycles(const struct graph *graph)
{
    size_t nodes = graph->definition->node_count;
    bool *on_cycle = arena_take_array(graph->parse->arena, nodes, sizeof *on_cycle);
    for (size_t i = 0; i < nodes; i++) {
        if (on_cycle[i])
            continue;
        struct walk walk = walk_from(graph, i, is_instant);
        if (walk.before[i] != EDGE_NONE)
            report_cycle(graph, &walk, i, on_cycle);
    }
}

/* ── who may stay for ever ── */

/* An outcome that may come and has no edge, while the node has some. Without a timeout `timed_out` never
 * comes. */
static bool is_undrawn(const struct graph *graph, size_t i, size_t outcome)
{
    const struct drawing *drawing = &graph->parse->drawings[i];
    const struct node *node = &graph->definition->nodes[i];
    if (!drawing->outcomes_known || drawing->edge_count == 0 || drawing->drawn[outcome])
        return false;
    return node->kind != NODE_WAIT_FOR || outcome == 0 || node->wait_for.timeout_ms > 0;
}

static bool is_endless_wait_for(const struct graph *graph, size_t i)
{
    const struct node *node = &graph->definition->nodes[i];
    const struct drawing *drawing = &graph->parse->drawings[i];
    return drawing->outcomes_known && drawing->work_known && node->kind == NODE_WAIT_FOR &&
           node->wait_for.timeout_ms == 0;
}

static bool may_hold_forever(const struct graph *graph, size_t i)
{
    const struct node *node = &graph->definition->nodes[i];
    if (is_endless_wait_for(graph, i) || (node->last && graph->parse->goals_written))
        return true;
    for (size_t k = 0; graph->parse->drawings[i].outcomes_known && k < node->outcome_count; k++) {
        if (is_undrawn(graph, i, k))
            return true;
    }
    return false;
}

static void find_held_forever(const struct graph *graph)
{
    struct parse *parse = graph->parse;
    const char *list = "";
    size_t count = 0;
    for (size_t i = 0; i < graph->definition->node_count; i++) {
        if (!may_hold_forever(graph, i))
            continue;
        if (count < HOLDERS_SHOWN)
            list = arena_printf(parse->arena, "%s%s%s", list, count ? ", " : "",
                                quoted(parse->arena, graph->definition->nodes[i].id));
        count++;
    }
    if (count > HOLDERS_SHOWN)
        list = arena_printf(parse->arena, "%s and %zu more", list, count - HOLDERS_SHOWN);
    if (count)
        problem_add(parse, ERR_OK, FINDING_NO_TIMEOUT_MAY_HOLD_FOREVER, "/timeout",
                    "set a timeout of the journey, \"timeout\": \"30d\"",
                    "the journey has no timeout, and contacts may stay for ever at %s", list);
}

static const char *outcome_pointer(const struct graph *graph, size_t i, size_t outcome)
{
    const struct node *node = &graph->definition->nodes[i];
    struct arena *arena = graph->parse->arena;
    const char *pointer = graph->parse->drawings[i].pointer;
    const char *branches = node->kind == NODE_SEGMENT ? "groups" : node->kind == NODE_SPLIT ? "paths" : NULL;
    if (branches && outcome + 1 < node->outcome_count)
        return arena_printf(arena, "%s/%s/%zu/next", pointer, branches, outcome);
    const char *name = node->outcomes[outcome].name.data;
    return strcmp(name, "next") == 0 ? pointer_join(arena, pointer, name)
                                     : pointer_join(arena, pointer_join(arena, pointer, "on"), name);
}

static void find_undrawn(const struct graph *graph, size_t i)
{
    const struct node *node = &graph->definition->nodes[i];
    struct parse *parse = graph->parse;
    for (size_t k = 0; parse->drawings[i].outcomes_known && k < node->outcome_count; k++) {
        if (!is_undrawn(graph, i, k) || node->outcomes[k].name.size == 0)
            continue;
        problem_add(parse, ERR_OK, FINDING_OUTCOME_NOT_DRAWN, outcome_pointer(graph, i, k),
                    "draw its edge, or give the node a \"next\"",
                    "contacts who leave %s by %s stay there: no edge is drawn",
                    quoted(parse->arena, node->id), quoted(parse->arena, node->outcomes[k].name));
    }
    if (is_endless_wait_for(graph, i))
        problem_add(parse, ERR_OK, FINDING_WAIT_FOR_WITHOUT_TIMEOUT,
                    pointer_join(parse->arena, parse->drawings[i].pointer, "timeout"),
                    "set how long to wait at most, \"timeout\": \"7d\"",
                    "%s waits without end for what may never come", quoted(parse->arena, node->id));
}

/* ── actions ── */

static void find_actions_in_a_row(const struct graph *graph, size_t i)
{
    const struct node *nodes = graph->definition->nodes;
    struct parse *parse = graph->parse;
    if (nodes[i].kind != NODE_ACTIVATE || !parse->drawings[i].outcomes_known)
        return;
    int next = nodes[i].outcomes[0].to; /* `failed` may well try another destination at once */
    if (next == EDGE_NONE || nodes[next].kind != NODE_ACTIVATE || !parse->drawings[next].outcomes_known)
        return;
    parse->node = nodes[next].id;
    problem_add(parse, ERR_OK, FINDING_ACTIONS_IN_A_ROW, parse->drawings[next].pointer,
                "put a wait between the two, or name all destinations in one of them",
                "this activation comes right after %s", quoted(parse->arena, nodes[i].id));
}

static void find_immediate_actions(const struct graph *graph)
{
    struct parse *parse = graph->parse;
    const struct definition *definition = graph->definition;
    struct walk walk = walk_from(graph, definition->start, goes_without_wait);
    bool found = false;
    for (size_t i = 0; i < walk.count; i++) {
        size_t at = walk.queue[i];
        if (definition->nodes[at].kind != NODE_ACTIVATE || !parse->drawings[at].outcomes_known)
            continue;
        found = true;
        parse->node = definition->nodes[at].id;
        problem_add(parse, ERR_OK, FINDING_ACTION_WITHOUT_WAIT, parse->drawings[at].pointer,
                    "put a wait before it, unless contacts are to be activated at once",
                    "contacts reach %s the moment they enter: no wait comes before it",
                    quoted(parse->arena, parse->node));
    }
    parse->node = (struct str){0};
    if (found && definition->reentry && definition->reentry_after_ms == 0)
        problem_add(
            parse, ERR_OK, FINDING_REENTRY_WITH_IMMEDIATE_ACTION, "/entry/reentry",
            "set when contacts may enter again, \"after\": \"7d\", or put a wait before the activation",
            "contacts may enter again at once, and each time they are activated at once");
}

void checklist_graph(struct parse *parse, const struct definition *definition)
{
    struct graph graph = {parse, definition};
    if (parse->start_read) {
        find_unreachable(&graph);
        find_immediate_actions(&graph);
    }
    find_cycles(&graph);
    for (size_t i = 0; i < definition->node_count; i++) {
        parse->node = definition->nodes[i].id;
        find_without_edge(&graph, i);
        find_undrawn(&graph, i);
        find_actions_in_a_row(&graph, i);
    }
    parse->node = (struct str){0};
    if (!parse->timeout_written)
        find_held_forever(&graph);
}
