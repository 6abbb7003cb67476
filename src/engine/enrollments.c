#include "engine/enrollments.h"

#include "base/check.h"
#include "base/memory.h"

struct enrollment_chunk {
    uint32_t open;
    struct enrollment items[ENROLLMENTS_CHUNK];
};

static struct enrollment_chunk *chunk_of(const struct enrollments *all, uint32_t id)
{
    uint32_t number = id / ENROLLMENTS_CHUNK;
    return number < all->chunks.count ? all->chunks.items[number] : NULL;
}

struct enrollment *enrollments_find(const struct enrollments *all, uint32_t id)
{
    struct enrollment_chunk *chunk = chunk_of(all, id);
    if (!chunk)
        return NULL;
    struct enrollment *e = &chunk->items[id % ENROLLMENTS_CHUNK];
    return e->bits & ENROLLMENT_OPEN ? e : NULL;
}

struct enrollment *enrollments_open(struct enrollments *all, uint32_t id)
{
    uint32_t number = id / ENROLLMENTS_CHUNK;
    while (all->chunks.count <= number)
        *array_push(&all->chunks) = NULL;
    if (!all->chunks.items[number]) {
        all->chunks.items[number] = memory_take_zeroed(1, sizeof(struct enrollment_chunk));
        all->chunks_made++;
    }
    struct enrollment_chunk *chunk = all->chunks.items[number];
    struct enrollment *e = &chunk->items[id % ENROLLMENTS_CHUNK];
    CHECK(!(e->bits & ENROLLMENT_OPEN));
    *e = (struct enrollment){
        .bits = ENROLLMENT_OPEN, .next = ENROLLMENT_NONE, .due_ms = ENROLLMENT_INSTANT_NEVER};
    chunk->open++;
    all->open++;
    return e;
}

void enrollments_close(struct enrollments *all, uint32_t id)
{
    struct enrollment_chunk *chunk = chunk_of(all, id);
    CHECK(chunk && chunk->items[id % ENROLLMENTS_CHUNK].bits & ENROLLMENT_OPEN);
    chunk->items[id % ENROLLMENTS_CHUNK].bits = 0;
    chunk->open--;
    all->open--;
    if (chunk->open == 0) {
        free(chunk);
        all->chunks.items[id / ENROLLMENTS_CHUNK] = NULL;
        all->chunks_made--;
    }
}

uint32_t enrollments_next(const struct enrollments *all, uint32_t from)
{
    for (uint32_t id = from; id / ENROLLMENTS_CHUNK < all->chunks.count;) {
        const struct enrollment_chunk *chunk = all->chunks.items[id / ENROLLMENTS_CHUNK];
        if (!chunk) {
            id = (id / ENROLLMENTS_CHUNK + 1) * ENROLLMENTS_CHUNK;
            continue;
        }
        if (chunk->items[id % ENROLLMENTS_CHUNK].bits & ENROLLMENT_OPEN)
            return id;
        id++;
    }
    return ENROLLMENT_NONE;
}

void enrollments_deinit(struct enrollments *all)
{
    array_each (&all->chunks, i)
        free(all->chunks.items[i]);
    array_free(&all->chunks);
}

uint64_t enrollments_bytes(const struct enrollments *all)
{
    return array_bytes(&all->chunks) + (uint64_t)all->chunks_made * sizeof(struct enrollment_chunk);
}

void enrollments_encode(const struct enrollments *all, uint32_t number, struct buf *out)
{
    const struct enrollment_chunk *chunk = number < all->chunks.count ? all->chunks.items[number] : NULL;
    buf_put_varint(out, chunk ? chunk->open : 0);
    for (uint32_t i = 0; chunk && i < ENROLLMENTS_CHUNK; i++) {
        const struct enrollment *e = &chunk->items[i];
        if (!(e->bits & ENROLLMENT_OPEN))
            continue;
        buf_put_varint(out, i);
        buf_put_varint(out, e->contact);
        buf_put_varint(out, e->version);
        buf_put_varint(out, e->node);
        buf_put_varint(out, e->bits);
        buf_put_varint(out, e->visits);
        buf_put_varint(out, e->pending);
        buf_put_zigzag(out, e->due_ms);
        buf_put_zigzag(out, e->entered_ms);
        buf_put_zigzag(out, e->arrived_ms);
        buf_put_varint(out, e->entered_seq);
        buf_put_varint(out, e->arrived_seq);
    }
}

enum err enrollments_decode(struct enrollments *all, uint32_t number, struct reader *r,
                            struct err_detail *detail)
{
    for (uint32_t i = 0; i < ENROLLMENTS_CHUNK; i++) {
        if (enrollments_find(all, number * ENROLLMENTS_CHUNK + i))
            enrollments_close(all, number * ENROLLMENTS_CHUNK + i);
    }
    uint64_t count = reader_varint(r);
    for (uint64_t n = 0; n < count && !r->failed; n++) {
        uint64_t i = reader_varint(r);
        if (i >= ENROLLMENTS_CHUNK || enrollments_find(all, number * ENROLLMENTS_CHUNK + (uint32_t)i))
            return err_fail(detail, ERR_CORRUPT, "", "enrollment block %u holds an impossible id", number);
        struct enrollment *e = enrollments_open(all, number * ENROLLMENTS_CHUNK + (uint32_t)i);
        e->contact = (uint32_t)reader_varint(r);
        e->version = (uint16_t)reader_varint(r);
        e->node = (uint8_t)reader_varint(r);
        e->bits = (uint8_t)reader_varint(r) | ENROLLMENT_OPEN;
        e->visits = (uint32_t)reader_varint(r);
        e->pending = (uint16_t)reader_varint(r);
        e->due_ms = reader_zigzag(r);
        e->entered_ms = reader_zigzag(r);
        e->arrived_ms = reader_zigzag(r);
        e->entered_seq = reader_varint(r);
        e->arrived_seq = reader_varint(r);
    }
    return r->failed ? err_fail(detail, ERR_CORRUPT, "", "enrollment block %u ends too early", number)
                     : ERR_OK;
}
