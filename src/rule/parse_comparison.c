#include "base/check.h"
#include "rule/comparison.h"
#include "rule/parser.h"
#include "json/document.h"

/* in and not_in search in their sorted operands, so many are cheap to judge but not to keep in every version.
 */
enum { OPERANDS_MAX = 10000 };

/* What is being parsed, for the messages. */
struct operand_place {
    const struct rule_parser *parser;
    const char *pointer, *key; /* of the object or array it stands in; its key or index there */
    const char *op;            /* the operator's name */
};

static enum err operand_fail(const struct operand_place *place, const json_t *json, const char *wanted)
{
    return parser_fail(place->parser, ERR_INVALID, place->pointer, place->key, "`%s` takes %s, not %s",
                       place->op, wanted, json_type_text(json));
}

static enum err operator_find(const struct rule_parser *parser, const json_t *json, const char *pointer,
                              const char *field_key, enum rule_operator *ret, const char **ret_key)
{
    static const char *const keys[] = {
#define X(name, key) #key,
        RULE_OPERATOR_TABLE(X)
#undef X
    };
    static const char names[] =
        "eq ne in not_in gt gte lt lte between contains starts_with exists missing before after "
        "within_last within_next";
    const char *key, *found = NULL;
    json_t *value;
    json_object_foreach(json_to_iterate(json), key, value)
    {
        if (strcmp(key, field_key) == 0)
            continue;
        size_t op = 0;
        while (op < sizeof keys / sizeof *keys && strcmp(keys[op], key) != 0)
            op++;
        if (op == sizeof keys / sizeof *keys)
            return parser_fail(parser, ERR_INVALID, pointer, key, "unknown operator: one of %s", names);
        if (found)
            return parser_fail(parser, ERR_INVALID, pointer, key,
                               "`%s` and `%s` stand in one object: make them two parts of an all or any",
                               found, key);
        found = keys[op];
        *ret = (enum rule_operator)op;
    }
    if (!found)
        return parser_fail(parser, ERR_INVALID, pointer, NULL, "the operator is missing: one of %s", names);
    *ret_key = found;
    return ERR_OK;
}

/* The operand of eq and ne, and one of in and not_in (where a list makes no sense). */
static enum err operand_any(const struct operand_place *place, const json_t *json, bool may_be_list,
                            struct value *ret)
{
    if (json_is_null(json))
        return parser_fail(place->parser, ERR_INVALID, place->pointer, place->key,
                           "null is no value: to ask whether there is one use exists or missing");
    const char *wanted = may_be_list ? "a string, a number, true, false or an array of strings"
                                     : "strings, numbers, true and false";
    if (json_is_array(json) && !may_be_list)
        return operand_fail(place, json, wanted);
    return document_value(json, place->parser->arena, ret) ? ERR_OK : operand_fail(place, json, wanted);
}

static enum err operand_instant(const struct operand_place *place, const json_t *json, struct value *ret)
{
    int64_t at_ms;
    struct value value;
    if (!json_is_string(json))
        return operand_fail(place, json, "an instant such as \"2026-01-31T10:00:00Z\"");
    if (!document_value(json, place->parser->arena, &value) || !value_as_instant(&value, &at_ms))
        return parser_fail(place->parser, ERR_INVALID, place->pointer, place->key,
                           "\"%.60s\" is no instant: write \"2026-01-31\" or \"2026-01-31T10:00:00Z\"",
                           json_string_value(json));
    *ret = (struct value){.type = VALUE_INSTANT, .instant_ms = at_ms};
    return ERR_OK;
}

static enum err operand_ordered(const struct operand_place *place, const json_t *json, struct value *ret)
{
    if (!json_is_number(json)) {
        if (!json_is_string(json))
            return operand_fail(place, json, "a number or an instant");
        return operand_instant(place, json, ret);
    }
    *ret = (struct value){.type = VALUE_NUMBER, .number = json_number_value(json)};
    return ERR_OK;
}

static enum err operand_text(const struct operand_place *place, const json_t *json, struct value *ret)
{
    if (!json_is_string(json))
        return operand_fail(place, json, "a string");
    struct str text = {json_string_value(json), json_string_length(json)};
    *ret = (struct value){.type = VALUE_STRING, .string = arena_str(place->parser->arena, text)};
    return ERR_OK;
}

static enum err operands_range(const struct operand_place *place, const json_t *json, struct value *ret)
{
    const char *inside = pointer_join(place->parser->arena, place->pointer, place->key);
    if (!json_is_array(json) || json_array_size(json) != 2)
        return operand_fail(place, json, "an array of two, the least and the greatest");
    for (size_t i = 0; i < 2; i++) {
        struct operand_place item = {place->parser, inside, i == 0 ? "0" : "1", place->op};
        enum err err = operand_ordered(&item, json_array_get(json, i), &ret[i]);
        if (err)
            return err;
    }
    if (ret[0].type != ret[1].type)
        return parser_fail(place->parser, ERR_INVALID, place->pointer, place->key,
                           "`between` takes two numbers or two instants, not one of each");
    if (comparison_operands_order(&ret[0], &ret[1]) > 0)
        return parser_fail(place->parser, ERR_INVALID, place->pointer, place->key,
                           "`between` takes the least first: nothing lies between these two");
    return ERR_OK;
}

/* Sorts the values and drops those that are there twice, so that they are found by halving. */
static uint32_t operands_sort(struct value *values, size_t count)
{
    qsort(values, count, sizeof *values, comparison_operands_order);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (comparison_operands_order(&values[kept - 1], &values[i]) != 0)
            values[kept++] = values[i];
    return (uint32_t)kept;
}

static enum err operands_set(const struct operand_place *place, const json_t *json,
                             struct rule_comparison *ret)
{
    if (!json_is_array(json))
        return operand_fail(place, json, "an array of values");
    size_t count = json_array_size(json);
    if (count == 0)
        return parser_fail(place->parser, ERR_INVALID, place->pointer, place->key,
                           "`%s` needs at least one value", place->op);
    if (count > OPERANDS_MAX)
        return parser_fail(place->parser, ERR_LIMIT, place->pointer, place->key,
                           "`%s` has %zu values; at most %d are allowed", place->op, count, OPERANDS_MAX);
    struct value *values = arena_take_array(place->parser->arena, count, sizeof *values);
    const char *inside = pointer_join(place->parser->arena, place->pointer, place->key);
    for (size_t i = 0; i < count; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        struct operand_place item = {place->parser, inside, index, place->op};
        enum err err = operand_any(&item, json_array_get(json, i), false, &values[i]);
        if (err)
            return err;
    }
    ret->operands = values;
    ret->count = operands_sort(values, count);
    return ERR_OK;
}

static enum err operands_parse(const struct operand_place *place, const json_t *json,
                               struct rule_comparison *ret)
{
    struct value *values = arena_take_array(place->parser->arena, 2, sizeof *values);
    ret->operands = values;
    ret->count = 1;
    switch (ret->op) {
    case RULE_EQ:
    case RULE_NE: return operand_any(place, json, true, values);
    case RULE_IN:
    case RULE_NOT_IN: return operands_set(place, json, ret);
    case RULE_GT:
    case RULE_GTE:
    case RULE_LT:
    case RULE_LTE: return operand_ordered(place, json, values);
    case RULE_BETWEEN: ret->count = 2; return operands_range(place, json, values);
    case RULE_CONTAINS:
    case RULE_STARTS_WITH: return operand_text(place, json, values);
    case RULE_BEFORE:
    case RULE_AFTER: return operand_instant(place, json, values);
    case RULE_EXISTS:
    case RULE_MISSING:
        ret->count = 0;
        ret->operands = NULL;
        if (!json_is_boolean(json))
            return operand_fail(place, json, "true or false");
        if (json_is_false(json))
            ret->op = ret->op == RULE_EXISTS ? RULE_MISSING : RULE_EXISTS;
        return ERR_OK;
    case RULE_WITHIN_LAST:
    case RULE_WITHIN_NEXT:
        ret->count = 0;
        ret->operands = NULL;
        return parser_duration(place->parser, json, place->pointer, place->key, &ret->span_ms);
    }
    CHECK(!"an operator outside the table");
}

enum err comparison_parse(struct rule_parser *parser, const json_t *json, const char *pointer,
                          const char *field_key, size_t field_bytes_max, struct rule_comparison *ret)
{
    struct rule_comparison parsed = {0};
    struct operand_place place = {.parser = parser, .pointer = pointer};
    enum err err = parser_name(parser, json_object_get(json, field_key), pointer, field_key, field_bytes_max,
                               &parsed.field);
    if (!err)
        err = operator_find(parser, json, pointer, field_key, &parsed.op, &place.key);
    place.op = place.key;
    if (!err)
        err = operands_parse(&place, json_object_get(json, place.key), &parsed);
    if (!err)
        *ret = parsed;
    return err;
}
