/*  what a power cut may leave of the last group:       and after mending:
 *
 *      {"key":"0-1-…"}\n   synced                          {"key":"0-1-…"}\n
 *      {"key":"0-2-…"}\n   written, not synced             {"key":"0-2-…"}\n
 *      \0\0\0\0\0\0\0\0    a block that never came         {"key":"0-4-…"}\n
 *      …"}\n
 *      {"key":"0-4-…"}\n
 *      {"key":"0-5         torn
 *
 * Only what came after the last sync can be damaged, so only that is looked over. */
#include "delivery/file_lines.h"

#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"

enum { READ_BYTES = 256 << 10 };

static const struct str line_start = {FILE_LINE_START, sizeof FILE_LINE_START - 1};

enum err file_failed(const char *path, const char *what, struct err_detail *detail)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return err_fail(detail, full ? ERR_FULL : ERR_IO, path, "%s failed: %s%s", what, strerror(errno),
                    full ? "; make room" : "");
}

enum err file_put(int fd, const char *path, struct str bytes, uint64_t offset, struct err_detail *detail)
{
    while (bytes.size) {
        ssize_t written = pwrite(fd, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return file_failed(path, "writing", detail);
        bytes.data += written;
        bytes.size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return ERR_OK;
}

static enum err get(int fd, const char *path, uint64_t offset, size_t size, struct buf *out,
                    struct err_detail *detail)
{
    char *at = buf_reserve(out, size);
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(fd, at + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return file_failed(path, "reading", detail);
        if (count == 0)
            return err_fail(detail, ERR_IO, path,
                            "the file became shorter while it was read: leave it to its destination");
        done += (size_t)count;
    }
    out->size += size;
    return ERR_OK;
}

/* The key of a whole line (without its newline); false where it is none. */
static bool line_key(struct json_reader *reader, struct str line, struct str *ret)
{
    struct json_node root, key;
    if (!str_starts(line, line_start) || json_reader_parse(reader, line, &root, NULL) ||
        json_node_type(root) != JSON_TYPE_OBJECT || !json_node_find(root, STR("key"), &key))
        return false;
    *ret = json_node_string(key);
    return true;
}

static bool take_line(struct str *rest, struct str *ret)
{
    const char *newline = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    if (!newline)
        return false;
    *ret = (struct str){rest->data, (size_t)(newline - rest->data)};
    rest->data += ret->size + 1;
    rest->size -= ret->size + 1;
    return true;
}

/* ── mending ──────────────────────────────────────────────────────────────── */

/* A line that never came whole may be any part of its beginning; a block that never came reads as zeros, up
 * to a line of ours or to the end. */
static bool begins_as_ours(const char *bytes, size_t size)
{
    size_t zeros = 0;
    while (zeros < size && bytes[zeros] == '\0')
        zeros++;
    size_t left = size - zeros;
    if (zeros == 0)
        return size == 0 ||
               memcmp(bytes, line_start.data, size < line_start.size ? size : line_start.size) == 0;
    return left == 0 || memmem(bytes + zeros, left, line_start.data, line_start.size);
}

static enum err check_beginning(int fd, const char *path, uint64_t bytes, struct err_detail *detail)
{
    struct buf head = {0};
    enum err err = get(fd, path, 0, bytes < READ_BYTES ? (size_t)bytes : READ_BYTES, &head, detail);
    if (!err && !begins_as_ours(head.data, head.size))
        err = err_fail(detail, ERR_REFUSED, path,
                       "the file holds something else than activations: give the destination a path of its "
                       "own");
    buf_deinit(&head);
    return err;
}

/* The start of a line at or before `from`: the byte after a newline, or the file's beginning. */
static enum err line_begin(int fd, const char *path, uint64_t from, uint64_t *ret, struct err_detail *detail)
{
    struct buf bytes = {0};
    enum err err = ERR_OK;
    while (from > 0) {
        size_t size = from < READ_BYTES ? (size_t)from : READ_BYTES;
        buf_clear(&bytes);
        err = get(fd, path, from - size, size, &bytes, detail);
        if (err)
            break;
        const char *newline = memrchr(bytes.data, '\n', size);
        if (newline) {
            from -= size - (size_t)(newline + 1 - bytes.data);
            break;
        }
        from -= size;
    }
    buf_deinit(&bytes);
    if (!err)
        *ret = from;
    return err;
}

/* The whole lines of the window behind the first that is none; `ret_good` bytes of it need no change. */
static size_t sift(struct str window, struct json_reader *reader, struct buf *kept)
{
    struct str rest = window, line, key;
    size_t good = 0;
    bool damaged = false;
    while (take_line(&rest, &line)) {
        bool whole = line_key(reader, line, &key);
        damaged |= !whole;
        if (!damaged)
            good += line.size + 1;
        else if (whole)
            buf_put(kept, line.data, line.size + 1);
    }
    return good;
}

static enum err rewrite_tail(int fd, const char *path, uint64_t from, struct str kept,
                             struct err_detail *detail)
{
    if (ftruncate(fd, (off_t)from))
        return file_failed(path, "cutting off a torn line", detail);
    return file_put(fd, path, kept, from, detail);
}

enum err file_lines_mend(int fd, const char *path, uint64_t window_bytes, struct json_reader *reader,
                         uint64_t *ret_bytes, struct err_detail *detail)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return file_failed(path, "measuring", detail);
    uint64_t bytes = (uint64_t)size, begin;
    struct buf window = {0}, kept = {0};
    enum err err = check_beginning(fd, path, bytes, detail);
    if (!err)
        err = line_begin(fd, path, bytes > window_bytes ? bytes - window_bytes : 0, &begin, detail);
    if (!err && bytes - begin > window_bytes + JSON_TEXT_BYTES_MAX)
        err = err_fail(detail, ERR_REFUSED, path,
                       "its last line is longer than any of ours: give the destination a path of its own");
    if (!err)
        err = get(fd, path, begin, (size_t)(bytes - begin), &window, detail);
    if (!err) {
        size_t good = sift(buf_str(&window), reader, &kept);
        if (begin + good != bytes)
            err = rewrite_tail(fd, path, begin + good, buf_str(&kept), detail);
        bytes = begin + good + kept.size;
    }
    if (!err && fdatasync(fd))
        err = file_failed(path, "syncing", detail);
    if (!err)
        *ret_bytes = bytes;
    buf_deinit(&window);
    buf_deinit(&kept);
    return err;
}

/* ── finding ──────────────────────────────────────────────────────────────── */

struct finding_keys {
    const struct str *keys;
    struct str sought;
    struct map map;
};

static bool is_key(const void *context, uint32_t value)
{
    const struct finding_keys *f = context;
    return str_equal(f->keys[value], f->sought);
}

static uint64_t hash_of(const void *context, uint32_t value)
{
    const struct finding_keys *f = context;
    return hash_str(f->keys[value]);
}

/* Parsed are only the lines that begin with a key that is sought. */
static size_t find_in(struct finding_keys *f, struct json_reader *reader, struct str line, bool *ret)
{
    if (!str_starts(line, line_start))
        return 0;
    f->sought = (struct str){line.data + line_start.size, line.size - line_start.size};
    const char *quote = memchr(f->sought.data, '"', f->sought.size);
    if (!quote)
        return 0;
    f->sought.size = (size_t)(quote - f->sought.data);
    uint32_t index;
    struct str key;
    if (!map_find(&f->map, hash_str(f->sought), is_key, f, &index) || ret[index] ||
        !line_key(reader, line, &key))
        return 0;
    ret[index] = true;
    return 1;
}

enum err file_lines_find(int fd, const char *path, uint64_t bytes, struct json_reader *reader,
                         const struct str *keys, size_t count, bool *ret, struct err_detail *detail)
{
    struct finding_keys f = {.keys = keys};
    for (uint32_t i = 0; i < count; i++)
        map_add(&f.map, hash_str(keys[i]), i, hash_of, &f);
    struct buf read = {0};
    enum err err = ERR_OK;
    size_t found = 0;
    for (uint64_t at = 0; at < bytes && found < count && !err;) {
        size_t size = bytes - at < READ_BYTES ? (size_t)(bytes - at) : READ_BYTES;
        err = get(fd, path, at, size, &read, detail);
        at += size;
        struct str rest = buf_str(&read), line;
        while (!err && take_line(&rest, &line))
            found += find_in(&f, reader, line, ret);
        if (rest.size)
            memmove(read.data, rest.data, rest.size); /* the beginning of a line that goes on */
        read.size = rest.size;
    }
    buf_deinit(&read);
    map_deinit(&f.map);
    return err;
}
