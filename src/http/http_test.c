#include "http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <unistd.h>

#include "http/wire_test.h"

static int begin(void **state)
{
    return scene_begin(state, 5, 64 * 1024 * 1024);
}

/* One request on a connection of its own: its status, and its body against `body` unless that is NULL. */
static void assert_answer(const struct scene *scene, const char *request, unsigned status, const char *body)
{
    struct buf got = {0};
    assert_int_equal(wire_ask(scene->port, str_from(request), &got), status);
    buf_put_char(&got, '\0');
    if (body)
        assert_string_equal(got.data, body);
    buf_deinit(&got);
}

static void assert_header(const struct reply *reply, const char *name, const char *value)
{
    struct str got = {0};
    assert_true(reply_header(reply, name, &got));
    assert_int_equal(got.size, strlen(value));
    assert_memory_equal(got.data, value, got.size);
}

#define GET(target)    "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(target)   "POST " target " HTTP/1.1\r\nHost: x\r\n"
#define LENGTH(number) "Content-Length: " #number "\r\n"

static void a_connection_serves_one_request_after_another(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    for (int i = 0; i < 3; i++) {
        wire_text(&wire, GET("/plain"));
        assert_true(wire_take(&wire, &reply));
        assert_int_equal(reply.status, 200);
        assert_true(str_equal(reply.body, STR("hello")));
        assert_header(&reply, "Content-Type", "text/plain");
        assert_header(&reply, "X-Extra", "yes");
        wire_text(&wire, POST("/echo") LENGTH(4) "\r\nabcd");
        assert_true(wire_take(&wire, &reply));
        assert_true(str_equal(reply.body, STR("abcd")));
    }
    assert_false(wire_is_closed(&wire, 0));
    wire_close(&wire);
}

static void requests_sent_at_once_are_answered_in_order(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/echo") LENGTH(1) "\r\n1" GET("/plain") POST("/echo") LENGTH(1) "\r\n2");
    assert_true(wire_take(&wire, &reply));
    assert_true(str_equal(reply.body, STR("1")));
    assert_true(wire_take(&wire, &reply));
    assert_true(str_equal(reply.body, STR("hello")));
    assert_true(wire_take(&wire, &reply));
    assert_true(str_equal(reply.body, STR("2")));
    wire_close(&wire);
}

static void head_is_get_without_its_body(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, "HEAD /plain HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_take_headers(&wire, &reply));
    assert_int_equal(reply.status, 200);
    assert_header(&reply, "Content-Length", "5");
    wire_text(&wire, GET("/plain"));
    assert_true(wire_take(&wire, &reply));
    assert_true(str_equal(reply.body, STR("hello")));
    wire_close(&wire);
}

static void chunked_bodies_are_put_together(void **state)
{
    assert_answer(*state,
                  POST("/echo") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
                  200, "abcdefg");
}

static void gzip_bodies_are_unpacked(void **state)
{
    struct scene *scene = *state;
    struct buf packed = {0}, request = {0}, got = {0};
    wire_gzip(STR("{\"batch\":[]}"), &packed);
    buf_printf(&request, POST("/echo") "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.size);
    buf_put_str(&request, buf_str(&packed));
    assert_int_equal(wire_ask(scene->port, buf_str(&request), &got), 200);
    assert_true(str_equal(buf_str(&got), STR("{\"batch\":[]}")));
    buf_deinit(&packed);
    buf_deinit(&request);
    buf_deinit(&got);
}

static void other_encodings_are_415_with_what_is_accepted(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/echo") "Content-Encoding: br\r\n" LENGTH(3) "\r\nabc");
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 415);
    assert_header(&reply, "Accept-Encoding", "gzip, identity");
    wire_text(&wire, GET("/plain"));
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 200);
    wire_close(&wire);
}

static void a_client_that_expects_100_is_told_to_go_on_or_refused(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/echo") "Expect: 100-continue\r\n" LENGTH(2) "\r\n");
    assert_true(wire_take_headers(&wire, &reply));
    assert_int_equal(reply.status, 100);
    wire_text(&wire, "ok");
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 200);
    assert_true(str_equal(reply.body, STR("ok")));
    wire_text(&wire, POST("/nowhere") "Expect: 100-continue\r\n" LENGTH(2) "\r\n");
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 404);
    wire_close(&wire);
}

static void parameters_queries_and_headers_reach_the_handler(void **state)
{
    assert_answer(*state, GET("/things/a%20b/parts/c%2Fd?x=1&q=%C3%A9+t&q=2"), 200,
                  "a b|c/d|\xC3\xA9 t|-|/things/a%20b/parts/c%2Fd");
    assert_answer(*state, "GET http://host:80/things/1/parts/2 HTTP/1.1\r\nHost: x\r\nX-TEST: seen\r\n\r\n",
                  200, "1|2|-|seen|/things/1/parts/2");
    assert_answer(*state, GET("/things/mine"), 200, "hello");
}

static void targets_that_are_not_well_formed_are_400(void **state)
{
    static const char *const targets[] = {"/plain%", "/plain%2", "/plain%zz",   "/%00",
                                          "/%ff",    "/%c0%80",  "/plain?q=%",  "/plain?%ed%a0%80=1",
                                          "plain",   "*",        "/pl\xC3\xA9", "/plain#x"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
        assert_answer(*state, request, 400, NULL);
    }
}

static void an_unknown_path_is_404_with_a_problem(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, GET("/plain/more"));
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 404);
    assert_header(&reply, "Content-Type", "application/problem+json");
    assert_true(str_equal(reply.body, STR("{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                                          "\"detail\":\"Nothing is served under this path.\"}")));
    wire_close(&wire);
    assert_answer(scene, GET("/things//parts/1"), 404, NULL);
    assert_answer(scene, GET("/things/1/parts/"), 404, NULL);
    assert_answer(scene, GET("/"), 404, NULL);
    assert_answer(scene, GET("/things/1/parts/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18"), 404, NULL);
}

static void another_method_is_405_with_allow(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/both") LENGTH(3) "\r\nabc");
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 405);
    assert_header(&reply, "Allow", "GET, HEAD, DELETE");
    wire_text(&wire, "BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 405);
    assert_header(&reply, "Allow", "POST");
    wire_close(&wire);
}

static void a_write_key_is_the_user_name_of_basic(void **state)
{
    struct scene *scene = *state;
    /* write-key: · write-key:anything · wrong-key: */
    assert_answer(scene, POST("/keyed") "Authorization: Basic d3JpdGUta2V5Og==\r\n" LENGTH(0) "\r\n", 200,
                  "shop");
    assert_answer(scene, POST("/keyed") "Authorization: basic d3JpdGUta2V5OmFueXRoaW5n\r\n" LENGTH(0) "\r\n",
                  200, "shop");
    assert_answer(scene, POST("/keyed") "Authorization: Basic d3Jvbmcta2V5Og==\r\n" LENGTH(0) "\r\n", 401,
                  NULL);
    assert_answer(scene, POST("/keyed") "Authorization: Bearer write-key\r\n" LENGTH(0) "\r\n", 401, NULL);
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/keyed") LENGTH(5) "\r\nabcde");
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 401);
    assert_header(&reply, "WWW-Authenticate", "Basic realm=\"sojourn\", charset=\"UTF-8\"");
    wire_text(&wire, GET("/plain"));
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 200);
    wire_close(&wire);
}

static void an_admin_token_is_a_bearer(void **state)
{
    assert_answer(*state, "GET /admin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\n\r\n", 200,
                  "ann");
    assert_answer(*state, "GET /admin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer write-key\r\n\r\n", 401,
                  NULL);
    assert_answer(*state, GET("/admin"), 401, NULL);
}

static void a_problem_of_a_handler_has_code_and_pointer(void **state)
{
    assert_answer(*state, GET("/refused"), 413,
                  "{\"type\":\"urn:sojourn:problem:limit\",\"title\":\"over a limit\",\"status\":413,"
                  "\"detail\":\"Too many \\\"rules\\\": at most 3.\",\"pointer\":\"/rules/3\"}");
}

static void an_answer_may_come_later_from_another_thread(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/late") LENGTH(5) "\r\nfirst");
    desk_await(scene->desk, 1);
    assert_answer(scene, GET("/plain"), 200, "hello");
    assert_false(wire_is_closed(&wire, 50));
    assert_true(desk_answer(scene->desk));
    assert_true(wire_take(&wire, &reply));
    assert_true(str_equal(reply.body, STR("first")));
    wire_close(&wire);
}

static void who_has_gone_meanwhile_harms_nobody(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    wire_open(&wire, scene->port);
    wire_text(&wire, POST("/late") LENGTH(5) "\r\nfirst");
    desk_await(scene->desk, 1);
    wire_close(&wire);
    assert_true(desk_answer(scene->desk));
    assert_answer(scene, GET("/plain"), 200, "hello");
}

static void counts_tell_what_happened(void **state)
{
    struct scene *scene = *state;
    assert_answer(scene, POST("/echo") LENGTH(3) "\r\nabc", 200, "abc");
    assert_answer(scene, GET("/nowhere"), 404, NULL);
    struct http_counts counts = http_server_counts(scene->server);
    assert_int_equal(counts.requests, 2);
    assert_int_equal(counts.answers_by_class[2], 1);
    assert_int_equal(counts.answers_by_class[4], 1);
    assert_int_equal(counts.body_bytes, 3);
}

static void a_port_in_use_is_refused_with_its_number(void **state)
{
    struct scene *scene = *state;
    const struct http_options options = {
        .address = "127.0.0.1", .port = scene->port, .threads = 1, .memory_bytes_max = 1000};
    struct http_server *second = NULL;
    struct err_detail detail = {0};
    assert_int_equal(http_server_start(&options, &second, &detail), ERR_BUSY);
    assert_null(second);
    char number[8];
    snprintf(number, sizeof number, "%u", scene->port);
    assert_non_null(strstr(detail.text, number));
    const struct http_options name = {.address = "example", .threads = 1, .memory_bytes_max = 1000};
    assert_int_equal(http_server_start(&name, &second, &detail), ERR_INVALID);
    const struct http_options far = {.address = "192.0.2.1", .threads = 1, .memory_bytes_max = 1000};
    assert_int_equal(http_server_start(&far, &second, &detail), ERR_NOT_FOUND);
}

static void an_upload_is_a_file_that_goes_with_its_request(void **state)
{
    struct scene *scene = *state;
    struct buf packed = {0}, request = {0}, got = {0};
    assert_answer(scene, POST("/upload") LENGTH(7) "\r\nin file", 200, "in file");
    assert_answer(scene, POST("/upload") LENGTH(0) "\r\n", 200, "");
    assert_answer(scene, POST("/upload") "Transfer-Encoding: chunked\r\n\r\n2\r\nin\r\n1\r\n!\r\n0\r\n\r\n",
                  200, "in!");
    assert_answer(scene, POST("/upload/small") LENGTH(1001) "\r\n", 413, NULL);
    wire_gzip(STR("one,"), &packed);
    wire_gzip(STR("two"), &packed);
    buf_printf(&request, POST("/upload") "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
               packed.size);
    buf_put_str(&request, buf_str(&packed));
    assert_int_equal(wire_ask(scene->port, buf_str(&request), &got), 200);
    assert_true(str_equal(buf_str(&got), STR("one,two")));
    request.data[request.size - 5] ^= 1; /* the checksum */
    assert_int_equal(wire_ask(scene->port, buf_str(&request), NULL), 400);
    buf_deinit(&packed);
    buf_deinit(&request);
    buf_deinit(&got);
}

static void an_upload_that_is_kept_outlives_its_request(void **state)
{
    struct scene *scene = *state;
    assert_answer(scene, POST("/upload?keep=1") LENGTH(4) "\r\nkept", 200, "kept");
    assert_answer(scene, POST("/upload") LENGTH(4) "\r\ngone", 200, "gone");
    char path[128], text[8] = "";
    snprintf(path, sizeof path, "%s/kept", desk_uploads(scene->desk));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text, file), 4);
    assert_string_equal(text, "kept");
    fclose(file);
    assert_int_equal(unlink(path), 0);
}

static void the_start_removes_uploads_that_a_crash_has_left(void **state)
{
    struct scene *scene = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/upload-123456", desk_uploads(scene->desk));
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    struct http_server *next = wire_serve(scene->desk, 5, 1024 * 1024);
    assert_int_not_equal(access(path, F_OK), 0);
    http_server_stop(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_serves_one_request_after_another, begin, scene_end),
        cmocka_unit_test_setup_teardown(requests_sent_at_once_are_answered_in_order, begin, scene_end),
        cmocka_unit_test_setup_teardown(head_is_get_without_its_body, begin, scene_end),
        cmocka_unit_test_setup_teardown(chunked_bodies_are_put_together, begin, scene_end),
        cmocka_unit_test_setup_teardown(gzip_bodies_are_unpacked, begin, scene_end),
        cmocka_unit_test_setup_teardown(other_encodings_are_415_with_what_is_accepted, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_client_that_expects_100_is_told_to_go_on_or_refused, begin,
                                        scene_end),
        cmocka_unit_test_setup_teardown(parameters_queries_and_headers_reach_the_handler, begin, scene_end),
        cmocka_unit_test_setup_teardown(targets_that_are_not_well_formed_are_400, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_unknown_path_is_404_with_a_problem, begin, scene_end),
        cmocka_unit_test_setup_teardown(another_method_is_405_with_allow, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_write_key_is_the_user_name_of_basic, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_admin_token_is_a_bearer, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_problem_of_a_handler_has_code_and_pointer, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_answer_may_come_later_from_another_thread, begin, scene_end),
        cmocka_unit_test_setup_teardown(who_has_gone_meanwhile_harms_nobody, begin, scene_end),
        cmocka_unit_test_setup_teardown(counts_tell_what_happened, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_refused_with_its_number, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_upload_is_a_file_that_goes_with_its_request, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_upload_that_is_kept_outlives_its_request, begin, scene_end),
        cmocka_unit_test_setup_teardown(the_start_removes_uploads_that_a_crash_has_left, begin, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
