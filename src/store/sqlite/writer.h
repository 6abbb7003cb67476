/* The one thread that writes. Work is taken in the order of calls and joined into transactions; between them
 * it checkpoints the WAL, so that nobody else ever has to. Calls come from any thread. */
#ifndef STORE_SQLITE_WRITER_H
#define STORE_SQLITE_WRITER_H
#include <sqlite3.h>

#include "store/store.h"

struct writer;

enum {
    GROUP_ROWS_MAX = 10000, /* a transaction takes no further work beyond; one batch may be larger */
    GROUP_ROWS_FULL = 1000, /* enough to begin at once */
    GROUP_WAIT_US = 1000,   /* for fewer, so long after the oldest came */
    WAL_PAGES = 1000,       /* from here on the WAL is copied into the database, beside readers */
    WAL_TIMES_TRUNCATE =
        4, /* so many times that: readers kept it from starting over, so wait for them, shortly */
    CHECKPOINT_BUSY_MS = 100,
};

/* The connection becomes the writer's. `wal_pages`: 0 = WAL_PAGES. `ret_seq_max`: the newest seq in the
 * database. */
enum err writer_new(sqlite3 *db, uint32_t partitions, uint32_t wal_pages, struct writer **ret,
                    uint64_t *ret_seq_max, struct err_detail *detail);
/* Does what is queued, then ends the thread and closes the connection. */
void writer_free(struct writer *writer);

void writer_commit(struct writer *writer, const struct batch *const *batches, size_t count,
                   store_commit_done *done, void *context);
void writer_flush(struct writer *writer);

/* These return when what they ask for is durable. */
enum err writer_claim(struct writer *writer, uint32_t partition, uint64_t *ret_epoch,
                      struct partition_head *ret_head, struct err_detail *detail);
enum err writer_put_effects(struct writer *writer, const struct store_effect *effects, size_t count,
                            struct err_detail *detail);
enum err writer_append_control(struct writer *writer, const struct control_entry *entry,
                               uint64_t *ret_position, struct err_detail *detail);
/* PRAGMA max_page_count. */
enum err writer_set_pages_max(struct writer *writer, uint32_t pages_max, struct err_detail *detail);

#endif
