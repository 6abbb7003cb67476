#include "http/body.h"

#include <zlib.h>

#include "base/array.h"
#include "base/check.h"

enum {
    CAPACITY_MIN = 4096,
    STREAM_BYTES = 48 * 1024,   /* zlib: a window of 32 KB, tables, state */
    UNPACKED_BYTES = 64 * 1024, /* at once, on their way to a file */
    GZIP_ONLY = 16 + MAX_WBITS
};

bool budget_take(struct budget *budget, size_t bytes)
{
    size_t used = atomic_load(&budget->used);
    do {
        if (bytes > budget->max || used > budget->max - bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + bytes));
    return true;
}

void budget_give(struct budget *budget, size_t bytes)
{
    CHECK(atomic_fetch_sub(&budget->used, bytes) >= bytes);
}

void body_init(struct body *body, struct budget *budget, size_t bytes_max, bool is_gzip)
{
    *body = (struct body){.budget = budget, .bytes_max = bytes_max, .is_gzip = is_gzip};
}

void body_deinit(struct body *body)
{
    if (body->stream) {
        inflateEnd(body->stream);
        free(body->stream);
    }
    spool_drop(&body->spool);
    free(body->data);
    if (body->taken)
        budget_give(body->budget, body->taken);
    body->stream = NULL;
    body->data = NULL;
    body->size = body->capacity = body->taken = 0;
}

/* Twice the capacity, at least `wanted`, never over bytes_max; old and new are both there while it is copied.
 */
static bool grow(struct body *body, size_t wanted)
{
    size_t capacity = body->capacity ? body->capacity * 2 : CAPACITY_MIN;
    if (capacity < wanted)
        capacity = wanted;
    if (capacity > body->bytes_max)
        capacity = body->bytes_max;
    if (!budget_take(body->budget, capacity))
        return false;
    char *data = memory_take(capacity);
    if (body->size)
        memcpy(data, body->data, body->size);
    free(body->data);
    budget_give(body->budget, body->capacity);
    body->taken += capacity - body->capacity;
    body->data = data;
    body->capacity = capacity;
    return true;
}

static enum body_verdict verdict_of(enum spool_verdict verdict)
{
    switch (verdict) {
    case SPOOL_FINE: return BODY_FINE;
    case SPOOL_FULL: return BODY_DISK_FULL;
    case SPOOL_FAILED: break;
    }
    return BODY_DISK_FAILED;
}

enum body_verdict body_spool(struct body *body, const char *directory)
{
    CHECK(body->bytes_in == 0 && !body->spool.path);
    return verdict_of(spool_open(&body->spool, directory));
}

static enum body_verdict put_plain(struct body *body, struct str bytes)
{
    if (body->spool.path)
        return bytes.size > body->bytes_max - body->spool.size ? BODY_TOO_LARGE
                                                               : verdict_of(spool_write(&body->spool, bytes));
    if (bytes.size > body->bytes_max - body->size)
        return BODY_TOO_LARGE;
    if (bytes.size > body->capacity - body->size && !grow(body, body->size + bytes.size))
        return BODY_NO_ROOM;
    memcpy(body->data + body->size, bytes.data, bytes.size);
    body->size += bytes.size;
    return BODY_FINE;
}

static bool stream_open(struct body *body)
{
    if (!budget_take(body->budget, STREAM_BYTES))
        return false;
    body->taken += STREAM_BYTES;
    body->stream = memory_take_zeroed(1, sizeof *body->stream);
    CHECK(inflateInit2(body->stream, GZIP_ONLY) == Z_OK);
    return true;
}

/* Where the next unpacked bytes may go, and how many; 0 = the body has as many as it may. False where memory
 * is used up. */
static bool find_room(struct body *body, size_t *ret)
{
    size_t left = body->bytes_max - body->size;
    if (body->spool.path) {
        left = body->bytes_max - body->spool.size;
        if (!body->data) {
            if (!budget_take(body->budget, UNPACKED_BYTES))
                return false;
            body->data = memory_take(UNPACKED_BYTES);
            body->capacity = UNPACKED_BYTES;
            body->taken += UNPACKED_BYTES;
        }
    } else if (left && body->size == body->capacity && !grow(body, body->capacity + 1)) {
        return false;
    }
    size_t room = body->capacity - body->size;
    *ret = left < room ? left : room;
    return true;
}

static enum body_verdict unpacked(struct body *body, size_t bytes)
{
    if (body->spool.path)
        return verdict_of(spool_write(&body->spool, (struct str){body->data, bytes}));
    body->size += bytes;
    return BODY_FINE;
}

static enum body_verdict put_gzip(struct body *body, struct str bytes)
{
    if (!body->stream && !stream_open(body))
        return BODY_NO_ROOM;
    z_stream *stream = body->stream;
    stream->next_in = (Bytef *)(uintptr_t)bytes.data;
    stream->avail_in = (uInt)bytes.size;
    bool room_left = false; /* zlib may still hold output when its input is used up */
    while (stream->avail_in || !room_left) {
        if (body->between_members) {
            if (!stream->avail_in)
                break;
            CHECK(inflateReset(stream) == Z_OK);
            body->between_members = false;
        }
        size_t room;
        if (!find_room(body, &room))
            return BODY_NO_ROOM;
        Bytef one_more; /* where the body is full, the next byte proves that it is too large */
        stream->next_out = room ? (Bytef *)body->data + body->size : &one_more;
        stream->avail_out = room ? (uInt)room : 1;
        int status = inflate(stream, Z_NO_FLUSH);
        if (!room && stream->avail_out == 0)
            return BODY_TOO_LARGE;
        room_left = stream->avail_out > 0;
        enum body_verdict verdict = unpacked(body, room ? room - stream->avail_out : 0);
        if (verdict != BODY_FINE)
            return verdict;
        if (status == Z_STREAM_END)
            body->between_members = true;
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return BODY_DAMAGED;
    }
    return BODY_FINE;
}

enum body_verdict body_put(struct body *body, struct str bytes)
{
    CHECK(bytes.size <= UINT32_MAX);
    enum body_verdict verdict = BODY_TOO_LARGE;
    if (bytes.size <= body->bytes_max - body->bytes_in) {
        body->bytes_in += bytes.size;
        verdict = body->is_gzip ? put_gzip(body, bytes) : put_plain(body, bytes);
    }
    if (verdict != BODY_FINE)
        body_deinit(body);
    return verdict;
}

enum body_verdict body_end(struct body *body)
{
    if (!body->is_gzip || body->between_members)
        return BODY_FINE;
    body_deinit(body);
    return BODY_DAMAGED;
}
