#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

static void assert_problem(unsigned status, enum err code, const struct err_detail *detail,
                           const char *wanted)
{
    struct buf out = {0};
    problem_write(status, code, detail, &out);
    buf_put_char(&out, '\0');
    assert_string_equal(out.data, wanted);
    buf_deinit(&out);
}

static void a_code_is_a_type_of_its_own(void **state)
{
    (void)state;
    struct err_detail detail;
    err_fail(&detail, ERR_NOT_FOUND, "/nodes/0", "No node \"x\".");
    assert_problem(404, ERR_NOT_FOUND, &detail,
                   "{\"type\":\"urn:sojourn:problem:not-found\",\"title\":\"not found\",\"status\":404,"
                   "\"detail\":\"No node \\\"x\\\".\",\"pointer\":\"/nodes/0\"}");
    err_fail(&detail, ERR_INVALID, "people.csv:3", "No userId.");
    assert_problem(400, ERR_INVALID, &detail,
                   "{\"type\":\"urn:sojourn:problem:invalid\",\"title\":\"invalid input\",\"status\":400,"
                   "\"detail\":\"No userId.\",\"place\":\"people.csv:3\"}");
    assert_problem(500, ERR_IO, NULL,
                   "{\"type\":\"urn:sojourn:problem:io\",\"title\":\"input/output failed\",\"status\":500}");
}

static void without_a_code_the_status_says_it_all(void **state)
{
    (void)state;
    assert_problem(405, ERR_OK, NULL,
                   "{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\",\"status\":405}");
}

static void a_text_cut_within_a_character_is_still_json(void **state)
{
    (void)state;
    struct err_detail detail = {.text = "caf\xC3"};
    assert_problem(400, ERR_OK, &detail,
                   "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"caf?\"}");
}

static void every_code_has_a_status_of_failure(void **state)
{
    (void)state;
#define X(name, text) ERR_##name,
    static const enum err codes[] = {ERR_TABLE(X)};
#undef X
    static const unsigned wanted[] = {500, 400, 404, 409, 413, 500, 503, 503, 500, 500, 422};
    assert_int_equal(sizeof codes / sizeof *codes, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(problem_status(codes[i]), wanted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_a_type_of_its_own),
        cmocka_unit_test(without_a_code_the_status_says_it_all),
        cmocka_unit_test(a_text_cut_within_a_character_is_still_json),
        cmocka_unit_test(every_code_has_a_status_of_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
