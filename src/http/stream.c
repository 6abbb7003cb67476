#include "http/stream.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include "base/check.h"
#include "http/answer.h"

/* Between the owner, who puts, and the library, which asks for more when the socket takes more:
 *
 *     owner ── put ──▶ backlog ──▶ on_more (the connection's thread) ──▶ socket
 *
 * Where there is nothing to send, on_more suspends the connection, under the mutex; whoever has something
 * next wakes it. The owner, the connection and the library's response hold the stream each; the last frees
 * it. */
struct http_stream {
    struct http_server *server;
    struct http_stream *next, **back; /* guarded by the server's mutex */
    _Atomic unsigned holders;
    pthread_mutex_t mutex;
    struct buf backlog;
    size_t sent; /* of the backlog */
    struct MHD_Connection *connection;
    struct watched *watched;
    bool suspended;
    bool ended;    /* nothing more is taken */
    bool detached; /* connection and watched are gone */
};

enum { BLOCK_BYTES = 4096, HOLDERS = 3 };

static void release(struct http_stream *stream)
{
    if (atomic_fetch_sub(&stream->holders, 1) != 1)
        return;
    buf_deinit(&stream->backlog);
    pthread_mutex_destroy(&stream->mutex);
    free(stream);
}

/* Ends the caller's hold of the mutex; wakes the connection where it sleeps. While it is suspended nobody
 * frees it. */
static void unlock_and_wake(struct http_stream *stream)
{
    bool wakes = stream->suspended;
    stream->suspended = false;
    if (wakes)
        atomic_fetch_add(&stream->server->resuming, 1);
    pthread_mutex_unlock(&stream->mutex);
    if (!wakes)
        return;
    struct http_server *server = stream->server;
    MHD_resume_connection(stream->connection);
    atomic_fetch_sub(&server->resuming, 1);
}

static ssize_t on_more(void *context, uint64_t at, char *room, size_t size)
{
    (void)at;
    struct http_stream *stream = context;
    ssize_t result = 0;
    pthread_mutex_lock(&stream->mutex);
    size_t left = stream->backlog.size - stream->sent;
    if (left) {
        size_t bytes = left < size ? left : size;
        memcpy(room, stream->backlog.data + stream->sent, bytes);
        stream->sent += bytes;
        result = (ssize_t)bytes;
        if (bytes == left) {
            buf_deinit(&stream->backlog);
            stream->sent = 0;
        }
    } else if (stream->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
    }
    pthread_mutex_unlock(&stream->mutex);
    return result;
}

static void on_response_freed(void *context)
{
    release(context);
}

/* What waits goes out still; `may_take_ms` for that. The mutex is held. */
static void end(struct http_stream *stream, int64_t may_take_ms)
{
    stream->ended = true;
    if (!stream->detached)
        watch_set(stream->watched, may_take_ms);
}

struct http_stream *http_answer_stream(struct http_request *request, unsigned status, const char *type)
{
    struct http_server *server = request->server;
    struct http_stream *stream = memory_take_zeroed(1, sizeof *stream);
    stream->server = server;
    atomic_store(&stream->holders, HOLDERS);
    pthread_mutex_init(&stream->mutex, NULL);
    stream->connection = request->connection;
    stream->watched = request->watched;
    request->stream = stream;
    pthread_mutex_lock(&server->mutex);
    stream->ended = atomic_load(&server->stopping);
    stream->next = server->streams;
    stream->back = &server->streams;
    if (stream->next)
        stream->next->back = &stream->next;
    server->streams = stream;
    pthread_mutex_unlock(&server->mutex);
    answer_take(
        request, status,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_more, stream, on_response_freed),
        type);
    answer_deliver(request);
    return stream;
}

/* Whether the client has closed its side: nobody would tell us while the connection is suspended. */
static bool is_left(const struct http_stream *stream)
{
    char byte;
    return recv(watch_fd(stream->watched), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool http_stream_put(struct http_stream *stream, struct str text)
{
    pthread_mutex_lock(&stream->mutex);
    if (!stream->ended && is_left(stream)) {
        end(stream, 0);
    } else if (!stream->ended &&
               stream->backlog.size - stream->sent + text.size > HTTP_STREAM_BACKLOG_BYTES) {
        end(stream, 0);
    } else if (!stream->ended && text.size) {
        if (stream->sent) { /* so that the backlog is never more than what waits */
            memmove(stream->backlog.data, stream->backlog.data + stream->sent,
                    stream->backlog.size - stream->sent);
            stream->backlog.size -= stream->sent;
            stream->sent = 0;
        }
        buf_put_str(&stream->backlog, text);
    }
    bool heard = !stream->ended;
    if (text.size || !heard)
        unlock_and_wake(stream);
    else
        pthread_mutex_unlock(&stream->mutex);
    return heard;
}

void http_stream_close(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    if (!stream->ended) {
        int64_t sending_ms = HTTP_STREAM_BACKLOG_BYTES * 1000 / RATE_BYTES_MIN;
        end(stream, server_idle_ms(stream->server) + sending_ms);
    }
    unlock_and_wake(stream);
    release(stream);
}

void stream_detach(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->mutex);
    *stream->back = stream->next;
    if (stream->next)
        stream->next->back = stream->back;
    pthread_mutex_unlock(&server->mutex);
    pthread_mutex_lock(&stream->mutex);
    stream->ended = stream->detached = true;
    buf_deinit(&stream->backlog);
    stream->sent = 0;
    pthread_mutex_unlock(&stream->mutex);
    release(stream);
}

void stream_end_all(struct http_server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (struct http_stream *stream = server->streams; stream; stream = stream->next) {
        pthread_mutex_lock(&stream->mutex);
        if (!stream->ended)
            end(stream, STOP_GRACE_MS);
        unlock_and_wake(stream);
    }
    pthread_mutex_unlock(&server->mutex);
}
