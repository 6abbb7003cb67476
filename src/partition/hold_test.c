/* Hold `all` and resume (spec/lifecycle.md §3), and the hold that the system makes by itself. */
#include "partition/world_test.h"

#define IN      "'entry':{'rules':[{'event':'In'}]},"
#define WAIT_1H "'a':{'type':'wait','for':'1h','next':'z'},'z':{'type':'stop'}},'start':'a'}"

static void
in_a_hold_nobody_enters_or_moves_and_what_is_overdue_fires_at_the_resume_in_order_of_id(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'nodes':{" WAIT_1H);
    world_event(w, "10:10", "ann", "In", NULL);
    world_event(w, "10:15", "bob", "In", NULL);
    world_act(w, "10:20", ACTION_PAUSE, "J");
    world_event(w, "10:30", "cat", "In", NULL);
    world_until(w, "11:30");
    world_expect(w, "01T10:10 ann J enters, rests at a\n"
                    "01T10:15 bob J enters, rests at a\n");
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_event(w, "12:00", "cat", "In", NULL);
    world_expect(w, "01T10:10 ann J enters, rests at a\n"
                    "01T10:15 bob J enters, rests at a\n"
                    "01T12:00 ann J a.next leaves at z: completed\n"
                    "01T12:00 bob J a.next leaves at z: completed\n"
                    "01T12:00 cat J enters, rests at a\n");
    world_check_figures(w);
}

static void a_journey_timeout_that_ran_out_in_the_hold_fires_at_the_resume(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'timeout':'1h','nodes':{'a':{'type':'wait','for':'30m','next':'z'},'z':{"
                  "'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_reload(w);
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T12:00 ann J leaves at a: timed_out\n");
}

static void a_timeout_loses_to_what_came_before_it_and_wins_over_what_came_after(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'exits':[{'event':'Out'}],'timeout':'1h','nodes':{'a':{'type':'wait_for','rule':{'event':'Go'},"
        "'timeout':'30m','on':{'yes':'y','timed_out':'n'}},'y':{'type':'stop'},'n':{'type':'stop'}},'start':'"
        "a'}");
    static const char *const who[] = {"ann", "bob", "cat", "dan", "eve"};
    for (int i = 0; i < 5; i++)
        world_event(w, "10:00", who[i], "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_event(w, "10:30", "cat", "Go", NULL);        /* at the window's end */
    world_event(w, "10:30:00.001", "dan", "Go", NULL); /* behind it */
    world_event(w, "10:45", "eve", "Go", NULL);
    world_event(w, "11:00", "ann", "Out", NULL);
    world_event(w, "11:00:00.001", "bob", "Out", NULL);
    world_reload(w);
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:00 cat J enters, rests at a\n"
                    "01T10:00 dan J enters, rests at a\n"
                    "01T10:00 eve J enters, rests at a\n"
                    "01T12:00 ann J leaves at a: exit_rule 0\n"
                    "01T12:00 bob J leaves at a: timed_out\n"
                    "01T12:00 cat J a.yes leaves at y: completed\n"
                    "01T12:00 dan J leaves at a: timed_out\n"
                    "01T12:00 eve J leaves at a: timed_out\n");
    world_check_figures(w);
}

static void a_window_that_ended_in_the_hold_ends_before_a_later_event(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'nodes':{'a':{'type':'wait_for','rule':{'event':'Go'},'timeout':'30m',"
                  "'on':{'yes':'y','timed_out':'n'}},'y':{'type':'stop'},'n':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_event(w, "10:30", "ann", "Go", NULL);
    world_event(w, "10:30:00.001", "bob", "Go", NULL);
    partition_checkpoint(w->partition); /* what was noted stands in a block, too */
    world_commit(w);
    world_reload(w);
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T12:00 ann J a.yes leaves at y: completed\n"
                    "01T12:00 bob J a.timed_out leaves at n: completed\n");
}

static void a_goal_met_in_the_hold_takes_the_contact_out_before_any_send(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN "'goals':[{'name':'g','event':'Buy','value':'n'}],'exits':[{'event':'Out'}],'nodes'"
        ":{'a':{'type':'wait','for':'30m','next':'b'},"
        "'b':{'type':'activate','destinations':['crm'],'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_event(w, "11:00", "ann", "Buy", "{'n':7.25}");
    world_event(w, "11:10", "ann", "Out", NULL); /* it has left in spirit: the first end is the one */
    world_event(w, "11:20", "ann", "Buy", "{'n':9}");
    world_reload(w);
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T12:00 ann J leaves at a: goal 0 worth 7.25\n");
    world_expect_effects(w, "");
    world_check_figures(w);
}

static void nodes_reached_at_the_resume_do_not_see_the_events_of_the_hold(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'nodes':{'a':{'type':'wait','for':'30m','next':'b'},'b':{'type':'wait_for','rule':{'event':'Go'},"
        "'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_event(w, "11:00", "ann", "Go", NULL);
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_late(w, "12:00", "11:30", "ann", "Go", NULL);
    world_event(w, "12:00", "ann", "Go", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T12:00 ann J a.next rests at b\n"
                    "01T12:00 ann J b.yes leaves at z: completed\n");
}

static void what_time_alone_made_true_in_the_hold_acts_at_the_resume(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'exits':[{'did_not':'Ping','within':'1h'}],'nodes':{'a':{'type':'wait','"
                  "for':'1d','next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "Ping", NULL);
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_until(w, "11:30");
    world_reload(w);
    world_event(w, "11:40", "ann", "Ping", NULL); /* it did not for an hour, all the same */
    world_act(w, "12:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T12:00 ann J leaves at a: exit_rule 0\n");
}

static void an_answer_in_the_hold_moves_the_contact_at_the_resume(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'nodes':{'c':{'type':'activate','destinations':['crm','ads'],'on':{'next':'y','failed':'n'}},"
        "'y':{'type':'stop'},'n':{'type':'stop'}},'start':'c'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_result(w, "10:20", "ann", "J", 0, true);
    world_result(w, "10:20", "ann", "J", 1, false);
    world_result(w, "10:20", "bob", "J", 1, false);
    world_reload(w);
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_result(w, "11:10", "bob", "J", 0, false);
    world_expect(w, "01T10:00 ann J enters, rests at c\n"
                    "01T10:00 bob J enters, rests at c\n"
                    "01T11:00 ann J c.failed leaves at n: completed\n"
                    "01T11:10 bob J c.next leaves at y: completed\n");
    world_check_figures(w);
}

/* The answer and the resume may come in one instant. */
static void an_answer_at_the_very_instant_of_the_resume_moves_the_contact(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'nodes':{'c':{'type':'activate','destinations':['crm'],'next':'y'},'y':{"
                  "'type':'stop'}},'start':'c'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_result(w, "10:20", "ann", "J", 0, false);
    world_act(w, "10:20", ACTION_RESUME, "J");
    world_until(w, "10:20");
    world_expect(w, "01T10:00 ann J enters, rests at c\n"
                    "01T10:20 ann J c.next leaves at y: completed\n");
}

static void what_is_due_at_the_instant_of_the_resume_waits_for_the_events_of_it(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'exits':[{'event':'Out'}],'nodes':{" WAIT_1H);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_event(w, "11:00", "ann", "Out", NULL);
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T11:00 ann J leaves at a: exit_rule 0\n"
                    "01T11:00 bob J a.next leaves at z: completed\n");
}

/* A server's clock may stand still: the instant's timers have fired, held, and then the resume comes. */
static void a_timer_that_fired_into_the_hold_at_the_instant_of_the_resume_is_not_lost(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'timeout':'2h','nodes':{" WAIT_1H);
    world_publish(w, "10:00",
                  "{'name':'K'," IN "'timeout':'1h','nodes':{'a':{'type':'wait','for':'1d','next':'z'},'z':{'"
                  "type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_act(w, "10:10", ACTION_PAUSE, "K");
    world_until(w, "11:00");
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_act(w, "11:00", ACTION_RESUME, "K");
    world_until(w, "11:30");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 ann K enters, rests at a\n"
                    "01T11:00 ann K leaves at a: timed_out\n"
                    "01T11:00 ann J a.next leaves at z: completed\n");
}

static void a_stop_in_a_hold_closes_all_whatever_was_noted(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'goals':[{'name':'g','event':'Buy'}],'nodes':{" WAIT_1H);
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_event(w, "10:20", "ann", "Buy", NULL);
    world_act(w, "12:00", ACTION_STOP, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T12:00 ann J leaves at a: version_stopped\n");
    world_check_figures(w);
}

/* ── too many passages ────────────────────────────────────────────────────── */

/* Each Go takes the contact through `u` and back: two passages. */
#define LOOP                                                                                                 \
    "'nodes':{'f':{'type':'wait_for','rule':{'event':'Go'},'timeout':'1d','on':{'yes':'u','timed_out':'z'}}" \
    ","                                                                                                      \
    "'u':{'type':'update','changes':[{'increase':'n','by':1}],'next':'f'},'z':{'type':'stop'}},'start':'f'}"

static double attribute_n(const struct world *w, const char *contact)
{
    const struct contacts *contacts = engine_contacts(partition_engine(w->partition));
    struct contact_id id;
    assert_true(contacts_find(contacts, str_from(contact), contact_hash(str_from(contact)), &id));
    return contacts_attribute(contacts, id, names_find(control_names(w->control), NAME_ATTRIBUTE, STR("n")))
        .number;
}

/* 1 by the entry and 2 by each event: the 500th event's second passage is the 1,001st. */
static void go_round_too_often(struct world *w, const char *at)
{
    for (int i = 0; i < 500; i++)
        world_event(w, at, "ann", "Go", NULL);
}

static void a_thousand_passages_at_one_instant_are_allowed(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN LOOP);
    world_event(w, "10:00", "ann", "In", NULL);
    go_round_too_often(w, "10:01");
    world_expect_alerts(w, "");
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_RUNNING);
    assert_true(attribute_n(w, "ann") == 500);
    world_check_figures(w);
}

static void one_more_holds_the_version_alerts_and_loses_nothing(void **state)
{
    struct world *w = *state;
    w->keep = true;
    world_publish(w, "10:00", "{'name':'J'," IN LOOP);
    world_publish(w, "10:00", "{'name':'K'," IN "'nodes':{" WAIT_1H);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:01", "ann", "In", NULL);
    for (int i = 0; i < 499; i++)
        world_event(w, "10:01", "ann", "Go", NULL);
    world_expect_alerts(w, "");
    world_event(w, "10:01", "ann", "Go", NULL);
    world_expect_alerts(w, "01T10:01 ann holds J\n");
    world_event(w, "10:01", "bob", "Go", NULL); /* noted */
    struct enrollment_view at = world_inside(w, "ann", "J");
    assert_true(at.before);
    assert_int_equal(at.due_ms, world_instant("10:01"));
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_PAUSED);
    assert_int_equal(engine_version_status(partition_engine(w->partition), 1).state, VERSION_RUNNING);
    world_check_figures(w);
    world_reload(w);
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_PAUSED);
    world_event(w, "10:30", "cat", "In", NULL);
    assert_false(world_is_inside(w, "cat", "J"));
    world_act(w, "11:00", ACTION_RESUME, "J");
    assert_false(world_inside(w, "ann", "J").before);
    assert_true(attribute_n(w, "ann") == 500);
    assert_int_equal(world_inside(w, "ann", "J").node, world_inside(w, "bob", "J").node);
    assert_int_equal(world_inside(w, "bob", "J").visits, 3);
    world_event(w, "11:01", "ann", "Go", NULL);
    assert_true(attribute_n(w, "ann") == 501);
    world_check_figures(w);
}

/* A crash between the hold and its entry in the log: whoever rests before a node, due at once, says it. */
static void a_hold_by_the_system_is_there_after_a_crash_before_the_log_says_so(void **state)
{
    struct world *w = *state;
    w->keep = true;
    world_publish(w, "10:00", "{'name':'J'," IN LOOP);
    world_event(w, "10:01", "ann", "In", NULL);
    for (int i = 0; i < 499; i++)
        world_event(w, "10:01", "ann", "Go", NULL);
    struct err_detail detail;
    struct input input = {.kind = INPUT_RECORD, .number = ++w->input};
    world_record(w, &w->arena, world_instant("10:01"), "ann", "Go", NULL, &input.record);
    assert_int_equal(partition_step(w->partition, world_instant("10:01"), 0, &input, 1, false, &detail),
                     ERR_OK);
    world_commit(w);
    for (int restart = 0; restart < 2; restart++) {
        world_reload(w);
        assert_int_equal(control_version_status(w->control, 0).state, VERSION_RUNNING);
        assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_PAUSED);
        partition_checkpoint(w->partition); /* the second time from blocks alone */
        world_commit(w);
    }
    world_event(w, "10:01", "bob", "In", NULL);
    assert_false(world_is_inside(w, "bob", "J"));
    world_expect_alerts(w, "01T10:01 ann holds J\n");
    world_act(w, "10:05", ACTION_RESUME, "J");
    assert_false(world_inside(w, "ann", "J").before);
    world_commit(w);
    world_reload(w);
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_RUNNING);
    world_check_figures(w);
}

static void a_resume_at_the_same_instant_is_held_again_and_takes_nobody_on(void **state)
{
    struct world *w = *state;
    w->keep = true;
    world_publish(w, "10:00", "{'name':'J'," IN LOOP);
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    for (int i = 0; i < 500; i++)
        world_event(w, "10:01", "ann", "Go", NULL);
    world_event(w, "10:01", "bob", "Go", NULL);
    world_act(w, "10:01", ACTION_RESUME, "J");
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_PAUSED);
    assert_true(world_inside(w, "ann", "J").before);
    assert_int_equal(world_inside(w, "bob", "J").visits, 1);
    world_act(w, "10:02", ACTION_RESUME, "J");
    assert_int_equal(engine_version_status(partition_engine(w->partition), 0).state, VERSION_RUNNING);
    assert_int_equal(world_inside(w, "bob", "J").visits, 3);
    assert_true(attribute_n(w, "ann") == 500);
    assert_true(attribute_n(w, "bob") == 1);
    world_check_figures(w);
}

/* ann's second Go comes after the window's end; bob's first does. */
static void the_first_event_that_was_waited_for_is_the_one(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'nodes':{'a':{'type':'wait_for','rule':{'event':'Go'},'timeout':'30m',"
                  "'on':{'yes':'y','timed_out':'n'}},'y':{'type':'stop'},'n':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_event(w, "10:20", "ann", "Go", NULL);
    world_event(w, "10:40", "ann", "Go", NULL);
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J a.yes leaves at y: completed\n");
}

static void what_was_noted_stays_noted_whatever_else_changes_in_the_hold(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'exits':[{'event':'Out'}],'nodes':{'c':{'type':'activate','destinations':['crm'],'next':'z'},"
        "'z':{'type':'stop'}},'start':'c'}");
    world_publish(
        w, "10:00",
        "{'name':'K'," IN
        "'goals':[{'name':'pro','attribute':'plan','eq':'pro'}],'nodes':{'a':{'type':'wait_for','rule':"
        "{'event':'Go'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_is(w, "10:00", "ann", "{'plan':'pro'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:10", ACTION_PAUSE, "J");
    world_act(w, "10:10", ACTION_PAUSE, "K");
    world_event(w, "10:20", "ann", "Out", NULL);
    world_event(w, "10:20", "ann", "Go", NULL);
    world_result(w, "10:30", "ann", "J", 0, false);
    world_is(w, "10:30", "ann", "{'plan':'free'}"); /* the goal may be reached from now on */
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_act(w, "11:00", ACTION_RESUME, "K");
    world_expect(w, "01T10:00 ann J enters, rests at c\n"
                    "01T10:00 ann K enters, rests at a\n"
                    "01T11:00 ann J leaves at c: exit_rule 0\n"
                    "01T11:00 ann K a.yes leaves at z: completed\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_over)
    const struct CMUnitTest tests[] = {
        TEST(in_a_hold_nobody_enters_or_moves_and_what_is_overdue_fires_at_the_resume_in_order_of_id),
        TEST(a_journey_timeout_that_ran_out_in_the_hold_fires_at_the_resume),
        TEST(a_timeout_loses_to_what_came_before_it_and_wins_over_what_came_after),
        TEST(a_window_that_ended_in_the_hold_ends_before_a_later_event),
        TEST(a_goal_met_in_the_hold_takes_the_contact_out_before_any_send),
        TEST(nodes_reached_at_the_resume_do_not_see_the_events_of_the_hold),
        TEST(the_first_event_that_was_waited_for_is_the_one),
        TEST(what_was_noted_stays_noted_whatever_else_changes_in_the_hold),
        TEST(what_time_alone_made_true_in_the_hold_acts_at_the_resume),
        TEST(an_answer_in_the_hold_moves_the_contact_at_the_resume),
        TEST(an_answer_at_the_very_instant_of_the_resume_moves_the_contact),
        TEST(what_is_due_at_the_instant_of_the_resume_waits_for_the_events_of_it),
        TEST(a_timer_that_fired_into_the_hold_at_the_instant_of_the_resume_is_not_lost),
        TEST(a_stop_in_a_hold_closes_all_whatever_was_noted),
        TEST(a_thousand_passages_at_one_instant_are_allowed),
        TEST(one_more_holds_the_version_alerts_and_loses_nothing),
        TEST(a_hold_by_the_system_is_there_after_a_crash_before_the_log_says_so),
        TEST(a_resume_at_the_same_instant_is_held_again_and_takes_nobody_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
