#include "ingest/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"

enum { RAW_BYTES = 256 << 10, WINDOW_BITS_GZIP = 15 + 16 };

struct source {
    int fd;
    uint64_t position; /* in the file */
    uint64_t bytes;    /* given out */
    bool begun, packed, in_member;
    z_stream stream;
    char *raw; /* packed bytes that have been read; the stream points into them */
};

struct source *source_new(int fd)
{
    struct source *source = memory_take_zeroed(1, sizeof *source);
    source->fd = fd;
    return source;
}

void source_free(struct source *source)
{
    if (!source)
        return;
    if (source->packed)
        inflateEnd(&source->stream);
    free(source->raw);
    free(source);
}

static enum err read_file(struct source *source, char *bytes, size_t capacity, size_t *ret_size,
                          struct err_detail *detail)
{
    ssize_t size;
    do {
        size = pread(source->fd, bytes, capacity, (off_t)source->position);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return err_fail(detail, ERR_IO, "", "cannot be read: %s", strerror(errno));
    source->position += (size_t)size;
    *ret_size = (size_t)size;
    return ERR_OK;
}

/* Whether it is gzip, by its first two bytes. */
static enum err begin(struct source *source, struct err_detail *detail)
{
    char first[2];
    size_t size = 0;
    enum err err = read_file(source, first, sizeof first, &size, detail);
    if (err)
        return err;
    source->position = 0;
    source->begun = true;
    if (size < 2 || first[0] != '\x1f' || first[1] != '\x8b')
        return ERR_OK;
    CHECK(inflateInit2(&source->stream, WINDOW_BITS_GZIP) == Z_OK);
    source->packed = true;
    source->in_member = true;
    source->raw = memory_take(RAW_BYTES);
    return ERR_OK;
}

static enum err refill(struct source *source, bool *ret_end, struct err_detail *detail)
{
    size_t size = 0;
    enum err err = read_file(source, source->raw, RAW_BYTES, &size, detail);
    if (err)
        return err;
    *ret_end = size == 0;
    source->stream.next_in = (Bytef *)source->raw;
    source->stream.avail_in = (uInt)size;
    return ERR_OK;
}

static enum err unpack(struct source *source, char *bytes, size_t capacity, size_t *ret_size,
                       struct err_detail *detail)
{
    z_stream *stream = &source->stream;
    stream->next_out = (Bytef *)bytes;
    stream->avail_out = (uInt)capacity;
    while (stream->avail_out == capacity) {
        bool end = false;
        enum err err = stream->avail_in ? ERR_OK : refill(source, &end, detail);
        if (err)
            return err;
        if (end && source->in_member)
            return err_fail(detail, ERR_INVALID, "",
                            "the gzip data end before their end; the file is torn, make it again");
        if (end)
            break;
        if (!source->in_member)
            CHECK(inflateReset(stream) == Z_OK); /* the next member */
        source->in_member = true;
        int status = inflate(stream, Z_NO_FLUSH);
        if (status == Z_STREAM_END)
            source->in_member = false;
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return err_fail(detail, ERR_INVALID, "",
                            "the gzip data are damaged near byte %" PRIu64 "; make the file again",
                            source->position - stream->avail_in);
    }
    *ret_size = capacity - stream->avail_out;
    return ERR_OK;
}

enum err source_read(struct source *source, char *bytes, size_t capacity, size_t *ret_size,
                     struct err_detail *detail)
{
    enum err err = source->begun ? ERR_OK : begin(source, detail);
    if (!err)
        err = source->packed ? unpack(source, bytes, capacity, ret_size, detail)
                             : read_file(source, bytes, capacity, ret_size, detail);
    if (err)
        return err;
    source->bytes += *ret_size;
    if (source->bytes > SOURCE_BYTES_MAX)
        return err_fail(detail, ERR_LIMIT, "", "more than %" PRIu64 " bytes when unpacked; part the file",
                        SOURCE_BYTES_MAX);
    return ERR_OK;
}

uint64_t source_position(const struct source *source)
{
    return source->position - (source->packed ? source->stream.avail_in : 0);
}

enum err source_digest(int fd, bool (*stop)(void *context), void *context, char ret_hex[33],
                       struct err_detail *detail)
{
    struct source *source = source_new(fd);
    struct hash_stream *hash = hash_stream_new();
    char *bytes = memory_take(RAW_BYTES);
    size_t size = 1;
    enum err err = ERR_OK;
    while (!err && size) {
        if (stop && stop(context))
            err = err_fail(detail, ERR_REFUSED, "", "stopped");
        else
            err = source_read(source, bytes, RAW_BYTES, &size, detail);
        if (!err)
            hash_stream_put(hash, (struct str){bytes, size});
    }
    if (!err)
        hash_stream_hex(hash, ret_hex);
    free(bytes);
    hash_stream_free(hash);
    source_free(source);
    return err;
}
