#include "store/store_author.h"

#include <inttypes.h>

#include "base/check.h"

void author_begin(struct author *author, struct store *store, uint32_t partition)
{
    struct prng prng = author->prng;
    *author = (struct author){.store = store, .partition = partition, .prng = prng};
    CHECK(store_claim(store, partition, &author->epoch, &author->head, NULL) == ERR_OK);
}

static struct str some_text(struct author *author, struct batch *batch, unsigned bytes_max)
{
    unsigned size = (unsigned)prng_below(&author->prng, bytes_max + 1);
    char *text = arena_take(&batch->bytes, size + 1);
    for (unsigned i = 0; i < size; i++)
        text[i] = (char)('a' + prng_below(&author->prng, 26));
    return (struct str){text, size};
}

static int64_t some_instant(struct author *author)
{
    return prng_chance(&author->prng, 20) ? INSTANT_NEVER : (int64_t)prng_below(&author->prng, INSTANT_END);
}

static void decide_event(struct author *author, struct batch *batch, uint64_t seq)
{
    struct prng *prng = &author->prng;
    *array_push(&batch->events) = (struct event_row){.seq = seq,
                                                     .prev = author->last_row,
                                                     .message = prng_chance(prng, 50) ? prng_next(prng) : 0,
                                                     .at_ms = some_instant(author),
                                                     .received_ms = some_instant(author),
                                                     .contact = (uint32_t)prng_next(prng),
                                                     .name = (uint16_t)prng_next(prng),
                                                     .kind = (uint8_t)prng_below(prng, EVENT_KINDS),
                                                     .created = some_text(author, batch, 20),
                                                     .body = some_text(author, batch, 200)};
    author->last_row = seq;
}

static void decide_ledger(struct author *author, struct batch *batch, uint64_t seq)
{
    struct prng *prng = &author->prng;
    uint16_t passages = (uint16_t)prng_below(prng, 5);
    struct passage *path = arena_take_array(&batch->bytes, passages, sizeof *path);
    for (uint16_t i = 0; i < passages; i++)
        path[i] = (struct passage){(uint8_t)prng_next(prng), (uint8_t)prng_next(prng)};
    *array_push(&batch->ledger) = (struct ledger_row){.seq = seq,
                                                      .prev = author->last_row,
                                                      .at_ms = some_instant(author),
                                                      .due_ms = some_instant(author),
                                                      .cause = (int64_t)prng_below(prng, 2000) - 1000,
                                                      .contact = (uint32_t)prng_next(prng),
                                                      .enrollment = (uint32_t)prng_next(prng),
                                                      .version = (uint16_t)prng_next(prng),
                                                      .flags = (uint16_t)prng_next(prng),
                                                      .node = (uint8_t)prng_next(prng),
                                                      .reason = (uint8_t)prng_next(prng),
                                                      .which = (uint8_t)prng_next(prng),
                                                      .goals = (uint8_t)prng_next(prng),
                                                      .visits = (uint32_t)prng_next(prng),
                                                      .pending = (uint16_t)prng_next(prng),
                                                      .failed = (uint8_t)prng_next(prng),
                                                      .path_count = passages,
                                                      .path = passages ? path : NULL,
                                                      .value = (double)prng_below(prng, 1000) / 8,
                                                      .detail = some_text(author, batch, 30)};
    author->last_row = seq;
}

static void decide_effect(struct author *author, struct batch *batch, uint64_t seq)
{
    struct prng *prng = &author->prng;
    *array_push(&batch->effects) =
        (struct effect_row){.seq = seq,
                            .effect = prng_chance(prng, 50) ? seq : prng_below(prng, seq),
                            .at_ms = some_instant(author),
                            .contact = (uint32_t)prng_next(prng),
                            .enrollment = (uint32_t)prng_next(prng),
                            .version = (uint16_t)prng_next(prng),
                            .visit = (uint32_t)prng_next(prng),
                            .kind = (uint8_t)prng_below(prng, EFFECT_KINDS),
                            .node = (uint8_t)prng_next(prng),
                            .destination = (uint8_t)prng_next(prng),
                            .destination_name = some_text(author, batch, 10),
                            .operation = some_text(author, batch, 10)};
}

static void decide_stat(struct author *author, struct batch *batch)
{
    struct prng *prng = &author->prng;
    *array_push(&batch->stats) = (struct stat_row){.key = {.version = (uint16_t)prng_below(prng, 2),
                                                           .node = (uint8_t)prng_below(prng, 3),
                                                           .kind = (uint8_t)prng_below(prng, STAT_KINDS),
                                                           .outcome = (uint8_t)prng_below(prng, 2)},
                                                   .quarter = (int64_t)prng_below(prng, 20),
                                                   .total = (int64_t)prng_below(prng, 1000000),
                                                   .value = (double)prng_below(prng, 1000) / 4};
}

static void decide_block(struct author *author, struct batch *batch)
{
    struct prng *prng = &author->prng;
    *array_push(&batch->blocks) = (struct block){.seq = batch->head.seq,
                                                 .number = (uint32_t)prng_below(prng, 6),
                                                 .kind = (uint8_t)prng_below(prng, BLOCK_KINDS),
                                                 .body = some_text(author, batch, 6000)};
}

struct batch *author_decide(struct author *author, struct batch_shape shape)
{
    struct batch *batch = memory_take_zeroed(1, sizeof *batch);
    batch->partition = author->partition;
    batch->epoch = author->epoch;
    batch->seq_before = author->head.seq;
    struct batch_shape left = shape;
    while (left.events + left.ledger + left.effects) {
        uint64_t seq = store_seq_take(author->store, author->partition, 1);
        author->head.seq = seq;
        uint64_t which = prng_below(&author->prng, left.events + left.ledger + left.effects);
        if (which < left.events) {
            decide_event(author, batch, seq);
            left.events--;
        } else if (which < left.events + left.ledger) {
            decide_ledger(author, batch, seq);
            left.ledger--;
        } else {
            decide_effect(author, batch, seq);
            left.effects--;
        }
    }
    author->head.now_ms += (int64_t)prng_below(&author->prng, DAY_MS);
    author->head.now_open = prng_chance(&author->prng, 50);
    author->head.control += prng_below(&author->prng, 2);
    author->head.input += shape.events;
    author->head.contacts += (uint32_t)prng_below(&author->prng, 3);
    author->head.enrollments += (uint32_t)prng_below(&author->prng, 3);
    if (shape.blocks)
        author->head.horizon = author->head.seq;
    batch->head = author->head;
    for (uint32_t i = 0; i < shape.stats; i++)
        decide_stat(author, batch);
    for (uint32_t i = 0; i < shape.blocks; i++)
        decide_block(author, batch);
    return batch;
}

void author_discard(struct batch *batch)
{
    batch_deinit(batch);
    free(batch);
}

static void keep_status(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)detail;
    CHECK(count == 1);
    *(enum commit_status *)context = statuses[0];
}

enum commit_status author_commit(struct author *author, const struct batch *batch)
{
    enum commit_status status = COMMIT_FAILED;
    store_commit(author->store, &batch, 1, keep_status, &status);
    store_flush(author->store);
    return status;
}

/* ── texts ──────────────────────────────────────────────────────────────────── */

void text_of_event(struct buf *text, const struct event_row *row)
{
    buf_printf(text,
               "event %" PRIu64 " prev %" PRIu64 " message %" PRIx64 " at %" PRId64 " received %" PRId64
               " contact %u name %u kind %u created '%.*s' body '%.*s'\n",
               row->seq, row->prev, row->message, row->at_ms, row->received_ms, row->contact, row->name,
               row->kind, STR_ARG(row->created), STR_ARG(row->body));
}

void text_of_ledger(struct buf *text, const struct ledger_row *row)
{
    buf_printf(text,
               "ledger %" PRIu64 " prev %" PRIu64 " at %" PRId64 " due %" PRId64 " cause %" PRId64
               " contact %u enrollment %u version %u flags %x node %u reason %u which %u goals %x visits %u "
               "pending %x"
               " failed %u value %.17g detail '%.*s' path",
               row->seq, row->prev, row->at_ms, row->due_ms, row->cause, row->contact, row->enrollment,
               row->version, row->flags, row->node, row->reason, row->which, row->goals, row->visits,
               row->pending, row->failed, row->value, STR_ARG(row->detail));
    for (uint16_t i = 0; i < row->path_count; i++)
        buf_printf(text, " %u/%u", row->path[i].node, row->path[i].outcome);
    buf_put_char(text, '\n');
}

void text_of_effect(struct buf *text, uint32_t partition, const struct effect_row *row)
{
    buf_printf(text,
               "effect %u %" PRIu64 " of %" PRIu64 " at %" PRId64
               " contact %u enrollment %u version %u visit %u kind %u node %u destination %u '%.*s' '%.*s'\n",
               partition, row->seq, row->effect, row->at_ms, row->contact, row->enrollment, row->version,
               row->visit, row->kind, row->node, row->destination, STR_ARG(row->destination_name),
               STR_ARG(row->operation));
}

void text_of_stat(struct buf *text, const struct stat_row *row)
{
    buf_printf(text, "stat %u/%u/%u/%u at %" PRId64 ": %" PRId64 " %.17g\n", row->key.version, row->key.node,
               row->key.kind, row->key.outcome, row->quarter, row->total, row->value);
}

void text_of_block(struct buf *text, const struct block *block)
{
    buf_printf(text, "block %u/%u seq %" PRIu64 " '%.*s'\n", block->kind, block->number, block->seq,
               STR_ARG(block->body));
}

void text_of_head(struct buf *text, const struct partition_head *head)
{
    buf_printf(text,
               "head %" PRIu64 " now %" PRId64 " open %d control %" PRIu64 " input %" PRIu64
               " horizon %" PRIu64 " contacts %u enrollments %u\n",
               head->seq, head->now_ms, head->now_open, head->control, head->input, head->horizon,
               head->contacts, head->enrollments);
}

static bool put_row(void *text, const struct store_row *row)
{
    CHECK(!row->event != !row->ledger);
    if (row->event)
        text_of_event(text, row->event);
    else
        text_of_ledger(text, row->ledger);
    return true;
}

static bool put_block(void *text, const struct block *block)
{
    text_of_block(text, block);
    return true;
}

enum err text_of_partition(struct buf *text, struct store *store, uint32_t partition,
                           struct err_detail *detail)
{
    struct partition_head head;
    enum err err = store_head(store, partition, &head, detail);
    if (err)
        return err;
    text_of_head(text, &head);
    err = store_rows(store, partition, 0, UINT64_MAX, put_row, text, detail);
    return err ? err : store_blocks(store, partition, put_block, text, detail);
}

void text_of_batch_rows(struct buf *text, const struct batch *batch)
{
    size_t e = 0, l = 0;
    while (e < batch->events.count || l < batch->ledger.count) {
        bool event_first =
            e < batch->events.count &&
            (l == batch->ledger.count || batch->events.items[e].seq < batch->ledger.items[l].seq);
        if (event_first)
            text_of_event(text, &batch->events.items[e++]);
        else
            text_of_ledger(text, &batch->ledger.items[l++]);
    }
}

const char *text_end(struct buf *text)
{
    *buf_reserve(text, 1) = '\0';
    return text->data;
}
