#include "bench/bare.h"

#include <inttypes.h>
#include <sqlite3.h>

#include "base/arena.h"

enum { COLUMNS_MAX = 20, WAL_PAGES = 4000 };

struct cell {
    int type;
    union {
        int64_t integer;
        double number;
        struct str text;
    };
};

/* The rows of one table in memory, cell by cell. */
struct table {
    const char *name;
    int columns;
    ARRAY(struct cell) cells;
    sqlite3_stmt *insert;
};

static enum err sqlite_fail(sqlite3 *db, struct err_detail *detail)
{
    return err_fail(detail, ERR_IO, "baseline", "%s", sqlite3_errmsg(db));
}

static enum err execute(sqlite3 *db, const char *sql, struct err_detail *detail)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : sqlite_fail(db, detail);
}

static enum err open_data(const char *data, sqlite3 **ret, struct err_detail *detail)
{
    char name[256];
    snprintf(name, sizeof name, "%s/sojourn.db", data);
    return sqlite3_open_v2(name, ret, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK ? ERR_OK
                                                                                : sqlite_fail(*ret, detail);
}

static enum err count_of(sqlite3 *db, const char *table, uint64_t *ret, struct err_detail *detail)
{
    char sql[64];
    sqlite3_stmt *statement;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return sqlite_fail(db, detail);
    *ret = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return ERR_OK;
}

enum err bare_count(const char *data, struct bare_counts *ret, struct err_detail *detail)
{
    sqlite3 *db = NULL;
    enum err err = open_data(data, &db, detail);
    if (!err)
        err = count_of(db, "event", &ret->events, detail);
    if (!err)
        err = count_of(db, "ledger", &ret->ledger, detail);
    sqlite3_close(db);
    return err;
}

/* ── reading ──────────────────────────────────────────────────────────────── */

static struct cell take_cell(sqlite3_stmt *statement, int column, struct arena *arena)
{
    struct cell cell = {.type = sqlite3_column_type(statement, column)};
    switch (cell.type) {
    case SQLITE_INTEGER: cell.integer = sqlite3_column_int64(statement, column); break;
    case SQLITE_FLOAT: cell.number = sqlite3_column_double(statement, column); break;
    case SQLITE_TEXT:
        cell.text = arena_str(arena, (struct str){(const char *)sqlite3_column_text(statement, column),
                                                  (size_t)sqlite3_column_bytes(statement, column)});
        break;
    default: break;
    }
    return cell;
}

static enum err read_table(sqlite3 *db, struct table *table, uint64_t rows_max, struct arena *arena,
                           struct err_detail *detail)
{
    char sql[96];
    sqlite3_stmt *statement;
    int step = SQLITE_DONE;
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY seq LIMIT %" PRIu64, table->name, rows_max);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return sqlite_fail(db, detail);
    table->columns = sqlite3_column_count(statement);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < table->columns; i++)
            *array_push(&table->cells) = take_cell(statement, i, arena);
    }
    sqlite3_finalize(statement);
    return step == SQLITE_DONE ? ERR_OK : sqlite_fail(db, detail);
}

/* ── appending ────────────────────────────────────────────────────────────── */

static int count_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    *(int *)context = pages;
    return SQLITE_OK;
}

static enum err make_tables(sqlite3 *from, sqlite3 *to, struct err_detail *detail)
{
    sqlite3_stmt *statement;
    enum err err =
        execute(to,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                "PRAGMA cache_size = -16384",
                detail);
    if (err)
        return err;
    if (sqlite3_prepare_v2(from, "SELECT sql FROM sqlite_master WHERE name IN ('event', 'ledger')", -1,
                           &statement, NULL) != SQLITE_OK)
        return sqlite_fail(from, detail);
    while (!err && sqlite3_step(statement) == SQLITE_ROW)
        err = execute(to, (const char *)sqlite3_column_text(statement, 0), detail);
    sqlite3_finalize(statement);
    return err;
}

static enum err prepare_insert(sqlite3 *db, struct table *table, struct err_detail *detail)
{
    char sql[128];
    int size = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES(?", table->name);
    for (int i = 1; i < table->columns; i++)
        size += snprintf(sql + size, sizeof sql - (size_t)size, ",?");
    snprintf(sql + size, sizeof sql - (size_t)size, ")");
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &table->insert, NULL) == SQLITE_OK
               ? ERR_OK
               : sqlite_fail(db, detail);
}

static bool insert(const struct table *table, size_t row)
{
    for (int i = 0; i < table->columns; i++) {
        const struct cell *cell = &table->cells.items[row * (size_t)table->columns + (size_t)i];
        switch (cell->type) {
        case SQLITE_INTEGER: sqlite3_bind_int64(table->insert, i + 1, cell->integer); break;
        case SQLITE_FLOAT: sqlite3_bind_double(table->insert, i + 1, cell->number); break;
        case SQLITE_TEXT:
            sqlite3_bind_text(table->insert, i + 1, cell->text.data, (int)cell->text.size, SQLITE_STATIC);
            break;
        default: sqlite3_bind_null(table->insert, i + 1); break;
        }
    }
    bool done = sqlite3_step(table->insert) == SQLITE_DONE;
    sqlite3_reset(table->insert);
    return done;
}

static size_t row_count(const struct table *table)
{
    return table->columns ? table->cells.count / (size_t)table->columns : 0;
}

/* In the order of their seqs, as they were written. */
static enum err append(sqlite3 *db, struct table tables[2], uint32_t rows, struct err_detail *detail)
{
    int pages = 0;
    size_t at[2] = {0, 0};
    enum err err = ERR_OK;
    sqlite3_wal_hook(db, count_pages, &pages);
    while (!err && at[0] + at[1] < row_count(&tables[0]) + row_count(&tables[1])) {
        err = execute(db, "BEGIN IMMEDIATE", detail);
        for (uint32_t i = 0; i < rows && !err; i++) {
            int64_t next[2];
            for (int t = 0; t < 2; t++)
                next[t] = at[t] < row_count(&tables[t])
                              ? tables[t].cells.items[at[t] * (size_t)tables[t].columns].integer
                              : INT64_MAX;
            if (next[0] == INT64_MAX && next[1] == INT64_MAX)
                break;
            int which = next[1] < next[0];
            if (!insert(&tables[which], at[which]++))
                err = sqlite_fail(db, detail);
        }
        if (!err)
            err = execute(db, "COMMIT", detail);
        if (!err && pages >= WAL_PAGES)
            sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    return err;
}

enum err bare_append(const char *data, const char *into, uint32_t rows, uint64_t rows_max,
                     double (*seconds)(void), double *ret_rate, struct err_detail *detail)
{
    struct table tables[2] = {{.name = "event"}, {.name = "ledger"}};
    struct arena arena = {0};
    sqlite3 *from = NULL, *to = NULL;
    enum err err = open_data(data, &from, detail);
    for (int i = 0; i < 2 && !err; i++)
        err = read_table(from, &tables[i], rows_max, &arena, detail);
    if (!err && sqlite3_open(into, &to) != SQLITE_OK)
        err = sqlite_fail(to, detail);
    if (!err)
        err = make_tables(from, to, detail);
    for (int i = 0; i < 2 && !err; i++)
        err = prepare_insert(to, &tables[i], detail);
    double begin = seconds();
    if (!err)
        err = append(to, tables, rows, detail);
    if (!err)
        *ret_rate = (double)(row_count(&tables[0]) + row_count(&tables[1])) / (seconds() - begin);
    for (int i = 0; i < 2; i++) {
        sqlite3_finalize(tables[i].insert);
        array_free(&tables[i].cells);
    }
    sqlite3_close(from);
    sqlite3_close(to);
    arena_deinit(&arena);
    return err;
}
