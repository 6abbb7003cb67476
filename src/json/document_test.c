#include "json/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "json/reader.h"

static json_t *parse(struct str text)
{
    json_t *json = NULL;
    struct err_detail detail;
    if (document_parse(text, "t", &json, &detail))
        fail_msg("%s: %s", detail.place, detail.text);
    return json;
}

static void assert_refused(struct str text, const char *place, const char *because)
{
    json_t *json = NULL;
    struct err_detail detail = {"", ""};
    enum err err = document_parse(text, "journey.json", &json, &detail);
    assert_null(json);
    assert_int_equal(err, ERR_INVALID);
    if (strcmp(detail.place, place) != 0 || !strstr(detail.text, because))
        fail_msg("%.*s: %s: %s", STR_ARG(text), detail.place, detail.text);
}

static void faults_are_named_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *because;
    } cases[] = {
        {"{\n  \"a\": tru\n}", "journey.json:2:10", "invalid token near 'tru'"},
        {"{\"a\":1,\n\"a\":2}", "journey.json:2:3", "duplicate object key"},
        {"{\"a\":1} x", "journey.json:1:9", "end of file expected near 'x'"},
        {"{\"a\":[1,2}", "journey.json:1:10", "']' expected near '}'"},
        {"", "journey.json:1:0", "near end of file"},
        {"7", "journey.json:1:1", "'[' or '{' expected near '7'"},
        {"{\"é\": \"\xff\"}", "journey.json:1:7", "unable to decode byte 0xff"},
        {"{\"a\":\"\\u0000\"}", "journey.json:1:13", "\\u0000 is not allowed"},
        {"{\"a\":\"\\ud800\"}", "journey.json:1:13", "invalid Unicode '\\uD800'"},
        {"{\"a\":1e999}", "journey.json:1:10", "real number overflow"},
        {"{\"a\":99999999999999999999}", "journey.json:1:25", "too big integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(str_from(cases[i].text), cases[i].place, cases[i].because);
    assert_refused((struct str){NULL, 0}, "journey.json:1:0", "near end of file");
    assert_refused(STR("{\"a\":\"x\0y\"}"), "journey.json:1:8", "control character 0x0");
    assert_refused(STR("{\"a\":1\0}"), "journey.json:1:7", "control character 0x0");
    assert_refused(STR("{\"a\":true\0}"), "journey.json:1:10", "control character 0x0");
}

static void nesting_is_taken_to_64_levels_and_no_further(void **state)
{
    (void)state;
    static char text[20001];
    for (size_t levels = 64; levels <= 10000; levels = levels == 64 ? 65 : levels + 9935) {
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        if (levels == 64)
            json_decref(parse((struct str){text, 2 * levels}));
        else
            assert_refused((struct str){text, 2 * levels}, "journey.json:1:65", "nested too deep");
    }
    memset(text, '[', 100); /* brackets in a string are no nesting */
    memcpy(text, "[\"\\\"", 4);
    memcpy(text + 98, "\"]", 2);
    json_decref(parse((struct str){text, 100}));
}

static void a_document_over_4_mb_is_refused(void **state)
{
    (void)state;
    json_t *json = NULL;
    struct err_detail detail;
    struct str text = {"[", DOCUMENT_BYTES_MAX + 1}; /* the size alone decides */
    assert_int_equal(document_parse(text, "body", &json, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "body");
}

static void assert_written(struct str text, const char *expected)
{
    struct buf out = {0};
    json_t *json = parse(text);
    document_write(json, &out);
    buf_put_char(&out, '\0');
    assert_string_equal(out.data, expected);
    json_decref(json);
    buf_deinit(&out);
}

static void a_document_is_written_compactly_in_its_own_order(void **state)
{
    (void)state;
    const char *expected = "{\"\":{},\"Z\":[1,true,null,false],\"a\":{\"c\":\"x\\n\",\"b\":0.1},\"aa\":20}";
    assert_written(STR("{\"aa\":20, \"a\":{\"b\":0.1}, \"Z\":[]}"), "{\"aa\":20,\"a\":{\"b\":0.1},\"Z\":[]}");
    assert_written(
        STR("{\"\":{},\"Z\":[1.0,true,null,false],\"a\":{\"c\":\"x\\u000a\",\"b\":1e-1},\"aa\":2e1}"),
        expected);
    assert_written(STR("[9007199254740993,-9223372036854775808]"), "[9007199254740993,-9223372036854775808]");
}

static void scalars_and_lists_of_strings_become_values(void **state)
{
    (void)state;
    json_t *json = parse(STR("[\"x\",\"2026-01-31T10:00:00Z\",5,2.5,true,[\"a\",\"b\"],[]]"));
    static const enum value_type types[] = {VALUE_STRING, VALUE_INSTANT, VALUE_NUMBER, VALUE_NUMBER,
                                            VALUE_BOOL,   VALUE_LIST,    VALUE_LIST};
    struct arena arena = {0};
    struct value values[7];
    for (size_t i = 0; i < 7; i++) {
        assert_true(document_value(json_array_get(json, i), &arena, &values[i]));
        assert_int_equal(values[i].type, types[i]);
    }
    json_decref(json); /* the values live in the arena */
    assert_true(str_equal(values[0].string, STR("x")));
    assert_true(values[2].number == 5 && values[3].number == 2.5);
    assert_int_equal(values[5].count, 2);
    assert_true(str_equal(values[5].list[1], STR("b")));
    assert_int_equal(values[6].count, 0);
    arena_deinit(&arena);
}

static void what_is_no_value_is_refused(void **state)
{
    (void)state;
    json_t *json = parse(STR("[null,{},[\"a\",1],[[\"a\"]]]"));
    struct arena arena = {0};
    struct value v = {.type = VALUE_BOOL};
    for (size_t i = 0; i < json_array_size(json); i++)
        assert_false(document_value(json_array_get(json, i), &arena, &v));
    assert_int_equal(v.type, VALUE_BOOL);
    json_decref(json);
    arena_deinit(&arena);
}

static void pointers_escape_their_keys(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_string_equal(pointer_join(&arena, "/nodes", "a/b"), "/nodes/a~1b");
    assert_string_equal(pointer_join(&arena, "", "m~n~/"), "/m~0n~0~1");
    assert_string_equal(pointer_join(&arena, "/x", ""), "/x/");
    assert_string_equal(pointer_index(&arena, "/rules", 10), "/rules/10");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named_with_line_and_column),
        cmocka_unit_test(nesting_is_taken_to_64_levels_and_no_further),
        cmocka_unit_test(a_document_over_4_mb_is_refused),
        cmocka_unit_test(a_document_is_written_compactly_in_its_own_order),
        cmocka_unit_test(scalars_and_lists_of_strings_become_values),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(pointers_escape_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
