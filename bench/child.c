#include "bench/child.h"

#include <errno.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    enum err err;
    struct err_detail detail;
    double values[CHILD_VALUES_MAX];
};

enum err child_measure(const struct bench *bench, child_run *run, const void *context,
                       double ret[CHILD_VALUES_MAX], struct err_detail *detail)
{
    int pipes[2];
    struct report report = {.err = ERR_IO};
    if (pipe(pipes) != 0)
        return err_fail(detail, ERR_IO, "pipe", "%s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        malloc_trim(0); /* what former runs have freed must not be taken again unseen */
        report.err = run(bench, context, report.values, &report.detail);
        _exit(write(pipes[1], &report, sizeof report) == sizeof report ? 0 : 1);
    }
    close(pipes[1]);
    bool whole = pid > 0 && read(pipes[0], &report, sizeof report) == sizeof report;
    close(pipes[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!whole)
        return err_fail(detail, ERR_IO, "bench", "the measuring process ended before it was done");
    memcpy(ret, report.values, sizeof report.values);
    *detail = report.detail;
    return report.err;
}

double child_resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}
