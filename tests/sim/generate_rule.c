/* Rules and values. Attributes and properties have a type of their own most of the time: s a string, n a
 * number, b a boolean, i an instant, l a list of strings. */
#include "calendar/instant.h"
#include "generate.h"
#include "scenario.h"

static const char *const fields[] = {"s", "n", "b", "i", "l"};
static const char *const texts[] = {"a", "ab", "b"};

static bool twist(struct generator *g)
{
    return prng_chance(&g->prng, g->twists);
}

static int64_t below(struct generator *g, int64_t bound)
{
    return (int64_t)prng_below(&g->prng, (uint64_t)bound);
}

const char *generate_event(struct generator *g)
{
    static const char *const events[] = {"A", "B", "C", "D"};
    return events[below(g, 4)];
}

const char *generate_attribute(struct generator *g)
{
    return fields[below(g, 5)];
}

json_t *generate_duration(struct generator *g)
{
    static const int counts[] = {1, 1, 1, 2, 2, 3, 4, 8};
    char text[32];
    duration_print(g->grid_ms * counts[below(g, 8)], text);
    return json_string(text);
}

static json_t *generate_text(struct generator *g)
{
    return json_string(texts[below(g, 3)]);
}

static json_t *generate_number(struct generator *g)
{
    return twist(g) ? json_real((double)below(g, 8) / 2) : json_integer(below(g, 4));
}

static json_t *generate_truth(struct generator *g)
{
    return json_boolean(below(g, 2));
}

/* On the grid, around the time in which a scenario plays. */
static json_t *generate_instant(struct generator *g)
{
    return scenario_instant(SCENARIO_START_MS + g->grid_ms * (below(g, 80) - 10));
}

static json_t *generate_list(struct generator *g)
{
    json_t *list = json_array();
    int64_t count = below(g, 3);
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

json_t *generate_attribute_value(struct generator *g, char attribute)
{
    if (twist(g))
        attribute = "snbil"[below(g, 5)];
    switch (attribute) {
    case 's': return generate_text(g);
    case 'n': return generate_number(g);
    case 'b': return generate_truth(g);
    case 'i': return generate_instant(g);
    default: return generate_list(g);
    }
}

json_t *generate_properties(struct generator *g)
{
    json_t *properties = json_object();
    for (size_t i = 0; i < 5; i++)
        if (prng_chance(&g->prng, 30))
            json_object_set_new(properties, fields[i], generate_attribute_value(g, fields[i][0]));
    return properties;
}

/* ── comparisons ──────────────────────────────────────────────────────────── */

/* C leaves open which argument of a call is evaluated first, so chance is asked for once in each statement:
 * the same seed is to give the same scenario under every compiler. */
static const char *either(struct generator *g, const char *a, const char *b)
{
    return below(g, 2) ? a : b;
}

static json_t *generate_set(struct generator *g, json_t *one(struct generator *))
{
    json_t *set = json_pack("[o]", one(g));
    if (prng_chance(&g->prng, 60))
        json_array_append_new(set, one(g));
    return set;
}

static void compare_equal(struct generator *g, json_t *rule, json_t *one(struct generator *))
{
    static const char *const ops[] = {"eq", "ne", "in", "not_in"};
    int64_t op = below(g, 4);
    json_object_set_new(rule, ops[op], op < 2 ? one(g) : generate_set(g, one));
}

static void compare_order(struct generator *g, json_t *rule, json_t *one(struct generator *))
{
    static const char *const ops[] = {"gt", "gte", "lt", "lte"};
    const char *op = ops[below(g, 4)];
    json_object_set_new(rule, op, one(g));
}

static void compare_text(struct generator *g, json_t *rule)
{
    if (prng_chance(&g->prng, 60)) {
        compare_equal(g, rule, generate_text);
        return;
    }
    const char *op = either(g, "contains", "starts_with");
    json_object_set_new(rule, op, generate_text(g));
}

static void compare_number(struct generator *g, json_t *rule)
{
    if (prng_chance(&g->prng, 30)) {
        compare_equal(g, rule, generate_number);
    } else if (prng_chance(&g->prng, 30)) {
        int64_t from = below(g, 3), to = from + below(g, 3);
        json_object_set_new(rule, "between", json_pack("[I, I]", (json_int_t)from, (json_int_t)to));
    } else {
        compare_order(g, rule, generate_number);
    }
}

/* What time alone changes is only asked of attributes. */
static void compare_instant(struct generator *g, json_t *rule, bool is_attribute)
{
    int64_t kind = below(g, is_attribute ? 6 : 3);
    if (kind == 0) {
        compare_equal(g, rule, generate_instant);
    } else if (kind == 1) {
        compare_order(g, rule, generate_instant);
    } else if (kind == 2) {
        const char *op = either(g, "before", "after");
        json_object_set_new(rule, op, generate_instant(g));
    } else {
        const char *op = either(g, "within_last", "within_next");
        json_object_set_new(rule, op, generate_duration(g));
    }
}

static json_t *generate_comparison(struct generator *g, const char *field_key, const char *field)
{
    json_t *rule = json_pack("{s:s}", field_key, field);
    char type = twist(g) ? "snbil"[below(g, 5)] : field[0];
    if (prng_chance(&g->prng, 10)) {
        const char *op = either(g, "exists", "missing");
        json_object_set_new(rule, op, json_boolean(below(g, 3)));
        return rule;
    }
    switch (type) {
    case 's': compare_text(g, rule); break;
    case 'n': compare_number(g, rule); break;
    case 'b': compare_equal(g, rule, generate_truth); break;
    case 'i': compare_instant(g, rule, field_key[0] == 'a'); break;
    default: json_object_set_new(rule, "contains", generate_text(g)); break;
    }
    return rule;
}

/* ── rules ────────────────────────────────────────────────────────────────── */

static json_t *generate_where(struct generator *g, int depth)
{
    if (depth > 0 && prng_chance(&g->prng, 25)) {
        if (below(g, 3) == 0)
            return json_pack("{s:o}", "not", generate_where(g, depth - 1));
        const char *join = either(g, "all", "any");
        json_t *first = generate_where(g, depth - 1);
        return json_pack("{s:[o, o]}", join, first, generate_where(g, depth - 1));
    }
    return generate_comparison(g, "property", generate_attribute(g));
}

json_t *generate_event_rule(struct generator *g)
{
    json_t *rule = json_pack("{s:s}", "event", generate_event(g));
    if (prng_chance(&g->prng, 30))
        json_object_set_new(rule, "where", generate_where(g, 2));
    if (prng_chance(&g->prng, 35))
        json_object_set_new(rule, "at_least", json_integer(1 + below(g, 3)));
    if (prng_chance(&g->prng, 35))
        json_object_set_new(rule, "within", generate_duration(g));
    return rule;
}

static json_t *generate_did(struct generator *g)
{
    static const char *const quantities[] = {"at_least", "at_most", "exactly"};
    const char *key = either(g, "did", "did_not");
    json_t *rule = json_pack("{s:s}", key, generate_event(g));
    if (prng_chance(&g->prng, 30))
        json_object_set_new(rule, "where", generate_where(g, 1));
    if (prng_chance(&g->prng, 40)) {
        int64_t quantity = below(g, 3), least = quantity == 0 ? 1 : 0;
        json_object_set_new(rule, quantities[quantity], json_integer(least + below(g, 3)));
    }
    if (prng_chance(&g->prng, 50))
        json_object_set_new(rule, "within", generate_duration(g));
    return rule;
}

json_t *generate_contact_rule(struct generator *g, int depth)
{
    if (depth > 0 && prng_chance(&g->prng, 30)) {
        if (below(g, 3) == 0)
            return json_pack("{s:o}", "not", generate_contact_rule(g, depth - 1));
        const char *join = either(g, "all", "any");
        json_t *first = generate_contact_rule(g, depth - 1);
        return json_pack("{s:[o, o]}", join, first, generate_contact_rule(g, depth - 1));
    }
    return below(g, 2) ? generate_did(g) : generate_comparison(g, "attribute", generate_attribute(g));
}
