#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void strings_are_compared_by_bytes_then_size(void **state)
{
    (void)state;
    static const struct str ordered[] = {{NULL, 0}, {"\0", 1}, {"a", 1},       {"a\0", 2},
                                         {"ab", 2}, {"b", 1},  {"\xc3\xa9", 2}};
    size_t count = sizeof ordered / sizeof *ordered;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = str_compare(ordered[i], ordered[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(str_equal(ordered[i], ordered[j]), i == j);
        }
    }
}

static void beginnings_and_parts_are_recognised(void **state)
{
    (void)state;
    assert_true(str_starts(STR("journey"), STR("jour")));
    assert_true(str_starts(STR("journey"), STR("")));
    assert_true(str_starts((struct str){NULL, 0}, STR("")));
    assert_false(str_starts(STR("jour"), STR("journey")));
    assert_false(str_starts(STR("Journey"), STR("j")));
    assert_true(str_contains(STR("a journey"), STR("jou")));
    assert_true(str_contains(STR(""), STR("")));
    assert_false(str_contains(STR(""), STR("x")));
    assert_false(str_contains(STR("ab"), STR("abc")));
    assert_true(str_contains(STR("a\0b"), STR("\0b")));
}

static void whole_numbers_are_read_to_the_edges_of_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"-42", true, -42},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 99;
        if (str_to_int64(str_from(cases[i].text), &value) != cases[i].is ||
            value != (cases[i].is ? cases[i].value : 99))
            fail_msg("%s: %lld", cases[i].text, (long long)value);
    }
}

static void decimal_numbers_are_read_whole_and_finite(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        double value;
    } cases[] = {
        {"0", true, 0},           {"-12.5", true, -12.5}, {"1e3", true, 1000}, {"+.5E-1", true, 0.05},
        {"5e-324", true, 5e-324}, {"", false, 0},         {"1e999", false, 0}, {"-1e999", false, 0},
        {"nan", false, 0},        {"inf", false, 0},      {"0x10", false, 0},  {" 1", false, 0},
        {"1 ", false, 0},         {"1,5", false, 0},      {"1e", false, 0},    {".", false, 0},
        {"1.2.3", false, 0},      {"--1", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = 99;
        if (str_to_double(str_from(cases[i].text), &value) != cases[i].is ||
            value != (cases[i].is ? cases[i].value : 99))
            fail_msg("%s: %g", cases[i].text, value);
    }
    double value;
    assert_false(str_to_double(STR("1\0002"), &value));
    assert_true(str_to_double((struct str){"123", 2}, &value));
    assert_true(value == 12);
}

/* Every sequence of up to four bytes against the code point that it would encode. */
static bool is_one_code_point(const uint8_t *bytes, size_t size)
{
    static const uint32_t first[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0}, mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    if (size > 1 && (bytes[0] & ~mask[size]) != lead[size])
        return false;
    if (size == 1)
        return bytes[0] < 0x80;
    uint32_t code = bytes[0] & mask[size];
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return false;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    return code >= first[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool is_utf8(const uint8_t *bytes, size_t size)
{
    for (size_t first = 1; first <= size && first <= 4; first++) {
        if (is_one_code_point(bytes, first))
            return is_utf8(bytes + first, size - first);
    }
    return size == 0;
}

static void utf8_is_recognised_as_its_definition_says(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                    0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                    0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff};
    const size_t count = sizeof edges;
    for (size_t size = 0, all = 1; size <= 4; size++, all *= count) {
        for (size_t n = 0; n < all; n++) {
            uint8_t bytes[4];
            size_t left = n;
            for (size_t i = 0; i < size; i++, left /= count)
                bytes[i] = edges[left % count];
            assert_int_equal(str_is_utf8((struct str){(const char *)bytes, size}), is_utf8(bytes, size));
        }
    }
    assert_true(str_is_utf8(STR("grüße 😀 мир")));
    assert_true(str_is_utf8((struct str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_compared_by_bytes_then_size),
        cmocka_unit_test(beginnings_and_parts_are_recognised),
        cmocka_unit_test(whole_numbers_are_read_to_the_edges_of_64_bits),
        cmocka_unit_test(decimal_numbers_are_read_whole_and_finite),
        cmocka_unit_test(utf8_is_recognised_as_its_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
