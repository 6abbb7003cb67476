#include "event/past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/prng.h"

enum { CONTACTS = 16, APART = 197, NAMES = 30, AGGREGATES = 6, EVENTS_MAX = 3000 };
static const uint16_t rings[AGGREGATES] = {0, 1, 2, 5, 64, PAST_RING_MAX};

/* One thing that is folded in: a count of a name, or a moment of an aggregate. */
struct happening {
    uint32_t contact;
    bool is_count;
    uint16_t which; /* name or aggregate */
    struct past_moment moment;
};

static struct past *registered(void)
{
    struct past *past = past_new();
    for (uint16_t a = 0; a < AGGREGATES; a++) {
        past_register(past, a, rings[a]);
        assert_int_equal(past_aggregates(past), a + 1);
    }
    return past;
}

/* Contacts far apart, some much busier than others; times that often coincide; sequence numbers that never
 * do. */
static uint32_t happenings_make(struct prng *prng, struct happening *happenings)
{
    uint32_t count = 1 + (uint32_t)prng_below(prng, EVENTS_MAX);
    uint64_t span = prng_chance(prng, 50) ? 50 : UINT64_C(1) << 40;
    for (uint32_t i = 0; i < count; i++) {
        struct happening *h = &happenings[i];
        uint64_t contact = prng_chance(prng, 50) ? 3 : prng_below(prng, CONTACTS);
        *h = (struct happening){.contact = (uint32_t)(contact * APART), .is_count = prng_chance(prng, 40)};
        h->which = (uint16_t)(h->is_count ? 1 + prng_below(prng, NAMES) : prng_below(prng, AGGREGATES));
        h->moment = (struct past_moment){(int64_t)prng_below(prng, span) - (int64_t)(span / 4), i + 1};
    }
    return count;
}

static void fold(struct past *past, const struct happening *h)
{
    if (h->is_count)
        past_count(past, h->contact, h->which, h->moment.at_ms);
    else
        past_add(past, h->contact, h->which, h->moment);
}

static void shuffle(struct prng *prng, struct happening *happenings, uint32_t count)
{
    for (uint32_t i = count; i-- > 1;) {
        uint32_t j = (uint32_t)prng_below(prng, i + 1);
        struct happening swapped = happenings[i];
        happenings[i] = happenings[j];
        happenings[j] = swapped;
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct happening *x = a, *y = b;
    if (x->moment.at_ms != y->moment.at_ms)
        return x->moment.at_ms > y->moment.at_ms ? -1 : 1;
    return (x->moment.seq < y->moment.seq) - (x->moment.seq > y->moment.seq);
}

/* Answers by looking through everything that happened, newest first. */
static void assert_count(const struct past *past, const struct happening *all, uint32_t count,
                         uint32_t contact, uint16_t name)
{
    struct past_count expected = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!all[i].is_count || all[i].contact != contact || all[i].which != name)
            continue;
        if (expected.count++ == 0)
            expected.last_ms = all[i].moment.at_ms;
        expected.first_ms = all[i].moment.at_ms;
    }
    struct past_count found = past_get(past, contact, name);
    assert_int_equal(found.count, expected.count);
    assert_true(found.first_ms == expected.first_ms && found.last_ms == expected.last_ms);
}

static void assert_aggregate(const struct past *past, const struct happening *all, uint32_t count,
                             uint32_t contact, uint16_t aggregate)
{
    uint64_t expected = 0;
    struct past_moment found = {-7, 7};
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].is_count || all[i].contact != contact || all[i].which != aggregate)
            continue;
        if (++expected > rings[aggregate])
            continue;
        assert_true(past_newest(past, contact, aggregate, (uint16_t)expected, &found));
        assert_true(found.at_ms == all[i].moment.at_ms && found.seq == all[i].moment.seq);
    }
    assert_true(past_aggregate_count(past, contact, aggregate) == expected);
    uint16_t beyond = (uint16_t)((expected < rings[aggregate] ? expected : rings[aggregate]) + 1);
    assert_false(past_newest(past, contact, aggregate, beyond, &found));
    assert_false(past_newest(past, contact, aggregate, 0, &found));
}

static void assert_past(const struct past *past, struct happening *all, uint32_t count)
{
    qsort(all, count, sizeof *all, newest_first);
    for (uint32_t contact = 0; contact < CONTACTS; contact++) {
        for (uint16_t name = 1; name <= NAMES; name++)
            assert_count(past, all, count, contact * APART, name);
        for (uint16_t a = 0; a < AGGREGATES; a++)
            assert_aggregate(past, all, count, contact * APART, a);
    }
}

static void encode_all(const struct past *past, struct buf *out)
{
    for (uint32_t chunk = 0; chunk <= CONTACTS * APART / PAST_CHUNK; chunk++)
        past_encode(past, chunk, out);
}

static void what_happened_is_known_in_whatever_order_it_came(void **state)
{
    (void)state;
    struct happening *all = memory_take_zeroed(EVENTS_MAX + 1, sizeof *all);
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct prng prng = {seed};
        uint32_t count = happenings_make(&prng, all);
        struct buf first = {0};
        for (int order = 0; order < 4; order++) {
            struct past *past = registered();
            if (order > 0)
                shuffle(&prng, all, count);
            if (order == 1)
                qsort(all, count, sizeof *all, newest_first); /* each later than all after it */
            for (uint32_t i = 0; i < count; i++)
                fold(past, &all[i]);
            assert_past(past, all, count);
            struct buf encoded = {0};
            encode_all(past, &encoded);
            if (order == 0)
                buf_put_str(&first, buf_str(&encoded));
            assert_true(str_equal(buf_str(&first), buf_str(&encoded)));
            buf_deinit(&encoded);
            past_free(past);
        }
        buf_deinit(&first);
    }
    free(all);
}

static void blocks_bring_everything_back_and_replace_what_was_there(void **state)
{
    (void)state;
    struct happening *all = memory_take_zeroed(EVENTS_MAX + 1, sizeof *all);
    for (uint64_t seed = 50; seed < 62; seed++) {
        struct prng prng = {seed};
        struct past *past = registered(), *loaded = registered();
        uint32_t count = happenings_make(&prng, all);
        for (uint32_t i = 0; i < count; i++)
            fold(loaded, &all[i]); /* something else, which has to go */
        count = happenings_make(&prng, all);
        for (uint32_t i = 0; i < count; i++)
            fold(past, &all[i]);
        for (uint32_t chunk = 0; chunk <= CONTACTS * APART / PAST_CHUNK; chunk++) {
            struct buf block = {0};
            uint16_t aggregates = 99;
            past_encode(past, chunk, &block);
            struct reader r = reader_of(buf_str(&block));
            assert_int_equal(past_decode(loaded, chunk, &r, &aggregates, NULL), ERR_OK);
            assert_int_equal(aggregates, AGGREGATES);
            assert_true(reader_done(&r));
            buf_deinit(&block);
        }
        assert_past(loaded, all, count);
        for (uint32_t i = 0; i < count; i++)
            fold(loaded, &all[i]); /* what was loaded goes on like what was there */
        past_free(past);
        past_free(loaded);
    }
    free(all);
}

static void counting_goes_on_after_loading(void **state)
{
    (void)state;
    struct past *past = registered(), *loaded = registered();
    struct buf block = {0}, a = {0}, b = {0};
    uint16_t aggregates;
    for (uint64_t i = 0; i < 70; i++) {
        past_add(past, 1, 4, (struct past_moment){(int64_t)(i * 37 % 70), i + 1});
        past_count(past, 1, 2, (int64_t)(i * 37 % 70));
    }
    past_encode(past, 0, &block);
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(past_decode(loaded, 0, &r, &aggregates, NULL), ERR_OK);
    for (uint64_t i = 70; i < 200; i++) {
        struct past_moment moment = {(int64_t)(i * 37 % 200), i + 1};
        past_add(past, 1, 4, moment);
        past_add(loaded, 1, 4, moment);
        past_count(past, 1, 2, moment.at_ms);
        past_count(loaded, 1, 2, moment.at_ms);
    }
    past_encode(past, 0, &a);
    past_encode(loaded, 0, &b);
    assert_true(str_equal(buf_str(&a), buf_str(&b)));
    assert_int_equal(past_aggregate_count(loaded, 1, 4), 200);
    buf_deinit(&block);
    buf_deinit(&a);
    buf_deinit(&b);
    past_free(past);
    past_free(loaded);
}

static void a_block_says_which_aggregates_it_knew(void **state)
{
    (void)state;
    struct past *older = past_new(), *newer = registered();
    struct buf block = {0}, wider = {0};
    struct err_detail detail = {0};
    uint16_t aggregates = 99;
    past_register(older, 0, 0);
    past_add(older, 5, 0, (struct past_moment){10, 1});
    past_add(newer, 5, 3, (struct past_moment){10, 1});
    past_encode(newer, 0, &wider);
    past_encode(older, 0, &block);
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(past_decode(newer, 0, &r, &aggregates, NULL), ERR_OK);
    assert_int_equal(aggregates, 1);
    assert_int_equal(past_aggregate_count(newer, 5, 0), 1);
    assert_int_equal(past_aggregate_count(newer, 5, 3), 0);
    aggregates = 99;
    r = reader_of(buf_str(&wider));
    assert_int_equal(past_decode(older, 0, &r, &aggregates, &detail), ERR_CORRUPT);
    assert_int_equal(aggregates, 99);
    assert_non_null(strstr(detail.text, "block 0 of past events is damaged at the number of aggregates"));
    r = reader_of(buf_str(&block));
    assert_int_equal(past_decode(newer, UINT32_MAX, &r, &aggregates, &detail), ERR_CORRUPT);
    buf_deinit(&block);
    buf_deinit(&wider);
    past_free(older);
    past_free(newer);
}

static void extreme_times_and_many_names_are_kept(void **state)
{
    (void)state;
    struct past *past = registered(), *loaded = registered();
    struct buf block = {0};
    uint16_t aggregates;
    for (uint16_t name = 2000; name > 0; name--) {
        past_count(past, 7, name, INT64_MAX);
        past_count(past, 7, name, INT64_MIN);
    }
    past_add(past, 7, 2, (struct past_moment){INT64_MIN, UINT64_MAX});
    past_add(past, 7, 2, (struct past_moment){INT64_MAX, 0});
    past_encode(past, 0, &block);
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(past_decode(loaded, 0, &r, &aggregates, NULL), ERR_OK);
    for (uint16_t name = 1; name <= 2000; name++) {
        struct past_count found = past_get(loaded, 7, name);
        assert_true(found.count == 2 && found.first_ms == INT64_MIN && found.last_ms == INT64_MAX);
    }
    struct past_moment newest, older;
    assert_true(past_newest(loaded, 7, 2, 1, &newest) && past_newest(loaded, 7, 2, 2, &older));
    assert_true(newest.at_ms == INT64_MAX && newest.seq == 0);
    assert_true(older.at_ms == INT64_MIN && older.seq == UINT64_MAX);
    buf_deinit(&block);
    past_free(past);
    past_free(loaded);
}

static void times_that_run_over_are_refused(void **state)
{
    (void)state;
    for (int over = 0; over < 3; over++) {
        struct past *past = registered();
        struct buf block = {0};
        uint16_t aggregates;
        buf_put(&block, "\1\3", 2);                /* format, aggregates */
        buf_put(&block, "\1\0\1\1\2", 5);          /* one contact, number 0, one name, 1, twice */
        buf_put_zigzag(&block, INT64_MAX - 1);     /* first */
        buf_put_varint(&block, over == 1 ? 2 : 1); /* last, so much later */
        buf_put(&block, "\0\0\1\0\2", 5);          /* of aggregate 2: one contact, number 0, two moments */
        buf_put_zigzag(&block, INT64_MAX - 1);
        buf_put_varint(&block, 1);
        buf_put_varint(&block, over == 2 ? 2 : 1);
        buf_put_varint(&block, 2);
        struct reader r = reader_of(buf_str(&block));
        assert_int_equal(past_decode(past, 0, &r, &aggregates, NULL), over ? ERR_CORRUPT : ERR_OK);
        assert_true(over || past_get(past, 0, 1).last_ms == INT64_MAX);
        buf_deinit(&block);
        past_free(past);
    }
}

/* Whatever the bytes, decoding ends in ERR_CORRUPT or in a past that can be encoded, decoded and added to. */
static void decode_and_use(struct str bytes, bool expect_corrupt)
{
    struct past *past = registered(), *copy = registered();
    struct reader r = reader_of(bytes);
    uint16_t aggregates;
    enum err err = past_decode(past, 0, &r, &aggregates, NULL);
    assert_true(err == ERR_CORRUPT || (err == ERR_OK && !expect_corrupt));
    struct buf first = {0}, second = {0};
    past_encode(past, 0, &first);
    struct reader again = reader_of(buf_str(&first));
    assert_int_equal(past_decode(copy, 0, &again, &aggregates, NULL), ERR_OK);
    past_encode(copy, 0, &second);
    assert_true(str_equal(buf_str(&first), buf_str(&second)));
    for (uint16_t a = 0; a < AGGREGATES; a++)
        past_add(past, 3, a, (struct past_moment){0, 1});
    past_count(past, 3, 1, 0);
    buf_deinit(&first);
    buf_deinit(&second);
    past_free(past);
    past_free(copy);
}

static void damaged_blocks_are_refused_or_make_sense(void **state)
{
    (void)state;
    struct prng prng = {9};
    struct past *past = registered();
    struct buf block = {0};
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t contact = (uint32_t)prng_below(&prng, 8) * 3;
        past_count(past, contact, (uint16_t)(1 + prng_below(&prng, 9)), (int64_t)prng_below(&prng, 100000));
        past_add(past, contact, (uint16_t)prng_below(&prng, AGGREGATES),
                 (struct past_moment){(int64_t)prng_below(&prng, 100000), i + 1});
    }
    past_encode(past, 0, &block);
    for (size_t size = 0; size < block.size; size++) {
        char *cut = memory_take(size); /* of its exact size, so that reading over its end is seen */
        memcpy(cut, block.data, size);
        decode_and_use((struct str){cut, size}, true);
        free(cut);
    }
    for (size_t bit = 0; bit < block.size * 8; bit++) {
        block.data[bit / 8] ^= (char)(1 << bit % 8);
        decode_and_use(buf_str(&block), false);
        block.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (int round = 0; round < 1000; round++) {
        char *copy = memory_take(block.size);
        memcpy(copy, block.data, block.size);
        for (uint64_t flips = 1 + prng_below(&prng, 6); flips > 0; flips--)
            copy[prng_below(&prng, block.size)] = (char)prng_next(&prng);
        decode_and_use((struct str){copy, block.size}, false);
        free(copy);
    }
    buf_deinit(&block);
    past_free(past);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happened_is_known_in_whatever_order_it_came),
        cmocka_unit_test(blocks_bring_everything_back_and_replace_what_was_there),
        cmocka_unit_test(counting_goes_on_after_loading),
        cmocka_unit_test(a_block_says_which_aggregates_it_knew),
        cmocka_unit_test(extreme_times_and_many_names_are_kept),
        cmocka_unit_test(times_that_run_over_are_refused),
        cmocka_unit_test(damaged_blocks_are_refused_or_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
