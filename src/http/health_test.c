#include "http/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <stdatomic.h>

#include "base/check.h"
#include "http/service.h"
#include "http/wire_test.h"
#include "store/memory/store_memory.h"

enum { STARTED_MS = 1000000 };

static const struct http_route routes[] = {HEALTH_ROUTES};

static int64_t clock_ms(void *context)
{
    (void)context;
    return STARTED_MS + 61999;
}

static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    (void)detail;
    CHECK(!"the store broke");
}

static int begin(void **state)
{
    struct service *service = test_calloc(1, sizeof *service);
    service->store = store_memory_new(2);
    service->clock = clock_ms;
    service->started_ms = STARTED_MS;
    assert_int_equal(control_open(service->store, false, &service->control, NULL), ERR_OK);
    const struct crew_options crew = {.store = service->store,
                                      .control = service->control,
                                      .workers = 1,
                                      .clock = clock_ms,
                                      .room_bytes = 1000,
                                      .on_broken = on_broken};
    assert_int_equal(crew_new(&crew, &service->crew, NULL), ERR_OK);
    const struct dispatch_options dispatch = {.store = service->store,
                                              .crew = service->crew,
                                              .control = service->control,
                                              .clock = clock_ms,
                                              .on_broken = on_broken};
    assert_int_equal(dispatch_new(&dispatch, &service->dispatch, NULL), ERR_OK);
    const struct destination_settings settings = {
        .name = STR("c\"rm"), .kind = DESTINATION_FILE, .file.path = STR("/nowhere/crm")};
    dispatch_define(service->dispatch, &settings);
    crew_start(service->crew);
    const struct http_options options = {.address = "127.0.0.1",
                                         .threads = 2,
                                         .memory_bytes_max = 1 << 20,
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof *routes,
                                         .context = service};
    struct http_server *server = NULL;
    assert_int_equal(http_server_start(&options, &server, NULL), ERR_OK);
    atomic_store(&service->server, server);
    *state = service;
    return 0;
}

static int end(void **state)
{
    struct service *service = *state;
    http_server_stop(service->server);
    crew_stop(service->crew);
    dispatch_free(service->dispatch);
    crew_free(service->crew);
    control_close(service->control);
    store_close(service->store);
    test_free(service);
    return 0;
}

static unsigned get(const struct service *service, const char *path, struct buf *ret_body)
{
    char request[128];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    buf_clear(ret_body);
    unsigned status = wire_ask(http_server_port(service->server), str_from(request), ret_body);
    buf_put_char(ret_body, '\0');
    return status;
}

static void a_server_that_stops_lives_but_is_not_ready(void **state)
{
    struct service *service = *state;
    struct buf body = {0};
    assert_int_equal(get(service, "/healthz", &body), 200);
    assert_string_equal(body.data, "{\"status\":\"live\"}");
    assert_int_equal(get(service, "/readyz", &body), 200);
    assert_string_equal(body.data, "{\"status\":\"ready\"}");
    atomic_store(&service->stopping, true);
    assert_int_equal(get(service, "/healthz", &body), 200);
    assert_int_equal(get(service, "/readyz", &body), 503);
    assert_non_null(strstr(body.data, "\"detail\":\"The server is stopping.\""));
    buf_deinit(&body);
}

static void metrics_show_what_has_happened(void **state)
{
    struct service *service = *state;
    struct buf body = {0};
    assert_true(crew_room_take(service->crew, 345));
    assert_int_equal(get(service, "/nowhere", &body), 404);
    assert_int_equal(get(service, "/metrics", &body), 200);
    static const char *const lines[] = {"sojourn_build_info{version=\"" SOJOURN_VERSION "\"} 1\n",
                                        "sojourn_uptime_seconds 61\n",
                                        "sojourn_rows_durable_total 0\n",
                                        "sojourn_ingest_room_used_bytes 345\n",
                                        "sojourn_store_stalled 0\n",
                                        "sojourn_memory_bytes{kind=\"holds\"} 0\n",
                                        "sojourn_effects_sent_total 0\n",
                                        "sojourn_effects_open{state=\"held\"} 0\n",
                                        "sojourn_destination_failing{destination=\"c\\\"rm\"} 1\n",
                                        "sojourn_http_requests_total 2\n",
                                        "sojourn_http_answers_total{class=\"2xx\"} 0\n",
                                        "sojourn_http_answers_total{class=\"4xx\"} 1\n",
                                        "sojourn_http_body_bytes_total 0\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *at = strstr(body.data, lines[i]);
        assert_non_null(at);
        assert_true(at[-1] == '\n');
    }
    crew_room_give(service->crew, 345);
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_that_stops_lives_but_is_not_ready, begin, end),
        cmocka_unit_test_setup_teardown(metrics_show_what_has_happened, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
