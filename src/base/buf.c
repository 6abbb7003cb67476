#include "base/buf.h"

#include <stdarg.h>

#include "base/array.h"
#include "base/check.h"

char *buf_reserve(struct buf *buf, size_t more)
{
    if (!buf->data || buf->capacity - buf->size < more)
        buf->data = array_grow(buf->data, &buf->capacity, buf->size + more, 1);
    return buf->data + buf->size;
}

void buf_put(struct buf *buf, const void *bytes, size_t size)
{
    char *to = buf_reserve(buf, size);
    if (size)
        memcpy(to, bytes, size);
    buf->size += size;
}

void buf_put_str(struct buf *buf, struct str s)
{
    buf_put(buf, s.data, s.size);
}

void buf_put_text(struct buf *buf, const char *terminated)
{
    buf_put(buf, terminated, strlen(terminated));
}

void buf_put_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->size++;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    CHECK(size >= 0);
    vsnprintf(buf_reserve(buf, (size_t)size + 1), (size_t)size + 1, format, again);
    buf->size += (size_t)size;
    va_end(args);
    va_end(again);
}

void buf_put_decimal(struct buf *buf, int64_t value)
{
    char digits[20];
    size_t count = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[sizeof digits - ++count] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        buf_put_char(buf, '-');
    buf_put(buf, digits + sizeof digits - count, count);
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    buf_put(buf, bytes, sizeof bytes);
}

void buf_put_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    while (value >= 0x80) {
        bytes[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[count++] = (uint8_t)value;
    buf_put(buf, bytes, count);
}

void buf_put_zigzag(struct buf *buf, int64_t value)
{
    buf_put_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buf_put_sized(struct buf *buf, struct str s)
{
    buf_put_varint(buf, s.size);
    buf_put_str(buf, s);
}

void buf_deinit(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

static bool reader_has(struct reader *r, size_t size)
{
    if (!r->failed && (size_t)(r->end - r->at) >= size)
        return true;
    r->failed = true;
    return false;
}

uint64_t reader_u64(struct reader *r)
{
    if (!reader_has(r, 8))
        return 0;
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)(uint8_t)r->at[i] << (8 * i);
    r->at += 8;
    return value;
}

uint64_t reader_varint(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!reader_has(r, 1))
            return 0;
        uint8_t byte = (uint8_t)*r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->failed = true;
    return 0;
}

int64_t reader_zigzag(struct reader *r)
{
    uint64_t value = reader_varint(r);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

struct str reader_bytes(struct reader *r, size_t size)
{
    if (!reader_has(r, size))
        return STR("");
    struct str s = {r->at, size};
    r->at += size;
    return s;
}

struct str reader_sized(struct reader *r)
{
    return reader_bytes(r, reader_varint(r));
}
