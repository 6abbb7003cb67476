#include "delivery/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "calendar/instant.h"
#include "delivery/file_lines.h"
#include "json/write.h"

struct file {
    struct destination base;
    struct arena arena; /* name, path and root */
    const char *path;
    const char *root; /* NULL = the file may be anywhere */
    int fd;           /* -1 = not open */
    uint64_t synced;  /* bytes: all whole lines, all on disk */
    bool uncut;       /* something may stand behind them that was to be cut off */
    struct buf lines; /* of the group, not written yet */
    struct json_reader *reader;
};

static struct file *file_of(struct destination *destination)
{
    return (struct file *)destination;
}

/* ── settings ─────────────────────────────────────────────────────────────── */

const struct str file_settings[] = {{"path", 4}, {NULL, 0}};

/* A path whose parts are all names. */
static bool is_plain(struct str path)
{
    size_t i = path.data[0] == '/';
    for (size_t end; i <= path.size; i = end + 1) {
        for (end = i; end < path.size && path.data[end] != '/';)
            end++;
        struct str part = {path.data + i, end - i};
        if (part.size == 0 || str_equal(part, STR(".")) || str_equal(part, STR("..")))
            return false;
    }
    return true;
}

enum err file_parse(const json_t *json, struct arena *arena, struct destination_settings *ret,
                    struct err_detail *detail)
{
    const json_t *path = json_object_get(json, "path");
    struct str text = json_is_string(path) ? (struct str){json_string_value(path), json_string_length(path)}
                                           : (struct str){0};
    if (text.size == 0 || memchr(text.data, '\0', text.size))
        return err_fail(detail, ERR_INVALID, "/path",
                        "a file destination needs the path of its file: write such as \"crm.ndjson\", or one "
                        "from the root");
    if (text.size >= PATH_MAX)
        return err_fail(detail, ERR_LIMIT, "/path", "the path has %zu bytes: the system takes %d", text.size,
                        PATH_MAX - 1);
    if (!is_plain(text))
        return err_fail(detail, ERR_INVALID, "/path",
                        "the path must name a file and have no \".\", \"..\" or empty part: write it out");
    ret->file.path = arena_str(arena, text);
    ret->file.root = (struct str){0};
    return ERR_OK;
}

/* Whether a path lies below a directory, by the text. */
static bool is_below(struct str path, struct str directory)
{
    return path.size > directory.size && memcmp(path.data, directory.data, directory.size) == 0 &&
           (path.data[directory.size] == '/' || directory.size == 1);
}

enum err file_place(struct destination_settings *settings, const struct destination_places *places,
                    struct arena *arena, struct err_detail *detail)
{
    struct str path = settings->file.path;
    if (path.data[0] != '/') {
        settings->file.root = arena_str(arena, str_from(places->own));
        settings->file.path = str_from(arena_printf(arena, "%s/%.*s", places->own, STR_ARG(path)));
        return ERR_OK;
    }
    for (size_t i = 0; i < places->allowed_count; i++) {
        if (is_below(path, str_from(places->allowed[i]))) {
            settings->file.root = arena_str(arena, str_from(places->allowed[i]));
            return ERR_OK;
        }
    }
    return err_fail(
        detail, ERR_REFUSED, "/path",
        "no file may be written there: write a relative path, which is inside the data directory, "
        "or start the server with --files and the directory");
}

/* ── opening ──────────────────────────────────────────────────────────────── */

static void let_go(struct file *file)
{
    if (file->fd >= 0)
        close(file->fd); /* all that counts is synced */
    file->fd = -1;
    file->uncut = false;
}

/* The directory by what it really is: links may have been put there since the path was checked. */
static enum err check_inside(const struct file *file, int directory, struct err_detail *detail)
{
    char link[64], real[PATH_MAX], root[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t size = readlink(link, real, sizeof real);
    if (size < 0 || !realpath(file->root, root))
        return file_failed(file->root, "looking at the directory", detail);
    struct str inner = {real, (size_t)size}, outer = str_from(root);
    if (str_equal(inner, outer) || is_below(inner, outer))
        return ERR_OK;
    return err_fail(detail, ERR_REFUSED, file->path,
                    "a symbolic link leads out of %s, where it may be written: give a path without one",
                    root);
}

static enum err open_directory(const struct file *file, int *ret, struct err_detail *detail)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(file->path, '/');
    snprintf(directory, sizeof directory, "%.*s", slash == file->path ? 1 : (int)(slash - file->path),
             file->path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_failed(directory, "opening the directory", detail);
    enum err err = file->root ? check_inside(file, fd, detail) : ERR_OK;
    if (err)
        close(fd);
    else
        *ret = fd;
    return err;
}

static enum err check_ours(int fd, const char *path, struct err_detail *detail)
{
    struct stat at;
    if (fstat(fd, &at))
        return file_failed(path, "looking at the file", detail);
    if (!S_ISREG(at.st_mode))
        return err_fail(detail, ERR_REFUSED, path,
                        "this is no regular file, and only one can be synced: give another path");
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    if (errno == EWOULDBLOCK)
        return err_fail(detail, ERR_BUSY, path,
                        "another process or destination writes to it: give each a file of its own");
    return file_failed(path, "locking", detail);
}

/* O_NONBLOCK: opening a pipe must not wait for its reader before it is refused. */
static enum err open_in(struct file *file, int directory, struct err_detail *detail)
{
    const char *path = file->path;
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (file->root ? O_NOFOLLOW : 0);
    int fd = openat(directory, strrchr(path, '/') + 1, flags, 0640);
    if (fd < 0 && errno == ELOOP)
        return err_fail(detail, ERR_REFUSED, path, "this is a symbolic link: give the path of a file");
    if (fd < 0)
        return file_failed(path, "opening", detail);
    enum err err = check_ours(fd, path, detail);
    if (!err)
        err = file_lines_mend(fd, path, FILE_UNSYNCED_BYTES_MAX, file->reader, &file->synced, detail);
    if (!err && fsync(directory)) /* a new file's name is only there for good with its directory */
        err = file_failed(path, "syncing the directory of", detail);
    if (err)
        close(fd);
    else
        file->fd = fd;
    return err;
}

static enum err open_fd(struct file *file, struct err_detail *detail)
{
    int directory;
    enum err err = open_directory(file, &directory, detail);
    if (err)
        return err;
    err = open_in(file, directory, detail);
    close(directory);
    return err;
}

/* True where the path still leads to the file that is open, and nobody else has changed its size. */
static bool is_in_place(const struct file *file)
{
    struct stat open_one, named;
    return fstat(file->fd, &open_one) == 0 && stat(file->path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino &&
           (uint64_t)open_one.st_size == file->synced;
}

/* What was written but not synced goes, and its pages with it: a sync that has failed once proves nothing
 * when it succeeds later. */
static enum err cut(struct file *file, struct err_detail *detail)
{
    if (ftruncate(file->fd, (off_t)file->synced) == 0) {
        file->uncut = false;
        return ERR_OK;
    }
    file->uncut = true;
    return file_failed(file->path, "cutting off what could not be synced", detail);
}

static enum err be_open(struct file *file, struct err_detail *detail)
{
    if (file->fd >= 0 && file->uncut) {
        enum err err = cut(file, detail);
        if (err)
            return err;
    }
    if (file->fd >= 0 && !is_in_place(file))
        let_go(file);
    return file->fd >= 0 ? ERR_OK : open_fd(file, detail);
}

/* ── delivering ───────────────────────────────────────────────────────────── */

static void put_text(struct buf *out, const char *key, struct str text)
{
    buf_printf(out, ",\"%s\":", key);
    json_write_string(text, out);
}

static void put_line(struct buf *out, struct str destination, const struct activation *item)
{
    char at[32];
    int size = instant_print(item->at_ms, false, at);
    buf_put_text(out, FILE_LINE_START);
    buf_put_str(out, item->key); /* digits and hyphens */
    buf_put_char(out, '"');
    put_text(out, "destination", destination);
    put_text(out, "operation", item->operation);
    put_text(out, "journey", item->journey);
    buf_printf(out, ",\"version\":%u", item->version);
    put_text(out, "node", item->node);
    put_text(out, "contact", item->contact);
    if (item->attributes.size) {
        buf_put_text(out, ",\"attributes\":");
        buf_put_str(out, item->attributes);
    }
    put_text(out, "at", (struct str){at, (size_t)size});
    buf_put_text(out, "}\n");
}

static void set_outcomes(struct activation *items, size_t count, enum activation_outcome outcome)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].outcome != ACTIVATION_FAILED)
            items[i].outcome = outcome;
    }
}

/* Writes and syncs what was gathered: it is sent then, or not there at all. */
static enum err sync_lines(struct file *file, struct activation *items, size_t count,
                           struct err_detail *detail)
{
    struct str lines = buf_str(&file->lines);
    enum err err = file_put(file->fd, file->path, lines, file->synced, detail);
    if (!err && fdatasync(file->fd))
        err = file_failed(file->path, "syncing", detail);
    if (!err) {
        file->synced += lines.size;
        set_outcomes(items, count, ACTIVATION_SENT);
    } else {
        bool gone = cut(file, NULL) == ERR_OK;
        set_outcomes(items, count, gone ? ACTIVATION_UNSENT : ACTIVATION_OPEN);
    }
    buf_clear(&file->lines);
    return err;
}

static enum err file_deliver(struct destination *destination, struct activation *items, size_t count,
                             struct err_detail *detail)
{
    struct file *file = file_of(destination);
    set_outcomes(items, count, ACTIVATION_UNSENT);
    enum err err = be_open(file, detail);
    size_t gathered = 0; /* the first whose line is not synced */
    for (size_t i = 0; i < count && !err; i++) {
        size_t before = file->lines.size;
        put_line(&file->lines, destination->name, &items[i]);
        size_t line = file->lines.size - before;
        if (line > FILE_LINE_BYTES_MAX) {
            file->lines.size = before;
            items[i].outcome = ACTIVATION_FAILED;
            items[i].reason = "the contact's attributes make a line over the limit of 8 MiB";
        } else if (before > 0 && file->lines.size > FILE_UNSYNCED_BYTES_MAX) {
            file->lines.size = before;
            err = sync_lines(file, items + gathered, i - gathered, detail);
            gathered = i--; /* again, as the first of the next */
        }
    }
    if (!err && file->lines.size)
        err = sync_lines(file, items + gathered, count - gathered, detail);
    return err;
}

static enum err file_has(struct destination *destination, const struct str *keys, size_t count, bool *ret,
                         struct err_detail *detail)
{
    struct file *file = file_of(destination);
    enum err err = be_open(file, detail);
    if (err)
        return err;
    return file_lines_find(file->fd, file->path, file->synced, file->reader, keys, count, ret, detail);
}

static void file_close(struct destination *destination)
{
    struct file *file = file_of(destination);
    let_go(file);
    json_reader_free(file->reader);
    buf_deinit(&file->lines);
    arena_deinit(&file->arena);
    free(file);
}

static enum err file_open(struct destination *destination, struct err_detail *detail)
{
    return be_open(file_of(destination), detail);
}

struct destination *file_new(const struct destination_settings *settings)
{
    static const struct destination_calls calls = {
        .open = file_open, .deliver = file_deliver, .has = file_has, .close = file_close};
    struct file *file = memory_take_zeroed(1, sizeof *file);
    file->base.calls = &calls;
    file->base.name = arena_str(&file->arena, settings->name);
    file->path = arena_str(&file->arena, settings->file.path).data;
    if (settings->file.root.size)
        file->root = arena_str(&file->arena, settings->file.root).data;
    file->fd = -1;
    file->reader = json_reader_new();
    return &file->base;
}
