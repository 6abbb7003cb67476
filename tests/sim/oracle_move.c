/* Movement: from node to node until one holds the contact (spec/definition.md §2). */
#include <stdio.h>

#include "oracle_state.h"

/* One movement while it is under way. */
struct walk {
    struct oracle *oracle;
    struct oracle_contact *contact;
    struct oracle_enrollment *e;
    int64_t now_ms;
    json_t *nodes, *changed; /* attributes that update nodes have changed */
    bool enters, moved;
    char *path;
    size_t path_size;
};

static json_t *node_of(const struct walk *walk)
{
    return json_object_get(walk->nodes, walk->e->node);
}

static void mark(const struct walk *walk, enum oracle_mark_kind kind, const struct oracle_met *what)
{
    *array_push(&walk->oracle->marks) = (struct oracle_mark){.at_ms = walk->now_ms,
                                                             .kind = kind,
                                                             .journey = walk->e->journey,
                                                             .node = walk->e->node,
                                                             .what = what->reason,
                                                             .which = what->which,
                                                             .value = what->value};
}

static void close_question(struct oracle *oracle, struct oracle_question *question, const char *end,
                           int64_t now_ms)
{
    question->closed = true;
    *array_push(&oracle->endings) = (struct oracle_ending){now_ms, question->activation, end};
}

static void close_enrollment(const struct walk *walk, const struct oracle_met *end)
{
    struct oracle_enrollment *e = walk->e;
    array_each (&walk->contact->questions, i) {
        struct oracle_question *question = &walk->contact->questions.items[i];
        if (question->e == e && !question->closed)
            close_question(walk->oracle, question, "cancelled", walk->now_ms);
    }
    e->open = false;
    e->reason = end->reason;
    e->left_ms = walk->now_ms;
    e->left_order = walk->oracle->order;
    mark(walk, ORACLE_LEFT, end);
}

static void write_fact(struct walk *walk, const struct oracle_met *end)
{
    const struct oracle_enrollment *e = walk->e;
    *array_push(&walk->oracle->facts) = (struct oracle_fact){
        .at_ms = walk->now_ms,
        .contact = walk->contact->number,
        .journey = e->journey,
        .passage = e->passage,
        .enters = walk->enters,
        .leaves = !e->open,
        .node = e->node,
        .reason = e->reason,
        .which = end->which,
        .value = end->value,
        .path = walk->path ? walk->path : memory_take_zeroed(1, 1),
    };
}

/* ── attributes ───────────────────────────────────────────────────────────── */

void oracle_set_attribute(struct oracle_contact *contact, const char *name, json_t *value,
                          json_t *ret_changed)
{
    const json_t *old = json_object_get(contact->attributes, name);
    bool none = value == NULL || json_is_null(value);
    if (none ? old == NULL : json_equal(old, value))
        return;
    if (none)
        json_object_del(contact->attributes, name);
    else
        json_object_set(contact->attributes, name, value);
    json_object_set_new(ret_changed, name, json_true());
}

static json_t *increased(const json_t *old, double by)
{
    double sum = (old ? json_number_value(old) : 0) + by;
    return sum == (double)(json_int_t)sum ? json_integer((json_int_t)sum) : json_real(sum);
}

static bool has(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), value))
            return true;
    return false;
}

static json_t *with(const json_t *old, json_t *value)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(old); i++)
        json_array_append(list, json_array_get(old, i));
    json_array_append(list, value);
    return list;
}

static json_t *without(const json_t *old, const json_t *value)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(old); i++)
        if (!json_equal(json_array_get(old, i), value))
            json_array_append(list, json_array_get(old, i));
    return list;
}

/* What the attribute becomes, NULL = it stays: a change that does not fit its type does nothing, a missing
 * number counts as 0, a missing list as an empty one, and a list has each value once. */
static json_t *changed_value(const json_t *change, const char *key, const json_t *old)
{
    json_t *value = json_object_get(change, "value");
    double by = json_number_value(json_object_get(change, "by"));
    if (strcmp(key, "set") == 0)
        return json_incref(json_object_get(change, "to"));
    if (strcmp(key, "increase") == 0 || strcmp(key, "decrease") == 0)
        return old == NULL || json_is_number(old) ? increased(old, strcmp(key, "increase") == 0 ? by : -by)
                                                  : NULL;
    if (strcmp(key, "add") == 0)
        return (old == NULL || json_is_array(old)) && !has(old, value) ? with(old, value) : NULL;
    return json_is_array(old) ? without(old, value) : NULL;
}

static void apply_change(const struct walk *walk, const json_t *change)
{
    static const char *const keys[] = {"set", "increase", "decrease", "add", "remove"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const char *name = json_string_value(json_object_get(change, keys[k]));
        if (name == NULL)
            continue;
        json_t *value = changed_value(change, keys[k], json_object_get(walk->contact->attributes, name));
        if (value)
            oracle_set_attribute(walk->contact, name, value, walk->changed);
        json_decref(value);
    }
}

/* ── nodes ────────────────────────────────────────────────────────────────── */

static const char *group_of(const struct walk *walk, const json_t *node)
{
    const json_t *groups = json_object_get(node, "groups");
    const json_t *value =
        json_object_get(walk->contact->attributes, json_string_value(json_object_get(node, "attribute")));
    for (size_t i = 0; value && i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        if (oracle_value_in(value, json_object_get(group, "values")))
            return json_string_value(json_object_get(group, "name"));
    }
    return "other";
}

static const char *path_of(const struct walk *walk, const json_t *node)
{
    const json_t *paths = json_object_get(node, "paths");
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        if (oracle_rule_holds(json_object_get(path, "rule"), walk->contact, walk->now_ms))
            return json_string_value(json_object_get(path, "name"));
    }
    return "others";
}

static const char *arrive_at_wait(const struct walk *walk, const json_t *node)
{
    const json_t *until = json_object_get(node, "until");
    walk->e->due_ms =
        until ? oracle_instant(until) : walk->now_ms + oracle_duration(json_object_get(node, "for"));
    return walk->e->due_ms <= walk->now_ms ? "next" : NULL;
}

static const char *arrive_at_wait_for(const struct walk *walk, const json_t *node)
{
    json_t *rule = json_object_get(node, "rule");
    const json_t *timeout = json_object_get(node, "timeout");
    if (!oracle_is_event_rule(rule) && oracle_rule_holds(rule, walk->contact, walk->now_ms))
        return "yes";
    walk->e->due_ms = timeout ? walk->now_ms + oracle_duration(timeout) : ORACLE_NEVER;
    return NULL;
}

static void activate(const struct walk *walk, const json_t *node)
{
    struct oracle_enrollment *e = walk->e;
    const json_t *destinations = json_object_get(node, "destinations");
    e->pending = (uint32_t)json_array_size(destinations);
    e->failed = false;
    for (size_t i = 0; i < e->pending; i++) {
        const char *destination = json_string_value(json_array_get(destinations, i));
        *array_push(&walk->contact->questions) =
            (struct oracle_question){e, walk->oracle->activations.count, false};
        *array_push(&walk->oracle->activations) = (struct oracle_activation){
            walk->now_ms, walk->contact->number, e->journey, e->passage, e->node, destination, e->visits};
    }
}

static const char *update(const struct walk *walk, const json_t *node)
{
    const json_t *changes = json_object_get(node, "changes");
    for (size_t i = 0; i < json_array_size(changes); i++)
        apply_change(walk, json_array_get(changes, i));
    return "next";
}

/* The outcome by which the node is left at once; NULL = it holds the contact, or the contact has left the
 * journey. */
static const char *arrive(struct walk *walk, const char *id)
{
    struct oracle_enrollment *e = walk->e;
    e->node = id;
    e->arrived_ms = walk->now_ms;
    e->arrived_order = walk->oracle->order;
    e->due_ms = ORACLE_NEVER;
    e->done = false;
    e->yes = (struct oracle_met){0};
    e->visits++;
    walk->moved = true;
    mark(walk, ORACLE_ARRIVED, &(struct oracle_met){.which = -1});
    const json_t *node = node_of(walk);
    const char *type = json_string_value(json_object_get(node, "type"));
    if (strcmp(type, "wait") == 0)
        return arrive_at_wait(walk, node);
    if (strcmp(type, "wait_for") == 0)
        return arrive_at_wait_for(walk, node);
    if (strcmp(type, "segment") == 0)
        return group_of(walk, node);
    if (strcmp(type, "split") == 0)
        return path_of(walk, node);
    if (strcmp(type, "activate") == 0) {
        activate(walk, node);
        return NULL;
    }
    if (strcmp(type, "update") == 0)
        return update(walk, node);
    struct oracle_met end = oracle_reason(strcmp(type, "exit") == 0 ? "force_exit" : "completed");
    close_enrollment(walk, &end);
    return NULL;
}

/* ── edges ────────────────────────────────────────────────────────────────── */

/* An edge is a node's id or {"to": id}. */
static const char *target(const json_t *edge)
{
    return json_string_value(json_is_object(edge) ? json_object_get(edge, "to") : edge);
}

static const char *named_next(const json_t *list, const char *outcome)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(item, "name")), outcome) == 0)
            return target(json_object_get(item, "next"));
    }
    return NULL;
}

/* The outcome's own edge, else the node's `next`. */
static const char *edge_of(const json_t *node, const char *outcome)
{
    const char *to = target(json_object_get(json_object_get(node, "on"), outcome));
    if (to == NULL)
        to = named_next(json_object_get(node, "groups"), outcome);
    if (to == NULL)
        to = named_next(json_object_get(node, "paths"), outcome);
    return to ? to : target(json_object_get(node, "next"));
}

static bool has_any_edge(const json_t *node)
{
    const json_t *lists[] = {json_object_get(node, "groups"), json_object_get(node, "paths")};
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < json_array_size(lists[l]); i++)
            if (json_object_get(json_array_get(lists[l], i), "next"))
                return true;
    return json_object_get(node, "next") || json_object_size(json_object_get(node, "on")) > 0;
}

static void add_to_path(struct walk *walk, const char *node, const char *outcome)
{
    size_t more = strlen(node) + strlen(outcome) + 3;
    char *path = memory_take_zeroed(1, walk->path_size + more);
    snprintf(path, walk->path_size + more, "%s%s%s.%s", walk->path ? walk->path : "", walk->path ? " " : "",
             node, outcome);
    free(walk->path);
    walk->path = path;
    walk->path_size += more;
}

static void follow(struct walk *walk, const char *outcome)
{
    while (outcome) {
        const json_t *node = node_of(walk);
        const char *to = edge_of(node, outcome);
        if (to == NULL) {
            const json_t *goals =
                json_object_get(walk->oracle->journeys.items[walk->e->journey]->definition, "goals");
            walk->e->done = true;
            walk->e->due_ms = ORACLE_NEVER;
            if (!has_any_edge(node) && json_array_size(goals) == 0)
                close_enrollment(walk, &(struct oracle_met){.reason = "completed", .which = -1});
            return;
        }
        add_to_path(walk, walk->e->node, outcome);
        mark(walk, ORACLE_MOVED, &(struct oracle_met){.reason = outcome, .which = -1});
        outcome = arrive(walk, to);
    }
}

/* A change made by an update is settled right after the movement that made it. */
static void finish(struct walk *walk)
{
    if (walk->moved || !walk->e->open)
        write_fact(walk, &(struct oracle_met){.which = -1});
    if (json_object_size(walk->changed) > 0)
        oracle_settle(walk->oracle, walk->contact, &(struct oracle_change){NULL, walk->changed, walk->now_ms},
                      walk->now_ms);
    json_decref(walk->changed);
}

static struct walk walk_of(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *e,
                           int64_t now_ms)
{
    return (struct walk){.oracle = oracle,
                         .contact = contact,
                         .e = e,
                         .now_ms = now_ms,
                         .nodes = oracle->journeys.items[e->journey]->nodes,
                         .changed = json_object()};
}

void oracle_begin(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *e,
                  int64_t now_ms)
{
    struct walk walk = walk_of(oracle, contact, e, now_ms);
    walk.enters = true;
    const json_t *start = json_object_get(oracle->journeys.items[e->journey]->definition, "start");
    follow(&walk, arrive(&walk, json_string_value(start)));
    finish(&walk);
}

void oracle_move(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *e,
                 const char *outcome, int64_t now_ms)
{
    struct walk walk = walk_of(oracle, contact, e, now_ms);
    follow(&walk, outcome);
    finish(&walk);
}

void oracle_leave(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *e,
                  const struct oracle_met *end, int64_t now_ms)
{
    struct walk walk = walk_of(oracle, contact, e, now_ms);
    close_enrollment(&walk, end);
    write_fact(&walk, end);
    json_decref(walk.changed);
}

/* ── answers ──────────────────────────────────────────────────────────────── */

static const char *asked(const struct oracle *oracle, const struct oracle_question *question)
{
    return oracle->activations.items[question->activation].destination;
}

/* In a hold the last answer is a timer that is due now: resume takes it on. */
static void take_answer(struct oracle *oracle, struct oracle_contact *contact, size_t question, bool fails,
                        int64_t now_ms)
{
    struct oracle_enrollment *e = contact->questions.items[question].e;
    close_question(oracle, &contact->questions.items[question], fails ? "failed" : "sent", now_ms);
    e->failed |= fails;
    if (--e->pending > 0)
        return;
    if (oracle->journeys.items[e->journey]->state == ORACLE_HELD)
        e->due_ms = now_ms;
    else
        oracle_move(oracle, contact, e, e->failed ? "failed" : "next", now_ms);
}

void oracle_answer(struct oracle *oracle, struct oracle_contact *contact, int64_t now_ms)
{
    for (size_t i = 0; i < contact->questions.count; i++) { /* answers may ask more */
        const struct oracle_question *question = &contact->questions.items[i];
        const char *destination = asked(oracle, question);
        if (!question->closed && strcmp(destination, "slow") != 0)
            take_answer(oracle, contact, i, strcmp(destination, "broken") == 0, now_ms);
    }
}

void oracle_answer_slow(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *e,
                        bool fails, int64_t now_ms)
{
    for (size_t i = 0; i < contact->questions.count; i++) {
        const struct oracle_question *question = &contact->questions.items[i];
        if (question->e != e || question->closed || strcmp(asked(oracle, question), "slow") != 0)
            continue;
        take_answer(oracle, contact, i, fails, now_ms);
        return;
    }
}
