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

#include "base/array.h"
#include "base/check.h"
#include "http/wire_test.h"

/* Answers from other threads, and the end of the server while requests are in flight. Runs under the thread
 * sanitizer too. */

enum { CLIENTS = 6, REQUESTS_EACH = 200, CLERKS = 3 };

struct crowd {
    struct scene served; /* first */
    _Atomic bool closing;
    _Atomic unsigned connected, answered;
};

static int begin(void **state)
{
    struct crowd *crowd = memory_take_zeroed(1, sizeof *crowd);
    scene_serve(&crowd->served, 10, 64 * 1024 * 1024);
    *state = crowd;
    return 0;
}

static void *clerk(void *context)
{
    struct crowd *crowd = context;
    while (!atomic_load(&crowd->closing)) {
        if (!desk_answer(crowd->served.desk))
            sched_yield();
    }
    while (desk_answer(crowd->served.desk))
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
    struct crowd *crowd = context;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, crowd->served.port);
    atomic_fetch_add(&crowd->connected, 1);
    for (int i = 0; i < REQUESTS_EACH; i++) {
        char body[32];
        snprintf(body, sizeof body, "%p %d", (void *)&wire, i);
        send_late(&wire, body);
        if (wire_take(&wire, &reply) && reply.status == 200 && str_equal(reply.body, str_from(body)))
            atomic_fetch_add(&crowd->answered, 1);
    }
    wire_close(&wire);
    return NULL;
}

static void each_late_answer_reaches_its_own_request(void **state)
{
    struct crowd *crowd = *state;
    pthread_t clients[CLIENTS], clerks[CLERKS];
    for (size_t i = 0; i < CLERKS; i++)
        CHECK(pthread_create(&clerks[i], NULL, clerk, crowd) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        CHECK(pthread_create(&clients[i], NULL, client, crowd) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&crowd->closing, true);
    for (size_t i = 0; i < CLERKS; i++)
        pthread_join(clerks[i], NULL);
    assert_int_equal(atomic_load(&crowd->answered), CLIENTS * REQUESTS_EACH);
    assert_int_equal(http_server_counts(crowd->served.server).answers_by_class[2], CLIENTS * REQUESTS_EACH);
}

static void *stop(void *context)
{
    struct crowd *crowd = context;
    http_server_stop(crowd->served.server);
    atomic_store(&crowd->closing, true);
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
    struct crowd *crowd = *state;
    struct wire wires[20], idle;
    struct reply reply;
    wire_open(&idle, crowd->served.port);
    for (size_t i = 0; i < 20; i++) {
        wire_open(&wires[i], crowd->served.port);
        send_late(&wires[i], "in flight");
    }
    desk_await(crowd->served.desk, 20);
    pthread_t stopper;
    CHECK(pthread_create(&stopper, NULL, stop, crowd) == 0);
    while (!is_refused(crowd->served.port))
        usleep(1000);
    usleep(1200 * 1000); /* past the grace for those that are still coming in */
    assert_false(atomic_load(&crowd->closing));
    for (size_t i = 0; i < 20; i++)
        assert_true(desk_answer(crowd->served.desk));
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
    crowd->served.server = NULL;
}

static void a_request_half_sent_does_not_hold_up_the_stop(void **state)
{
    struct crowd *crowd = *state;
    struct wire wire, late;
    struct reply reply;
    wire_open(&wire, crowd->served.port);
    wire_text(&wire, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    wire_open(&late, crowd->served.port);
    wire_text(&late, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    while (http_server_counts(crowd->served.server).body_bytes < 8)
        sched_yield();
    pthread_t stopper;
    CHECK(pthread_create(&stopper, NULL, stop, crowd) == 0);
    while (!is_refused(crowd->served.port))
        usleep(1000);
    wire_text(&late, "+sixth"); /* within the grace */
    assert_true(wire_take(&late, &reply));
    assert_true(str_equal(reply.body, STR("half+sixth")));
    wire_close(&late);
    pthread_join(stopper, NULL);
    assert_true(wire_is_closed(&wire, 5000));
    assert_int_equal(wire.in.size, 0);
    wire_close(&wire);
    crowd->served.server = NULL;
}

static void stopping_at_any_moment_under_load_answers_or_closes(void **state)
{
    struct crowd *crowd = *state;
    pthread_t clients[CLIENTS], clerks[CLERKS];
    for (size_t i = 0; i < CLERKS; i++)
        CHECK(pthread_create(&clerks[i], NULL, clerk, crowd) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        CHECK(pthread_create(&clients[i], NULL, client, crowd) == 0);
    while (atomic_load(&crowd->connected) < CLIENTS || atomic_load(&crowd->answered) < 50)
        sched_yield();
    http_server_stop(crowd->served.server);
    atomic_store(&crowd->closing, true);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    for (size_t i = 0; i < CLERKS; i++)
        pthread_join(clerks[i], NULL);
    assert_in_range(atomic_load(&crowd->answered), 50, CLIENTS * REQUESTS_EACH);
    assert_false(desk_answer(crowd->served.desk));
    crowd->served.server = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_late_answer_reaches_its_own_request, begin, scene_end),
        cmocka_unit_test_setup_teardown(stopping_answers_what_is_in_flight_and_takes_nothing_new, begin,
                                        scene_end),
        cmocka_unit_test_setup_teardown(a_request_half_sent_does_not_hold_up_the_stop, begin, scene_end),
        cmocka_unit_test_setup_teardown(stopping_at_any_moment_under_load_answers_or_closes, begin,
                                        scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
