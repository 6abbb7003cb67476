#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "base/array.h"
#include "http/wire_test.h"

enum { MAX = 10000 };

/* Puts it in pieces of that size; the first verdict that is not fine, or that of the end. */
static enum body_verdict put_in_pieces(struct body *body, struct str bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.size; at += piece) {
        size_t size = bytes.size - at < piece ? bytes.size - at : piece;
        enum body_verdict verdict = body_put(body, (struct str){bytes.data + at, size});
        if (verdict != BODY_FINE)
            return verdict;
    }
    return body_end(body);
}

/* A body of `size` bytes, packed or not, comes out the same, or is refused by `wanted`; the budget is whole
 * again. */
static void assert_body(size_t size, bool packed, size_t piece, enum body_verdict wanted)
{
    struct budget budget = {.max = 1000000};
    struct body body;
    struct buf sent = {0};
    char *bytes = memory_take(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)('a' + i * i % 23);
    if (packed)
        wire_gzip((struct str){bytes, size}, &sent);
    else
        buf_put(&sent, bytes, size);
    body_init(&body, &budget, MAX, packed);
    assert_int_equal(put_in_pieces(&body, buf_str(&sent), piece), wanted);
    if (wanted == BODY_FINE) {
        assert_int_equal(body.size, size);
        assert_memory_equal(body.data, bytes, size);
        assert_true(size == 0 || budget.used >= size);
    }
    assert_true(body.capacity <= MAX);
    body_deinit(&body);
    assert_int_equal(budget.used, 0);
    free(bytes);
    buf_deinit(&sent);
}

static void a_body_comes_out_as_it_was_whatever_its_pieces(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, MAX - 1, MAX};
    static const size_t pieces[] = {1, 7, 4096, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            assert_body(sizes[i], false, pieces[j], BODY_FINE);
            assert_body(sizes[i], true, pieces[j], BODY_FINE);
        }
    }
}

static void one_byte_over_the_maximum_is_too_large(void **state)
{
    (void)state;
    assert_body(MAX + 1, false, 1, BODY_TOO_LARGE);
    assert_body(MAX + 1, false, 100000, BODY_TOO_LARGE);
    assert_body(MAX + 1, true, 1, BODY_TOO_LARGE);
    assert_body(MAX + 1, true, 100000, BODY_TOO_LARGE);
}

static void several_gzip_members_are_one_body(void **state)
{
    (void)state;
    struct budget budget = {.max = 1000000};
    struct buf packed = {0};
    struct body body;
    wire_gzip(STR("one,"), &packed);
    wire_gzip(STR(""), &packed);
    wire_gzip(STR("two"), &packed);
    for (size_t piece = 1; piece < packed.size + 2; piece++) {
        body_init(&body, &budget, MAX, true);
        assert_int_equal(put_in_pieces(&body, buf_str(&packed), piece), BODY_FINE);
        assert_true(str_equal((struct str){body.data, body.size}, STR("one,two")));
        body_deinit(&body);
    }
    body_init(&body, &budget, MAX, true);
    assert_int_equal(put_in_pieces(&body, (struct str){packed.data, packed.size - 1}, 5), BODY_DAMAGED);
    body_init(&body, &budget, MAX, true);
    packed.data[packed.size - 5] ^= 1; /* the checksum */
    assert_int_equal(put_in_pieces(&body, buf_str(&packed), 5), BODY_DAMAGED);
    assert_int_equal(budget.used, 0);
    buf_deinit(&packed);
}

static void packed_bytes_count_against_the_maximum_too(void **state)
{
    (void)state;
    struct budget budget = {.max = 1000000};
    struct buf packed = {0};
    struct body body;
    while (packed.size <= MAX)
        wire_gzip(STR(""), &packed); /* members of nothing, without end */
    body_init(&body, &budget, MAX, true);
    assert_int_equal(put_in_pieces(&body, buf_str(&packed), 1000), BODY_TOO_LARGE);
    assert_int_equal(budget.used, 0);
    buf_deinit(&packed);
}

static void a_budget_used_up_refuses_before_memory_grows(void **state)
{
    (void)state;
    struct budget budget = {.max = 4096 + 100};
    struct body first, second, packed;
    body_init(&first, &budget, MAX, false);
    body_init(&second, &budget, MAX, false);
    body_init(&packed, &budget, MAX, true);
    assert_int_equal(body_put(&first, STR("x")), BODY_FINE);
    assert_int_equal(body_put(&second, STR("x")), BODY_NO_ROOM);
    assert_null(second.data);
    assert_int_equal(body_put(&packed, STR("\x1f")), BODY_NO_ROOM);
    assert_int_equal(budget.used, 4096);
    body_deinit(&first);
    assert_int_equal(body_put(&second, STR("x")), BODY_FINE);
    body_deinit(&second);
    assert_int_equal(budget.used, 0);
    assert_false(budget_take(&budget, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_comes_out_as_it_was_whatever_its_pieces),
        cmocka_unit_test(one_byte_over_the_maximum_is_too_large),
        cmocka_unit_test(several_gzip_members_are_one_body),
        cmocka_unit_test(packed_bytes_count_against_the_maximum_too),
        cmocka_unit_test(a_budget_used_up_refuses_before_memory_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
