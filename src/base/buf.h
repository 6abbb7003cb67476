/* A growing run of bytes that one owner builds, and the reader that takes such bytes apart again with bounds
 * checked at every step. Integers are little-endian; varints are LEB128, signed ones zigzag. */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *data;
    size_t size, capacity;
};

/* Room for `more` bytes behind the end; the pointer is to the end. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_put(struct buf *buf, const void *bytes, size_t size);
void buf_put_str(struct buf *buf, struct str s); /* the bytes alone */
void buf_put_text(struct buf *buf, const char *terminated);
void buf_put_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_put_decimal(struct buf *buf, int64_t value); /* the digits, without printf */

void buf_put_u64(struct buf *buf, uint64_t value);
void buf_put_varint(struct buf *buf, uint64_t value);
void buf_put_zigzag(struct buf *buf, int64_t value);
void buf_put_sized(struct buf *buf, struct str s); /* varint size, then the bytes */

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data, buf->size};
}
static inline void buf_clear(struct buf *buf)
{
    buf->size = 0;
}
void buf_deinit(struct buf *buf);

struct reader {
    const char *at, *end;
    bool failed; /* set by the first read over the end; every later read gives 0 or "" */
};

static inline struct reader reader_of(struct str s)
{
    return (struct reader){s.data, s.size ? s.data + s.size : s.data, false};
}
uint64_t reader_u64(struct reader *r);
uint64_t reader_varint(struct reader *r);
int64_t reader_zigzag(struct reader *r);
struct str reader_sized(struct reader *r); /* borrowed from what is read */
struct str reader_bytes(struct reader *r, size_t size);
static inline bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->end;
}

#endif
