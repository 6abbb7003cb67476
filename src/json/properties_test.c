#include "json/properties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

struct fixture {
    struct json_reader *reader;
    struct arena arena;
    struct properties properties;
    struct err_detail detail;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.reader = json_reader_new()};
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_reader_free(f->reader);
    arena_deinit(&f->arena);
    return 0;
}

static enum err parse(struct fixture *f, const char *text)
{
    return properties_parse(f->reader, str_from(text), &f->arena, &f->properties, &f->detail);
}

/* The flat form as text, `name=json` joined by `;`. */
static void assert_flat(struct fixture *f, const char *text, const char *expected)
{
    struct buf out = {0};
    assert_int_equal(parse(f, text), ERR_OK);
    for (uint32_t i = 0; i < f->properties.count; i++) {
        buf_put_str(&out, f->properties.items[i].name);
        buf_put_char(&out, '=');
        value_write_json(&f->properties.items[i].value, &out);
        buf_put_char(&out, ';');
    }
    buf_put_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void properties_are_flat_and_sorted(void **state)
{
    assert_flat(*state, "{}", "");
    assert_flat(*state, "{\"total\":20.5,\"currency\":\"EUR\",\"gift\":true,\"coupon\":null}",
                "coupon=null;currency=\"EUR\";gift=true;total=20.5;");
    assert_flat(*state, "{\"address\":{\"geo\":{\"lat\":1},\"city\":\"Bonn\"},\"a\":1,\"none\":{}}",
                "a=1;address.city=\"Bonn\";address.geo.lat=1;");
}

static void lists_hold_strings_and_leave_out_what_is_none(void **state)
{
    assert_flat(*state,
                "{\"tags\":[\"a\",2,2.50,true,false,null,{\"x\":1},[\"y\"],\"2026-01-31T10:00:00Z\"]}",
                "tags=[\"a\",\"2\",\"2.5\",\"true\",\"false\",\"2026-01-31T10:00:00Z\"];");
    assert_flat(*state, "{\"empty\":[],\"objects\":[{\"a\":1}]}", "empty=[];objects=[];");
}

static void canonical_instants_are_instants(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"at\":\"2026-01-31T10:00:00Z\",\"day\":\"2026-01-31\"}"), ERR_OK);
    assert_int_equal(properties_find(&f->properties, STR("at")).type, VALUE_INSTANT);
    assert_int_equal(properties_find(&f->properties, STR("day")).type, VALUE_STRING);
}

static void the_last_of_equal_names_stands(void **state)
{
    assert_flat(*state, "{\"a\":1,\"a\":\"two\"}", "a=\"two\";");
    assert_flat(*state, "{\"a\":1,\"a\":null}", "a=null;");
    assert_flat(*state, "{\"a.b\":1,\"a\":{\"b\":2}}", "a.b=2;");
    assert_flat(*state, "{\"a\":{\"b\":2},\"a.b\":[\"x\"],\"a\":{\"c\":3}}", "a.b=[\"x\"];a.c=3;");
}

static void names_are_found_by_their_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"b\":2,\"a\":1,\"\":0,\"ab\":3,\"é\":4}"), ERR_OK);
    assert_int_equal(f->properties.count, 5);
    assert_true(properties_find(&f->properties, STR("")).number == 0);
    assert_int_equal(properties_find(&f->properties, STR("")).type, VALUE_NUMBER);
    assert_true(properties_find(&f->properties, STR("ab")).number == 3);
    assert_true(properties_find(&f->properties, STR("é")).number == 4);
    assert_int_equal(properties_find(&f->properties, STR("c")).type, VALUE_MISSING);
    assert_int_equal(properties_find(&f->properties, STR("A")).type, VALUE_MISSING);
    struct properties none = {NULL, 0};
    assert_int_equal(properties_find(&none, STR("a")).type, VALUE_MISSING);
}

static void deep_objects_are_left_out_and_nothing_else(void **state)
{
    assert_flat(*state,
                "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":1,\"x\":{\"9\":2}}}}}}}},\"z\":3}",
                "1.2.3.4.5.6.7.8=1;z=3;");
}

static void more_than_1024_properties_are_refused(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};
    for (int count = 1024; count <= 1025; count++) {
        buf_clear(&text);
        for (int i = 0; i < count; i++)
            buf_printf(&text, "%c\"p%d\":%d", i ? ',' : '{', (i * 37) % 1031, i);
        buf_put_text(&text, "}");
        enum err err = properties_parse(f->reader, buf_str(&text), &f->arena, &f->properties, &f->detail);
        assert_int_equal(err, count == 1024 ? ERR_OK : ERR_LIMIT);
    }
    assert_int_equal(f->properties.count, 1024); /* untouched by the refusal */
    assert_non_null(strstr(f->detail.text, "1025 properties, at most 1024"));
    for (uint32_t i = 1; i < f->properties.count; i++)
        assert_true(str_compare(f->properties.items[i - 1].name, f->properties.items[i].name) < 0);
    buf_deinit(&text);
}

static void long_names_are_refused(void **state)
{
    struct fixture *f = *state;
    static char name[1100];
    struct buf text = {0};
    memset(name, 'n', sizeof name);
    buf_printf(&text, "{\"a\":{\"%.*s\":1}}", 1021, name);
    assert_int_equal(properties_parse(f->reader, buf_str(&text), &f->arena, &f->properties, &f->detail),
                     ERR_OK);
    assert_int_equal(f->properties.items[0].name.size, 1023);
    buf_clear(&text);
    buf_printf(&text, "{\"a\":{\"%.*s\":1}}", 1022, name);
    assert_int_equal(properties_parse(f->reader, buf_str(&text), &f->arena, &f->properties, &f->detail),
                     ERR_LIMIT);
    assert_non_null(strstr(f->detail.text, "1023 bytes"));
    buf_deinit(&text);
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const cases[] = {"[1]", "null", "1", "\"a\"", "{", ""};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(parse(*state, cases[i]), ERR_INVALID);
}

static void properties_outlive_the_reader(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"plan\":\"gold\",\"tags\":[\"x\",\"yy\"]}"), ERR_OK);
    struct json_node other;
    assert_int_equal(
        json_reader_parse(f->reader, STR("{\"PLAN\":\"????\",\"TAGS\":[\"?\",\"??\"]}"), &other, NULL),
        ERR_OK);
    assert_true(str_equal(properties_find(&f->properties, STR("plan")).string, STR("gold")));
    struct value tags = properties_find(&f->properties, STR("tags"));
    assert_int_equal(tags.count, 2);
    assert_true(str_equal(tags.list[1], STR("yy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(properties_are_flat_and_sorted, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_hold_strings_and_leave_out_what_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(canonical_instants_are_instants, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_of_equal_names_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_found_by_their_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_objects_are_left_out_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_1024_properties_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(long_names_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_object_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(properties_outlive_the_reader, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
