/* Rows a second: the same event and ledger rows, half and half, through the store and through the bare loop
 * that anybody would write first (one bound INSERT a row). Both are durable at each transaction and
 * checkpoint alike. */
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "store/sqlite/ledger_bits.h"
#include "store/sqlite/path_text.h"
#include "store/sqlite/store_sqlite.h"
#include "store/sqlite/writer.h"

enum { ROWS = 1500000, IN_FLIGHT = 4 };

static const struct passage path[] = {{3, 0}, {4, 1}};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(struct batch *batch, uint64_t first, uint32_t rows)
{
    batch_clear(batch);
    batch->seq_before = batch->head.seq;
    for (uint64_t seq = first; seq < first + rows; seq += 2) {
        int64_t at_ms = 883612800000 + (int64_t)seq * 50;
        uint32_t contact = (uint32_t)(seq * 2654435761 % 100000);
        *array_push(&batch->events) =
            (struct event_row){.seq = seq,
                               .prev = seq > 100000 ? seq - contact : 0,
                               .at_ms = at_ms,
                               .received_ms = at_ms,
                               .contact = contact,
                               .name = 3,
                               .body = STR("{\"total\":29.33,\"quantity\":2,\"sku\":\"A-77\"}")};
        *array_push(&batch->ledger) = (struct ledger_row){.seq = seq + 1,
                                                          .prev = seq,
                                                          .at_ms = at_ms,
                                                          .due_ms = at_ms + 30 * DAY_MS,
                                                          .cause = (int64_t)seq,
                                                          .contact = contact,
                                                          .enrollment = (uint32_t)seq,
                                                          .flags = LEDGER_ENTERS | LEDGER_MOVES,
                                                          .node = 2,
                                                          .visits = 1,
                                                          .path = path,
                                                          .path_count = 2};
    }
    batch->head.seq = first + rows - 1;
}

/* ── through the store ──────────────────────────────────────────────────────── */

static void must_be_done(void *context, const enum commit_status *statuses, size_t count,
                         const struct err_detail *detail)
{
    (void)context, (void)count, (void)detail;
    CHECK(statuses[0] == COMMIT_DONE);
}

static double store_rows_a_second(const char *directory, uint32_t rows)
{
    struct store *store;
    CHECK(store_sqlite_open(directory, NULL, &store, NULL) == ERR_OK);
    struct batch batches[IN_FLIGHT] = {0};
    struct partition_head head;
    uint64_t epoch;
    CHECK(store_claim(store, 0, &epoch, &head, NULL) == ERR_OK);
    double begin = now_s();
    for (uint32_t i = 0; i < ROWS / rows; i++) {
        struct batch *batch = &batches[i % IN_FLIGHT];
        if (i % IN_FLIGHT == 0)
            store_flush(store);
        batch->epoch = epoch;
        batch->head = head;
        fill(batch, store_seq_take(store, 0, rows), rows);
        head = batch->head;
        const struct batch *one = batch;
        store_commit(store, &one, 1, must_be_done, NULL);
    }
    store_flush(store);
    double seconds = now_s() - begin;
    store_close(store);
    for (size_t i = 0; i < IN_FLIGHT; i++)
        batch_deinit(&batches[i]);
    return ROWS / rows * rows / seconds;
}

/* ── through the bare loop ──────────────────────────────────────────────────── */

static void insert_event(sqlite3_stmt *s, const struct event_row *row)
{
    sqlite3_bind_int64(s, 1, (int64_t)row->seq);
    sqlite3_bind_int64(s, 2, 0);
    sqlite3_bind_int64(s, 3, row->kind);
    sqlite3_bind_int64(s, 4, row->contact);
    sqlite3_bind_int64(s, 5, row->name);
    sqlite3_bind_int64(s, 6, row->at_ms);
    sqlite3_bind_int64(s, 7, row->received_ms);
    sqlite3_bind_int64(s, 8, (int64_t)row->message);
    sqlite3_bind_int64(s, 9, (int64_t)row->prev);
    sqlite3_bind_text(s, 11, row->body.data, (int)row->body.size, SQLITE_STATIC);
    CHECK(sqlite3_step(s) == SQLITE_DONE);
    sqlite3_reset(s);
}

static void insert_ledger(sqlite3_stmt *s, const struct ledger_row *row)
{
    char text[64];
    size_t size = path_text_print(row->path, row->path_count, text);
    sqlite3_bind_int64(s, 1, (int64_t)row->seq);
    sqlite3_bind_int64(s, 2, 0);
    sqlite3_bind_int64(s, 3, row->at_ms);
    sqlite3_bind_int64(s, 4, row->contact);
    sqlite3_bind_int64(s, 5, row->enrollment);
    sqlite3_bind_int64(s, 6, row->version);
    sqlite3_bind_int64(s, 7, row->node);
    sqlite3_bind_int64(s, 8, row->due_ms);
    sqlite3_bind_text(s, 9, text, (int)size, SQLITE_STATIC);
    sqlite3_bind_int64(s, 10, row->cause);
    sqlite3_bind_int64(s, 11, ledger_flags_pack(row));
    sqlite3_bind_int64(s, 12, ledger_state_pack(row));
    sqlite3_bind_int64(s, 13, (int64_t)row->prev);
    CHECK(sqlite3_step(s) == SQLITE_DONE);
    sqlite3_reset(s);
}

static int count_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    *(int *)context = pages;
    return SQLITE_OK;
}

static void run(sqlite3 *db, const char *sql)
{
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static double bare_rows_a_second(const char *database, uint32_t rows)
{
    sqlite3 *db;
    sqlite3_stmt *events, *ledger;
    CHECK(sqlite3_open(database, &db) == SQLITE_OK);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
            " PRAGMA cache_size = -16384");
    const char *event_sql = "INSERT INTO event VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const char *ledger_sql = "INSERT INTO ledger VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    CHECK(sqlite3_prepare_v3(db, event_sql, -1, SQLITE_PREPARE_PERSISTENT, &events, NULL) == SQLITE_OK);
    CHECK(sqlite3_prepare_v3(db, ledger_sql, -1, SQLITE_PREPARE_PERSISTENT, &ledger, NULL) == SQLITE_OK);
    int pages = 0;
    sqlite3_wal_hook(db, count_pages, &pages);
    struct batch batch = {0};
    double begin = now_s();
    for (uint32_t i = 0; i < ROWS / rows; i++) {
        fill(&batch, batch.head.seq + 1, rows);
        run(db, "BEGIN IMMEDIATE");
        for (size_t r = 0; r < batch.events.count; r++) {
            insert_event(events, &batch.events.items[r]);
            insert_ledger(ledger, &batch.ledger.items[r]);
        }
        run(db, "COMMIT");
        if (pages >= WAL_PAGES)
            CHECK(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK);
    }
    double seconds = now_s() - begin;
    sqlite3_finalize(events);
    sqlite3_finalize(ledger);
    sqlite3_close(db);
    batch_deinit(&batch);
    return ROWS / rows * rows / seconds;
}

/* ── one beside the other ───────────────────────────────────────────────────── */

static void remove_files(const char *directory)
{
    static const char *const names[] = {"sojourn.db", "sojourn.db-wal", "sojourn.db-shm", "sojourn.lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", directory, names[i]);
        unlink(name);
    }
}

int main(int argc, char **argv)
{
    char directory[96], database[128];
    snprintf(directory, sizeof directory, "%s/sojourn-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    CHECK(mkdtemp(directory));
    snprintf(database, sizeof database, "%s/sojourn.db", directory);
    static const uint32_t sizes[] = {62, 1000, 4000, 10000};
    printf("rows a transaction   bare loop      store   (million rows a second)\n");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct store *empty;
        CHECK(store_sqlite_open(directory, NULL, &empty, NULL) == ERR_OK); /* for the tables */
        store_close(empty);
        double bare = bare_rows_a_second(database, sizes[i]);
        remove_files(directory);
        double store = store_rows_a_second(directory, sizes[i]);
        remove_files(directory);
        printf("%18u %11.3f %10.3f   %.0f %%\n", sizes[i], bare / 1e6, store / 1e6, 100 * store / bare);
    }
    return rmdir(directory);
}
