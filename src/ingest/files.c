#include "ingest/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/map.h"
#include "ingest/columns.h"
#include "ingest/format.h"

enum { NAME_SHOWN_MAX = 160, READ_BYTES = 1 << 16 };

struct file {
    const char *name; /* as messages show it */
    enum segment_form form;
    struct str bytes;
    bool mapped;
    ARRAY(struct file_entry) entries;
    bool unsorted;
    uint64_t duplicates;
    struct str ignored;
    uint64_t ignored_line;
    struct arena kept; /* columns, the ignored key */

    struct json_reader *json;
    /* CSV only */
    const struct columns *columns;
    struct csv_reader *csv;
    struct arena *row_arena;
    struct segment row;
    bool has_row;

    /* Message ids of the first pass: who has sent which. */
    struct map messages;
    ARRAY(uint64_t) message_hashes;
};

/* ── bytes ────────────────────────────────────────────────────────────────── */

static enum err io_fail(const char *path, struct err_detail *detail)
{
    return err_fail(detail, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, "%s", strerror(errno));
}

/* What is no regular file (a pipe) is read to its end. */
static enum err read_all(int fd, const char *path, struct str *ret, struct err_detail *detail)
{
    struct buf bytes = {0};
    for (;;) {
        ssize_t size = read(fd, buf_reserve(&bytes, READ_BYTES), READ_BYTES);
        if (size > 0) {
            bytes.size += (size_t)size;
        } else if (size == 0) {
            *ret = buf_str(&bytes);
            return ERR_OK;
        } else if (errno != EINTR) {
            enum err err = io_fail(path, detail);
            buf_deinit(&bytes);
            return err;
        }
    }
}

static enum err map_bytes(struct file *file, const char *path, struct err_detail *detail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return io_fail(path, detail);
    enum err err = ERR_OK;
    if (fstat(fd, &status) < 0) {
        err = io_fail(path, detail);
    } else if (S_ISDIR(status.st_mode)) {
        err = err_fail(detail, ERR_INVALID, path, "is a directory; name a file");
    } else if (!S_ISREG(status.st_mode)) {
        err = read_all(fd, path, &file->bytes, detail);
    } else if (status.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        file->mapped = bytes != MAP_FAILED;
        if (file->mapped)
            file->bytes = (struct str){bytes, (size_t)status.st_size};
        else
            err = io_fail(path, detail);
    }
    close(fd);
    return err;
}

static void unmap_bytes(struct file *file)
{
    union {
        const void *read_only;
        void *owned;
    } bytes = {file->bytes.data};
    if (file->mapped)
        munmap(bytes.owned, file->bytes.size);
    else
        free(bytes.owned);
}

/* ── entries ──────────────────────────────────────────────────────────────── */

struct same_message {
    const struct file *file;
    uint64_t hash;
};

static bool is_message(const void *context, uint32_t value)
{
    const struct same_message *wanted = context;
    return wanted->file->message_hashes.items[value] == wanted->hash;
}

static uint64_t hash_of_message(const void *context, uint32_t value)
{
    return ((const struct same_message *)context)->file->message_hashes.items[value];
}

/* True where the contact has sent this message id before in this file. */
static bool is_duplicate(struct file *file, uint64_t hash)
{
    struct same_message wanted = {file, hash};
    uint32_t first;
    if (map_find(&file->messages, hash, is_message, &wanted, &first))
        return true;
    *array_push(&file->message_hashes) = hash;
    map_add(&file->messages, hash, (uint32_t)file->message_hashes.count - 1, hash_of_message, &wanted);
    return false;
}

static void add_entry(struct file *file, const struct segment *segment, uint64_t offset, uint64_t size)
{
    if (segment->message && is_duplicate(file, segment->message)) {
        file->duplicates++;
        return;
    }
    size_t count = file->entries.count;
    file->unsorted |= count && file->entries.items[count - 1].at_ms > segment->at_ms;
    *array_push(&file->entries) = (struct file_entry){
        .at_ms = segment->at_ms, .offset = offset, .size = size, .spread = segment->hash >> 40};
}

enum { DIGIT_BITS = 11, DIGIT_VALUES = 1 << DIGIT_BITS };

/* Least significant digit first: stable, so records of one instant keep the file's order. */
static void sort_entries(struct file *file)
{
    size_t count = file->entries.count;
    struct file_entry *from = file->entries.items, *to = memory_take(count * sizeof *to);
    int64_t least = INT64_MAX, greatest = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        least = from[i].at_ms < least ? from[i].at_ms : least;
        greatest = from[i].at_ms > greatest ? from[i].at_ms : greatest;
    }
    size_t places[DIGIT_VALUES];
    for (int shift = 0; (uint64_t)(greatest - least) >> shift; shift += DIGIT_BITS) {
        memset(places, 0, sizeof places);
        for (size_t i = 0; i < count; i++)
            places[((uint64_t)(from[i].at_ms - least) >> shift) % DIGIT_VALUES]++;
        for (size_t digit = 0, place = 0; digit < DIGIT_VALUES; digit++) {
            size_t here = places[digit];
            places[digit] = place;
            place += here;
        }
        for (size_t i = 0; i < count; i++)
            to[places[((uint64_t)(from[i].at_ms - least) >> shift) % DIGIT_VALUES]++] = from[i];
        struct file_entry *swapped = from;
        from = to;
        to = swapped;
    }
    file->entries.items = from;
    file->entries.capacity = count;
    free(to);
}

/* ── NDJSON ───────────────────────────────────────────────────────────────── */

static bool is_blank(struct str line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

static enum err line_fail(const struct file *file, uint64_t number, enum err err, struct err_detail *detail)
{
    char prefix[sizeof detail->place];
    snprintf(prefix, sizeof prefix, "%s:%" PRIu64 "%s", file->name, number,
             detail->place[0] == '/' ? ": " : "");
    err_prefix(detail, prefix);
    return err;
}

static enum err scan_ndjson(struct file *file, struct err_detail *detail)
{
    struct arena arena = {0};
    enum err err = ERR_OK;
    const char *at = file->bytes.data + format_mark_size(file->bytes),
               *end = file->bytes.data + file->bytes.size;
    if (at < end && *at == '[')
        return err_fail(detail, ERR_INVALID, file->name,
                        "is one JSON array; write one object a line instead (NDJSON)");
    for (uint64_t number = 1; at < end && !err; number++) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        struct str line = {at, (size_t)((feed ? feed : end) - at)};
        at += line.size + 1;
        if (is_blank(line))
            continue;
        struct segment segment;
        arena_reset(&arena);
        err = segment_parse(file->json, line, file->form, &arena, &segment, detail);
        if (err) {
            line_fail(file, number, err, detail);
            break;
        }
        if (segment.ignored.size && !file->ignored.size) {
            file->ignored = arena_str(&file->kept, segment.ignored);
            file->ignored_line = number;
        }
        add_entry(file, &segment, (uint64_t)(line.data - file->bytes.data), line.size);
    }
    arena_deinit(&arena);
    return err;
}

/* ── CSV ──────────────────────────────────────────────────────────────────── */

static enum err take_row(void *context, const struct csv_row *row, struct err_detail *detail)
{
    struct file *file = context;
    if (!file->columns)
        return columns_of_header(row, file->form, &file->kept, &file->columns, detail);
    file->has_row = true;
    return columns_parse(file->columns, row, false, file->row_arena, &file->row, detail);
}

/* The bytes up to and with the first line break of either kind. */
static struct str first_line(struct str bytes)
{
    size_t size = 0;
    while (size < bytes.size && bytes.data[size] != '\n' && bytes.data[size] != '\r')
        size++;
    return (struct str){bytes.data, size + (size < bytes.size)};
}

static enum err scan_csv(struct file *file, struct err_detail *detail)
{
    struct csv_reader *csv = csv_reader_new(file->name, take_row, file);
    struct arena arena = {0};
    struct str left = file->bytes;
    uint64_t begin = 0;
    enum err err = ERR_OK;
    file->row_arena = &arena;
    while (!err) {
        struct str line = first_line(left);
        bool last = line.size == 0;
        file->has_row = false;
        bool in_header = !file->columns;
        err = last ? csv_reader_finish(csv, detail) : csv_reader_feed(csv, line, detail);
        left = (struct str){left.data + line.size, left.size - line.size};
        uint64_t end = file->bytes.size - left.size;
        if (!err && file->has_row)
            add_entry(file, &file->row, begin, end - begin);
        if (file->has_row || (in_header && file->columns))
            begin = end;
        if (file->has_row)
            arena_reset(&arena);
        if (last)
            break;
    }
    if (!err && !file->columns)
        err = err_fail(detail, ERR_INVALID, file->name,
                       "is empty; the first line of a CSV file names its columns");
    csv_reader_free(csv);
    arena_deinit(&arena);
    return err;
}

static enum err take_row_again(void *context, const struct csv_row *row, struct err_detail *detail)
{
    struct file *file = context;
    file->has_row = true;
    return columns_parse(file->columns, row, true, file->row_arena, &file->row, detail);
}

static enum err read_row(struct file *file, struct str text, struct arena *arena, struct err_detail *detail)
{
    if (!file->csv) {
        file->csv = csv_reader_new(file->name, take_row_again, file);
        csv_reader_feed(file->csv, STR("\n"), NULL); /* a byte order mark is one at the file's start only */
    }
    file->row_arena = arena;
    file->has_row = false;
    enum err err = csv_reader_feed(file->csv, text, detail);
    if (!err && !file->has_row) /* the last line of a file may lack its line break */
        err = csv_reader_feed(file->csv, STR("\n"), detail);
    return err;
}

/* ── both ─────────────────────────────────────────────────────────────────── */

static const char *shown_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strlen(path) > NAME_SHOWN_MAX && slash ? slash + 1 : path;
}

enum err file_open(const char *path, enum file_kind kind, struct file **ret, struct err_detail *detail)
{
    struct file *file = memory_take_zeroed(1, sizeof *file);
    file->name = shown_name(path);
    file->form = kind == FILE_EVENTS ? SEGMENT_EVENT : SEGMENT_CONTACT;
    enum err err = map_bytes(file, path, detail);
    bool csv = format_is_csv(path, file->bytes);
    if (!csv)
        file->json = json_reader_new();
    if (!err)
        err = csv ? scan_csv(file, detail) : scan_ndjson(file, detail);
    map_deinit(&file->messages);
    array_free(&file->message_hashes);
    if (err) {
        file_close(file);
        return err;
    }
    if (file->unsorted)
        sort_entries(file);
    *ret = file;
    return ERR_OK;
}

void file_close(struct file *file)
{
    if (!file)
        return;
    unmap_bytes(file);
    json_reader_free(file->json);
    csv_reader_free(file->csv);
    array_free(&file->entries);
    arena_deinit(&file->kept);
    free(file);
}

size_t file_count(const struct file *file)
{
    return file->entries.count;
}

const struct file_entry *file_entry_get(const struct file *file, size_t index)
{
    return &file->entries.items[index];
}

enum err file_record(struct file *file, const struct file_entry *entry, int64_t contact_at_ms,
                     struct binding *binding, struct arena *arena, struct record *ret,
                     struct err_detail *detail)
{
    struct str text = {file->bytes.data + entry->offset, entry->size};
    enum err err;
    if (file->columns) {
        err = read_row(file, text, arena, detail);
    } else {
        err = segment_parse(file->json, text, file->form, arena, &file->row, detail);
        file->has_row = true;
    }
    bool same =
        !err && file->has_row && file->row.at_ms == entry->at_ms && file->row.hash >> 40 == entry->spread;
    if (!same)
        return err_fail(detail, ERR_IO, file->name,
                        "has been changed while it was read; run the command again");
    *ret = segment_record(&file->row, binding, arena);
    if (file->form == SEGMENT_CONTACT)
        ret->at_ms = contact_at_ms;
    return ERR_OK;
}

uint64_t file_duplicates(const struct file *file)
{
    return file->duplicates;
}

bool file_ignored_key(const struct file *file, struct str *ret_key, uint64_t *ret_line)
{
    *ret_key = file->ignored;
    *ret_line = file->ignored_line;
    return file->ignored.size > 0;
}

void file_digest(const struct file *file, char ret_hex[33])
{
    struct hash_stream *stream = hash_stream_new();
    hash_stream_put(stream, file->bytes);
    hash_stream_hex(stream, ret_hex);
    hash_stream_free(stream);
}
