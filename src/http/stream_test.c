#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/check.h"
#include "base/wait.h"
#include "http/wire_test.h"

/* Answers that go on: what is put arrives, and whoever leaves, sleeps or is stopped costs nobody anything.
 * Runs under the thread sanitizer too. */

enum { LISTENERS = 20, PUTS_EACH = 200 };

static int begin(void **state)
{
    return scene_begin(state, 5, 16 * 1024 * 1024);
}

static struct http_stream *listen_to(const struct scene *scene, struct wire *wire)
{
    wire_open(wire, scene->port);
    wire_text(wire, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stream *stream = desk_take_stream(scene->desk);
    struct reply reply;
    assert_true(wire_take_headers(wire, &reply));
    assert_int_equal(reply.status, 200);
    struct str value;
    assert_true(reply_header(&reply, "Transfer-Encoding", &value));
    assert_true(str_equal(value, STR("chunked")));
    return stream;
}

/* Until the text has come in behind what was taken. */
static void assert_heard(struct wire *wire, const char *text)
{
    int64_t from = monotonic_ms();
    while (!memmem(wire->in.data + wire->taken, wire->in.size - wire->taken, text, strlen(text))) {
        assert_true(wire_is_more(wire, 5000));
        assert_in_range(monotonic_ms() - from, 0, 5000);
    }
}

static void await_no_listener(struct http_stream *stream)
{
    for (int64_t from = monotonic_ms(); http_stream_put(stream, STR(""));) {
        assert_in_range(monotonic_ms() - from, 0, 10000);
        usleep(1000);
    }
}

static void await_closed(const struct scene *scene)
{
    for (int64_t from = monotonic_ms(); http_server_counts(scene->server).connections_open;) {
        assert_in_range(monotonic_ms() - from, 0, 10000);
        usleep(1000);
    }
}

static void what_is_put_arrives_while_the_answer_goes_on(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct http_stream *stream = listen_to(scene, &wire);
    int64_t from = monotonic_ms();
    for (int i = 0; i < 20; i++) {
        char text[16];
        snprintf(text, sizeof text, "event %d;", i);
        assert_true(http_stream_put(stream, str_from(text)));
        assert_heard(&wire, text);
    }
    assert_in_range(monotonic_ms() - from, 0, 1000); /* none of them waited for company */
    assert_true(http_stream_put(stream, STR("the last")));
    http_stream_close(stream);
    assert_heard(&wire, "the last\r\n0\r\n\r\n");
    assert_true(wire_is_closed(&wire, 5000));
    wire_close(&wire);
}

static void a_long_text_arrives_whole(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct http_stream *stream = listen_to(scene, &wire);
    char *text = memory_take(HTTP_STREAM_BACKLOG_BYTES);
    memset(text, 'x', HTTP_STREAM_BACKLOG_BYTES);
    assert_true(http_stream_put(stream, (struct str){text, HTTP_STREAM_BACKLOG_BYTES}));
    http_stream_close(stream);
    assert_heard(&wire, "\r\n0\r\n\r\n");
    size_t count = 0;
    for (size_t i = wire.taken; i < wire.in.size; i++)
        count += wire.in.data[i] == 'x';
    assert_int_equal(count, HTTP_STREAM_BACKLOG_BYTES);
    free(text);
    wire_close(&wire);
}

static void who_is_gone_is_noticed(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct http_stream *stream = listen_to(scene, &wire);
    assert_true(http_stream_put(stream, STR("")));
    wire_close(&wire);
    await_no_listener(stream);
    assert_false(http_stream_put(stream, STR("to nobody")));
    await_closed(scene);
    assert_false(http_stream_put(stream, STR("to nobody")));
    http_stream_close(stream);
}

static void who_takes_nothing_is_cut_off(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    static const char text[4096] = {'x'};
    struct http_stream *stream = listen_to(scene, &wire);
    setsockopt(wire.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    size_t puts = 0;
    while (http_stream_put(stream, (struct str){text, sizeof text}))
        assert_true(++puts < 16384); /* the sockets' buffers and the backlog */
    assert_true(puts * sizeof text >= HTTP_STREAM_BACKLOG_BYTES);
    await_closed(scene);
    http_stream_close(stream);
    wire_close(&wire);
}

static void head_of_a_stream_has_no_listener(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stream *stream = desk_take_stream(scene->desk);
    assert_true(wire_take_headers(&wire, &reply));
    assert_true(wire_is_closed(&wire, 5000));
    await_no_listener(stream);
    http_stream_close(stream);
    wire_close(&wire);
}

static void the_stop_ends_every_stream_at_once(void **state)
{
    struct scene *scene = *state;
    struct wire wires[LISTENERS];
    struct http_stream *streams[LISTENERS];
    for (size_t i = 0; i < LISTENERS; i++)
        streams[i] = listen_to(scene, &wires[i]);
    int64_t from = monotonic_ms();
    http_server_stop(scene->server);
    assert_in_range(monotonic_ms() - from, 0, 3000);
    for (size_t i = 0; i < LISTENERS; i++) {
        assert_heard(&wires[i], "0\r\n\r\n");
        assert_false(http_stream_put(streams[i], STR("too late")));
        http_stream_close(streams[i]);
        wire_close(&wires[i]);
    }
    scene->server = NULL;
}

struct talker {
    pthread_t thread;
    struct http_stream *stream;
    int puts;
};

/* Goes on until nobody listens. */
static void *talk(void *context)
{
    struct talker *talker = context;
    while (talker->puts < PUTS_EACH && http_stream_put(talker->stream, STR("talk, "))) {
        talker->puts++;
        sched_yield();
    }
    http_stream_close(talker->stream);
    return NULL;
}

static void listeners_may_leave_at_any_moment(void **state)
{
    struct scene *scene = *state;
    struct wire wires[LISTENERS];
    struct talker talkers[LISTENERS];
    for (size_t i = 0; i < LISTENERS; i++) {
        talkers[i] = (struct talker){.stream = listen_to(scene, &wires[i])};
        CHECK(pthread_create(&talkers[i].thread, NULL, talk, &talkers[i]) == 0);
        if (i % 2)
            wire_close(&wires[i]);
    }
    for (size_t i = 0; i < LISTENERS; i++) {
        pthread_join(talkers[i].thread, NULL);
        if (i % 2)
            continue;
        assert_int_equal(talkers[i].puts, PUTS_EACH);
        assert_heard(&wires[i], "\r\n0\r\n\r\n");
        wire_close(&wires[i]);
    }
    await_closed(scene);
}

static void the_stop_may_come_while_everybody_talks(void **state)
{
    struct scene *scene = *state;
    struct wire wires[LISTENERS];
    struct talker talkers[LISTENERS];
    for (size_t i = 0; i < LISTENERS; i++) {
        talkers[i] = (struct talker){.stream = listen_to(scene, &wires[i])};
        CHECK(pthread_create(&talkers[i].thread, NULL, talk, &talkers[i]) == 0);
    }
    http_server_stop(scene->server);
    scene->server = NULL;
    for (size_t i = 0; i < LISTENERS; i++) {
        pthread_join(talkers[i].thread, NULL);
        wire_close(&wires[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_arrives_while_the_answer_goes_on, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_long_text_arrives_whole, begin, scene_end),
        cmocka_unit_test_setup_teardown(who_is_gone_is_noticed, begin, scene_end),
        cmocka_unit_test_setup_teardown(who_takes_nothing_is_cut_off, begin, scene_end),
        cmocka_unit_test_setup_teardown(head_of_a_stream_has_no_listener, begin, scene_end),
        cmocka_unit_test_setup_teardown(the_stop_ends_every_stream_at_once, begin, scene_end),
        cmocka_unit_test_setup_teardown(listeners_may_leave_at_any_moment, begin, scene_end),
        cmocka_unit_test_setup_teardown(the_stop_may_come_while_everybody_talks, begin, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
