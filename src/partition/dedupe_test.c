#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <stdlib.h>

#include "base/prng.h"
#include "partition/dedupe.h"

#define START_MS INT64_C(1767225600000)

static uint64_t id_of(uint64_t n)
{
    return prng_next(&(struct prng){n});
}

static void an_id_is_new_once(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_new(1000);
    assert_true(dedupe_add(d, 7, START_MS));
    assert_false(dedupe_add(d, 7, START_MS));
    assert_true(dedupe_add(d, 8, START_MS));
    assert_true(dedupe_add(d, 7 | UINT64_C(1) << 63, START_MS)); /* every bit counts */
    assert_true(dedupe_add(d, 7 | UINT64_C(1) << 53, START_MS));
    assert_true(dedupe_add(d, UINT64_MAX, START_MS));
    assert_false(dedupe_add(d, UINT64_MAX, START_MS + HOUR_MS));
    assert_int_equal(dedupe_count(d), 5);
    dedupe_free(d);
}

static void an_id_is_known_for_a_day(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_new(1000);
    dedupe_add(d, 1, START_MS);
    dedupe_add(d, 2, START_MS + HOUR_MS);
    assert_false(dedupe_add(d, 1, START_MS + DEDUPE_WINDOW_MS));
    assert_true(dedupe_add(d, 1, START_MS + DEDUPE_WINDOW_MS + DEDUPE_STEP_MS));
    assert_false(dedupe_add(d, 2, START_MS + DEDUPE_WINDOW_MS + DEDUPE_STEP_MS));
    assert_int_equal(dedupe_count(d), 2);
    assert_true(dedupe_lost_ms(d) == INT64_MIN); /* none went before its time */
    assert_true(dedupe_add(d, 2, START_MS + 900 * DAY_MS));
    assert_int_equal(dedupe_count(d), 1);
    dedupe_free(d);
}

static void beyond_its_room_the_oldest_go_first(void **state)
{
    (void)state;
    enum { MAX = 320000, ALL = 5 * MAX };
    struct dedupe *d = dedupe_new(MAX);
    for (uint64_t n = 0; n < ALL; n++) {
        assert_true(dedupe_add(d, id_of(n), START_MS + (int64_t)n / 100));
        assert_true(dedupe_count(d) <= MAX);
    }
    assert_true(dedupe_bytes(d) < (size_t)MAX * 13 + 64 * 1024);
    int64_t now_ms = START_MS + ALL / 100;
    for (uint64_t n = ALL - MAX / 32 * 31; n < ALL; n++)
        assert_false(dedupe_add(d, id_of(n), now_ms));
    assert_in_range(dedupe_lost_ms(d), START_MS + (ALL - MAX) / 100 - 2,
                    START_MS + (ALL - MAX / 32 * 31) / 100);
    assert_true(dedupe_add(d, id_of(ALL - MAX - 1), now_ms));
    dedupe_free(d);
}

/* Against a table of when each was last taken. */
static void what_is_known_is_what_was_taken_within_the_day(void **state)
{
    (void)state;
    enum { IDS = 3000, ADDS = 300000 };
    struct dedupe *d = dedupe_new(IDS * 2);
    int64_t *taken_ms = calloc(IDS, sizeof *taken_ms), now_ms = START_MS;
    struct prng prng = {1};
    uint64_t known = 0, unsure = 0;
    for (int i = 0; i < ADDS; i++) {
        uint64_t id = prng_below(&prng, IDS);
        now_ms += (int64_t)prng_below(&prng, prng_chance(&prng, 1) ? 4 * HOUR_MS : MINUTE_MS);
        int64_t age_ms = now_ms - taken_ms[id];
        bool is_new = dedupe_add(d, id_of(id), now_ms);
        if (age_ms <= DEDUPE_WINDOW_MS)
            assert_false(is_new);
        else if (age_ms > DEDUPE_WINDOW_MS + DEDUPE_STEP_MS)
            assert_true(is_new);
        else
            unsure++;
        known += !is_new;
        if (is_new)
            taken_ms[id] = now_ms;
    }
    assert_in_range(known, ADDS / 8, ADDS - IDS);
    assert_in_range(unsure, 1, ADDS / 10);
    free(taken_ms);
    dedupe_free(d);
}

/* Generations are numbered round and round; an id of a thousand generations ago must not come to life. */
static void what_was_forgotten_stays_forgotten(void **state)
{
    (void)state;
    enum { STEPS = 3000 };
    const uint64_t backs[] = {34, 512, 1022, 1023, 1024, 1040, 1055, 2046};
    for (size_t i = 0; i < sizeof backs / sizeof *backs; i++) {
        struct dedupe *d = dedupe_new(1 << 20);
        for (uint64_t n = 0; n < STEPS; n++) {
            int64_t now_ms = START_MS + (int64_t)n * DEDUPE_STEP_MS;
            assert_true(dedupe_add(d, id_of(n), now_ms));
            if (n >= backs[i])
                assert_true(dedupe_add(d, id_of(n - backs[i]), now_ms));
        }
        dedupe_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_new_once),
        cmocka_unit_test(an_id_is_known_for_a_day),
        cmocka_unit_test(beyond_its_room_the_oldest_go_first),
        cmocka_unit_test(what_is_known_is_what_was_taken_within_the_day),
        cmocka_unit_test(what_was_forgotten_stays_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
