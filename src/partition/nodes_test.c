/* Nodes, their outcomes and their edges: spec/definition.md §2; effects: §5 and architecture.md §5. */
#include "partition/world_test.h"

#define IN "'entry':{'rules':[{'event':'In'}]},"

static void wait_until_an_instant_that_is_past_or_now_moves_on_at_once(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'nodes':{'a':{'type':'wait','until':'2026-03-01T11:00:00Z','next':'z'},'"
                  "z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "11:00", "bob", "In", NULL);
    world_event(w, "12:00", "cat", "In", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 bob J enters, a.next leaves at z: completed\n"
                    "01T11:00 ann J a.next leaves at z: completed\n"
                    "01T12:00 cat J enters, a.next leaves at z: completed\n");
}

static void wait_for_counts_from_zero_after_the_arrival_and_within_its_window(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "09:00",
        "{'name':'J'," IN
        "'nodes':{'a':{'type':'wait_for','rule':{'event':'Go','where':{'property':'n','gt':0},'at_least':2,"
        "'within':'30m'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "09:55", "ann", "Go", "{'n':1}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:01", "ann", "Go", "{'n':1}");
    world_event(w, "10:02", "ann", "Go", "{'n':0}");
    world_event(w, "10:31:00.001", "ann", "Go", "{'n':1}");
    world_event(w, "11:01:00.001", "ann", "Go", "{'n':1}");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:01:00.001 ann J a.yes leaves at z: completed\n");
}

static void wait_for_a_contact_rule_that_is_true_already_is_left_at_once(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'nodes':{'a':{'type':'wait_for','rule':{'attribute':'plan','eq':'pro'},'timeout':'1h',"
                  "'on':{'yes':'y','timed_out':'n'}},'y':{'type':'stop'},'n':{'type':'exit'}},'start':'a'}");
    world_is(w, "10:00", "ann", "{'plan':'pro'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:00", "cat", "In", NULL);
    world_is(w, "10:30", "bob", "{'plan':'pro'}");
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, a.yes leaves at y: completed\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:00 cat J enters, rests at a\n"
                    "01T10:30 bob J a.yes leaves at y: completed\n"
                    "01T11:00 cat J a.timed_out leaves at n: force_exit\n");
    world_check_figures(w);
}

static void segment_goes_by_the_value_on_arrival(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'nodes':{'w':{'type':'wait','for':'1h','next':'s'},'s':{'type':'segment'"
                  ",'attribute':'plan','groups':["
                  "{'name':'paid','values':['pro','team'],'next':'p'},{'name':'odd','values':[1,true],'next':"
                  "'o'}],'on':{'other':'z'}},"
                  "'p':{'type':'stop'},'o':{'type':'stop'},'z':{'type':'stop'}},'start':'w'}");
    static const char *const plans[][2] = {{"ann", "{'plan':'team'}"}, {"bob", "{'plan':1}"},
                                           {"cat", "{'plan':true}"},   {"dan", "{'plan':'1'}"},
                                           {"eve", "{'x':1}"},         {"fay", "{'plan':'Pro'}"}};
    for (int i = 0; i < 6; i++)
        world_event(w, "10:00", plans[i][0], "In", NULL);
    for (int i = 0; i < 6; i++)
        world_is(w, "10:30", plans[i][0], plans[i][1]);
    world_until(w, "11:00");
    world_expect(w, "01T10:00 ann J enters, rests at w\n"
                    "01T10:00 bob J enters, rests at w\n"
                    "01T10:00 cat J enters, rests at w\n"
                    "01T10:00 dan J enters, rests at w\n"
                    "01T10:00 eve J enters, rests at w\n"
                    "01T10:00 fay J enters, rests at w\n"
                    "01T11:00 ann J w.next s.paid leaves at p: completed\n"
                    "01T11:00 bob J w.next s.odd leaves at o: completed\n"
                    "01T11:00 cat J w.next s.odd leaves at o: completed\n"
                    "01T11:00 dan J w.next s.other leaves at z: completed\n"
                    "01T11:00 eve J w.next s.other leaves at z: completed\n"
                    "01T11:00 fay J w.next s.other leaves at z: completed\n");
    world_check_figures(w);
}

static void split_takes_the_first_path_whose_rule_holds(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'nodes':{'s':{'type':'split','paths':[{'name':'big','rule':{'attribute':'n','gte':10},'next':'b'},"
        "{'name':'some','rule':{'attribute':'n','gte':5},'next':'c'}],'on':{'others':'z'}},"
        "'b':{'type':'stop'},'c':{'type':'stop'},'z':{'type':'stop'}},'start':'s'}");
    world_is(w, "10:00", "ann", "{'n':10}");
    world_is(w, "10:00", "bob", "{'n':9}");
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    world_event(w, "10:01", "cat", "In", NULL);
    world_expect(w, "01T10:01 ann J enters, s.big leaves at b: completed\n"
                    "01T10:01 bob J enters, s.some leaves at c: completed\n"
                    "01T10:01 cat J enters, s.others leaves at z: completed\n");
    world_check_figures(w);
}

static void update_changes_what_it_says_one_after_the_other(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'nodes':{'u':{'type':'update','changes':[{'set':'plan','to':'pro'},{'increase':'n','by':2},"
        "{'increase':'n','by':3},{'decrease':'m','by':1},{'add':'tags','value':'new'},{'add':'tags','value':'"
        "hot'},"
        "{'remove':'tags','value':'new'}],'next':'z'},'z':{'type':'stop'}},'start':'u'}");
    world_is(w, "10:00", "bob", "{'plan':'pro','n':'text','m':1.5,'tags':['hot']}");
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    world_expect(w, "01T10:01 ann is {'plan':'pro','n':5,'m':-1,'tags':['hot']}\n"
                    "01T10:01 ann J enters, u.next leaves at z: completed\n"
                    "01T10:01 bob is {'m':0.5,'tags':['hot']}\n"
                    "01T10:01 bob J enters, u.next leaves at z: completed\n");
}

static void the_change_of_an_update_is_settled_right_after_the_movement(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'Own','entry':{'rules':[{'event':'In'}]},'goals':[{'name':'g','attribute':'n','eq'"
                  ":1}],'nodes':{"
                  "'u':{'type':'update','changes':[{'increase':'n','by':1}],'next':'w'},'w':{'type':'wait','"
                  "for':'1d','next':'z'},"
                  "'z':{'type':'stop'}},'start':'u'}");
    world_publish(w, "10:00",
                  "{'name':'Other','entry':{'rules':[{'event':'Early'}]},'nodes':{'f':{'type':'wait_for','"
                  "rule':{'attribute':'n','gte':1},"
                  "'next':'z'},'z':{'type':'stop'}},'start':'f'}");
    world_publish(w, "10:00",
                  "{'name':'Late','entry':{'rules':[{'event':'In'}],'filter':{'attribute':'n','eq':1}},'"
                  "nodes':{'z':{'type':'stop'}},'start':'z'}");
    world_event(w, "10:00", "ann", "Early", NULL);
    world_event(w, "10:01", "ann", "In", NULL);
    world_expect(w, "01T10:00 ann Other enters, rests at f\n"
                    "01T10:01 ann is {'n':1}\n"
                    "01T10:01 ann Own enters, u.next rests at w\n"
                    "01T10:01 ann Own leaves at w: goal 0\n"
                    "01T10:01 ann Other f.yes leaves at z: completed\n"
                    "01T10:01 ann Late enters, leaves at z: completed\n");
    world_check_figures(w);
}

/* ── edges ────────────────────────────────────────────────────────────────── */

static void a_node_without_any_edge_is_the_last_and_completes(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'nodes':{'a':{'type':'wait_for','rule':{'event':'Go'},'timeout':'1h'}},'start':'a'}");
    world_publish(w, "10:00",
                  "{'name':'K'," IN
                  "'nodes':{'u':{'type':'update','changes':[{'set':'n','to':1}]}},'start':'u'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:30", "ann", "Go", NULL);
    world_until(w, "12:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 ann is {'n':1}\n"
                    "01T10:00 ann K enters, leaves at u: completed\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T10:00 bob is {'n':1}\n"
                    "01T10:00 bob K enters, leaves at u: completed\n"
                    "01T10:30 ann J leaves at a: completed\n"
                    "01T11:00 bob J leaves at a: completed\n");
    world_check_figures(w);
}

static void with_goals_the_last_node_keeps_the_contact_for_a_goal_or_the_timeout(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'goals':[{'name':'g','event':'Buy'}],'timeout':'1d','nodes':{'a':{'type'"
                  ":'wait_for','rule':{'event':'Go'},'timeout':'1h'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_until(w, "11:00");
    world_reload(w);
    world_event(w, "15:00", "ann", "Buy", NULL);
    world_until(w, "03T00:00");
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T10:00 bob J enters, rests at a\n"
                    "01T11:00 ann J stays at a\n"
                    "01T11:00 bob J stays at a\n"
                    "01T15:00 ann J leaves at a: goal 0\n"
                    "02T10:00 bob J leaves at a: timed_out\n");
    world_check_figures(w);
}

static void an_outcome_without_an_edge_among_drawn_ones_keeps_the_contact(void **state)
{
    struct world *w = *state;
    world_publish(
        w, "10:00",
        "{'name':'J'," IN
        "'exits':[{'event':'Out'}],'nodes':{'a':{'type':'wait_for','rule':{'event':'Go'},'timeout':'1h',"
        "'on':{'yes':'z'}},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_until(w, "11:00");
    world_event(w, "11:30", "ann", "Go", NULL); /* its work is done: this is not waited for any more */
    world_event(w, "12:00", "ann", "Out", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J stays at a\n"
                    "01T12:00 ann J leaves at a: exit_rule 0\n");
    world_check_figures(w);
}

/* ── activate and effects ─────────────────────────────────────────────────── */

#define CRM_AND_ADS                                                                                          \
    "'nodes':{'c':{'type':'activate','destinations':['crm','ads'],'on':{'next':'y','failed':'n'}},"          \
    "'y':{'type':'stop'},'n':{'type':'exit'}},'start':'c'}"

static void activate_holds_the_contact_until_every_destination_has_answered(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN CRM_AND_ADS);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    assert_int_equal(world_inside(w, "ann", "J").pending, 3);
    world_result(w, "10:01", "ann", "J", 1, false);
    assert_int_equal(world_inside(w, "ann", "J").pending, 1);
    world_result(w, "10:02", "bob", "J", 0, true);
    assert_true(world_is_inside(w, "bob", "J"));
    world_reload(w);
    world_result(w, "10:03", "ann", "J", 0, false);
    world_result(w, "10:04", "bob", "J", 1, false);
    world_expect(w, "01T10:00 ann J enters, rests at c\n"
                    "01T10:00 bob J enters, rests at c\n"
                    "01T10:03 ann J c.next leaves at y: completed\n"
                    "01T10:04 bob J c.failed leaves at n: force_exit\n");
    world_expect_effects(w, "01T10:00 ann J opened crm by c, visit 1\n"
                            "01T10:00 ann J opened ads by c, visit 1\n"
                            "01T10:00 bob J opened crm by c, visit 1\n"
                            "01T10:00 bob J opened ads by c, visit 1\n"
                            "01T10:01 ann J sent ads by c, visit 1\n"
                            "01T10:02 bob J failed crm by c, visit 1\n"
                            "01T10:03 ann J sent crm by c, visit 1\n"
                            "01T10:04 bob J sent ads by c, visit 1\n");
    world_check_figures(w);
}

static void leaving_cancels_what_has_not_been_answered(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", "{'name':'J'," IN "'exits':[{'event':'Out'}],'timeout':'1h'," CRM_AND_ADS);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:00", "bob", "In", NULL);
    world_event(w, "10:30", "cat", "In", NULL);
    world_result(w, "10:31", "ann", "J", 0, false);
    world_event(w, "10:32", "ann", "Out", NULL);
    world_until(w, "11:00");
    world_act(w, "11:01", ACTION_STOP, "J");
    world_expect_effects(w, "01T10:00 ann J opened crm by c, visit 1\n"
                            "01T10:00 ann J opened ads by c, visit 1\n"
                            "01T10:00 bob J opened crm by c, visit 1\n"
                            "01T10:00 bob J opened ads by c, visit 1\n"
                            "01T10:30 cat J opened crm by c, visit 1\n"
                            "01T10:30 cat J opened ads by c, visit 1\n"
                            "01T10:31 ann J sent crm by c, visit 1\n"
                            "01T10:32 ann J cancelled ads by c, visit 1\n"
                            "01T11:00 bob J cancelled crm by c, visit 1\n"
                            "01T11:00 bob J cancelled ads by c, visit 1\n"
                            "01T11:01 cat J cancelled crm by c, visit 1\n"
                            "01T11:01 cat J cancelled ads by c, visit 1\n");
    const struct stat_key cancelled = {0, 0, STAT_EFFECT, EFFECT_CANCELLED};
    assert_int_equal(engine_total(partition_engine(w->partition), cancelled).total, 5);
    world_check_figures(w);
}

static void give_result(struct world *w, const char *at, struct result result)
{
    const struct input input = {.kind = INPUT_RESULT, .number = ++w->input, .result = result};
    struct err_detail detail;
    assert_int_equal(partition_step(w->partition, world_instant(at), 0, &input, 1, false, &detail), ERR_OK);
    w->now_ms = world_instant(at);
    world_commit(w);
}

static void a_result_that_answers_nothing_open_is_ignored(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN "'nodes':{'c':{'type':'activate','destinations':['crm'],'next':'w'},"
                  "'w':{'type':'wait','for':'1h','next':'c'}},'start':'c'}");
    world_event(w, "10:00", "ann", "In", NULL);
    struct enrollment_view first = world_inside(w, "ann", "J");
    give_result(w, "10:01", (struct result){first.id, first.visits, 0, false});
    world_until(w, "11:01");
    assert_int_equal(world_inside(w, "ann", "J").visits, 3);
    give_result(w, "11:02", (struct result){first.id, first.visits, 0, false}); /* of the former visit */
    give_result(w, "11:02", (struct result){first.id, 3, 1, false});            /* no such destination */
    give_result(w, "11:02", (struct result){first.id, 3, 200, false});
    give_result(w, "11:02", (struct result){first.id + 1, 3, 0, false}); /* no such enrollment */
    assert_int_equal(world_inside(w, "ann", "J").pending, 1);
    world_expect_effects(w, "01T10:00 ann J opened crm by c, visit 1\n"
                            "01T10:01 ann J sent crm by c, visit 1\n"
                            "01T11:01 ann J opened crm by c, visit 3\n");
}

static void a_closed_world_answers_within_the_same_input(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'J'," IN
                  "'nodes':{'c':{'type':'activate','destinations':['crm','ads'],'next':'d'},"
                  "'d':{'type':'activate','destinations':['sms']}},'start':'c'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_expect(w, "01T10:00 ann J enters, rests at c\n"
                    "01T10:00 ann J c.next rests at d\n"
                    "01T10:00 ann J leaves at d: completed\n");
    world_check_figures(w);
}

/* X moves ann in First, whose update brings her to `b` of Second while X is still being settled. */
static void an_event_that_brought_the_contact_by_an_update_elsewhere_is_not_waited_for(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00",
                  "{'name':'First'," IN
                  "'nodes':{'a':{'type':'wait_for','rule':{'event':'X'},'next':'u'},'u':{'type':'update',"
                  "'changes':[{'set':'n','to':1}],'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_publish(
        w, "10:00",
        "{'name':'Second'," IN "'nodes':{'a':{'type':'wait_for','rule':{'attribute':'n','eq':1},'next':'b'},"
        "'b':{'type':'wait_for','rule':{'event':'X'},'next':'z'},'z':{'type':'stop'}},'start':'a'}");
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:01", "ann", "X", NULL);
    world_expect(w, "01T10:00 ann First enters, rests at a\n"
                    "01T10:00 ann Second enters, rests at a\n"
                    "01T10:01 ann is {'n':1}\n"
                    "01T10:01 ann First a.yes u.next leaves at z: completed\n"
                    "01T10:01 ann Second a.yes rests at b\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_over)
    const struct CMUnitTest tests[] = {
        TEST(wait_until_an_instant_that_is_past_or_now_moves_on_at_once),
        TEST(wait_for_counts_from_zero_after_the_arrival_and_within_its_window),
        TEST(wait_for_a_contact_rule_that_is_true_already_is_left_at_once),
        TEST(segment_goes_by_the_value_on_arrival),
        TEST(split_takes_the_first_path_whose_rule_holds),
        TEST(update_changes_what_it_says_one_after_the_other),
        TEST(the_change_of_an_update_is_settled_right_after_the_movement),
        TEST(an_event_that_brought_the_contact_by_an_update_elsewhere_is_not_waited_for),
        TEST(a_node_without_any_edge_is_the_last_and_completes),
        TEST(with_goals_the_last_node_keeps_the_contact_for_a_goal_or_the_timeout),
        TEST(an_outcome_without_an_edge_among_drawn_ones_keeps_the_contact),
        TEST(activate_holds_the_contact_until_every_destination_has_answered),
        TEST(leaving_cancels_what_has_not_been_answered),
        TEST(a_result_that_answers_nothing_open_is_ignored),
        cmocka_unit_test_setup_teardown(a_closed_world_answers_within_the_same_input, world_closed,
                                        world_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
