/* Tables are made for appending: a row's seq is its rowid, so that a batch is written at the tables' ends,
 * and no big table has an index, since every question is answered by a range of seqs or by look-ups along
 * `prev`. */
#include "store/sqlite/schema.h"

#include <inttypes.h>

#include "base/buf.h"
#include "journey/definition.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

static const char tables_1[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE partition(id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, now "
    "INTEGER,"
    " now_open INTEGER NOT NULL, control INTEGER NOT NULL, input INTEGER NOT NULL, horizon INTEGER NOT NULL,"
    " contacts INTEGER NOT NULL, enrollments INTEGER NOT NULL);"
    "CREATE TABLE event(seq INTEGER PRIMARY KEY, partition INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " contact INTEGER NOT NULL, name INTEGER NOT NULL, at INTEGER, received INTEGER, message INTEGER NOT "
    "NULL,"
    " prev INTEGER NOT NULL, created TEXT, body TEXT);"
    "CREATE TABLE ledger(seq INTEGER PRIMARY KEY, partition INTEGER NOT NULL, at INTEGER, contact INTEGER "
    "NOT NULL,"
    " enrollment INTEGER NOT NULL, version INTEGER NOT NULL, node INTEGER NOT NULL, due INTEGER, path TEXT,"
    " cause INTEGER NOT NULL, flags INTEGER NOT NULL, state INTEGER NOT NULL, prev INTEGER NOT NULL, value "
    "REAL,"
    " detail TEXT);"
    "CREATE TABLE effect(seq INTEGER PRIMARY KEY, partition INTEGER NOT NULL, effect INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, at INTEGER, contact INTEGER NOT NULL, enrollment INTEGER NOT NULL,"
    " version INTEGER NOT NULL, node INTEGER NOT NULL, visit INTEGER NOT NULL, destination INTEGER NOT NULL,"
    " destination_name TEXT, operation TEXT);"
    "CREATE TABLE stat(partition INTEGER, version INTEGER, node INTEGER, kind INTEGER, outcome INTEGER,"
    " quarter INTEGER, total INTEGER NOT NULL, value REAL,"
    " PRIMARY KEY(partition, version, node, kind, outcome, quarter)) WITHOUT ROWID;"
    "CREATE TABLE block(partition INTEGER NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB, PRIMARY KEY(partition, kind, number));"
    "CREATE TABLE control(position INTEGER PRIMARY KEY, at INTEGER, kind TEXT, actor TEXT, key TEXT, body "
    "TEXT);"
    "CREATE UNIQUE INDEX control_key ON control(key) WHERE key IS NOT NULL;";

/* ── views, for people with the sqlite3 shell ───────────────────────────────── */

static const char *const event_kinds[] = {
#define X(name, key) #key,
    EVENT_KIND_TABLE(X)
#undef X
};
static const char *const effect_kinds[] = {
#define X(name, key) #key,
    EFFECT_KIND_TABLE(X)
#undef X
};
static const char *const stat_kinds[] = {
#define X(name, key) #key,
    STAT_TABLE(X)
#undef X
};
static const char *const block_kinds[] = {
#define X(name, key) #key,
    BLOCK_TABLE(X)
#undef X
};
static const char *const leave_reasons[] = {
#define X(name, key) #key,
    LEAVE_TABLE(X)
#undef X
};

#define COUNT(names) (sizeof(names) / sizeof *(names))

static void put_instant(struct buf *sql, const char *column)
{
    buf_printf(sql, "strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', %s / 1000.0, 'unixepoch') AS %s", column, column);
}

static void put_names(struct buf *sql, const char *expression, const char *const *names, size_t count)
{
    buf_printf(sql, "CASE %s", expression);
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, " WHEN %zu THEN '%s'", i, names[i]);
    buf_put_text(sql, " END");
}

static void put_event_view(struct buf *sql)
{
    buf_put_text(sql, "CREATE VIEW event_view AS SELECT seq, partition, ");
    put_instant(sql, "at");
    buf_put_text(sql, ", ");
    put_instant(sql, "received");
    buf_put_text(sql, ", contact, ");
    put_names(sql, "kind", event_kinds, COUNT(event_kinds));
    buf_put_text(sql,
                 " AS kind, name, created, coalesce(body, '{}') AS body, printf('%016x', message) AS message,"
                 " prev FROM event;");
}

static void put_ledger_view(struct buf *sql)
{
    buf_put_text(sql, "CREATE VIEW ledger_view AS SELECT seq, partition, ");
    put_instant(sql, "at");
    buf_put_text(sql, ", contact, enrollment, version, node, ");
    put_instant(sql, "due");
    buf_put_text(sql, ", path, CASE WHEN cause > 0 THEN cause END AS cause_seq,"
                      " CASE WHEN cause < 0 THEN -cause END AS cause_control");
    static const struct {
        const char *name;
        unsigned bit;
    } bits[] = {{"enters", LEDGER_ENTERS}, {"moves", LEDGER_MOVES},     {"leaves", LEDGER_LEAVES},
                {"before", LEDGER_BEFORE}, {"control", LEDGER_CONTROL}, {"held", LEDGER_HELD},
                {"bars", LEDGER_BARS},     {"done", LEDGER_DONE},       {"off_edge", LEDGER_OFF_EDGE}};
    for (size_t i = 0; i < COUNT(bits); i++)
        buf_printf(sql, ", (flags & %u) != 0 AS %s", bits[i].bit, bits[i].name);
    buf_printf(sql, ", CASE WHEN flags & %u THEN ", LEDGER_LEAVES);
    put_names(sql, "flags >> 16 & 255", leave_reasons, COUNT(leave_reasons));
    buf_put_text(sql,
                 " END AS reason, flags >> 24 & 255 AS which, flags >> 32 & 255 AS failed,"
                 " state & 4294967295 AS visits, state >> 32 & 65535 AS pending, state >> 48 & 255 AS goals,"
                 " coalesce(value, 0.0) AS value, detail, prev FROM ledger;");
}

static void put_other_views(struct buf *sql)
{
    buf_put_text(sql, "CREATE VIEW step AS SELECT ledger.seq, ledger.partition, ");
    put_instant(sql, "at");
    buf_put_text(
        sql, ", contact, enrollment, version, json_each.key AS nth, json_extract(json_each.value, '$[0]') AS"
             " node, json_extract(json_each.value, '$[1]') AS outcome FROM ledger, json_each(ledger.path);"
             "CREATE VIEW effect_view AS SELECT seq, partition, effect, ");
    put_names(sql, "kind", effect_kinds, COUNT(effect_kinds));
    buf_put_text(sql, " AS kind, ");
    put_instant(sql, "at");
    buf_put_text(
        sql, ", contact, enrollment, version, node, visit, destination, destination_name, operation,"
             " printf('%d-%d-%d-%d-%d', partition, enrollment, node, visit, destination) AS key FROM effect;"
             "CREATE VIEW stat_view AS SELECT partition, version, node, ");
    put_names(sql, "kind", stat_kinds, COUNT(stat_kinds));
    buf_printf(sql,
               " AS kind, outcome, strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', (quarter + 1) * %" PRId64
               ", 'unixepoch') AS until, total, coalesce(value, 0.0) AS value FROM stat;"
               "CREATE VIEW block_view AS SELECT partition, ",
               QUARTER_MS / SECOND_MS);
    put_names(sql, "kind", block_kinds, COUNT(block_kinds));
    buf_put_text(sql, " AS kind, number, number * 1024 AS first_id, seq, length(body) AS bytes FROM block;");
}

/* ── state and migrations ───────────────────────────────────────────────────── */

enum err schema_look(sqlite3 *db, enum schema_state *ret, struct err_detail *detail)
{
    const char *path = sqlite3_db_filename(db, "main");
    int64_t application, format, tables;
    enum err err = connection_number(db, "PRAGMA application_id", &application, detail);
    if (!err)
        err = connection_number(db, "PRAGMA user_version", &format, detail);
    if (!err)
        err = connection_number(db, "SELECT count(*) FROM sqlite_schema", &tables, detail);
    if (err)
        return err;
    if (tables == 0 && application == 0) {
        *ret = SCHEMA_EMPTY;
        return ERR_OK;
    }
    if (application != SCHEMA_APPLICATION_ID)
        return err_fail(detail, ERR_CORRUPT, path,
                        "this database was made by another program; give another directory");
    if (format > STORE_FORMAT)
        return err_fail(detail, ERR_NEWER, path,
                        "its format is %" PRId64 " and this version reads up to %d; use a newer sojourn",
                        format, STORE_FORMAT);
    *ret = format < STORE_FORMAT ? SCHEMA_OLDER : SCHEMA_CURRENT;
    return ERR_OK;
}

/* From nothing to format 1. */
static enum err migrate_1(sqlite3 *db, uint32_t partitions, struct err_detail *detail)
{
    struct buf sql = {0};
    buf_put_text(&sql, tables_1);
    put_event_view(&sql);
    put_ledger_view(&sql);
    put_other_views(&sql);
    buf_printf(&sql,
               "INSERT INTO meta VALUES('made_by', 'sojourn " SOJOURN_VERSION "');"
               "INSERT INTO partition SELECT value, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM"
               " (WITH RECURSIVE n(value) AS (VALUES(0) UNION ALL SELECT value + 1 FROM n WHERE value < %u)"
               " SELECT value FROM n);",
               partitions - 1);
    buf_put_char(&sql, '\0');
    enum err err = connection_run(db, sql.data, detail);
    buf_deinit(&sql);
    return err;
}

enum err schema_migrate(sqlite3 *db, uint32_t partitions, struct err_detail *detail)
{
    static enum err (*const migrations[])(sqlite3 *, uint32_t, struct err_detail *) = {migrate_1};
    _Static_assert(sizeof migrations / sizeof *migrations == STORE_FORMAT, "one migration a format");
    int64_t format;
    enum err err = connection_run(db, "BEGIN IMMEDIATE", detail);
    if (err)
        return err;
    err = connection_number(db, "PRAGMA user_version", &format, detail);
    for (; !err && format < STORE_FORMAT; format++)
        err = migrations[format](db, partitions, detail);
    char pragmas[96];
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             SCHEMA_APPLICATION_ID, STORE_FORMAT);
    if (!err)
        err = connection_run(db, pragmas, detail);
    if (err && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}
