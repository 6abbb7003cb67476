/* Goals, exit rules and timeouts: spec/definition.md §4. */
#include "partition/world_test.h"

#define IN     "'entry':{'rules':[{'event':'In'}]},"
#define AGAIN  "'entry':{'rules':[{'event':'In'}],'reentry':{'allowed':true}},"
#define STAY_A "'nodes':{'a':{'type':'wait','for':'365d','next':'z'},'z':{'type':'stop'}},'start':'a'}"

static void goals_come_before_exit_rules_and_the_first_of_several_is_the_reason(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'exits':[{'event':'Other'},{'event':'X'},{'event':'X','where':{'property':'n','gt':0}}],"
                  "'goals':[{'name':'big','event':'X','where':{'property':'n','gte':100},'value':'n'},"
                  "{'name':'any','event':'X','where':{'property':'n','gte':10},'value':'n'}]," STAY_A);
    static const char *const who[] = {"ann", "bob", "cat"};
    for (int i = 0; i < 3; i++)
        world_event(w, "10:00", who[i], "In", NULL);
    world_event(w, "10:01", "ann", "X", "{'n':100.5}");
    world_event(w, "10:01", "bob", "X", "{'n':99}");
    world_event(w, "10:01", "cat", "X", "{'n':9}");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:00 cat J enters, rests at a\n"
                    "01T10:01 ann J leaves at a: goal 0 worth 100.5\n"
                    "01T10:01 bob J leaves at a: goal 1 worth 99\n"
                    "01T10:01 cat J leaves at a: exit_rule 1\n");
    const struct stat_key revenue = {0, 0, STAT_GOAL, 0};
    assert_true(engine_total(partition_engine(w->partition), revenue).value == 100.5);
    world_check_figures(w);
}

static void at_least_of_goals_and_exits_counts_from_the_entry_on(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "09:00",
        "{'name':'J'," IN
        "'exits':[{'event':'Out','at_least':2}],'goals':[{'name':'g','event':'Buy','at_least':3}]," STAY_A);
    for (int i = 0; i < 5; i++) {
        world_event(w, "09:30", "ann", "Buy", NULL);
        world_event(w, "09:30", "bob", "Out", NULL);
    }
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:01", "ann", "Buy", NULL);
    world_event(w, "10:01", "bob", "Out", NULL);
    world_event(w, "10:02", "ann", "Buy", NULL);
    world_late(w, "10:03", "09:59", "ann", "Buy", NULL); /* before the entry */
    world_late(w, "10:03", "09:59", "bob", "Out", NULL);
    world_event(w, "10:04", "ann", "Buy", NULL);
    world_event(w, "10:04", "bob", "Out", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:04 ann J leaves at a: goal 0\n"
                    "01T10:04 bob J leaves at a: exit_rule 0\n");
}

/* The event of the entry itself stands before it, also where others of its instant stand behind. */
static void the_event_of_the_entry_does_not_count_for_the_at_least_of_an_exit(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}]},'exits':[{'event':'X','at_least':2}]," STAY_A);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:00", "ann", "X", NULL);
    assert_true(world_is_inside(w, "ann", "J"));
    world_event(w, "10:00", "ann", "X", NULL);
    assert_false(world_is_inside(w, "ann", "J"));
}

static void within_of_an_exit_takes_both_ends(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'exits':[{'event':'Out','at_least':2,'within':'1h'}],'goals':[{'name':'g','event':'Buy',"
                  "'at_least':2,'within':'1h'}]," STAY_A);
    static const char *const who[] = {"ann", "bob", "cat", "dan"};
    for (int i = 0; i < 4; i++)
        world_event(w, "10:00", who[i], "In", NULL);
    world_event(w, "10:30", "ann", "Out", NULL);
    world_event(w, "10:30", "bob", "Out", NULL);
    world_event(w, "10:30", "cat", "Buy", NULL);
    world_event(w, "10:30", "dan", "Buy", NULL);
    world_event(w, "11:30", "ann", "Out", NULL);
    world_event(w, "11:30", "cat", "Buy", NULL);
    world_event(w, "11:30:00.001", "bob", "Out", NULL);
    world_event(w, "11:30:00.001", "dan", "Buy", NULL);
    assert_false(world_is_inside(w, "ann", "J"));
    assert_true(world_is_inside(w, "bob", "J"));
    assert_false(world_is_inside(w, "cat", "J"));
    assert_true(world_is_inside(w, "dan", "J"));
}

static void a_contact_rule_as_goal_must_become_true_after_the_entry(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'goals':[{'name':'pro','attribute':'plan','eq':'pro'}]," STAY_A);
    world_is(w, "10:00", "ann", "{'plan':'pro'}");
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    world_is(w, "10:02", "ann", "{'plan':'pro'}");
    world_is(w, "10:03", "bob", "{'plan':'team'}");
    world_is(w, "10:04", "ann", "{'plan':'free'}");
    world_reload(w);
    world_is(w, "10:05", "ann", "{'plan':'pro'}");
    world_is(w, "10:05", "bob", "{'plan':'pro'}");
    world_expect(w, "01T10:01 ann J enters, rests at a\n"
                    "01T10:01 bob J enters, rests at a\n"
                    "01T10:05 ann J leaves at a: goal 0\n"
                    "01T10:05 bob J leaves at a: goal 0\n");
}

static void a_goal_that_time_makes_false_may_be_reached_from_then_on(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'goals':[{'name':'active','did':'Ping','within':'1h'}]," STAY_A);
    world_event(w, "10:00", "ann", "Ping", NULL);
    world_event(w, "10:10", "ann", "In", NULL);
    world_event(w, "10:20", "ann", "Ping", NULL); /* it was true before */
    world_until(w, "11:21");                      /* false from 11:20:00.001 on */
    world_event(w, "11:30", "ann", "Ping", NULL);
    world_expect(w, "01T10:10 ann J enters, rests at a\n"
                    "01T11:30 ann J leaves at a: goal 0\n");
}

static void the_timeout_of_the_journey_comes_after_events_of_its_instant_and_before_other_timers(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'exits':[{'event':'Out'}],'timeout':'1h','nodes':{'a':{'type':'wait','for':'1h','next':'b'},"
        "'b':{'type':'activate','destinations':['crm'],'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "11:00", "ann", "Out", NULL);
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T11:00 ann J leaves at a: exit_rule 0\n"
                    "01T11:00 bob J leaves at a: timed_out\n");
    world_expect_effects(w, "");
}

/* An exit rule that time makes true at the very instant of the timeout is the reason. */
static void an_exit_rule_of_time_comes_before_the_timeout_of_its_instant(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'exits':[{'attribute':'due','before':'2026-03-01T00:00:00Z'},{'did_not':'Ping','within':'1h'}],"
        "'timeout':'1h'," STAY_A);
    world_late(w, "10:00", "09:59:59.999", "ann", "Ping", NULL);
    world_event(w, "10:00", "ann", "In", NULL);
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J leaves at a: exit_rule 1\n");
}

static void a_stop_closes_all_and_bars_nobody_but_the_version_is_over(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," AGAIN STAY_A);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_act(w, "10:30", ACTION_STOP, "J");
    world_event(w, "10:30", "ann", "In", NULL);
    world_event(w, "10:30", "cat", "In", NULL);
    world_until(w, "31T00:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:30 ann J leaves at a: version_stopped\n"
                    "01T10:30 bob J leaves at a: version_stopped\n");
    struct contact_left left;
    assert_false(contacts_left_journey(engine_contacts(partition_engine(w->partition)),
                                       (struct contact_id){0}, 0, &left));
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_STOPPED);
    world_check_figures(w);
}

static void exits_work_inside_waits_and_activations(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'exits':[{'event':'Out'}],'nodes':{'s':{'type':'segment','attribute':'n','groups':["
        "{'name':'1','values':[1],'next':'f'}],'on':{'other':'c'}},'f':{'type':'wait_for','rule':{'event':'"
        "Out'},'next':'z'},"
        "'c':{'type':'activate','destinations':['crm'],'next':'z'},'z':{'type':'stop'}},'start':'s'}");
    world_is(w, "10:00", "ann", "{'n':1}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:30", "ann", "Out", NULL);
    world_event(w, "10:30", "bob", "Out", NULL);
    world_expect(w, "01T10:00 ann J enters, s.1 rests at f\n"
                    "01T10:00 bob J enters, s.other rests at c\n"
                    "01T10:30 ann J leaves at f: exit_rule 0\n"
                    "01T10:30 bob J leaves at c: exit_rule 0\n");
}

/* True until 11:00 for the ping, false then, and true from 15:00 on for want of a purchase. */
static void a_goal_that_time_makes_false_and_true_again_is_reached(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'goals':[{'name':'g','any':[{'did':'Ping','within':'1h'},{'did_not':'"
                  "Buy','within':'5h'}]}]," STAY_A);
    world_event(w, "10:00", "ann", "Ping", NULL);
    world_event(w, "10:00", "ann", "Buy", NULL);
    world_event(w, "10:10", "ann", "In", NULL);
    world_until(w, "20:00");
    world_expect(w, "01T10:10 ann J enters, rests at a\n"
                    "01T15:00:00.001 ann J leaves at a: goal 0\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_over)
    const struct CMUnitTest tests[] = {
        TEST(goals_come_before_exit_rules_and_the_first_of_several_is_the_reason),
        TEST(at_least_of_goals_and_exits_counts_from_the_entry_on),
        TEST(the_event_of_the_entry_does_not_count_for_the_at_least_of_an_exit),
        TEST(within_of_an_exit_takes_both_ends),
        TEST(a_contact_rule_as_goal_must_become_true_after_the_entry),
        TEST(a_goal_that_time_makes_false_may_be_reached_from_then_on),
        TEST(a_goal_that_time_makes_false_and_true_again_is_reached),
        TEST(the_timeout_of_the_journey_comes_after_events_of_its_instant_and_before_other_timers),
        TEST(an_exit_rule_of_time_comes_before_the_timeout_of_its_instant),
        TEST(a_stop_closes_all_and_bars_nobody_but_the_version_is_over),
        TEST(exits_work_inside_waits_and_activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
