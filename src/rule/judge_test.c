#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "calendar/instant.h"
#include "rule/test_oracle.h"

static const char *cases_path;

static int64_t instant_of(const char *text)
{
    int64_t ms;
    if (!instant_parse(str_from(text), &ms))
        fail_msg("%s is no instant", text);
    return ms;
}

static struct person person_of(const char *text)
{
    struct person person = {0};
    json_t *json = json_loads(text, 0, NULL), *event;
    size_t i;
    if (!json)
        fail_msg("no JSON: %s", text);
    person.attributes = json_incref(json_object_get(json, "attributes"));
    json_array_foreach(json_object_get(json, "events"), i, event)
    {
        struct deed *deed = array_push(&person.deeds);
        json_t *properties = json_object_get(event, "properties");
        deed->properties = properties ? json_incref(properties) : json_object();
        snprintf(deed->event, sizeof deed->event, "%s", json_string_value(json_object_get(event, "event")));
        deed->at_ms = instant_of(json_string_value(json_object_get(event, "at")));
    }
    json_decref(json);
    return person;
}

/* One rule about one person, in a world of its own, judged and scanned. */
static void expect_case(int line, const char *person_text, int64_t now_ms, const char *rule_text,
                        const char *expected)
{
    struct test_people people;
    test_people_init(&people);
    json_t *json = json_loads(rule_text, 0, NULL);
    if (!json)
        fail_msg("line %d is no JSON", line);
    const struct rule_program *program = test_people_compile(&people, json);
    struct contact_id contact = test_people_add(&people, person_of(person_text));
    struct rule_people view = test_people_view(&people);
    struct verdict verdict = rule_judge(program, &view, contact, now_ms);
    uint64_t bits = UINT64_MAX;
    rule_scan(program, &view, 0, 1, now_ms, &bits);
    char changes[32] = "never", got[64];
    if (verdict.changes_ms != INSTANT_NEVER)
        instant_print(verdict.changes_ms, false, changes);
    snprintf(got, sizeof got, "%s %s", verdict.holds ? "true" : "false", changes);
    if (strcmp(got, expected) != 0)
        fail_msg("line %d: %s, not %s", line, got, expected);
    if (bits != verdict.holds)
        fail_msg("line %d: the scan gave %llx", line, (unsigned long long)bits);
    if (oracle_holds(json, &people.persons.items[0], now_ms) != verdict.holds)
        fail_msg("line %d: the oracle says otherwise", line);
    json_decref(json);
    test_people_deinit(&people);
}

static void every_case_of_the_table_is_judged_as_it_says(void **state)
{
    (void)state;
    FILE *file = fopen(cases_path, "r");
    assert_non_null(file);
    char *text = NULL, *person = NULL;
    size_t capacity = 0;
    int line = 0, cases = 0;
    int64_t now_ms = 0;
    while (getline(&text, &capacity, file) > 0) {
        line++;
        text[strcspn(text, "\n")] = '\0';
        char *arrow = strstr(text, " => ");
        if (text[0] == '\0' || text[0] == '#')
            continue;
        if (strncmp(text, "contact ", 8) == 0) {
            free(person);
            person = strdup(text + 8);
        } else if (strncmp(text, "now ", 4) == 0) {
            now_ms = instant_of(text + 4);
        } else if (arrow && person) {
            *arrow = '\0';
            expect_case(line, person, now_ms, text, arrow + 4);
            cases++;
        } else {
            fail_msg("line %d is neither contact, now nor a case", line);
        }
    }
    free(person);
    free(text);
    fclose(file);
    assert_true(cases > 100);
}

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static enum err compiled(struct test_people *people, const char *text, struct err_detail *detail)
{
    const struct rule *rule = NULL;
    const struct rule_program *program = NULL;
    json_t *json = json_of(text);
    assert_int_equal(rule_parse(json, "", &people->arena, &rule, detail), ERR_OK);
    json_decref(json);
    enum err err = rule_compile(rule, &people->binder, &people->arena, &program, detail);
    assert_int_equal(err == ERR_OK, program != NULL);
    return err;
}

static void used_up_names_and_aggregates_are_an_error_that_names_them(void **state)
{
    (void)state;
    struct test_people people;
    struct err_detail detail = {0};
    test_people_init(&people);
    people.names_left = 1;
    people.aggregates_left = 1;
    assert_int_equal(compiled(&people, "{\"did\":\"A\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"not\":{\"did\":\"B\"}}", &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "2000 event names are used up"));
    assert_non_null(strstr(detail.text, "`B`"));
    assert_int_equal(compiled(&people, "{\"attribute\":\"b\",\"missing\":true}", &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "512 attribute names are used up"));
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_least\":5,\"within\":\"1d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_most\":4,\"within\":\"7d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_most\":5,\"within\":\"7d\"}", &detail),
                     ERR_LIMIT);
    assert_non_null(strstr(detail.text, "aggregates are used up"));
    test_people_deinit(&people);
}

static void counts_and_last_times_need_no_aggregate(void **state)
{
    (void)state;
    struct test_people people;
    struct err_detail detail = {0};
    test_people_init(&people);
    people.aggregates_left = 0;
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_least\":500}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"exactly\":3}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"within\":\"1d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did_not\":\"A\",\"within\":\"1d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_most\":0,\"within\":\"1d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_most\":1,\"within\":\"1d\"}", &detail),
                     ERR_LIMIT);
    test_people_deinit(&people);
}

static void rings_are_as_long_as_the_question_needs(void **state)
{
    (void)state;
    struct test_people people;
    struct err_detail detail = {0};
    test_people_init(&people);
    assert_int_equal(compiled(&people, "{\"did\":\"A\",\"at_least\":5,\"within\":\"1d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"B\",\"exactly\":5,\"within\":\"1d\"}", &detail), ERR_OK);
    assert_int_equal(compiled(&people, "{\"did\":\"C\",\"where\":{\"property\":\"x\",\"gt\":0}}", &detail),
                     ERR_OK);
    assert_int_equal(people.aggregates.count, 3);
    assert_int_equal(people.aggregates.items[0].ring, 5);
    assert_int_equal(people.aggregates.items[1].ring, 6);
    assert_int_equal(people.aggregates.items[2].ring, 0); /* the count alone answers */
    test_people_deinit(&people);
}

static void a_ring_over_the_limit_is_refused_also_in_rules_that_were_not_parsed(void **state)
{
    (void)state;
    struct test_people people;
    struct err_detail detail = {0};
    test_people_init(&people);
    struct rule rule = {.kind = RULE_DID,
                        .did = {.event = STR("A"), .at_least = PAST_RING_MAX, .within_ms = DAY_MS},
                        .quantity = RULE_EXACTLY};
    const struct rule_program *program = NULL;
    assert_int_equal(rule_compile(&rule, &people.binder, &people.arena, &program, &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "the limit is 1000"));
    rule.quantity = RULE_AT_LEAST;
    assert_int_equal(rule_compile(&rule, &people.binder, &people.arena, &program, &detail), ERR_OK);
    test_people_deinit(&people);
}

static void a_program_knows_what_it_depends_on(void **state)
{
    (void)state;
    struct test_people people;
    test_people_init(&people);
    json_t *json =
        json_of("{\"any\":[{\"did\":\"A\"},{\"attribute\":\"x\",\"eq\":1},{\"not\":{\"did\":\"B\"}},"
                "{\"all\":[{\"attribute\":\"y\",\"eq\":1},{\"attribute\":\"x\",\"missing\":true},"
                "{\"did\":\"A\",\"where\":{\"property\":\"until\",\"within_last\":\"1d\"}}]}]}");
    const struct rule_needs *needs = rule_needs(test_people_compile(&people, json));
    assert_int_equal(needs->event_count, 2);
    assert_int_equal(needs->attribute_count, 2);
    assert_true(needs->events[0] == 1 && needs->events[1] == 2);
    assert_true(needs->attributes[0] == 1 && needs->attributes[1] == 2);
    assert_false(needs->time); /* a condition on an event is judged once, when it arrives */
    json_decref(json);
    const char *timed[] = {"{\"did\":\"A\",\"within\":\"1d\"}",
                           "{\"attribute\":\"x\",\"within_last\":\"1d\"}",
                           "{\"not\":{\"attribute\":\"x\",\"within_next\":\"1d\"}}"};
    for (size_t i = 0; i < 3; i++) {
        json = json_of(timed[i]);
        assert_true(rule_needs(test_people_compile(&people, json))->time);
        json_decref(json);
    }
    test_people_deinit(&people);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_table_is_judged_as_it_says),
        cmocka_unit_test(used_up_names_and_aggregates_are_an_error_that_names_them),
        cmocka_unit_test(counts_and_last_times_need_no_aggregate),
        cmocka_unit_test(rings_are_as_long_as_the_question_needs),
        cmocka_unit_test(a_ring_over_the_limit_is_refused_also_in_rules_that_were_not_parsed),
        cmocka_unit_test(a_program_knows_what_it_depends_on),
    };
    if (argc != 2)
        return fprintf(stderr, "usage: %s judge_cases.txt\n", argv[0]), 2;
    cases_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
