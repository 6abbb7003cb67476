/* Foreign text inside a message: in quotes, shortened, one line, UTF-8. */
#ifndef INGEST_QUOTE_H
#define INGEST_QUOTE_H
#include "base/str.h"

enum { QUOTE_BYTES = 80 };

/* Returns ret_text. Control characters and bytes that are not UTF-8 are shown as `?`. */
const char *quote(struct str text, char ret_text[QUOTE_BYTES]);

#endif
