#include "contact/strings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/prng.h"

static uint64_t store(struct strings *strings, struct str s)
{
    return strings_store(strings, s, hash_str(s));
}

static bool is(const struct strings *strings, uint64_t ref, struct str s)
{
    return strings_is(strings, ref, s, hash_str(s));
}

static bool is_in_heap(uint64_t ref)
{
    return !(ref >> 63);
}

static void strings_of_any_size_come_back_as_they_were(void **state)
{
    (void)state;
    enum { BYTES = 3000032 };
    static const size_t sizes[] = {0, 1, 127, 128, 129, 16383, 16384, 262143, 262144, 300000, 3000000};
    struct strings strings = {0};
    char *bytes = memory_take(BYTES);
    uint64_t refs[2][sizeof sizes / sizeof *sizes];
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 31 >> 3);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            refs[round][i] = store(&strings, (struct str){bytes + i, sizes[i]});
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct str s = {bytes + i, sizes[i]};
            assert_true(str_equal(strings_get(&strings, refs[round][i]), s));
            assert_true(is(&strings, refs[round][i], s));
            assert_int_equal(strings_hash_of(refs[round][i]), strings_hash_part(hash_str(s)));
            assert_false(is(&strings, refs[round][i], STR("something else")));
            strings_release(&strings, refs[round][i]);
        }
    }
    assert_int_equal(strings.heap.live, 0);
    strings_deinit(&strings);
    free(bytes);
}

static void a_string_that_recurs_is_shared_and_one_that_does_not_is_not(void **state)
{
    (void)state;
    struct strings strings = {0};
    uint64_t first = store(&strings, STR("gold")), second = store(&strings, STR("gold"));
    uint64_t third = store(&strings, STR("gold")), unique = store(&strings, STR("ann@example.org"));
    assert_true(is_in_heap(first) && is_in_heap(unique));
    assert_false(is_in_heap(second));
    assert_int_equal(second, third);
    assert_true(is(&strings, first, STR("gold")) && is(&strings, second, STR("gold")));
    strings_release(&strings, second);
    strings_release(&strings, third);
    assert_int_equal(store(&strings, STR("gold")), second); /* still known when it comes again */
    strings_deinit(&strings);
}

static struct str numbered(char text[32], const char *stem, uint32_t n)
{
    int size = snprintf(text, 32, "%s-%u", stem, n);
    return (struct str){text, (size_t)size};
}

static void the_dictionary_stays_bounded_and_forgets_what_nobody_uses(void **state)
{
    (void)state;
    struct strings strings = {0};
    char text[32];
    ARRAY(uint64_t) shared = {0};
    for (uint32_t n = 0; n < DICTIONARY_STRINGS_MAX + 5000; n++) {
        store(&strings, numbered(text, "first", n));
        uint64_t again = store(&strings, numbered(text, "first", n));
        if (!is_in_heap(again))
            *array_push(&shared) = again;
    }
    assert_int_equal(shared.count, DICTIONARY_STRINGS_MAX);
    assert_int_equal(strings.dictionary.count, DICTIONARY_STRINGS_MAX);
    assert_true(is_in_heap(store(&strings, STR("late"))) && is_in_heap(store(&strings, STR("late"))));
    for (size_t i = 0; i < shared.count / 4; i++)
        strings_release(&strings, shared.items[i]);
    uint64_t late = store(&strings, STR("late"));
    assert_false(is_in_heap(late));
    assert_int_equal(strings.dictionary.count, DICTIONARY_STRINGS_MAX); /* in a number that became free */
    assert_true(is(&strings, late, STR("late")));
    for (uint32_t n = 0; n < DICTIONARY_STRINGS_MAX / 2; n++) { /* it fills up again and stays bounded */
        store(&strings, numbered(text, "then", n));
        bool has_room = n + 1 < DICTIONARY_STRINGS_MAX / 4;
        assert_int_equal(is_in_heap(store(&strings, numbered(text, "then", n))), !has_room);
    }
    assert_int_equal(strings.dictionary.count, DICTIONARY_STRINGS_MAX);
    for (size_t i = shared.count / 4; i < shared.count; i++)
        assert_true(is(&strings, shared.items[i], numbered(text, "first", (uint32_t)i)));
    array_free(&shared);
    strings_deinit(&strings);
}

static void lists_come_back_in_order_with_their_empty_strings(void **state)
{
    (void)state;
    static const struct str items[] = {{"b", 1}, {"", 0}, {"a long one", 10}, {"b", 1}};
    struct strings strings = {0};
    store(&strings, STR("odd")); /* the piece must be aligned wherever it comes to stand */
    uint64_t none = strings_store_list(&strings, NULL, 0), some = strings_store_list(&strings, items, 4);
    uint32_t count;
    strings_get_list(&strings, none, &count);
    assert_int_equal(count, 0);
    const struct str *found = strings_get_list(&strings, some, &count);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(str_equal(found[i], items[i]));
    uint64_t copy = strings_store_list(&strings, found, count); /* borrowed from the heap itself */
    strings_release_list(&strings, some);
    found = strings_get_list(&strings, copy, &count);
    assert_true(count == 4 && str_equal(found[2], items[2]));
    assert_int_not_equal(strings_hash_of(copy), strings_hash_of(none));
    strings_deinit(&strings);
}

static void what_moves_out_of_a_segment_does_not_move_back_into_it(void **state)
{
    (void)state;
    struct strings strings = {0};
    static const struct str items[] = {{"a", 1}};
    uint64_t gone = store(
        &strings, STR("a string that goes away and leaves most of the segment dead, so that it is sparse"));
    uint64_t kept = store(&strings, STR("kept")), list = strings_store_list(&strings, items, 1);
    strings_release(&strings, gone);
    heap_leave_sparse(&strings.heap);
    assert_int_equal(strings.heap.leaving, 1);
    uint64_t come = store(&strings, STR("come"));
    kept = strings_move(&strings, kept);
    assert_int_equal(strings.heap.leaving, 1);
    list = strings_move_list(&strings, list);
    assert_int_equal(strings.heap.leaving, 0);
    uint32_t count;
    assert_true(is(&strings, kept, STR("kept")) && is(&strings, come, STR("come")));
    assert_true(str_equal(strings_get_list(&strings, list, &count)[0], STR("a")));
    assert_int_equal(strings_move(&strings, kept), kept); /* nothing leaves any more */
    strings_deinit(&strings);
}

/* As columns do: strings change until the heap is sparse, then every reference is moved on, with more changes
 * between. */
static void a_rewritten_heap_keeps_what_lives_and_gives_back_the_rest(void **state)
{
    (void)state;
    enum { HELD = 20000 };
    struct strings strings = {0};
    struct prng prng = {7};
    char text[32];
    uint64_t *refs = memory_take_zeroed(HELD, sizeof *refs);
    uint32_t *numbers = memory_take_zeroed(HELD, sizeof *numbers), next = 0;
    for (uint32_t i = 0; i < HELD; i++)
        refs[i] = store(&strings, numbered(text, "a string like any other", numbers[i] = next++));
    int rewritings = 0;
    for (uint32_t change = 0; change < 400000; change++) {
        uint32_t i = (uint32_t)prng_below(&prng, HELD);
        uint64_t old = refs[i];
        refs[i] = store(&strings, numbered(text, "a string like any other", numbers[i] = next++));
        strings_release(&strings, old);
        if (!heap_is_sparse(&strings.heap))
            continue;
        rewritings++;
        heap_leave_sparse(&strings.heap);
        for (uint32_t k = 0; k < HELD; k++)
            refs[k] = strings_move(&strings, refs[k]);
        assert_int_equal(strings.heap.leaving, 0);
        assert_true(strings.heap.used < 2 * strings.heap.live);
    }
    assert_true(rewritings > 2);
    assert_true(strings.heap.used <= 2 * strings.heap.live + HEAP_SPARSE_BYTES_MIN);
    for (uint32_t i = 0; i < HELD; i++)
        assert_true(is(&strings, refs[i], numbered(text, "a string like any other", numbers[i])));
    free(refs);
    free(numbers);
    strings_deinit(&strings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_any_size_come_back_as_they_were),
        cmocka_unit_test(a_string_that_recurs_is_shared_and_one_that_does_not_is_not),
        cmocka_unit_test(the_dictionary_stays_bounded_and_forgets_what_nobody_uses),
        cmocka_unit_test(lists_come_back_in_order_with_their_empty_strings),
        cmocka_unit_test(what_moves_out_of_a_segment_does_not_move_back_into_it),
        cmocka_unit_test(a_rewritten_heap_keeps_what_lives_and_gives_back_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
