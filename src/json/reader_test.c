#include "json/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct json_reader *reader;

static int setup(void **state)
{
    (void)state;
    reader = json_reader_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_reader_free(reader);
    return 0;
}

static struct json_node parse(const char *text)
{
    struct json_node root;
    struct err_detail detail;
    if (json_reader_parse(reader, str_from(text), &root, &detail))
        fail_msg("%s: %s", text, detail.text);
    return root;
}

static void assert_refused(struct str text, const char *because)
{
    struct json_node root = {{1, 2}};
    struct err_detail detail = {"", ""};
    if (json_reader_parse(reader, text, &root, &detail) != ERR_INVALID || !strstr(detail.text, because))
        fail_msg("%.*s: \"%s\" instead of \"%s\"", STR_ARG(text), detail.text, because);
    assert_true(root.opaque[0] == 1 && root.opaque[1] == 2);
    assert_int_equal(json_reader_parse(reader, text, &root, NULL), ERR_INVALID);
}

static void nodes_tell_their_type_and_value(void **state)
{
    (void)state;
    assert_int_equal(json_node_type(parse("null")), JSON_TYPE_NULL);
    assert_int_equal(json_node_type(parse("[]")), JSON_TYPE_ARRAY);
    assert_int_equal(json_node_type(parse("{}")), JSON_TYPE_OBJECT);
    struct json_node node = parse(" \"caf\\u00e9 \\ud83d\\ude00\" ");
    assert_int_equal(json_node_type(node), JSON_TYPE_STRING);
    assert_true(str_equal(json_node_string(node), STR("café 😀")));
    assert_true(json_node_number(node) == 0);
    assert_true(json_node_bool(parse("true")));
    assert_false(json_node_bool(parse("false")));
    assert_false(json_node_bool(parse("1")));
    assert_int_equal(json_node_type(parse("false")), JSON_TYPE_BOOL);
    assert_true(json_node_number(parse("-12.5e1")) == -125);
    assert_true(json_node_number(parse("18446744073709551615")) == 18446744073709551615.0);
    assert_int_equal(json_node_type(parse("7")), JSON_TYPE_NUMBER);
    assert_true(str_equal(json_node_string(parse("7")), STR("")));
    assert_true(str_equal(json_node_string(parse("\"a\\u0000b\"")), STR("a\0b")));
}

static void whole_numbers_are_integers_however_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-7", true, -7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"20.0", true, 20},
        {"2e3", true, 2000},
        {"-9007199254740992.0", true, -INT64_C(9007199254740992)},
        {"9223372036854775808", false, 0},
        {"1e16", false, 0},
        {"0.5", false, 0},
        {"1e300", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 99;
        assert_int_equal(json_node_is_integer(parse(cases[i].text), &value), cases[i].is);
        assert_true(value == (cases[i].is ? cases[i].value : 99));
    }
}

static void fields_are_found_by_name_and_the_last_of_two_counts(void **state)
{
    (void)state;
    struct json_node root = parse("{\"a\":1,\"\":2,\"a\\nb\":3,\"a\":4}"), found;
    assert_true(json_node_find(root, STR("a"), &found));
    assert_true(json_node_number(found) == 4);
    assert_true(json_node_find(root, STR(""), &found));
    assert_true(json_node_number(found) == 2);
    assert_true(json_node_find(root, STR("a\nb"), &found));
    assert_true(json_node_number(found) == 3);
    assert_false(json_node_find(root, STR("A"), &found));
    assert_false(json_node_find(parse("[1]"), STR("a"), &found));
    assert_false(json_node_find(parse("1"), STR("a"), &found));
}

static void iterators_go_over_objects_and_arrays_in_order(void **state)
{
    (void)state;
    struct json_iterator it = json_node_iterate(parse("{\"b\":[10,[20],{\"x\":30}],\"a\":null}"));
    struct json_node node, item;
    struct str name;
    assert_true(json_iterator_next(&it, &name, &node));
    assert_true(str_equal(name, STR("b")));
    struct json_iterator items = json_node_iterate(node);
    static const enum json_type types[] = {JSON_TYPE_NUMBER, JSON_TYPE_ARRAY, JSON_TYPE_OBJECT};
    for (int i = 0; i < 3; i++) {
        assert_true(json_iterator_next(&items, &name, &item));
        assert_int_equal(name.size, 0);
        assert_int_equal(json_node_type(item), types[i]);
    }
    assert_false(json_iterator_next(&items, &name, &item));
    assert_false(json_iterator_next(&items, &name, &item));
    assert_true(json_iterator_next(&it, &name, &node));
    assert_true(str_equal(name, STR("a")));
    assert_int_equal(json_node_type(node), JSON_TYPE_NULL);
    assert_false(json_iterator_next(&it, &name, &node));
    static const char *const empty[] = {"[]", "{}", "1", "\"abc\"", "null"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        it = json_node_iterate(parse(empty[i]));
        assert_false(json_iterator_next(&it, &name, &node));
    }
}

static void nodes_are_written_compactly_with_exact_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } cases[] = {
        {" { \"a\" : [ 1 , 2.50 , -0.0, 1e3 ] , \"b\" : { } } ", "{\"a\":[1,2.5,0,1000],\"b\":{}}"},
        {"[18446744073709551615,9223372036854775808,-9223372036854775808,9007199254740993]",
         "[18446744073709551615,9223372036854775808,-9223372036854775808,9007199254740993]"},
        {"[null,true,false,[],\"\"]", "[null,true,false,[],\"\"]"},
        {"\"\\u00e9\\/\\n\\u0000\"", "\"é/\\n\\u0000\""},
        {"{\"a\\\"b\":1,\"a\\\"b\":2}", "{\"a\\\"b\":1,\"a\\\"b\":2}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = {0};
        json_node_write(parse(cases[i].text), &out);
        buf_put_char(&out, '\0');
        assert_string_equal(out.data, cases[i].written);
        buf_deinit(&out);
    }
}

static void what_is_not_json_is_refused_with_its_byte(void **state)
{
    (void)state;
    static const struct {
        const char *text, *because;
    } cases[] = {
        {"", "empty"},
        {"  ", "end of file"},
        {"{\"a\": tru}", "byte 9: invalid token near 'tru'"},
        {"{\"a\": {\"b\": [tru]}}", "'tru'"},
        {"{\"a\":1", "end of file"},
        {"{\"a\":1}}", "byte 8"},
        {"{} x", "near 'x'"},
        {"{a:1}", "byte 2"},
        {"{'a':1}", "byte 2"},
        {"[1,]", "near ']'"},
        {"[1 2]", "'2'"},
        {"[01]", "'0'"},
        {"[1.]", "'1.'"},
        {"[.5]", "'.'"},
        {"[+1]", "'+'"},
        {"[NaN]", "'NaN'"},
        {"[1e999]", "overflow"},
        {"[123456789012345678901234567890]", "too big integer"},
        {"[\"a\tb\"]", "control character 0x9"},
        {"[\"a\\qb\"]", "escape"},
        {"[\"\\u12G4\"]", "escape"},
        {"[\"abc", "'\"abc'"},
        {"// x\n1", "byte 1"},
        {"[\"\\ud800\"]", "invalid Unicode '\\uD800'"},
        {"[\"\\udc00\"]", "invalid Unicode '\\uDC00'"},
        {"[\"\\ud800\\u0041\"]", "invalid Unicode"},
        {"[\"\\ud800\\ud800\"]", "invalid Unicode"},
        {"{\"\\udfff\":1}", "invalid Unicode"},
        {"[\"\xff\"]", "unable to decode byte 0xff"},
        {"[\"\xc0\xaf\"]", "unable to decode byte 0xc0"},
        {"[\"\xed\xa0\x80\"]", "unable to decode byte"},
        {"[\"\xe2\x82\"]", "unable to decode byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(str_from(cases[i].text), cases[i].because);
    assert_refused(STR("[1]\0"), "byte 4");
    assert_refused(STR("[1\0]"), "byte 3: control character 0x0");
    assert_refused(STR("[true\0]"), "byte 6: control character 0x0");
    assert_refused(STR("[\"a\0b\"]"), "control character");
    assert_refused((struct str){NULL, 0}, "empty");
}

static void escaped_backslashes_are_not_taken_for_surrogates(void **state)
{
    (void)state;
    assert_true(str_equal(json_node_string(parse("\"\\\\ud800\"")), STR("\\ud800")));
    assert_true(str_equal(json_node_string(parse("\"\\\\\\ud83d\\ude00\"")), STR("\\😀")));
    assert_refused(STR("\"\\\\\\ud83d\""), "invalid Unicode");
}

static struct str nested(char *text, size_t levels, char open, char close)
{
    size_t size = 0;
    for (size_t i = 0; i < levels; i++) {
        text[size++] = open;
        if (open == '{') {
            memcpy(text + size, "\"a\":", 4);
            size += 4;
        }
    }
    text[size++] = '1';
    memset(text + size, close, levels);
    return (struct str){text, size + levels};
}

static void nesting_is_taken_to_64_levels_and_no_further(void **state)
{
    (void)state;
    static char text[70000];
    struct json_node root;
    assert_int_equal(json_reader_parse(reader, nested(text, 64, '[', ']'), &root, NULL), ERR_OK);
    assert_int_equal(json_reader_parse(reader, nested(text, 64, '{', '}'), &root, NULL), ERR_OK);
    assert_refused(nested(text, 65, '[', ']'), "deeper than 64 levels at byte 65");
    assert_refused(nested(text, 65, '{', '}'), "deeper than 64 levels");
    assert_refused(nested(text, 10000, '[', ']'), "deeper than 64 levels");
    assert_refused(nested(text, 10000, '{', '}'), "deeper than 64 levels");
    memcpy(text, "[1,,", 4); /* what comes first is named first */
    assert_refused((struct str){text, 10000}, "byte 4");
    memset(text, '[', 10000);
    assert_refused((struct str){text, 10000}, "deeper than 64 levels");
}

static void a_reader_grows_with_its_texts_and_is_used_again(void **state)
{
    (void)state;
    struct buf text = {0};
    for (size_t items = 1; items < 300000; items *= 7) {
        buf_clear(&text);
        for (size_t i = 0; i < items; i++)
            buf_printf(&text, "%c\"%zu\"", i ? ',' : '[', i);
        buf_put_char(&text, ']');
        struct json_node root, item;
        assert_int_equal(json_reader_parse(reader, buf_str(&text), &root, NULL), ERR_OK);
        struct json_iterator it = json_node_iterate(root);
        struct str name, last = STR("");
        size_t count = 0;
        for (; json_iterator_next(&it, &name, &item); count++)
            last = json_node_string(item);
        assert_int_equal(count, items);
        char expected[32];
        snprintf(expected, sizeof expected, "%zu", items - 1);
        assert_true(str_equal(last, str_from(expected)));
        assert_refused(STR("[1"), "end of file");
    }
    buf_deinit(&text);
}

static void a_text_over_the_limit_is_refused_unread(void **state)
{
    (void)state;
    struct err_detail detail;
    struct json_node root;
    static const char byte[1] = "1"; /* the size alone decides, so no such text is needed */
    struct str text = {byte, JSON_TEXT_BYTES_MAX + 1};
    assert_int_equal(json_reader_parse(reader, text, &root, &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "16777217"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_tell_their_type_and_value),
        cmocka_unit_test(whole_numbers_are_integers_however_they_are_written),
        cmocka_unit_test(fields_are_found_by_name_and_the_last_of_two_counts),
        cmocka_unit_test(iterators_go_over_objects_and_arrays_in_order),
        cmocka_unit_test(nodes_are_written_compactly_with_exact_numbers),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_byte),
        cmocka_unit_test(escaped_backslashes_are_not_taken_for_surrogates),
        cmocka_unit_test(nesting_is_taken_to_64_levels_and_no_further),
        cmocka_unit_test(a_reader_grows_with_its_texts_and_is_used_again),
        cmocka_unit_test(a_text_over_the_limit_is_refused_unread),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
