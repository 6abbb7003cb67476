/* What a file of records is, by its name and its first bytes. */
#ifndef INGEST_FORMAT_H
#define INGEST_FORMAT_H
#include "base/str.h"

/* A name that ends in .csv is CSV, in .ndjson, .jsonl or .json NDJSON (each with .gz behind it or without);
 * anything else goes by its first character. */
bool format_is_csv(const char *name, struct str bytes);
/* Of the byte order mark at the beginning: 0 or 3. */
size_t format_mark_size(struct str bytes);

#endif
