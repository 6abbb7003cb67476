/* How deep the arrays and objects of a JSON text are nested, found without parsing it. */
#ifndef JSON_DEPTH_H
#define JSON_DEPTH_H
#include <stdbool.h>

#include "base/str.h"

/* True and the offset of the first bracket that opens one level too many. On a text that is not JSON the
 * answer is a guess: a parser has the last word. */
bool depth_exceeds(struct str text, int levels_max, size_t *ret_offset);

#endif
