/* One comparison `field op operands` over a value: the reference of what each operator means. Attributes of
 * contacts, properties of events, judging and (where a column has no faster form) scanning all come here. */
#ifndef RULE_COMPARISON_H
#define RULE_COMPARISON_H
#include "calendar/instant.h"
#include "rule/rule.h"

/* What is true exactly in [from_ms, end_ms): judged at now, and when that will change. Nothing is in an empty
 * span. */
static inline struct verdict span_judge(int64_t from_ms, int64_t end_ms, int64_t now_ms)
{
    if (from_ms >= end_ms || now_ms >= end_ms)
        return (struct verdict){false, INSTANT_NEVER};
    return now_ms < from_ms ? (struct verdict){false, from_ms} : (struct verdict){true, end_ms};
}

/* Whether it holds at `now_ms`, and when time alone will first change that (within_last and within_next
 * only). */
struct verdict comparison_judge(const struct rule_comparison *comparison, const struct value *value,
                                int64_t now_ms);

bool comparison_equal(const struct rule_comparison *a, const struct rule_comparison *b);
/* The copy borrows nothing. */
struct rule_comparison comparison_copy(const struct rule_comparison *comparison, struct arena *arena);
/* The total order in which the operands of `in` and `not_in` are kept, for qsort; 0 = equal to the operator
 * `eq`. */
int comparison_operands_order(const void *a, const void *b);

#endif
