#include "store/sqlite/store_sqlite.h"

#include <stdatomic.h>

#include "base/array.h"
#include "base/check.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/directory.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"

enum { CACHE_KB = 16384 }; /* of the writer: the pages that one group touches, with room */

struct store_sqlite {
    struct store base;
    struct directory directory;
    struct readers *readers;
    struct writer *writer; /* NULL: read only */
    _Atomic uint64_t seq;  /* the last one given */
};

static struct store_sqlite *sqlite_of(struct store *store)
{
    return (struct store_sqlite *)store;
}

/* ── calls of the writer ────────────────────────────────────────────────────── */

static enum err refuse_writing(struct store_sqlite *s, struct err_detail *detail)
{
    return err_fail(detail, ERR_REFUSED, s->directory.database, "it was opened for reading only");
}

static enum err sqlite_claim(struct store *store, uint32_t partition, uint64_t *ret_epoch,
                             struct partition_head *ret_head, struct err_detail *detail)
{
    struct store_sqlite *s = sqlite_of(store);
    if (!s->writer)
        return refuse_writing(s, detail);
    return writer_claim(s->writer, partition, ret_epoch, ret_head, detail);
}

static uint64_t sqlite_seq_take(struct store *store, uint32_t partition, uint32_t count)
{
    (void)partition;
    struct store_sqlite *s = sqlite_of(store);
    CHECK(s->writer);
    uint64_t first = atomic_fetch_add_explicit(&s->seq, count, memory_order_relaxed) + 1;
    CHECK(first + count <= (uint64_t)INT64_MAX);
    return first;
}

static void sqlite_commit(struct store *store, const struct batch *const *batches, size_t count,
                          store_commit_done *done, void *context)
{
    struct store_sqlite *s = sqlite_of(store);
    CHECK(s->writer); /* nobody can claim, so nobody can have decided */
    writer_commit(s->writer, batches, count, done, context);
}

static void sqlite_flush(struct store *store)
{
    struct store_sqlite *s = sqlite_of(store);
    if (s->writer)
        writer_flush(s->writer);
}

static enum err sqlite_effects_put(struct store *store, const struct store_effect *effects, size_t count,
                                   struct err_detail *detail)
{
    struct store_sqlite *s = sqlite_of(store);
    if (!s->writer)
        return refuse_writing(s, detail);
    return writer_put_effects(s->writer, effects, count, detail);
}

static enum err sqlite_control_append(struct store *store, const struct control_entry *entry,
                                      uint64_t *ret_position, struct err_detail *detail)
{
    struct store_sqlite *s = sqlite_of(store);
    if (!s->writer)
        return refuse_writing(s, detail);
    return writer_append_control(s->writer, entry, ret_position, detail);
}

enum err store_sqlite_set_pages_max(struct store *store, uint32_t pages_max, struct err_detail *detail)
{
    return writer_set_pages_max(sqlite_of(store)->writer, pages_max, detail);
}

/* ── reads: each on a connection of its own ─────────────────────────────────── */

#define WITH_READER(store, detail, call)                                                                     \
    do {                                                                                                     \
        struct store_sqlite *s_ = sqlite_of(store);                                                          \
        struct reader *reader;                                                                               \
        enum err err_ = reader_take(s_->readers, &reader, detail);                                           \
        if (err_)                                                                                            \
            return err_;                                                                                     \
        err_ = call;                                                                                         \
        reader_give_back(s_->readers, reader);                                                               \
        return err_;                                                                                         \
    } while (0)

static enum err sqlite_head(struct store *store, uint32_t partition, struct partition_head *ret,
                            struct err_detail *detail)
{
    WITH_READER(store, detail, read_head(reader, partition, ret, detail));
}

static enum err sqlite_blocks(struct store *store, uint32_t partition, store_on_block *on_block,
                              void *context, struct err_detail *detail)
{
    WITH_READER(store, detail, read_blocks(reader, partition, on_block, context, detail));
}

static enum err sqlite_rows(struct store *store, const struct store_range *ranges, size_t count,
                            enum store_tables tables, store_on_row *on_row, void *context,
                            struct err_detail *detail)
{
    WITH_READER(store, detail, read_rows(reader, ranges, count, tables, on_row, context, detail));
}

static enum err sqlite_walk(struct store *store, uint32_t partition, uint64_t head, store_on_row *on_row,
                            void *context, struct err_detail *detail)
{
    WITH_READER(store, detail, read_walk(reader, partition, head, on_row, context, detail));
}

static enum err sqlite_messages(struct store *store, int64_t since_ms, uint64_t seqs_max,
                                store_on_message *on_message, void *context, struct err_detail *detail)
{
    WITH_READER(store, detail, read_messages(reader, since_ms, seqs_max, on_message, context, detail));
}

static enum err sqlite_effects(struct store *store, uint64_t after, store_on_effect *on_effect, void *context,
                               struct err_detail *detail)
{
    WITH_READER(store, detail, read_effects(reader, after, on_effect, context, detail));
}

static enum err sqlite_stats(struct store *store, uint32_t partition, struct stat_key key, int64_t quarter,
                             struct stat_row *ret, struct err_detail *detail)
{
    WITH_READER(store, detail, read_stat(reader, partition, key, quarter, ret, detail));
}

static enum err sqlite_stat_keys(struct store *store, uint32_t partition, uint16_t version, int64_t quarter,
                                 store_on_stat *on_stat, void *context, struct err_detail *detail)
{
    WITH_READER(store, detail, read_stat_keys(reader, partition, version, quarter, on_stat, context, detail));
}

static enum err sqlite_control_after(struct store *store, uint64_t position, store_on_control *on_control,
                                     void *context, struct err_detail *detail)
{
    WITH_READER(store, detail, read_control(reader, position, on_control, context, detail));
}

/* ── opening and closing ────────────────────────────────────────────────────── */

/* Of all connections: the process has one store. */
static uint64_t sqlite_bytes(const struct store *store)
{
    (void)store;
    return (uint64_t)sqlite3_memory_used();
}

static void sqlite_close(struct store *store)
{
    struct store_sqlite *s = sqlite_of(store);
    readers_free(s->readers); /* before the writer: the last connection to go tidies the WAL away */
    writer_free(s->writer);
    directory_close(&s->directory);
    free(s);
}

static enum err check_partitions(sqlite3 *db, uint32_t *ret, struct err_detail *detail)
{
    int64_t count;
    enum err err = connection_number(db, "SELECT count(*) FROM partition", &count, detail);
    if (!err && (count < 1 || count > 65536))
        err = err_fail(detail, ERR_CORRUPT, sqlite3_db_filename(db, "main"),
                       "its table of partitions is damaged; restore the database from a backup");
    if (!err)
        *ret = (uint32_t)count;
    return err;
}

/* The format is looked at before anything is changed, the journal mode included. */
static enum err prepare_database(sqlite3 *db, const struct store_sqlite_options *options,
                                 struct err_detail *detail)
{
    char sql[160];
    enum schema_state state;
    enum err err = schema_look(db, &state, detail);
    if (err)
        return err;
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
             " PRAGMA cache_size = -%d",
             CACHE_KB);
    err = connection_run(db, sql, detail);
    if (!err && options->pages_max) {
        snprintf(sql, sizeof sql, "PRAGMA max_page_count = %u", options->pages_max);
        err = connection_run(db, sql, detail);
    }
    if (!err && state != SCHEMA_CURRENT)
        err = schema_migrate(db, STORE_PARTITIONS, detail);
    return err;
}

static enum err open_writer(struct store_sqlite *s, const struct store_sqlite_options *options,
                            struct err_detail *detail)
{
    sqlite3 *db;
    enum err err = connection_open(s->directory.database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                   options->vfs, &db, detail);
    if (err)
        return err;
    uint64_t seq = 0;
    err = prepare_database(db, options, detail);
    if (!err)
        err = check_partitions(db, &s->base.partitions, detail);
    if (!err)
        err = writer_new(db, s->base.partitions, options->wal_pages, &s->writer, &seq, detail);
    if (err)
        connection_close(db);
    else
        atomic_store(&s->seq, seq);
    return err;
}

static enum err open_reader(struct store_sqlite *s, struct err_detail *detail)
{
    struct reader *first;
    enum schema_state state;
    enum err err = reader_take(s->readers, &first, detail);
    if (err)
        return err;
    err = schema_look(first->db, &state, detail);
    if (!err && state == SCHEMA_EMPTY)
        err = err_fail(detail, ERR_NOT_FOUND, s->directory.database, "there is nothing in it yet");
    if (!err && state == SCHEMA_OLDER)
        err = err_fail(detail, ERR_UNSUPPORTED, s->directory.database,
                       "its format is older; open it once for writing with this version");
    if (!err)
        err = check_partitions(first->db, &s->base.partitions, detail);
    reader_give_back(s->readers, first);
    return err;
}

enum err store_sqlite_open(const char *directory, const struct store_sqlite_options *options,
                           struct store **ret, struct err_detail *detail)
{
    static const struct store_calls calls = {
        .claim = sqlite_claim,
        .seq_take = sqlite_seq_take,
        .commit = sqlite_commit,
        .flush = sqlite_flush,
        .head = sqlite_head,
        .blocks = sqlite_blocks,
        .rows = sqlite_rows,
        .walk = sqlite_walk,
        .messages = sqlite_messages,
        .effects = sqlite_effects,
        .effects_put = sqlite_effects_put,
        .bytes = sqlite_bytes,
        .stats = sqlite_stats,
        .stat_keys = sqlite_stat_keys,
        .control_append = sqlite_control_append,
        .control_after = sqlite_control_after,
        .close = sqlite_close,
    };
    static const struct store_sqlite_options defaults = {0};
    if (!options)
        options = &defaults;
    struct store_sqlite *s = memory_take_zeroed(1, sizeof *s);
    s->base.calls = &calls;
    enum err err = directory_open(directory, !options->read_only, &s->directory, detail);
    if (err) {
        free(s);
        return err;
    }
    s->readers = readers_new(s->directory.database, options->vfs);
    err = options->read_only ? open_reader(s, detail) : open_writer(s, options, detail);
    if (err) {
        sqlite_close(&s->base);
        return err;
    }
    *ret = &s->base;
    return ERR_OK;
}
