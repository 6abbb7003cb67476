#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The reference outputs of splitmix64: a seed that failed once must fail again on every machine. */
static void a_seed_always_gives_the_same_numbers(void **state)
{
    (void)state;
    struct prng prng = {1234567};
    assert_true(prng_next(&prng) == UINT64_C(6457827717110365317));
    assert_true(prng_next(&prng) == UINT64_C(3203168211198807973));
    assert_true(prng_next(&prng) == UINT64_C(9817491932198370423));
    prng = (struct prng){0};
    assert_true(prng_next(&prng) == 0xe220a8397b1dcdaf);
}

static void numbers_stay_below_their_bound_and_reach_all_of_it(void **state)
{
    (void)state;
    struct prng prng = {1};
    uint32_t counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t below = prng_below(&prng, 7);
        assert_in_range(below, 0, 6);
        counts[below]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_true(prng_below(&prng, 1) == 0);
}

static void chance_keeps_its_percentage(void **state)
{
    (void)state;
    struct prng prng = {2};
    uint32_t hits = 0;
    for (int i = 0; i < 100000; i++) {
        assert_false(prng_chance(&prng, 0));
        assert_true(prng_chance(&prng, 100));
        hits += prng_chance(&prng, 30);
    }
    assert_in_range(hits, 29000, 31000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_always_gives_the_same_numbers),
        cmocka_unit_test(numbers_stay_below_their_bound_and_reach_all_of_it),
        cmocka_unit_test(chance_keeps_its_percentage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
