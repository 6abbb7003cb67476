#include "store/sqlite/reader.h"

#include <pthread.h>

#include "base/check.h"
#include "store/sqlite/connection.h"

struct readers {
    char *path;
    const char *vfs;
    pthread_mutex_t lock;
    struct reader *idle;
};

struct readers *readers_new(const char *path, const char *vfs)
{
    struct readers *readers = memory_take_zeroed(1, sizeof *readers);
    readers->path = strdup(path);
    readers->vfs = vfs;
    CHECK(readers->path && pthread_mutex_init(&readers->lock, NULL) == 0);
    return readers;
}

void readers_free(struct readers *readers)
{
    if (!readers)
        return;
    while (readers->idle) {
        struct reader *reader = readers->idle;
        readers->idle = reader->next;
        connection_close(reader->db);
        array_free(&reader->path);
        free(reader);
    }
    pthread_mutex_destroy(&readers->lock);
    free(readers->path);
    free(readers);
}

enum err reader_take(struct readers *readers, struct reader **ret, struct err_detail *detail)
{
    pthread_mutex_lock(&readers->lock);
    struct reader *reader = readers->idle;
    if (reader)
        readers->idle = reader->next;
    pthread_mutex_unlock(&readers->lock);
    if (!reader) {
        sqlite3 *db;
        enum err err = connection_open(readers->path, SQLITE_OPEN_READONLY, readers->vfs, &db, detail);
        if (err)
            return err;
        reader = memory_take_zeroed(1, sizeof *reader);
        reader->db = db;
    }
    *ret = reader;
    return ERR_OK;
}

void reader_give_back(struct readers *readers, struct reader *reader)
{
    reader_end(reader);
    pthread_mutex_lock(&readers->lock);
    reader->next = readers->idle;
    readers->idle = reader;
    pthread_mutex_unlock(&readers->lock);
}

enum err reader_statement(struct reader *reader, enum read_statement which, sqlite3_stmt **ret,
                          struct err_detail *detail)
{
    static const char *const texts[] = {
#define X(name, sql) sql,
        READ_TABLE(X)
#undef X
    };
    enum err err = ERR_OK;
    if (!reader->statements[which])
        err = connection_prepare(reader->db, texts[which], &reader->statements[which], detail);
    if (!err)
        *ret = reader->statements[which];
    return err;
}

enum err reader_fail(struct reader *reader, int code, struct err_detail *detail)
{
    return connection_fail(reader->db, code, "read", detail);
}

static enum err run(struct reader *reader, enum read_statement which, struct err_detail *detail)
{
    sqlite3_stmt *statement;
    enum err err = reader_statement(reader, which, &statement, detail);
    if (err)
        return err;
    int code = sqlite3_step(statement);
    if (code != SQLITE_DONE)
        err = reader_fail(reader, code, detail);
    sqlite3_reset(statement);
    return err;
}

enum err reader_begin(struct reader *reader, struct err_detail *detail)
{
    return run(reader, READ_BEGIN, detail);
}

void reader_end(struct reader *reader)
{
    for (size_t i = 0; i < READ_STATEMENTS; i++) {
        if (reader->statements[i])
            sqlite3_reset(reader->statements[i]);
    }
    if (!sqlite3_get_autocommit(reader->db))
        (void)run(reader, READ_END, NULL);
}
