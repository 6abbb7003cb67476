#include "http/answer.h"

#include <microhttpd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/check.h"
#include "http/problem.h"

static const char PROBLEM_TYPE[] = "application/problem+json";

static bool has_header(const struct http_request *request, const char *name)
{
    array_each (&request->headers, i) {
        if (strcasecmp(request->headers.items[i].name, name) == 0)
            return true;
    }
    return false;
}

void http_answer_header(struct http_request *request, const char *name, const char *value)
{
    *array_push(&request->headers) = (struct answer_header){arena_printf(&request->arena, "%s", name),
                                                            arena_printf(&request->arena, "%s", value)};
}

void answer_take(struct http_request *request, unsigned status, struct MHD_Response *response,
                 const char *type)
{
    struct http_server *server = request->server;
    CHECK(status >= 200 && status <= 599 && !request->response);
    CHECK(response);
    request->response = response;
    if (type)
        CHECK(MHD_add_response_header(request->response, "Content-Type", type) == MHD_YES);
    array_each (&request->headers, i) {
        const struct answer_header *header = &request->headers.items[i];
        CHECK(MHD_add_response_header(request->response, header->name, header->value) == MHD_YES);
    }
    request->status = status;
    atomic_fetch_add(&server->answers_by_class[status / 100], 1);
}

static void answer_make(struct http_request *request, unsigned status, const char *type, struct str body)
{
    answer_take(
        request, status,
        MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY),
        type);
    request->answer_bytes = body.size;
    /* never refused: whoever has been worked for gets an answer, and new bodies wait instead */
    atomic_fetch_add(&request->server->budget.used, body.size);
}

void answer_deliver(struct http_request *request)
{
    struct http_server *server = request->server;
    struct MHD_Connection *connection = request->connection;
    atomic_fetch_add(&server->resuming, 1);
    enum request_state former = atomic_exchange(&request->state, REQUEST_ANSWERED);
    CHECK(former != REQUEST_ANSWERED);
    if (former == REQUEST_SUSPENDED)
        MHD_resume_connection(connection);
    atomic_fetch_sub(&server->resuming, 1);
}

void http_answer(struct http_request *request, unsigned status, const char *type, struct str body)
{
    answer_make(request, status, type, body);
    answer_deliver(request);
}

void http_answer_file(struct http_request *request, unsigned status, const char *type, int fd)
{
    struct stat file;
    CHECK(fstat(fd, &file) == 0);
    request->file_bytes = (uint64_t)file.st_size;
    answer_take(request, status, MHD_create_response_from_fd64((uint64_t)file.st_size, fd), type);
    answer_deliver(request);
}

static void problem_make(struct http_request *request, unsigned status, enum err code,
                         const struct err_detail *detail, struct buf *out)
{
    problem_write(status, code, detail, out);
    if ((status == 503 || status == 429) && !has_header(request, "Retry-After"))
        http_answer_header(request, "Retry-After", "1");
    answer_make(request, status, PROBLEM_TYPE, buf_str(out));
}

void http_problem(struct http_request *request, unsigned status, enum err code,
                  const struct err_detail *detail)
{
    struct buf body = {0};
    problem_make(request, status ? status : problem_status(code), code, detail, &body);
    buf_deinit(&body);
    answer_deliver(request);
}

void answer_refuse(struct http_request *request, unsigned status, const char *text)
{
    struct err_detail detail = {0};
    snprintf(detail.text, sizeof detail.text, "%s", text);
    problem_make(request, status, ERR_OK, &detail, &request->refusal);
    body_deinit(&request->body);
}

/* Whether the connection may stay open: only so many may, as each of them keeps its memory. */
static bool is_kept(struct http_request *request)
{
    struct http_server *server = request->server;
    bool *kept = watch_kept(request->watched);
    if (!*kept) {
        if (atomic_fetch_add(&server->kept, 1) < KEPT_MAX)
            *kept = true;
        else
            atomic_fetch_sub(&server->kept, 1);
    }
    return *kept && !atomic_load(&server->stopping);
}

bool answer_send(struct http_request *request)
{
    body_deinit(&request->body);
    if (request->stream || !is_kept(request))
        CHECK(MHD_add_response_header(request->response, "Connection", "close") == MHD_YES);
    int64_t sending_ms = (int64_t)(request->answer_bytes + request->file_bytes) * 1000 / RATE_BYTES_MIN;
    if (!request->stream) /* its own end watches it */
        watch_set(request->watched, server_idle_ms(request->server) + sending_ms);
    return MHD_queue_response(request->connection, request->status, request->response) == MHD_YES;
}

void answer_send_and_give_up(struct http_request *request)
{
    struct buf bytes = {0};
    buf_printf(&bytes, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
               request->status, problem_phrase(request->status), PROBLEM_TYPE, request->refusal.size);
    array_each (&request->headers, i)
        buf_printf(&bytes, "%s: %s\r\n", request->headers.items[i].name, request->headers.items[i].value);
    buf_put_text(&bytes, "\r\n");
    buf_put_str(&bytes, buf_str(&request->refusal));
    /* no answer has gone before it, so it fits into the socket's empty buffer; whoever is gone already gets
     * none */
    ssize_t sent = send(watch_fd(request->watched), bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
    watch_linger(request->watched);
    buf_deinit(&bytes);
}
