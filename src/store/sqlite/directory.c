#include "store/sqlite/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* A new entry survives a power cut only when the directory that holds it was synced. */
static enum err sync_parent(const char *path, struct err_detail *detail)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s/..", path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    return synced ? ERR_OK
                  : err_fail(detail, ERR_IO, parent, "sync the directory: %s", strerrordesc_np(code));
}

static enum err make(const char *path, struct err_detail *detail)
{
    if (mkdir(path, 0700) == 0)
        return sync_parent(path, detail);
    struct stat status;
    if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return ERR_OK;
    if (errno == EEXIST)
        return err_fail(detail, ERR_INVALID, path, "a data directory was expected, this is a file");
    return err_fail(detail, errno == ENOSPC ? ERR_FULL : ERR_IO, path, "make the data directory: %s",
                    strerrordesc_np(errno));
}

static enum err fail_busy(int fd, const char *path, struct err_detail *detail)
{
    char pid[24] = "";
    ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    while (size > 0 && (pid[size - 1] < '0' || pid[size - 1] > '9'))
        size--;
    if (size <= 0)
        return err_fail(detail, ERR_BUSY, path, "another process uses this data directory; stop it first");
    return err_fail(detail, ERR_BUSY, path, "process %.*s uses this data directory; stop it first", (int)size,
                    pid);
}

/* The kernel drops the lock when its holder ends, however it ends; the file itself stays. */
static enum err lock(const char *path, struct directory *directory, struct err_detail *detail)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/sojourn.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_fail(detail, ERR_IO, name, "open the lock file: %s", strerrordesc_np(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum err err = errno == EWOULDBLOCK
                           ? fail_busy(fd, path, detail)
                           : err_fail(detail, ERR_IO, name, "lock the file: %s", strerrordesc_np(errno));
        close(fd);
        return err;
    }
    char pid[24];
    int size = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* The pid is for people: on a full disk the lock holds without it. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)size, 0) < 0)
        (void)ftruncate(fd, 0);
    directory->lock_fd = fd;
    return ERR_OK;
}

/* SQLite would make it readable to all; its WAL takes the database's mode. */
static enum err make_private(const char *database, struct err_detail *detail)
{
    int fd = open(database, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return err_fail(detail, errno == ENOSPC ? ERR_FULL : ERR_IO, database, "make the database: %s",
                        strerrordesc_np(errno));
    if (fd >= 0)
        close(fd);
    return ERR_OK;
}

enum err directory_open(const char *path, bool own, struct directory *ret, struct err_detail *detail)
{
    struct directory directory = {.lock_fd = -1};
    int size = snprintf(directory.database, sizeof directory.database, "%s/sojourn.db", path);
    if (size < 0 || (size_t)size + sizeof "-journal" > sizeof directory.database)
        return err_fail(detail, ERR_INVALID, "", "the path of the data directory is too long");
    enum err err = ERR_OK;
    if (!own && access(directory.database, F_OK) != 0)
        err = err_fail(detail, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
                       directory.database, "%s; there is no data to read", strerrordesc_np(errno));
    if (!err && own)
        err = make(path, detail);
    if (!err && own)
        err = lock(path, &directory, detail);
    if (!err && own)
        err = make_private(directory.database, detail);
    if (err)
        directory_close(&directory);
    if (!err)
        *ret = directory;
    return err;
}

void directory_close(struct directory *directory)
{
    if (directory->lock_fd >= 0)
        close(directory->lock_fd);
    directory->lock_fd = -1;
}
