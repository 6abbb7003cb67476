/* Problem details of RFC 9457, as bytes. Pure. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H
#include "base/buf.h"
#include "base/err.h"

/* The status that a code has of itself. */
unsigned problem_status(enum err code);

/* `{"type":…,"title":…,"status":…,"detail":…,"pointer":…}`. With ERR_OK the status says it all: type
 * `about:blank`, title the status's own phrase. `detail` may be NULL. A place that is no JSON pointer is the
 * member `place`. */
void problem_write(unsigned status, enum err code, const struct err_detail *detail, struct buf *out);

/* The phrase of a status: "Not Found". */
const char *problem_phrase(unsigned status);

#endif
