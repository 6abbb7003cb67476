/* The figures of any range are what the ledger's rows of that range say, whatever has been written, lost or
 * loaded meanwhile; and they keep the identities of spec/time-runs-stats.md §5. */
#include "partition/figures_range.h"

#include "base/prng.h"
#include "engine/totals.h"
#include "partition/workload_test.h"

enum { SEEDS = 8, OPERATIONS = 260, RANGES = 3 };

/* ── by the rows themselves ───────────────────────────────────────────────── */

struct folding {
    struct totals totals;
    int64_t until; /* quarter */
};

static bool fold_row(void *context, const struct store_row *row)
{
    struct folding *folding = context;
    if (row->ledger && totals_quarter(row->ledger->at_ms) <= folding->until)
        totals_count(&folding->totals, row->ledger);
    return true;
}

static void fold(const struct world *w, int64_t until, struct folding *ret)
{
    const struct plan *plan = control_plan(w->control);
    struct partition_head head;
    *ret = (struct folding){.until = until};
    for (uint16_t version = 0; version < plan_version_count(plan); version++)
        totals_add_version(&ret->totals, plan_version(plan, version));
    assert_int_equal(store_head(w->store, 0, &head, NULL), ERR_OK);
    assert_int_equal(store_rows(w->store, 0, 0, head.seq, fold_row, ret, NULL), ERR_OK);
}

/* What happened by the folds before and until, by a key. */
struct expected {
    struct folding before, until, now;
    uint16_t version;
    bool *valued; /* a goal was worth something: else the test says nothing about values */
};

static int64_t total(const struct folding *at, uint16_t version, uint8_t node, enum stat_kind kind,
                     uint8_t outcome)
{
    return totals_get(&at->totals, (struct stat_key){version, node, (uint8_t)kind, outcome}).total;
}

static int64_t between(const struct expected *e, uint16_t node, enum stat_kind kind, uint8_t outcome)
{
    return total(&e->until, e->version, (uint8_t)node, kind, outcome) -
           total(&e->before, e->version, (uint8_t)node, kind, outcome);
}

static int64_t left_by(const struct folding *at, uint16_t version, uint16_t nodes)
{
    int64_t left = 0;
    for (uint16_t n = 0; n < nodes; n++) {
        for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
            left += total(at, version, (uint8_t)n, STAT_LEFT, reason) +
                    total(at, version, (uint8_t)n, STAT_LEFT_BEFORE, reason);
    }
    return left;
}

static void check_node(const struct expected *e, const struct definition *d, uint16_t n,
                       const struct node_figures *figures)
{
    int64_t waiting = total(&e->until, e->version, (uint8_t)n, STAT_NODE_ENTERED, 0);
    assert_int_equal(figures->entered, between(e, n, STAT_NODE_ENTERED, 0));
    for (uint8_t o = 0; o < d->nodes[n].outcome_count; o++) {
        assert_int_equal(figures->moved[o], between(e, n, STAT_MOVED, o));
        waiting -= total(&e->until, e->version, (uint8_t)n, STAT_MOVED, o);
    }
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++) {
        assert_int_equal(figures->left.reasons[reason], between(e, n, STAT_LEFT, reason));
        assert_int_equal(figures->left_before.reasons[reason], between(e, n, STAT_LEFT_BEFORE, reason));
        waiting -= total(&e->until, e->version, (uint8_t)n, STAT_LEFT, reason);
    }
    for (uint8_t goal = 0; goal < d->goal_count; goal++) {
        assert_int_equal(figures->goals[goal], between(e, n, STAT_GOAL, goal));
        const struct stat_key key = {e->version, (uint8_t)n, STAT_GOAL, goal};
        double worth = totals_get(&e->until.totals, key).value - totals_get(&e->before.totals, key).value;
        assert_true(figures->values[goal] == worth); /* of whole numbers */
        if (worth != 0)
            *e->valued = true;
    }
    for (uint8_t exit = 0; exit < d->exit_count; exit++)
        assert_int_equal(figures->exits[exit], between(e, n, STAT_EXIT, exit));
    assert_int_equal(figures->waiting, waiting);
}

static void check_version(const struct expected *e, const struct journey_figures *figures)
{
    const struct definition *d = figures->version->definition;
    assert_int_equal(figures->qualified, between(e, STAT_JOURNEY, STAT_QUALIFIED, 0));
    assert_int_equal(figures->entered, between(e, STAT_JOURNEY, STAT_ENTERED, 0));
    assert_int_equal(figures->held_out, between(e, STAT_JOURNEY, STAT_HELD_OUT, 0));
    assert_int_equal(figures->in_journey, total(&e->now, e->version, STAT_JOURNEY, STAT_ENTERED, 0) -
                                              left_by(&e->now, e->version, d->node_count));
    for (uint16_t n = 0; n < d->node_count; n++)
        check_node(e, d, n, &figures->nodes[n]);
}

/* ── the identities ───────────────────────────────────────────────────────── */

static int64_t sum_reasons(const struct leave_figures *left)
{
    int64_t sum = 0;
    for (uint8_t reason = 0; reason < LEAVE_REASONS; reason++)
        sum += left->reasons[reason];
    return sum;
}

static void check_identities(const struct journey_figures *figures, const struct journey_figures *from)
{
    const struct definition *d = figures->version->definition;
    int64_t moved_to[DEFINITION_NODES_MAX] = {0};
    moved_to[d->start] = figures->entered + figures->carried_in;
    for (uint16_t n = 0; n < d->node_count; n++) {
        const struct node_figures *node = &figures->nodes[n];
        int64_t moved = 0;
        for (uint8_t o = 0; o < d->nodes[n].outcome_count; o++) {
            moved += node->moved[o];
            if (d->nodes[n].outcomes[o].to != EDGE_NONE)
                moved_to[d->nodes[n].outcomes[o].to] += node->moved[o];
        }
        assert_int_equal(from->nodes[n].waiting + node->entered,
                         moved + sum_reasons(&node->left) + node->waiting);
    }
    for (uint16_t n = 0; n < d->node_count; n++) {
        const struct node_figures *node = &figures->nodes[n];
        assert_int_equal(from->nodes[n].waiting_before + moved_to[n],
                         node->entered + sum_reasons(&node->left_before) + node->waiting_before);
    }
    assert_int_equal(figures->qualified, figures->held_out + figures->entered);
}

/* ── any range at any time ────────────────────────────────────────────────── */

static void collect(const struct world *w, struct figures_range range, struct arena *arena,
                    struct figures *ret)
{
    assert_int_equal(figures_collect_range(&w->partition, 1, w->control, w->store, &range, arena, ret, NULL),
                     ERR_OK);
}

static void check_range(const struct world *w, struct figures_range range, bool *valued)
{
    struct arena arena = {0};
    struct figures figures, from;
    struct expected e = {.valued = valued};
    fold(w, range.after, &e.before);
    fold(w, range.until, &e.until);
    fold(w, INT64_MAX, &e.now);
    collect(w, range, &arena, &figures);
    collect(w, (struct figures_range){.after = INT64_MIN, .until = range.after}, &arena, &from);
    for (e.version = 0; e.version < figures.journey_count; e.version++) {
        check_version(&e, &figures.journeys[e.version]);
        check_identities(&figures.journeys[e.version], &from.journeys[e.version]);
    }
    totals_deinit(&e.before.totals);
    totals_deinit(&e.until.totals);
    totals_deinit(&e.now.totals);
    arena_deinit(&arena);
}

/* Quarters between the beginning and somewhat after now, the one that runs among them. */
static void check_some_ranges(const struct world *w, struct prng *prng, bool *valued)
{
    int64_t first = totals_quarter(world_instant("00:00")) - 1;
    int64_t last = totals_quarter(partition_head(w->partition)->now_ms) + 2;
    uint64_t span = (uint64_t)(last - first + 1);
    for (int i = 0; i < RANGES; i++) {
        int64_t a = first + (int64_t)prng_below(prng, span), b = first + (int64_t)prng_below(prng, span);
        check_range(w, (struct figures_range){.after = a < b ? a : b, .until = a < b ? b : a}, valued);
        check_range(w, (struct figures_range){.after = last - 3, .until = last - 2}, valued);
        check_range(w, (struct figures_range){.after = INT64_MIN, .until = b}, valued);
        check_range(w, (struct figures_range){.after = a, .until = INT64_MAX}, valued);
    }
}

static void any_range_is_what_its_rows_say_also_after_a_crash(void **state)
{
    (void)state;
    bool valued = false;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct prng prng = {seed};
        struct workload workload = {0};
        struct world w = {.cycle_rows = seed % 2 ? 20 : 0, .cycle_blocks = 1};
        workload_make(&workload, seed, OPERATIONS, 0);
        world_begin(&w);
        for (size_t i = 0; i < workload.operations.count;) {
            assert_int_equal(workload_run(&workload, &w, i++), ERR_OK);
            if (prng_chance(&prng, 40)) {
                world_commit(&w);
                if (prng_chance(&prng, 25))
                    check_some_ranges(&w, &prng, &valued);
            } else if (prng_chance(&prng, 5)) {
                world_reload(&w);
                i = workload_next(&w);
                check_some_ranges(&w, &prng, &valued);
            }
        }
        world_commit(&w);
        check_some_ranges(&w, &prng, &valued);
        world_end(&w);
        workload_free(&workload);
    }
    assert_true(valued);
}

/* ── days ─────────────────────────────────────────────────────────────────── */

static void a_range_of_days_is_from_midnight_to_midnight(void **state)
{
    (void)state;
    struct figures_range range;
    assert_int_equal(figures_range_parse(STR("2026-03-01"), STR("2026-03-01"), "", &range, NULL), ERR_OK);
    assert_int_equal(range.after, world_instant("2026-02-28T23:45:00Z") / QUARTER_MS);
    assert_int_equal(range.until, world_instant("2026-03-01T23:45:00Z") / QUARTER_MS);
    assert_int_equal(figures_range_parse(STR(""), STR("2026-03-01"), "", &range, NULL), ERR_OK);
    assert_true(range.after == INT64_MIN && range.until < INT64_MAX);
    assert_int_equal(figures_range_parse(STR("2026-03-01"), STR(""), "", &range, NULL), ERR_OK);
    assert_true(range.after > INT64_MIN && range.until == INT64_MAX);
}

static void what_is_no_range_is_refused_with_its_place(void **state)
{
    (void)state;
    struct figures_range range;
    struct err_detail detail;
    static const char *const wrong[] = {"2026-02-30", "2026-03-01T00:00Z", "today",     "2026-3-1",
                                        "1969-12-31", "2100-01-01",        "2026-03-1x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(figures_range_parse(str_from(wrong[i]), STR(""), "--", &range, &detail),
                         ERR_INVALID);
        assert_string_equal(detail.place, "--from");
        assert_int_equal(figures_range_parse(STR(""), str_from(wrong[i]), "", &range, &detail), ERR_INVALID);
        assert_string_equal(detail.place, "to");
    }
    assert_int_equal(figures_range_parse(STR("2026-03-02"), STR("2026-03-01"), "", &range, &detail),
                     ERR_INVALID);
    assert_string_equal(detail.place, "to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_range_is_what_its_rows_say_also_after_a_crash),
        cmocka_unit_test(a_range_of_days_is_from_midnight_to_midnight),
        cmocka_unit_test(what_is_no_range_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
