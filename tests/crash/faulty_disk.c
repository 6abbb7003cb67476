/* Preloaded into a server by a test: a disk that goes wrong while a file exists.
 *     DISK_STALLS  every sync stands still until the file is gone; FILE.reached comes to be when the first
 * one does DISK_FULL    writes to the database and its WAL find no room */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *wrong(const char *variable)
{
    const char *name = getenv(variable);
    return name && access(name, F_OK) == 0 ? name : NULL;
}

static void stand_still(void)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    const char *name = wrong("DISK_STALLS");
    char reached[4096];
    if (!name)
        return;
    snprintf(reached, sizeof reached, "%s.reached", name);
    int fd = open(reached, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    while (wrong("DISK_STALLS"))
        nanosleep(&moment, NULL);
}

static int is_full(int fd)
{
    char link[64], path[4096];
    if (!wrong("DISK_FULL"))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = '\0';
    return strstr(path, ".db") != NULL;
}

int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    stand_still();
    return next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    stand_still();
    return next(fd);
}

/* Files may be large: the symbol is pwrite64, which SQLite calls. */
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    if (!is_full(fd))
        return next(fd, bytes, size, offset);
    errno = ENOSPC;
    return -1;
}
