#include "store/exercise.h"

/* ── totals ─────────────────────────────────────────────────────────────────── */

static void put_total(struct batch *batch, struct stat_key key, int64_t quarter, int64_t total)
{
    *array_push(&batch->stats) =
        (struct stat_row){.key = key, .quarter = quarter, .total = total, .value = (double)total / 2};
}

static int64_t total_at(struct store *store, struct stat_key key, int64_t quarter)
{
    struct stat_row row;
    assert_int_equal(store_stat(store, 2, key, quarter, &row, NULL), ERR_OK);
    assert_int_equal(row.key.version, key.version);
    assert_true(row.quarter <= quarter);
    assert_true(row.value == (double)row.total / 2);
    return row.total;
}

static bool put_stat(void *text, const struct stat_row *row)
{
    text_of_stat(text, row);
    return true;
}

static const struct stat_key moved = {.version = 1, .node = 4, .kind = STAT_MOVED, .outcome = 2};
static const struct stat_key entered = {.version = 1, .node = STAT_JOURNEY, .kind = STAT_ENTERED};
static const struct stat_key other_version = {.version = 2, .node = 4, .kind = STAT_MOVED, .outcome = 2};

static void commit_totals(struct store *store)
{
    struct author author = {0};
    author_begin(&author, store, 2);
    struct batch *first = author_decide(&author, (struct batch_shape){.ledger = 1});
    put_total(first, moved, 100, 5);
    put_total(first, moved, 102, 9);
    put_total(first, entered, -3, 2);
    put_total(first, other_version, 100, 77);
    struct batch *second = author_decide(&author, (struct batch_shape){.ledger = 1});
    put_total(second, moved, 102, 10);
    put_total(second, moved, 102, 11);
    put_total(second, moved, 110, 20);
    assert_int_equal(author_commit(&author, first), COMMIT_DONE);
    assert_int_equal(author_commit(&author, second), COMMIT_DONE);
    author_discard(first);
    author_discard(second);
}

static void a_total_is_the_newest_at_or_before_its_quarter(void **state)
{
    struct exercise *x = *state;
    commit_totals(x->store);
    assert_int_equal(total_at(x->store, moved, 99), 0);
    assert_int_equal(total_at(x->store, moved, 100), 5);
    assert_int_equal(total_at(x->store, moved, 101), 5);
    assert_int_equal(total_at(x->store, moved, 102), 11);
    assert_int_equal(total_at(x->store, moved, 109), 11);
    assert_int_equal(total_at(x->store, moved, INT64_MAX), 20);
    assert_int_equal(total_at(x->store, entered, -4), 0);
    assert_int_equal(total_at(x->store, entered, 0), 2);
    assert_int_equal(total_at(x->store, other_version, 1000), 77);
    struct stat_key unknown = moved;
    unknown.outcome = 3;
    assert_int_equal(total_at(x->store, unknown, 1000), 0);
}

static void every_key_of_a_version_comes_once_with_its_newest_total_of_then(void **state)
{
    struct exercise *x = *state;
    commit_totals(x->store);
    struct buf found = {0}, wanted = {0};
    text_of_stat(&wanted, &(struct stat_row){.key = moved, .quarter = 110, .total = 20, .value = 10});
    text_of_stat(&wanted, &(struct stat_row){.key = entered, .quarter = -3, .total = 2, .value = 1});
    assert_int_equal(store_stat_keys(x->store, 2, 1, INT64_MAX, put_stat, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found), text_end(&wanted));
    buf_clear(&found);
    buf_clear(&wanted);
    text_of_stat(&wanted, &(struct stat_row){.key = moved, .quarter = 102, .total = 11, .value = 5.5});
    text_of_stat(&wanted, &(struct stat_row){.key = entered, .quarter = -3, .total = 2, .value = 1});
    assert_int_equal(store_stat_keys(x->store, 2, 1, 109, put_stat, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found), text_end(&wanted));
    buf_clear(&found);
    buf_clear(&wanted);
    text_of_stat(&wanted, &(struct stat_row){.key = moved, .quarter = 99});
    text_of_stat(&wanted, &(struct stat_row){.key = entered, .quarter = -3, .total = 2, .value = 1});
    assert_int_equal(store_stat_keys(x->store, 2, 1, 99, put_stat, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found), text_end(&wanted));
    buf_clear(&found);
    assert_int_equal(store_stat_keys(x->store, 2, 3, INT64_MAX, put_stat, &found, NULL), ERR_OK);
    assert_int_equal(store_stat_keys(x->store, 1, 1, INT64_MAX, put_stat, &found, NULL), ERR_OK);
    assert_int_equal(found.size, 0);
    buf_deinit(&found);
    buf_deinit(&wanted);
}

/* ── message ids ────────────────────────────────────────────────────────────── */

enum { MESSAGES_FROM_MS = 1000 };

/* 10 rows, received at 10 ms distance from from_ms on; every third has no message id. */
static void commit_messages(struct author *author, int64_t from_ms)
{
    struct batch *batch = author_decide(author, (struct batch_shape){.events = 10, .ledger = 10});
    array_each (&batch->events, i) {
        struct event_row *row = &batch->events.items[i];
        row->received_ms = from_ms + 10 * (int64_t)i;
        row->message = i % 3 == 2 ? 0 : (uint64_t)row->received_ms << 32 | author->partition;
    }
    assert_int_equal(author_commit(author, batch), COMMIT_DONE);
    author_discard(batch);
}

struct messages {
    struct buf text;
    int64_t since_ms;
    size_t count, stop_after;
};

static bool put_message(void *context, uint32_t partition, uint64_t message, int64_t received_ms)
{
    struct messages *m = context;
    assert_int_equal(message, (uint64_t)received_ms << 32 | partition);
    if (received_ms < m->since_ms)
        return true;
    buf_printf(&m->text, "%u:%lld ", partition, (long long)received_ms);
    return ++m->count != m->stop_after;
}

static void message_ids_come_from_an_instant_on(void **state)
{
    struct exercise *x = *state;
    struct author authors[2] = {0};
    author_begin(&authors[0], x->store, 1);
    author_begin(&authors[1], x->store, 2);
    for (uint32_t i = 0; i < 20; i++) {
        store_seq_take(x->store, 3, 40000); /* gaps, as those who are busier make them */
        commit_messages(&authors[i % 2], MESSAGES_FROM_MS + 100 * (int64_t)i);
    }
    struct messages late = {.since_ms = MESSAGES_FROM_MS + 1855}, all = {0}, few = {.stop_after = 5};
    assert_int_equal(store_messages(x->store, late.since_ms, UINT64_MAX, put_message, &late, NULL), ERR_OK);
    assert_string_equal(text_end(&late.text),
                        "1:2860 1:2870 1:2890 2:2900 2:2910 2:2930 2:2940 2:2960 2:2970 "
                        "2:2990 ");
    assert_int_equal(store_messages(x->store, 0, UINT64_MAX, put_message, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 20 * 7);
    assert_int_equal(store_messages(x->store, 0, UINT64_MAX, put_message, &few, NULL), ERR_OK);
    assert_int_equal(few.count, 5);
    struct messages none = {.since_ms = MESSAGES_FROM_MS + 2000}, near = {0};
    assert_int_equal(store_messages(x->store, none.since_ms, UINT64_MAX, put_message, &none, NULL), ERR_OK);
    assert_int_equal(none.count, 0);
    /* the newest 40,000 seqs hold the last two batches at most */
    assert_int_equal(store_messages(x->store, 0, 40000, put_message, &near, NULL), ERR_OK);
    assert_in_range(near.count, 1, 2 * 7);
    buf_deinit(&late.text);
    buf_deinit(&all.text);
    buf_deinit(&few.text);
    buf_deinit(&near.text);
}

/* ── effects ────────────────────────────────────────────────────────────────── */

static bool put_effect(void *text, uint32_t partition, const struct effect_row *row)
{
    text_of_effect(text, partition, row);
    return true;
}

struct counted {
    uint64_t last;
    size_t count, stop_after; /* 0 = never */
};

static bool count_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct counted *c = context;
    if (row->seq <= c->last || partition > 1)
        fail();
    c->last = row->seq;
    return ++c->count != c->stop_after;
}

static void effects_of_all_partitions_come_in_order_of_seq(void **state)
{
    struct exercise *x = *state;
    struct author first = {0}, second = {0};
    author_begin(&first, x->store, 0);
    author_begin(&second, x->store, 1);
    struct batch *a = author_decide(&first, (struct batch_shape){.effects = 3});
    struct store_effect attempts[3] = {
        /* of both partitions in one call, in any order */
        {1, {.seq = store_seq_take(x->store, 1, 1), .kind = EFFECT_ATTEMPTED, .effect = 1}},
        {0, {.seq = store_seq_take(x->store, 0, 1), .kind = EFFECT_ATTEMPTED, .effect = 3}},
        {1, {.seq = store_seq_take(x->store, 1, 1), .kind = EFFECT_ATTEMPTED, .effect = 2}}};
    struct store_effect given[3] = {attempts[2], attempts[0], attempts[1]};
    struct batch *b = author_decide(&second, (struct batch_shape){.effects = 2});
    assert_int_equal(author_commit(&second, b), COMMIT_DONE);
    assert_int_equal(store_effects_put(x->store, given, 3, NULL), ERR_OK);
    assert_int_equal(author_commit(&first, a), COMMIT_DONE);
    struct buf found = {0}, wanted = {0};
    for (size_t i = 1; i < 3; i++)
        text_of_effect(&wanted, 0, &a->effects.items[i]);
    for (size_t i = 0; i < 3; i++)
        text_of_effect(&wanted, attempts[i].partition, &attempts[i].row);
    for (size_t i = 0; i < 2; i++)
        text_of_effect(&wanted, 1, &b->effects.items[i]);
    assert_int_equal(store_effects(x->store, a->effects.items[0].seq, put_effect, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found), text_end(&wanted));
    buf_deinit(&found);
    buf_deinit(&wanted);
    author_discard(a);
    author_discard(b);
}

static void ten_thousand_effects_are_read_and_the_read_may_be_ended(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 1);
    struct batch *batch = author_decide(&author, (struct batch_shape){.effects = 10000});
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    struct counted all = {0}, some = {.stop_after = 4096};
    assert_int_equal(store_effects(x->store, 0, count_effect, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 10000);
    assert_int_equal(store_effects(x->store, 0, count_effect, &some, NULL), ERR_OK);
    assert_int_equal(some.count, 4096);
    author_discard(batch);
}

/* ── blocks ─────────────────────────────────────────────────────────────────── */

struct counted_blocks {
    uint32_t count, stop_after;
};

static bool count_block(void *context, const struct block *block)
{
    struct counted_blocks *c = context;
    char wanted[32];
    uint32_t number = c->count % 200, kind = c->count / 200;
    snprintf(wanted, sizeof wanted, "%u/%u", kind, number);
    if (block->kind != kind || block->number != number || !str_equal(block->body, str_from(wanted)))
        fail();
    return ++c->count != c->stop_after;
}

static void hundreds_of_blocks_come_in_order(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct batch *batch = author_decide(&author, (struct batch_shape){.ledger = 1});
    for (uint32_t i = 0; i < 200 * BLOCK_KINDS; i++) {
        uint32_t which = i * 7919 % (200 * BLOCK_KINDS); /* each once, out of order */
        const char *body = arena_printf(&batch->bytes, "%u/%u", which / 200, which % 200);
        *array_push(&batch->blocks) =
            (struct block){batch->head.seq, which % 200, (uint8_t)(which / 200), str_from(body)};
    }
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    struct counted_blocks all = {0}, some = {.stop_after = 64};
    assert_int_equal(store_blocks(x->store, 0, count_block, &all, NULL), ERR_OK);
    assert_int_equal(all.count, 200 * BLOCK_KINDS);
    assert_int_equal(store_blocks(x->store, 0, count_block, &some, NULL), ERR_OK);
    assert_int_equal(some.count, 64);
    author_discard(batch);
}

const struct CMUnitTest exercise_reads[] = {
    EXERCISE(a_total_is_the_newest_at_or_before_its_quarter),
    EXERCISE(every_key_of_a_version_comes_once_with_its_newest_total_of_then),
    EXERCISE(message_ids_come_from_an_instant_on),
    EXERCISE(effects_of_all_partitions_come_in_order_of_seq),
    EXERCISE(ten_thousand_effects_are_read_and_the_read_may_be_ended),
    EXERCISE(hundreds_of_blocks_come_in_order),
};
const size_t exercise_reads_count = sizeof exercise_reads / sizeof *exercise_reads;
