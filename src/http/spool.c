#include "http/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/check.h"

#define PREFIX "upload-"

bool spool_prepare(const char *directory)
{
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return false;
    DIR *open = opendir(directory);
    if (!open)
        return false;
    const struct dirent *entry;
    bool removed = true;
    while (removed && (entry = readdir(open))) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
            removed = unlinkat(dirfd(open), entry->d_name, 0) == 0;
    }
    int error = errno;
    closedir(open);
    errno = error;
    return removed;
}

static enum spool_verdict verdict_of(int error)
{
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    return full ? SPOOL_FULL : SPOOL_FAILED;
}

enum spool_verdict spool_open(struct spool *spool, const char *directory)
{
    static const char pattern[] = "/" PREFIX "XXXXXX";
    size_t size = strlen(directory);
    char *path = memory_take(size + sizeof pattern);
    memcpy(path, directory, size);
    memcpy(path + size, pattern, sizeof pattern);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        free(path);
        return verdict_of(error);
    }
    *spool = (struct spool){.path = path, .fd = fd};
    return SPOOL_FINE;
}

enum spool_verdict spool_write(struct spool *spool, struct str bytes)
{
    CHECK(spool->path);
    while (bytes.size) {
        ssize_t written = write(spool->fd, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? verdict_of(errno) : SPOOL_FAILED;
        bytes.data += written;
        bytes.size -= (size_t)written;
        spool->size += (uint64_t)written;
    }
    return SPOOL_FINE;
}

void spool_drop(struct spool *spool)
{
    if (!spool->path)
        return;
    unlink(spool->path);
    close(spool->fd);
    free(spool->path);
    *spool = (struct spool){0};
}
