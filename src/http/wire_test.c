#include "http/wire_test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/array.h"
#include "base/check.h"

enum { PATIENCE_MS = 20000 };

struct desk {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    ARRAY(struct http_request *) kept;
    ARRAY(struct http_stream *) streams;
    char uploads[64];
};

struct desk *desk_new(void)
{
    struct desk *desk = memory_take_zeroed(1, sizeof *desk);
    pthread_mutex_init(&desk->mutex, NULL);
    pthread_cond_init(&desk->changed, NULL);
    snprintf(desk->uploads, sizeof desk->uploads, "/tmp/sojourn-uploads-XXXXXX");
    CHECK(mkdtemp(desk->uploads));
    return desk;
}

void desk_free(struct desk *desk)
{
    CHECK(desk->kept.count == 0 && desk->streams.count == 0 && rmdir(desk->uploads) == 0);
    array_free(&desk->kept);
    array_free(&desk->streams);
    pthread_cond_destroy(&desk->changed);
    pthread_mutex_destroy(&desk->mutex);
    free(desk);
}

const char *desk_uploads(const struct desk *desk)
{
    return desk->uploads;
}

size_t desk_upload_count(const struct desk *desk)
{
    DIR *directory = opendir(desk->uploads);
    CHECK(directory);
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

void desk_await(struct desk *desk, size_t count)
{
    pthread_mutex_lock(&desk->mutex);
    while (desk->kept.count < count)
        pthread_cond_wait(&desk->changed, &desk->mutex);
    pthread_mutex_unlock(&desk->mutex);
}

struct http_stream *desk_take_stream(struct desk *desk)
{
    pthread_mutex_lock(&desk->mutex);
    while (!desk->streams.count)
        pthread_cond_wait(&desk->changed, &desk->mutex);
    struct http_stream *stream = desk->streams.items[--desk->streams.count];
    pthread_mutex_unlock(&desk->mutex);
    return stream;
}

bool desk_answer(struct desk *desk)
{
    struct http_request *request = NULL;
    pthread_mutex_lock(&desk->mutex);
    if (desk->kept.count) {
        request = desk->kept.items[0];
        memmove(desk->kept.items, desk->kept.items + 1, --desk->kept.count * sizeof(struct http_request *));
    }
    pthread_mutex_unlock(&desk->mutex);
    if (request)
        http_answer(request, 200, "text/plain", http_request_body(request));
    return request != NULL;
}

static void keep(void *context, struct http_request *request)
{
    struct desk *desk = context;
    pthread_mutex_lock(&desk->mutex);
    *array_push(&desk->kept) = request;
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->mutex);
}

static void stream(void *context, struct http_request *request)
{
    struct desk *desk = context;
    pthread_mutex_lock(&desk->mutex);
    *array_push(&desk->streams) = http_answer_stream(request, 200, "text/event-stream");
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->mutex);
}

static void plain(void *context, struct http_request *request)
{
    (void)context;
    http_answer_header(request, "X-Extra", "yes");
    http_answer(request, 200, "text/plain", STR("hello"));
}

static void echo(void *context, struct http_request *request)
{
    (void)context;
    http_answer(request, 200, "application/octet-stream", http_request_body(request));
}

static void download(void *context, struct http_request *request)
{
    (void)context;
    char *zeros = memory_take_zeroed(WIRE_LARGE_ANSWER, 1);
    http_answer(request, 200, "application/octet-stream", (struct str){zeros, WIRE_LARGE_ANSWER});
    free(zeros);
}

static void parts(void *context, struct http_request *request)
{
    (void)context;
    struct str thing = http_request_parameter(request, "thing"),
               part = http_request_parameter(request, "part");
    struct str query = STR("-"), header = STR("-"), path = http_request_path(request);
    http_request_query(request, "q", &query);
    http_request_header(request, "x-test", &header);
    http_answer(request, 200, "text/plain",
                str_from(arena_printf(http_request_arena(request), "%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(thing),
                                      STR_ARG(part), STR_ARG(query), STR_ARG(header), STR_ARG(path))));
}

/* What the file holds, where it is short, or its size. `?keep` keeps it under the name `kept`. */
static void upload(void *context, struct http_request *request)
{
    const struct desk *desk = context;
    struct http_file file = http_request_file(request);
    char text[32], kept[80];
    struct str query, answer = {text, 0};
    CHECK(http_request_body(request).size == 0);
    if (file.size < sizeof text) {
        ssize_t got = read(file.fd, text, sizeof text);
        CHECK(got == (ssize_t)file.size);
        answer.size = (size_t)got;
    } else {
        answer.size = (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)file.size);
    }
    if (http_request_query(request, "keep", &query)) {
        snprintf(kept, sizeof kept, "%s/kept", desk->uploads);
        CHECK(rename(file.path, kept) == 0);
        close(file.fd);
        http_request_keep_file(request);
    }
    http_answer(request, 200, "text/plain", answer);
}

static void who(void *context, struct http_request *request)
{
    (void)context;
    http_answer(request, 200, "text/plain", http_request_who(request));
}

static void refused(void *context, struct http_request *request)
{
    (void)context;
    struct err_detail detail;
    err_fail(&detail, ERR_LIMIT, "/rules/3", "Too many \"rules\": at most 3.");
    http_problem(request, 0, ERR_LIMIT, &detail);
}

static bool authenticate(void *context, enum http_access access, struct str credential, struct arena *arena,
                         struct str *ret_name)
{
    (void)context;
    if (!str_equal(credential, access == HTTP_WRITE ? STR("write-key") : STR("admin-token")))
        return false;
    *ret_name = arena_str(arena, access == HTTP_WRITE ? STR("shop") : STR("ann"));
    return true;
}

static const struct http_route routes[] = {
    {"GET", "/plain", HTTP_OPEN, plain, 0},
    {"POST", "/echo", HTTP_OPEN, echo, 0},
    {"POST", "/small", HTTP_OPEN, echo, WIRE_SMALL_BODY_MAX},
    {"POST", "/large", HTTP_OPEN, echo, WIRE_LARGE_BODY_MAX},
    {"GET", "/download", HTTP_OPEN, download, 0},
    {"GET", "/things/{thing}/parts/{part}", HTTP_OPEN, parts, 0},
    {"GET", "/things/mine", HTTP_OPEN, plain, 0},
    {"POST", "/keyed", HTTP_WRITE, who, 0},
    {"GET", "/admin", HTTP_ADMIN, who, 0},
    {"GET", "/both", HTTP_OPEN, plain, 0},
    {"DELETE", "/both", HTTP_OPEN, plain, 0},
    {"POST", "/late", HTTP_OPEN, keep, 0},
    {"GET", "/refused", HTTP_OPEN, refused, 0},
    {"GET", "/stream", HTTP_OPEN, stream, 0},
    {"POST", "/upload", HTTP_OPEN, upload, (size_t)2 << 30, true},
    {"POST", "/upload/small", HTTP_OPEN, upload, WIRE_SMALL_BODY_MAX, true},
};

struct http_server *wire_serve(struct desk *desk, unsigned idle_seconds, size_t memory_bytes_max)
{
    const struct http_options options = {.address = "127.0.0.1",
                                         .threads = 2,
                                         .idle_seconds = idle_seconds,
                                         .memory_bytes_max = memory_bytes_max,
                                         .upload_directory = desk->uploads,
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof *routes,
                                         .authenticate = authenticate,
                                         .context = desk};
    struct http_server *server = NULL;
    struct err_detail detail = {0};
    if (http_server_start(&options, &server, &detail) != ERR_OK)
        fprintf(stderr, "%s %s\n", detail.place, detail.text);
    CHECK(server);
    return server;
}

/* ── the client ───────────────────────────────────────────────────────────── */

void scene_serve(struct scene *scene, unsigned idle_seconds, size_t memory_bytes_max)
{
    scene->desk = desk_new();
    scene->server = wire_serve(scene->desk, idle_seconds, memory_bytes_max);
    scene->port = http_server_port(scene->server);
}

int scene_begin(void **state, unsigned idle_seconds, size_t memory_bytes_max)
{
    struct scene *scene = memory_take_zeroed(1, sizeof *scene);
    scene_serve(scene, idle_seconds, memory_bytes_max);
    *state = scene;
    return 0;
}

int scene_end(void **state)
{
    struct scene *scene = *state;
    if (scene->server)
        http_server_stop(scene->server);
    desk_free(scene->desk);
    free(scene);
    return 0;
}

void wire_open(struct wire *wire, uint16_t port)
{
    *wire = (struct wire){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(wire->fd >= 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    CHECK(connect(wire->fd, (struct sockaddr *)&address, sizeof address) == 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    CHECK(setsockopt(wire->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
}

void wire_send(struct wire *wire, struct str bytes)
{
    while (bytes.size) {
        ssize_t sent = send(wire->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes.data += sent;
        bytes.size -= (size_t)sent;
    }
}

void wire_text(struct wire *wire, const char *text)
{
    wire_send(wire, str_from(text));
}

/* True when there is more in `in`. */
static bool receive(struct wire *wire, int within_ms)
{
    struct pollfd polled = {.fd = wire->fd, .events = POLLIN};
    if (poll(&polled, 1, within_ms) != 1)
        return false;
    ssize_t got = recv(wire->fd, buf_reserve(&wire->in, 65536), 65536, 0);
    if (got <= 0)
        return false;
    wire->in.size += (size_t)got;
    return true;
}

bool reply_header(const struct reply *reply, const char *name, struct str *ret)
{
    size_t size = strlen(name);
    const char *at = reply->head.data, *end = at + reply->head.size;
    while ((at = memmem(at, (size_t)(end - at), "\r\n", 2))) {
        at += 2;
        if ((size_t)(end - at) > size + 2 && strncasecmp(at, name, size) == 0 && at[size] == ':') {
            const char *value = at + size + 1 + strspn(at + size + 1, " ");
            *ret = (struct str){
                value, (size_t)((const char *)memmem(value, (size_t)(end - value), "\r", 1) - value)};
            return true;
        }
    }
    return false;
}

static bool take(struct wire *wire, bool body, struct reply *ret)
{
    const char *blank;
    size_t from = wire->taken;
    while (!(blank = wire->in.size > from ? memmem(wire->in.data + from, wire->in.size - from, "\r\n\r\n", 4)
                                          : NULL)) {
        if (!receive(wire, PATIENCE_MS))
            return false;
    }
    size_t head_size = (size_t)(blank + 4 - (wire->in.data + from));
    struct reply reply = {.head = {wire->in.data + from, head_size}};
    struct str length = STR("0");
    reply_header(&reply, "Content-Length", &length);
    int64_t size = 0;
    if (!str_starts(reply.head, STR("HTTP/1.1 ")) || !str_to_int64(length, &size))
        return false;
    if (!body)
        size = 0;
    while (wire->in.size < from + head_size + (size_t)size) {
        if (!receive(wire, PATIENCE_MS))
            return false;
    }
    reply.head.data = wire->in.data + from; /* it may have moved */
    reply.body = (struct str){wire->in.data + from + head_size, (size_t)size};
    reply.status = (unsigned)(reply.head.data[9] - '0') * 100 + (unsigned)(reply.head.data[10] - '0') * 10 +
                   (unsigned)(reply.head.data[11] - '0');
    wire->taken = from + head_size + (size_t)size;
    *ret = reply;
    return true;
}

bool wire_take(struct wire *wire, struct reply *ret)
{
    return take(wire, true, ret);
}

bool wire_take_headers(struct wire *wire, struct reply *ret)
{
    return take(wire, false, ret);
}

bool wire_is_more(struct wire *wire, int within_ms)
{
    return receive(wire, within_ms);
}

bool wire_is_closed(struct wire *wire, int within_ms)
{
    struct pollfd polled = {.fd = wire->fd, .events = POLLIN};
    while (poll(&polled, 1, within_ms) == 1) {
        if (!receive(wire, 0))
            return true;
    }
    return false;
}

void wire_close(struct wire *wire)
{
    close(wire->fd);
    buf_deinit(&wire->in);
}

unsigned wire_ask(uint16_t port, struct str bytes, struct buf *ret_body)
{
    struct wire wire;
    struct reply reply = {0};
    wire_open(&wire, port);
    wire_send(&wire, bytes);
    unsigned status = wire_take(&wire, &reply) ? reply.status : 0;
    if (status && ret_body)
        buf_put_str(ret_body, reply.body);
    wire_close(&wire);
    return status;
}

void wire_gzip(struct str plain_text, struct buf *ret)
{
    z_stream stream = {0};
    CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t bound = deflateBound(&stream, plain_text.size);
    stream.next_in = (Bytef *)(uintptr_t)plain_text.data;
    stream.avail_in = (uInt)plain_text.size;
    stream.next_out = (Bytef *)buf_reserve(ret, bound);
    stream.avail_out = (uInt)bound;
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    ret->size += bound - stream.avail_out;
    deflateEnd(&stream);
}
