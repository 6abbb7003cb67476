#include "http/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/check.h"
#include "base/wait.h"

enum {
    LOOK_MS = 250,
    LINGER_MS = 2000,
    LINGERING_MAX = 64,
    DISCARD_BYTES = 64 * 1024,
    DISCARDS_AT_ONCE = 64
};

struct watched {
    struct watched *next, **back; /* guarded by the mutex */
    int fd;
    _Atomic int64_t due_ms;
    bool linger, kept;
};

struct lingering {
    int fd;
    int64_t due_ms;
};

struct watch {
    pthread_t thread;
    pthread_mutex_t mutex;
    struct watched *first;
    struct lingering lingering[LINGERING_MAX]; /* guarded; only the thread takes from it */
    size_t lingering_count;
    bool stopping;
    int wake_fd;
};

static void wake(struct watch *watch)
{
    CHECK(write(watch->wake_fd, &(uint64_t){1}, 8) == 8);
}

/* Under the mutex: a descriptor in the list is open. */
static void end_the_late(struct watch *watch, int64_t now)
{
    for (struct watched *w = watch->first; w; w = w->next) {
        int64_t due = atomic_load(&w->due_ms);
        if (due != WATCH_NEVER && due <= now)
            shutdown(w->fd, SHUT_RDWR);
    }
}

/* True while the client may have more to send. */
static bool discard(int fd)
{
    char bytes[DISCARD_BYTES];
    for (int i = 0; i < DISCARDS_AT_ONCE; i++) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got <= 0)
            return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    }
    return true;
}

static void discard_all(struct watch *watch, const struct pollfd *polled, size_t count, int64_t now)
{
    bool ended[LINGERING_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        ended[i] = (polled[i].revents && !discard(polled[i].fd)) || watch->lingering[i].due_ms <= now;
    pthread_mutex_lock(&watch->mutex);
    for (size_t i = count; i-- > 0;) {
        if (ended[i]) {
            close(watch->lingering[i].fd);
            watch->lingering[i] = watch->lingering[--watch->lingering_count];
        }
    }
    pthread_mutex_unlock(&watch->mutex);
}

static void *watch_run(void *given)
{
    struct watch *watch = given;
    int64_t look_ms = monotonic_ms() + LOOK_MS;
    struct pollfd polled[LINGERING_MAX + 1];
    for (;;) {
        int64_t now = monotonic_ms();
        pthread_mutex_lock(&watch->mutex);
        bool stopping = watch->stopping;
        size_t count = watch->lingering_count;
        for (size_t i = 0; i < count; i++)
            polled[i] = (struct pollfd){.fd = watch->lingering[i].fd, .events = POLLIN};
        if (now >= look_ms) {
            end_the_late(watch, now);
            look_ms = now + LOOK_MS;
        }
        pthread_mutex_unlock(&watch->mutex);
        if (stopping)
            return NULL;
        polled[count] = (struct pollfd){.fd = watch->wake_fd, .events = POLLIN};
        poll(polled, count + 1, LOOK_MS);
        uint64_t woken;
        if (polled[count].revents)
            CHECK(read(watch->wake_fd, &woken, 8) == 8);
        discard_all(watch, polled, count, monotonic_ms());
    }
}

struct watch *watch_new(void)
{
    struct watch *watch = memory_take_zeroed(1, sizeof *watch);
    watch->wake_fd = eventfd(0, EFD_CLOEXEC);
    CHECK(watch->wake_fd >= 0);
    pthread_mutex_init(&watch->mutex, NULL);
    CHECK(pthread_create(&watch->thread, NULL, watch_run, watch) == 0);
    return watch;
}

void watch_free(struct watch *watch)
{
    pthread_mutex_lock(&watch->mutex);
    CHECK(!watch->first);
    watch->stopping = true;
    pthread_mutex_unlock(&watch->mutex);
    wake(watch);
    pthread_join(watch->thread, NULL);
    for (size_t i = 0; i < watch->lingering_count; i++)
        close(watch->lingering[i].fd);
    close(watch->wake_fd);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

struct watched *watch_add(struct watch *watch, int fd, int64_t may_take_ms)
{
    struct watched *watched = memory_take_zeroed(1, sizeof *watched);
    watched->fd = fd;
    watch_set(watched, may_take_ms);
    pthread_mutex_lock(&watch->mutex);
    watched->next = watch->first;
    watched->back = &watch->first;
    if (watch->first)
        watch->first->back = &watched->next;
    watch->first = watched;
    pthread_mutex_unlock(&watch->mutex);
    return watched;
}

void watch_set(struct watched *watched, int64_t may_take_ms)
{
    atomic_store(&watched->due_ms, may_take_ms == WATCH_NEVER ? WATCH_NEVER : monotonic_ms() + may_take_ms);
}

void watch_linger(struct watched *watched)
{
    watched->linger = true;
}

void watch_remove(struct watch *watch, struct watched *watched)
{
    pthread_mutex_lock(&watch->mutex);
    *watched->back = watched->next;
    if (watched->next)
        watched->next->back = watched->back;
    int kept = -1; /* a descriptor of our own keeps the connection open past the caller's close */
    if (watched->linger && !watch->stopping && watch->lingering_count < LINGERING_MAX)
        kept = fcntl(watched->fd, F_DUPFD_CLOEXEC, 0);
    if (kept >= 0)
        watch->lingering[watch->lingering_count++] = (struct lingering){kept, monotonic_ms() + LINGER_MS};
    pthread_mutex_unlock(&watch->mutex);
    if (kept >= 0) {
        shutdown(kept, SHUT_WR);
        wake(watch);
    }
    free(watched);
}

bool *watch_kept(struct watched *watched)
{
    return &watched->kept;
}

int watch_fd(const struct watched *watched)
{
    return watched->fd;
}
