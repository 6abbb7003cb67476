/* A ledger row's passages as JSON text, `[[node,outcome],…]`, for the column `path`. */
#ifndef STORE_SQLITE_PATH_TEXT_H
#define STORE_SQLITE_PATH_TEXT_H
#include "engine/fact.h"

enum { PATH_TEXT_BYTES_EACH = 10 }; /* at most, with its comma: `,[255,255]` */

/* Writes `count` > 0 passages to `ret_text`, which has room for count * PATH_TEXT_BYTES_EACH + 2. Returns the
 * size. */
size_t path_text_print(const struct passage *path, uint16_t count, char *ret_text);
/* False where the text is not such a path (no spaces are known); at most UINT16_MAX passages. */
struct passages {
    struct passage *items;
    size_t count, capacity;
};
bool path_text_parse(struct str text, struct passages *ret);

#endif
