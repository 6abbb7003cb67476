/* The store people can open, copy and query: one SQLite file (WAL, synchronous=FULL) in a data directory, one
 * writer thread that commits whatever is queued in one transaction and checkpoints the WAL itself. See
 * README.md there. */
#ifndef STORE_SQLITE_STORE_SQLITE_H
#define STORE_SQLITE_STORE_SQLITE_H
#include "store/store.h"

struct store_sqlite_options {
    bool read_only;     /* an existing directory, beside a process that owns it: reads only */
    const char *vfs;    /* NULL = SQLite's own; tests put theirs under the real store */
    uint32_t pages_max; /* PRAGMA max_page_count; 0 = unlimited (tests of a full disk) */
    uint32_t wal_pages; /* checkpoint from so many pages in the WAL; 0 = 1,000 (tests of checkpoints) */
};

/* Opens or makes `directory` (and `directory/sojourn.db`). ERR_BUSY: another process has it (named by pid
 * where known); ERR_NEWER: format over STORE_FORMAT; ERR_CORRUPT: not ours; ERR_NOT_FOUND: read_only and not
 * there. */
enum err store_sqlite_open(const char *directory, const struct store_sqlite_options *options,
                           struct store **ret, struct err_detail *detail);

/* Raises or lowers the limit of options.pages_max while it is open, for tests of a disk that was full. 0 =
 * unlimited. */
enum err store_sqlite_set_pages_max(struct store *store, uint32_t pages_max, struct err_detail *detail);

#endif
