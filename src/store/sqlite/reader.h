/* Read connections of one store: each is used by one thread at a time, holds its statements prepared, and
 * keeps no transaction open for longer than a slice of rows, so that the WAL can start over. */
#ifndef STORE_SQLITE_READER_H
#define STORE_SQLITE_READER_H
#include <sqlite3.h>

#include "store/sqlite/path_text.h"
#include "store/store.h"

#define READ_TABLE(X)                                                                                        \
    X(EVENTS,                                                                                                \
      "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ?1 AND seq <= ?2 AND ?3 >> (partition & 63) & 1"      \
      " ORDER BY seq")                                                                                       \
    X(LEDGER,                                                                                                \
      "SELECT " LEDGER_COLUMNS " FROM ledger WHERE seq > ?1 AND seq <= ?2 AND ?3 >> (partition & 63) & 1"    \
      " ORDER BY seq")                                                                                       \
    X(EVENT_AT, "SELECT " EVENT_COLUMNS " FROM event WHERE seq = ?1")                                        \
    X(LEDGER_AT, "SELECT " LEDGER_COLUMNS " FROM ledger WHERE seq = ?1")                                     \
    X(NEXT_EVENT, "SELECT seq, received FROM event WHERE seq > ?1 ORDER BY seq LIMIT 1")                     \
    X(LAST_EVENT, "SELECT seq FROM event ORDER BY seq DESC LIMIT 1")                                         \
    X(MESSAGES, "SELECT partition, message, received FROM event WHERE seq > ?1 AND seq <= ?2"                \
                " AND message <> 0 ORDER BY seq")                                                            \
    X(EFFECTS,                                                                                               \
      "SELECT seq, partition, effect, kind, at, contact, enrollment, version, node, visit, destination,"     \
      " destination_name, operation FROM effect WHERE seq > ?1 ORDER BY seq LIMIT ?2")                       \
    X(HEAD, "SELECT seq, now, now_open, control, input, horizon, contacts, enrollments FROM partition"       \
            " WHERE id = ?1")                                                                                \
    X(BLOCKS, "SELECT kind, number, seq, checksum, body FROM block WHERE partition = ?1 AND"                 \
              " (kind, number) > (?2, ?3) ORDER BY kind, number LIMIT ?4")                                   \
    X(STAT, "SELECT quarter, total, value FROM stat WHERE partition = ?1 AND version = ?2 AND node = ?3 AND" \
            " kind = ?4 AND outcome = ?5 AND quarter <= ?6 ORDER BY quarter DESC LIMIT 1")                   \
    X(STAT_KEY, "SELECT node, kind, outcome FROM stat WHERE partition = ?1 AND version = ?2 AND"             \
                " (node, kind, outcome, quarter) > (?3, ?4, ?5, 9223372036854775807)"                        \
                " ORDER BY node, kind, outcome LIMIT 1")                                                     \
    X(CONTROL, "SELECT position, at, kind, actor, key, body FROM control WHERE position > ?1"                \
               " ORDER BY position LIMIT ?2")                                                                \
    X(BEGIN, "BEGIN")                                                                                        \
    X(END, "COMMIT")
#define EVENT_COLUMNS "seq, partition, kind, contact, name, at, received, message, prev, created, body"
#define LEDGER_COLUMNS                                                                                       \
    "seq, partition, at, contact, enrollment, version, node, due, path, cause, flags, state, prev, value, "  \
    "detail"

enum read_statement {
#define X(name, sql) READ_##name,
    READ_TABLE(X)
#undef X
        READ_STATEMENTS
};

struct reader {
    sqlite3 *db;
    sqlite3_stmt *statements[READ_STATEMENTS];
    struct passages path; /* of the ledger row at hand */
    struct reader *next;
};

struct readers;

struct readers *readers_new(const char *path, const char *vfs);
void readers_free(struct readers *readers);

enum err reader_take(struct readers *readers, struct reader **ret, struct err_detail *detail);
void reader_give_back(struct readers *readers, struct reader *reader);

/* The statement, prepared at its first use. */
enum err reader_statement(struct reader *reader, enum read_statement which, sqlite3_stmt **ret,
                          struct err_detail *detail);
/* SQLite's code as an error, once a read has got it. */
enum err reader_fail(struct reader *reader, int code, struct err_detail *detail);
/* One transaction over several statements; `end` resets them all. */
enum err reader_begin(struct reader *reader, struct err_detail *detail);
void reader_end(struct reader *reader);

/* store.h's reads, on a reader of their own. */
enum err read_head(struct reader *, uint32_t partition, struct partition_head *ret, struct err_detail *);
enum err read_blocks(struct reader *, uint32_t partition, store_on_block *, void *, struct err_detail *);
enum err read_rows(struct reader *, const struct store_range *ranges, size_t count, enum store_tables,
                   store_on_row *, void *, struct err_detail *);
enum err read_walk(struct reader *, uint32_t partition, uint64_t head, store_on_row *, void *,
                   struct err_detail *);
enum err read_messages(struct reader *, int64_t since_ms, uint64_t seqs_max, store_on_message *, void *,
                       struct err_detail *);
enum err read_effects(struct reader *, uint64_t after, store_on_effect *, void *, struct err_detail *);
enum err read_stat(struct reader *, uint32_t partition, struct stat_key key, int64_t quarter,
                   struct stat_row *ret, struct err_detail *);
enum err read_stat_keys(struct reader *, uint32_t partition, uint16_t version, int64_t quarter,
                        store_on_stat *, void *, struct err_detail *);
enum err read_control(struct reader *, uint64_t position, store_on_control *, void *, struct err_detail *);

#endif
