#include "engine/holds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "journey/definition.h"

static void assert_same(const struct hold *a, const struct hold *b)
{
    assert_int_equal(a->end_ms, b->end_ms);
    assert_int_equal(a->wait_ms, b->wait_ms);
    assert_int_equal(a->end_cause, b->end_cause);
    assert_int_equal(a->wait_cause, b->wait_cause);
    assert_true(a->value == b->value);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->which, b->which);
}

static const struct hold holds[] = {
    HOLD_NOTHING,
    {.end_ms = 1772323200123,
     .wait_ms = INSTANT_NEVER,
     .end_cause = 17,
     .reason = LEAVE_EXIT_RULE,
     .which = 9},
    {.end_ms = INSTANT_NEVER, .wait_ms = 1772323200000, .wait_cause = INT64_C(1) << 47},
    {.end_ms = 5,
     .wait_ms = 4,
     .end_cause = 0,
     .wait_cause = 3,
     .value = 19.99,
     .reason = LEAVE_GOAL,
     .which = 2},
    {.end_ms = 0, .wait_ms = 0, .end_cause = 1, .wait_cause = 1, .value = -1e300, .reason = LEAVE_GOAL},
    {.end_ms = 0,
     .wait_ms = INSTANT_NEVER,
     .end_cause = 1,
     .value = 9007199254740993.0,
     .reason = LEAVE_GOAL},
    {.end_ms = 0, .wait_ms = INSTANT_NEVER, .end_cause = 1, .value = 0.1 + 0.2, .reason = LEAVE_GOAL},
    {.end_ms = 0, .wait_ms = INSTANT_NEVER, .end_cause = 1, .value = 1e17, .reason = LEAVE_GOAL},
    {.end_ms = 0, .wait_ms = INSTANT_NEVER, .end_cause = 1, .value = -5e-324, .reason = LEAVE_GOAL},
};
enum { HOLDS = sizeof holds / sizeof *holds };

static void the_detail_of_a_row_gives_the_hold_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < HOLDS; i++) {
        struct buf text = {0};
        hold_write(&holds[i], &text);
        struct hold back = {.which = 77};
        struct err_detail detail = {0};
        if (hold_read(buf_str(&text), &back, &detail) != ERR_OK)
            fail_msg("%.*s: %s", STR_ARG(buf_str(&text)), detail.text);
        assert_same(&back, i ? &holds[i] : &HOLD_NOTHING);
        buf_deinit(&text);
    }
}

static void a_block_gives_the_hold_back(void **state)
{
    (void)state;
    struct buf bytes = {0};
    for (size_t i = 0; i < HOLDS; i++)
        hold_encode(&holds[i], &bytes);
    struct reader r = reader_of(buf_str(&bytes));
    for (size_t i = 0; i < HOLDS; i++) {
        struct hold back = hold_decode(&r);
        assert_same(&back, &holds[i]);
    }
    assert_true(reader_done(&r));
    for (size_t size = 0; size < 8; size++) {
        struct reader cut = reader_of((struct str){bytes.data, size});
        (void)hold_decode(&cut);
        assert_true(cut.failed);
    }
    buf_deinit(&bytes);
}

static void a_detail_that_is_no_json_is_damaged_data(void **state)
{
    (void)state;
    struct hold back;
    assert_int_equal(hold_read(STR("{\"end_at\":"), &back, NULL), ERR_CORRUPT);
    assert_int_equal(hold_read(STR(""), &back, NULL), ERR_CORRUPT);
}

static void each_enrollment_has_its_own_and_the_last_one_set_stands(void **state)
{
    (void)state;
    struct holds kept = {0};
    struct hold nothing = holds_get(&kept, 3);
    assert_same(&nothing, &HOLD_NOTHING);
    for (uint32_t id = 0; id < 5000; id += 7)
        holds_set(&kept, id, &(struct hold){.end_ms = id, .wait_ms = INSTANT_NEVER, .which = 1});
    for (uint32_t id = 0; id < 5000; id += 14)
        holds_set(&kept, id, &(struct hold){.end_ms = id, .wait_ms = 1, .which = 2});
    for (uint32_t id = 0; id < 5000; id++) {
        struct hold hold = holds_get(&kept, id);
        assert_int_equal(hold.end_ms, id % 7 ? INSTANT_NEVER : (int64_t)id);
        assert_int_equal(hold.which, id % 7 ? 0 : id % 14 ? 1 : 2);
    }
    holds_deinit(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_detail_of_a_row_gives_the_hold_back),
        cmocka_unit_test(a_block_gives_the_hold_back),
        cmocka_unit_test(a_detail_that_is_no_json_is_damaged_data),
        cmocka_unit_test(each_enrollment_has_its_own_and_the_last_one_set_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
