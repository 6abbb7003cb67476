#include "http/connection.h"

#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "http/answer.h"
#include "http/credential.h"
#include "http/router.h"
#include "http/stream.h"

enum {
    READ_AWAY_BYTES_MAX = HTTP_BODY_BYTES_MAX
}; /* of a body whose refusal is known, so that it can be read */

/* What the headers say about who asks, and how the body comes. */
struct facts {
    bool ambiguous; /* one of them was there twice */
    bool expects;
    struct str length, transfer, encoding, authorization;
};

static void take_header(struct facts *facts, struct str *at, struct str value)
{
    facts->ambiguous |= at->data != NULL;
    *at = value;
}

static enum MHD_Result look_at_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_size, const char *given, size_t value_size)
{
    (void)kind;
    (void)name_size;
    struct facts *facts = context;
    struct str value = {given ? given : "", value_size};
    if (strcasecmp(name, "Content-Length") == 0)
        take_header(facts, &facts->length, value);
    else if (strcasecmp(name, "Transfer-Encoding") == 0)
        take_header(facts, &facts->transfer, value);
    else if (strcasecmp(name, "Content-Encoding") == 0)
        take_header(facts, &facts->encoding, value);
    else if (strcasecmp(name, "Authorization") == 0)
        take_header(facts, &facts->authorization, value);
    else if (strcasecmp(name, "Expect") == 0)
        facts->expects = true;
    return MHD_YES;
}

static bool is_word(struct str value, const char *word)
{
    return value.size == strlen(word) && strncasecmp(value.data, word, value.size) == 0;
}

void connection_change(void *given, struct MHD_Connection *connection, void **watched,
                       enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = given;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *watched = watch_add(server->watch, fd, 2 * server_idle_ms(server));
        atomic_fetch_add(&server->connections, 1);
        return;
    }
    if (*watch_kept(*watched))
        atomic_fetch_sub(&server->kept, 1);
    watch_remove(server->watch, *watched);
    *watched = NULL;
    atomic_fetch_sub(&server->connections, 1);
}

size_t connection_leave_escaped(void *server, struct MHD_Connection *connection, char *text)
{
    (void)server;
    (void)connection;
    return strlen(text);
}

void *connection_target(void *given, const char *raw, struct MHD_Connection *connection)
{
    struct http_request *request = memory_take_zeroed(1, sizeof *request);
    request->server = given;
    request->connection = connection;
    request->watched =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    request->raw_target = arena_str(&request->arena, str_from(raw));
    return request;
}

/* ── before the body ──────────────────────────────────────────────────────── */

static const char *wanted(enum http_access access)
{
    switch (access) {
    case HTTP_ADMIN: return "Send a valid admin token: Authorization: Bearer TOKEN.";
    case HTTP_WRITE_BODY:
        return "Send a valid write key as the user name of Basic authentication (the password may be empty), "
               "or "
               "as \"writeKey\" of the body.";
    default:
        return "Send a valid write key as the user name of Basic authentication; the password may be empty.";
    }
}

static void challenge(struct http_request *request)
{
    http_answer_header(request, "WWW-Authenticate",
                       request->route->access == HTTP_ADMIN ? "Bearer realm=\"sojourn\""
                                                            : "Basic realm=\"sojourn\", charset=\"UTF-8\"");
}

static bool is_credential(struct http_request *request, enum http_access access, struct str credential)
{
    const struct http_options *options = &request->server->options;
    return options->authenticate &&
           options->authenticate(options->context, access, credential, &request->arena, &request->who);
}

static bool is_admitted(struct http_request *request, struct str authorization)
{
    enum http_access access = request->route->access;
    struct str credential;
    if (access == HTTP_OPEN || (access == HTTP_WRITE_BODY && !authorization.data))
        return true;
    if (access == HTTP_ADMIN) {
        if (credential_bearer(authorization, &credential) && is_credential(request, HTTP_ADMIN, credential))
            return true;
    } else if (credential_basic(authorization, &request->arena, &credential) &&
               is_credential(request, HTTP_WRITE, credential)) {
        return true;
    }
    challenge(request);
    answer_refuse(request, 401, wanted(access));
    return false;
}

bool http_request_admit(struct http_request *request, struct str credential)
{
    if (request->who.data || (credential.size && is_credential(request, HTTP_WRITE, credential)))
        return true;
    struct err_detail detail = {"", ""};
    err_fail(&detail, ERR_REFUSED, NULL, "%s", wanted(HTTP_WRITE_BODY));
    challenge(request);
    http_problem(request, 401, ERR_REFUSED, &detail);
    return false;
}

static bool is_routed(struct http_request *request, const char *method)
{
    const struct http_options *options = &request->server->options;
    const char *wrong = target_parse(request->raw_target, &request->arena, &request->target);
    if (wrong) {
        answer_refuse(request, 400, wrong);
        return false;
    }
    const char *allow = NULL;
    switch (router_find(options->routes, options->route_count, str_from(method), &request->target,
                        &request->arena, &request->route, &allow)) {
    case ROUTING_NO_PATH: answer_refuse(request, 404, "Nothing is served under this path."); return false;
    case ROUTING_NO_METHOD:
        http_answer_header(request, "Allow", allow);
        answer_refuse(request, 405, "This path is served under other methods: see the header Allow.");
        return false;
    case ROUTING_FOUND: break;
    }
    return true;
}

static bool is_framed(struct http_request *request, const struct facts *facts)
{
    if (facts->ambiguous || (facts->length.data && facts->transfer.data)) {
        answer_refuse(
            request, 400,
            "Content-Length, Transfer-Encoding, Content-Encoding and Authorization may stand once each, the "
            "first two not together.");
        return false;
    }
    if (facts->transfer.data && !is_word(facts->transfer, "chunked")) {
        answer_refuse(request, 501, "Of the transfer encodings only chunked is served.");
        return false;
    }
    return true;
}

static size_t body_bytes_max(const struct http_request *request)
{
    return request->route && request->route->body_bytes_max ? request->route->body_bytes_max
                                                            : atomic_load(&request->server->body_bytes_max);
}

static void refuse_size(struct http_request *request)
{
    answer_refuse(request, 413,
                  arena_printf(&request->arena,
                               "The body may have %zu bytes, counted unpacked; send it in smaller parts.",
                               body_bytes_max(request)));
}

static void judge(struct http_request *request, enum body_verdict verdict)
{
    switch (verdict) {
    case BODY_FINE: break;
    case BODY_TOO_LARGE: refuse_size(request); break;
    case BODY_NO_ROOM:
        answer_refuse(request, 503,
                      "The bodies of other requests take all memory set aside for them; try again.");
        break;
    case BODY_DAMAGED: answer_refuse(request, 400, "The body is not a whole gzip stream."); break;
    case BODY_DISK_FULL:
        answer_refuse(request, 507, "The disk has no room for this file; make room, or send less.");
        break;
    case BODY_DISK_FAILED:
        answer_refuse(request, 500, "The file could not be written; the disk or its rights need a look.");
        break;
    }
}

/* True: an answer is there, and it must go out at once, which closes the connection after it. */
static bool refuse_early(struct http_request *request, const char *method)
{
    struct facts facts = {0};
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, look_at_header, &facts);
    size_t header_bytes =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    if (header_bytes > HTTP_HEADER_BYTES_MAX) {
        answer_refuse(
            request, 431,
            arena_printf(&request->arena, "The request's headers may have %d bytes.", HTTP_HEADER_BYTES_MAX));
        return true;
    }
    if (!is_framed(request, &facts))
        return true;
    int64_t length = 0; /* the library has refused what is no number */
    if (facts.length.data && (!str_to_int64(facts.length, &length) || length < 0))
        length = INT64_MAX;
    bool is_gzip = is_word(facts.encoding, "gzip") || is_word(facts.encoding, "x-gzip");
    if (is_routed(request, method) && is_admitted(request, facts.authorization)) {
        if ((uint64_t)length > body_bytes_max(request)) {
            refuse_size(request);
            return true;
        }
        if (facts.encoding.data && !is_gzip && !is_word(facts.encoding, "identity")) {
            http_answer_header(request, "Accept-Encoding", "gzip, identity");
            answer_refuse(request, 415, "A body may come as it is or with Content-Encoding: gzip.");
        }
    }
    if (!request->response) {
        body_init(&request->body, &request->server->budget, body_bytes_max(request), is_gzip);
        if (request->route->upload)
            judge(request, body_spool(&request->body, request->server->options.upload_directory));
    }
    return request->response && (facts.expects || length > READ_AWAY_BYTES_MAX);
}

static enum MHD_Result begin(struct http_request *request, const char *method)
{
    struct http_server *server = request->server;
    request->begun = true;
    atomic_fetch_add(&server->requests, 1);
    pthread_mutex_lock(&server->mutex);
    server->coming_in++;
    pthread_mutex_unlock(&server->mutex);
    if (refuse_early(request, method)) {
        watch_linger(request->watched);
        return answer_send(request) ? MHD_YES : MHD_NO;
    }
    size_t usual = request->route && request->route->upload ? 0 : body_bytes_max(request);
    int64_t reading_ms = (int64_t)usual * 1000 / RATE_BYTES_MIN;
    watch_set(request->watched, server_idle_ms(server) + reading_ms);
    return MHD_YES;
}

/* ── the body ─────────────────────────────────────────────────────────────── */

/* An upload may take as long as it likes while it keeps up the rate: each piece that makes up `idle` seconds
 * of it has twice that time to come. */
static void expect_more(struct http_request *request, size_t bytes)
{
    int64_t idle_ms = server_idle_ms(request->server);
    if (request->body.bytes_in + bytes < request->due_bytes)
        return;
    request->due_bytes = request->body.bytes_in + bytes + (size_t)(idle_ms / 1000 * RATE_BYTES_MIN);
    watch_set(request->watched, 2 * idle_ms);
}

static enum MHD_Result read_more(struct http_request *request, struct str bytes)
{
    atomic_fetch_add(&request->server->body_bytes, bytes.size);
    if (!request->response) {
        if (request->route->upload)
            expect_more(request, bytes.size);
        judge(request, body_put(&request->body, bytes));
        return MHD_YES;
    }
    request->read_away += bytes.size;
    if (request->read_away <= READ_AWAY_BYTES_MAX)
        return MHD_YES;
    answer_send_and_give_up(request);
    return MHD_NO;
}

/* ── the whole request is there ───────────────────────────────────────────── */

/* False where the server has stopped: its handlers may be gone. */
static bool owe_answer(struct http_request *request)
{
    struct http_server *server = request->server;
    pthread_mutex_lock(&server->mutex);
    bool closed = server->closed;
    server->coming_in--;
    server->owed++;
    request->owed = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    return !closed;
}

static enum MHD_Result hand_over(struct http_request *request)
{
    struct http_server *server = request->server;
    request->dispatched = true;
    watch_set(request->watched, WATCH_NEVER);
    request->route->handle(server->options.context, request);
    if (atomic_load(&request->state) == REQUEST_ANSWERED)
        return answer_send(request) ? MHD_YES : MHD_NO;
    /* suspended first: whoever answers from now on must find it so */
    struct MHD_Connection *connection = request->connection;
    MHD_suspend_connection(connection);
    enum request_state expected = REQUEST_HANDLING;
    if (!atomic_compare_exchange_strong(&request->state, &expected, REQUEST_SUSPENDED))
        MHD_resume_connection(connection);
    return MHD_YES;
}

static enum MHD_Result finish(struct http_request *request)
{
    if (request->dispatched)
        return answer_send(request) ? MHD_YES : MHD_NO;
    bool open = owe_answer(request);
    if (!request->response)
        judge(request, body_end(&request->body));
    if (!request->response && !open)
        answer_refuse(request, 503, "The server is stopping; try again.");
    if (request->response)
        return answer_send(request) ? MHD_YES : MHD_NO;
    return hand_over(request);
}

enum MHD_Result connection_access(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes, size_t *size,
                                  void **context)
{
    (void)server;
    (void)connection;
    (void)url;
    (void)version;
    struct http_request *request = *context;
    if (!request->begun)
        return begin(request, method);
    if (!*size)
        return finish(request);
    struct str more = {bytes, *size};
    *size = 0;
    return read_more(request, more);
}

void connection_completed(void *given, struct MHD_Connection *connection, void **context,
                          enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    struct http_server *server = given;
    struct http_request *request = *context;
    if (!request)
        return;
    *context = NULL;
    if (request->stream)
        stream_detach(request->stream);
    watch_set(request->watched, 2 * server_idle_ms(server));
    if (request->response)
        MHD_destroy_response(request->response);
    budget_give(&server->budget, request->answer_bytes);
    body_deinit(&request->body);
    buf_deinit(&request->refusal);
    array_free(&request->headers);
    bool begun = request->begun, owed = request->owed;
    arena_deinit(&request->arena);
    free(request);
    if (!begun)
        return;
    pthread_mutex_lock(&server->mutex);
    uint64_t *count = owed ? &server->owed : &server->coming_in;
    CHECK(*count > 0);
    --*count;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

/* ── what a handler asks ──────────────────────────────────────────────────── */

struct arena *http_request_arena(struct http_request *request)
{
    return &request->arena;
}

struct str http_request_body(const struct http_request *request)
{
    return (struct str){request->body.size ? request->body.data : "", request->body.size};
}

struct http_file http_request_file(struct http_request *request)
{
    const struct spool *spool = &request->body.spool;
    CHECK(spool->path && lseek(spool->fd, 0, SEEK_SET) == 0);
    return (struct http_file){
        .fd = spool->fd, .path = arena_printf(&request->arena, "%s", spool->path), .size = spool->size};
}

void http_request_keep_file(struct http_request *request)
{
    CHECK(request->body.spool.path && atomic_load(&request->state) != REQUEST_ANSWERED);
    free(request->body.spool.path);
    request->body.spool = (struct spool){0};
}

struct str http_request_path(const struct http_request *request)
{
    return request->target.path;
}

struct str http_request_parameter(const struct http_request *request, const char *name)
{
    struct str value = {0};
    CHECK(router_parameter(request->route, &request->target, str_from(name), &value));
    return value;
}

bool http_request_query(const struct http_request *request, const char *name, struct str *ret)
{
    struct arena *arena =
        &((struct http_request *)(uintptr_t)request)->arena; /* the value lives as long as it */
    return target_query(&request->target, str_from(name), arena, ret);
}

bool http_request_header(const struct http_request *request, const char *name, struct str *ret)
{
    const char *value = NULL;
    size_t size = 0;
    if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &size) != MHD_YES ||
        !value)
        return false;
    *ret = (struct str){value, size};
    return true;
}

struct str http_request_who(const struct http_request *request)
{
    return request->who;
}
