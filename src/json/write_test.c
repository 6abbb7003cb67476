#include "json/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"
#include "json/reader.h"

static void assert_number(double number, const char *expected)
{
    char text[32];
    int size = json_number_print(number, text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

static void numbers_are_printed_in_the_shortest_form_that_reads_back(void **state)
{
    (void)state;
    assert_number(0, "0");
    assert_number(-0.0, "0");
    assert_number(1, "1");
    assert_number(-42, "-42");
    assert_number(100000, "100000");
    assert_number(9007199254740992.0, "9007199254740992");
    assert_number(-9007199254740992.0, "-9007199254740992");
    assert_number(0.1, "0.1");
    assert_number(0.1 + 0.2, "0.30000000000000004");
    assert_number(19.99, "19.99");
    assert_number(0.0001, "0.0001");
    assert_number(1e-7, "1e-07");
    assert_number(9007199254740994.0, "9.007199254740994e+15");
    assert_number(18446744073709551616.0, "1.8446744073709552e+19");
    assert_number(1e23, "1e+23");
    assert_number(5e-324, "5e-324");
    assert_number(1.7976931348623157e308, "1.7976931348623157e+308");
    assert_number(-2.2250738585072014e-308, "-2.2250738585072014e-308");
    assert_number(__builtin_inf(), "null");
    assert_number(__builtin_nan(""), "null");
}

static void every_double_reads_back_as_itself(void **state)
{
    (void)state;
    struct prng prng = {3};
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = prng_next(&prng);
        double number, back;
        memcpy(&number, &bits, sizeof number);
        if (!__builtin_isfinite(number))
            continue;
        if (i % 2)
            number = (double)(int64_t)(bits >> 20) / 100; /* amounts of money: the everyday kind */
        char text[32];
        int size = json_number_print(number, text);
        assert_in_range(size, 1, 31);
        assert_true(str_to_double((struct str){text, (size_t)size}, &back));
        assert_memory_equal(&back, &number, sizeof back);
    }
}

static void assert_string(struct str s, const char *expected)
{
    struct buf out = {0};
    json_write_string(s, &out);
    buf_put_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void strings_are_escaped_where_json_demands_it(void **state)
{
    (void)state;
    assert_string(STR(""), "\"\"");
    assert_string((struct str){NULL, 0}, "\"\"");
    assert_string(STR("plain"), "\"plain\"");
    assert_string(STR("\"quoted\" back\\slash"), "\"\\\"quoted\\\" back\\\\slash\"");
    assert_string(STR("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
    assert_string(STR("\0\x01\x0b\x1f\x7f"), "\"\\u0000\\u0001\\u000b\\u001f\x7f\"");
    assert_string(STR("é😀/</script>"), "\"é😀/</script>\"");
}

static void what_is_written_is_read_back_as_the_same_bytes(void **state)
{
    (void)state;
    struct json_reader *reader = json_reader_new();
    for (int c = 0; c < 0x80; c++) {
        char bytes[] = {'a', (char)c, 'z'};
        struct buf out = {0};
        struct json_node node;
        json_write_string((struct str){bytes, sizeof bytes}, &out);
        assert_int_equal(json_reader_parse(reader, buf_str(&out), &node, NULL), ERR_OK);
        assert_true(str_equal(json_node_string(node), (struct str){bytes, sizeof bytes}));
        buf_deinit(&out);
    }
    json_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_printed_in_the_shortest_form_that_reads_back),
        cmocka_unit_test(every_double_reads_back_as_itself),
        cmocka_unit_test(strings_are_escaped_where_json_demands_it),
        cmocka_unit_test(what_is_written_is_read_back_as_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
