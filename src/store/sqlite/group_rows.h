/* The rows that one transaction inserts, seen by SQLite as tables: `INSERT INTO event SELECT * FROM
 * group_event` runs the whole loop inside one statement with its cursor at the table's end. Measured against
 * a bound statement a row: 1.6 to 2 times as fast (docs/internals/store.md). */
#ifndef STORE_SQLITE_GROUP_ROWS_H
#define STORE_SQLITE_GROUP_ROWS_H
#include <sqlite3.h>

#include "store/store.h"

struct event_ref {
    const struct event_row *row;
    uint32_t partition;
};
struct ledger_ref {
    const struct ledger_row *row;
    uint32_t partition;
};
struct effect_ref {
    const struct effect_row *row;
    uint32_t partition;
};
struct stat_ref {
    const struct stat_row *row;
    uint32_t partition;
};

struct group_rows { /* borrowed from the batches of the group */
    ARRAY(struct event_ref) events;
    ARRAY(struct ledger_ref) ledger;
    ARRAY(struct effect_ref) effects;
    ARRAY(struct stat_ref) stats;
};

void group_rows_add(struct group_rows *rows, const struct batch *batch);
void group_rows_add_effects(struct group_rows *rows, const struct store_effect *effects, size_t count);
/* Ascending by seq, whoever decided them: rows then go to the tables' ends. Stats keep their order, the last
 * one of a key wins. */
void group_rows_sort(struct group_rows *rows);
void group_rows_clear(struct group_rows *rows);
void group_rows_deinit(struct group_rows *rows);

/* Makes the tables group_event, group_ledger, group_effect and group_stat of this connection; `rows` outlives
 * it. */
int group_rows_register(sqlite3 *db, struct group_rows *rows);

#endif
