#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdint.h>
#include <string.h>

static void codes_have_english_names(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_OK), "ok");
    assert_string_equal(err_name(ERR_INVALID), "invalid input");
    assert_string_equal(err_name(ERR_UNSUPPORTED), "not supported by this version");
}

static void a_failure_fills_its_detail_and_returns_its_code(void **state)
{
    (void)state;
    struct err_detail detail;
    assert_int_equal(err_fail(&detail, ERR_LIMIT, "/nodes/a", "%d nodes, at most %d", 300, 200), ERR_LIMIT);
    assert_string_equal(detail.place, "/nodes/a");
    assert_string_equal(detail.text, "300 nodes, at most 200");
    assert_int_equal(err_fail(&detail, ERR_IO, NULL, "disk"), ERR_IO);
    assert_string_equal(detail.place, "");
    assert_int_equal(err_fail(NULL, ERR_BUSY, "x", "y"), ERR_BUSY);
}

static void long_places_and_texts_are_cut_not_overrun(void **state)
{
    (void)state;
    static char longer[2000];
    memset(longer, 'p', sizeof longer - 1);
    struct err_detail detail;
    err_fail(&detail, ERR_INVALID, longer, "%s", longer);
    assert_int_equal(strlen(detail.place), sizeof detail.place - 1);
    assert_int_equal(strlen(detail.text), sizeof detail.text - 1);
    err_prefix(&detail, "f.json:");
    assert_int_equal(strlen(detail.place), sizeof detail.place - 1);
    assert_memory_equal(detail.place, "f.json:ppp", 10);
    err_prefix(&detail, longer);
    assert_int_equal(strlen(detail.place), sizeof detail.place - 1);
}

static void callers_put_their_place_in_front(void **state)
{
    (void)state;
    struct err_detail detail;
    err_fail(&detail, ERR_INVALID, "/rules/0", "unknown key");
    err_prefix(&detail, "/entry");
    assert_string_equal(detail.place, "/entry/rules/0");
    assert_string_equal(detail.text, "unknown key");
    err_prefix(NULL, "/entry");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_english_names),
        cmocka_unit_test(a_failure_fills_its_detail_and_returns_its_code),
        cmocka_unit_test(long_places_and_texts_are_cut_not_overrun),
        cmocka_unit_test(callers_put_their_place_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
