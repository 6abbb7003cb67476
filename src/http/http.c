#include "http/http.h"

#include <errno.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/wait.h"
#include "http/connection.h"
#include "http/stream.h"

enum { BACKLOG = 1024, DESCRIPTORS_SPARED = 128 /* for files, the store, deliveries */ };

int64_t server_idle_ms(const struct http_server *server)
{
    return (int64_t)server->options.idle_seconds * 1000;
}

static enum err fail_to_listen(const struct http_options *options, int error, struct err_detail *detail)
{
    char place[128];
    snprintf(place, sizeof place, "%s:%u", options->address, options->port);
    switch (error) {
    case EADDRINUSE:
        return err_fail(detail, ERR_BUSY, place,
                        "Port %u is taken by another process; stop it or choose another port.",
                        options->port);
    case EACCES:
        return err_fail(detail, ERR_REFUSED, place, "Port %u needs privileges; choose one from 1024 on.",
                        options->port);
    case EADDRNOTAVAIL:
        return err_fail(detail, ERR_NOT_FOUND, place,
                        "This machine has no address %s; choose one of its own.", options->address);
    default: return err_fail(detail, ERR_IO, place, "Could not listen: %s.", strerrordesc_np(error));
    }
}

static enum err listen_at(struct http_server *server, struct err_detail *detail)
{
    const struct http_options *options = &server->options;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", options->port);
    if (getaddrinfo(options->address, port, &hints, &found) != 0)
        return err_fail(detail, ERR_INVALID, options->address,
                        "Not an IP address: write one such as 127.0.0.1 or ::1, not a name.");
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    bool listening = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
                     bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
                     getsockname(fd, (struct sockaddr *)&bound, &size) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (!listening) {
        if (fd >= 0)
            close(fd);
        return fail_to_listen(options, error, detail);
    }
    char taken[8] = "0";
    getnameinfo((struct sockaddr *)&bound, size, NULL, 0, taken, sizeof taken, NI_NUMERICSERV);
    int64_t number = 0;
    CHECK(str_to_int64(str_from(taken), &number));
    server->listen_fd = fd;
    server->port = (uint16_t)number;
    return ERR_OK;
}

/* Never more than the process may have descriptors: accepting would fail over and over. */
static unsigned connections_max(const struct http_options *options)
{
    unsigned wanted = options->connections_max ? options->connections_max : HTTP_CONNECTIONS_MAX;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        rlim_t possible = limit.rlim_cur > 2 * DESCRIPTORS_SPARED ? limit.rlim_cur - DESCRIPTORS_SPARED
                                                                  : limit.rlim_cur / 2;
        if (possible < wanted)
            wanted = (unsigned)possible;
    }
    return wanted > options->threads ? wanted : options->threads;
}

static struct MHD_Daemon *daemon_start(struct http_server *server)
{
    const struct http_options *options = &server->options;
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, server->port, NULL,
                            NULL, connection_access, server, MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
                            MHD_OPTION_THREAD_POOL_SIZE, options->threads, MHD_OPTION_CONNECTION_LIMIT,
                            connections_max(options), MHD_OPTION_CONNECTION_TIMEOUT, options->idle_seconds,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, connection_change,
                            server, MHD_OPTION_NOTIFY_COMPLETED, connection_completed, server,
                            MHD_OPTION_URI_LOG_CALLBACK, connection_target, server,
                            MHD_OPTION_UNESCAPE_CALLBACK, connection_leave_escaped, server, MHD_OPTION_END);
}

static enum err prepare_uploads(const struct http_options *options, struct err_detail *detail)
{
    for (size_t i = 0; i < options->route_count; i++)
        CHECK(!options->routes[i].upload || options->upload_directory);
    if (!options->upload_directory || spool_prepare(options->upload_directory))
        return ERR_OK;
    return err_fail(detail, ERR_IO, options->upload_directory,
                    "The directory for uploads could not be made or cleared: %s.", strerrordesc_np(errno));
}

static void server_free(struct http_server *server)
{
    watch_free(server->watch);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

enum err http_server_start(const struct http_options *options, struct http_server **ret,
                           struct err_detail *detail)
{
    CHECK(options->threads > 0 && options->memory_bytes_max > 0);
    struct http_server *server = memory_take_zeroed(1, sizeof *server);
    server->options = *options;
    if (!server->options.idle_seconds)
        server->options.idle_seconds = HTTP_IDLE_SECONDS;
    atomic_store(&server->body_bytes_max, HTTP_BODY_BYTES_MAX);
    server->budget.max = options->memory_bytes_max;
    server->listen_fd = -1;
    pthread_mutex_init(&server->mutex, NULL);
    wait_init(&server->changed);
    server->watch = watch_new();
    enum err err = prepare_uploads(options, detail);
    if (!err)
        err = listen_at(server, detail);
    if (err == ERR_OK) {
        server->daemon = daemon_start(server);
        if (!server->daemon)
            err = err_fail(detail, ERR_IO, options->address,
                           "The HTTP server could not start its %u threads: %s.", options->threads,
                           strerrordesc_np(errno));
    }
    if (err != ERR_OK) {
        server_free(server);
        return err;
    }
    *ret = server;
    return ERR_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

/* Until every request that a handler has is answered and the answer is sent; those that are still coming in
 * are waited for a moment. */
static void wait_for_answers(struct http_server *server)
{
    const struct timespec until = wait_deadline(STOP_GRACE_MS);
    pthread_mutex_lock(&server->mutex);
    bool late = false;
    while (server->coming_in && !late)
        late = pthread_cond_timedwait(&server->changed, &server->mutex, &until) == ETIMEDOUT;
    server->closed = true;
    while (server->owed)
        pthread_cond_wait(&server->changed, &server->mutex);
    pthread_mutex_unlock(&server->mutex);
    while (atomic_load(&server->resuming))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

void http_server_stop(struct http_server *server)
{
    atomic_store(&server->stopping, true);
    MHD_quiesce_daemon(server->daemon);
    /* the library's threads may still know the descriptor: it refuses connections now and is closed at the
     * end */
    shutdown(server->listen_fd, SHUT_RDWR);
    stream_end_all(server);
    wait_for_answers(server);
    MHD_stop_daemon(server->daemon);
    server_free(server);
}

void http_server_set_body_max(struct http_server *server, size_t bytes)
{
    atomic_store(&server->body_bytes_max, bytes);
}

struct http_counts http_server_counts(const struct http_server *server)
{
    struct http_counts counts = {.requests = atomic_load(&server->requests),
                                 .connections_open = atomic_load(&server->connections),
                                 .body_bytes = atomic_load(&server->body_bytes)};
    for (size_t i = 0; i < sizeof counts.answers_by_class / sizeof *counts.answers_by_class; i++)
        counts.answers_by_class[i] = atomic_load(&server->answers_by_class[i]);
    return counts;
}
