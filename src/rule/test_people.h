/* People for tests: persons as plain JSON (what the oracle reads), and the same put into contacts and past,
 * with names and aggregates given by a binder, as the engine does it. */
#ifndef RULE_TEST_PEOPLE_H
#define RULE_TEST_PEOPLE_H
#include "base/array.h"
#include "rule/rule.h"

struct deed {
    char event[16];
    int64_t at_ms;      /* when it was done, and when it arrived */
    json_t *properties; /* flat; NULL = {} */
};

struct person {
    json_t *attributes;
    ARRAY(struct deed) deeds;
};

struct test_aggregate {
    uint16_t event, ring;
    const struct where *where;
};

struct test_people {
    struct arena arena;
    struct names *names;
    struct contacts *contacts;
    struct past *past;
    struct json_reader *reader;
    struct rule_binder binder;
    ARRAY(struct test_aggregate) aggregates;
    ARRAY(struct person) persons; /* by contact */
    uint16_t names_left;          /* the binder gives as many new ones; UINT16_MAX at first */
    uint16_t aggregates_left;
};

void test_people_init(struct test_people *people);
void test_people_deinit(struct test_people *people);
/* Parsed and compiled; fails the test where either is refused. Before the first person is added: an aggregate
 * counts what comes after it is registered. */
const struct rule_program *test_people_compile(struct test_people *people, const json_t *rule);
/* Takes the person over, with all that it did. */
struct contact_id test_people_add(struct test_people *people, struct person person);
struct rule_people test_people_view(const struct test_people *people);

#endif
