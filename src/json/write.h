/* Pieces of JSON text appended to a buffer. */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In quotes and escaped; the bytes must be UTF-8, which is left as it is. */
void json_write_string(struct str s, struct buf *out);
/* As json_number_print. */
void json_write_number(double number, struct buf *out);
void json_write_bool(bool truth, struct buf *out);

#ifdef __cplusplus
}
#endif
#endif
