#include "event/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct str numbered(char text[32], uint32_t n)
{
    int size = snprintf(text, 32, "Event %u", n);
    return (struct str){text, (size_t)size};
}

static void names_get_ids_from_one_in_the_order_of_their_coming(void **state)
{
    (void)state;
    struct names *names = names_new();
    char text[32];
    for (uint32_t n = 1; n <= 500; n++) {
        assert_int_equal(names_find(names, NAME_EVENT, numbered(text, n)), 0);
        assert_int_equal(names_add(names, NAME_EVENT, numbered(text, n)), n);
        assert_int_equal(names_count(names, NAME_EVENT), n);
    }
    for (uint32_t n = 1; n <= 500; n++) {
        assert_int_equal(names_find(names, NAME_EVENT, numbered(text, n)), n);
        assert_true(str_equal(names_get(names, NAME_EVENT, (uint16_t)n), numbered(text, n)));
    }
    names_free(names);
}

static void kinds_of_names_do_not_know_each_other(void **state)
{
    (void)state;
    struct names *names = names_new();
    assert_int_equal(names_add(names, NAME_EVENT, STR("plan")), 1);
    assert_int_equal(names_find(names, NAME_ATTRIBUTE, STR("plan")), 0);
    assert_int_equal(names_add(names, NAME_ATTRIBUTE, STR("city")), 1);
    assert_int_equal(names_add(names, NAME_ATTRIBUTE, STR("plan")), 2);
    assert_int_equal(names_find(names, NAME_EVENT, STR("plan")), 1);
    assert_int_equal(names_find(names, NAME_ATTRIBUTE, STR("plan")), 2);
    assert_int_equal(names_find(names, NAME_ATTRIBUTE, STR("Plan")), 0);
    names_free(names);
}

static void over_the_limit_a_name_has_no_id(void **state)
{
    (void)state;
    struct names *names = names_new();
    char text[32];
    for (uint32_t n = 1; n <= NAMES_EVENT_MAX; n++)
        assert_int_equal(names_add(names, NAME_EVENT, numbered(text, n)), n);
    assert_int_equal(names_add(names, NAME_EVENT, STR("one more")), 0);
    assert_int_equal(names_find(names, NAME_EVENT, STR("one more")), 0);
    assert_int_equal(names_count(names, NAME_EVENT), NAMES_EVENT_MAX);
    for (uint32_t n = 1; n <= NAMES_ATTRIBUTE_MAX; n++)
        assert_int_equal(names_add(names, NAME_ATTRIBUTE, numbered(text, n)), n);
    assert_int_equal(names_add(names, NAME_ATTRIBUTE, STR("one more")), 0);
    names_free(names);
}

static void a_text_stays_where_it_is(void **state)
{
    (void)state;
    struct names *names = names_new();
    char text[32];
    names_add(names, NAME_EVENT, numbered(text, 0));
    struct str first = names_get(names, NAME_EVENT, 1);
    for (uint32_t n = 1; n < 1000; n++)
        names_add(names, NAME_EVENT, numbered(text, n));
    assert_ptr_equal(names_get(names, NAME_EVENT, 1).data, first.data);
    assert_true(str_equal(first, STR("Event 0")));
    names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_get_ids_from_one_in_the_order_of_their_coming),
        cmocka_unit_test(kinds_of_names_do_not_know_each_other),
        cmocka_unit_test(over_the_limit_a_name_has_no_id),
        cmocka_unit_test(a_text_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
