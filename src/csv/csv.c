#include "csv/csv.h"

#include <csv.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/check.h"

/* libcsv neither tells where it stands nor can be stopped from a callback, so it is fed in pieces: each ends
 * behind a line break, which counts lines and rows exactly, and none is longer than this, which bounds what a
 * long field costs. */
enum { PIECE_BYTES_MAX = 64 << 10, BUFFER_STEP_BYTES = 4096 };

struct csv_reader {
    struct csv_parser parser;
    const char *name;
    csv_take_row *take_row;
    void *context;
    struct buf bytes;   /* of the fields of the row that is being read */
    ARRAY(size_t) ends; /* of each field in `bytes`: pointers would move with it */
    ARRAY(struct str) fields;
    uint64_t line, row_line, row_number;
    bool in_row;
    uint8_t mark_matched; /* bytes of the byte order mark seen so far, MARK_DONE behind it */
    enum err failed;
    struct err_detail detail;
};

static const char mark[] = "\xef\xbb\xbf";
enum { MARK_DONE = sizeof mark - 1 };

static int is_space(unsigned char c)
{
    (void)c; /* spaces are part of a field (RFC 4180 §2.4), libcsv would strip them */
    return 0;
}

struct csv_reader *csv_reader_new(const char *name, csv_take_row *take_row, void *context)
{
    struct csv_reader *reader = memory_take_zeroed(1, sizeof *reader);
    reader->name = name;
    reader->take_row = take_row;
    reader->context = context;
    reader->line = 1;
    CHECK(csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    csv_set_space_func(&reader->parser, is_space);
    csv_set_blk_size(&reader->parser, BUFFER_STEP_BYTES);
    buf_reserve(&reader->bytes, BUFFER_STEP_BYTES);
    return reader;
}

void csv_reader_free(struct csv_reader *reader)
{
    if (!reader)
        return;
    csv_free(&reader->parser);
    buf_deinit(&reader->bytes);
    array_free(&reader->ends);
    array_free(&reader->fields);
    free(reader);
}

/* Keeps the error for every later call, with its line. */
static void fail(struct csv_reader *reader, enum err code, uint64_t line, const char *text, int limit)
{
    char place[sizeof reader->detail.place];
    snprintf(place, sizeof place, "%s:%" PRIu64, reader->name, line);
    if (limit)
        reader->failed = err_fail(&reader->detail, code, place, "%s: at most %d are taken", text, limit);
    else
        reader->failed = err_fail(&reader->detail, code, place, "%s", text);
}

static void take_field(void *bytes, size_t size, void *context)
{
    struct csv_reader *reader = context;
    if (reader->failed)
        return;
    if (size > CSV_FIELD_BYTES_MAX) {
        fail(reader, ERR_LIMIT, reader->row_line, "a field has too many bytes", CSV_FIELD_BYTES_MAX);
    } else if (reader->ends.count == CSV_COLUMNS_MAX) {
        fail(reader, ERR_LIMIT, reader->row_line, "the row has too many columns", CSV_COLUMNS_MAX);
    } else if (reader->bytes.size + size > CSV_ROW_BYTES_MAX) {
        fail(reader, ERR_LIMIT, reader->row_line, "the row has too many bytes", CSV_ROW_BYTES_MAX);
    } else {
        buf_put(&reader->bytes, bytes, size);
        *array_push(&reader->ends) = reader->bytes.size;
    }
}

static void take_row_end(int terminator, void *context)
{
    (void)terminator;
    struct csv_reader *reader = context;
    reader->in_row = false;
    if (reader->failed)
        return;
    array_clear(&reader->fields);
    size_t begin = 0;
    array_each (&reader->ends, i) {
        *array_push(&reader->fields) =
            (struct str){reader->bytes.data + begin, reader->ends.items[i] - begin};
        begin = reader->ends.items[i];
    }
    struct csv_row row = {reader->fields.items, (uint32_t)reader->fields.count, ++reader->row_number,
                          reader->row_line};
    struct err_detail *detail = &reader->detail;
    *detail = (struct err_detail){0};
    reader->failed = reader->take_row(reader->context, &row, detail);
    if (reader->failed) {
        char place[sizeof detail->place];
        snprintf(place, sizeof place, "%s:%" PRIu64, reader->name, row.line);
        err_prefix(detail, place);
    }
    array_clear(&reader->ends);
    buf_clear(&reader->bytes);
}

/* The size of the first piece of these bytes: up to and with the first line break of either kind. */
static size_t piece_size(struct str bytes)
{
    size_t size = bytes.size < PIECE_BYTES_MAX ? bytes.size : PIECE_BYTES_MAX;
    const char *feed = memchr(bytes.data, '\n', size);
    if (feed)
        size = (size_t)(feed - bytes.data) + 1;
    const char *carriage = memchr(bytes.data, '\r', size);
    return carriage ? (size_t)(carriage - bytes.data) + 1 : size;
}

static void feed_piece(struct csv_reader *reader, struct str piece)
{
    bool breaks = piece.data[0] == '\n' || piece.data[0] == '\r';
    if (!reader->in_row && !breaks) {
        reader->in_row = true;
        reader->row_line = reader->line;
    }
    size_t taken = csv_parse(&reader->parser, piece.data, piece.size, take_field, take_row_end, reader);
    CHECK(csv_error(&reader->parser) != CSV_ENOMEM);
    if (reader->failed)
        return;
    if (taken != piece.size)
        fail(reader, ERR_INVALID, reader->line,
             "a quote stands where none may: put the whole field in quotes and double those inside it", 0);
    else if (reader->parser.entry_pos > CSV_FIELD_BYTES_MAX)
        fail(reader, ERR_LIMIT, reader->row_line, "a field has too many bytes (is a quote left open?)",
             CSV_FIELD_BYTES_MAX);
    reader->line += piece.data[piece.size - 1] == '\n';
}

static void feed_pieces(struct csv_reader *reader, struct str bytes)
{
    while (bytes.size && !reader->failed) {
        size_t size = piece_size(bytes);
        feed_piece(reader, (struct str){bytes.data, size});
        bytes.data += size;
        bytes.size -= size;
    }
}

/* Takes the byte order mark off, or gives its first bytes to the parser where it turns out not to be one. */
static struct str skip_mark(struct csv_reader *reader, struct str bytes)
{
    while (bytes.size && reader->mark_matched < MARK_DONE) {
        if (bytes.data[0] != mark[reader->mark_matched]) {
            size_t matched = reader->mark_matched;
            reader->mark_matched = MARK_DONE;
            feed_pieces(reader, (struct str){mark, matched});
            break;
        }
        reader->mark_matched++;
        bytes.data++;
        bytes.size--;
    }
    return bytes;
}

static enum err result(const struct csv_reader *reader, struct err_detail *detail)
{
    if (reader->failed && detail)
        *detail = reader->detail;
    return reader->failed;
}

enum err csv_reader_feed(struct csv_reader *reader, struct str bytes, struct err_detail *detail)
{
    if (!reader->failed)
        feed_pieces(reader, skip_mark(reader, bytes));
    return result(reader, detail);
}

enum err csv_reader_finish(struct csv_reader *reader, struct err_detail *detail)
{
    if (!reader->failed && reader->mark_matched < MARK_DONE)
        feed_pieces(reader, (struct str){mark, reader->mark_matched});
    if (reader->failed)
        return result(reader, detail);
    int status = csv_fini(&reader->parser, take_field, take_row_end, reader);
    if (status != 0 && !reader->failed)
        fail(reader, ERR_INVALID, reader->row_line,
             "the row that begins here has a quote that is never closed", 0);
    return result(reader, detail);
}

enum err csv_header_of_row(const struct csv_row *row, struct arena *arena, struct csv_header *ret,
                           struct err_detail *detail)
{
    struct csv_header header = {.names = NULL};
    struct str *names = arena_take_array(arena, row->count, sizeof *names);
    header.names = names;
    for (uint32_t i = 0; i < row->count; i++) {
        struct str name = row->fields[i];
        uint32_t twin;
        if (name.size == 0)
            return err_fail(detail, ERR_INVALID, "", "column %u has no name in the header", i + 1);
        if (!str_is_utf8(name))
            return err_fail(detail, ERR_INVALID, "", "the name of column %u is not UTF-8", i + 1);
        if (csv_header_find(&header, name, &twin))
            return err_fail(detail, ERR_INVALID, "", "columns %u and %u are both named \"%.*s\"; rename one",
                            twin + 1, i + 1, name.size < 100 ? (int)name.size : 100, name.data);
        names[i] = arena_str(arena, name);
        header.count++;
    }
    *ret = header;
    return ERR_OK;
}

bool csv_header_find(const struct csv_header *header, struct str name, uint32_t *ret_column)
{
    for (uint32_t i = 0; i < header->count; i++) {
        if (str_equal(header->names[i], name)) {
            *ret_column = i;
            return true;
        }
    }
    return false;
}
