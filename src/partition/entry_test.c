/* Who is let in: spec/definition.md §1. */
#include "partition/world_test.h"

#define STAY_A "'nodes':{'a':{'type':'wait','for':'365d','next':'z'},'z':{'type':'stop'}},'start':'a'}"
#define BRIEF  "'nodes':{'a':{'type':'wait','for':'1h','next':'z'},'z':{'type':'stop'}},'start':'a'}"

static void every_event_from_the_nth_on_qualifies_and_history_counts(void **state)
{
    struct world *w = *state;
    world_event(w, "09:00", "ann", "X", NULL);
    world_event(w, "09:00", "bob", "X", NULL);
    world_event(w, "09:00", "bob", "X", NULL);
    world_event(w, "09:00", "bob", "X", NULL);
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X','at_least':3}],'reentry':{'allowed':true}}," BRIEF);
    world_event(w, "10:01", "ann", "X", NULL);
    world_event(w, "10:02", "ann", "X", NULL);
    world_event(w, "10:03", "bob", "X", NULL);
    world_event(w, "12:00", "bob", "X", NULL);
    world_expect(w, "01T10:02 ann J enters, rests at a\n"
                    "01T10:03 bob J enters, rests at a\n"
                    "01T11:02 ann J a.next leaves at z: completed\n"
                    "01T11:03 bob J a.next leaves at z: completed\n"
                    "01T12:00 bob J enters, rests at a\n");
}

static void within_counts_both_ends_of_its_window(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','at_least':2,'within':'1h'}]}," STAY_A);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:00", "bob", "X", NULL);
    world_event(w, "11:00", "ann", "X", NULL);
    world_event(w, "11:00:00.001", "bob", "X", NULL);
    world_expect(w, "01T11:00 ann J enters, rests at a\n");
}

static void the_where_of_a_counted_rule_decides_which_events_count(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','where':{'property':'n','gte':5},'at_least':2}]"
                  "}," STAY_A);
    world_event(w, "10:00", "ann", "X", "{'n':5}");
    world_event(w, "10:01", "ann", "X", "{'n':4}");
    world_event(w, "10:02", "ann", "X", "{'n':6}");
    world_event(w, "10:03", "bob", "X", "{'n':6}");
    world_event(w, "10:04", "bob", "X", "{'n':1}");
    world_expect(w, "01T10:02 ann J enters, rests at a\n");
}

static void a_late_event_counts_in_the_window_by_its_own_time(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','at_least':2,'within':'1h'}],'late_tolerance':'"
                  "1d'}," STAY_A);
    world_event(w, "12:00", "ann", "X", NULL);
    world_event(w, "12:00", "bob", "X", NULL);
    world_late(w, "12:30", "11:29:59.999", "ann", "X", NULL);
    world_late(w, "12:30", "11:30", "bob", "X", NULL);
    world_expect(w, "01T12:30 bob J enters, rests at a\n");
}

/* ── match all ────────────────────────────────────────────────────────────── */

static void match_all_waits_for_the_last_rule_in_any_order(void **state)
{
    struct world *w = *state;
    world_event(w, "09:59", "cat", "X", NULL);
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'match':'all','rules':[{'event':'X'},{'event':'Y'}]}," STAY_A);
    world_event(w, "10:01", "ann", "X", NULL);
    world_event(w, "10:02", "bob", "Y", NULL);
    world_event(w, "10:03", "ann", "Y", NULL);
    world_event(w, "10:04", "bob", "X", NULL);
    world_event(w, "10:05", "cat", "Y", NULL); /* its X came before go-live */
    world_event(w, "10:06", "cat", "X", NULL);
    world_expect(w, "01T10:03 ann J enters, rests at a\n"
                    "01T10:04 bob J enters, rests at a\n"
                    "01T10:06 cat J enters, rests at a\n");
}

static void match_all_holds_a_rule_as_long_as_its_window(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'match':'all','rules':[{'event':'X','within':'1h'},{'event':'Y'}]}," STAY_A);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:00", "bob", "X", NULL);
    world_event(w, "11:00", "ann", "Y", NULL);
    world_event(w, "11:00:00.001", "bob", "Y", NULL);
    world_event(w, "15:00", "bob", "X", NULL);
    world_expect(w, "01T11:00 ann J enters, rests at a\n"
                    "01T15:00 bob J enters, rests at a\n");
}

static void match_all_begins_anew_with_the_last_leaving(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'match':'all','rules':[{'event':'X'},{'event':'Y'}],'reentry':{'"
                  "allowed':true}}," BRIEF);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:10", "ann", "Y", NULL);
    world_event(w, "10:20", "ann", "Y", NULL);
    world_event(w, "12:00", "ann", "X", NULL); /* its Y of 10:20 was before 11:10 */
    world_event(w, "12:10", "ann", "Y", NULL);
    world_expect(w, "01T10:10 ann J enters, rests at a\n"
                    "01T11:10 ann J a.next leaves at z: completed\n"
                    "01T12:10 ann J enters, rests at a\n");
}

/* Two X within the hour hold for an hour from the second on. */
static void match_all_counts_within_its_windows(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'match':'all','rules':[{'event':'X','at_least':2,'within':'1h'},{'"
                  "event':'Y'}]}," STAY_A);
    static const char *const who[] = {"ann", "bob", "cat"};
    for (int i = 0; i < 3; i++)
        world_event(w, "10:00", who[i], "X", NULL);
    world_event(w, "11:00", "ann", "X", NULL);
    world_event(w, "11:00", "bob", "X", NULL);
    world_event(w, "11:30", "cat", "X", NULL);
    world_event(w, "11:59", "cat", "Y", NULL);
    world_event(w, "12:00", "ann", "Y", NULL);
    world_event(w, "12:00:00.001", "bob", "Y", NULL);
    world_expect(w, "01T12:00 ann J enters, rests at a\n");
}

/* ── what keeps out ───────────────────────────────────────────────────────── */

static void without_reentry_a_contact_passes_once_for_ever(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J','entry':{'rules':[{'event':'X'}]}," BRIEF);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "12:00", "ann", "X", NULL);
    world_event(w, "31T12:00", "ann", "X", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J a.next leaves at z: completed\n");
}

static void reentry_after_a_time_is_counted_from_the_leaving(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}],'reentry':{'allowed':true,'after':'2h'}}," BRIEF);
    world_event(w, "10:00", "ann", "X", NULL);
    world_event(w, "10:30", "ann", "X", NULL); /* never two at once */
    world_event(w, "12:59:59.999", "ann", "X", NULL);
    world_event(w, "13:00", "ann", "X", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J a.next leaves at z: completed\n"
                    "01T13:00 ann J enters, rests at a\n");
}

static void the_filter_is_judged_at_the_qualifying_instant(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}],'filter':{'all':[{'attribute':'plan','eq':'pro'},"
        "{'did':'X','at_most':2}]}}," STAY_A);
    world_event(w, "10:00", "ann", "X", NULL);
    world_is(w, "10:01", "ann", "{'plan':'pro'}");
    world_event(w, "10:02", "ann", "X", NULL);
    world_is(w, "10:03", "bob", "{'plan':'pro'}");
    world_is(w, "10:04", "bob", "{'plan':null}");
    world_event(w, "10:05", "bob", "X", NULL);
    world_expect(w, "01T10:02 ann J enters, rests at a\n");
}

static void an_exit_rule_that_holds_already_keeps_the_contact_out(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X'}]},'exits':[{'attribute':'plan','eq':'pro'},{'"
                  "did':'X','at_least':2}]," STAY_A);
    world_is(w, "10:00", "ann", "{'plan':'pro'}");
    world_event(w, "10:01", "ann", "X", NULL);
    world_event(w, "10:01", "bob", "X", NULL);
    world_is(w, "10:02", "cat", "{'plan':'free'}");
    world_event(w, "10:02", "cat", "X", NULL);
    world_is(w, "10:03", "cat", "{'plan':'pro'}");
    world_event(w, "10:04", "bob", "X", NULL);
    world_expect(w, "01T10:01 bob J enters, rests at a\n"
                    "01T10:02 cat J enters, rests at a\n"
                    "01T10:03 cat J leaves at a: exit_rule 0\n"
                    "01T10:04 bob J leaves at a: exit_rule 1\n");
}

static void a_change_of_attributes_enters_nobody(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J','entry':{'rules':[{'event':'X'}],'filter':{'attribute':'plan','eq':'pro'}}," STAY_A);
    world_event(w, "10:00", "ann", "X", NULL);
    world_is(w, "10:01", "ann", "{'plan':'pro'}");
    world_expect(w, "");
    world_check_figures(w);
}

/* ── back-fill ────────────────────────────────────────────────────────────── */

static void pay_no_heed(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)context;
    (void)detail;
    assert_int_equal(count, 1);
    assert_int_equal(statuses[0], COMMIT_DONE);
}

static void history_before_the_publish_counts_committed_or_not(void **state)
{
    struct world *w = *state;
    world_event(w, "09:00", "ann", "X", "{'n':7}");
    world_event(w, "09:00", "ann", "X", "{'n':1}");
    world_event(w, "09:00", "bob", "X", "{'n':7}");
    w->keep = true; /* from here on nothing is durable when the publish is taken */
    world_event(w, "09:30", "bob", "X", "{'n':8}");
    world_event(w, "09:30", "dan", "X", "{'n':8}");
    const struct batch *batch = partition_take_batch(w->partition);
    store_commit(w->store, &batch, 1, pay_no_heed, NULL); /* durable, and the partition has not heard of it */
    world_event(w, "09:40", "cat", "X", "{'n':9}");
    (void)partition_take_batch(w->partition); /* on its way, and not durable */
    world_event(w, "09:50", "cat", "X", "{'n':9}");
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','where':{'property':'n','gte':5},'at_least':3}]"
                  "}," STAY_A);
    world_publish(w, "10:00",
                  "{'name':'K','entry':{'rules':[{'event':'X','where':{'property':'n','gte':5},'at_least':3,'"
                  "within':'40m'}]}," STAY_A);
    world_event(w, "10:05", "ann", "X", "{'n':5}");
    world_event(w, "10:05", "bob", "X", "{'n':5}");
    world_event(w, "10:05", "cat", "X", "{'n':5}");
    world_event(w, "10:05", "dan", "X", "{'n':5}");
    assert_false(world_is_inside(w, "ann", "J"));
    assert_true(world_is_inside(w, "bob", "J"));
    assert_true(world_is_inside(w, "cat", "J"));
    assert_false(world_is_inside(w, "dan", "J"));
    assert_false(world_is_inside(w, "bob", "K"));
    assert_true(world_is_inside(w, "cat", "K"));
}

/* A second publish finds the first one's counts in blocks and its own only in rows. */
static void history_counts_after_blocks_and_a_restart_too(void **state)
{
    struct world *w = *state;
    world_event(w, "09:00", "ann", "X", "{'n':7}");
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','where':{'property':'n','gte':5},'at_least':3}]"
                  "}," STAY_A);
    partition_checkpoint(w->partition);
    world_commit(w);
    world_event(w, "10:01", "ann", "X", "{'n':8}");
    world_reload(w);
    world_publish(w, "10:10",
                  "{'name':'K','entry':{'rules':[{'event':'X','where':{'property':'n','gte':8},'at_least':2}]"
                  "}," STAY_A);
    world_reload(w);
    partition_checkpoint(w->partition);
    world_commit(w);
    world_reload(w);
    world_event(w, "10:20", "ann", "X", "{'n':9}");
    world_expect(w, "01T10:20 ann J enters, rests at a\n"
                    "01T10:20 ann K enters, rests at a\n");
}

/* Met by the third X at 10:20, for an hour; the one of 11:15 is no third within any hour. */
static void match_all_finds_the_event_that_met_a_counted_rule_behind_newer_ones(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'match':'all','rules':[{'event':'X','at_least':3,'within':'1h'},{'"
                  "event':'Y'}]}," STAY_A);
    static const char *const who[] = {"ann", "bob"};
    for (int i = 0; i < 2; i++) {
        world_event(w, "10:00", who[i], "X", NULL);
        world_event(w, "10:00", who[i], "Other", NULL);
    }
    for (int i = 0; i < 2; i++)
        world_event(w, "10:10", who[i], "X", NULL);
    for (int i = 0; i < 2; i++)
        world_event(w, "10:20", who[i], "X", NULL);
    for (int i = 0; i < 2; i++)
        world_event(w, "11:15", who[i], "X", NULL);
    world_event(w, "11:18", "ann", "Y", NULL);
    world_event(w, "11:20:00.001", "bob", "Y", NULL);
    world_expect(w, "01T11:18 ann J enters, rests at a\n");
}

static void an_event_from_the_future_counts_at_its_arrival(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'event':'X','at_least':2,'within':'1h'}]}," STAY_A);
    world_late(w, "10:00", "23:00", "ann", "X", NULL);
    world_event(w, "12:00", "ann", "X", NULL);
    world_event(w, "12:30", "ann", "X", NULL);
    world_expect(w, "01T12:30 ann J enters, rests at a\n");
}

/* ── by the API ───────────────────────────────────────────────────────────── */

#define API "'entry':{'rules':[{'api':true}]},"

static void the_api_lets_in_whom_it_names_known_or_not(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," API STAY_A);
    world_publish(w, "10:00", "{'name':'K','entry':{'rules':[{'event':'X'},{'api':true}]}," STAY_A);
    world_is(w, "10:00", "bob", "{'n':1}");
    assert_int_equal(world_enroll(w, "10:01", "ann", "J", "{'n':1}"), ENROLL_ENTERED);
    assert_int_equal(world_enroll(w, "10:01", "bob", "K", NULL), ENROLL_ENTERED);
    assert_int_equal(world_enroll(w, "10:01", "bob", "J", NULL), ENROLL_ENTERED);
    assert_int_equal(world_enroll(w, "10:02", "ann", "J", NULL), ENROLL_INSIDE);
    world_reload(w);
    assert_int_equal(world_enroll(w, "10:03", "ann", "J", NULL), ENROLL_INSIDE);
    world_expect(w, "01T10:01 ann J enters, rests at a\n"
                    "01T10:01 bob K enters, rests at a\n"
                    "01T10:01 bob J enters, rests at a\n");
}

static void what_the_api_hears_says_what_kept_the_contact_out(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'rules':[{'api':true}],'filter':{'attribute':'plan','eq':'pro'}},"
                  "'exits':[{'attribute':'n','eq':9}]," BRIEF);
    world_publish(w, "10:00", "{'name':'K','entry':{'rules':[{'event':'X'}]}," STAY_A);
    world_is(w, "10:00", "ann", "{'plan':'pro'}");
    world_is(w, "10:00", "bob", "{'plan':'pro','n':9}");
    assert_int_equal(world_enroll(w, "10:01", "cat", "J", NULL), ENROLL_FILTERED);
    assert_int_equal(world_enroll(w, "10:01", "bob", "J", NULL), ENROLL_EXIT_RULE);
    assert_int_equal(world_enroll(w, "10:01", "ann", "J", NULL), ENROLL_ENTERED);
    assert_int_equal(world_enroll(w, "12:00", "ann", "J", NULL), ENROLL_REENTRY);
    assert_int_equal(world_enroll(w, "12:00", "ann", "K", NULL), ENROLL_NO_RULE);
    world_pause(w, "12:10", HOLD_ENTRIES, "J");
    assert_int_equal(world_enroll(w, "12:10", "dan", "J", NULL), ENROLL_CLOSED);
    world_act(w, "12:20", ACTION_STOP, "J");
    assert_int_equal(world_enroll(w, "12:20", "dan", "J", NULL), ENROLL_CLOSED);
    world_expect(w, "01T10:01 ann J enters, rests at a\n"
                    "01T11:01 ann J a.next leaves at z: completed\n");
}

/* The aggregate that match all asks is folded from rows again by a start. */
static void a_call_of_the_api_holds_in_match_all_from_then_on_over_a_start(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J','entry':{'match':'all','rules':[{'api':true},{'event':'X'}],'reentry':{'"
                  "allowed':true}}," BRIEF);
    assert_int_equal(world_enroll(w, "10:00:01", "ann", "J", NULL), ENROLL_WAITING);
    world_event(w, "10:05", "bob", "X", NULL);
    world_reload(w);
    world_event(w, "10:10", "ann", "X", NULL);
    assert_int_equal(world_enroll(w, "10:10", "bob", "J", NULL), ENROLL_ENTERED);
    world_event(w, "11:30", "ann", "X", NULL); /* the call was before the last leaving */
    world_expect(w, "01T10:10 ann J enters, rests at a\n"
                    "01T10:10 bob J enters, rests at a\n"
                    "01T11:10 ann J a.next leaves at z: completed\n"
                    "01T11:10 bob J a.next leaves at z: completed\n");
}

static void a_call_of_the_api_counts_as_no_event_of_a_name(void **state)
{
    struct world *w = *state;
    world_event(w, "10:00", "bob", "X", NULL);
    world_publish(w, "10:00", "{'name':'J'," API STAY_A);
    world_publish(w, "10:00", "{'name':'K','entry':{'rules':[{'event':'X'}]}," STAY_A);
    world_enroll(w, "10:01", "ann", "J", NULL);
    assert_false(world_is_inside(w, "ann", "K"));
    struct contact_id ann;
    const struct engine *engine = partition_engine(w->partition);
    assert_true(contacts_find(engine_contacts(engine), STR("ann"), contact_hash(STR("ann")), &ann));
    for (uint16_t name = 1; name <= names_count(control_names(w->control), NAME_EVENT); name++)
        assert_int_equal(past_get(engine_past(engine), ann.n, name).count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_over)
    const struct CMUnitTest tests[] = {
        TEST(every_event_from_the_nth_on_qualifies_and_history_counts),
        TEST(within_counts_both_ends_of_its_window),
        TEST(the_where_of_a_counted_rule_decides_which_events_count),
        TEST(a_late_event_counts_in_the_window_by_its_own_time),
        TEST(match_all_waits_for_the_last_rule_in_any_order),
        TEST(match_all_holds_a_rule_as_long_as_its_window),
        TEST(match_all_begins_anew_with_the_last_leaving),
        TEST(match_all_counts_within_its_windows),
        TEST(match_all_finds_the_event_that_met_a_counted_rule_behind_newer_ones),
        TEST(an_event_from_the_future_counts_at_its_arrival),
        TEST(without_reentry_a_contact_passes_once_for_ever),
        TEST(reentry_after_a_time_is_counted_from_the_leaving),
        TEST(the_filter_is_judged_at_the_qualifying_instant),
        TEST(an_exit_rule_that_holds_already_keeps_the_contact_out),
        TEST(a_change_of_attributes_enters_nobody),
        TEST(history_before_the_publish_counts_committed_or_not),
        TEST(history_counts_after_blocks_and_a_restart_too),
        cmocka_unit_test_setup_teardown(the_api_lets_in_whom_it_names_known_or_not, world_closed, world_over),
        cmocka_unit_test_setup_teardown(what_the_api_hears_says_what_kept_the_contact_out, world_closed,
                                        world_over),
        cmocka_unit_test_setup_teardown(a_call_of_the_api_holds_in_match_all_from_then_on_over_a_start,
                                        world_closed, world_over),
        cmocka_unit_test_setup_teardown(a_call_of_the_api_counts_as_no_event_of_a_name, world_closed,
                                        world_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
