#include <pthread.h>
#include <stdatomic.h>

#include "store/exercise.h"

/* ── rows ───────────────────────────────────────────────────────────────────── */

struct collected {
    struct buf text;
    uint64_t last;
    size_t count, stop_after; /* 0 = never */
};

static bool collect_row(void *context, const struct store_row *row)
{
    struct collected *c = context;
    assert_true(!row->event != !row->ledger);
    if (row->event)
        text_of_event(&c->text, row->event);
    else
        text_of_ledger(&c->text, row->ledger);
    c->last = row->event ? row->event->seq : row->ledger->seq;
    return ++c->count != c->stop_after;
}

static void every_field_of_a_row_comes_back(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 3);
    uint64_t seq = store_seq_take(x->store, 3, 6);
    struct passage *path = memory_take(UINT16_MAX * sizeof *path);
    for (unsigned i = 0; i < UINT16_MAX; i++)
        path[i] = (struct passage){(uint8_t)i, (uint8_t)(i / 256)};
    struct batch batch = {
        .partition = 3, .epoch = author.epoch, .head = {.seq = seq + 5, .now_ms = INSTANT_NEVER}};
    *array_push(&batch.events) = (struct event_row){.seq = seq};
    *array_push(&batch.events) = (struct event_row){
        seq + 1,    seq,        UINT64_MAX,      INSTANT_NEVER, INT64_MIN,
        UINT32_MAX, UINT16_MAX, EVENT_KINDS - 1, STR("Zoë ☃"),  STR("{\"n\":\"a\\u0000b\"}")};
    *array_push(&batch.ledger) = (struct ledger_row){.seq = seq + 2};
    *array_push(&batch.ledger) = (struct ledger_row){.seq = seq + 3,
                                                     .prev = seq + 1,
                                                     .at_ms = 1,
                                                     .due_ms = INSTANT_NEVER,
                                                     .cause = INT64_MIN,
                                                     .contact = UINT32_MAX,
                                                     .enrollment = UINT32_MAX,
                                                     .version = UINT16_MAX,
                                                     .flags = UINT16_MAX,
                                                     .node = UINT8_MAX,
                                                     .reason = UINT8_MAX,
                                                     .which = UINT8_MAX,
                                                     .goals = UINT8_MAX,
                                                     .visits = UINT32_MAX,
                                                     .pending = UINT16_MAX,
                                                     .failed = UINT8_MAX,
                                                     .path_count = UINT16_MAX,
                                                     .path = path,
                                                     .value = -0.1,
                                                     .detail = STR("{}")};
    /* each small field alone, so that none can hide in another's bits */
    *array_push(&batch.ledger) =
        (struct ledger_row){.seq = seq + 4, .reason = 1, .goals = 128, .value = 1e300};
    *array_push(&batch.ledger) =
        (struct ledger_row){.seq = seq + 5, .which = 3, .failed = 1, .pending = 0x8000};
    assert_int_equal(author_commit(&author, &batch), COMMIT_DONE);
    struct collected found = {0};
    struct buf wanted = {0};
    text_of_batch_rows(&wanted, &batch);
    assert_int_equal(store_rows(x->store, 3, 0, UINT64_MAX, collect_row, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found.text), text_end(&wanted));
    struct partition_head head;
    assert_int_equal(store_head(x->store, 3, &head, NULL), ERR_OK);
    assert_int_equal(head.now_ms, INSTANT_NEVER);
    buf_deinit(&found.text);
    buf_deinit(&wanted);
    batch_deinit(&batch);
    free(path);
}

static void rows_of_a_range_come_merged_and_of_one_partition(void **state)
{
    struct exercise *x = *state;
    struct author authors[2] = {0};
    struct buf wanted = {0};
    uint64_t after = 0, to = 0;
    author_begin(&authors[0], x->store, 1);
    author_begin(&authors[1], x->store, 2);
    for (uint32_t i = 0; i < 12; i++) {
        struct batch *batch = author_decide(&authors[i % 2], (struct batch_shape){.events = 9, .ledger = 8});
        assert_int_equal(author_commit(&authors[i % 2], batch), COMMIT_DONE);
        if (i == 2)
            after = batch->head.seq;
        if (i == 6)
            to = batch->head.seq;
        if (i == 4 || i == 6)
            text_of_batch_rows(&wanted, batch);
        author_discard(batch);
    }
    struct collected found = {0};
    assert_int_equal(store_rows(x->store, 1, after, to, collect_row, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found.text), text_end(&wanted));
    buf_clear(&found.text);
    assert_int_equal(store_rows(x->store, 1, to, to, collect_row, &found, NULL), ERR_OK);
    assert_int_equal(store_rows(x->store, 1, to, after, collect_row, &found, NULL), ERR_OK);
    assert_int_equal(found.text.size, 0);
    buf_deinit(&found.text);
    buf_deinit(&wanted);
}

static bool count_and_check_order(void *context, const struct store_row *row)
{
    struct collected *c = context;
    uint64_t seq = row->event ? row->event->seq : row->ledger->seq;
    if (seq <= c->last)
        fail();
    c->last = seq;
    return ++c->count != c->stop_after;
}

static void a_long_read_may_be_ended_anywhere(void **state)
{
    struct exercise *x = *state;
    enum { BATCHES = 40, ROWS = 2000 };
    struct author author = {0};
    author_begin(&author, x->store, 0);
    for (uint32_t i = 0; i < BATCHES; i++) {
        store_seq_take(x->store, 1, 500); /* gaps, as other partitions make them */
        struct batch *batch =
            author_decide(&author, (struct batch_shape){.events = ROWS / 2, .ledger = ROWS / 2});
        assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
        author_discard(batch);
    }
    const size_t stops[] = {0, 1, 999, 40000, 79999};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct collected found = {.stop_after = stops[i]};
        assert_int_equal(store_rows(x->store, 0, 0, UINT64_MAX, count_and_check_order, &found, NULL), ERR_OK);
        assert_int_equal(found.count, stops[i] ? stops[i] : BATCHES * ROWS);
    }
}

/* ── walks ──────────────────────────────────────────────────────────────────── */

static void a_walk_goes_back_along_prev_over_both_tables(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct buf lines[3] = {0};
    struct batch *batches[3];
    for (size_t i = 0; i < 3; i++) {
        batches[i] = author_decide(&author, (struct batch_shape){.events = 4, .ledger = 4, .effects = 2});
        assert_int_equal(author_commit(&author, batches[i]), COMMIT_DONE);
        text_of_batch_rows(&lines[i], batches[i]);
    }
    struct collected forth = {0}, back = {0};
    assert_int_equal(store_walk(x->store, 0, author.last_row, collect_row, &back, NULL), ERR_OK);
    assert_int_equal(store_rows(x->store, 0, 0, UINT64_MAX, collect_row, &forth, NULL), ERR_OK);
    assert_int_equal(back.count, 24);
    /* the chain is one contact's: the same lines the other way round */
    const char *at = text_end(&back.text);
    text_end(&forth.text);
    for (char *end = forth.text.data + forth.text.size - 1; at[0];) {
        char *line = end;
        while (line > forth.text.data && line[-1] != '\n')
            line--;
        assert_memory_equal(at, line, (size_t)(end + 1 - line));
        at += end + 1 - line;
        end = line - 1;
    }
    struct collected two = {.stop_after = 2};
    assert_int_equal(store_walk(x->store, 0, author.last_row, collect_row, &two, NULL), ERR_OK);
    assert_int_equal(two.count, 2);
    struct collected none = {0};
    assert_int_equal(store_walk(x->store, 0, 0, collect_row, &none, NULL), ERR_OK);
    assert_int_equal(none.count, 0);
    for (size_t i = 0; i < 3; i++) {
        buf_deinit(&lines[i]);
        author_discard(batches[i]);
    }
    buf_deinit(&forth.text);
    buf_deinit(&back.text);
    buf_deinit(&two.text);
}

static void a_walk_says_where_a_row_is_missing(void **state)
{
    struct exercise *x = *state;
    struct author author = {0}, other = {0};
    author_begin(&author, x->store, 0);
    author_begin(&other, x->store, 1);
    struct batch *foreign = author_decide(&other, (struct batch_shape){.events = 1});
    assert_int_equal(author_commit(&other, foreign), COMMIT_DONE);
    author.last_row = foreign->head.seq; /* of another partition: as good as removed */
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 1, .ledger = 1});
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    struct collected found = {0};
    struct err_detail detail = {0};
    assert_int_equal(store_walk(x->store, 0, author.last_row, collect_row, &found, &detail), ERR_NOT_FOUND);
    assert_int_equal(found.count, 2);
    char seq[32];
    snprintf(seq, sizeof seq, " %llu:", (unsigned long long)foreign->head.seq);
    assert_non_null(strstr(detail.text, seq));
    buf_deinit(&found.text);
    author_discard(foreign);
    author_discard(batch);
}

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

static bool count_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct collected *c = context;
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
    struct collected all = {0}, some = {.stop_after = 4096};
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

/* ── reads beside commits ───────────────────────────────────────────────────── */

struct nested {
    struct store *store;
    uint32_t rows, heads;
};

static bool read_inside(void *context, const struct store_row *row)
{
    struct nested *nested = context;
    struct partition_head head;
    assert_int_equal(store_head(nested->store, 0, &head, NULL), ERR_OK);
    assert_true((row->event ? row->event->seq : row->ledger->seq) <= head.seq);
    nested->rows++;
    nested->heads++;
    return true;
}

static void a_callback_may_read_too(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 10, .ledger = 10});
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    struct nested nested = {.store = x->store};
    assert_int_equal(store_rows(x->store, 0, 0, UINT64_MAX, read_inside, &nested, NULL), ERR_OK);
    assert_int_equal(nested.rows, 20);
    author_discard(batch);
}

enum { BESIDE_BATCHES = 150, BESIDE_ROWS = 20 };

struct reading {
    struct store *store;
    atomic_bool stop;
    atomic_uint reads, broken;
};

/* Whatever is seen is whole batches: as many rows as the head's count of inputs says. */
static void *read_along(void *context)
{
    struct reading *reading = context;
    while (!atomic_load(&reading->stop)) {
        for (uint32_t p = 0; p < 2; p++) {
            struct partition_head head;
            struct collected found = {0};
            if (store_head(reading->store, p, &head, NULL) != ERR_OK ||
                store_rows(reading->store, p, 0, head.seq, count_and_check_order, &found, NULL) != ERR_OK ||
                found.count != head.input * 2)
                atomic_fetch_add(&reading->broken, 1);
        }
        atomic_fetch_add(&reading->reads, 1);
    }
    return NULL;
}

static void readers_beside_commits_see_whole_batches(void **state)
{
    struct exercise *x = *state;
    struct reading reading = {.store = x->store};
    pthread_t threads[2];
    struct author authors[2] = {0};
    for (uint32_t p = 0; p < 2; p++)
        author_begin(&authors[p], x->store, p);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_along, &reading), 0);
    for (uint32_t i = 0; i < BESIDE_BATCHES || atomic_load(&reading.reads) < 4; i++) {
        struct batch *batch = author_decide(
            &authors[i % 2],
            (struct batch_shape){.events = BESIDE_ROWS / 2, .ledger = BESIDE_ROWS / 2, .blocks = 1});
        assert_int_equal(author_commit(&authors[i % 2], batch), COMMIT_DONE);
        author_discard(batch);
    }
    atomic_store(&reading.stop, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&reading.broken), 0);
}

const struct CMUnitTest exercise_reads[] = {
    EXERCISE(every_field_of_a_row_comes_back),
    EXERCISE(rows_of_a_range_come_merged_and_of_one_partition),
    EXERCISE(a_long_read_may_be_ended_anywhere),
    EXERCISE(a_walk_goes_back_along_prev_over_both_tables),
    EXERCISE(a_walk_says_where_a_row_is_missing),
    EXERCISE(a_total_is_the_newest_at_or_before_its_quarter),
    EXERCISE(every_key_of_a_version_comes_once_with_its_newest_total_of_then),
    EXERCISE(message_ids_come_from_an_instant_on),
    EXERCISE(effects_of_all_partitions_come_in_order_of_seq),
    EXERCISE(ten_thousand_effects_are_read_and_the_read_may_be_ended),
    EXERCISE(hundreds_of_blocks_come_in_order),
    EXERCISE(a_callback_may_read_too),
    EXERCISE(readers_beside_commits_see_whole_batches),
};
const size_t exercise_reads_count = sizeof exercise_reads / sizeof *exercise_reads;
