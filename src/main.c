/* The clock and the standard streams are made here, and nowhere else. */
#include <locale.h>
#include <signal.h>
#include <time.h>

#include "cli/cli.h"

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

int main(int argc, char **argv)
{
    struct environment environment = {stdin, stdout, stderr, steady_seconds, wall_ms, sleep_ms};
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of the write below */
    enum exit_status status =
        cli_run(&environment, (const char *const *)argv + 1, argc > 1 ? (size_t)argc - 1 : 0);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain(stderr, "standard output", "could not be written");
        return EXIT_REFUSED;
    }
    return status;
}
