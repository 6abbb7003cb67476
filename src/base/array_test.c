#include "base/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void items_keep_their_order_while_the_array_grows(void **state)
{
    (void)state;
    ARRAY(uint64_t) numbers = {0};
    for (uint64_t i = 0; i < 10000; i++)
        *array_push(&numbers) = i * i;
    assert_int_equal(numbers.count, 10000);
    assert_true(numbers.capacity >= numbers.count);
    array_each (&numbers, i)
        assert_true(numbers.items[i] == i * i);
    array_free(&numbers);
    assert_null(numbers.items);
    assert_int_equal(numbers.count + numbers.capacity, 0);
}

static void room_reserved_is_not_moved_by_pushing(void **state)
{
    (void)state;
    ARRAY(int) numbers = {0};
    array_reserve(&numbers, 100);
    const int *before = numbers.items;
    for (int i = 0; i < 100; i++)
        *array_push(&numbers) = i;
    assert_ptr_equal(numbers.items, before);
    array_free(&numbers);
}

static void a_cleared_array_keeps_its_memory(void **state)
{
    (void)state;
    ARRAY(char) bytes = {0};
    *array_push(&bytes) = 'x';
    const char *before = bytes.items;
    array_clear(&bytes);
    assert_int_equal(bytes.count, 0);
    *array_push(&bytes) = 'y';
    assert_ptr_equal(bytes.items, before);
    array_free(&bytes);
}

static void memory_taken_is_never_null_and_zeroed_where_promised(void **state)
{
    (void)state;
    void *none = memory_take(0);
    assert_non_null(none);
    unsigned char *zeroed = memory_take_zeroed(1000, 3);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(zeroed[i], 0);
    void *nothing = memory_take_zeroed(0, 8);
    assert_non_null(nothing);
    free(nothing);
    free(zeroed);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_keep_their_order_while_the_array_grows),
        cmocka_unit_test(room_reserved_is_not_moved_by_pushing),
        cmocka_unit_test(a_cleared_array_keeps_its_memory),
        cmocka_unit_test(memory_taken_is_never_null_and_zeroed_where_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
