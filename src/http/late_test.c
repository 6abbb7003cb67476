#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "http/wire_test.h"

/* Answers from other threads, and the end of the server while requests are in flight. Runs under the thread
 * sanitizer too. */

enum { CLIENTS = 6, REQUESTS_EACH = 200, CLERKS = 3 };

struct scene {
    struct desk *desk;
    struct http_server *server;
    uint16_t port;
    _Atomic bool closing;
    _Atomic unsigned connected, answered;
};

static int begin(void **state)
{
    struct scene *scene = test_calloc(1, sizeof *scene);
    scene->desk = desk_new();
    scene->server = wire_serve(scene->desk, 10, 64 * 1024 * 1024);
    scene->port = http_server_port(scene->server);
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;
    if (scene->server)
        http_server_stop(scene->server);
    desk_free(scene->desk);
    test_free(scene);
    return 0;
}

static void *clerk(void *context)
{
    struct scene *scene = context;
    while (!atomic_load(&scene->closing)) {
        if (!desk_answer(scene->desk))
            sched_yield();
    }
    while (desk_answer(scene->desk))
        ;
    return NULL;
}

static void send_late(struct wire *wire, const char *body)
{
    char request[128];
    snprintf(request, sizeof request, "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    wire_text(wire, request);
}

static void *client(void *context)
{
    struct scene *scene = context;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    atomic_fetch_add(&scene->connected, 1);
    for (int i = 0; i < REQUESTS_EACH; i++) {
        char body[32];
        snprintf(body, sizeof body, "%p %d", (void *)&wire, i);
        send_late(&wire, body);
        if (wire_take(&wire, &reply) && reply.status == 200 && str_equal(reply.body, str_from(body)))
            atomic_fetch_add(&scene->answered, 1);
    }
    wire_close(&wire);
    return NULL;
}

static void each_late_answer_reaches_its_own_request(void **state)
{
    struct scene *scene = *state;
    pthread_t clients[CLIENTS], clerks[CLERKS];
    for (size_t i = 0; i < CLERKS; i++)
        CHECK(pthread_create(&clerks[i], NULL, clerk, scene) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        CHECK(pthread_create(&clients[i], NULL, client, scene) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&scene->closing, true);
    for (size_t i = 0; i < CLERKS; i++)
        pthread_join(clerks[i], NULL);
    assert_int_equal(atomic_load(&scene->answered), CLIENTS * REQUESTS_EACH);
    assert_int_equal(http_server_counts(scene->server).answers_by_class[2], CLIENTS * REQUESTS_EACH);
}

static void *stop(void *context)
{
    struct scene *scene = context;
    http_server_stop(scene->server);
    atomic_store(&scene->closing, true);
    return NULL;
}

static bool is_refused(uint16_t port)
{
    struct wire wire = {.fd = -1};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    wire.fd = fd;
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
    wire_close(&wire);
    return refused;
}

static void stopping_answers_what_is_in_flight_and_takes_nothing_new(void **state)
{
    struct scene *scene = *state;
    struct wire wires[20], idle;
    struct reply reply;
    wire_open(&idle, scene->port);
    for (size_t i = 0; i < 20; i++) {
        wire_open(&wires[i], scene->port);
        send_late(&wires[i], "in flight");
    }
    desk_await(scene->desk, 20);
    pthread_t stopper;
    CHECK(pthread_create(&stopper, NULL, stop, scene) == 0);
    while (!is_refused(scene->port))
        usleep(1000);
    usleep(1200 * 1000); /* past the grace for those that are still coming in */
    assert_false(atomic_load(&scene->closing));
    for (size_t i = 0; i < 20; i++)
        assert_true(desk_answer(scene->desk));
    for (size_t i = 0; i < 20; i++) {
        assert_true(wire_take(&wires[i], &reply));
        assert_int_equal(reply.status, 200);
        assert_true(str_equal(reply.body, STR("in flight")));
        struct str connection;
        assert_true(reply_header(&reply, "Connection", &connection));
        assert_true(str_equal(connection, STR("close")));
        wire_close(&wires[i]);
    }
    pthread_join(stopper, NULL);
    assert_true(wire_is_closed(&idle, 5000));
    wire_close(&idle);
    scene->server = NULL;
}

static void a_request_half_sent_does_not_hold_up_the_stop(void **state)
{
    struct scene *scene = *state;
    struct wire wire, late;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    wire_open(&late, scene->port);
    wire_text(&late, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    while (http_server_counts(scene->server).body_bytes < 8)
        sched_yield();
    pthread_t stopper;
    CHECK(pthread_create(&stopper, NULL, stop, scene) == 0);
    while (!is_refused(scene->port))
        usleep(1000);
    wire_text(&late, "+sixth"); /* within the grace */
    assert_true(wire_take(&late, &reply));
    assert_true(str_equal(reply.body, STR("half+sixth")));
    wire_close(&late);
    pthread_join(stopper, NULL);
    assert_true(wire_is_closed(&wire, 5000));
    assert_int_equal(wire.in.size, 0);
    wire_close(&wire);
    scene->server = NULL;
}

static void stopping_at_any_moment_under_load_answers_or_closes(void **state)
{
    struct scene *scene = *state;
    pthread_t clients[CLIENTS], clerks[CLERKS];
    for (size_t i = 0; i < CLERKS; i++)
        CHECK(pthread_create(&clerks[i], NULL, clerk, scene) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        CHECK(pthread_create(&clients[i], NULL, client, scene) == 0);
    while (atomic_load(&scene->connected) < CLIENTS || atomic_load(&scene->answered) < 50)
        sched_yield();
    http_server_stop(scene->server);
    atomic_store(&scene->closing, true);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    for (size_t i = 0; i < CLERKS; i++)
        pthread_join(clerks[i], NULL);
    assert_in_range(atomic_load(&scene->answered), 50, CLIENTS * REQUESTS_EACH);
    assert_false(desk_answer(scene->desk));
    scene->server = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_late_answer_reaches_its_own_request, begin, end),
        cmocka_unit_test_setup_teardown(stopping_answers_what_is_in_flight_and_takes_nothing_new, begin, end),
        cmocka_unit_test_setup_teardown(a_request_half_sent_does_not_hold_up_the_stop, begin, end),
        cmocka_unit_test_setup_teardown(stopping_at_any_moment_under_load_answers_or_closes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
