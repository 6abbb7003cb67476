/* Rules, read from their JSON every time they are asked, over the whole list of what the contact did. */
#include "oracle_state.h"

static struct str text_of(const json_t *json)
{
    CHECK(json_is_string(json));
    return (struct str){json_string_value(json), json_string_length(json)};
}

/* ── one comparison ───────────────────────────────────────────────────────── */

static bool same(const json_t *value, const json_t *operand)
{
    int64_t a, b;
    if (json_is_number(value) && json_is_number(operand))
        return json_number_value(value) == json_number_value(operand);
    if (json_is_boolean(value) && json_is_boolean(operand))
        return json_is_true(value) == json_is_true(operand);
    if (json_is_array(value) && json_is_array(operand))
        return json_equal(value, operand);
    if (!json_is_string(value) || !json_is_string(operand))
        return false;
    if ((oracle_is_canonical_instant(value) || oracle_is_canonical_instant(operand)) &&
        oracle_is_instant(value, &a) && oracle_is_instant(operand, &b))
        return a == b;
    return str_equal(text_of(value), text_of(operand));
}

bool oracle_value_in(const json_t *value, const json_t *operands)
{
    for (size_t i = 0; i < json_array_size(operands); i++)
        if (same(value, json_array_get(operands, i)))
            return true;
    return false;
}

/* Numbers with numbers, instants with instants: false where they cannot be compared. */
static bool compare(const json_t *value, const json_t *operand, int *ret)
{
    int64_t a, b;
    if (json_is_number(value) && json_is_number(operand)) {
        double x = json_number_value(value), y = json_number_value(operand);
        *ret = (x > y) - (x < y);
        return true;
    }
    if (oracle_is_instant(value, &a) && oracle_is_instant(operand, &b)) {
        *ret = (a > b) - (a < b);
        return true;
    }
    return false;
}

static bool contains(const json_t *value, const json_t *operand)
{
    if (json_is_string(value))
        return str_contains(text_of(value), text_of(operand));
    return json_is_array(value) && oracle_value_in(operand, value);
}

/* {"…": field, operator: operand}; the value is that of the field, NULL = missing. */
static bool comparison_holds(json_t *rule, const char *field_key, const json_t *value, int64_t now_ms)
{
    const char *op;
    json_t *x;
    int order = 0;
    int64_t ms;
    json_object_foreach(rule, op, x)
    {
        if (strcmp(op, field_key) == 0 || strcmp(op, "name") == 0)
            continue; /* a goal's rule may stand beside its name */
        if (strcmp(op, "missing") == 0)
            return (value == NULL) == json_is_true(x);
        if (strcmp(op, "exists") == 0)
            return (value != NULL) == json_is_true(x);
        if (value == NULL)
            return false;
        if (strcmp(op, "eq") == 0)
            return same(value, x);
        if (strcmp(op, "ne") == 0)
            return !same(value, x);
        if (strcmp(op, "in") == 0)
            return oracle_value_in(value, x);
        if (strcmp(op, "not_in") == 0)
            return !oracle_value_in(value, x);
        if (strcmp(op, "gt") == 0)
            return compare(value, x, &order) && order > 0;
        if (strcmp(op, "gte") == 0)
            return compare(value, x, &order) && order >= 0;
        if (strcmp(op, "lt") == 0)
            return compare(value, x, &order) && order < 0;
        if (strcmp(op, "lte") == 0)
            return compare(value, x, &order) && order <= 0;
        if (strcmp(op, "between") == 0)
            return compare(value, json_array_get(x, 0), &order) && order >= 0 &&
                   compare(value, json_array_get(x, 1), &order) && order <= 0;
        if (strcmp(op, "contains") == 0)
            return contains(value, x);
        if (strcmp(op, "starts_with") == 0)
            return json_is_string(value) && str_starts(text_of(value), text_of(x));
        if (strcmp(op, "before") == 0)
            return oracle_is_instant(value, &ms) && ms < oracle_instant(x);
        if (strcmp(op, "after") == 0)
            return oracle_is_instant(value, &ms) && ms > oracle_instant(x);
        if (strcmp(op, "within_last") == 0)
            return oracle_is_instant(value, &ms) && now_ms - oracle_duration(x) <= ms && ms <= now_ms;
        CHECK(strcmp(op, "within_next") == 0);
        return oracle_is_instant(value, &ms) && now_ms <= ms && ms <= now_ms + oracle_duration(x);
    }
    CHECK(!"a comparison has an operator");
    return false;
}

/* ── events ───────────────────────────────────────────────────────────────── */

static bool where_holds(json_t *where, const struct oracle_event *event)
{
    size_t i;
    json_t *part, *parts;
    if ((parts = json_object_get(where, "all"))) {
        json_array_foreach(parts, i, part)
        {
            if (!where_holds(part, event))
                return false;
        }
        return true;
    }
    if ((parts = json_object_get(where, "any"))) {
        json_array_foreach(parts, i, part)
        {
            if (where_holds(part, event))
                return true;
        }
        return false;
    }
    if ((part = json_object_get(where, "not")))
        return !where_holds(part, event);
    const json_t *value =
        json_object_get(event->properties, json_string_value(json_object_get(where, "property")));
    return comparison_holds(where, "property", json_is_null(value) ? NULL : value, event->arrived_ms);
}

static bool event_is(const char *name, json_t *where, const struct oracle_event *event)
{
    return strcmp(event->name, name) == 0 && (where == NULL || where_holds(where, event));
}

bool oracle_event_fits(json_t *event_rule, const struct oracle_event *event)
{
    return event_is(json_string_value(json_object_get(event_rule, "event")),
                    json_object_get(event_rule, "where"), event);
}

bool oracle_event_rule_met(json_t *event_rule, const struct oracle_contact *contact,
                           const struct oracle_event *event, int64_t now_ms, uint64_t order, int64_t from_ms)
{
    const json_t *within = json_object_get(event_rule, "within"),
                 *at_least = json_object_get(event_rule, "at_least");
    json_int_t count = 0;
    bool counts_itself = false;
    array_each (&contact->events, i) {
        const struct oracle_event *e = &contact->events.items[i];
        if (e->order <= order || e->own_ms < from_ms || !oracle_event_fits(event_rule, e) ||
            (within && e->own_ms < now_ms - oracle_duration(within)))
            continue;
        count++;
        counts_itself |= e->order == event->order;
    }
    return counts_itself && count >= (at_least ? json_integer_value(at_least) : 1);
}

/* ── contact rules ────────────────────────────────────────────────────────── */

static bool did_holds(json_t *rule, const char *name, const struct oracle_contact *contact, int64_t now_ms)
{
    const json_t *within = json_object_get(rule, "within"), *n;
    int64_t first_ms = within ? now_ms - oracle_duration(within) : INT64_MIN;
    json_int_t count = 0;
    array_each (&contact->events, i) {
        const struct oracle_event *e = &contact->events.items[i];
        if (event_is(name, json_object_get(rule, "where"), e) && first_ms <= e->own_ms)
            count++;
    }
    if ((n = json_object_get(rule, "exactly")))
        return count == json_integer_value(n);
    if ((n = json_object_get(rule, "at_most")))
        return count <= json_integer_value(n);
    n = json_object_get(rule, "at_least");
    return count >= (n ? json_integer_value(n) : 1);
}

bool oracle_rule_holds(json_t *rule, const struct oracle_contact *contact, int64_t now_ms)
{
    size_t i;
    json_t *part, *parts;
    if ((parts = json_object_get(rule, "all"))) {
        json_array_foreach(parts, i, part)
        {
            if (!oracle_rule_holds(part, contact, now_ms))
                return false;
        }
        return true;
    }
    if ((parts = json_object_get(rule, "any"))) {
        json_array_foreach(parts, i, part)
        {
            if (oracle_rule_holds(part, contact, now_ms))
                return true;
        }
        return false;
    }
    if ((part = json_object_get(rule, "not")))
        return !oracle_rule_holds(part, contact, now_ms);
    if ((part = json_object_get(rule, "did")))
        return did_holds(rule, json_string_value(part), contact, now_ms);
    if ((part = json_object_get(rule, "did_not")))
        return !did_holds(rule, json_string_value(part), contact, now_ms);
    const char *attribute = json_string_value(json_object_get(rule, "attribute"));
    return comparison_holds(rule, "attribute", json_object_get(contact->attributes, attribute), now_ms);
}

/* ── what a rule rests on ─────────────────────────────────────────────────── */

/* Calls `on` for every part of the rule that is not itself made of parts. */
typedef void on_leaf(void *context, json_t *leaf);

static void each_leaf(json_t *rule, on_leaf *on, void *context)
{
    size_t i;
    json_t *part, *parts = json_object_get(rule, "all");
    if (parts == NULL)
        parts = json_object_get(rule, "any");
    if (parts) {
        json_array_foreach(parts, i, part)
        {
            each_leaf(part, on, context);
        }
    } else if ((part = json_object_get(rule, "not"))) {
        each_leaf(part, on, context);
    } else {
        on(context, rule);
    }
}

static const char *leaf_event(json_t *leaf)
{
    json_t *name = json_object_get(leaf, "did");
    return json_string_value(name ? name : json_object_get(leaf, "did_not"));
}

struct asking {
    const struct oracle_change *change;
    bool yes;
};

static void leaf_asks(void *context, json_t *leaf)
{
    struct asking *asking = context;
    const char *event = leaf_event(leaf);
    if (event)
        asking->yes |= asking->change->event && strcmp(asking->change->event->name, event) == 0;
    else
        asking->yes |= json_object_get(asking->change->attributes,
                                       json_string_value(json_object_get(leaf, "attribute"))) != NULL;
}

bool oracle_rule_asks(json_t *rule, const struct oracle_change *change)
{
    if (change->event == NULL && change->attributes == NULL)
        return true; /* time itself */
    struct asking asking = {change, false};
    each_leaf(rule, leaf_asks, &asking);
    return asking.yes;
}

struct flipping {
    const struct oracle_contact *contact;
    int64_t after_ms, first_ms;
};

static void may_flip(struct flipping *flipping, int64_t at_ms)
{
    if (at_ms > flipping->after_ms && at_ms < flipping->first_ms)
        flipping->first_ms = at_ms;
}

/* What a window includes it loses one millisecond after its end. */
static void leaf_flips(void *context, json_t *leaf)
{
    struct flipping *flipping = context;
    const char *event = leaf_event(leaf);
    int64_t value_ms;
    if (event) {
        const json_t *within = json_object_get(leaf, "within");
        array_each (&flipping->contact->events, i) {
            const struct oracle_event *e = &flipping->contact->events.items[i];
            if (within && strcmp(e->name, event) == 0)
                may_flip(flipping, e->own_ms + oracle_duration(within) + 1);
        }
        return;
    }
    const json_t *last = json_object_get(leaf, "within_last"), *next = json_object_get(leaf, "within_next");
    const char *attribute = json_string_value(json_object_get(leaf, "attribute"));
    if ((last || next) &&
        oracle_is_instant(json_object_get(flipping->contact->attributes, attribute), &value_ms)) {
        may_flip(flipping, last ? value_ms : value_ms - oracle_duration(next));
        may_flip(flipping, last ? value_ms + oracle_duration(last) + 1 : value_ms + 1);
    }
}

int64_t oracle_rule_flips(json_t *rule, const struct oracle_contact *contact, int64_t after_ms)
{
    struct flipping flipping = {contact, after_ms, ORACLE_NEVER};
    each_leaf(rule, leaf_flips, &flipping);
    return flipping.first_ms;
}
