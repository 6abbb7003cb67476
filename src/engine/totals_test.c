#include "engine/totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

/* wait (0: next) → split (1: a, b) → stop (2), version 1 of an engine that has a version 0 without totals. */
static const struct node nodes[] = {
    {.kind = NODE_WAIT, .outcome_count = 1}, {.kind = NODE_SPLIT, .outcome_count = 2}, {.kind = NODE_STOP}};
static const struct definition definition = {.node_count = 3, .nodes = nodes};
static const struct plan_version version = {.number = 1, .definition = &definition};
enum { WAIT, SPLIT, STOP };

struct case_of { /* what one row counts: "node kind outcome" → 1, and nothing else */
    struct ledger_row row;
    const char *counted;
};

static const struct passage through_both[] = {{WAIT, 0}, {SPLIT, 1}};
static const struct passage from_split[] = {{SPLIT, 0}};
static const struct passage from_wait[] = {{WAIT, 0}};

#define PATH(p) .path = (p), .path_count = sizeof(p) / sizeof *(p)

static const struct case_of cases[] = {
    {{.flags = LEDGER_CONTROL, .node = 0}, ""},
    {{.flags = LEDGER_ENTERS | LEDGER_MOVES, .node = WAIT},
     "journey qualified 0=1, journey entered 0=1, 0 node_entered 0=1"},
    {{.flags = LEDGER_ENTERS | LEDGER_MOVES | LEDGER_LEAVES,
      .node = STOP,
      .reason = LEAVE_COMPLETED,
      PATH(through_both)},
     "journey qualified 0=1, journey entered 0=1, 0 node_entered 0=1, 0 moved 0=1, 1 node_entered 0=1, 1 "
     "moved 1=1, "
     "2 node_entered 0=1, 2 left 0=1"},
    /* it stood at the wait already: that is no arrival */
    {{.flags = LEDGER_MOVES, .node = SPLIT, PATH(from_wait)}, "0 moved 0=1, 1 node_entered 0=1"},
    /* on the edge before the split: moved on, not arrived */
    {{.flags = LEDGER_MOVES | LEDGER_BEFORE, .node = SPLIT, PATH(from_wait)}, "0 moved 0=1"},
    {{.flags = LEDGER_ENTERS | LEDGER_MOVES | LEDGER_BEFORE, .node = WAIT},
     "journey qualified 0=1, journey entered 0=1"},
    /* off the edge: arrived there now */
    {{.flags = LEDGER_MOVES | LEDGER_OFF_EDGE, .node = SPLIT}, "1 node_entered 0=1"},
    {{.flags = LEDGER_MOVES | LEDGER_OFF_EDGE | LEDGER_LEAVES, .node = STOP, PATH(from_split)},
     "1 node_entered 0=1, 1 moved 0=1, 2 node_entered 0=1, 2 left 0=1"},
    /* off one edge and held on the next */
    {{.flags = LEDGER_MOVES | LEDGER_OFF_EDGE | LEDGER_BEFORE, .node = STOP, PATH(from_split)},
     "1 node_entered 0=1, 1 moved 0=1"},
    {{.flags = LEDGER_MOVES | LEDGER_OFF_EDGE | LEDGER_BEFORE, .node = SPLIT}, ""},
    {{.flags = LEDGER_LEAVES, .node = SPLIT, .reason = LEAVE_TIMED_OUT}, "1 left 3=1"},
    {{.flags = LEDGER_LEAVES | LEDGER_BEFORE, .node = SPLIT, .reason = LEAVE_EXIT_RULE, .which = 9},
     "1 left_before 2=1, 1 exit 9=1"},
    {{.flags = LEDGER_LEAVES, .node = WAIT, .reason = LEAVE_GOAL, .which = 2, .value = 2.5},
     "0 left 1=1, 0 goal 2=1 worth 2.5"},
    {{.flags = LEDGER_LEAVES, .node = WAIT, .reason = LEAVE_VERSION_STOPPED, .pending = 5},
     "0 left 5=1, 0 effect 4=2"},
    /* a rewrite where it stands counts nothing */
    {{.flags = LEDGER_HELD | LEDGER_DONE, .node = WAIT, .pending = 3}, ""},
};

static void begin(struct totals *totals)
{
    totals_add_version(totals, &version);
}

/* Every key that can be asked for, in any order of magnitude. */
static void each_key(void (*on)(void *, struct stat_key), void *context)
{
    for (uint8_t kind = 0; kind < STAT_KINDS; kind++) {
        for (int outcome = 0; outcome < 12; outcome++) {
            for (int node = 0; node < 4; node++)
                on(context, (struct stat_key){1, (uint8_t)node, kind, (uint8_t)outcome});
            on(context, (struct stat_key){1, STAT_JOURNEY, kind, (uint8_t)outcome});
        }
    }
}

/* Whatever is counted must stand in the expectation as "1 left 3=1". */
struct look {
    const struct totals *totals;
    const char *expected;
    size_t found;
};

static void look_for(void *context, struct stat_key key)
{
    struct look *look = context;
    struct stat_row row = totals_get(look->totals, key);
    if (row.total == 0 && row.value == 0)
        return;
    char part[80], worth[24] = "", node[12] = "journey";
    if (key.node != STAT_JOURNEY)
        snprintf(node, sizeof node, "%u", key.node);
    if (row.value != 0)
        snprintf(worth, sizeof worth, " worth %g", row.value);
    snprintf(part, sizeof part, "%s %s %u=%ld%s", node, stat_kind_name(key.kind), key.outcome,
             (long)row.total, worth);
    look->found++;
    if (!strstr(look->expected, part))
        fail_msg("counted \"%s\", expected \"%s\"", part, look->expected);
}

static void each_row_counts_what_the_specification_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct totals totals = {0};
        begin(&totals);
        struct ledger_row row = cases[i].row;
        row.version = 1;
        totals_count(&totals, &row);
        struct look look = {.totals = &totals, .expected = cases[i].counted};
        each_key(look_for, &look);
        size_t parts = *cases[i].counted ? 1 : 0;
        for (const char *at = cases[i].counted; (at = strstr(at, ", ")); at += 2)
            parts++;
        if (look.found != parts)
            fail_msg("case %zu counted %zu things, expected \"%s\"", i, look.found, cases[i].counted);
        assert_int_equal(totals.dirty.count, parts);
        totals_deinit(&totals);
    }
}

static void a_key_that_no_version_has_is_zero(void **state)
{
    (void)state;
    struct totals totals = {0};
    begin(&totals);
    static const struct stat_key keys[] = {{0, 0, STAT_LEFT, 0},
                                           {7, 0, STAT_LEFT, 0},
                                           {1, 3, STAT_LEFT, 0},
                                           {1, 0, STAT_LEFT, LEAVE_REASONS},
                                           {1, 0, STAT_MOVED, 2},
                                           {1, 0, STAT_ENTERED, 0},
                                           {1, STAT_JOURNEY, STAT_LEFT, 0},
                                           {1, STAT_JOURNEY, STAT_ENTERED, 1},
                                           {1, 0, STAT_KINDS, 0}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(totals_get(&totals, keys[i]).total, 0);
    totals_deinit(&totals);
}

static void what_changed_is_written_once_and_what_did_not_is_not(void **state)
{
    (void)state;
    struct totals totals = {.quarter = 4};
    struct batch batch = {0};
    begin(&totals);
    struct ledger_row row = {.version = 1, .flags = LEDGER_LEAVES, .node = WAIT, .reason = LEAVE_REMOVED};
    totals_count(&totals, &row);
    totals_count(&totals, &row);
    totals_write(&totals, false, &batch); /* asked for: it stays to be written */
    assert_int_equal(batch.stats.count, 1);
    assert_int_equal(batch.stats.items[0].total, 2);
    totals_count(&totals, &row);
    totals_write(&totals, true, &batch);
    assert_int_equal(batch.stats.count, 2);
    assert_int_equal(batch.stats.items[1].total, 3);
    assert_int_equal(batch.stats.items[1].quarter, 4);
    assert_int_equal(batch.stats.items[1].key.outcome, LEAVE_REMOVED);
    totals.quarter = 5;
    totals_write(&totals, true, &batch); /* nothing happened in this quarter */
    assert_int_equal(batch.stats.count, 2);
    totals_count(&totals, &row);
    totals_write(&totals, true, &batch);
    assert_int_equal(batch.stats.count, 3);
    assert_int_equal(batch.stats.items[2].quarter, 5);
    assert_int_equal(batch.stats.items[2].total, 4);
    batch_deinit(&batch);
    totals_deinit(&totals);
}

static void count_some(struct totals *totals, struct prng *prng)
{
    for (int i = 0; i < 40; i++) {
        struct ledger_row row = cases[1 + prng_below(prng, sizeof cases / sizeof *cases - 1)].row;
        row.version = 1;
        totals_count(totals, &row);
    }
}

static void assert_same_key(struct stat_key a, struct stat_key b)
{
    assert_int_equal(a.version, b.version);
    assert_int_equal(a.node, b.node);
    assert_int_equal(a.kind, b.kind);
    assert_int_equal(a.outcome, b.outcome);
}

static void a_block_gives_back_totals_and_what_is_still_to_be_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct prng prng = {seed};
        struct totals totals = {.quarter = -3, .events = 1234}, back = {0};
        struct batch before = {0}, after = {0};
        begin(&totals);
        begin(&back);
        count_some(&totals, &prng);
        totals_write(&totals, true, &before);
        batch_clear(&before);
        count_some(&totals, &prng);
        struct buf block = {0};
        totals_encode(&totals, &block);
        struct reader r = reader_of(buf_str(&block));
        assert_int_equal(totals_decode(&back, &r, NULL), ERR_OK);
        assert_true(reader_done(&r));
        assert_int_equal(back.quarter, -3);
        assert_int_equal(back.events, 1234);
        totals_write(&totals, true, &before);
        totals_write(&back, true, &after);
        assert_int_equal(before.stats.count, after.stats.count);
        for (size_t i = 0; i < before.stats.count; i++) {
            assert_same_key(before.stats.items[i].key, after.stats.items[i].key);
            assert_int_equal(before.stats.items[i].total, after.stats.items[i].total);
            assert_true(before.stats.items[i].value == after.stats.items[i].value);
        }
        buf_deinit(&block);
        batch_deinit(&before);
        batch_deinit(&after);
        totals_deinit(&totals);
        totals_deinit(&back);
    }
}

static void a_block_that_is_cut_or_of_other_versions_is_refused(void **state)
{
    (void)state;
    struct totals totals = {0};
    struct prng prng = {1};
    begin(&totals);
    count_some(&totals, &prng);
    struct buf block = {0};
    totals_encode(&totals, &block);
    for (size_t size = 0; size < block.size; size++) {
        struct totals back = {0};
        begin(&back);
        struct reader r = reader_of((struct str){block.data, size});
        assert_int_equal(totals_decode(&back, &r, NULL), ERR_CORRUPT);
        totals_deinit(&back);
    }
    struct totals none = {0};
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(totals_decode(&none, &r, NULL), ERR_CORRUPT);
    totals_deinit(&none);
    struct buf odd = {0}; /* no totals at all, but one that is to be written */
    for (int i = 0; i < 3; i++)
        buf_put_varint(&odd, 0);
    buf_put_varint(&odd, 1);
    buf_put_varint(&odd, 9);
    buf_put(&odd, "\0\0\0", 3);
    r = reader_of(buf_str(&odd));
    assert_int_equal(totals_decode(&none, &r, NULL), ERR_CORRUPT);
    buf_deinit(&odd);
    buf_deinit(&block);
    totals_deinit(&none);
    totals_deinit(&totals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_counts_what_the_specification_says),
        cmocka_unit_test(a_key_that_no_version_has_is_zero),
        cmocka_unit_test(what_changed_is_written_once_and_what_did_not_is_not),
        cmocka_unit_test(a_block_gives_back_totals_and_what_is_still_to_be_written),
        cmocka_unit_test(a_block_that_is_cut_or_of_other_versions_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
