/* The HTTP server: libmicrohttpd behind handlers that may answer later. Only http.c, connection.c and
 * answer.c know the library. One table of routes is the whole surface: a test holds it against
 * api/openapi.yaml.
 *
 * A handler runs on one of the server's threads when the whole body is there (at most the route's
 * body_bytes_max; gzip bodies are unpacked, the limit counts unpacked bytes). It answers at once, or keeps
 * the request and answers later from any thread: exactly once, with http_answer or http_problem. Until then
 * the connection is suspended and the request's memory (its arena, the body, every str given out) lives. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    HTTP_BODY_BYTES_MAX = 512 * 1024, /* where a route says nothing: Segment's 500 KB and a little */
    HTTP_HEADER_BYTES_MAX = 32 * 1024,
    HTTP_CONNECTIONS_MAX = 12000,
    HTTP_STREAM_BACKLOG_BYTES = 256 * 1024, /* of a streamed answer: who lets more wait is cut off */
    HTTP_IDLE_SECONDS = 30 /* a connection that sends or takes nothing for so long is closed */
};

struct http_request;
typedef void http_handler(void *context, struct http_request *request);

enum http_access {
    HTTP_OPEN,       /* health, metrics */
    HTTP_WRITE,      /* a write key: Basic auth, the key as user name */
    HTTP_WRITE_BODY, /* the same, or none: then the handler finds it in the body and calls http_request_admit
                      */
    HTTP_ADMIN       /* an admin token: Authorization: Bearer */
};

struct http_route {
    const char *method;
    const char
        *pattern; /* "/v1/journeys/{journey}/actions": {name} takes one path segment, percent-decoded */
    enum http_access access;
    http_handler *handle;
    size_t body_bytes_max; /* 0 = HTTP_BODY_BYTES_MAX */
    bool upload; /* the body goes to a file: http_request_file; its limit may be far over all memory */
};

/* Who a credential belongs to; false = nobody: 401 with a problem that says what is wanted. `ret_name` lives
 * in the arena. Called on the server's threads. */
typedef bool http_authenticate(void *context, enum http_access access, struct str credential,
                               struct arena *arena, struct str *ret_name);

struct http_options {
    const char *address; /* "127.0.0.1"; loopback unless the operator says otherwise */
    uint16_t port;       /* 0 = any free one: http_server_port tells */
    unsigned threads;
    unsigned connections_max; /* 0 = HTTP_CONNECTIONS_MAX; never more than the process may open descriptors */
    unsigned idle_seconds;    /* 0 = HTTP_IDLE_SECONDS */
    size_t memory_bytes_max; /* of all bodies under way; beyond, a request is answered 503 with Retry-After */
    const char *upload_directory; /* for bodies that go to files; NULL where no route has any. It is made,
                                   * and cleared of what a crash left. */
    const struct http_route *routes;
    size_t route_count;
    http_authenticate *authenticate;
    void *context; /* of handlers and authenticate */
};

struct http_server;

/* ERR_BUSY where the port is taken, with its number. */
enum err http_server_start(const struct http_options *options, struct http_server **ret,
                           struct err_detail *detail);
uint16_t http_server_port(const struct http_server *server);
/* Takes no new connections; requests in flight are answered (their handlers must see to it), then everything
 * ends. */
void http_server_stop(struct http_server *server);
/* The largest body of routes that say nothing, from the next request on; HTTP_BODY_BYTES_MAX at first. */
void http_server_set_body_max(struct http_server *server, size_t bytes);
struct http_counts {
    uint64_t requests, answers_by_class[6]; /* [2] = 2xx … */
    uint64_t connections_open, body_bytes;
};
struct http_counts http_server_counts(const struct http_server *server);

/* ── the request ──────────────────────────────────────────────────────────── */

struct arena *http_request_arena(struct http_request *request);
struct str http_request_body(const struct http_request *request);
/* Of a route with `upload`: the whole body, unpacked, in a file of its own, open for reading and writing at
 * its beginning. It is removed when the request is answered, unless it is kept. */
struct http_file {
    int fd;
    const char *path; /* in the request's arena; the directory is http_options.upload_directory */
    uint64_t size;
};
struct http_file http_request_file(struct http_request *request);
/* Before the answer, once: the file and its descriptor are the handler's now, which renames and closes. It is
 * not durable before somebody calls fsync. */
void http_request_keep_file(struct http_request *request);
struct str http_request_path(const struct http_request *request);
/* A {name} of the pattern; a query parameter (false = not there; percent-decoded); a header by its name. */
struct str http_request_parameter(const struct http_request *request, const char *name);
bool http_request_query(const struct http_request *request, const char *name, struct str *ret);
bool http_request_header(const struct http_request *request, const char *name, struct str *ret);
struct str http_request_who(const struct http_request *request); /* the name authenticate gave */

/* With HTTP_WRITE_BODY, before anything else of the body counts: true where the request came with a write
 * key, or `credential` is one. Else it has been answered 401. */
bool http_request_admit(struct http_request *request, struct str credential);

/* ── the answer ───────────────────────────────────────────────────────────── */

/* Before the answer; name and value are copied. */
void http_answer_header(struct http_request *request, const char *name, const char *value);
/* The body is copied. `type` is static text: "application/json". */
void http_answer(struct http_request *request, unsigned status, const char *type, struct str body);
/* The body is the file, from its beginning to its present end; the descriptor is the server's from here on.
 */
void http_answer_file(struct http_request *request, unsigned status, const char *type, int fd);
/* An answer that goes on for as long as its owner likes. It is begun at once; what is put goes out when the
 * client takes it. Any thread may put and close; the owner closes once, whatever put has said, and touches it
 * no more. */
struct http_stream;
struct http_stream *http_answer_stream(struct http_request *request, unsigned status, const char *type);
/* Copies. False from when on nobody listens: the client is gone, or was cut off for taking too little, or the
 * server stops. An empty text only looks whether somebody does. */
bool http_stream_put(struct http_stream *stream, struct str text);
/* The answer ends after what has been put. */
void http_stream_close(struct http_stream *stream);

/* application/problem+json (RFC 9457): type, title, status, detail, and pointer where detail->place has one.
 * The status follows the code where it is 0: INVALID 400, NOT_FOUND 404, REFUSED 409, LIMIT 413, UNSUPPORTED
 * 422, BUSY 503 … */
void http_problem(struct http_request *request, unsigned status, enum err code,
                  const struct err_detail *detail);

#endif
