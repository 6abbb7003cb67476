/* A block of what contacts have done, as bytes. It is a function of what was folded in, not of the order:
 * everything stands in order of contact, name and aggregate, moments from the oldest on.
 *
 *     format 1 · aggregates registered a · counts · a × aggregate
 *
 *     counts:    contacts with any · each: gap to the one before, names k,
 *                k × (gap of the name's id, count, first, last - first)
 *     aggregate: contacts with any · each: gap, count,
 *                as many moments as the limit keeps of that count × (time, seq);
 *                times after the first as the difference to the one before
 */
#include "base/check.h"
#include "event/past_state.h"

enum { BLOCK_FORMAT = 1 };

/* ── writing ──────────────────────────────────────────────────────────────── */

static void put_counts_of(const struct past *past, uint32_t contact, struct buf *out)
{
    uint32_t names = pockets_count(&past->counts, contact);
    uint16_t name = 0, last = 0;
    buf_put_varint(out, names);
    for (uint32_t k = 0; k < names; k++, last = name) {
        const struct past_packed *count = pockets_at(&past->counts, contact, k, &name);
        buf_put_varint(out, (uint64_t)(name - last));
        buf_put_varint(out, count->count);
        buf_put_zigzag(out, count->first_ms);
        buf_put_varint(out, (uint64_t)count->last_ms - (uint64_t)count->first_ms);
    }
}

static void put_counts(const struct past *past, uint32_t first, struct buf *out)
{
    uint32_t holders = 0, last = 0;
    for (uint32_t i = 0; i < PAST_CHUNK; i++)
        holders += pockets_count(&past->counts, first + i) > 0;
    buf_put_varint(out, holders);
    for (uint32_t i = 0; i < PAST_CHUNK; i++) {
        if (pockets_count(&past->counts, first + i) == 0)
            continue;
        buf_put_varint(out, i - last);
        put_counts_of(past, first + i, out);
        last = i;
    }
}

static void put_moments(const struct rings *rings, uint32_t contact, struct buf *out)
{
    uint32_t kept = rings_kept(rings, contact);
    uint64_t last_ms = 0;
    for (uint32_t k = kept; k-- > 0;) {
        struct past_moment moment = rings_moment(rings, contact, k);
        if (k == kept - 1)
            buf_put_zigzag(out, moment.at_ms);
        else
            buf_put_varint(out, (uint64_t)moment.at_ms - last_ms);
        buf_put_varint(out, moment.seq);
        last_ms = (uint64_t)moment.at_ms;
    }
}

static void put_aggregate(const struct rings *rings, uint32_t first, struct buf *out)
{
    uint32_t holders = 0, last = 0;
    for (uint32_t i = 0; i < PAST_CHUNK; i++)
        holders += rings_count(rings, first + i) > 0;
    buf_put_varint(out, holders);
    for (uint32_t i = 0; i < PAST_CHUNK; i++) {
        if (rings_count(rings, first + i) == 0)
            continue;
        buf_put_varint(out, i - last);
        buf_put_varint(out, rings_count(rings, first + i));
        put_moments(rings, first + i, out);
        last = i;
    }
}

void past_encode(const struct past *past, uint32_t chunk, struct buf *out)
{
    CHECK(chunk < UINT32_MAX / PAST_CHUNK + 1);
    buf_put_varint(out, BLOCK_FORMAT);
    buf_put_varint(out, past->aggregates.count);
    put_counts(past, chunk * PAST_CHUNK, out);
    array_each (&past->aggregates, a)
        put_aggregate(&past->aggregates.items[a], chunk * PAST_CHUNK, out);
}

/* ── reading: every function is false where the bytes make no sense ───────── */

struct block {
    struct past *past;
    struct reader *r;
    uint32_t first;
    const char *wrong; /* what makes no sense, once something does not */
};

static bool wrong(struct block *block, const char *what)
{
    if (!block->wrong)
        block->wrong = what;
    return false;
}

/* The next holder's place in the chunk, after `*i` where it is not the first. */
static bool read_holder(struct block *block, bool is_first, uint32_t *i)
{
    uint64_t gap = reader_varint(block->r);
    if (block->r->failed || (gap == 0 && !is_first) || gap >= PAST_CHUNK - *i)
        return wrong(block, "a contact's number");
    *i += (uint32_t)gap;
    return true;
}

static bool read_counts_of(struct block *block, uint32_t contact)
{
    uint64_t names = reader_varint(block->r), name = 0;
    for (uint64_t k = 0; k < names; k++) {
        uint64_t gap = reader_varint(block->r), count = reader_varint(block->r);
        int64_t first_ms = reader_zigzag(block->r), last_ms;
        uint64_t span = reader_varint(block->r);
        if (block->r->failed || gap == 0 || gap >= UINT16_MAX - name || count == 0 || count > UINT32_MAX ||
            __builtin_add_overflow(first_ms, span, &last_ms))
            return wrong(block, "a count");
        name += gap;
        bool is_new;
        struct past_packed *to = past_put(block->past, contact, (uint16_t)name, &is_new);
        *to = (struct past_packed){(uint32_t)count, first_ms, last_ms};
    }
    return names > 0 || wrong(block, "a contact without counts among those with some");
}

static bool read_counts(struct block *block)
{
    uint64_t holders = reader_varint(block->r);
    uint32_t i = 0;
    for (uint64_t h = 0; h < holders; h++) {
        if (!read_holder(block, h == 0, &i) || !read_counts_of(block, block->first + i))
            return false;
    }
    return !block->r->failed || wrong(block, "the counts");
}

static bool read_moments(struct block *block, struct rings *rings, uint32_t contact, uint64_t count)
{
    uint32_t kept = count < rings->limit ? (uint32_t)count : rings->limit;
    int64_t last_ms = 0;
    for (uint32_t k = 0; k < kept; k++) {
        struct past_moment moment = {.at_ms = last_ms};
        uint64_t later = 0;
        if (k == 0)
            moment.at_ms = reader_zigzag(block->r);
        else
            later = reader_varint(block->r);
        moment.seq = reader_varint(block->r);
        if (block->r->failed || __builtin_add_overflow(moment.at_ms, later, &moment.at_ms))
            return wrong(block, "a moment");
        rings_add(rings, contact, moment);
        last_ms = moment.at_ms;
    }
    rings_set_count(rings, contact, count);
    return true;
}

static bool read_aggregate(struct block *block, struct rings *rings)
{
    uint64_t holders = reader_varint(block->r);
    uint32_t i = 0;
    for (uint64_t h = 0; h < holders; h++) {
        if (!read_holder(block, h == 0, &i))
            return false;
        uint64_t count = reader_varint(block->r);
        if (block->r->failed || count == 0)
            return wrong(block, "an aggregate's count");
        if (!read_moments(block, rings, block->first + i, count))
            return false;
    }
    return !block->r->failed || wrong(block, "an aggregate");
}

static void clear(struct block *block)
{
    uint32_t chunk = block->first / PAST_CHUNK;
    array_each (&block->past->doers, name) {
        struct past_doers *doers = &block->past->doers.items[name];
        if (chunk < doers->chunks.count && doers->chunks.items[chunk])
            memset(doers->chunks.items[chunk], 0, PAST_CHUNK / 8);
    }
    for (uint32_t i = 0; i < PAST_CHUNK; i++) {
        pockets_clear(&block->past->counts, block->first + i);
        array_each (&block->past->aggregates, a)
            rings_clear(&block->past->aggregates.items[a], block->first + i);
    }
}

static bool read_block(struct block *block, uint16_t *ret_aggregates)
{
    if (reader_varint(block->r) != BLOCK_FORMAT)
        return wrong(block, "the block's format");
    uint64_t aggregates = reader_varint(block->r);
    if (block->r->failed || aggregates > block->past->aggregates.count)
        return wrong(block, "the number of aggregates");
    clear(block);
    if (!read_counts(block))
        return false;
    for (uint64_t a = 0; a < aggregates; a++) {
        if (!read_aggregate(block, &block->past->aggregates.items[a]))
            return false;
    }
    *ret_aggregates = (uint16_t)aggregates;
    return true;
}

enum err past_decode(struct past *past, uint32_t chunk, struct reader *r, uint16_t *ret_aggregates,
                     struct err_detail *detail)
{
    struct block block = {.past = past, .r = r, .first = chunk * PAST_CHUNK};
    if (chunk > UINT32_MAX / PAST_CHUNK)
        block.wrong = "its place";
    else if (read_block(&block, ret_aggregates))
        return ERR_OK;
    return err_fail(detail, ERR_CORRUPT, "past", "block %u of past events is damaged at %s; restore a backup",
                    chunk, block.wrong);
}
