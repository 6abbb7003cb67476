/* Conditions on the properties of one event. */
#include "base/check.h"
#include "rule/comparison.h"

bool where_matches(const struct where *where, const struct properties *properties, int64_t now_ms)
{
    if (!where)
        return true;
    switch (where->kind) {
    case RULE_COMPARE: {
        struct value value = properties_find(properties, where->compare.field);
        return comparison_judge(&where->compare, &value, now_ms).holds;
    }
    case RULE_NOT: return !where_matches(where->parts[0], properties, now_ms);
    case RULE_ALL:
    case RULE_ANY:
        for (uint32_t i = 0; i < where->count; i++)
            if (where_matches(where->parts[i], properties, now_ms) == (where->kind == RULE_ANY))
                return where->kind == RULE_ANY;
        return where->kind == RULE_ALL;
    case RULE_DID: break;
    }
    CHECK(!"a did inside where");
}

bool where_equal(const struct where *a, const struct where *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind)
        return false;
    if (a->kind == RULE_COMPARE)
        return comparison_equal(&a->compare, &b->compare);
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!where_equal(a->parts[i], b->parts[i]))
            return false;
    return true;
}
