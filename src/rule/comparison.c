#include "rule/comparison.h"

#include "base/check.h"
static struct verdict always(bool holds)
{
    return (struct verdict){holds, INSTANT_NEVER};
}

/* Of two numbers or two instants; a string may stand for an instant where the other is one. */
static bool value_order(const struct value *value, const struct value *operand, int *ret)
{
    if (operand->type == VALUE_NUMBER) {
        if (value->type != VALUE_NUMBER || value->number != value->number) /* NaN has no place in any order */
            return false;
        *ret = (value->number > operand->number) - (value->number < operand->number);
        return true;
    }
    int64_t at_ms;
    if (!value_as_instant(value, &at_ms))
        return false;
    *ret = (at_ms > operand->instant_ms) - (at_ms < operand->instant_ms);
    return true;
}

static bool compares(const struct rule_comparison *c, const struct value *value)
{
    int order, order_most;
    if (!value_order(value, &c->operands[0], &order))
        return false;
    switch (c->op) {
    case RULE_GT:
    case RULE_AFTER: return order > 0;
    case RULE_GTE: return order >= 0;
    case RULE_LT:
    case RULE_BEFORE: return order < 0;
    case RULE_LTE: return order <= 0;
    case RULE_BETWEEN:
        return order >= 0 && value_order(value, &c->operands[1], &order_most) && order_most <= 0;
    default: CHECK(!"an operator without order");
    }
}

static bool contains(const struct value *value, struct str part)
{
    char scratch[32];
    struct str text;
    if (value_as_text(value, scratch, &text))
        return str_contains(text, part);
    if (value->type != VALUE_LIST)
        return false;
    for (uint32_t i = 0; i < value->count; i++)
        if (str_equal(value->list[i], part))
            return true;
    return false;
}

static bool starts_with(const struct value *value, struct str prefix)
{
    char scratch[32];
    struct str text;
    return value_as_text(value, scratch, &text) && str_starts(text, prefix);
}

int comparison_operands_order(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    if (x->type != y->type)
        return (x->type > y->type) - (x->type < y->type);
    switch (x->type) {
    case VALUE_MISSING: return 0;
    case VALUE_STRING: return str_compare(x->string, y->string);
    case VALUE_NUMBER: return (x->number > y->number) - (x->number < y->number);
    case VALUE_BOOL: return x->boolean - y->boolean;
    case VALUE_INSTANT: return (x->instant_ms > y->instant_ms) - (x->instant_ms < y->instant_ms);
    case VALUE_LIST: break;
    }
    CHECK(!"a list among the operands of in");
}

static bool is_among(const struct rule_comparison *c, const struct value *value)
{
    return bsearch(value, c->operands, c->count, sizeof *c->operands, comparison_operands_order);
}

struct verdict comparison_judge(const struct rule_comparison *c, const struct value *value, int64_t now_ms)
{
    int64_t at_ms;
    if (value->type == VALUE_MISSING)
        return always(c->op == RULE_MISSING);
    switch (c->op) {
    case RULE_EXISTS: return always(true);
    case RULE_MISSING: return always(false);
    case RULE_EQ: return always(value_equal(value, &c->operands[0]));
    case RULE_NE: return always(!value_equal(value, &c->operands[0]));
    case RULE_IN: return always(is_among(c, value));
    case RULE_NOT_IN: return always(!is_among(c, value));
    case RULE_CONTAINS: return always(contains(value, c->operands[0].string));
    case RULE_STARTS_WITH: return always(starts_with(value, c->operands[0].string));
    case RULE_GT:
    case RULE_GTE:
    case RULE_LT:
    case RULE_LTE:
    case RULE_BETWEEN:
    case RULE_BEFORE:
    case RULE_AFTER: return always(compares(c, value));
    case RULE_WITHIN_LAST:
        return value_as_instant(value, &at_ms) ? span_judge(at_ms, at_ms + c->span_ms + 1, now_ms)
                                               : always(false);
    case RULE_WITHIN_NEXT:
        return value_as_instant(value, &at_ms) ? span_judge(at_ms - c->span_ms, at_ms + 1, now_ms)
                                               : always(false);
    }
    CHECK(!"an operator outside the table");
}

bool comparison_equal(const struct rule_comparison *a, const struct rule_comparison *b)
{
    if (a->op != b->op || a->count != b->count || a->span_ms != b->span_ms || !str_equal(a->field, b->field))
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!value_equal(&a->operands[i], &b->operands[i]))
            return false;
    return true;
}

struct rule_comparison comparison_copy(const struct rule_comparison *comparison, struct arena *arena)
{
    struct rule_comparison copy = *comparison;
    copy.field = arena_str(arena, comparison->field);
    struct value *operands = arena_take_array(arena, comparison->count, sizeof *operands);
    for (uint32_t i = 0; i < comparison->count; i++)
        operands[i] = value_copy(arena, &comparison->operands[i]);
    copy.operands = operands;
    return copy;
}
