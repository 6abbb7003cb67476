#include "ingest/rows.h"

#include "base/check.h"
#include "ingest/columns.h"
#include "ingest/format.h"

enum { READ_BYTES = 256 << 10, PARTIAL_BYTES = 64 << 10, LINE_BYTES_MAX = JSON_TEXT_BYTES_MAX };

struct rows {
    struct source *source;
    const char *name;
    enum segment_form form;
    bool begun, csv;
    /* Bytes that have been read and are not done with. */
    struct buf window;
    uint64_t offset; /* of the window's first byte in the unpacked bytes */
    size_t begin;    /* of the row that is being read, in the window */
    size_t at;       /* the first byte that is not yet looked at */
    bool end;        /* the source has no more */
    uint64_t line;   /* of `at`, from 1 */
    uint64_t row_line;
    struct arena kept; /* header, columns */
    struct str header;

    struct json_reader *json;
    struct csv_reader *reader;
    const struct columns *columns;
    /* What the row that the reader has handed out came to. */
    bool has_row;
    enum err row_err;
    struct arena *arena;
    struct row *row;
};

struct rows *rows_new(int fd, const char *name, enum segment_form form)
{
    struct rows *rows = memory_take_zeroed(1, sizeof *rows);
    rows->source = source_new(fd);
    rows->name = name;
    rows->form = form;
    rows->line = rows->row_line = 1;
    return rows;
}

void rows_free(struct rows *rows)
{
    if (!rows)
        return;
    source_free(rows->source);
    csv_reader_free(rows->reader);
    json_reader_free(rows->json);
    buf_deinit(&rows->window);
    arena_deinit(&rows->kept);
    free(rows);
}

/* ── the window ───────────────────────────────────────────────────────────── */

/* More bytes behind those that are there; what is done with makes room. */
static enum err fill(struct rows *rows, struct err_detail *detail)
{
    struct buf *window = &rows->window;
    if (rows->begin) {
        memmove(window->data, window->data + rows->begin, window->size - rows->begin);
        window->size -= rows->begin;
        rows->at -= rows->begin;
        rows->offset += rows->begin;
        rows->begin = 0;
    }
    size_t size;
    enum err err = source_read(rows->source, buf_reserve(window, READ_BYTES), READ_BYTES, &size, detail);
    if (err)
        return err;
    window->size += size;
    rows->end = size == 0;
    return ERR_OK;
}

/* The size of the text's first line with its line break; 0 = none ends in it. A CSV row may end in CR alone,
 * so there the two bytes of CRLF are a line and an empty one. */
static size_t line_size(const struct rows *rows, struct str text)
{
    const char *feed = memchr(text.data, '\n', text.size);
    size_t size = feed ? (size_t)(feed - text.data) + 1 : text.size;
    const char *carriage = rows->csv ? memchr(text.data, '\r', size) : NULL;
    if (carriage)
        return (size_t)(carriage - text.data) + 1;
    return feed ? size : 0;
}

static struct str unread(const struct rows *rows)
{
    return (struct str){rows->window.data + rows->at, rows->window.size - rows->at};
}

static void pass(struct rows *rows, size_t size)
{
    if (size)
        rows->line += rows->window.data[rows->at + size - 1] == '\n';
    rows->at += size;
}

/* The row is done with; the next begins here. */
static void end_row(struct rows *rows)
{
    rows->begin = rows->at;
    rows->row_line = rows->line;
}

/* Passes over the rest of a line that is too long to be held. */
static enum err skip_line(struct rows *rows, struct err_detail *detail)
{
    enum err err = ERR_OK;
    for (;;) {
        size_t size = line_size(rows, unread(rows));
        pass(rows, size ? size : rows->window.size - rows->at);
        end_row(rows);
        if (size || rows->end)
            return err;
        err = fill(rows, detail);
        if (err)
            return err;
    }
}

static struct str without_break(struct str text)
{
    while (text.size && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    while (text.size && (text.data[0] == '\n' || text.data[0] == '\r'))
        text = (struct str){text.data + 1, text.size - 1};
    return text;
}

static void set_row(struct rows *rows, struct str text)
{
    rows->row->place = rows->offset + rows->begin + 1;
    rows->row->line = rows->row_line;
    rows->row->text = without_break(text);
}

/* A line that no reader takes: its beginning is shown, the rest is passed over. */
static enum err reject_long(struct rows *rows, struct err_detail *detail)
{
    struct row *row = rows->row;
    size_t size = rows->window.size - rows->begin;
    set_row(rows, (struct str){rows->window.data + rows->begin,
                               size < ROW_SHOWN_BYTES_MAX ? size : ROW_SHOWN_BYTES_MAX});
    row->text = arena_str(rows->arena, row->text);
    row->rejected = row->cut = true;
    return skip_line(rows, detail);
}

/* ── NDJSON ───────────────────────────────────────────────────────────────── */

static bool is_blank(struct str line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (!memchr(" \t\r\n", line.data[i], 4))
            return false;
    }
    return true;
}

/* The text of its object, so that the segment outlives the reader's next. */
static void keep_body(struct segment *segment, struct arena *arena)
{
    if (segment->has_object && segment->properties.count) {
        struct buf out = {0};
        json_node_write(segment->object, &out);
        segment->body = arena_str(arena, buf_str(&out));
        buf_deinit(&out);
    }
    segment->has_object = false;
}

static void parse_line(struct rows *rows)
{
    struct row *row = rows->row;
    struct segment *segment = &row->segment;
    row->rejected =
        segment_parse(rows->json, row->text, rows->form, rows->arena, segment, &row->why) != ERR_OK;
    if (!row->rejected)
        keep_body(segment, rows->arena);
}

static bool next_line(struct rows *rows, enum err *ret_err, struct err_detail *detail)
{
    for (;;) {
        size_t size = line_size(rows, unread(rows));
        if (size == 0 && rows->window.size - rows->begin > LINE_BYTES_MAX) {
            err_fail(&rows->row->why, ERR_LIMIT, "", "the line has more than %d bytes", LINE_BYTES_MAX);
            *ret_err = reject_long(rows, detail);
            return *ret_err == ERR_OK;
        }
        if (size == 0 && !rows->end) {
            *ret_err = fill(rows, detail);
            if (*ret_err)
                return false;
            continue;
        }
        if (size == 0)
            size = rows->window.size - rows->at;
        if (size == 0)
            return false;
        struct str text = {rows->window.data + rows->at, size};
        bool blank = is_blank(text);
        if (!blank)
            set_row(rows, text);
        pass(rows, size);
        end_row(rows);
        if (!blank) {
            parse_line(rows);
            return true;
        }
    }
}

/* ── CSV ──────────────────────────────────────────────────────────────────── */

/* A row that means nothing is no failure of the reader, which could not go on behind it. */
static enum err take_row(void *context, const struct csv_row *csv, struct err_detail *detail)
{
    struct rows *rows = context;
    (void)detail;
    rows->has_row = true;
    if (!rows->columns)
        rows->row_err = columns_of_header(csv, rows->form, &rows->kept, &rows->columns, &rows->row->why);
    else
        rows->row_err =
            columns_parse(rows->columns, csv, true, rows->arena, &rows->row->segment, &rows->row->why);
    return ERR_OK;
}

/* After an error the reader is at its end, so another one takes what follows; a byte order mark is one at the
 * file's start only. */
static void renew_reader(struct rows *rows)
{
    csv_reader_free(rows->reader);
    rows->reader = csv_reader_new("", take_row, rows);
    csv_reader_feed(rows->reader, STR("\n"), NULL);
}

/* What no row can be read from: the line on which it begins is given up, as a quote that is left open would
 * else take the rest of the file with it. */
static enum err reject_line(struct rows *rows, struct err_detail *detail)
{
    struct row *row = rows->row;
    row->why.place[0] = '\0'; /* the reader's own lines begin anew with each reader */
    row->rejected = true;
    rows->line = rows->row_line;
    rows->at = rows->begin;
    renew_reader(rows);
    size_t size = line_size(rows, unread(rows));
    while (size == 0 && !rows->end && rows->window.size < CSV_FIELD_BYTES_MAX) {
        enum err err = fill(rows, detail);
        if (err)
            return err;
        size = line_size(rows, unread(rows));
    }
    if (size == 0 && !rows->end)
        return reject_long(rows, detail);
    if (size == 0)
        size = unread(rows).size;
    set_row(rows, (struct str){rows->window.data + rows->at, size});
    pass(rows, size);
    end_row(rows);
    return ERR_OK;
}

/* columns.h gives its places to follow `file:line`. */
static void trim_place(struct err_detail *detail)
{
    if (strncmp(detail->place, ": ", 2) == 0)
        memmove(detail->place, detail->place + 2, strlen(detail->place + 2) + 1);
}

static void take_text(struct rows *rows)
{
    struct row *row = rows->row;
    set_row(rows, (struct str){rows->window.data + rows->begin, rows->at - rows->begin});
    if (!rows->row_err && memchr(row->text.data, '\0', row->text.size))
        rows->row_err = err_fail(&row->why, ERR_INVALID, "", "holds a zero byte, which no text has");
    row->rejected = rows->row_err != ERR_OK;
    trim_place(&row->why);
    end_row(rows);
}

/* Feeds the next line, or the next part of a long one. True = at the end of the file. */
static enum err feed_line(struct rows *rows, bool *ret_end, struct err_detail *detail)
{
    struct str text = unread(rows);
    size_t size = line_size(rows, text);
    *ret_end = false;
    if (size == 0 && !rows->end && text.size < PARTIAL_BYTES)
        return fill(rows, detail);
    if (size == 0)
        size = text.size;
    rows->has_row = false;
    rows->row_err = ERR_OK;
    bool blank = rows->begin == rows->at && size == 1 && (text.data[0] == '\n' || text.data[0] == '\r');
    *ret_end = size == 0;
    enum err err = size ? csv_reader_feed(rows->reader, (struct str){text.data, size}, &rows->row->why)
                        : csv_reader_finish(rows->reader, &rows->row->why);
    pass(rows, size);
    if (err) {
        *ret_end = false;
        rows->has_row = true;
        return reject_line(rows, detail);
    }
    if (blank)
        end_row(rows);
    else if (rows->has_row)
        take_text(rows);
    return ERR_OK;
}

static enum err take_header(struct rows *rows, struct err_detail *detail)
{
    const struct row *row = rows->row;
    if (row->rejected) {
        *detail = row->why;
        char place[sizeof detail->place];
        snprintf(place, sizeof place, "line %u%s", (unsigned)row->line, detail->place[0] ? ": " : "");
        err_prefix(detail, place);
        return ERR_INVALID;
    }
    struct str text = row->text;
    size_t mark = format_mark_size(text);
    rows->header = arena_str(&rows->kept, (struct str){text.data + mark, text.size - mark});
    return ERR_OK;
}

static bool next_csv(struct rows *rows, enum err *ret_err, struct err_detail *detail)
{
    for (;;) {
        bool end, in_header = !rows->columns;
        rows->has_row = false;
        *ret_err = feed_line(rows, &end, detail);
        if (!*ret_err && rows->has_row && in_header)
            *ret_err = take_header(rows, detail);
        else if (!*ret_err && rows->has_row)
            return true;
        if (!*ret_err && end && !rows->columns)
            *ret_err =
                err_fail(detail, ERR_INVALID, "", "is empty; the first line of a CSV file names its columns");
        if (*ret_err || end)
            return false;
        *rows->row = (struct row){0};
    }
}

/* ── both ─────────────────────────────────────────────────────────────────── */

static enum err begin(struct rows *rows, struct err_detail *detail)
{
    enum err err = ERR_OK;
    while (!err && !rows->end && rows->window.size < PARTIAL_BYTES)
        err = fill(rows, detail);
    if (err)
        return err;
    rows->begun = true;
    rows->csv = format_is_csv(rows->name, buf_str(&rows->window));
    size_t mark = format_mark_size(buf_str(&rows->window));
    if (rows->csv) {
        rows->reader = csv_reader_new("", take_row, rows); /* takes the mark off by itself */
        return ERR_OK;
    }
    rows->begin = rows->at = mark;
    rows->json = json_reader_new();
    if (mark < rows->window.size && rows->window.data[mark] == '[')
        return err_fail(detail, ERR_INVALID, "",
                        "is one JSON array; write one object a line instead (NDJSON)");
    return ERR_OK;
}

bool rows_next(struct rows *rows, struct arena *arena, struct row *ret, enum err *ret_err,
               struct err_detail *detail)
{
    *ret = (struct row){0};
    rows->arena = arena;
    rows->row = ret;
    *ret_err = rows->begun ? ERR_OK : begin(rows, detail);
    if (*ret_err)
        return false;
    return rows->csv ? next_csv(rows, ret_err, detail) : next_line(rows, ret_err, detail);
}

bool rows_are_csv(const struct rows *rows)
{
    return rows->csv;
}

struct str rows_header(const struct rows *rows)
{
    return rows->header;
}

uint64_t rows_position(const struct rows *rows)
{
    return source_position(rows->source);
}
