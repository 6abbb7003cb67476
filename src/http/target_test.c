#include "http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

static void assert_str(struct str got, const char *wanted)
{
    assert_int_equal(got.size, strlen(wanted));
    assert_memory_equal(got.data, wanted, got.size);
}

static void segments_are_decoded_each_by_itself(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct target target;
    assert_null(target_parse(STR("/a%2Fb/%C3%A4+/?x=1?2"), &arena, &target));
    assert_int_equal(target.segment_count, 3);
    assert_str(target.segments[0], "a/b");
    assert_str(target.segments[1], "\xC3\xA4+");
    assert_str(target.segments[2], "");
    assert_str(target.path, "/a%2Fb/%C3%A4+/");
    assert_str(target.query, "x=1?2");
    assert_null(target_parse(STR("/"), &arena, &target));
    assert_int_equal(target.segment_count, 1);
    assert_str(target.query, "");
    arena_deinit(&arena);
}

static void the_absolute_form_is_taken(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct target target;
    assert_null(target_parse(STR("http://host:8080/v1/x?y"), &arena, &target));
    assert_str(target.path, "/v1/x");
    assert_null(target_parse(STR("https://host"), &arena, &target));
    assert_str(target.path, "/");
    arena_deinit(&arena);
}

static void what_is_not_well_formed_is_refused_and_leaves_the_result(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",       "x",      "*",         "/%",      "/%1",        "/%1g",     "/%00",
        "/%ff",   "/a b",   "/a\tb",     "/\x7f",   "/\xC3\xA9",  "/a#b",     "/?%",
        "/?a=%f", "/?%00=", "/?a=1&b=%", "/%C0%AF", "/%ED%A0%80", "host:443", "http:/x"};
    struct arena arena = {0};
    struct target target = {.segment_count = 77};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_non_null(target_parse(str_from(wrong[i]), &arena, &target));
    assert_non_null(target_parse((struct str){"/a\0b", 4}, &arena, &target));
    assert_int_equal(target.segment_count, 77);
    arena_deinit(&arena);
}

static void more_segments_than_any_route_has_are_only_counted(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct target target;
    assert_null(target_parse(STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), &arena, &target));
    assert_int_equal(target.segment_count, TARGET_SEGMENTS_MAX);
    assert_null(target_parse(STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18"), &arena, &target));
    assert_int_equal(target.segment_count, TARGET_SEGMENTS_MAX + 1);
    assert_str(target.segments[15], "16");
    arena_deinit(&arena);
}

static void a_query_gives_the_first_of_a_name(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct target target;
    struct str value = {0};
    assert_null(target_parse(STR("/?a=1&&b&c=&%64=x+%2B%3d=&a=2"), &arena, &target));
    assert_true(target_query(&target, STR("a"), &arena, &value));
    assert_str(value, "1");
    assert_true(target_query(&target, STR("b"), &arena, &value));
    assert_str(value, "");
    assert_true(target_query(&target, STR("c"), &arena, &value));
    assert_str(value, "");
    assert_true(target_query(&target, STR("d"), &arena, &value));
    assert_str(value, "x +==");
    assert_false(target_query(&target, STR("e"), &arena, &value));
    assert_false(target_query(&target, STR(""), &arena, &value));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_decoded_each_by_itself),
        cmocka_unit_test(the_absolute_form_is_taken),
        cmocka_unit_test(what_is_not_well_formed_is_refused_and_leaves_the_result),
        cmocka_unit_test(more_segments_than_any_route_has_are_only_counted),
        cmocka_unit_test(a_query_gives_the_first_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
