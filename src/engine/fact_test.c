#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "engine/input.h"

static void kinds_are_named_by_their_tables(void **state)
{
    (void)state;
    assert_string_equal(event_kind_name(EVENT_TRACK), "track");
    assert_string_equal(event_kind_name(EVENT_UPDATE), "update");
    assert_string_equal(event_kind_name(EVENT_HISTORY), "history");
    assert_string_equal(event_kind_name(EVENT_ENROLL), "enroll");
    assert_string_equal(enroll_outcome_name(ENROLL_FILTERED), "filtered");
    assert_string_equal(effect_kind_name(EFFECT_OPENED), "opened");
    assert_string_equal(effect_kind_name(EFFECT_UNKNOWN), "unknown");
    assert_string_equal(stat_kind_name(STAT_QUALIFIED), "qualified");
    assert_string_equal(stat_kind_name(STAT_EFFECT), "effect");
    assert_string_equal(block_kind_name(BLOCK_CONTACTS), "contacts");
    assert_string_equal(block_kind_name(BLOCK_TOTALS), "totals");
}

static void an_effect_key_names_partition_enrollment_node_visit_and_destination(void **state)
{
    (void)state;
    char key[EFFECT_KEY_BYTES];
    struct effect_row effect = {
        .enrollment = 70001, .node = 3, .visit = 12, .destination = 1, .seq = 99, .version = 4};
    effect_key(5, &effect, key);
    assert_string_equal(key, "5-70001-3-12-1");

    effect.enrollment = UINT32_MAX;
    effect.visit = UINT32_MAX;
    effect.node = effect.destination = UINT8_MAX;
    effect_key(UINT32_MAX, &effect, key);
    assert_string_equal(key, "4294967295-4294967295-255-4294967295-255");
}

static void rows_of_two_visits_have_two_keys_and_rows_of_one_effect_have_one(void **state)
{
    (void)state;
    char opened[EFFECT_KEY_BYTES], sent[EFFECT_KEY_BYTES], again[EFFECT_KEY_BYTES];
    struct effect_row effect = {
        .seq = 7, .effect = 7, .enrollment = 2, .node = 1, .visit = 1, .kind = EFFECT_OPENED};
    effect_key(0, &effect, opened);
    effect.seq = 9;
    effect.kind = EFFECT_SENT;
    effect_key(0, &effect, sent);
    effect.visit = 2;
    effect_key(0, &effect, again);
    assert_string_equal(opened, sent);
    assert_string_not_equal(opened, again);
}

static void a_cleared_batch_is_empty_and_keeps_its_memory(void **state)
{
    (void)state;
    struct batch batch = {.partition = 3, .epoch = 2};
    for (uint32_t i = 0; i < 100; i++) {
        *array_push(&batch.events) =
            (struct event_row){.seq = i + 1, .body = arena_str(&batch.bytes, STR("{\"a\":1}"))};
        *array_push(&batch.ledger) = (struct ledger_row){.seq = i + 1};
        *array_push(&batch.effects) = (struct effect_row){.seq = i + 1};
        *array_push(&batch.stats) = (struct stat_row){.total = i};
        *array_push(&batch.blocks) = (struct block){.number = i};
    }
    assert_int_equal(batch_rows(&batch), 500);
    struct event_row *items = batch.events.items;

    batch_clear(&batch);

    assert_int_equal(batch_rows(&batch), 0);
    assert_int_equal(batch.bytes.bytes, 0);
    assert_ptr_equal(batch.events.items, items);
    assert_int_equal(batch.partition, 3);
    batch_deinit(&batch);
    assert_null(batch.events.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_named_by_their_tables),
        cmocka_unit_test(an_effect_key_names_partition_enrollment_node_visit_and_destination),
        cmocka_unit_test(rows_of_two_visits_have_two_keys_and_rows_of_one_effect_have_one),
        cmocka_unit_test(a_cleared_batch_is_empty_and_keeps_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
