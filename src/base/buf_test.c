#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

static void text_is_put_together_in_order(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_put(&buf, NULL, 0);
    buf_put_text(&buf, "a");
    buf_put_str(&buf, STR("bc"));
    buf_put_char(&buf, '-');
    buf_printf(&buf, "%s=%d;", "x", 12);
    buf_put(&buf, "\0z", 2);
    assert_true(str_equal(buf_str(&buf), STR("abc-x=12;\0z")));
    size_t capacity = buf.capacity;
    buf_clear(&buf);
    assert_int_equal(buf.size, 0);
    assert_int_equal(buf.capacity, capacity);
    buf_printf(&buf, "%3000d", 5);
    assert_int_equal(buf.size, 3000);
    buf_deinit(&buf);
    assert_null(buf.data);
}

static void decimals_are_printed_as_printf_would(void **state)
{
    (void)state;
    static const int64_t fixed[] = {0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    struct prng prng = {5};
    for (size_t i = 0; i < 1000; i++) {
        size_t count = sizeof fixed / sizeof *fixed;
        int64_t value = i < count ? fixed[i] : (int64_t)prng_next(&prng) >> prng_below(&prng, 64);
        struct buf buf = {0};
        char expected[32];
        snprintf(expected, sizeof expected, "%lld", (long long)value);
        buf_put_decimal(&buf, value);
        assert_true(str_equal(buf_str(&buf), str_from(expected)));
        buf_deinit(&buf);
    }
}

static void numbers_are_read_back_as_they_were_put(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct prng prng = {7};
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_next(&prng) >> prng_below(&prng, 64);
        buf_put_u64(&buf, value);
        buf_put_varint(&buf, value);
        buf_put_zigzag(&buf, (int64_t)value);
        buf_put_zigzag(&buf, (int64_t)(0 - value));
    }
    struct reader r = reader_of(buf_str(&buf));
    prng = (struct prng){7};
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_next(&prng) >> prng_below(&prng, 64);
        assert_true(reader_u64(&r) == value);
        assert_true(reader_varint(&r) == value);
        assert_true(reader_zigzag(&r) == (int64_t)value);
        assert_true(reader_zigzag(&r) == (int64_t)(0 - value));
    }
    assert_true(reader_done(&r));
    buf_deinit(&buf);
}

static void the_encoding_on_disk_is_fixed(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_put_u64(&buf, 0x0102030405060708);
    buf_put_varint(&buf, 300);
    buf_put_zigzag(&buf, -2);
    buf_put_zigzag(&buf, INT64_MIN);
    buf_put_sized(&buf, STR("ab"));
    assert_true(str_equal(buf_str(&buf), STR("\x08\x07\x06\x05\x04\x03\x02\x01\xac\x02\x03"
                                             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02"
                                             "ab")));
    buf_deinit(&buf);
}

static void a_read_over_the_end_fails_the_reader_for_good(void **state)
{
    (void)state;
    struct reader r = reader_of(STR("\x05"
                                    "ab"));
    assert_int_equal(reader_sized(&r).size, 0);
    assert_true(r.failed);
    assert_true(reader_varint(&r) == 0);
    assert_int_equal(reader_bytes(&r, 1).size, 0);
    assert_true(reader_u64(&r) == 0);
    assert_true(reader_zigzag(&r) == 0);
    assert_false(reader_done(&r));
    r = reader_of(STR("1234567"));
    assert_true(reader_u64(&r) == 0);
    assert_true(r.failed);
    r = reader_of(STR("\x80\x80"));
    assert_true(reader_varint(&r) == 0);
    assert_true(r.failed);
    r = reader_of(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    reader_varint(&r);
    assert_true(r.failed); /* more than 64 bits */
}

static void strings_are_borrowed_from_what_is_read(void **state)
{
    (void)state;
    struct str bytes = STR("\x02"
                           "abXYZ");
    struct reader r = reader_of(bytes);
    struct str sized = reader_sized(&r), rest = reader_bytes(&r, 3);
    assert_ptr_equal(sized.data, bytes.data + 1);
    assert_true(str_equal(sized, STR("ab")));
    assert_true(str_equal(rest, STR("XYZ")));
    assert_true(reader_done(&r));
    r = reader_of((struct str){NULL, 0});
    assert_true(reader_done(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_put_together_in_order),
        cmocka_unit_test(decimals_are_printed_as_printf_would),
        cmocka_unit_test(numbers_are_read_back_as_they_were_put),
        cmocka_unit_test(the_encoding_on_disk_is_fixed),
        cmocka_unit_test(a_read_over_the_end_fails_the_reader_for_good),
        cmocka_unit_test(strings_are_borrowed_from_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
