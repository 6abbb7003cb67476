#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/wait.h"
#include "http/wire_test.h"

/* Clients that mean no good, or know no better: each gets its answer or its end, at bounded cost, and beside
 * it everybody else is served as ever. */

enum {
    MB = 1024 * 1024,
    IDLE_SECONDS = 1,
    ROOM = 4 * MB,
    IDLE_CONNECTIONS = 10000,
    LISTENERS = 100,
    IDLE_BYTES_EACH_MAX = 8 * 1024
};

static int begin(void **state)
{
    return scene_begin(state, IDLE_SECONDS, ROOM);
}

/* What the process has of memory; nothing to go by under a sanitizer, which keeps what is freed. */
static size_t resident_bytes(void)
{
#ifdef __SANITIZE_ADDRESS__
    return 0;
#endif
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    char *rest;
    strtoull(line, &rest, 10);
    return (size_t)strtoull(rest, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

#define PLAIN "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"

/* Somebody who behaves is served, and soon. */
static void assert_served(const struct scene *scene)
{
    int64_t from = monotonic_ms();
    assert_int_equal(wire_ask(scene->port, STR(PLAIN), NULL), 200);
    assert_in_range(monotonic_ms() - from, 0, 500);
}

static void assert_status(const struct scene *scene, struct str request, unsigned status)
{
    assert_int_equal(wire_ask(scene->port, request, NULL), status);
}

static void a_length_over_the_maximum_is_413_before_a_byte_of_it(void **state)
{
    assert_status(*state, STR("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"), 413);
    assert_status(*state, STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n"), 413);
    assert_status(*state,
                  STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n"), 413);
    assert_served(*state);
}

/* Sends 1 GB, or as much as the server lets it; true when it was all. */
static bool send_gigabyte(struct wire *wire, bool chunked)
{
    static const char zeros[64 * 1024] = {0};
    for (int i = 0; i < 16384; i++) {
        if (chunked && send(wire->fd, "10000\r\n", 7, MSG_NOSIGNAL) != 7)
            return false;
        for (size_t sent = 0; sent < sizeof zeros;) {
            ssize_t some = send(wire->fd, zeros + sent, sizeof zeros - sent, MSG_NOSIGNAL);
            if (some <= 0)
                return false;
            sent += (size_t)some;
        }
        if (chunked && send(wire->fd, "\r\n", 2, MSG_NOSIGNAL) != 2)
            return false;
    }
    return true;
}

static void a_body_of_1_gb_is_413_and_takes_no_memory(void **state)
{
    struct scene *scene = *state;
    assert_served(scene);
    size_t before = resident_bytes();
    for (int chunked = 0; chunked < 2; chunked++) {
        struct wire wire;
        struct reply reply;
        wire_open(&wire, scene->port);
        wire_text(&wire, chunked ? "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 : "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n");
        bool all = send_gigabyte(&wire, chunked);
        assert_true(wire_take(&wire, &reply));
        assert_int_equal(reply.status, 413);
        struct str type;
        assert_true(reply_header(&reply, "Content-Type", &type));
        assert_true(str_equal(type, STR("application/problem+json")));
        assert_true(all || wire_is_closed(&wire, 5000));
        wire_close(&wire);
        assert_served(scene);
    }
    size_t after = resident_bytes();
    assert_in_range(after > before ? after - before : 0, 0, 4 * MB);
}

static void a_chunked_body_a_little_over_the_maximum_keeps_the_connection(void **state)
{
    struct scene *scene = *state;
    char body[1001];
    memset(body, 'x', sizeof body);
    struct wire wire;
    struct reply reply;
    wire_open(&wire, scene->port);
    wire_text(&wire, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
    wire_send(&wire, (struct str){body, sizeof body});
    wire_text(&wire, "\r\n0\r\n\r\n" PLAIN);
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 413);
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 200);
    wire_close(&wire);
}

static void post_gzip(struct buf *request, const char *path, struct str packed)
{
    buf_clear(request);
    buf_printf(request,
               "POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", path,
               packed.size);
    buf_put_str(request, packed);
}

static void a_zip_bomb_ends_at_the_limit(void **state)
{
    struct scene *scene = *state;
    struct buf packed = {0}, request = {0};
    char *zeros = memory_take_zeroed(64, MB);
    wire_gzip((struct str){zeros, 64 * MB}, &packed);
    free(zeros);
    assert_true(packed.size < 128 * 1024);
    assert_served(scene);
    size_t before = resident_bytes();
    post_gzip(&request, "/echo", buf_str(&packed));
    for (int i = 0; i < 20; i++)
        assert_status(scene, buf_str(&request), 413);
    size_t after = resident_bytes();
    assert_in_range(after > before ? after - before : 0, 0, 4 * MB);
    assert_served(scene);
    buf_deinit(&packed);
    buf_deinit(&request);
}

static void a_gzip_body_that_is_damaged_or_cut_is_400(void **state)
{
    struct scene *scene = *state;
    struct buf packed = {0}, request = {0};
    wire_gzip(STR("what is cut anywhere is no whole stream"), &packed);
    for (size_t size = 0; size < packed.size; size++) {
        post_gzip(&request, "/echo", (struct str){packed.data, size});
        assert_status(scene, buf_str(&request), 400);
    }
    post_gzip(&request, "/echo", buf_str(&packed));
    assert_status(scene, buf_str(&request), 200);
    buf_put_text(&packed, "rubbish behind it");
    post_gzip(&request, "/echo", buf_str(&packed));
    assert_status(scene, buf_str(&request), 400);
    post_gzip(&request, "/echo", STR("{\"not\":\"packed\"}"));
    assert_status(scene, buf_str(&request), 400);
    buf_deinit(&packed);
    buf_deinit(&request);
}

static void bodies_beyond_the_memory_set_aside_are_503_with_retry_after(void **state)
{
    struct scene *scene = *state;
    struct wire wires[16];
    struct buf request = {0};
    struct reply reply;
    buf_put_text(&request, "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
    memset(buf_reserve(&request, 500000), 'x', 500000);
    request.size += 500000;
    size_t taken = 0;
    bool refused = false;
    while (!refused && taken < 16) {
        wire_open(&wires[taken], scene->port);
        wire_send(&wires[taken], buf_str(&request));
        /* the desk has it, or the answer is there */
        refused = taken >= ROOM / 524288 - 1 && wire_take(&wires[taken], &reply);
        if (!refused)
            desk_await(scene->desk, ++taken);
    }
    assert_true(refused);
    assert_int_equal(reply.status, 503);
    struct str after;
    assert_true(reply_header(&reply, "Retry-After", &after));
    assert_true(str_equal(after, STR("1")));
    wire_close(&wires[taken]);
    assert_served(scene);
    for (size_t i = 0; i < taken; i++) {
        assert_true(desk_answer(scene->desk));
        assert_true(wire_take(&wires[i], &reply));
        assert_int_equal(reply.status, 200);
        wire_close(&wires[i]);
    }
    memcpy(request.data, "POST /echo", 10);
    assert_status(scene, buf_str(&request), 200);
    buf_deinit(&request);
}

/* A request with `count` headers of `size` bytes each. */
static unsigned ask_with_headers(const struct scene *scene, size_t count, size_t size)
{
    struct buf request = {0};
    buf_put_text(&request, "GET /plain HTTP/1.1\r\nHost: x\r\n");
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&request, "a:");
        memset(buf_reserve(&request, size), 'v', size);
        request.size += size - 4;
        buf_put_text(&request, "\r\n");
    }
    buf_put_text(&request, "\r\n");
    struct wire wire;
    struct reply reply = {0};
    wire_open(&wire, scene->port);
    wire_send(&wire, buf_str(&request));
    unsigned status = wire_take(&wire, &reply) ? reply.status : 0;
    wire_close(&wire);
    buf_deinit(&request);
    return status;
}

static void headers_over_their_limit_are_431(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(ask_with_headers(scene, 1, 30 * 1024), 200);
    assert_int_equal(ask_with_headers(scene, 60, 500), 200);
    assert_int_equal(ask_with_headers(scene, 1, 33 * 1024), 431);
    assert_int_equal(ask_with_headers(scene, 1, 60 * 1024), 431);
    assert_int_equal(ask_with_headers(scene, 20000, 8), 431);
    assert_int_equal(ask_with_headers(scene, 1, 8 * MB), 431);
    struct buf request = {0};
    buf_put_text(&request, "GET /");
    memset(buf_reserve(&request, MB), 'a', MB);
    request.size += MB;
    assert_status(scene, buf_str(&request), 414);
    buf_deinit(&request);
    assert_served(scene);
}

static void requests_that_could_be_read_two_ways_are_refused(void **state)
{
    struct scene *scene = *state;
#define POST "POST /echo HTTP/1.1\r\nHost: x\r\n"
    assert_status(scene, STR(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 400);
    assert_status(scene, STR(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
    assert_status(scene, STR(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501);
    assert_status(scene, STR(POST "Content-Length: -1\r\n\r\n"), 400);
    assert_status(scene, STR(POST "Content-Length: 3x\r\n\r\nabc"), 400);
    assert_status(scene, STR("GET /plain HTTP/1.1\r\n\r\n"), 400);
    assert_served(scene);
#undef POST
}

/* Sends `first`, then a byte every 100 ms as if it never meant to end; the time until the server had enough.
 */
static int64_t drip(const struct scene *scene, const char *first, const char *drop)
{
    struct wire wire;
    wire_open(&wire, scene->port);
    int64_t from = monotonic_ms();
    wire_text(&wire, first);
    while (monotonic_ms() - from < 10000 && !wire_is_closed(&wire, 100)) {
        if (drop)
            wire_text(&wire, drop);
        assert_served(scene);
    }
    wire_close(&wire);
    return monotonic_ms() - from;
}

static void who_sends_half_and_waits_is_cut_off(void **state)
{
    assert_in_range(drip(*state, "", NULL), 500, 4000);
    assert_in_range(drip(*state, "GET /pla", NULL), 500, 4000);
    assert_in_range(drip(*state, "GET /plain HTTP/1.1\r\nHost: x\r\nX-Half", NULL), 500, 4000);
    assert_in_range(drip(*state, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", NULL),
                    500, 4000);
}

static void who_drips_is_cut_off_too(void **state)
{
    assert_in_range(drip(*state, "GET /plain HTTP/1.1\r\nHost: x\r\nX-Drip: ", "x"), 1500, 4000);
    assert_in_range(drip(*state, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "x"),
                    1000, 4000);
    assert_in_range(
        drip(*state, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
        1000, 4000);
}

static void who_does_not_read_its_answer_holds_nobody_up(void **state)
{
    struct scene *scene = *state;
    struct wire wires[8];
    for (size_t i = 0; i < 8; i++) {
        wire_open(&wires[i], scene->port);
        setsockopt(wires[i].fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
        wire_text(&wires[i], "GET /download HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    int64_t from = monotonic_ms();
    while (http_server_counts(scene->server).connections_open < 8)
        assert_in_range(monotonic_ms() - from, 0, 5000);
    while (http_server_counts(scene->server).connections_open > 0 && monotonic_ms() - from < 10000) {
        assert_served(scene);
        usleep(20000);
    }
    assert_in_range(monotonic_ms() - from, 500, 5000);
    for (size_t i = 0; i < 8; i++)
        wire_close(&wires[i]);
}

/* A process of its own, since descriptors are counted by process: opens the connections when it gets the
 * port, asks once on each where `asking`, says so, and holds them until it is ended. */
static pid_t hold_connections(int *ret_orders, int *ret_news, bool asking)
{
    int orders[2], news[2];
    assert_int_equal(pipe(orders) | pipe(news), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that fails */
        uint16_t port;
        if (read(orders[0], &port, sizeof port) != sizeof port)
            _exit(1);
        for (int i = 0; i < IDLE_CONNECTIONS; i++) {
            struct wire wire;
            struct reply reply;
            wire_open(&wire, port);
            if (asking) {
                wire_text(&wire, PLAIN);
                if (!wire_take(&wire, &reply))
                    _exit(1);
                buf_deinit(&wire.in);
            }
        }
        if (write(news[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(orders[0]);
    close(news[1]);
    *ret_orders = orders[1];
    *ret_news = news[0];
    return child;
}

static bool raise_descriptors(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_max >= IDLE_CONNECTIONS + 512;
}

static void await_uploads(const struct scene *scene, size_t count)
{
    for (int64_t from = monotonic_ms(); desk_upload_count(scene->desk) != count;) {
        assert_in_range(monotonic_ms() - from, 0, 10000);
        usleep(1000);
    }
}

static void an_upload_of_1_gb_goes_to_a_file_and_takes_no_memory(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    struct reply reply;
    assert_served(scene);
    size_t before = resident_bytes();
    wire_open(&wire, scene->port);
    wire_text(&wire, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n");
    assert_true(send_gigabyte(&wire, false));
    size_t during = resident_bytes();
    assert_true(wire_take(&wire, &reply));
    assert_int_equal(reply.status, 200);
    assert_true(str_equal(reply.body, STR("1073741824")));
    assert_in_range(during > before ? during - before : 0, 0, 4 * MB);
    wire_close(&wire);
    await_uploads(scene, 0);
}

static void a_zip_bomb_ends_at_the_limit_of_an_upload(void **state)
{
    struct scene *scene = *state;
    struct buf packed = {0}, request = {0};
    char *zeros = memory_take_zeroed(64, MB);
    wire_gzip((struct str){zeros, 64 * MB}, &packed);
    free(zeros);
    size_t before = resident_bytes();
    post_gzip(&request, "/upload", buf_str(&packed));
    struct buf size = {0};
    assert_int_equal(wire_ask(scene->port, buf_str(&request), &size), 200);
    assert_true(str_equal(buf_str(&size), STR("67108864")));
    post_gzip(&request, "/upload/small", buf_str(&packed));
    assert_status(scene, buf_str(&request), 413);
    size_t after = resident_bytes();
    assert_in_range(after > before ? after - before : 0, 0, 4 * MB);
    await_uploads(scene, 0);
    buf_deinit(&size);
    buf_deinit(&packed);
    buf_deinit(&request);
}

/* Half of an upload; its file is there. */
static void send_half(const struct scene *scene, struct wire *wire)
{
    wire_open(wire, scene->port);
    wire_text(wire, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\n\r\nhalf");
    await_uploads(scene, 1);
}

static void an_upload_half_sent_leaves_no_file(void **state)
{
    struct scene *scene = *state;
    struct wire wire;
    send_half(scene, &wire);
    wire_close(&wire);
    await_uploads(scene, 0);
    send_half(scene, &wire);
    assert_true(wire_is_closed(&wire, 4000)); /* for waiting */
    wire_close(&wire);
    await_uploads(scene, 0);
    assert_in_range(
        drip(scene, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n", "x"), 1000,
        4000);
    await_uploads(scene, 0);
}

static void an_upload_that_the_disk_has_no_room_for_is_507(void **state)
{
    struct scene *scene = *state;
    struct rlimit usual;
    struct buf request = {0}, problem = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    signal(SIGXFSZ, SIG_IGN); /* the write fails as it does on a disk that is full */
    const struct rlimit small = {MB / 4, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    buf_printf(&request, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", MB / 2);
    memset(buf_reserve(&request, MB / 2), 'x', MB / 2);
    request.size += MB / 2;
    assert_int_equal(wire_ask(scene->port, buf_str(&request), &problem), 507);
    assert_non_null(memmem(problem.data, problem.size, "make room", 9));
    assert_int_equal(desk_upload_count(scene->desk), 0);
    assert_served(scene);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    assert_status(scene, buf_str(&request), 200);
    await_uploads(scene, 0);
    buf_deinit(&problem);
    buf_deinit(&request);
}

/* Each who listens is told at once, and the end too. */
static void assert_streams(const struct scene *scene)
{
    struct wire wires[LISTENERS];
    struct http_stream *streams[LISTENERS];
    struct reply reply;
    for (size_t i = 0; i < LISTENERS; i++) {
        wire_open(&wires[i], scene->port);
        wire_text(&wires[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        streams[i] = desk_take_stream(scene->desk);
    }
    int64_t from = monotonic_ms();
    for (size_t i = 0; i < LISTENERS; i++) {
        assert_true(http_stream_put(streams[i], STR("told")));
        http_stream_close(streams[i]);
    }
    for (size_t i = 0; i < LISTENERS; i++) {
        assert_true(wire_take_headers(&wires[i], &reply));
        assert_true(wire_is_closed(&wires[i], 5000));
        assert_non_null(memmem(wires[i].in.data, wires[i].in.size, "told\r\n0\r\n\r\n", 11));
        wire_close(&wires[i]);
    }
    assert_in_range(monotonic_ms() - from, 0, 5000);
}

static void with_10000_connections(bool asking, uint64_t open_min, uint64_t open_max, size_t bytes_each_max)
{
    if (!raise_descriptors())
        skip();
    int orders, news;
    pid_t child = hold_connections(&orders, &news, asking);
    struct scene scene = {.desk = desk_new()};
    scene.server = wire_serve(scene.desk, 20, ROOM);
    scene.port = http_server_port(scene.server);
    assert_served(&scene);
    size_t before = resident_bytes();
    assert_int_equal(write(orders, &scene.port, sizeof scene.port), sizeof scene.port);
    char said;
    assert_int_equal(read(news, &said, 1), 1);
    for (int64_t from = monotonic_ms(); http_server_counts(scene.server).connections_open < open_min;) {
        assert_in_range(monotonic_ms() - from, 0, 5000);
        usleep(1000);
    }
    uint64_t open = http_server_counts(scene.server).connections_open;
    size_t each = (resident_bytes() - before) / open;
    printf("# %llu connections open, %zu bytes each\n", (unsigned long long)open, each);
    assert_in_range(open, open_min, open_max);
    assert_in_range(each, 0, bytes_each_max);
    for (int i = 0; i < 100; i++)
        assert_served(&scene);
    assert_streams(&scene);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(orders);
    close(news);
    http_server_stop(scene.server);
    desk_free(scene.desk);
}

static void ten_thousand_idle_connections_take_little_memory(void **state)
{
    (void)state;
    with_10000_connections(false, IDLE_CONNECTIONS, IDLE_CONNECTIONS + 100, IDLE_BYTES_EACH_MAX);
}

static void only_so_many_connections_are_kept_after_an_answer(void **state)
{
    (void)state;
    with_10000_connections(true, 2048, 2248, 64 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_idle_connections_take_little_memory),
        cmocka_unit_test(only_so_many_connections_are_kept_after_an_answer),
        cmocka_unit_test_setup_teardown(a_length_over_the_maximum_is_413_before_a_byte_of_it, begin,
                                        scene_end),
        cmocka_unit_test_setup_teardown(a_body_of_1_gb_is_413_and_takes_no_memory, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_chunked_body_a_little_over_the_maximum_keeps_the_connection, begin,
                                        scene_end),
        cmocka_unit_test_setup_teardown(a_zip_bomb_ends_at_the_limit, begin, scene_end),
        cmocka_unit_test_setup_teardown(a_gzip_body_that_is_damaged_or_cut_is_400, begin, scene_end),
        cmocka_unit_test_setup_teardown(bodies_beyond_the_memory_set_aside_are_503_with_retry_after, begin,
                                        scene_end),
        cmocka_unit_test_setup_teardown(headers_over_their_limit_are_431, begin, scene_end),
        cmocka_unit_test_setup_teardown(requests_that_could_be_read_two_ways_are_refused, begin, scene_end),
        cmocka_unit_test_setup_teardown(who_sends_half_and_waits_is_cut_off, begin, scene_end),
        cmocka_unit_test_setup_teardown(who_drips_is_cut_off_too, begin, scene_end),
        cmocka_unit_test_setup_teardown(who_does_not_read_its_answer_holds_nobody_up, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_upload_of_1_gb_goes_to_a_file_and_takes_no_memory, begin,
                                        scene_end),
        cmocka_unit_test_setup_teardown(a_zip_bomb_ends_at_the_limit_of_an_upload, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_upload_half_sent_leaves_no_file, begin, scene_end),
        cmocka_unit_test_setup_teardown(an_upload_that_the_disk_has_no_room_for_is_507, begin, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
