/* SQLite connections and statements in our terms: errors become `enum err` with the file's path in front. */
#ifndef STORE_SQLITE_CONNECTION_H
#define STORE_SQLITE_CONNECTION_H
#include <sqlite3.h>

#include "base/err.h"
#include "base/str.h"

enum { CONNECTION_BUSY_MS = 1000 };

/* A connection that one thread at a time uses. `flags` as of sqlite3_open_v2. */
enum err connection_open(const char *path, int flags, const char *vfs, sqlite3 **ret,
                         struct err_detail *detail);
/* Closes what connection_open gave (NULL: nothing); its statements are finalized. */
void connection_close(sqlite3 *db);

/* The last failure of `db` as an error: ERR_FULL (disk full), ERR_BUSY, ERR_CORRUPT, else ERR_IO; `what` says
 * what was being done. */
enum err connection_fail(sqlite3 *db, int code, const char *what, struct err_detail *detail);

enum err connection_run(sqlite3 *db, const char *sql, struct err_detail *detail);
/* The first column of the first row; 0 where there is none or it is NULL. */
enum err connection_number(sqlite3 *db, const char *sql, int64_t *ret, struct err_detail *detail);
enum err connection_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err_detail *detail);

/* Binds without a copy: the bytes stay until the statement is reset. Empty is NULL. */
void bind_str(sqlite3_stmt *statement, int index, struct str s);
void bind_number(sqlite3_stmt *statement, int index, int64_t number);
/* A seq behind all that SQLite can number is the last that it can. */
void bind_seq(sqlite3_stmt *statement, int index, uint64_t seq);
/* INSTANT_NEVER is NULL. */
void bind_instant(sqlite3_stmt *statement, int index, int64_t ms);
/* Borrowed until the statement's next step or reset; NULL is empty. */
struct str column_str(sqlite3_stmt *statement, int column);
uint64_t column_u64(sqlite3_stmt *statement, int column);
int64_t column_instant(sqlite3_stmt *statement, int column);

#endif
