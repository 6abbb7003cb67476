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

/* Rows as they come from one pass, by partition. */
struct several {
    struct collected of[4];
    uint64_t last;
    size_t count, stop_after;
};

static bool collect_of_several(void *context, const struct store_row *row)
{
    struct several *several = context;
    uint64_t seq = row->event ? row->event->seq : row->ledger->seq;
    assert_true(row->partition < 4 && seq > several->last);
    several->last = seq;
    collect_row(&several->of[row->partition], row);
    return ++several->count != several->stop_after;
}

static bool collect_event(void *context, const struct store_row *row)
{
    return !row->event || collect_row(context, row);
}

static void several_deinit(struct several *several)
{
    for (size_t i = 0; i < 4; i++)
        buf_deinit(&several->of[i].text);
}

/* 24 batches of partitions 0 to 3 by turns, and seqs between that nobody used; `heads` are the seqs reached.
 */
static void commit_by_turns(struct store *store, uint64_t heads[24])
{
    struct author authors[4] = {0};
    for (uint32_t p = 0; p < 4; p++)
        author_begin(&authors[p], store, p);
    for (uint32_t i = 0; i < 24; i++) {
        struct batch *batch = author_decide(&authors[i % 4], (struct batch_shape){.events = 9, .ledger = 8});
        assert_int_equal(author_commit(&authors[i % 4], batch), COMMIT_DONE);
        heads[i] = batch->head.seq;
        author_discard(batch);
        if (i % 8 == 7)
            store_seq_take(store, 0, 100000);
    }
}

static void rows_of_several_partitions_come_in_one_pass_each_of_its_range(void **state)
{
    struct exercise *x = *state;
    uint64_t heads[24];
    commit_by_turns(x->store, heads);
    const struct store_range ranges[] = {
        {2, heads[6] - 5, heads[14]}, {0, heads[13] - 2, UINT64_MAX}, {3, heads[9], heads[9]}};
    struct several found = {0}, events = {0};
    struct collected wanted = {0}, wanted_events = {0};
    assert_int_equal(
        store_rows_of(x->store, ranges, 3, STORE_EVENTS_AND_LEDGER, collect_of_several, &found, NULL),
        ERR_OK);
    assert_int_equal(store_rows_of(x->store, ranges, 3, STORE_EVENTS, collect_of_several, &events, NULL),
                     ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        uint32_t p = ranges[i].partition;
        wanted.count = wanted_events.count = 0;
        buf_clear(&wanted.text);
        buf_clear(&wanted_events.text);
        assert_int_equal(store_rows(x->store, p, ranges[i].after, ranges[i].to, collect_row, &wanted, NULL),
                         ERR_OK);
        assert_int_equal(
            store_rows(x->store, p, ranges[i].after, ranges[i].to, collect_event, &wanted_events, NULL),
            ERR_OK);
        assert_string_equal(text_end(&found.of[p].text), text_end(&wanted.text));
        assert_string_equal(text_end(&events.of[p].text), text_end(&wanted_events.text));
    }
    assert_int_equal(found.of[2].count, 2 * 17 + 5);
    assert_int_equal(found.of[0].count, 2 * 17);
    assert_int_equal(found.count, 4 * 17 + 5);
    assert_int_equal(events.of[0].count, 2 * 9);
    buf_deinit(&wanted.text);
    buf_deinit(&wanted_events.text);
    several_deinit(&found);
    several_deinit(&events);
}

static void a_pass_over_several_may_be_ended_anywhere_and_over_none_finds_nothing(void **state)
{
    struct exercise *x = *state;
    uint64_t heads[24];
    commit_by_turns(x->store, heads);
    const struct store_range ranges[] = {{3, 0, UINT64_MAX}, {1, 0, UINT64_MAX}};
    for (size_t stop = 0; stop <= 12 * 17; stop += 17) {
        struct several found = {.stop_after = stop};
        assert_int_equal(
            store_rows_of(x->store, ranges, 2, STORE_EVENTS_AND_LEDGER, collect_of_several, &found, NULL),
            ERR_OK);
        assert_int_equal(found.count, stop ? stop : 12 * 17);
        several_deinit(&found);
    }
    struct several none = {0};
    assert_int_equal(store_rows_of(x->store, ranges, 0, STORE_EVENTS, collect_of_several, &none, NULL),
                     ERR_OK);
    assert_int_equal(none.count, 0);
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

const struct CMUnitTest exercise_rows[] = {
    EXERCISE(every_field_of_a_row_comes_back),
    EXERCISE(rows_of_a_range_come_merged_and_of_one_partition),
    EXERCISE(a_long_read_may_be_ended_anywhere),
    EXERCISE(rows_of_several_partitions_come_in_one_pass_each_of_its_range),
    EXERCISE(a_pass_over_several_may_be_ended_anywhere_and_over_none_finds_nothing),
    EXERCISE(a_walk_goes_back_along_prev_over_both_tables),
    EXERCISE(a_walk_says_where_a_row_is_missing),
    EXERCISE(a_callback_may_read_too),
    EXERCISE(readers_beside_commits_see_whole_batches),
};
const size_t exercise_rows_count = sizeof exercise_rows / sizeof *exercise_rows;
