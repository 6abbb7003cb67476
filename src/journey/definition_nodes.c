/* Nodes and the edges between them. An edge is read where it stands (`next`, `on`, a branch's `next`), then
 * each outcome of the node takes its own edge or, failing that, the node's `next`. */
#include "journey/parse.h"

#include "base/spelling.h"
#include "json/document.h"

enum { FIXED_OUTCOMES_MAX = 2 };

/* The id that a misspelt one was probably meant to be; empty where none is worth a guess. */
static struct str node_meant(const struct definition *definition, struct str id)
{
    struct str ids[DEFINITION_NODES_MAX];
    size_t count = 0;
    for (; count < definition->node_count && count < DEFINITION_NODES_MAX; count++)
        ids[count] = definition->nodes[count].id;
    return spelling_nearest(id, ids, count);
}

/* What a kind has besides its branches, in the order of struct node's outcomes. */
static const struct str fixed_outcomes[NODE_KINDS][FIXED_OUTCOMES_MAX] = {
    [NODE_WAIT] = {{"next", 4}},
    [NODE_WAIT_FOR] = {{"yes", 3}, {"timed_out", 9}},
    [NODE_SEGMENT] = {{"other", 5}},
    [NODE_SPLIT] = {{"others", 6}},
    [NODE_ACTIVATE] = {{"next", 4}, {"failed", 6}},
    [NODE_UPDATE] = {{"next", 4}},
};

static size_t fixed_count(enum node_kind kind)
{
    size_t count = 0;
    while (count < FIXED_OUTCOMES_MAX && fixed_outcomes[kind][count].size)
        count++;
    return count;
}

/* ── edges ── */

/* A node's edges while they are read. */
struct edges {
    struct edge *items;
    uint32_t count;
};

/* An edge that cannot be read is a drawn one that leads nowhere. */
static void parse_edge(struct parse *parse, const struct definition *definition, struct place at,
                       struct str outcome, struct edges *edges)
{
    static const char fix[] = "write the id of a node: \"offer\", or {\"to\": \"offer\"}";
    static const struct key keys[] = {
        {"to"}, {"delay", "a delay on an edge"}, {"best_time", "best time on an edge"}, {NULL}};
    struct edge *edge = &edges->items[edges->count++];
    *edge = (struct edge){.outcome = outcome, .pointer = at.pointer, .to = EDGE_NONE};
    struct place to = at;
    if (json_is_object(at.json)) {
        read_object(parse, at, "an edge", keys);
        edge->delayed = json_object_get(at.json, "delay") || json_object_get(at.json, "best_time");
        to = place_key(parse, at, "to");
    }
    if (!json_is_string(to.json)) {
        problem_type(parse, to, "the node an edge leads to", fix);
        return;
    }
    struct str id = {json_string_value(to.json), json_string_length(to.json)};
    edge->to = (int16_t)definition_find_node(definition, id);
    if (edge->to != EDGE_NONE)
        return;
    struct str near = node_meant(definition, id);
    problem_add(parse, ERR_INVALID, FINDING_EDGE_TO_NOWHERE, to.pointer,
                near.size ? arena_printf(parse->arena, "did you mean %s?", quoted(parse->arena, near))
                          : "draw it to a node that exists, or add that node",
                "this edge leads to %s, and no node has that id", quoted(parse->arena, id));
}

static void problem_of_outcome(struct parse *parse, struct place at, const struct node *node,
                               const struct branches *branches, const char *name)
{
    const char *pointer = pointer_join(parse->arena, at.pointer, name);
    for (size_t i = 0; i < branches->count; i++) {
        if (str_equal(branches->names[i], str_from(name))) {
            problem_invalid(
                parse, pointer, arena_printf(parse->arena, "write it at %s", branches->nexts[i].pointer),
                "the edge of %s belongs to the %s itself", quoted(parse->arena, branches->names[i]),
                node->kind == NODE_SEGMENT ? "group" : "path");
            return;
        }
    }
    const char *list = "";
    for (size_t i = 0; i < fixed_count(node->kind); i++)
        list = arena_printf(parse->arena, "%s%s\"%.*s\"", list, i ? ", " : "",
                            STR_ARG(fixed_outcomes[node->kind][i]));
    problem_invalid(parse, pointer, arena_printf(parse->arena, "the outcomes here are %s", list),
                    "nodes of type \"%s\" have no outcome %s", node_kind_name(node->kind),
                    quoted(parse->arena, str_from(name)));
}

static bool is_fixed_outcome(enum node_kind kind, const char *name)
{
    for (size_t i = 0; i < fixed_count(kind); i++) {
        if (str_equal(fixed_outcomes[kind][i], str_from(name)))
            return true;
    }
    return false;
}

/* `kind_known` is false for a node of an unknown kind: its edges still say what can be reached. */
static void parse_on(struct parse *parse, const struct definition *definition, struct place on,
                     const struct node *node, bool kind_known, const struct branches *branches,
                     struct edges *edges)
{
    if (!json_is_object(on.json)) {
        problem_type(parse, on, "an object of edges by outcome", "write {\"outcome\": \"node\"}");
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(on.json, name, value)
    {
        if (kind_known && !is_fixed_outcome(node->kind, name))
            problem_of_outcome(parse, on, node, branches, name);
        parse_edge(parse, definition, place_key(parse, on, name), arena_str(parse->arena, str_from(name)),
                   edges);
    }
}

static size_t edges_written(struct place next, struct place on, const struct branches *branches)
{
    size_t count = branches->count;
    if (next.json)
        count++;
    if (json_is_object(on.json))
        count += json_object_size(on.json);
    return count;
}

static void parse_edges(struct parse *parse, const struct definition *definition, struct place at,
                        const struct node *node, bool kind_known, const struct branches *branches,
                        struct drawing *drawing)
{
    struct place next = place_key(parse, at, "next"), on = place_key(parse, at, "on");
    struct edges edges = {
        arena_take_array(parse->arena, edges_written(next, on, branches), sizeof *edges.items), 0};
    for (size_t i = 0; i < branches->count; i++) {
        if (branches->nexts[i].json)
            parse_edge(parse, definition, branches->nexts[i], branches->names[i], &edges);
    }
    if (next.json)
        parse_edge(parse, definition, next, STR("next"), &edges);
    if (on.json)
        parse_on(parse, definition, on, node, kind_known, branches, &edges);
    drawing->edges = edges.items;
    drawing->edge_count = edges.count;
    for (uint32_t i = 0; i < edges.count; i++) {
        if (edges.items[i].delayed)
            drawing->work_known = false;
    }
}

/* ── outcomes ── */

static const struct edge *edge_at(const struct drawing *drawing, const char *pointer)
{
    for (uint32_t i = 0; i < drawing->edge_count; i++) {
        if (strcmp(drawing->edges[i].pointer, pointer) == 0)
            return &drawing->edges[i];
    }
    return NULL;
}

static void outcomes_connect(struct parse *parse, struct place at, const struct branches *branches,
                             struct node *node, struct drawing *drawing)
{
    size_t count = branches->count + fixed_count(node->kind);
    struct outcome *outcomes = arena_take_array(parse->arena, count, sizeof *outcomes);
    bool *drawn = arena_take_array(parse->arena, count, sizeof *drawn);
    const struct edge *next = edge_at(drawing, pointer_join(parse->arena, at.pointer, "next"));
    const char *on = pointer_join(parse->arena, at.pointer, "on");
    for (size_t i = 0; i < count; i++) {
        const char *own;
        if (i < branches->count) {
            outcomes[i].name = branches->names[i];
            own = branches->nexts[i].pointer;
        } else {
            outcomes[i].name = fixed_outcomes[node->kind][i - branches->count];
            own = pointer_join(parse->arena, on, outcomes[i].name.data);
        }
        const struct edge *edge = edge_at(drawing, own);
        if (!edge)
            edge = next;
        drawn[i] = edge != NULL;
        outcomes[i].to = edge ? edge->to : EDGE_NONE;
    }
    node->outcome_count = (uint8_t)count;
    node->outcomes = outcomes;
    node->last = count > 0 && drawing->edge_count == 0;
    drawing->drawn = drawn;
}

/* ── nodes ── */

static const char *kinds_known(struct parse *parse)
{
    const char *list = "the kinds are";
    for (int i = 0; i < NODE_KINDS; i++)
        list = arena_printf(parse->arena, "%s%s \"%s\"", list, i ? "," : "", node_kind_name(i));
    return list;
}

static bool parse_kind(struct parse *parse, struct place at, enum node_kind *ret)
{
    if (!json_is_string(at.json))
        return problem_type(parse, at, "the node's type", kinds_known(parse));
    const char *text = json_string_value(at.json);
    for (int i = 0; i < NODE_KINDS; i++) {
        if (strcmp(node_kind_name(i), text) == 0) {
            *ret = i;
            return true;
        }
    }
    if (strcmp(text, "send") == 0 || strcmp(text, "experiment") == 0)
        return problem_later(parse, at.pointer, arena_printf(parse->arena, "nodes of type \"%s\"", text),
                             kinds_known(parse));
    return problem_invalid(parse, at.pointer, kinds_known(parse), "%s is no type of node",
                           quoted(parse->arena, str_from(text)));
}

static bool has_edges_outgrown(struct parse *parse, struct place on)
{
    if (!json_is_object(on.json) || json_object_size(on.json) <= PARSE_OBJECT_KEYS_MAX)
        return false;
    problem_limit(parse, on.pointer, "edges", json_object_size(on.json), PARSE_OBJECT_KEYS_MAX);
    return true;
}

static void parse_node(struct parse *parse, const struct definition *definition, struct place at,
                       struct node *node, struct drawing *drawing)
{
    struct branches branches = {0};
    *drawing = (struct drawing){.pointer = at.pointer};
    if (!json_is_object(at.json)) {
        problem_type(parse, at, "a node, an object,",
                     "write {\"type\": \"wait\", \"for\": \"1d\", \"next\": \"offer\"}");
        return;
    }
    bool kind_known = parse_kind(parse, place_key(parse, at, "type"), &node->kind);
    if (kind_known) {
        parse_node_work(parse, at, node, &branches, drawing);
        if (fixed_count(node->kind) == 0)
            return; /* exit and stop: a key `next` or `on` was refused as unknown */
    }
    if (has_edges_outgrown(parse, place_key(parse, at, "on"))) {
        drawing->outcomes_known = false;
        return;
    }
    parse_edges(parse, definition, at, node, kind_known, &branches, drawing);
    if (kind_known)
        outcomes_connect(parse, at, &branches, node, drawing);
}

static bool is_node_id(struct str id)
{
    for (size_t i = 0; i < id.size; i++) {
        char c = id.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-'))
            return false;
    }
    return id.size > 0 && id.size <= DEFINITION_NODE_ID_MAX;
}

void parse_nodes(struct parse *parse, struct place at, struct definition *ret)
{
    static const char example[] = "write {\"hello\": {\"type\": \"stop\"}}";
    if (!json_is_object(at.json)) {
        problem_type(parse, at, "the nodes, an object of nodes by id,", example);
        return;
    }
    size_t count = json_object_size(at.json);
    if (count == 0) {
        problem_invalid(parse, at.pointer, example, "a journey needs at least one node");
        return;
    }
    if (count > DEFINITION_NODES_MAX) {
        problem_limit(parse, at.pointer, "nodes", count, DEFINITION_NODES_MAX);
        return;
    }
    struct node *nodes = arena_take_array(parse->arena, count, sizeof *nodes);
    parse->drawings = arena_take_array(parse->arena, count, sizeof *parse->drawings);
    const char *name;
    json_t *value;
    json_object_foreach(at.json, name, value) /* ids first: edges may lead forward */
        nodes[ret->node_count++]
            .id = arena_str(parse->arena, str_from(name));
    ret->nodes = nodes;
    for (size_t i = 0; i < count; i++) {
        struct place place = place_key(parse, at, nodes[i].id.data);
        parse->node = nodes[i].id;
        if (!is_node_id(nodes[i].id))
            problem_invalid(parse, place.pointer, "use 1 to 64 letters, digits, \"_\" and \"-\"",
                            "%s cannot be the id of a node", quoted(parse->arena, nodes[i].id));
        parse_node(parse, ret, place, &nodes[i], &parse->drawings[i]);
    }
    parse->node = (struct str){0};
    parse->nodes_read = true;
}

void parse_start(struct parse *parse, struct place at, struct definition *ret)
{
    if (!json_is_string(at.json)) {
        problem_type(parse, at, "the start", "write the id of the first node");
        return;
    }
    if (!parse->nodes_read)
        return;
    struct str id = {json_string_value(at.json), json_string_length(at.json)};
    int start = definition_find_node(ret, id);
    if (start == EDGE_NONE) {
        struct str near = node_meant(ret, id);
        problem_add(parse, ERR_INVALID, FINDING_EDGE_TO_NOWHERE, at.pointer,
                    near.size ? arena_printf(parse->arena, "did you mean %s?", quoted(parse->arena, near))
                              : "write the id of a node",
                    "the journey starts at %s, and no node has that id", quoted(parse->arena, id));
        return;
    }
    ret->start = (uint16_t)start;
    parse->start_read = true;
}
