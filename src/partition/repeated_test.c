/* Records that come once more with a message id that was taken: within one life and after a start. */
#include "partition/world_test.h"

enum { IDS_MAX = 1000 };

static int begin(void **state)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);
    w->dedupe_ids_max = IDS_MAX;
    world_begin(w);
    *state = w;
    return 0;
}

static struct input track(struct world *w, const char *at, uint64_t message)
{
    struct input input = {.kind = INPUT_RECORD};
    world_record(w, &w->arena, world_instant(at), "ann", "In", NULL, &input.record);
    input.record.message = message;
    return input;
}

/* The number of events that the partition has taken after it. */
static uint64_t take(struct world *w, const char *at, uint64_t message)
{
    struct input input = track(w, at, message);
    assert_int_equal(partition_step(w->partition, world_instant(at), 0, &input, 1, true, NULL), ERR_OK);
    return engine_event_count(partition_engine(w->partition));
}

static void a_repeated_record_changes_nothing(void **state)
{
    struct world *w = *state;
    assert_int_equal(take(w, "10:00", 7), 1);
    assert_int_equal(take(w, "10:00", 7), 1); /* not even while it waits to be committed */
    world_commit(w);
    assert_int_equal(take(w, "10:30", 7), 1);
    assert_null(partition_take_batch(w->partition));
    assert_int_equal(take(w, "10:30", 8), 2);
    assert_int_equal(take(w, "10:30", 0), 3); /* one without an id is always another */
    assert_int_equal(take(w, "10:30", 0), 4);
}

static void one_request_may_repeat_itself(void **state)
{
    struct world *w = *state;
    struct input inputs[30];
    for (uint64_t i = 0; i < 30; i++)
        inputs[i] = track(w, "10:00", 1 + i % 10);
    assert_int_equal(partition_step(w->partition, world_instant("10:00"), 0, inputs, 30, true, NULL), ERR_OK);
    assert_int_equal(engine_event_count(partition_engine(w->partition)), 10);
}

static void numbers_go_on_over_repeated_records(void **state)
{
    struct world *w = *state;
    struct input inputs[2] = {track(w, "10:00", 7), track(w, "10:00", 7)};
    inputs[0].number = 1;
    inputs[1].number = 2;
    assert_int_equal(partition_step(w->partition, world_instant("10:00"), 0, inputs, 2, true, NULL), ERR_OK);
    assert_int_equal(partition_head(w->partition)->input, 2);
}

static void a_start_knows_what_is_durable_and_nothing_else(void **state)
{
    struct world *w = *state;
    take(w, "10:00", 7);
    world_commit(w);
    take(w, "10:01", 8); /* lost: it never was committed */
    world_reload(w);
    assert_int_equal(dedupe_count(partition_dedupe(w->partition)), 1);
    assert_int_equal(take(w, "11:00", 7), 1);
    assert_int_equal(take(w, "11:00", 8), 2);
}

static void a_start_from_blocks_alone_knows_the_last_day(void **state)
{
    struct world *w = *state;
    take(w, "01T10:00", 7);
    take(w, "02T09:00", 8);
    partition_checkpoint(w->partition);
    world_commit(w);
    world_reload(w);
    assert_int_equal(take(w, "02T10:00", 7), 2);
    assert_int_equal(take(w, "02T10:46", 7), 3);
    assert_int_equal(take(w, "02T10:46", 8), 3);
    assert_int_equal(take(w, "05T10:46", 8), 4);
}

static void a_start_reads_no_more_than_there_is_room_for(void **state)
{
    struct world *w = *state;
    for (uint64_t i = 1; i <= 4 * IDS_MAX; i++)
        take(w, "10:00", i);
    world_commit(w);
    world_reload(w);
    const struct dedupe *dedupe = partition_dedupe(w->partition);
    assert_in_range(dedupe_count(dedupe), IDS_MAX / 32 * 31, IDS_MAX);
    assert_int_equal(dedupe_lost_ms(dedupe), world_instant("10:00"));
    assert_int_equal(take(w, "10:00", 4 * IDS_MAX), 4 * IDS_MAX);
}

#define REPEATED(name) cmocka_unit_test_setup_teardown(name, begin, world_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPEATED(a_repeated_record_changes_nothing),
        REPEATED(one_request_may_repeat_itself),
        REPEATED(numbers_go_on_over_repeated_records),
        REPEATED(a_start_knows_what_is_durable_and_nothing_else),
        REPEATED(a_start_from_blocks_alone_knows_the_last_day),
        REPEATED(a_start_reads_no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
