#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

static const struct http_route routes[] = {
    {"GET", "/v1/journeys", HTTP_OPEN, NULL, 0},
    {"GET", "/v1/journeys/{journey}", HTTP_OPEN, NULL, 0},
    {"DELETE", "/v1/journeys/{journey}", HTTP_OPEN, NULL, 0},
    {"POST", "/v1/journeys/check", HTTP_OPEN, NULL, 0},
    {"GET", "/v1/journeys/{journey}/{part}", HTTP_OPEN, NULL, 0},
    {"GET", "/v1/journeys/{journey}/versions", HTTP_OPEN, NULL, 0},
    {"HEAD", "/v1/only", HTTP_OPEN, NULL, 0},
    {"GET", "/v1/only", HTTP_OPEN, NULL, 0},
};

/* "404", "405 ALLOW" or the number of the route, counted from 0. */
static void assert_routed(const char *method, const char *path, const char *wanted)
{
    struct arena arena = {0};
    struct target target;
    const struct http_route *route = NULL;
    const char *allow = NULL;
    assert_null(target_parse(str_from(path), &arena, &target));
    char got[128] = "404";
    switch (router_find(routes, sizeof routes / sizeof *routes, str_from(method), &target, &arena, &route,
                        &allow)) {
    case ROUTING_NO_PATH: break;
    case ROUTING_NO_METHOD: snprintf(got, sizeof got, "405 %s", allow); break;
    case ROUTING_FOUND: snprintf(got, sizeof got, "%zu", (size_t)(route - routes)); break;
    }
    assert_string_equal(got, wanted);
    arena_deinit(&arena);
}

static void a_literal_goes_before_a_parameter(void **state)
{
    (void)state;
    assert_routed("GET", "/v1/journeys", "0");
    assert_routed("GET", "/v1/journeys/welcome", "1");
    assert_routed("POST", "/v1/journeys/check", "3");
    assert_routed("GET", "/v1/journeys/check", "1");
    assert_routed("GET", "/v1/journeys/x/versions", "5");
    assert_routed("GET", "/v1/journeys/x/others", "4");
    assert_routed("GET", "/v1/j%6furneys", "0");
}

static void head_is_get_unless_it_has_a_route(void **state)
{
    (void)state;
    assert_routed("HEAD", "/v1/journeys", "0");
    assert_routed("HEAD", "/v1/only", "6");
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
    (void)state;
    assert_routed("GET", "/", "404");
    assert_routed("GET", "/v1", "404");
    assert_routed("GET", "/v1/journeys/", "404");
    assert_routed("GET", "/v1//journeys", "404");
    assert_routed("GET", "/v1/journeys/x/y/z", "404");
    assert_routed("POST", "/v1/journeys", "405 GET, HEAD");
    assert_routed("PUT", "/v1/journeys/x", "405 GET, HEAD, DELETE");
    assert_routed("PUT", "/v1/journeys/check", "405 GET, HEAD, DELETE, POST");
    assert_routed("get", "/v1/journeys", "405 GET, HEAD");
}

static void parameters_are_found_by_name(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct target target;
    struct str value = {0};
    assert_null(target_parse(STR("/v1/journeys/a%20b/c"), &arena, &target));
    assert_true(router_parameter(&routes[4], &target, STR("journey"), &value));
    assert_true(str_equal(value, STR("a b")));
    assert_true(router_parameter(&routes[4], &target, STR("part"), &value));
    assert_true(str_equal(value, STR("c")));
    assert_false(router_parameter(&routes[4], &target, STR("versions"), &value));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_goes_before_a_parameter),
        cmocka_unit_test(head_is_get_unless_it_has_a_route),
        cmocka_unit_test(unknown_paths_and_methods_are_told_apart),
        cmocka_unit_test(parameters_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
