/* The bytes of a file that is imported, unpacked where they are gzip (one member or several), piece by piece
 * from the beginning. One thread. */
#ifndef INGEST_SOURCE_H
#define INGEST_SOURCE_H
#include "base/err.h"
#include "base/str.h"

/* What unpacked bytes a file may have: beyond, it is no list of records but a bomb. */
#define SOURCE_BYTES_MAX (UINT64_C(64) << 30)

struct source;

/* The descriptor is borrowed and read by position. */
struct source *source_new(int fd);
void source_free(struct source *source);

/* The next bytes, at most `capacity`; 0 = the end. ERR_INVALID where gzip data are damaged or end too early,
 * ERR_LIMIT over SOURCE_BYTES_MAX, ERR_IO. */
enum err source_read(struct source *source, char *bytes, size_t capacity, size_t *ret_size,
                     struct err_detail *detail);
uint64_t source_position(const struct source *source); /* of the file itself: what has been read of it */

/* 128 bits of all unpacked bytes, in hex: the same for a file and its gzip. Reads to the end, so a damaged
 * file is known before anything is taken of it. `stop` (may be NULL) is asked between pieces: true ends it
 * with ERR_REFUSED. */
enum err source_digest(int fd, bool (*stop)(void *context), void *context, char ret_hex[33],
                       struct err_detail *detail);

#endif
