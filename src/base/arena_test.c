#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_is_taken_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena = {0};
    unsigned char *taken[500];
    for (int i = 0; i < 500; i++) {
        size_t size = (size_t)(i * 7 % 300);
        taken[i] = arena_take(&arena, size);
        assert_int_equal((uintptr_t)taken[i] % 16, 0);
        for (size_t at = 0; at < size; at++)
            assert_int_equal(taken[i][at], 0);
        memset(taken[i], i + 1, size);
    }
    for (int i = 0; i < 500; i++) {
        size_t size = (size_t)(i * 7 % 300);
        for (size_t at = 0; at < size; at++)
            assert_int_equal(taken[i][at], (unsigned char)(i + 1));
    }
    arena_deinit(&arena);
    assert_null(arena.chunk);
}

static void one_piece_may_be_larger_than_any_chunk(void **state)
{
    (void)state;
    struct arena arena = {0};
    char *small = arena_take(&arena, 10);
    char *large = arena_take(&arena, 1 << 20);
    memset(large, 'x', 1 << 20);
    memset(small, 'y', 10);
    assert_int_equal(large[(1 << 20) - 1], 'x');
    assert_int_equal(arena.bytes, (1 << 20) + 16);
    arena_deinit(&arena);
}

static void a_reset_arena_hands_its_largest_chunk_out_again_zeroed(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (int i = 0; i < 1000; i++)
        memset(arena_take(&arena, 100), 0xff, 100);
    struct arena_chunk *largest = arena.chunk;
    arena_reset(&arena);
    assert_ptr_equal(arena.chunk, largest);
    assert_int_equal(arena.bytes, 0);
    const unsigned char *taken = arena_take(&arena, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(taken[i], 0);
    assert_ptr_equal(arena.chunk, largest);
    arena_deinit(&arena);
    arena_reset(&arena); /* an empty one may be reset too */
    assert_null(arena.chunk);
}

static void texts_are_copied_and_terminated(void **state)
{
    (void)state;
    struct arena arena = {0};
    char original[] = "gold";
    struct str copy = arena_str(&arena, str_from(original));
    original[0] = '?';
    assert_string_equal(copy.data, "gold");
    assert_int_equal(copy.size, 4);
    assert_string_equal(arena_str(&arena, (struct str){NULL, 0}).data, "");
    assert_string_equal(arena_printf(&arena, "%s/%d", "nodes", 7), "nodes/7");
    assert_int_equal(strlen(arena_printf(&arena, "%5000d", 1)), 5000);
    arena_deinit(&arena);
}

static void arrays_are_taken_by_count_and_size(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint64_t *numbers = arena_take_array(&arena, 1000, sizeof *numbers);
    for (int i = 0; i < 1000; i++)
        assert_true(numbers[i] == 0);
    assert_int_equal(arena.bytes, 8000);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_zeroed_aligned_and_apart),
        cmocka_unit_test(one_piece_may_be_larger_than_any_chunk),
        cmocka_unit_test(a_reset_arena_hands_its_largest_chunk_out_again_zeroed),
        cmocka_unit_test(texts_are_copied_and_terminated),
        cmocka_unit_test(arrays_are_taken_by_count_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
