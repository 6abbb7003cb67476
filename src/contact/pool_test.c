#include "contact/pool.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/prng.h"

enum { HEADER = 2, ITEM = 22, ARRAYS = 20000 };

static void capacities_hold_the_count_and_waste_at_most_half_of_it(void **state)
{
    (void)state;
    uint32_t last = 0;
    for (uint32_t count = 1; count <= POOL_CAPACITY_MAX; count++) {
        uint32_t capacity = pool_capacity(count);
        assert_true(capacity >= count && capacity >= last);
        assert_true(capacity <= count + count / 2);
        assert_int_equal(pool_capacity(capacity), capacity);
        last = capacity;
    }
    assert_int_equal(pool_capacity(5), 6);
    assert_int_equal(pool_capacity(7), 8);
    assert_int_equal(pool_capacity(POOL_CAPACITY_MAX), POOL_CAPACITY_MAX);
}

static void fill(void *array, uint32_t capacity, uint8_t with)
{
    memset(array, with, HEADER + (size_t)ITEM * capacity);
}

static void assert_filled(const void *array, uint32_t capacity, uint8_t with)
{
    const uint8_t *bytes = array;
    for (size_t i = 0; i < HEADER + (size_t)ITEM * capacity; i++)
        assert_int_equal(bytes[i], with);
}

static void arrays_keep_their_bytes_while_others_come_and_go(void **state)
{
    (void)state;
    struct prng prng = {1};
    struct pool pool;
    struct {
        void *array;
        uint32_t capacity;
        uint8_t with;
    } held[300] = {0};
    pool_init(&pool, HEADER, ITEM);
    for (int step = 0; step < 20000; step++) {
        size_t i = prng_below(&prng, sizeof held / sizeof *held);
        if (held[i].array) {
            assert_filled(held[i].array, held[i].capacity, held[i].with);
            pool_give(&pool, held[i].array, held[i].capacity);
            held[i].array = NULL;
            continue;
        }
        uint32_t below = prng_chance(&prng, 5) ? 700 : 12; /* some are large */
        held[i].capacity = pool_capacity(1 + (uint32_t)prng_below(&prng, below));
        held[i].with = (uint8_t)prng_next(&prng);
        held[i].array = pool_take(&pool, held[i].capacity);
        assert_int_equal((uintptr_t)held[i].array % 2, 0);
        fill(held[i].array, held[i].capacity, held[i].with);
    }
    pool_deinit(&pool);
}

static void places_given_back_are_taken_again_before_new_pages(void **state)
{
    (void)state;
    struct pool pool;
    void **arrays = memory_take_zeroed(ARRAYS, sizeof *arrays);
    pool_init(&pool, HEADER, ITEM);
    for (uint32_t i = 0; i < ARRAYS; i++)
        arrays[i] = pool_take(&pool, 2);
    size_t pages = pool.pages;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < ARRAYS; i += 3)
            pool_give(&pool, arrays[i], 2);
        for (uint32_t i = 0; i < ARRAYS; i += 3)
            fill(arrays[i] = pool_take(&pool, 2), 2, (uint8_t)i);
        assert_int_equal(pool.pages, pages);
    }
    for (uint32_t i = 0; i < ARRAYS; i++)
        pool_give(&pool, arrays[i], 2);
    for (uint32_t i = 0; i < ARRAYS / 2; i++)
        arrays[i] = pool_take(&pool, 3); /* another capacity, on the pages that emptied */
    assert_int_equal(pool.pages, pages);
    free(arrays);
    pool_deinit(&pool);
}

/* Every array grows from 1 to 6 items; `by_turns`: all by one item, then all by the next, else each at once.
 */
static size_t pages_of_growth(bool by_turns)
{
    struct pool pool;
    void **arrays = memory_take_zeroed(ARRAYS, sizeof *arrays);
    pool_init(&pool, HEADER, ITEM);
    for (uint32_t turn = 0; turn < ARRAYS * 6; turn++) {
        uint32_t i = by_turns ? turn % ARRAYS : turn / 6, had = by_turns ? turn / ARRAYS : turn % 6;
        if (had && pool_capacity(had) == pool_capacity(had + 1))
            continue;
        void *grown = pool_take(&pool, pool_capacity(had + 1));
        if (had)
            pool_give(&pool, arrays[i], pool_capacity(had));
        arrays[i] = grown;
    }
    size_t pages = pool.pages;
    free(arrays);
    pool_deinit(&pool);
    return pages;
}

static void growth_by_turns_leaves_no_holes_behind(void **state)
{
    (void)state;
    size_t at_once = pages_of_growth(false), by_turns = pages_of_growth(true);
    assert_true(at_once * 16384 >= (size_t)ARRAYS * (HEADER + ITEM * 6));
    assert_true(at_once * 16384 <= (size_t)ARRAYS * (HEADER + ITEM * 6) * 103 / 100 + 64 * 16384);
    assert_true(by_turns <= at_once + 64); /* a region more at most */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacities_hold_the_count_and_waste_at_most_half_of_it),
        cmocka_unit_test(arrays_keep_their_bytes_while_others_come_and_go),
        cmocka_unit_test(places_given_back_are_taken_again_before_new_pages),
        cmocka_unit_test(growth_by_turns_leaves_no_holes_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
