#include <inttypes.h>

#include "store/sqlite/block_sum.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/reader.h"

enum {
    SLICE_SEQS = 32768, /* of a transaction that reads message ids: some milliseconds */
    SLICE_BLOCKS = 64,
    SLICE_EFFECTS = 4096,
    SLICE_CONTROL = 256,
};

/* ── message ids ────────────────────────────────────────────────────────────── */

/* The first event row with a seq > after: 0 where there is none. */
static enum err next_event_at(struct reader *reader, uint64_t after, uint64_t *ret_seq, int64_t *ret_received,
                              struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_NEXT_EVENT, &at, detail);
    if (err)
        return err;
    bind_seq(at, 1, after);
    int code = sqlite3_step(at);
    *ret_seq = code == SQLITE_ROW ? column_u64(at, 0) : 0;
    *ret_received = code == SQLITE_ROW ? column_instant(at, 1) : INSTANT_NEVER;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        err = reader_fail(reader, code, detail);
    sqlite3_reset(at);
    return err;
}

static enum err last_event(struct reader *reader, uint64_t *ret_seq, struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_LAST_EVENT, &at, detail);
    if (err)
        return err;
    int code = sqlite3_step(at);
    *ret_seq = code == SQLITE_ROW ? column_u64(at, 0) : 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        err = reader_fail(reader, code, detail);
    sqlite3_reset(at);
    return err;
}

/* A seq after which every row was received at or after since_ms, and no smaller than `low`. */
static enum err find_since(struct reader *reader, int64_t since_ms, uint64_t low, uint64_t high,
                           uint64_t *ret_after, struct err_detail *detail)
{
    enum err err = ERR_OK;
    while (!err && low < high) {
        uint64_t middle = low + (high - low) / 2, seq;
        int64_t received_ms;
        err = next_event_at(reader, middle, &seq, &received_ms, detail);
        if (!err && seq && received_ms < since_ms)
            low = seq;
        else
            high = middle;
    }
    *ret_after = low;
    return err;
}

static enum err read_messages_slice(struct reader *reader, uint64_t after, uint64_t to,
                                    store_on_message *on_message, void *context, bool *more,
                                    struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_MESSAGES, &at, detail);
    if (err)
        return err;
    bind_seq(at, 1, after);
    bind_seq(at, 2, to);
    int code = SQLITE_DONE;
    while (*more && (code = sqlite3_step(at)) == SQLITE_ROW)
        *more = on_message(context, (uint32_t)sqlite3_column_int64(at, 0), column_u64(at, 1),
                           column_instant(at, 2));
    if (*more && code != SQLITE_DONE)
        err = reader_fail(reader, code, detail);
    sqlite3_reset(at);
    return err;
}

enum err read_messages(struct reader *reader, int64_t since_ms, uint64_t seqs_max,
                       store_on_message *on_message, void *context, struct err_detail *detail)
{
    uint64_t after = 0, last;
    enum err err = last_event(reader, &last, detail);
    if (!err)
        err = find_since(reader, since_ms, last > seqs_max ? last - seqs_max : 0, last, &after, detail);
    for (bool more = true; !err && more && after < last;) {
        uint64_t end = last - after > SLICE_SEQS ? after + SLICE_SEQS : last;
        err = read_messages_slice(reader, after, end, on_message, context, &more, detail);
        after = end;
    }
    return err;
}

/* ── effects ────────────────────────────────────────────────────────────────── */

enum err read_effects(struct reader *reader, uint64_t after, store_on_effect *on_effect, void *context,
                      struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_EFFECTS, &at, detail);
    for (bool more = true; !err && more;) {
        bind_seq(at, 1, after);
        bind_number(at, 2, SLICE_EFFECTS);
        int code, count = 0;
        while (more && (code = sqlite3_step(at)) == SQLITE_ROW) {
            struct effect_row row = {.seq = column_u64(at, 0),
                                     .effect = column_u64(at, 2),
                                     .kind = (uint8_t)sqlite3_column_int(at, 3),
                                     .at_ms = column_instant(at, 4),
                                     .contact = (uint32_t)sqlite3_column_int64(at, 5),
                                     .enrollment = (uint32_t)sqlite3_column_int64(at, 6),
                                     .version = (uint16_t)sqlite3_column_int(at, 7),
                                     .node = (uint8_t)sqlite3_column_int(at, 8),
                                     .visit = (uint32_t)sqlite3_column_int64(at, 9),
                                     .destination = (uint8_t)sqlite3_column_int(at, 10),
                                     .destination_name = column_str(at, 11),
                                     .operation = column_str(at, 12)};
            after = row.seq;
            count++;
            more = on_effect(context, (uint32_t)sqlite3_column_int64(at, 1), &row);
        }
        if (more && code != SQLITE_DONE)
            err = reader_fail(reader, code, detail);
        more = more && count == SLICE_EFFECTS;
        sqlite3_reset(at);
    }
    return err;
}

/* ── heads and blocks ───────────────────────────────────────────────────────── */

enum err read_head(struct reader *reader, uint32_t partition, struct partition_head *ret,
                   struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_HEAD, &at, detail);
    if (err)
        return err;
    bind_number(at, 1, partition);
    int code = sqlite3_step(at);
    if (code == SQLITE_ROW)
        *ret = (struct partition_head){.seq = column_u64(at, 0),
                                       .now_ms = column_instant(at, 1),
                                       .now_open = sqlite3_column_int(at, 2) != 0,
                                       .control = column_u64(at, 3),
                                       .input = column_u64(at, 4),
                                       .horizon = column_u64(at, 5),
                                       .contacts = (uint32_t)sqlite3_column_int64(at, 6),
                                       .enrollments = (uint32_t)sqlite3_column_int64(at, 7)};
    else if (code == SQLITE_DONE)
        err = err_fail(detail, ERR_CORRUPT, sqlite3_db_filename(reader->db, "main"),
                       "the row of partition %" PRIu32 " is missing; restore the database from a backup",
                       partition);
    else
        err = reader_fail(reader, code, detail);
    sqlite3_reset(at);
    return err;
}

static enum err get_block(struct reader *reader, sqlite3_stmt *at, uint32_t partition, struct block *ret,
                          struct err_detail *detail)
{
    *ret = (struct block){.kind = (uint8_t)sqlite3_column_int(at, 0),
                          .number = (uint32_t)sqlite3_column_int64(at, 1),
                          .seq = column_u64(at, 2)};
    ret->body.data = sqlite3_column_blob(at, 4);
    ret->body.size = (size_t)sqlite3_column_bytes(at, 4);
    if (ret->kind < BLOCK_KINDS && block_sum(partition, ret) == column_u64(at, 3))
        return ERR_OK;
    return err_fail(detail, ERR_CORRUPT, sqlite3_db_filename(reader->db, "main"),
                    "partition %" PRIu32 ", %s block %" PRIu32
                    ": its checksum is wrong; restore the database from a"
                    " backup",
                    partition, ret->kind < BLOCK_KINDS ? block_kind_name(ret->kind) : "unknown", ret->number);
}

enum err read_blocks(struct reader *reader, uint32_t partition, store_on_block *on_block, void *context,
                     struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_BLOCKS, &at, detail);
    int64_t kind = -1, number = 0;
    for (bool more = true; !err && more;) {
        bind_number(at, 1, partition);
        bind_number(at, 2, kind);
        bind_number(at, 3, number);
        bind_number(at, 4, SLICE_BLOCKS);
        int code = SQLITE_DONE, count = 0;
        while (!err && more && (code = sqlite3_step(at)) == SQLITE_ROW) {
            struct block block;
            kind = sqlite3_column_int64(at, 0);
            number = sqlite3_column_int64(at, 1);
            count++;
            err = get_block(reader, at, partition, &block, detail);
            more = !err && on_block(context, &block);
        }
        if (!err && more && code != SQLITE_DONE)
            err = reader_fail(reader, code, detail);
        more = more && count == SLICE_BLOCKS;
        sqlite3_reset(at);
    }
    return err;
}

/* ── totals ─────────────────────────────────────────────────────────────────── */

enum err read_stat(struct reader *reader, uint32_t partition, struct stat_key key, int64_t quarter,
                   struct stat_row *ret, struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_STAT, &at, detail);
    if (err)
        return err;
    bind_number(at, 1, partition);
    bind_number(at, 2, key.version);
    bind_number(at, 3, key.node);
    bind_number(at, 4, key.kind);
    bind_number(at, 5, key.outcome);
    bind_number(at, 6, quarter);
    int code = sqlite3_step(at);
    if (code == SQLITE_ROW)
        *ret = (struct stat_row){.key = key,
                                 .quarter = sqlite3_column_int64(at, 0),
                                 .total = sqlite3_column_int64(at, 1),
                                 .value = sqlite3_column_double(at, 2)};
    else if (code == SQLITE_DONE)
        *ret = (struct stat_row){.key = key, .quarter = quarter};
    else
        err = reader_fail(reader, code, detail);
    sqlite3_reset(at);
    return err;
}

/* The first key behind (node, kind, outcome): one look-up a key, however many quarters it has. SQLite begins
 * at the first row not below the vector, so the vector ends behind the last quarter there can be. */
static enum err next_key(struct reader *reader, uint32_t partition, struct stat_key *key,
                         const int64_t behind[3], bool *ret_found, struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_STAT_KEY, &at, detail);
    if (err)
        return err;
    bind_number(at, 1, partition);
    bind_number(at, 2, key->version);
    for (int i = 0; i < 3; i++)
        bind_number(at, 3 + i, behind[i]);
    int code = sqlite3_step(at);
    *ret_found = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        key->node = (uint8_t)sqlite3_column_int(at, 0);
        key->kind = (uint8_t)sqlite3_column_int(at, 1);
        key->outcome = (uint8_t)sqlite3_column_int(at, 2);
    } else if (code != SQLITE_DONE) {
        err = reader_fail(reader, code, detail);
    }
    sqlite3_reset(at);
    return err;
}

/* One transaction over all keys, since beginning one costs more than a look-up; it lasts a millisecond. */
enum err read_stat_keys(struct reader *reader, uint32_t partition, uint16_t version, int64_t quarter,
                        store_on_stat *on_stat, void *context, struct err_detail *detail)
{
    struct stat_key key = {.version = version};
    int64_t behind[3] = {-1, 0, 0};
    bool found = true, more = true;
    enum err err = reader_begin(reader, detail);
    while (!err && more) {
        struct stat_row row;
        err = next_key(reader, partition, &key, behind, &found, detail);
        if (err || !found)
            break;
        err = read_stat(reader, partition, key, quarter, &row, detail);
        more = !err && on_stat(context, &row);
        behind[0] = key.node;
        behind[1] = key.kind;
        behind[2] = key.outcome;
    }
    reader_end(reader);
    return err;
}

/* ── the control log ────────────────────────────────────────────────────────── */

enum err read_control(struct reader *reader, uint64_t position, store_on_control *on_control, void *context,
                      struct err_detail *detail)
{
    sqlite3_stmt *at;
    enum err err = reader_statement(reader, READ_CONTROL, &at, detail);
    for (bool more = true; !err && more;) {
        bind_seq(at, 1, position);
        bind_number(at, 2, SLICE_CONTROL);
        int code, count = 0;
        while (more && (code = sqlite3_step(at)) == SQLITE_ROW) {
            struct control_entry entry = {.position = column_u64(at, 0),
                                          .at_ms = column_instant(at, 1),
                                          .kind = column_str(at, 2),
                                          .actor = column_str(at, 3),
                                          .key = column_str(at, 4),
                                          .body = column_str(at, 5)};
            position = entry.position;
            count++;
            more = on_control(context, &entry);
        }
        if (more && code != SQLITE_DONE)
            err = reader_fail(reader, code, detail);
        more = more && count == SLICE_CONTROL;
        sqlite3_reset(at);
    }
    return err;
}
