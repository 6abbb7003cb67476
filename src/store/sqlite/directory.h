/* The data directory: its database's path, and the lock that makes one process its owner. */
#ifndef STORE_SQLITE_DIRECTORY_H
#define STORE_SQLITE_DIRECTORY_H
#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

struct directory {
    char database[PATH_MAX];
    int lock_fd; /* -1: not owned */
};

/* With `own`, makes the directory where it is missing and locks it (`sojourn.lock`, with our pid in it for
 * people): ERR_BUSY names the process that has it. Without, the database must be there: ERR_NOT_FOUND. */
enum err directory_open(const char *path, bool own, struct directory *ret, struct err_detail *detail);
void directory_close(struct directory *directory);

#endif
