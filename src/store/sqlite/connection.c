#include "store/sqlite/connection.h"

#include <errno.h>

#include "base/check.h"
#include "calendar/instant.h"

enum err connection_open(const char *path, int flags, const char *vfs, sqlite3 **ret,
                         struct err_detail *detail)
{
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
    CHECK(db); /* NULL only without memory */
    if (code != SQLITE_OK) {
        enum err err = connection_fail(db, code, "open", detail);
        if (detail)
            snprintf(detail->place, sizeof detail->place, "%s", path);
        sqlite3_close_v2(db);
        return err;
    }
    sqlite3_busy_timeout(db, CONNECTION_BUSY_MS);
    *ret = db;
    return ERR_OK;
}

void connection_close(sqlite3 *db)
{
    if (!db)
        return;
    for (sqlite3_stmt *s = sqlite3_next_stmt(db, NULL); s; s = sqlite3_next_stmt(db, NULL))
        sqlite3_finalize(s);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* A full disk says SQLITE_FULL on a write, but an I/O error where it shows at another call. */
static bool is_full(sqlite3 *db, int code)
{
    if ((code & 0xff) == SQLITE_FULL)
        return true;
    int system = sqlite3_system_errno(db);
    return (code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT);
}

enum err connection_fail(sqlite3 *db, int code, const char *what, struct err_detail *detail)
{
    const char *path = sqlite3_db_filename(db, "main");
    if (!path)
        path = "";
    if (is_full(db, code))
        return err_fail(detail, ERR_FULL, path, "%s: the disk is full; free some space", what);
    switch (code & 0xff) {
    case SQLITE_NOMEM: CHECK(!"out of memory in SQLite"); break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_fail(detail, ERR_BUSY, path, "%s: another program holds the database locked (%s)", what,
                        sqlite3_errmsg(db));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_fail(detail, ERR_CORRUPT, path, "%s: %s; restore it from a backup", what,
                        sqlite3_errmsg(db));
    default: break;
    }
    int system = sqlite3_system_errno(db);
    return err_fail(detail, ERR_IO, path, "%s: %s (SQLite code %d%s%s)", what, sqlite3_errmsg(db), code,
                    system ? ", " : "", system ? strerrordesc_np(system) : "");
}

enum err connection_run(sqlite3 *db, const char *sql, struct err_detail *detail)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ERR_OK : connection_fail(db, code, sql, detail);
}

enum err connection_number(sqlite3 *db, const char *sql, int64_t *ret, struct err_detail *detail)
{
    sqlite3_stmt *statement;
    enum err err = connection_prepare(db, sql, &statement, detail);
    if (err)
        return err;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    else if (code == SQLITE_DONE)
        *ret = 0;
    else
        err = connection_fail(db, code, sql, detail);
    sqlite3_finalize(statement);
    return err;
}

enum err connection_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err_detail *detail)
{
    int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    return code == SQLITE_OK ? ERR_OK : connection_fail(db, code, sql, detail);
}

void bind_str(sqlite3_stmt *statement, int index, struct str s)
{
    CHECK(s.size <= INT32_MAX);
    int code = s.size ? sqlite3_bind_text(statement, index, s.data, (int)s.size, SQLITE_STATIC)
                      : sqlite3_bind_null(statement, index);
    CHECK(code == SQLITE_OK);
}

void bind_number(sqlite3_stmt *statement, int index, int64_t number)
{
    CHECK(sqlite3_bind_int64(statement, index, number) == SQLITE_OK);
}

void bind_seq(sqlite3_stmt *statement, int index, uint64_t seq)
{
    bind_number(statement, index, seq > INT64_MAX ? INT64_MAX : (int64_t)seq);
}

void bind_instant(sqlite3_stmt *statement, int index, int64_t ms)
{
    int code =
        ms == INSTANT_NEVER ? sqlite3_bind_null(statement, index) : sqlite3_bind_int64(statement, index, ms);
    CHECK(code == SQLITE_OK);
}

struct str column_str(sqlite3_stmt *statement, int column)
{
    const char *data = (const char *)sqlite3_column_text(statement, column);
    return data ? (struct str){data, (size_t)sqlite3_column_bytes(statement, column)} : (struct str){0};
}

uint64_t column_u64(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

int64_t column_instant(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? INSTANT_NEVER
                                                                 : sqlite3_column_int64(statement, column);
}
