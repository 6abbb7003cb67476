/* What is imported: it counts in the past, lets nobody in and moves nobody. */
#include "partition/world_test.h"

#define STAY_A "'nodes':{'a':{'type':'wait','for':'365d','next':'z'},'z':{'type':'stop'}},'start':'a'}"
#define LISTEN(rule)                                                                                         \
    "'nodes':{'a':{'type':'wait_for','rule':" rule ",'on':{'yes':'z'}},'z':{'type':'stop'}},'start':'a'}"

static void what_is_imported_lets_nobody_in_and_counts_for_the_next_event(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J','entry':{'rules':[{'event':'X','at_least':3}]}," STAY_A);
    world_history(w, "10:01", "10:01", "ann", "X", NULL);
    world_history(w, "10:01", "10:01", "ann", "X", NULL);
    world_history(w, "10:01", "10:01", "ann", "X", NULL);
    world_history(w, "10:01", "09:00", "bob", "X", NULL);
    world_event(w, "10:02", "bob", "X", NULL);
    world_event(w, "10:03", "ann", "X", NULL);
    world_event(w, "10:04", "bob", "X", NULL);
    world_expect(w, "01T10:03 ann J enters, rests at a\n"
                    "01T10:04 bob J enters, rests at a\n");
}

static void what_is_imported_ends_no_passage_and_no_waiting(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'event':'Out'}],"
                  "'goals':[{'name':'g','event':'Buy'}]," LISTEN("{'event':'Go'}"));
    world_event(w, "10:00", "ann", "In", NULL);
    world_history(w, "10:01", "10:01", "ann", "Out", NULL);
    world_history(w, "10:01", "10:01", "ann", "Buy", NULL);
    world_history(w, "10:01", "10:01", "ann", "Go", NULL);
    world_event(w, "10:05", "ann", "Go", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:05 ann J a.yes leaves at z: completed\n");
}

static void what_is_imported_in_a_hold_is_not_noted(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},"
                  "'goals':[{'name':'g','event':'Buy'}]," LISTEN("{'event':'Go'}"));
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_history(w, "10:11", "10:11", "ann", "Buy", NULL);
    world_history(w, "10:11", "10:11", "ann", "Go", NULL);
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n");
}

static void a_contact_that_is_imported_first_comes_to_be(void **state)
{
    struct world *w = *state;
    struct contact_id ann;
    world_history(w, "10:00", "09:00", "ann", "X", "{'n':1}");
    const struct engine *engine = partition_engine(w->partition);
    assert_true(contacts_find(engine_contacts(engine), STR("ann"), contact_hash(STR("ann")), &ann));
    struct past_count count =
        past_get(engine_past(engine), ann.n, names_find(control_names(w->control), NAME_EVENT, STR("X")));
    assert_int_equal(count.count, 1);
    assert_int_equal(count.first_ms, world_instant("09:00"));
    assert_int_equal(count.last_ms, world_instant("09:00"));
    assert_int_equal(engine_event_count(engine), 1);
}

/* By its own time: what was imported from before go-live, the last leaving or the window holds no rule. */
static void match_all_takes_imported_events_by_their_own_time(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'match':'all','rules':[{'event':'X','within':'1h'},{'event':'Y'}]}," STAY_A);
    world_history(w, "10:30", "09:50", "ann", "X", NULL);
    world_history(w, "10:30", "10:20", "bob", "X", NULL);
    world_event(w, "10:40", "ann", "Y", NULL);
    world_event(w, "10:40", "bob", "Y", NULL);
    world_history(w, "12:00", "10:10", "cat", "X", NULL);
    world_event(w, "12:00", "cat", "Y", NULL);
    world_expect(w, "01T10:40 bob J enters, rests at a\n");
}

static void a_rule_that_an_import_made_true_is_acted_on_when_it_is_asked_next(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'all':[{'did':'Out'},"
                  "{'not':{'attribute':'plan','eq':'pro'}}]}]," STAY_A);
    world_is(w, "10:00", "ann", "{'plan':'free'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_history(w, "10:01", "10:01", "ann", "Out", NULL);
    world_is(w, "10:02", "ann", "{'plan':'free'}"); /* what it is already is no change */
    world_is(w, "10:03", "ann", "{'plan':'team'}");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:03 ann J leaves at a: exit_rule 0\n");
}

/* Time makes the exit rule true at 11:00:00.001 for bob; for ann an import had made it true before. */
static void time_does_not_act_on_what_an_import_made_true(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'any':[{'did':'Out'},"
                  "{'did_not':'In','within':'1h'}]}]," STAY_A);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_history(w, "10:30", "10:30", "ann", "Out", NULL);
    world_until(w, "12:00");
    world_reload(w); /* a start looks at everybody again */
    world_until(w, "13:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T11:00:00.001 bob J leaves at a: exit_rule 0\n");
}

static void an_import_moves_the_instant_at_which_time_makes_a_rule_true(void **state)
{
    struct world *w = *state;
    world_event(w, "09:30", "ann", "Go", NULL);
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]}," LISTEN("{'did_not':'Go','within':'1h'}"));
    world_event(w, "10:00", "ann", "In", NULL);
    world_history(w, "10:10", "10:05", "ann", "Go", NULL);
    world_until(w, "13:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:05:00.001 ann J a.yes leaves at z: completed\n");
}

static void a_goal_that_an_import_made_false_may_be_reached_again(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},"
                  "'goals':[{'name':'calm','did_not':'Go','within':'1h'}]," STAY_A);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_history(w, "10:10", "10:05", "ann", "Go", NULL);
    world_until(w, "13:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T11:05:00.001 ann J leaves at a: goal 0\n");
}

static void a_count_that_is_asked_for_later_finds_what_was_imported(void **state)
{
    struct world *w = *state;
    world_history(w, "09:00", "08:00", "ann", "X", "{'n':5}");
    world_history(w, "09:00", "08:30", "ann", "X", "{'n':1}");
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','where':{'property':'n','gte':5},'at_least':2}]"
                  "}," STAY_A);
    world_event(w, "10:01", "ann", "X", "{'n':6}");
    world_expect(w, "01T10:01 ann J enters, rests at a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_imported_lets_nobody_in_and_counts_for_the_next_event,
                                        world_closed, world_over),
        cmocka_unit_test_setup_teardown(what_is_imported_ends_no_passage_and_no_waiting, world_closed,
                                        world_over),
        cmocka_unit_test_setup_teardown(what_is_imported_in_a_hold_is_not_noted, world_closed, world_over),
        cmocka_unit_test_setup_teardown(a_contact_that_is_imported_first_comes_to_be, world_closed,
                                        world_over),
        cmocka_unit_test_setup_teardown(match_all_takes_imported_events_by_their_own_time, world_closed,
                                        world_over),
        cmocka_unit_test_setup_teardown(a_rule_that_an_import_made_true_is_acted_on_when_it_is_asked_next,
                                        world_closed, world_over),
        cmocka_unit_test_setup_teardown(time_does_not_act_on_what_an_import_made_true, world_closed,
                                        world_over),
        cmocka_unit_test_setup_teardown(an_import_moves_the_instant_at_which_time_makes_a_rule_true,
                                        world_closed, world_over),
        cmocka_unit_test_setup_teardown(a_goal_that_an_import_made_false_may_be_reached_again, world_closed,
                                        world_over),
        cmocka_unit_test_setup_teardown(a_count_that_is_asked_for_later_finds_what_was_imported, world_closed,
                                        world_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
