#include "engine/enrollments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

static void an_enrollment_is_48_bytes_at_most(void **state)
{
    (void)state;
    assert_true(sizeof(struct enrollment) <= 48);
}

static void only_an_open_one_is_found(void **state)
{
    (void)state;
    struct enrollments all = {0};
    assert_null(enrollments_find(&all, 0));
    assert_null(enrollments_find(&all, 5000));
    struct enrollment *e = enrollments_open(&all, 5000);
    assert_ptr_equal(enrollments_find(&all, 5000), e);
    assert_null(enrollments_find(&all, 4999));
    assert_int_equal(e->bits, ENROLLMENT_OPEN);
    assert_int_equal(e->next, ENROLLMENT_NONE);
    assert_int_equal(enrollment_due(e), INSTANT_NEVER);
    assert_int_equal(all.open, 1);
    enrollments_close(&all, 5000);
    assert_null(enrollments_find(&all, 5000));
    assert_int_equal(all.open, 0);
    enrollments_deinit(&all);
}

static void the_others_of_a_chunk_stay_when_one_closes(void **state)
{
    (void)state;
    struct enrollments all = {0};
    enrollments_open(&all, 1023)->contact = 7;
    enrollments_open(&all, 1022)->contact = 8;
    enrollments_open(&all, 1024)->contact = 9;
    enrollments_close(&all, 1022);
    assert_int_equal(enrollments_find(&all, 1023)->contact, 7);
    assert_int_equal(enrollments_find(&all, 1024)->contact, 9);
    enrollments_close(&all, 1023);
    assert_null(enrollments_find(&all, 1023));
    assert_int_equal(enrollments_find(&all, 1024)->contact, 9);
    enrollments_deinit(&all);
}

static void next_goes_over_the_open_ones_in_order_of_id(void **state)
{
    (void)state;
    struct enrollments all = {0};
    assert_int_equal(enrollments_next(&all, 0), ENROLLMENT_NONE);
    static const uint32_t ids[] = {0, 1, 1023, 1024, 5000, 9999};
    for (size_t i = sizeof ids / sizeof *ids; i-- > 0;)
        (void)enrollments_open(&all, ids[i]);
    uint32_t at = 0;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(enrollments_next(&all, at), ids[i]);
        at = ids[i] + 1;
    }
    assert_int_equal(enrollments_next(&all, at), ENROLLMENT_NONE);
    assert_int_equal(enrollments_next(&all, UINT32_MAX - 1), ENROLLMENT_NONE);
    enrollments_deinit(&all);
}

static void an_instant_fits_until_the_year_2100_and_never_stays_never(void **state)
{
    (void)state;
    struct enrollments all = {0};
    struct enrollment *e = enrollments_open(&all, 0);
    enrollment_set_due(e, INSTANT_END);
    assert_int_equal(enrollment_due(e), INSTANT_END);
    enrollment_set_due(e, 0);
    assert_int_equal(enrollment_due(e), 0);
    enrollment_set_due(e, INSTANT_NEVER);
    assert_int_equal(enrollment_due(e), INSTANT_NEVER);
    e->arrived_seq = (UINT64_C(1) << 48) - 1;
    assert_true(e->arrived_seq == (UINT64_C(1) << 48) - 1);
    enrollments_deinit(&all);
}

static void a_due_beyond_what_fits_never_comes(void **state)
{
    (void)state;
    struct enrollments all = {0};
    struct enrollment *e = enrollments_open(&all, 0);
    enrollment_set_due(e, INT64_C(253402300799999)); /* the last millisecond of 9999 */
    assert_int_equal(enrollment_due(e), INSTANT_NEVER);
    enrollments_deinit(&all);
}

/* ── blocks ───────────────────────────────────────────────────────────────── */

static void fill(struct enrollment *e, struct prng *prng)
{
    e->contact = (uint32_t)prng_next(prng);
    e->version = (uint16_t)prng_next(prng);
    e->node = (uint8_t)prng_next(prng);
    e->bits |= (uint8_t)prng_next(prng);
    e->visits = (uint32_t)prng_next(prng);
    e->pending = (uint16_t)prng_next(prng);
    enrollment_set_due(e, prng_chance(prng, 30) ? INSTANT_NEVER : (int64_t)prng_below(prng, INSTANT_END));
    e->entered_ms = (int64_t)prng_below(prng, INSTANT_END);
    e->arrived_ms = (int64_t)prng_below(prng, INSTANT_END);
    e->entered_seq = prng_next(prng) & ((UINT64_C(1) << 48) - 1);
    e->arrived_seq = prng_next(prng) & ((UINT64_C(1) << 48) - 1);
}

static void assert_same(const struct enrollment *a, const struct enrollment *b)
{
    struct enrollment left = *a, right = *b;
    left.next = right.next = 0; /* a list is no fact: it is made again */
    assert_memory_equal(&left, &right, sizeof left);
}

static void a_block_gives_back_every_field_and_replaces_what_was_there(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng prng = {seed};
        struct enrollments all = {0}, other = {0};
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t id = 2048 + (uint32_t)prng_below(&prng, ENROLLMENTS_CHUNK);
            if (!enrollments_find(&all, id))
                fill(enrollments_open(&all, id), &prng);
            id = 2048 + (uint32_t)prng_below(&prng, ENROLLMENTS_CHUNK);
            if (!enrollments_find(&other, id))
                fill(enrollments_open(&other, id), &prng);
        }
        enrollments_open(&other, 2047)->contact = 3;
        struct buf block = {0};
        enrollments_encode(&all, 2, &block);
        struct reader r = reader_of(buf_str(&block));
        assert_int_equal(enrollments_decode(&other, 2, &r, NULL), ERR_OK);
        assert_true(reader_done(&r));
        assert_int_equal(other.open, all.open + 1);
        assert_int_equal(enrollments_find(&other, 2047)->contact, 3);
        for (uint32_t id = enrollments_next(&all, 0); id != ENROLLMENT_NONE;
             id = enrollments_next(&all, id + 1))
            assert_same(enrollments_find(&all, id), enrollments_find(&other, id));
        buf_deinit(&block);
        enrollments_deinit(&all);
        enrollments_deinit(&other);
    }
}

static void a_block_without_an_open_one_empties_the_chunk(void **state)
{
    (void)state;
    struct enrollments all = {0}, none = {0};
    (void)enrollments_open(&all, 17);
    struct buf block = {0};
    enrollments_encode(&none, 0, &block);
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(enrollments_decode(&all, 0, &r, NULL), ERR_OK);
    assert_int_equal(all.open, 0);
    buf_deinit(&block);
    enrollments_deinit(&all);
}

static void a_block_that_is_cut_or_holds_an_id_twice_is_refused(void **state)
{
    (void)state;
    struct enrollments all = {0};
    struct prng prng = {1};
    fill(enrollments_open(&all, 1), &prng);
    fill(enrollments_open(&all, 2), &prng);
    struct buf block = {0};
    enrollments_encode(&all, 0, &block);
    for (size_t size = 0; size < block.size; size++) {
        struct enrollments cut = {0};
        struct reader r = reader_of((struct str){block.data, size});
        assert_int_equal(enrollments_decode(&cut, 0, &r, NULL), ERR_CORRUPT);
        enrollments_deinit(&cut);
    }
    struct enrollments twice = {0};
    struct buf bad = {0};
    buf_put_varint(&bad, 2);
    buf_put(&bad, block.data + 1, block.size - 1);
    bad.size = 1; /* the first entry again and again: only its id is looked at */
    for (int i = 0; i < 2; i++) {
        buf_put_varint(&bad, 5);
        for (int field = 0; field < 11; field++)
            buf_put_varint(&bad, 0);
    }
    struct reader r = reader_of(buf_str(&bad));
    assert_int_equal(enrollments_decode(&twice, 0, &r, NULL), ERR_CORRUPT);
    buf_deinit(&bad);
    buf_deinit(&block);
    enrollments_deinit(&twice);
    enrollments_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_enrollment_is_48_bytes_at_most),
        cmocka_unit_test(only_an_open_one_is_found),
        cmocka_unit_test(the_others_of_a_chunk_stay_when_one_closes),
        cmocka_unit_test(next_goes_over_the_open_ones_in_order_of_id),
        cmocka_unit_test(an_instant_fits_until_the_year_2100_and_never_stays_never),
        cmocka_unit_test(a_due_beyond_what_fits_never_comes),
        cmocka_unit_test(a_block_gives_back_every_field_and_replaces_what_was_there),
        cmocka_unit_test(a_block_without_an_open_one_empties_the_chunk),
        cmocka_unit_test(a_block_that_is_cut_or_holds_an_id_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
