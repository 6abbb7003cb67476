/* A request's body in a file of its own, written as it comes in, so that it need not fit into memory. Files
 * are named `upload-XXXXXX` and lie in one directory that nobody else writes to. */
#ifndef HTTP_SPOOL_H
#define HTTP_SPOOL_H
#include <stdint.h>

#include "base/str.h"

enum spool_verdict {
    SPOOL_FINE,
    SPOOL_FULL, /* the disk, a quota or the largest file that the process may write */
    SPOOL_FAILED
};

struct spool {
    char *path; /* NULL = there is no file */
    int fd;
    uint64_t size;
};

/* Removes what a crash has left there; makes the directory (0700) where it is not. False with errno. */
bool spool_prepare(const char *directory);
enum spool_verdict spool_open(struct spool *spool, const char *directory);
enum spool_verdict spool_write(struct spool *spool, struct str bytes);
/* Closes and removes the file, where there is one. */
void spool_drop(struct spool *spool);

#endif
