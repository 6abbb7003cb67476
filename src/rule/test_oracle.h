/* What a rule means, written a second time from spec/definition.md §3 alone: straight over the JSON of a rule
 * and of a person, nothing compiled, every event counted anew. */
#ifndef RULE_TEST_ORACLE_H
#define RULE_TEST_ORACLE_H
#include "rule/test_people.h"

bool oracle_holds(json_t *rule, const struct person *person, int64_t now_ms);

#endif
