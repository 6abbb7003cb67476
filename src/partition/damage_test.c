/* Rows that a damaged store gives back: each that names what is not there is refused, none is applied. */
#include "partition/world_test.h"

static const char journey[] =
    "{'name':'J','entry':{'rules':[{'event':'In'}]},'exits':[{'event':'Out'}],'goals':[{'name':'G','event':'"
    "Won'}],"
    "'nodes':{'w':{'type':'wait','for':'1d','next':'s'},'s':{'type':'stop'}},'start':'w'}";

static uint64_t no_seqs(void *context, uint32_t count)
{
    (void)context;
    (void)count;
    fail_msg("loading decides nothing");
    return 0;
}

/* An engine that has loaded one contact, and is about to read ledger rows. */
static struct engine *loading_engine(struct world *w)
{
    const struct engine_options options = {.plan = control_plan(w->control), .seqs = no_seqs};
    struct engine *engine = engine_new(&options);
    struct action action;
    assert_true(control_action(w->control, 0, &action));
    const struct partition_head head = {
        .seq = 100, .now_ms = world_instant("12:00"), .control = action.position};
    engine_load_begin(engine, &head, &action, 1);
    const struct event_row event = {.seq = 1,
                                    .at_ms = world_instant("10:00"),
                                    .received_ms = world_instant("10:00"),
                                    .created = STR("ann")};
    assert_int_equal(engine_load_row(engine, &event, NULL, NULL), ERR_OK);
    return engine;
}

static void rows_that_name_what_is_not_there_are_refused(void **state)
{
    struct world *w = *state;
    world_publish(w, "10:00", journey);
    const struct ledger_row sound = {.seq = 2,
                                     .at_ms = world_instant("10:00"),
                                     .due_ms = INSTANT_NEVER,
                                     .flags = LEDGER_ENTERS | LEDGER_MOVES};
    static const struct passage past_nodes[] = {{7, 0}}, past_outcomes[] = {{0, 1}}, out_of_stop[] = {{1, 0}};
    struct ledger_row rows[9];
    for (size_t i = 0; i < 9; i++)
        rows[i] = sound;
    rows[1].version = 1;
    rows[2].contact = 1;
    rows[3].node = 2;
    rows[4].reason = LEAVE_REASONS;
    rows[5].flags |= LEDGER_LEAVES;
    rows[5].reason = LEAVE_GOAL;
    rows[5].which = 1;
    const struct passage *const paths[] = {past_nodes, past_outcomes, out_of_stop};
    for (size_t i = 0; i < 3; i++) {
        rows[6 + i].path = paths[i];
        rows[6 + i].path_count = 1;
    }
    for (size_t i = 0; i < 9; i++) {
        struct engine *engine = loading_engine(w);
        struct err_detail detail = {"", ""};
        assert_int_equal(engine_load_row(engine, NULL, &rows[i], &detail), i ? ERR_CORRUPT : ERR_OK);
        assert_true(!i || strstr(detail.text, "ledger row 2"));
        engine_free(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        rows_that_name_what_is_not_there_are_refused, world_open, world_over)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
