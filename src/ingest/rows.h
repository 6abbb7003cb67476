/* The records of a file that is imported, one after the other, in one pass and bounded memory: CSV or NDJSON
 * as docs/reference/files.md has them, packed with gzip or not. A row that cannot be taken is handed out too,
 * as it was, with its line and what is wrong with it; reading goes on behind it. What is wrong with the file
 * as a whole (its header, damaged gzip) ends it. One thread. */
#ifndef INGEST_ROWS_H
#define INGEST_ROWS_H
#include "ingest/segment.h"
#include "ingest/source.h"

/* Of a row over the limits only so much is shown. */
enum { ROW_SHOWN_BYTES_MAX = 1024 };

struct row {
    uint64_t place; /* the offset in the unpacked bytes at which it begins, from 1: what it is known by */
    uint64_t line;  /* on which it begins, from 1 */
    bool rejected;
    struct segment segment; /* where it was not; its body is written, `object` is not set */
    struct err_detail why;  /* where it was: place = a column or a JSON pointer */
    struct str text;        /* the row's bytes without the line break at its end; valid until the next */
    bool cut;               /* `text` is its beginning only */
};

struct rows;

/* `name` tells the format by its ending (`people.csv`, `events.ndjson.gz`), else the first character does.
 * Both are borrowed. */
struct rows *rows_new(int fd, const char *name, enum segment_form form);
void rows_free(struct rows *rows);

/* False = the end, or *ret_err with the file's own failure. The segment lives in the arena. */
bool rows_next(struct rows *rows, struct arena *arena, struct row *ret, enum err *ret_err,
               struct err_detail *detail);

bool rows_are_csv(const struct rows *rows);      /* known after the first row */
struct str rows_header(const struct rows *rows); /* a CSV file's first row as it was; empty = none */
uint64_t rows_position(const struct rows *rows); /* of the file itself, as source_position */

#endif
