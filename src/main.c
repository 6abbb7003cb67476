/* The clock, entropy, signals and the standard streams are made here, and nowhere else. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

#include "bench/command.h"
#include "cli/cli.h"
#include "cli/commands.h"

static double steady_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

static uint32_t processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

static void entropy(void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = getrandom((char *)bytes + done, size - done, 0);
        CHECK(got > 0 || errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
}

static const char *variable(const char *name)
{
    return getenv(name);
}

/* Blocked before any thread is made, so that only wait_for_stop takes them. */
static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static void block_stop(void)
{
    sigset_t set = stop_signals();
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void wait_for_stop(void)
{
    sigset_t set = stop_signals();
    int signal;
    while (sigwait(&set, &signal) != 0)
        ;
}

/* What systemd's sd_notify sends: a datagram to the socket it names; an `@` in front stands for an abstract
 * one. */
static void notify(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    close(fd);
}

/* In the order in which help shows them. */
static const struct command *const commands[] = {
    &command_serve,  &command_import,   &command_replay,  &command_check,
    &command_apply,  &command_journeys, &command_publish, &command_pause,
    &command_resume, &command_stop,     &command_enroll,  &command_trace,
    &command_status, &command_key,      &command_bench,   NULL};

/* A server holds thousands of connections; the soft limit is for programs that use select(). */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct environment environment = {.in = stdin,
                                      .out = stdout,
                                      .err = stderr,
                                      .seconds = steady_seconds,
                                      .wall_ms = wall_ms,
                                      .sleep_ms = sleep_ms,
                                      .processors = processors,
                                      .entropy = entropy,
                                      .variable = variable,
                                      .block_stop = block_stop,
                                      .wait_for_stop = wait_for_stop,
                                      .notify = notify};
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of the write below */
    enum exit_status status =
        cli_run(&environment, commands, (const char *const *)argv + 1, argc > 1 ? (size_t)argc - 1 : 0);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain(stderr, "standard output", "could not be written");
        return EXIT_REFUSED;
    }
    return status;
}
