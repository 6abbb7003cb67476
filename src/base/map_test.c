#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

/* The map knows hashes only; the keys are here, under their numbers. */
struct keys {
    uint64_t of[20000];
    uint64_t hash_mask; /* takes bits off the hashes to make keys collide */
    uint64_t wanted;
};

static uint64_t hash_of(const void *context, uint32_t value)
{
    const struct keys *keys = context;
    struct prng prng = {keys->of[value]};
    return prng_next(&prng) & keys->hash_mask;
}

static bool is_wanted(const void *context, uint32_t value)
{
    const struct keys *keys = context;
    return keys->of[value] == keys->wanted;
}

static bool find(const struct map *map, struct keys *keys, uint64_t key, uint32_t *ret)
{
    struct prng prng = {key};
    keys->wanted = key;
    return map_find(map, prng_next(&prng) & keys->hash_mask, is_wanted, keys, ret);
}

static void fill_and_find(struct keys *keys, uint32_t count)
{
    struct map map = {0};
    uint32_t found = UINT32_MAX;
    assert_false(find(&map, keys, 1, &found));
    for (uint32_t i = 0; i < count; i++) {
        keys->of[i] = (uint64_t)i * 3 + 1;
        assert_false(find(&map, keys, keys->of[i], &found));
        map_add(&map, hash_of(keys, i), i, hash_of, keys);
    }
    assert_int_equal(map.count, count);
    for (uint32_t i = 0; i < count; i++) {
        map_prefetch(&map, hash_of(keys, i));
        assert_true(find(&map, keys, (uint64_t)i * 3 + 1, &found));
        assert_int_equal(found, i);
        found = UINT32_MAX;
        assert_false(find(&map, keys, (uint64_t)i * 3 + 2, &found));
        assert_int_equal(found, UINT32_MAX);
    }
    map_deinit(&map);
    assert_null(map.slots);
}

static void every_key_is_found_while_the_map_grows(void **state)
{
    (void)state;
    static struct keys keys = {.hash_mask = UINT64_MAX};
    fill_and_find(&keys, 20000);
}

static void keys_of_equal_hash_are_told_apart(void **state)
{
    (void)state;
    static struct keys keys = {.hash_mask = 0x0000000300000003};
    fill_and_find(&keys, 1000);
}

static void an_empty_map_takes_no_memory_and_may_be_prefetched(void **state)
{
    (void)state;
    struct map map = {0};
    map_prefetch(&map, 12345);
    map_deinit(&map);
    assert_int_equal(map.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_found_while_the_map_grows),
        cmocka_unit_test(keys_of_equal_hash_are_told_apart),
        cmocka_unit_test(an_empty_map_takes_no_memory_and_may_be_prefetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
