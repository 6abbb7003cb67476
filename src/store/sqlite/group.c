#include "store/sqlite/group.h"

#include <inttypes.h>

#include "base/check.h"
#include "store/fence.h"
#include "store/sqlite/block_sum.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/group_rows.h"

enum group_statement {
    PUT_EVENTS,
    PUT_LEDGER,
    PUT_EFFECTS,
    PUT_STATS,
    PUT_BLOCK,
    PUT_HEAD,
    PUT_CONTROL,
    FIND_CONTROL,
    BEGIN,
    COMMIT,
    STATEMENTS
};

/* OR FAIL: a failed statement keeps what it did, and the whole group is rolled back, which spares SQLite a
 * journal of every page that the statement touches. */
static const char *const texts[STATEMENTS] = {
    [PUT_EVENTS] = "INSERT OR FAIL INTO event SELECT * FROM group_event",
    [PUT_LEDGER] = "INSERT OR FAIL INTO ledger SELECT * FROM group_ledger",
    [PUT_EFFECTS] = "INSERT OR FAIL INTO effect SELECT * FROM group_effect",
    [PUT_STATS] = "INSERT OR REPLACE INTO stat SELECT * FROM group_stat",
    [PUT_BLOCK] = ("INSERT INTO block(partition, kind, number, seq, checksum, body) VALUES(?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT(partition, kind, number) DO UPDATE SET seq = excluded.seq,"
                   " checksum = excluded.checksum, body = excluded.body"),
    [PUT_HEAD] = ("UPDATE partition SET epoch = ?, seq = ?, now = ?, now_open = ?, control = ?, input = ?,"
                  " horizon = ?, contacts = ?, enrollments = ? WHERE id = ? AND epoch = ? AND seq = ?"),
    [PUT_CONTROL] = "INSERT INTO control(position, at, kind, actor, key, body) VALUES(?, ?, ?, ?, ?, ?)",
    [FIND_CONTROL] = "SELECT position FROM control WHERE key = ?",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

struct group {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    uint32_t partitions;
    struct fence *fences; /* as of this group */
    struct fence *before; /* as of its beginning: what is durable */
    uint64_t control, control_before;
    uint64_t seq_max;
    struct group_rows rows;
    ARRAY(const struct batch *) with_blocks;
};

/* ── opening ────────────────────────────────────────────────────────────────── */

static enum err load_fences(struct group *group, struct err_detail *detail)
{
    sqlite3_stmt *read;
    enum err err =
        connection_prepare(group->db,
                           "SELECT id, epoch, seq, now, now_open, control, input, horizon, contacts,"
                           " enrollments FROM partition ORDER BY id",
                           &read, detail);
    if (err)
        return err;
    int code;
    while ((code = sqlite3_step(read)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(read, 0);
        if (id < 0 || id >= group->partitions)
            continue;
        group->fences[id] = (struct fence){.epoch = (uint64_t)sqlite3_column_int64(read, 1),
                                           .head = {.seq = (uint64_t)sqlite3_column_int64(read, 2),
                                                    .now_ms = column_instant(read, 3),
                                                    .now_open = sqlite3_column_int(read, 4) != 0,
                                                    .control = (uint64_t)sqlite3_column_int64(read, 5),
                                                    .input = (uint64_t)sqlite3_column_int64(read, 6),
                                                    .horizon = (uint64_t)sqlite3_column_int64(read, 7),
                                                    .contacts = (uint32_t)sqlite3_column_int64(read, 8),
                                                    .enrollments = (uint32_t)sqlite3_column_int64(read, 9)}};
    }
    if (code != SQLITE_DONE)
        err = connection_fail(group->db, code, "read the partitions", detail);
    sqlite3_finalize(read);
    return err;
}

static enum err load_counters(struct group *group, struct err_detail *detail)
{
    int64_t control, seq;
    enum err err = connection_number(group->db, "SELECT max(position) FROM control", &control, detail);
    if (!err)
        err = connection_number(
            group->db,
            "SELECT max((SELECT coalesce(max(seq), 0) FROM partition),"
            " (SELECT coalesce(max(seq), 0) FROM event), (SELECT coalesce(max(seq), 0) FROM ledger),"
            " (SELECT coalesce(max(seq), 0) FROM effect))",
            &seq, detail);
    if (err)
        return err;
    group->control = (uint64_t)control;
    group->seq_max = (uint64_t)seq;
    return ERR_OK;
}

enum err group_new(sqlite3 *db, uint32_t partitions, struct group **ret, struct err_detail *detail)
{
    struct group *group = memory_take_zeroed(1, sizeof *group);
    group->db = db;
    group->partitions = partitions;
    group->fences = memory_take_zeroed(partitions, sizeof *group->fences);
    group->before = memory_take_zeroed(partitions, sizeof *group->before);
    enum err err = ERR_OK;
    int code = group_rows_register(db, &group->rows);
    if (code != SQLITE_OK)
        err = connection_fail(db, code, "register the group's tables", detail);
    for (size_t i = 0; !err && i < STATEMENTS; i++)
        err = connection_prepare(db, texts[i], &group->statements[i], detail);
    if (!err)
        err = load_fences(group, detail);
    if (!err)
        err = load_counters(group, detail);
    if (err) {
        group_free(group);
        return err;
    }
    *ret = group;
    return ERR_OK;
}

void group_free(struct group *group)
{
    if (!group)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(group->statements[i]);
    group_rows_deinit(&group->rows);
    array_free(&group->with_blocks);
    free(group->fences);
    free(group->before);
    free(group);
}

uint64_t group_seq_max(const struct group *group)
{
    return group->seq_max;
}

/* ── running statements ─────────────────────────────────────────────────────── */

/* Runs one that gives no rows and makes it ready for its next use. */
static enum err run(struct group *group, enum group_statement which, struct err_detail *detail)
{
    sqlite3_stmt *statement = group->statements[which];
    int code = sqlite3_step(statement);
    enum err err = code == SQLITE_DONE ? ERR_OK : connection_fail(group->db, code, texts[which], detail);
    sqlite3_reset(statement);
    return err;
}

/* ── the group ──────────────────────────────────────────────────────────────── */

enum err group_begin(struct group *group, struct err_detail *detail)
{
    memcpy(group->before, group->fences, group->partitions * sizeof *group->fences);
    group->control_before = group->control;
    return run(group, BEGIN, detail);
}

enum commit_status group_add_batch(struct group *group, const struct batch *batch)
{
    switch (fence_judge(&group->fences[batch->partition], batch)) {
    case FENCE_OTHER: return COMMIT_FENCED;
    case FENCE_WAIT: return COMMIT_RETRY;
    case FENCE_TAKEN: return COMMIT_DONE;
    case FENCE_TAKE: break;
    }
    group_rows_add(&group->rows, batch);
    if (batch->blocks.count)
        *array_push(&group->with_blocks) = batch;
    return COMMIT_DONE;
}

void group_add_effects(struct group *group, const struct store_effect *effects, size_t count)
{
    group_rows_add_effects(&group->rows, effects, count);
}

void group_claim(struct group *group, uint32_t partition, uint64_t *ret_epoch,
                 struct partition_head *ret_head)
{
    *ret_epoch = fence_claim(&group->fences[partition]);
    *ret_head = group->fences[partition].head;
}

static enum err find_control(struct group *group, struct str key, uint64_t *ret_position,
                             struct err_detail *detail)
{
    sqlite3_stmt *find = group->statements[FIND_CONTROL];
    bind_str(find, 1, key);
    int code = sqlite3_step(find);
    enum err err = ERR_OK;
    if (code == SQLITE_ROW)
        *ret_position = (uint64_t)sqlite3_column_int64(find, 0);
    else if (code == SQLITE_DONE)
        *ret_position = 0;
    else
        err = connection_fail(group->db, code, texts[FIND_CONTROL], detail);
    sqlite3_reset(find);
    return err;
}

enum err group_append_control(struct group *group, const struct control_entry *entry, uint64_t *ret_position,
                              struct err_detail *detail)
{
    uint64_t there = 0;
    enum err err = entry->key.size ? find_control(group, entry->key, &there, detail) : ERR_OK;
    if (err)
        return err;
    if (there) {
        *ret_position = there;
        return ERR_OK;
    }
    sqlite3_stmt *put = group->statements[PUT_CONTROL];
    bind_number(put, 1, group->control + 1);
    bind_instant(put, 2, entry->at_ms);
    bind_str(put, 3, entry->kind);
    bind_str(put, 4, entry->actor);
    bind_str(put, 5, entry->key);
    bind_str(put, 6, entry->body);
    err = run(group, PUT_CONTROL, detail);
    if (!err)
        *ret_position = ++group->control;
    return err;
}

static enum err put_blocks(struct group *group, const struct batch *batch, struct err_detail *detail)
{
    sqlite3_stmt *put = group->statements[PUT_BLOCK];
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < batch->blocks.count; i++) {
        const struct block *block = &batch->blocks.items[i];
        bind_number(put, 1, batch->partition);
        bind_number(put, 2, block->kind);
        bind_number(put, 3, block->number);
        bind_number(put, 4, block->seq);
        bind_number(put, 5, block_sum(batch->partition, block));
        CHECK(sqlite3_bind_blob64(put, 6, block->body.data, block->body.size, SQLITE_STATIC) == SQLITE_OK);
        err = run(group, PUT_BLOCK, detail);
    }
    return err;
}

static bool heads_differ(const struct fence *a, const struct fence *b)
{
    return a->epoch != b->epoch || a->head.seq != b->head.seq || a->head.now_ms != b->head.now_ms ||
           a->head.now_open != b->head.now_open || a->head.control != b->head.control ||
           a->head.input != b->head.input || a->head.horizon != b->head.horizon ||
           a->head.contacts != b->head.contacts || a->head.enrollments != b->head.enrollments;
}

/* The row must stand where we left it: nobody but the holder of the lock file writes. */
static enum err put_head(struct group *group, uint32_t partition, struct err_detail *detail)
{
    const struct fence *fence = &group->fences[partition], *before = &group->before[partition];
    if (!heads_differ(fence, before))
        return ERR_OK;
    sqlite3_stmt *put = group->statements[PUT_HEAD];
    bind_number(put, 1, fence->epoch);
    bind_number(put, 2, fence->head.seq);
    bind_instant(put, 3, fence->head.now_ms);
    bind_number(put, 4, fence->head.now_open);
    bind_number(put, 5, fence->head.control);
    bind_number(put, 6, fence->head.input);
    bind_number(put, 7, fence->head.horizon);
    bind_number(put, 8, fence->head.contacts);
    bind_number(put, 9, fence->head.enrollments);
    bind_number(put, 10, partition);
    bind_number(put, 11, before->epoch);
    bind_number(put, 12, before->head.seq);
    enum err err = run(group, PUT_HEAD, detail);
    if (!err && sqlite3_changes(group->db) != 1)
        err = err_fail(detail, ERR_CORRUPT, sqlite3_db_filename(group->db, "main"),
                       "the row of partition %" PRIu32
                       " was changed by another program (expected epoch %" PRIu64 ", seq %" PRIu64 ")",
                       partition, before->epoch, before->head.seq);
    return err;
}

static void clear(struct group *group)
{
    group_rows_clear(&group->rows);
    array_clear(&group->with_blocks);
}

enum err group_end(struct group *group, struct err_detail *detail)
{
    group_rows_sort(&group->rows);
    enum err err = ERR_OK;
    if (group->rows.events.count)
        err = run(group, PUT_EVENTS, detail);
    if (!err && group->rows.ledger.count)
        err = run(group, PUT_LEDGER, detail);
    if (!err && group->rows.effects.count)
        err = run(group, PUT_EFFECTS, detail);
    if (!err && group->rows.stats.count)
        err = run(group, PUT_STATS, detail);
    for (size_t i = 0; !err && i < group->with_blocks.count; i++)
        err = put_blocks(group, group->with_blocks.items[i], detail);
    for (uint32_t p = 0; !err && p < group->partitions; p++)
        err = put_head(group, p, detail);
    if (!err)
        err = run(group, COMMIT, detail);
    if (!err)
        clear(group);
    return err;
}

void group_abandon(struct group *group)
{
    if (!sqlite3_get_autocommit(group->db)) /* some failures have rolled back by themselves */
        sqlite3_exec(group->db, "ROLLBACK", NULL, NULL, NULL);
    memcpy(group->fences, group->before, group->partitions * sizeof *group->fences);
    group->control = group->control_before;
    clear(group);
}

void group_refused(struct group *group, const struct batch *batch)
{
    fence_refused(&group->fences[batch->partition], batch);
}
