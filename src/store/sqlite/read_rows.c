/* Event and ledger rows: ranges of seqs for loads, and one contact's chain. */
#include <inttypes.h>

#include "base/check.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/ledger_bits.h"
#include "store/sqlite/reader.h"

enum {
    SLICE_SEQS = 32768, /* of a transaction: some tens of milliseconds */
    MASK_BITS = 64,
};

static enum err fail_damaged(struct reader *reader, sqlite3_stmt *at, const char *what,
                             struct err_detail *detail)
{
    return err_fail(detail, ERR_CORRUPT, sqlite3_db_filename(reader->db, "main"),
                    "%s of row %" PRIu64 " is damaged; restore the database from a backup", what,
                    column_u64(at, 0));
}

static enum err get_event(struct reader *reader, sqlite3_stmt *at, struct event_row *ret,
                          struct err_detail *detail)
{
    int64_t kind = sqlite3_column_int64(at, 2);
    if (kind < 0 || kind >= EVENT_KINDS)
        return fail_damaged(reader, at, "the event kind", detail);
    *ret = (struct event_row){.seq = column_u64(at, 0),
                              .kind = (uint8_t)kind,
                              .contact = (uint32_t)sqlite3_column_int64(at, 3),
                              .name = (uint16_t)sqlite3_column_int(at, 4),
                              .at_ms = column_instant(at, 5),
                              .received_ms = column_instant(at, 6),
                              .message = column_u64(at, 7),
                              .prev = column_u64(at, 8),
                              .created = column_str(at, 9),
                              .body = column_str(at, 10)};
    return ERR_OK;
}

static enum err get_ledger(struct reader *reader, sqlite3_stmt *at, struct ledger_row *ret,
                           struct err_detail *detail)
{
    if (!path_text_parse(column_str(at, 8), &reader->path))
        return fail_damaged(reader, at, "the path", detail);
    *ret = (struct ledger_row){.seq = column_u64(at, 0),
                               .at_ms = column_instant(at, 2),
                               .contact = (uint32_t)sqlite3_column_int64(at, 3),
                               .enrollment = (uint32_t)sqlite3_column_int64(at, 4),
                               .version = (uint16_t)sqlite3_column_int(at, 5),
                               .node = (uint8_t)sqlite3_column_int(at, 6),
                               .due_ms = column_instant(at, 7),
                               .path = reader->path.count ? reader->path.items : NULL,
                               .path_count = (uint16_t)reader->path.count,
                               .cause = sqlite3_column_int64(at, 9),
                               .prev = column_u64(at, 12),
                               .value = sqlite3_column_double(at, 13),
                               .detail = column_str(at, 14)};
    ledger_bits_unpack(sqlite3_column_int64(at, 10), sqlite3_column_int64(at, 11), ret);
    return ERR_OK;
}

/* ── ranges ───────────────────────────────────────────────────────────────── */

/* The two tables of one slice, merged. SQLite steps over the rows of partitions that are not in the mask,
 * before anything of them is decoded but that; the rest is looked at here. */
struct merge {
    struct reader *reader;
    const struct store_range *ranges; /* none of them empty */
    size_t count;
    enum store_tables tables;
    sqlite3_stmt *events, *ledger;
    bool has_event, has_ledger;
    uint32_t event_partition, ledger_partition;
    struct event_row event;
    struct ledger_row row;
};

/* Steps to the next row that a range has. */
static enum err next_wanted(const struct merge *merge, sqlite3_stmt *at, bool *ret_found,
                            uint32_t *ret_partition, struct err_detail *detail)
{
    int code;
    while ((code = sqlite3_step(at)) == SQLITE_ROW) {
        uint64_t seq = column_u64(at, 0);
        int64_t partition = sqlite3_column_int64(at, 1);
        for (size_t i = 0; i < merge->count; i++) {
            const struct store_range *range = &merge->ranges[i];
            if (range->partition == partition && seq > range->after && seq <= range->to) {
                *ret_found = true;
                *ret_partition = range->partition;
                return ERR_OK;
            }
        }
    }
    *ret_found = false;
    return code == SQLITE_DONE ? ERR_OK : reader_fail(merge->reader, code, detail);
}

static enum err next_event(struct merge *merge, struct err_detail *detail)
{
    enum err err = next_wanted(merge, merge->events, &merge->has_event, &merge->event_partition, detail);
    if (err || !merge->has_event)
        return err;
    return get_event(merge->reader, merge->events, &merge->event, detail);
}

static enum err next_ledger(struct merge *merge, struct err_detail *detail)
{
    enum err err = next_wanted(merge, merge->ledger, &merge->has_ledger, &merge->ledger_partition, detail);
    if (err || !merge->has_ledger)
        return err;
    return get_ledger(merge->reader, merge->ledger, &merge->row, detail);
}

static uint64_t mask_of(const struct merge *merge, uint64_t after, uint64_t to)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < merge->count; i++) {
        if (merge->ranges[i].after < to && merge->ranges[i].to > after)
            mask |= (uint64_t)1 << merge->ranges[i].partition % MASK_BITS;
    }
    return mask;
}

static enum err merge_begin(struct merge *merge, uint64_t after, uint64_t to, struct err_detail *detail)
{
    enum err err = reader_statement(merge->reader, READ_EVENTS, &merge->events, detail);
    if (!err)
        err = reader_statement(merge->reader, READ_LEDGER, &merge->ledger, detail);
    if (!err)
        err = reader_begin(merge->reader, detail);
    if (err)
        return err;
    uint64_t mask = mask_of(merge, after, to);
    sqlite3_stmt *both[] = {merge->events, merge->ledger};
    for (size_t i = 0; i < 2; i++) {
        bind_seq(both[i], 1, after);
        bind_seq(both[i], 2, to);
        bind_number(both[i], 3, (int64_t)mask);
    }
    merge->has_event = merge->has_ledger = false;
    if (merge->tables & STORE_EVENTS)
        err = next_event(merge, detail);
    if (!err && merge->tables & STORE_LEDGER)
        err = next_ledger(merge, detail);
    return err;
}

/* Rows of one slice; `*more` turns false when the callback has had enough. */
static enum err read_slice(struct merge *merge, uint64_t after, uint64_t to, store_on_row *on_row,
                           void *context, bool *more, struct err_detail *detail)
{
    enum err err = merge_begin(merge, after, to, detail);
    while (!err && *more && (merge->has_event || merge->has_ledger)) {
        bool event_first = merge->has_event && (!merge->has_ledger || merge->event.seq < merge->row.seq);
        struct store_row row = {event_first ? merge->event_partition : merge->ledger_partition,
                                event_first ? &merge->event : NULL, event_first ? NULL : &merge->row};
        *more = on_row(context, &row);
        if (*more)
            err = event_first ? next_event(merge, detail) : next_ledger(merge, detail);
    }
    reader_end(merge->reader);
    return err;
}

/* Where the next slice begins at or behind `after`: there, or where the first range does that is ahead. False
 * where nothing is left. */
static bool next_slice(const struct merge *merge, uint64_t *after, uint64_t *ret_to)
{
    uint64_t begin = UINT64_MAX, end = 0;
    for (size_t i = 0; i < merge->count; i++) {
        const struct store_range *range = &merge->ranges[i];
        if (range->to <= *after)
            continue;
        uint64_t first = range->after > *after ? range->after : *after;
        begin = first < begin ? first : begin;
        end = range->to > end ? range->to : end;
    }
    *after = begin;
    *ret_to = end - begin > SLICE_SEQS ? begin + SLICE_SEQS : end;
    return begin < end;
}

/* Those ranges that have something, none beyond its partition's durable head. */
static enum err clip(struct reader *reader, const struct store_range *ranges, size_t count,
                     struct store_range *ret, size_t *ret_count, struct err_detail *detail)
{
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct partition_head head;
        enum err err = read_head(reader, ranges[i].partition, &head, detail);
        if (err)
            return err;
        struct store_range range = ranges[i];
        range.to = range.to < head.seq ? range.to : head.seq;
        if (range.after < range.to)
            ret[(*ret_count)++] = range;
    }
    return ERR_OK;
}

enum err read_rows(struct reader *reader, const struct store_range *ranges, size_t count,
                   enum store_tables tables, store_on_row *on_row, void *context, struct err_detail *detail)
{
    struct store_range *clipped = memory_take(count * sizeof *clipped);
    struct merge merge = {.reader = reader, .ranges = clipped, .tables = tables};
    enum err err = clip(reader, ranges, count, clipped, &merge.count, detail);
    uint64_t after = 0, to;
    for (bool more = true; !err && more && next_slice(&merge, &after, &to); after = to)
        err = read_slice(&merge, after, to, on_row, context, &more, detail);
    free(clipped);
    return err;
}

/* ── walks ────────────────────────────────────────────────────────────────── */

static enum err look_up(struct reader *reader, enum read_statement which, uint64_t seq, uint32_t partition,
                        sqlite3_stmt **ret, bool *ret_found, struct err_detail *detail)
{
    enum err err = reader_statement(reader, which, ret, detail);
    if (err)
        return err;
    bind_seq(*ret, 1, seq);
    int code = sqlite3_step(*ret);
    *ret_found = code == SQLITE_ROW && sqlite3_column_int64(*ret, 1) == partition;
    return code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : reader_fail(reader, code, detail);
}

enum err read_walk(struct reader *reader, uint32_t partition, uint64_t head, store_on_row *on_row,
                   void *context, struct err_detail *detail)
{
    const char *path = sqlite3_db_filename(reader->db, "main");
    for (bool more = true; more && head;) {
        sqlite3_stmt *at;
        bool is_event, is_ledger = false;
        struct event_row event = {0};
        struct ledger_row row = {0};
        enum err err = look_up(reader, READ_EVENT_AT, head, partition, &at, &is_event, detail);
        if (!err && is_event) {
            err = get_event(reader, at, &event, detail);
        } else if (!err) {
            err = look_up(reader, READ_LEDGER_AT, head, partition, &at, &is_ledger, detail);
            if (!err && is_ledger)
                err = get_ledger(reader, at, &row, detail);
        }
        if (err)
            return err;
        if (!is_event && !is_ledger)
            return err_fail(detail, ERR_NOT_FOUND, path,
                            "partition %" PRIu32 " has no row %" PRIu64 ": older history was removed",
                            partition, head);
        uint64_t prev = is_event ? event.prev : row.prev;
        if (prev >= head)
            return err_fail(detail, ERR_CORRUPT, path,
                            "row %" PRIu64 " names row %" PRIu64
                            " as its former one; restore it from a backup",
                            head, prev);
        struct store_row found = {partition, is_event ? &event : NULL, is_event ? NULL : &row};
        more = on_row(context, &found);
        head = prev;
        reader_end(reader);
    }
    return ERR_OK;
}
