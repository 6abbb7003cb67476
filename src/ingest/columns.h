/* What the columns of a CSV file mean, and a row of it as the record that Segment's form would give. */
#ifndef INGEST_COLUMNS_H
#define INGEST_COLUMNS_H
#include "csv/csv.h"
#include "ingest/segment.h"

struct columns;

/* From the header; lives in the arena. Places of errors are `: name of the column`, to follow `file:line`. */
enum err columns_of_header(const struct csv_row *row, enum segment_form form, struct arena *arena,
                           const struct columns **ret, struct err_detail *detail);
/* One row; the body is written only where it is asked for. Everything lives in the arena. */
enum err columns_parse(const struct columns *columns, const struct csv_row *row, bool with_body,
                       struct arena *arena, struct segment *ret, struct err_detail *detail);

#endif
