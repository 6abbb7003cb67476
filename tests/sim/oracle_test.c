#include "oracle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/check.h"
#include "scenario.h"
#include "vectors.h"

static struct vectors vectors;

static struct oracle *run(const json_t *scenario)
{
    struct oracle *oracle = oracle_new();
    const json_t *steps = json_object_get(scenario, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++)
        scenario_feed(oracle, json_array_get(steps, i));
    return oracle;
}

static void the_worked_examples_come_out_as_on_paper(void **state)
{
    (void)state;
    size_t failures = 0;
    assert_true(vectors.items.count > 30);
    array_each (&vectors.items, i) {
        const struct vector *vector = &vectors.items.items[i];
        struct oracle *oracle = run(vector->scenario);
        struct buf found = {0};
        struct lines lines = {0};
        struct scenario_seen seen = {0};
        scenario_add_facts(&lines, oracle, &seen);
        lines_print(&lines, &found);
        buf_put_char(&found, 0);
        if (strcmp(found.data, vector->expected) != 0) {
            print_error("%s\n--- on paper\n%s--- found\n%s", vector->name, vector->expected, found.data);
            failures++;
        }
        buf_deinit(&found);
        lines_free(&lines);
        oracle_free(oracle);
    }
    assert_int_equal(failures, 0);
}

/* On paper: ann goes by `paid` and completes; bob by `other`, where the exit rule finds him; cat still waits
 * at the start. */
static void figures_count_each_step_once_and_zeros_are_present(void **state)
{
    (void)state;
    struct oracle *oracle = NULL;
    array_each (&vectors.items, i) {
        if (strcmp(vectors.items.items[i].name, "the figures of three contacts") == 0)
            oracle = run(vectors.items.items[i].scenario);
    }
    assert_non_null(oracle);
    json_t *figures = oracle_figures(oracle, INT64_MAX);
    json_t *journey = json_array_get(json_object_get(figures, "journeys"), 0);
    json_t *expected = json_pack("{s:i s:i s:i s:i s:i s:i s:i s:i s:i s:i}", "completed", 1, "goal", 0,
                                 "exit_rule", 1, "timed_out", 0, "force_exit", 0, "version_stopped", 0,
                                 "carried_over", 0, "removed", 0, "contact_deleted", 0, "contact_merged", 0);
    assert_int_equal(json_integer_value(json_object_get(figures, "contacts")), 3);
    assert_int_equal(json_integer_value(json_object_get(figures, "events")), 4);
    assert_int_equal(json_integer_value(json_object_get(journey, "qualified")), 3);
    assert_int_equal(json_integer_value(json_object_get(journey, "entered")), 3);
    assert_int_equal(json_integer_value(json_object_get(journey, "in_journey")), 1);
    assert_true(json_equal(json_object_get(journey, "left"), expected));
    json_t *node = json_object_get(json_object_get(journey, "nodes"), "s");
    assert_int_equal(json_integer_value(json_object_get(node, "entered")), 2);
    assert_int_equal(json_integer_value(json_object_get(node, "waiting")), 0);
    json_t *moved = json_pack("{s:i s:i}", "paid", 1, "other", 1);
    assert_true(json_equal(json_object_get(node, "moved"), moved));
    node = json_object_get(json_object_get(journey, "nodes"), "w");
    assert_int_equal(json_integer_value(json_object_get(node, "entered")), 3);
    assert_int_equal(json_integer_value(json_object_get(node, "waiting")), 1);
    node = json_object_get(json_object_get(journey, "nodes"), "f");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(node, "left"), "exit_rule")), 1);
    json_t *exits = json_pack("[i i]", 0, 1);
    assert_true(json_equal(json_object_get(journey, "exit_rules"), exits));
    json_decref(exits);
    json_decref(moved);
    json_decref(expected);
    json_decref(figures);
    oracle_free(oracle);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_examples_come_out_as_on_paper),
        cmocka_unit_test(figures_count_each_step_once_and_zeros_are_present),
    };
    CHECK(argc == 2);
    vectors_load(argv[1], &vectors);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vectors_free(&vectors);
    return failed;
}
