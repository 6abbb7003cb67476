/* The file of the rows that an import rejected: the rows as they were, in the file's own format, each with
 * its line and what is wrong with it, so that it can be mended and imported as it is. CSV: the header and
 * every row get `rejectedLine,rejectedReason` in front; NDJSON: the objects get these as their first keys,
 * and what is no object stands in `text`. Reading such a file ignores both. One thread. */
#ifndef INGEST_REJECTS_H
#define INGEST_REJECTS_H
#include "ingest/rows.h"

struct rejects;

/* The file is made anew with the first row that it gets, and removed where there was one before. The path is
 * borrowed. */
struct rejects *rejects_new(const char *path);
/* `rows` is where the row is from: its header and format. */
void rejects_put(struct rejects *rejects, const struct rows *rows, const struct row *row);
/* Makes it durable; the first failure of writing it. */
enum err rejects_finish(struct rejects *rejects, struct err_detail *detail);
void rejects_free(struct rejects *rejects);

/* The reason as it stands in the file: `timestamp: "x" is no instant …`. */
const char *reject_reason(const struct err_detail *why, char ret_text[sizeof(struct err_detail) + 2]);

#endif
