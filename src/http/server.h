/* What the parts of the HTTP server share among themselves; handlers see http.h alone.
 *
 *     first call ─▶ reading ─▶ handling ─▶ suspended ─▶ answered ─▶ sent
 *                      │           └── answered before the handler returned ─┘
 *                      └▶ refused: what is left of the body is read away, then the refusal is sent */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H
#include <pthread.h>

#include "base/array.h"
#include "base/buf.h"
#include "http/body.h"
#include "http/http.h"
#include "http/target.h"
#include "http/watch.h"

enum {
    /* Of each connection, for its headers in both directions: over HTTP_HEADER_BYTES_MAX, so that we are the
     * ones who refuse. The library zeroes all of it after a request, so a connection that is kept open costs
     * so much. */
    POOL_BYTES = 48 * 1024,
    KEPT_MAX = 2048, /* kept open after an answer; beyond, an answer closes: 96 MB at most lie idle */
    RATE_BYTES_MIN = 8 * 1024, /* a second: who is slower on average is cut off */
    STOP_GRACE_MS = 1000       /* for requests that are still coming in when the server stops */
};

struct http_stream;
struct MHD_Daemon;
struct MHD_Connection;
struct MHD_Response;

struct http_server {
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct watch *watch;
    int listen_fd;
    uint16_t port;
    struct budget budget;
    _Atomic size_t body_bytes_max; /* of routes that say nothing */
    _Atomic uint64_t requests, answers_by_class[6], body_bytes;
    _Atomic uint64_t connections, kept;
    _Atomic uint64_t resuming; /* threads within the library, waking a connection */
    _Atomic bool stopping;     /* every answer closes its connection */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t coming_in,
        owed;    /* guarded: requests being read; requests whose answer has not been sent wholly */
    bool closed; /* guarded: no request reaches a handler any more */
    struct http_stream *streams; /* guarded: those whose connection is open */
};

enum request_state { REQUEST_HANDLING, REQUEST_SUSPENDED, REQUEST_ANSWERED };

struct answer_header {
    char *name, *value; /* in the arena */
};

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct watched *watched;
    struct arena arena;
    struct str raw_target;
    struct target target;
    const struct http_route *route;
    struct str who;
    struct body body;
    bool begun, owed; /* counted in coming_in, in owed */
    bool dispatched;  /* the handler has been called */
    size_t read_away; /* bytes of the body after the refusal */
    size_t due_bytes; /* of an upload: the next that must have come in before the watch ends it */
    _Atomic enum request_state state;
    ARRAY(struct answer_header) headers;
    struct MHD_Response *response;
    struct buf refusal; /* the same as bytes, where the answer is a refusal while the body still comes in */
    unsigned status;
    size_t answer_bytes;        /* counted in the budget */
    uint64_t file_bytes;        /* of an answer that is a file */
    struct http_stream *stream; /* NULL = the answer is whole */
};

int64_t server_idle_ms(const struct http_server *server);

#endif
