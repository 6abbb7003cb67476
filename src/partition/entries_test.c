/* Hold `entries` (spec/lifecycle.md §1, §2): the entry is closed, everything else goes on. */
#include "partition/world_test.h"

#define IN      "'entry':{'rules':[{'event':'In'}]},"
#define WAIT_1H "'a':{'type':'wait','for':'1h','next':'z'},'z':{'type':'stop'}},'start':'a'}"
#define STAY_A  "'nodes':{'a':{'type':'wait','for':'365d','next':'z'},'z':{'type':'stop'}},'start':'a'}"

static void those_inside_go_on_and_nobody_enters(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'exits':[{'event':'Out'}],'goals':[{'name':'g','event':'Buy'}],'timeout':"
                  "'3h','nodes':{'a':{'type':'wait','for':'1h','next':'b'},'b':{'type':'wait_for','rule':{"
                  "'event':'Go'},'on':{'yes':'z'}},'z':{'type':'stop'}},'start':'a'}");
    static const char *const who[] = {"ann", "bob", "cat", "dan"};
    for (int i = 0; i < 4; i++)
        world_event(w, "10:00", who[i], "In", NULL);
    world_pause(w, "10:10", HOLD_ENTRIES, "J");
    world_event(w, "10:20", "ann", "Buy", NULL);
    world_event(w, "10:20", "bob", "Out", NULL);
    world_event(w, "10:20", "eve", "In", NULL);
    world_reload(w);
    world_event(w, "11:30", "cat", "Go", NULL);
    world_event(w, "11:30", "eve", "In", NULL);
    world_until(w, "14:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:00 cat J enters, rests at a\n"
                    "01T10:00 dan J enters, rests at a\n"
                    "01T10:20 ann J leaves at a: goal 0\n"
                    "01T10:20 bob J leaves at a: exit_rule 0\n"
                    "01T11:00 cat J a.next rests at b\n"
                    "01T11:00 dan J a.next rests at b\n"
                    "01T11:30 cat J b.yes leaves at z: completed\n"
                    "01T13:00 dan J leaves at b: timed_out\n");
    world_check_figures(w);
}

static void an_effect_goes_out_and_its_answer_moves_the_contact(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'nodes':{'a':{'type':'wait','for':'1h','next':'c'},'c':{'type':'activate',"
                  "'destinations':['crm'],'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_pause(w, "10:10", HOLD_ENTRIES, "J");
    world_until(w, "11:00");
    world_result(w, "11:01", "ann", "J", 0, false);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J a.next rests at c\n"
                    "01T11:01 ann J c.next leaves at z: completed\n");
}

/* At 10:30 the entry was open by the event's own time only, at 11:30 by its arrival only. */
static void the_entry_must_be_open_at_the_events_own_time_and_at_its_arrival(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J','entry':{'rules':[{'event':'In'}],'late_tolerance':'1d'}," STAY_A);
    world_pause(w, "10:10", HOLD_ENTRIES, "J");
    world_late(w, "10:30", "10:05", "ann", "In", NULL);
    world_act(w, "11:00", ACTION_RESUME, "J");
    world_reload(w);
    world_late(w, "11:30", "10:59:59.999", "ann", "In", NULL);
    world_late(w, "11:30", "10:10", "bob", "In", NULL);
    world_late(w, "11:30", "11:00", "cat", "In", NULL);
    world_late(w, "11:30", "10:09:59.999", "dan", "In", NULL);
    world_expect(w, "01T11:30 cat J enters, rests at a\n"
                    "01T11:30 dan J enters, rests at a\n");
}

/* From one hold to the other and back the entry stays closed: one closure from 10:10 to 12:00. */
static void from_hold_to_hold_the_entry_stays_closed(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J','entry':{'rules':[{'event':'In'}],'late_tolerance':'1d'}," STAY_A);
    world_pause(w, "10:10", HOLD_ENTRIES, "J");
    world_pause(w, "10:30", HOLD_ALL, "J");
    world_pause(w, "11:00", HOLD_ENTRIES, "J");
    world_event(w, "11:10", "ann", "In", NULL);
    world_pause(w, "11:30", HOLD_ALL, "J");
    world_act(w, "12:00", ACTION_RESUME, "J");
    static const char *const closed[] = {"10:10", "10:29:59.999", "10:30", "11:00",
                                         "11:29", "11:30",        "11:59"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        world_late(w, "12:30", closed[i], "bob", "In", NULL);
    world_late(w, "12:30", "12:00", "cat", "In", NULL);
    world_expect(w, "01T12:30 cat J enters, rests at a\n");
}

static void from_hold_all_to_entries_what_is_overdue_and_what_was_noted_goes_on(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'goals':[{'name':'g','event':'Buy'}],'nodes':{" WAIT_1H);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_pause(w, "10:10", HOLD_ALL, "J");
    world_event(w, "10:20", "bob", "Buy", NULL);
    world_until(w, "11:30");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n");
    world_pause(w, "12:00", HOLD_ENTRIES, "J");
    world_event(w, "12:00", "cat", "In", NULL);
    world_act(w, "12:30", ACTION_RESUME, "J");
    world_event(w, "12:30", "cat", "In", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T12:00 ann J a.next leaves at z: completed\n"
                    "01T12:00 bob J leaves at a: goal 0\n"
                    "01T12:30 cat J enters, rests at a\n");
}

static void from_hold_entries_to_all_nobody_moves_any_more(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'nodes':{" WAIT_1H);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:20", "bob", "In", NULL);
    world_pause(w, "10:30", HOLD_ENTRIES, "J");
    world_pause(w, "11:10", HOLD_ALL, "J");
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:20 bob J enters, rests at a\n"
                    "01T11:00 ann J a.next leaves at z: completed\n");
    world_act(w, "12:30", ACTION_RESUME, "J");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:20 bob J enters, rests at a\n"
                    "01T11:00 ann J a.next leaves at z: completed\n"
                    "01T12:30 bob J a.next leaves at z: completed\n");
}

static void a_journey_with_hold_entries_can_be_stopped(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN STAY_A);
    world_event(w, "10:00", "ann", "In", NULL);
    world_pause(w, "10:10", HOLD_ENTRIES, "J");
    world_act(w, "10:20", ACTION_STOP, "J");
    world_reload(w);
    world_event(w, "10:30", "bob", "In", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:20 ann J leaves at a: version_stopped\n");
}

/* Too many passages at one instant while the entry is closed: the system's hold is `all`. */
static void the_system_holds_all_of_a_journey_whose_entry_is_closed(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'nodes':{'f':{'type':'wait_for','rule':{'event':'Go'},'on':{'yes':'f'}}},"
                  "'start':'f'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_pause(w, "10:10", HOLD_ENTRIES, "J");
    for (int i = 0; i <= ENGINE_PASSAGES_MAX; i++)
        world_event(w, "10:20", "ann", "Go", NULL);
    struct version_status status = control_version_status(w->control, 0);
    assert_int_equal(status.state, VERSION_PAUSED);
    assert_int_equal(status.hold, HOLD_ALL);
    world_pause(w, "10:30", HOLD_ENTRIES, "J");
    assert_int_equal(world_inside(w, "ann", "J").arrived_ms, world_instant("10:30"));
    world_expect_alerts(w, "01T10:20 ann holds J\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(those_inside_go_on_and_nobody_enters, world_open, world_over),
        cmocka_unit_test_setup_teardown(an_effect_goes_out_and_its_answer_moves_the_contact, world_open,
                                        world_over),
        cmocka_unit_test_setup_teardown(the_entry_must_be_open_at_the_events_own_time_and_at_its_arrival,
                                        world_open, world_over),
        cmocka_unit_test_setup_teardown(from_hold_to_hold_the_entry_stays_closed, world_open, world_over),
        cmocka_unit_test_setup_teardown(from_hold_all_to_entries_what_is_overdue_and_what_was_noted_goes_on,
                                        world_open, world_over),
        cmocka_unit_test_setup_teardown(from_hold_entries_to_all_nobody_moves_any_more, world_open,
                                        world_over),
        cmocka_unit_test_setup_teardown(a_journey_with_hold_entries_can_be_stopped, world_open, world_over),
        cmocka_unit_test_setup_teardown(the_system_holds_all_of_a_journey_whose_entry_is_closed, world_open,
                                        world_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
