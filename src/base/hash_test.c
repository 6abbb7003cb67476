#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

/* These outputs are on disk and have decided chance: if one changes, contacts change their path. */
static void hashes_are_frozen(void **state)
{
    (void)state;
    assert_true(hash_str(STR("")) == 0x2d06800538d394c2);
    assert_true(hash_str(STR("contact-1")) == 0x27a0378cf51b4122);
    assert_true(hash_str_seeded(STR("contact-1"), 42) == 0x3d195354dc523de1);
    assert_true(hash_str_seeded(STR("contact-1"), 0) == hash_str(STR("contact-1")));
}

static void a_stream_digests_the_same_however_it_is_cut(void **state)
{
    (void)state;
    char bytes[1000], whole[33], pieces[33];
    struct prng prng = {9};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)prng_next(&prng);
    struct hash_stream *stream = hash_stream_new();
    hash_stream_hex(stream, whole);
    assert_string_equal(whole, "99aa06d3014798d86001c324468d497f");
    hash_stream_put(stream, (struct str){bytes, sizeof bytes});
    hash_stream_hex(stream, whole);
    hash_stream_free(stream);
    for (size_t step = 1; step < sizeof bytes; step += 61) {
        stream = hash_stream_new();
        for (size_t at = 0; at < sizeof bytes; at += step) {
            size_t left = sizeof bytes - at;
            hash_stream_put(stream, (struct str){bytes + at, left < step ? left : step});
        }
        hash_stream_hex(stream, pieces);
        hash_stream_free(stream);
        assert_string_equal(pieces, whole);
    }
}

static void numbers_below_a_bound_are_spread_evenly(void **state)
{
    (void)state;
    uint32_t counts[10] = {0};
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t below = hash_below(hash_str((struct str){(const char *)&i, sizeof i}), 10);
        assert_in_range(below, 0, 9);
        counts[below]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(hash_below(UINT64_MAX, 100), 99);
    assert_int_equal(hash_below(0, 100), 0);
    assert_int_equal(hash_below(UINT64_MAX, 1), 0);
    assert_int_equal(hash_below(UINT64_MAX, UINT32_MAX), UINT32_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_frozen),
        cmocka_unit_test(a_stream_digests_the_same_however_it_is_cut),
        cmocka_unit_test(numbers_below_a_bound_are_spread_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
