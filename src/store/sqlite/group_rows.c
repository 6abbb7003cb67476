#include "store/sqlite/group_rows.h"

#include "base/check.h"
#include "store/sqlite/ledger_bits.h"
#include "store/sqlite/path_text.h"

void group_rows_add(struct group_rows *rows, const struct batch *batch)
{
    uint32_t partition = batch->partition;
    array_reserve(&rows->events, rows->events.count + batch->events.count);
    array_each (&batch->events, i)
        *array_push(&rows->events) = (struct event_ref){&batch->events.items[i], partition};
    array_reserve(&rows->ledger, rows->ledger.count + batch->ledger.count);
    array_each (&batch->ledger, i)
        *array_push(&rows->ledger) = (struct ledger_ref){&batch->ledger.items[i], partition};
    array_each (&batch->stats, i)
        *array_push(&rows->stats) = (struct stat_ref){&batch->stats.items[i], partition};
    for (size_t i = 0; i < batch->effects.count; i++)
        *array_push(&rows->effects) = (struct effect_ref){&batch->effects.items[i], partition};
}

void group_rows_add_effects(struct group_rows *rows, const struct store_effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *array_push(&rows->effects) = (struct effect_ref){&effects[i].row, effects[i].partition};
}

static int compare_seqs(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_events(const void *a, const void *b)
{
    return compare_seqs(((const struct event_ref *)a)->row->seq, ((const struct event_ref *)b)->row->seq);
}

static int compare_ledger(const void *a, const void *b)
{
    return compare_seqs(((const struct ledger_ref *)a)->row->seq, ((const struct ledger_ref *)b)->row->seq);
}

static int compare_effects(const void *a, const void *b)
{
    return compare_seqs(((const struct effect_ref *)a)->row->seq, ((const struct effect_ref *)b)->row->seq);
}

/* Most groups are in order already: one look instead of a sort. */
static void sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t i = 1; i < count; i++) {
        if (compare((char *)items + (i - 1) * size, (char *)items + i * size) > 0) {
            qsort(items, count, size, compare);
            return;
        }
    }
}

void group_rows_sort(struct group_rows *rows)
{
    sort(rows->events.items, rows->events.count, sizeof *rows->events.items, compare_events);
    sort(rows->ledger.items, rows->ledger.count, sizeof *rows->ledger.items, compare_ledger);
    sort(rows->effects.items, rows->effects.count, sizeof *rows->effects.items, compare_effects);
}

void group_rows_clear(struct group_rows *rows)
{
    array_clear(&rows->events);
    array_clear(&rows->ledger);
    array_clear(&rows->effects);
    array_clear(&rows->stats);
}

void group_rows_deinit(struct group_rows *rows)
{
    array_free(&rows->events);
    array_free(&rows->ledger);
    array_free(&rows->effects);
    array_free(&rows->stats);
}

/* ── columns: the order is that of the CREATE TABLE texts in schema.c ───────────────────────────────────────
 */

struct cursor {
    sqlite3_vtab_cursor base;
    size_t at;
    char *path_text; /* of the row at hand: SQLite builds the record before it asks for the next */
    size_t path_text_bytes;
};

struct group_table {
    sqlite3_vtab base;
    const struct group_table_kind *kind;
    const struct group_rows *rows;
};

struct group_table_kind {
    const char *name, *declaration;
    size_t (*count)(const struct group_rows *rows);
    void (*column)(const struct group_rows *rows, struct cursor *cursor, sqlite3_context *result, int column);
};

static void result_str(sqlite3_context *result, struct str s)
{
    if (s.size)
        sqlite3_result_text64(result, s.data, s.size, SQLITE_STATIC, SQLITE_UTF8);
}

static void result_instant(sqlite3_context *result, int64_t ms)
{
    if (ms != INSTANT_NEVER)
        sqlite3_result_int64(result, ms);
}

static size_t count_events(const struct group_rows *rows)
{
    return rows->events.count;
}

static void event_column(const struct group_rows *rows, struct cursor *cursor, sqlite3_context *result,
                         int column)
{
    const struct event_ref *ref = &rows->events.items[cursor->at];
    const struct event_row *row = ref->row;
    switch (column) {
    case 0: sqlite3_result_int64(result, (int64_t)row->seq); break;
    case 1: sqlite3_result_int64(result, ref->partition); break;
    case 2: sqlite3_result_int(result, row->kind); break;
    case 3: sqlite3_result_int64(result, row->contact); break;
    case 4: sqlite3_result_int(result, row->name); break;
    case 5: result_instant(result, row->at_ms); break;
    case 6: result_instant(result, row->received_ms); break;
    case 7: sqlite3_result_int64(result, (int64_t)row->message); break;
    case 8: sqlite3_result_int64(result, (int64_t)row->prev); break;
    case 9: result_str(result, row->created); break;
    default: result_str(result, row->body); break;
    }
}

static size_t count_ledger(const struct group_rows *rows)
{
    return rows->ledger.count;
}

static void result_path(struct cursor *cursor, sqlite3_context *result, const struct ledger_row *row)
{
    if (row->path_count == 0)
        return;
    size_t wanted = (size_t)row->path_count * PATH_TEXT_BYTES_EACH + 2;
    if (cursor->path_text_bytes < wanted)
        cursor->path_text = array_grow(cursor->path_text, &cursor->path_text_bytes, wanted, 1);
    size_t size = path_text_print(row->path, row->path_count, cursor->path_text);
    result_str(result, (struct str){cursor->path_text, size});
}

static void ledger_column(const struct group_rows *rows, struct cursor *cursor, sqlite3_context *result,
                          int column)
{
    const struct ledger_ref *ref = &rows->ledger.items[cursor->at];
    const struct ledger_row *row = ref->row;
    switch (column) {
    case 0: sqlite3_result_int64(result, (int64_t)row->seq); break;
    case 1: sqlite3_result_int64(result, ref->partition); break;
    case 2: result_instant(result, row->at_ms); break;
    case 3: sqlite3_result_int64(result, row->contact); break;
    case 4: sqlite3_result_int64(result, row->enrollment); break;
    case 5: sqlite3_result_int(result, row->version); break;
    case 6: sqlite3_result_int(result, row->node); break;
    case 7: result_instant(result, row->due_ms); break;
    case 8: result_path(cursor, result, row); break;
    case 9: sqlite3_result_int64(result, row->cause); break;
    case 10: sqlite3_result_int64(result, ledger_flags_pack(row)); break;
    case 11: sqlite3_result_int64(result, ledger_state_pack(row)); break;
    case 12: sqlite3_result_int64(result, (int64_t)row->prev); break;
    case 13:
        if (row->value != 0)
            sqlite3_result_double(result, row->value);
        break;
    default: result_str(result, row->detail); break;
    }
}

static size_t count_effects(const struct group_rows *rows)
{
    return rows->effects.count;
}

static void effect_column(const struct group_rows *rows, struct cursor *cursor, sqlite3_context *result,
                          int column)
{
    const struct effect_ref *ref = &rows->effects.items[cursor->at];
    const struct effect_row *row = ref->row;
    switch (column) {
    case 0: sqlite3_result_int64(result, (int64_t)row->seq); break;
    case 1: sqlite3_result_int64(result, ref->partition); break;
    case 2: sqlite3_result_int64(result, (int64_t)row->effect); break;
    case 3: sqlite3_result_int(result, row->kind); break;
    case 4: result_instant(result, row->at_ms); break;
    case 5: sqlite3_result_int64(result, row->contact); break;
    case 6: sqlite3_result_int64(result, row->enrollment); break;
    case 7: sqlite3_result_int(result, row->version); break;
    case 8: sqlite3_result_int(result, row->node); break;
    case 9: sqlite3_result_int64(result, row->visit); break;
    case 10: sqlite3_result_int(result, row->destination); break;
    case 11: result_str(result, row->destination_name); break;
    default: result_str(result, row->operation); break;
    }
}

static size_t count_stats(const struct group_rows *rows)
{
    return rows->stats.count;
}

static void stat_column(const struct group_rows *rows, struct cursor *cursor, sqlite3_context *result,
                        int column)
{
    const struct stat_ref *ref = &rows->stats.items[cursor->at];
    const struct stat_row *row = ref->row;
    switch (column) {
    case 0: sqlite3_result_int64(result, ref->partition); break;
    case 1: sqlite3_result_int(result, row->key.version); break;
    case 2: sqlite3_result_int(result, row->key.node); break;
    case 3: sqlite3_result_int(result, row->key.kind); break;
    case 4: sqlite3_result_int(result, row->key.outcome); break;
    case 5: sqlite3_result_int64(result, row->quarter); break;
    case 6: sqlite3_result_int64(result, row->total); break;
    default:
        if (row->value != 0)
            sqlite3_result_double(result, row->value);
        break;
    }
}

static const struct group_table_kind table_kinds[] = {
    {"group_event",
     "CREATE TABLE x(seq INTEGER, partition, kind, contact, name, at, received, message, prev, created, "
     "body)",
     count_events, event_column},
    {"group_ledger",
     "CREATE TABLE x(seq INTEGER, partition, at, contact, enrollment, version, node, due, path, cause, "
     "flags, state,"
     " prev, value, detail)",
     count_ledger, ledger_column},
    {"group_effect",
     "CREATE TABLE x(seq INTEGER, partition, effect, kind, at, contact, enrollment, version, node, visit, "
     "destination,"
     " destination_name, operation)",
     count_effects, effect_column},
    {"group_stat", "CREATE TABLE x(partition, version, node, kind, outcome, quarter, total, value)",
     count_stats, stat_column},
};
enum { TABLE_KINDS = sizeof table_kinds / sizeof *table_kinds };

/* ── what SQLite asks of a virtual table ────────────────────────────────────── */

static int table_connect(sqlite3 *db, void *rows, int argc, const char *const *argv, sqlite3_vtab **ret,
                         char **error)
{
    (void)argc, (void)error;
    const struct group_table_kind *kind = table_kinds;
    while (strcmp(kind->name, argv[0]) != 0)
        CHECK(++kind < table_kinds + TABLE_KINDS);
    int code = sqlite3_declare_vtab(db, kind->declaration);
    if (code != SQLITE_OK)
        return code;
    struct group_table *table = memory_take_zeroed(1, sizeof *table);
    table->kind = kind;
    table->rows = rows;
    *ret = &table->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int table_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret)
{
    (void)table;
    struct cursor *cursor = memory_take_zeroed(1, sizeof *cursor);
    *ret = &cursor->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    free(cursor->path_text);
    free(cursor);
    return SQLITE_OK;
}

static int cursor_begin(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
                        sqlite3_value **argv)
{
    (void)number, (void)text, (void)argc, (void)argv;
    ((struct cursor *)base)->at = 0;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->at++;
    return SQLITE_OK;
}

static int cursor_at_end(sqlite3_vtab_cursor *base)
{
    const struct group_table *table = (const struct group_table *)base->pVtab;
    return ((struct cursor *)base)->at >= table->kind->count(table->rows);
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    const struct group_table *table = (const struct group_table *)base->pVtab;
    table->kind->column(table->rows, (struct cursor *)base, result, column);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)((struct cursor *)base)->at;
    return SQLITE_OK;
}

int group_rows_register(sqlite3 *db, struct group_rows *rows)
{
    static const sqlite3_module module = {
        .xConnect =
            table_connect, /* without xCreate: it exists by its name alone, nothing of it is in the file */
        .xBestIndex = table_plan,
        .xDisconnect = table_disconnect,
        .xDestroy = table_disconnect,
        .xOpen = cursor_open,
        .xClose = cursor_close,
        .xFilter = cursor_begin,
        .xNext = cursor_next,
        .xEof = cursor_at_end,
        .xColumn = cursor_column,
        .xRowid = cursor_rowid,
    };
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < TABLE_KINDS; i++)
        code = sqlite3_create_module(db, table_kinds[i].name, &module, rows);
    return code;
}
