/* The one order of spec/time-runs-stats.md §1, rule by rule. */
#include "partition/world_test.h"

#define WAIT_30M "'a':{'type':'wait','for':'30m','next':'z'},'z':{'type':'stop'}},'start':'a'}"

static void an_exit_event_at_the_very_moment_a_wait_ends_still_puts_the_contact_out(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'event':'Out'}],'nodes':{" WAIT_30M);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:30", "ann", "Out", NULL);
    world_event(w, "10:30:00.001", "bob", "Out", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:30 ann J leaves at a: exit_rule 0\n"
                    "01T10:30 bob J a.next leaves at z: completed\n");
    world_check_figures(w);
}

static void an_event_that_ends_one_begins_the_next(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X'}],'reentry':{'allowed':true}},"
                  "'exits':[{'event':'X'}],'nodes':{" WAIT_30M);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:10", "ann", "X", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:10 ann J leaves at a: exit_rule 0\n"
                    "01T10:10 ann J enters, rests at a\n");
    world_check_figures(w);
}

static void an_event_that_moves_a_contact_through_stop_does_not_let_it_in_again(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}],'reentry':{'allowed':true}},'nodes':{"
        "'a':{'type':'wait_for','rule':{'event':'X'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:10", "ann", "X", NULL);
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:10 ann J a.yes leaves at z: completed\n");
}

static void the_event_that_lets_a_contact_in_is_never_its_own_exit_goal_or_wait_for(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}]},'exits':[{'event':'X','where':{'property':'n','eq':1}}"
        "],"
        "'goals':[{'name':'g','event':'X','where':{'property':'n','eq':2}}],'nodes':{"
        "'a':{'type':'wait_for','rule':{'event':'X'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "X", "{'n':1}");
    world_event(w, "10:00", "bob", "X", "{'n':2}");
    world_event(w, "10:00", "ann", "X", "{'n':1}");
    world_event(w, "10:00", "bob", "X", "{'n':2}");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:00 ann J leaves at a: exit_rule 0\n"
                    "01T10:00 bob J leaves at a: goal 0\n");
}

static void timers_due_before_an_instant_fire_before_anything_of_it(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait','for':'30m','next':'b'},"
        "'b':{'type':'wait_for','rule':{'event':'Go'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:30:00.001", "ann", "Go", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:30 ann J a.next rests at b\n"
                    "01T10:30:00.001 ann J b.yes leaves at z: completed\n");
}

static void timers_due_at_an_instant_fire_after_its_events(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait','for':'30m','next':'b'},"
        "'b':{'type':'wait_for','rule':{'event':'Go'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:30", "ann", "Go", NULL);
    world_until(w, "11:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:30 ann J a.next rests at b\n");
}

/* At 11:00 end a wait of ann and bob and the journey of cat, who came last. */
static void journey_timeouts_come_first_among_timers_then_ids_count(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'Wait','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait','for':'1h','"
                  "next':'z'},"
                  "'z':{'type':'stop'}},'start':'a'}");
    world_publish(w, "10:00",
                  "{'name':'Half','entry':{'rules':[{'event':'Half'}]},'timeout':'30m','nodes':{'a':{'type':'"
                  "wait','for':'30m',"
                  "'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:30", "cat", "Half", NULL);
    world_until(w, "11:00");
    world_expect(w, "01T10:00 bob Wait enters, rests at a\n"
                    "01T10:00 ann Wait enters, rests at a\n"
                    "01T10:30 cat Half enters, rests at a\n"
                    "01T11:00 cat Half leaves at a: timed_out\n"
                    "01T11:00 bob Wait a.next leaves at z: completed\n"
                    "01T11:00 ann Wait a.next leaves at z: completed\n");
}

static void journey_by_journey_in_order_of_number(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'Second in the alphabet','entry':{'rules':[{'event':'X'}]},'nodes':{'u':{'type':'update',"
        "'changes':[{'increase':'n','by':1}],'next':'z'},'z':{'type':'stop'}},'start':'u'}");
    world_publish(w, "10:00",
                  "{'name':'First','entry':{'rules':[{'event':'X'}],'filter':{'attribute':'n','eq':1}},'"
                  "nodes':{'z':{'type':'stop'}},'start':'z'}");
    world_event(w, "10:01", "ann", "X", NULL);
    world_expect(w, "01T10:01 ann is {'n':1}\n"
                    "01T10:01 ann Second in the alphabet enters, u.next leaves at z: completed\n"
                    "01T10:01 ann First enters, leaves at z: completed\n");
}

static void wait_for_takes_the_event_at_exactly_the_end_of_its_window(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait_for','rule':{'"
                  "event':'Go'},"
                  "'timeout':'1h','on':{'yes':'y','timed_out':'n'}},'y':{'type':'stop'},'n':{'type':'stop'}},"
                  "'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "11:00", "ann", "Go", NULL);
    world_event(w, "11:00:00.001", "bob", "Go", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T11:00 ann J a.yes leaves at y: completed\n"
                    "01T11:00 bob J a.timed_out leaves at n: completed\n");
    world_check_figures(w);
}

/* ── two times ────────────────────────────────────────────────────────────── */

static void an_event_of_a_time_before_the_entry_counts_for_neither_goal_nor_exit(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'event':'Out'}],"
                  "'goals':[{'name':'g','event':'Buy'}],'nodes':{'a':{'type':'wait','for':'1d','next':'z'},'"
                  "z':{'type':'stop'}},'start':'a'}");
    world_event(w, "11:00", "ann", "In", NULL);
    world_event(w, "11:00", "bob", "In", NULL);
    world_late(w, "12:00", "10:59:59.999", "ann", "Out", NULL);
    world_late(w, "12:00", "10:59:59.999", "bob", "Buy", NULL);
    world_late(w, "13:00", "11:00", "ann", "Out", NULL);
    world_late(w, "13:00", "11:00", "bob", "Buy", NULL);
    world_expect(w, "01T11:00 ann J enters, rests at a\n"
                    "01T11:00 bob J enters, rests at a\n"
                    "01T13:00 ann J leaves at a: exit_rule 0\n"
                    "01T13:00 bob J leaves at a: goal 0\n");
}

static void an_event_of_a_time_before_the_arrival_at_a_wait_for_is_not_the_one(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait','for':'1h','next':'b'},"
        "'b':{'type':'wait_for','rule':{'event':'Go'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_late(w, "11:30", "10:59:59.999", "ann", "Go", NULL);
    world_late(w, "11:45", "11:00", "ann", "Go", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J a.next rests at b\n"
                    "01T11:45 ann J b.yes leaves at z: completed\n");
}

static void timers_start_when_the_event_arrives_and_the_future_is_clamped_to_it(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'In'}],'late_tolerance':'2h'},'exits':[{'event':'"
                  "Out'}],'nodes':{" WAIT_30M);
    world_late(w, "11:00", "10:10", "ann", "In", NULL);
    world_late(w, "11:10", "23:00", "ann", "Out", NULL);
    world_late(w, "11:10", "23:00", "bob", "In", NULL);
    world_until(w, "12:00");
    world_expect(w, "01T11:00 ann J enters, rests at a\n"
                    "01T11:10 ann J leaves at a: exit_rule 0\n"
                    "01T11:10 bob J enters, rests at a\n"
                    "01T11:40 bob J a.next leaves at z: completed\n");
}

static void past_late_tolerance_an_event_enters_nobody_but_still_ends(void **state)
{
    struct world *w = *state;
    w->late_tolerance = true;
    world_reload(w);
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}]},'exits':[{'event':'X'}],'nodes':{'a':{'type':'wait',"
        "'for':'1d','next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_late(w, "12:00", "10:59:59.999", "ann", "X", NULL);
    world_late(w, "12:00", "11:00", "bob", "X", NULL);
    world_late(w, "14:00", "12:00", "bob", "X", NULL);
    world_expect(w, "01T12:00 bob J enters, rests at a\n"
                    "01T14:00 bob J leaves at a: exit_rule 0\n");
}

static void an_entry_must_have_been_open_at_both_times(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J','entry':{'rules':[{'event':'In'}]},'nodes':{" WAIT_30M);
    world_late(w, "10:10", "09:59:59.999", "ann", "In", NULL);
    world_act(w, "10:20", ACTION_PAUSE, "J");
    world_late(w, "10:30", "10:15", "bob", "In", NULL);
    world_act(w, "10:40", ACTION_RESUME, "J");
    world_late(w, "10:50", "10:30", "cat", "In", NULL);
    world_late(w, "10:50", "10:40", "dan", "In", NULL);
    world_late(w, "10:50", "10:19:59.999", "eve", "In", NULL);
    world_expect(w, "01T10:50 dan J enters, rests at a\n"
                    "01T10:50 eve J enters, rests at a\n");
}

static void time_alone_acts_at_the_very_instant(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'Exit','entry':{'rules':[{'event':'In'}]},'exits':[{'did_not':'Ping','within':'1h'"
                  "}],'nodes':{"
                  "'a':{'type':'wait','for':'1d','next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_publish(w, "10:00",
                  "{'name':'Wait','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait_for','rule':{"
                  "'did_not':'Ping','within':'2h'},"
                  "'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "Ping", NULL);
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:30", "ann", "Ping", NULL);
    world_until(w, "20:00");
    world_expect(w, "01T10:01 ann Exit enters, rests at a\n"
                    "01T10:01 ann Wait enters, rests at a\n"
                    "01T11:30:00.001 ann Exit leaves at a: exit_rule 0\n"
                    "01T12:30:00.001 ann Wait a.yes leaves at z: completed\n");
}

static void time_may_have_to_change_a_rule_twice(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'Wait','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait_for','rule':{'all':["
        "{'did_not':'Ping','within':'1h'},{'did_not':'In','within':'5h'}]},'next':'z'},'z':{'type':'stop'}},'"
        "start':'a'}");
    world_event(w, "10:00", "ann", "Ping", NULL);
    world_event(w, "10:01", "ann", "In", NULL);
    world_until(w, "20:00");
    world_expect(w, "01T10:01 ann Wait enters, rests at a\n"
                    "01T15:01:00.001 ann Wait a.yes leaves at z: completed\n");
}

static void a_restart_at_the_instant_at_which_time_changes_a_rule_loses_nothing(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'did_not':'Ping','within':'1h'}],'nodes':{"
        "'a':{'type':'wait','for':'1d','next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "Ping", NULL);
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "11:00:00.001", "bob", "Other", NULL);
    world_reload(w);
    world_until(w, "12:00");
    world_expect(w, "01T10:01 ann J enters, rests at a\n"
                    "01T11:00:00.001 ann J leaves at a: exit_rule 0\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_over)
    const struct CMUnitTest tests[] = {
        TEST(an_exit_event_at_the_very_moment_a_wait_ends_still_puts_the_contact_out),
        TEST(an_event_that_ends_one_begins_the_next),
        TEST(an_event_that_moves_a_contact_through_stop_does_not_let_it_in_again),
        TEST(the_event_that_lets_a_contact_in_is_never_its_own_exit_goal_or_wait_for),
        TEST(timers_due_before_an_instant_fire_before_anything_of_it),
        TEST(timers_due_at_an_instant_fire_after_its_events),
        TEST(journey_timeouts_come_first_among_timers_then_ids_count),
        TEST(journey_by_journey_in_order_of_number),
        TEST(wait_for_takes_the_event_at_exactly_the_end_of_its_window),
        TEST(an_event_of_a_time_before_the_entry_counts_for_neither_goal_nor_exit),
        TEST(an_event_of_a_time_before_the_arrival_at_a_wait_for_is_not_the_one),
        TEST(timers_start_when_the_event_arrives_and_the_future_is_clamped_to_it),
        TEST(past_late_tolerance_an_event_enters_nobody_but_still_ends),
        TEST(an_entry_must_have_been_open_at_both_times),
        TEST(a_restart_at_the_instant_at_which_time_changes_a_rule_loses_nothing),
        TEST(time_may_have_to_change_a_rule_twice),
        TEST(time_alone_acts_at_the_very_instant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
