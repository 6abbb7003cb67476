#include "rule/test_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "calendar/instant.h"

static struct str text_of(const json_t *json)
{
    return (struct str){json_string_value(json), json_string_length(json)};
}

static bool is_instant(const json_t *json, int64_t *ret_ms)
{
    return json_is_string(json) && instant_parse(text_of(json), ret_ms);
}

/* A string in the canonical form is an instant; in any other it is text that may be read as one. */
static bool is_canonical_instant(const json_t *json, int64_t *ret_ms)
{
    char printed[32];
    if (!is_instant(json, ret_ms))
        return false;
    for (int millis = 0; millis <= 1; millis++) {
        int size = instant_print(*ret_ms, millis, printed);
        if (str_equal(text_of(json), (struct str){printed, (size_t)size}))
            return true;
    }
    return false;
}

static bool is_same(const json_t *a, const json_t *b)
{
    int64_t a_ms, b_ms;
    if (is_canonical_instant(a, &a_ms) && is_canonical_instant(b, &b_ms))
        return a_ms == b_ms;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool is_in(const json_t *value, const json_t *set)
{
    size_t i;
    json_t *item;
    json_array_foreach(set, i, item) if (is_same(value, item)) return true;
    return false;
}

/* -1, 0, 1; 2 where the two have no order. */
static int order(const json_t *a, const json_t *b)
{
    int64_t a_ms, b_ms;
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        return x < y ? -1 : x > y ? 1 : 0;
    }
    if (!is_instant(a, &a_ms) || !is_instant(b, &b_ms))
        return 2;
    return a_ms < b_ms ? -1 : a_ms > b_ms ? 1 : 0;
}

static bool contains(const json_t *value, const json_t *part)
{
    size_t i;
    json_t *item;
    if (json_is_string(value))
        return strstr(json_string_value(value), json_string_value(part));
    json_array_foreach(value, i, item) if (json_equal(item, part)) return true;
    return false;
}

static bool is_between(const json_t *value, int64_t from_ms, int64_t to_ms)
{
    int64_t at_ms;
    return is_instant(value, &at_ms) && from_ms <= at_ms && at_ms <= to_ms;
}

static int64_t span_ms(const json_t *json)
{
    int64_t ms = 0;
    assert_true(json_is_string(json) && duration_parse(text_of(json), &ms));
    return ms;
}

static bool compares(const char *op, const json_t *value, const json_t *operand, int64_t now_ms)
{
    bool there = value && !json_is_null(value);
    if (strcmp(op, "exists") == 0 || strcmp(op, "missing") == 0)
        return (op[0] == 'e') == (there == json_is_true(operand));
    if (!there)
        return false;
    if (strcmp(op, "eq") == 0)
        return is_same(value, operand);
    if (strcmp(op, "ne") == 0)
        return !is_same(value, operand);
    if (strcmp(op, "in") == 0)
        return is_in(value, operand);
    if (strcmp(op, "not_in") == 0)
        return !is_in(value, operand);
    if (strcmp(op, "gt") == 0 || strcmp(op, "after") == 0)
        return order(value, operand) == 1;
    if (strcmp(op, "lt") == 0 || strcmp(op, "before") == 0)
        return order(value, operand) == -1;
    if (strcmp(op, "gte") == 0)
        return order(value, operand) == 0 || order(value, operand) == 1;
    if (strcmp(op, "lte") == 0)
        return order(value, operand) == 0 || order(value, operand) == -1;
    if (strcmp(op, "between") == 0)
        return compares("gte", value, json_array_get(operand, 0), now_ms) &&
               compares("lte", value, json_array_get(operand, 1), now_ms);
    if (strcmp(op, "contains") == 0)
        return contains(value, operand);
    if (strcmp(op, "starts_with") == 0)
        return json_is_string(value) && strncmp(json_string_value(value), json_string_value(operand),
                                                json_string_length(operand)) == 0;
    if (strcmp(op, "within_last") == 0)
        return is_between(value, now_ms - span_ms(operand), now_ms);
    assert_string_equal(op, "within_next");
    return is_between(value, now_ms, now_ms + span_ms(operand));
}

/* The object's one key besides the field's. */
static bool comparison_holds(json_t *json, const char *field_key, json_t *fields, int64_t now_ms)
{
    const char *key;
    json_t *operand;
    json_object_foreach(json, key, operand) if (strcmp(key, field_key) != 0) return compares(
        key, json_object_get(fields, json_string_value(json_object_get(json, field_key))), operand, now_ms);
    fail();
    return false;
}

static bool where_holds(json_t *where, json_t *properties, int64_t now_ms)
{
    size_t i;
    json_t *part;
    if (json_object_get(where, "property"))
        return comparison_holds(where, "property", properties, now_ms);
    if (json_object_get(where, "not"))
        return !where_holds(json_object_get(where, "not"), properties, now_ms);
    json_array_foreach(json_object_get(where, "all"), i,
                       part) if (!where_holds(part, properties, now_ms)) return false;
    json_array_foreach(json_object_get(where, "any"), i,
                       part) if (where_holds(part, properties, now_ms)) return true;
    return json_object_get(where, "all");
}

static bool did_holds(json_t *rule, const char *key, const struct person *person, int64_t now_ms)
{
    const char *event = json_string_value(json_object_get(rule, key));
    json_t *where = json_object_get(rule, "where"), *within = json_object_get(rule, "within");
    json_int_t count = 0;
    array_each (&person->deeds, i) {
        const struct deed *deed = &person->deeds.items[i];
        bool counts = strcmp(deed->event, event) == 0 && deed->at_ms <= now_ms &&
                      (!within || deed->at_ms >= now_ms - span_ms(within)) &&
                      (!where || where_holds(where, deed->properties, deed->at_ms));
        count += counts;
    }
    if (json_object_get(rule, "at_most"))
        return count <= json_integer_value(json_object_get(rule, "at_most"));
    if (json_object_get(rule, "exactly"))
        return count == json_integer_value(json_object_get(rule, "exactly"));
    json_t *least = json_object_get(rule, "at_least");
    return count >= (least ? json_integer_value(least) : 1);
}

bool oracle_holds(json_t *rule, const struct person *person, int64_t now_ms)
{
    size_t i;
    json_t *part;
    if (json_object_get(rule, "attribute"))
        return comparison_holds(rule, "attribute", person->attributes, now_ms);
    if (json_object_get(rule, "did"))
        return did_holds(rule, "did", person, now_ms);
    if (json_object_get(rule, "did_not"))
        return !did_holds(rule, "did_not", person, now_ms);
    if (json_object_get(rule, "not"))
        return !oracle_holds(json_object_get(rule, "not"), person, now_ms);
    json_array_foreach(json_object_get(rule, "all"), i,
                       part) if (!oracle_holds(part, person, now_ms)) return false;
    json_array_foreach(json_object_get(rule, "any"), i,
                       part) if (oracle_holds(part, person, now_ms)) return true;
    return json_object_get(rule, "all");
}
