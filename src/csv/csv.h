/* Rows out of CSV bytes as they arrive (RFC 4180 by libcsv's strict mode): comma, quotes doubled inside
 * quotes, line breaks allowed inside quotes, LF or CRLF at the end of a row, spaces kept, empty lines
 * skipped, a byte order mark at the very start dropped. What the columns mean, how many a row must have and
 * whether their bytes are UTF-8 is the caller's matter. Not thread-safe: a reader belongs to one thread. */
#ifndef CSV_CSV_H
#define CSV_CSV_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { CSV_FIELD_BYTES_MAX = 1 << 20, CSV_ROW_BYTES_MAX = 16 << 20, CSV_COLUMNS_MAX = 1024 };

/* Valid during the callback only, its bytes too: the reader reuses them for the next row. */
struct csv_row {
    const struct str *fields;
    uint32_t count;
    uint64_t number; /* from 1, the header counts */
    uint64_t line; /* on which the row begins, from 1; a quoted line break makes it differ from the number */
};

/* Takes one row. Anything but ERR_OK ends the reading with this error; the reader puts `name:line` in front
 * of the place in `detail`. */
typedef enum err csv_take_row(void *context, const struct csv_row *row, struct err_detail *detail);

struct csv_reader;

/* `name` (a file name or "body", borrowed for the reader's life) stands in the place of errors as
 * `name:line`. */
struct csv_reader *csv_reader_new(const char *name, csv_take_row *take_row, void *context);
void csv_reader_free(struct csv_reader *reader);

/* The next bytes of the text, cut anywhere. ERR_INVALID for a quote that opens inside a field or is followed
 * by more text, ERR_LIMIT over the limits above, or the callback's own error. After an error the reader is at
 * its end: every further call fails with the same code. */
enum err csv_reader_feed(struct csv_reader *reader, struct str bytes, struct err_detail *detail);
/* The end of the text: hands out a last row without line break; ERR_INVALID where a quote is still open. */
enum err csv_reader_finish(struct csv_reader *reader, struct err_detail *detail);

/* The names of the columns, by a row that holds them. */
struct csv_header {
    const struct str *names;
    uint32_t count;
};

/* Copies the names into the arena. ERR_INVALID where a name is empty, comes twice or is not UTF-8; the place
 * stays empty, as the callback from which this is called has its line put there. */
enum err csv_header_of_row(const struct csv_row *row, struct arena *arena, struct csv_header *ret,
                           struct err_detail *detail);
/* The column of this name; false where there is none. */
bool csv_header_find(const struct csv_header *header, struct str name, uint32_t *ret_column);

#endif
