/* For tests of the server: one that runs on a free port of the loopback with a route for everything, and a
 * client that is nothing but a socket, so that it can misbehave. Everything waits for 20 s at most. */
#ifndef HTTP_WIRE_TEST_H
#define HTTP_WIRE_TEST_H
#include "base/buf.h"
#include "http/http.h"

enum {
    WIRE_SMALL_BODY_MAX = 1000,
    WIRE_LARGE_BODY_MAX = 4 * 1024 * 1024,
    WIRE_LARGE_ANSWER = 8 * 1024 * 1024
};

struct desk; /* where requests that are kept wait for their answer */

/* GET /plain · POST /echo · POST /small · POST /large · GET /download · GET /things/{thing}/parts/{part} ·
 * GET /things/mine · POST /keyed (write key) · GET /admin (token) · GET and DELETE /both · POST /late (kept)
 * · GET /refused · POST /upload and /upload/small (files) · GET /stream */
struct http_server *wire_serve(struct desk *desk, unsigned idle_seconds, size_t memory_bytes_max);

struct desk *desk_new(void);
void desk_free(struct desk *desk);
const char *desk_uploads(const struct desk *desk); /* the directory; empty again at desk_free */
size_t desk_upload_count(const struct desk *desk); /* files in it */
void desk_await(struct desk *desk, size_t count);  /* until so many are kept */
/* Waits until one who asked for /stream is there, and takes it: whoever does closes it. */
struct http_stream *desk_take_stream(struct desk *desk);
/* Answers the one kept longest with its own body; false where none is kept. Any thread. */
bool desk_answer(struct desk *desk);

/* A server with its desk, as most tests want it. cmocka's setup gives the idle time and the room; its
 * teardown stops the server where the test has not (server = NULL says that it has). */
struct scene {
    struct desk *desk;
    struct http_server *server;
    uint16_t port;
};
void scene_serve(struct scene *scene, unsigned idle_seconds, size_t memory_bytes_max); /* of a larger one */
int scene_begin(void **state, unsigned idle_seconds, size_t memory_bytes_max);
int scene_end(void **state);

struct wire {
    int fd;
    struct buf in;
    size_t taken; /* of `in`, by answers before */
};
struct reply {
    unsigned status;
    struct str head, body; /* borrowed until the next wire_take */
};

void wire_open(struct wire *wire, uint16_t port);
/* Stops quietly where the server has closed: what it said can still be read. */
void wire_send(struct wire *wire, struct str bytes);
void wire_text(struct wire *wire, const char *text);
/* The next answer; false where the connection ended before one was whole. */
bool wire_take(struct wire *wire, struct reply *ret);
bool wire_take_headers(struct wire *wire, struct reply *ret); /* of an answer to HEAD */
/* True when more has come in. */
bool wire_is_more(struct wire *wire, int within_ms);
/* True when the server closes, or has closed, the connection. */
bool wire_is_closed(struct wire *wire, int within_ms);
void wire_close(struct wire *wire);
/* The value of a header of the answer; false = not there. */
bool reply_header(const struct reply *reply, const char *name, struct str *ret);
/* Opens, sends, takes one answer, closes; its status, or 0. The body is appended to ret_body, which may be
 * NULL. */
unsigned wire_ask(uint16_t port, struct str bytes, struct buf *ret_body);
void wire_gzip(struct str plain, struct buf *ret);

#endif
