/* The contract of partition.h itself: steps, batches, numbers. */
#include "partition/world_test.h"

#define STAY_A                                                                                               \
    "{'name':'J','entry':{'rules':[{'event':'In'}]},'nodes':{'a':{'type':'wait','for':'1h','next':'z'},"     \
    "'z':{'type':'stop'}},'start':'a'}"

static enum err step(struct world *w, const char *at, const struct input *inputs, size_t count, bool last)
{
    struct err_detail detail;
    return partition_step(w->partition, world_instant(at), control_position(w->control), inputs, count, last,
                          &detail);
}

static struct input track(struct world *w, uint64_t number, const char *at, const char *contact,
                          const char *event)
{
    struct input input = {.kind = INPUT_RECORD, .number = number};
    world_record(w, &w->arena, world_instant(at), contact, event, NULL, &input.record);
    return input;
}

static void inputs_that_were_taken_are_skipped(void **state)
{
    struct world *w = *state;
    struct input inputs[3];
    for (uint64_t i = 0; i < 3; i++)
        inputs[i] = track(w, i + 1, "10:00", "ann", "In");
    assert_int_equal(step(w, "10:00", inputs, 2, false), ERR_OK);
    assert_int_equal(engine_event_count(partition_engine(w->partition)), 2);
    world_commit(w);
    world_reload(w);
    assert_int_equal(step(w, "10:00", inputs, 2, true), ERR_OK);
    assert_int_equal(engine_event_count(partition_engine(w->partition)), 2);
    assert_null(partition_take_batch(w->partition));
    assert_int_equal(step(w, "10:00", inputs, 3, true), ERR_OK);
    assert_int_equal(engine_event_count(partition_engine(w->partition)), 3);
    assert_int_equal(partition_head(w->partition)->input, 3);
}

static void an_input_that_makes_no_row_is_kept_as_taken(void **state)
{
    struct world *w = *state;
    const struct input nothing = {.kind = INPUT_RESULT, .number = 9, .result = {77, 1, 0, false}};
    assert_int_equal(step(w, "10:00", &nothing, 1, true), ERR_OK);
    assert_int_equal(partition_open_rows(w->partition), 0);
    world_commit(w);
    world_reload(w);
    assert_int_equal(partition_head(w->partition)->input, 9);
}

static void there_is_no_batch_where_nothing_was_decided(void **state)
{
    struct world *w = *state;
    assert_null(partition_take_batch(w->partition));
    assert_int_equal(step(w, "10:00", NULL, 0, true), ERR_OK);
    assert_null(partition_take_batch(w->partition));
}

static void an_instant_is_settled_with_its_last_inputs_only(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", STAY_A);
    struct input in = track(w, 1, "10:00", "ann", "In"), more[2];
    for (uint64_t i = 0; i < 2; i++)
        more[i] = track(w, 2 + i, "11:00", i ? "bob" : "ann", "In");
    assert_int_equal(step(w, "10:00", &in, 1, true), ERR_OK);
    assert_int_equal(step(w, "11:00", &more[0], 1, false), ERR_OK);
    assert_true(world_is_inside(w, "ann", "J"));
    assert_true(partition_head(w->partition)->now_open);
    assert_int_equal(step(w, "11:00", &more[1], 1, true), ERR_OK);
    assert_false(world_is_inside(w, "ann", "J"));
    assert_true(world_is_inside(w, "bob", "J"));
    assert_false(partition_head(w->partition)->now_open);
}

/* Going on after a crash, an instant that was settled is not settled again; a clock that went back stands
 * still. */
static void time_never_goes_back(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", STAY_A);
    struct input in = track(w, 1, "10:00", "ann", "In"), late = track(w, 2, "10:30", "bob", "In");
    assert_int_equal(step(w, "10:00", &in, 1, true), ERR_OK);
    assert_int_equal(step(w, "12:00", NULL, 0, true), ERR_OK);
    assert_int_equal(step(w, "10:00", &in, 1, true), ERR_OK);
    assert_int_equal(partition_head(w->partition)->now_ms, world_instant("12:00"));
    assert_int_equal(step(w, "10:30", &late, 1, true), ERR_OK);
    assert_int_equal(world_inside(w, "bob", "J").entered_ms, world_instant("12:00"));
    world_expect(w, "01T10:00 ann J enters, rests at a\n"
                    "01T11:00 ann J a.next leaves at z: completed\n"
                    "01T12:00 bob J enters, rests at a\n");
}

static void the_next_timer_is_never_later_than_it_says(void **state)
{
    struct world *w = *state;
    assert_int_equal(partition_next_timer(w->partition), INSTANT_NEVER);
    world_publish(w, "10:00", STAY_A);
    world_event(w, "10:17", "ann", "In", NULL);
    assert_true(partition_next_timer(w->partition) <= world_instant("11:17"));
    assert_true(partition_next_timer(w->partition) > world_instant("10:17"));
    world_until(w, "11:16:59.999");
    assert_true(world_is_inside(w, "ann", "J"));
    world_until(w, "11:17");
    assert_false(world_is_inside(w, "ann", "J"));
    assert_int_equal(partition_next_timer(w->partition), INSTANT_NEVER);
}

static bool count_row(void *context, const struct store_row *row)
{
    (void)row;
    ++*(int *)context;
    return true;
}

static void after_a_checkpoint_the_next_start_reads_no_rows(void **state)
{
    struct world *w = *state;
    int rows = 0;
    world_publish(w, "10:00", STAY_A);
    world_event(w, "10:00", "ann", "In", NULL);
    partition_checkpoint(w->partition);
    world_commit(w);
    struct partition_head head;
    assert_int_equal(store_head(w->store, 0, &head, NULL), ERR_OK);
    assert_int_equal(head.horizon, head.seq);
    assert_int_equal(store_rows(w->store, 0, head.horizon, head.seq, count_row, &rows, NULL), ERR_OK);
    assert_int_equal(rows, 0);
    world_reload(w);
    assert_true(world_is_inside(w, "ann", "J"));
    assert_int_equal(engine_event_count(partition_engine(w->partition)), 1);
}

/* ── the control plane ────────────────────────────────────────────────────── */

static void assert_refuses(struct world *w, enum action_kind kind, enum version_hold hold,
                           const char *journey, enum err expected, const char *part)
{
    struct err_detail detail = {0};
    uint64_t before = control_position(w->control);
    const struct control_by by = {.actor = STR("tester"), .at_ms = world_instant("11:00")};
    assert_int_equal(control_act(w->control, kind, hold, str_from(journey), &by, &detail), expected);
    if (!strstr(detail.text, part))
        fail_msg("\"%s\" does not say \"%s\"", detail.text, part);
    assert_int_equal(control_position(w->control), before);
}

static void what_a_state_does_not_allow_is_refused_with_what_it_does(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", STAY_A);
    assert_refuses(w, ACTION_PAUSE, HOLD_ALL, "K", ERR_NOT_FOUND, "no journey is named \"K\"");
    assert_refuses(w, ACTION_RESUME, HOLD_NONE, "J", ERR_REFUSED,
                   "\"J\" is running: resume is not allowed; allowed is pause with hold entries, "
                   "pause with hold all, stop");
    world_act(w, "10:10", ACTION_PAUSE, "J");
    assert_refuses(w, ACTION_PAUSE, HOLD_ALL, "J", ERR_REFUSED,
                   "is paused with hold all: pause with hold all is not allowed; allowed is pause with hold "
                   "entries, resume, stop");
    world_reload(w);
    assert_refuses(w, ACTION_PAUSE, HOLD_ALL, "J", ERR_REFUSED, "is paused");
    world_act(w, "10:20", ACTION_STOP, "J");
    assert_refuses(w, ACTION_RESUME, HOLD_NONE, "J", ERR_REFUSED,
                   "is stopped: resume is not allowed; allowed is nothing");
}

static void an_action_with_a_key_acts_once(void **state)
{
    struct world *w = *state;
    struct err_detail detail;
    world_publish(w, "10:00", STAY_A);
    const struct control_by by = {.actor = STR("tester"), .key = STR("k"), .at_ms = world_instant("11:00")};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(control_act(w->control, ACTION_PAUSE, HOLD_ALL, STR("J"), &by, &detail), ERR_OK);
        world_reload(w);
    }
    struct action action;
    assert_true(control_action(w->control, 1, &action));
    assert_int_equal(action.kind, ACTION_PAUSE);
    assert_false(control_action(w->control, 2, &action));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_over)
    const struct CMUnitTest tests[] = {
        TEST(inputs_that_were_taken_are_skipped),
        TEST(an_input_that_makes_no_row_is_kept_as_taken),
        TEST(there_is_no_batch_where_nothing_was_decided),
        TEST(an_instant_is_settled_with_its_last_inputs_only),
        TEST(time_never_goes_back),
        TEST(the_next_timer_is_never_later_than_it_says),
        TEST(after_a_checkpoint_the_next_start_reads_no_rows),
        TEST(what_a_state_does_not_allow_is_refused_with_what_it_does),
        TEST(an_action_with_a_key_acts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
