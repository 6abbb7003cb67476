#include "delivery/handover.h"

#include "partition/world_test.h"

#define JOURNEY                                                                                              \
    "{'name':'J','entry':{'mode':'live','rules':[{'event':'In'}],'match':'any','reentry':{'allowed':true}}," \
    "'exits':[{'event':'Out'}],'nodes':{'call':{'type':'activate','destinations':['crm','mailer'],"          \
    "'operation':'update','next':'rest'},'rest':{'type':'wait','for':'1h','next':'call'}},'start':'call'}"

enum { EFFECTS_MAX = 8 };

/* The effects opened so far. */
struct opened {
    struct effect_row rows[EFFECTS_MAX];
    size_t count;
};

static bool on_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct opened *opened = context;
    assert_int_equal(partition, 0);
    if (row->kind != EFFECT_OPENED)
        return true;
    assert_true(opened->count < EFFECTS_MAX);
    opened->rows[opened->count] = *row;
    opened->rows[opened->count++].destination_name = (struct str){0}; /* borrowed */
    return true;
}

static struct opened opened_in(struct world *w)
{
    struct opened opened = {0};
    assert_int_equal(store_effects(w->store, 0, on_effect, &opened, NULL), ERR_OK);
    return opened;
}

static enum handover_answer ask(struct world *w, size_t index, struct handover *ret)
{
    struct opened opened = opened_in(w);
    assert_true(index < opened.count);
    return handover_ask(w->partition, w->control, &opened.rows[index], &w->arena, ret);
}

static void assert_answer(struct world *w, size_t index, enum handover_answer wanted)
{
    struct handover handover;
    assert_int_equal(ask(w, index, &handover), wanted);
}

static void an_effect_is_handed_over_with_the_contact_as_it_is_by_now(void **state)
{
    struct world *w = *state;
    world_publish(w, "09:00", JOURNEY);
    world_event(w, "10:00", "ann", "In", NULL);
    struct handover handover;
    assert_int_equal(ask(w, 1, &handover), HANDOVER_GO);
    assert_int_equal(handover.attributes.size, 0);
    world_is(w, "10:01", "ann", "{'plan':'pro','age':41,'tags':['a','b']}");
    world_is(w, "10:02", "ann", "{'age':null,'since':'2026-01-31T10:00:00Z','vip':true}");
    assert_int_equal(ask(w, 1, &handover), HANDOVER_GO);
    assert_true(str_equal(handover.journey, STR("J")));
    assert_true(str_equal(handover.node, STR("call")));
    assert_true(str_equal(handover.contact, STR("ann")));
    assert_int_equal(handover.version, 1);
    assert_string_equal(handover.attributes.data, "{\"plan\":\"pro\",\"tags\":[\"a\",\"b\"],\"since\":"
                                                  "\"2026-01-31T10:00:00Z\",\"vip\":true}");
}

static void a_paused_version_holds_it_and_a_stopped_one_lets_it_go(void **state)
{
    struct world *w = *state;
    world_publish(w, "09:00", JOURNEY);
    world_event(w, "10:00", "ann", "In", NULL);
    world_act(w, "10:01", ACTION_PAUSE, "J");
    assert_answer(w, 0, HANDOVER_HELD);
    world_pause(w, "10:02", HOLD_ENTRIES, "J"); /* which holds nothing back but the entry */
    assert_answer(w, 0, HANDOVER_GO);
    world_pause(w, "10:02", HOLD_ALL, "J");
    assert_answer(w, 0, HANDOVER_HELD);
    world_act(w, "10:02", ACTION_RESUME, "J");
    assert_answer(w, 0, HANDOVER_GO);
    world_act(w, "10:03", ACTION_STOP, "J");
    assert_answer(w, 0, HANDOVER_GONE);
}

static void an_answered_effect_is_gone_and_its_neighbour_is_not(void **state)
{
    struct world *w = *state;
    world_publish(w, "09:00", JOURNEY);
    world_event(w, "10:00", "ann", "In", NULL);
    world_result(w, "10:01", "ann", "J", 0, false);
    assert_answer(w, 0, HANDOVER_GONE);
    assert_answer(w, 1, HANDOVER_GO);
}

static void another_visit_and_another_enrollment_are_other_effects(void **state)
{
    struct world *w = *state;
    world_publish(w, "09:00", JOURNEY);
    world_event(w, "10:00", "ann", "In", NULL);
    world_result(w, "10:01", "ann", "J", 0, false);
    world_result(w, "10:01", "ann", "J", 1, false);
    world_until(w, "11:01"); /* at the node again */
    assert_answer(w, 0, HANDOVER_GONE);
    assert_answer(w, 2, HANDOVER_GO);
    world_event(w, "11:02", "ann", "Out", NULL);
    assert_answer(w, 2, HANDOVER_GONE);
    world_event(w, "11:03", "ann", "In", NULL);
    assert_answer(w, 2, HANDOVER_GONE);
    assert_answer(w, 4, HANDOVER_GO);
    world_event(w, "11:04", "ann", "Out", NULL);
    world_event(w, "11:05", "ann", "In", NULL);
    assert_answer(w, 4, HANDOVER_GONE); /* the same node and visit, another enrollment */
    assert_answer(w, 6, HANDOVER_GO);
    struct opened opened = opened_in(w);
    char first[EFFECT_KEY_BYTES], last[EFFECT_KEY_BYTES];
    effect_key(0, &opened.rows[0], first);
    effect_key(0, &opened.rows[4], last);
    assert_string_not_equal(first, last);
}

static void answers_that_have_no_room_are_asked_for_again(void **state)
{
    struct world *w = *state;
    world_publish(w, "09:00", JOURNEY);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    world_result(w, "10:02", "ann", "J", 1, false);
    struct opened opened = opened_in(w);
    struct handover_question questions[4] = {0};
    for (size_t i = 0; i < 4; i++)
        questions[i].effect = opened.rows[i];
    struct arena arena = {0};
    handover_ask_all(w->partition, w->control, questions, 4, SIZE_MAX, &arena);
    static const enum handover_answer all[] = {HANDOVER_GO, HANDOVER_GONE, HANDOVER_GO, HANDOVER_GO};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(questions[i].answer, all[i]);
    assert_true(str_equal(questions[2].handover.contact, STR("bob")));
    arena_reset(&arena);
    handover_ask_all(w->partition, w->control, questions, 4, 1, &arena); /* the first has room in any case */
    static const enum handover_answer first[] = {HANDOVER_GO, HANDOVER_LATER, HANDOVER_LATER, HANDOVER_LATER};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(questions[i].answer, first[i]);
    arena_deinit(&arena);
}

static void reading_begins_before_the_first_open_effect(void **state)
{
    struct world *w = *state;
    world_publish(w, "09:00", JOURNEY);
    assert_true(handover_after(w->partition) == UINT64_MAX);
    world_event(w, "10:00", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    struct opened opened = opened_in(w);
    assert_int_equal(opened.count, 4);
    assert_true(handover_after(w->partition) < opened.rows[0].seq);
    world_result(w, "10:02", "ann", "J", 0, false);
    world_result(w, "10:02", "ann", "J", 1, false);
    world_reload(w);
    uint64_t after = handover_after(w->partition);
    assert_true(after > opened.rows[1].seq && after < opened.rows[2].seq);
    world_event(w, "10:03", "bob", "Out", NULL);
    assert_true(handover_after(w->partition) == UINT64_MAX);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(an_effect_is_handed_over_with_the_contact_as_it_is_by_now),
        IN_A_WORLD(a_paused_version_holds_it_and_a_stopped_one_lets_it_go),
        IN_A_WORLD(an_answered_effect_is_gone_and_its_neighbour_is_not),
        IN_A_WORLD(another_visit_and_another_enrollment_are_other_effects),
        IN_A_WORLD(answers_that_have_no_room_are_asked_for_again),
        IN_A_WORLD(reading_begins_before_the_first_open_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
