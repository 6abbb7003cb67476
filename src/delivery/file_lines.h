/* The lines of a file that is already there: what a crash left of them, and which keys they hold. */
#ifndef DELIVERY_FILE_LINES_H
#define DELIVERY_FILE_LINES_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "json/reader.h"

/* Every line begins with this, so that a key is found without parsing. */
#define FILE_LINE_START "{\"key\":\""

/* Takes out what is no whole line among those of the last unsynced group, which may be the file's last
 * `window_bytes` or its last line; whole lines after a torn one stay. On success all of `ret_bytes` is
 * synced. ERR_REFUSED: the file does not begin as one of ours. */
enum err file_lines_mend(int fd, const char *path, uint64_t window_bytes, struct json_reader *reader,
                         uint64_t *ret_bytes, struct err_detail *detail);

/* ret[i] becomes true where a whole line of the first `bytes` has keys[i]. One reading of the file. */
enum err file_lines_find(int fd, const char *path, uint64_t bytes, struct json_reader *reader,
                         const struct str *keys, size_t count, bool *ret, struct err_detail *detail);

/* The err and the detail for a system call that has just failed. */
enum err file_failed(const char *path, const char *what, struct err_detail *detail);
/* All of it at `offset`, or what went wrong. */
enum err file_put(int fd, const char *path, struct str bytes, uint64_t offset, struct err_detail *detail);

#endif
