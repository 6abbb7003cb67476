/* State is a fold over the ledger: whoever loads, from blocks and rows or from rows alone, knows what the one
 * that decided knew, and decides as it would have. */
#include "base/prng.h"
#include "partition/state_text_test.h"
#include "partition/workload_test.h"

enum { SEEDS = 6, OPERATIONS = 260 };

static void assert_same_text(struct buf *left, struct buf *right, const char *what, uint64_t seed,
                             size_t number)
{
    if (strcmp(left->data, right->data) != 0) {
        size_t i = 0, line = 0;
        for (; left->data[i] == right->data[i]; i++)
            line = left->data[i] == '\n' ? i + 1 : line;
        print_error("seed %lu, operation %zu, %s:\n%.*s\n%.*s\n", (unsigned long)seed, number, what,
                    (int)strcspn(left->data + line, "\n"), left->data + line,
                    (int)strcspn(right->data + line, "\n"), right->data + line);
        fail();
    }
    buf_deinit(left);
    buf_deinit(right);
}

/* ── loading at every commit ──────────────────────────────────────────────── */

static void compare_with_loaded(struct world *w, uint64_t seed, size_t number)
{
    struct err_detail detail = {0};
    struct control *control;
    struct partition *partition;
    assert_int_equal(control_open(w->store, true, &control, &detail), ERR_OK);
    const struct partition_options options = {.store = w->store, .control = control, .read_only = true};
    if (partition_open(&options, &partition, &detail))
        fail_msg("seed %lu, operation %zu: %s", (unsigned long)seed, number, detail.text);
    struct buf live = {0}, loaded = {0};
    state_text(&live, partition_engine(w->partition), control_plan(w->control));
    state_text(&loaded, partition_engine(partition), control_plan(control));
    assert_same_text(&live, &loaded, "live and loaded", seed, number);
    partition_close(partition);
    control_close(control);
}

struct folding {
    struct engine *engine;
    bool past;
};

static bool fold_row(void *context, const struct store_row *row)
{
    struct folding *folding = context;
    struct err_detail detail;
    if (!folding->past)
        assert_int_equal(engine_load_row(folding->engine, row->event, row->ledger, &detail), ERR_OK);
    else if (row->event)
        assert_int_equal(engine_backfill_row(folding->engine, row->event, &detail), ERR_OK);
    return true;
}

/* As if no block had ever been made. */
static void compare_with_rows_alone(struct world *w, uint64_t seed, size_t number)
{
    const struct engine_options options = {.plan = control_plan(w->control)};
    struct folding folding = {.engine = engine_new(&options)};
    struct partition_head head;
    assert_int_equal(store_head(w->store, 0, &head, NULL), ERR_OK);
    ARRAY(struct action) actions = {0};
    struct action action;
    for (size_t i = 0; control_action(w->control, i, &action) && action.position <= head.control; i++)
        *array_push(&actions) = action;
    engine_load_begin(folding.engine, &head, actions.items, actions.count);
    assert_int_equal(store_rows(w->store, 0, 0, head.seq, fold_row, &folding, NULL), ERR_OK);
    folding.past = true;
    assert_int_equal(store_rows(w->store, 0, 0, engine_backfill_to(folding.engine), fold_row, &folding, NULL),
                     ERR_OK);
    engine_backfill_end(folding.engine);
    engine_load_end(folding.engine);
    struct buf live = {0}, folded = {0};
    state_text(&live, partition_engine(w->partition), control_plan(w->control));
    state_text(&folded, folding.engine, control_plan(w->control));
    assert_same_text(&live, &folded, "live and folded from rows alone", seed, number);
    engine_free(folding.engine);
    array_free(&actions);
}

static void run_and_compare(uint32_t cycle_rows, unsigned commit_percent, uint32_t crowd)
{
    for (uint64_t seed = 1; seed <= (crowd ? 2 : SEEDS); seed++) {
        struct workload workload = {0};
        struct world w = {.cycle_rows = cycle_rows, .cycle_blocks = 1};
        struct prng prng = {seed};
        workload_make(&workload, seed, OPERATIONS, crowd);
        world_begin(&w);
        array_each (&workload.operations, i) {
            assert_int_equal(workload_run(&workload, &w, i), ERR_OK);
            if (!prng_chance(&prng, commit_percent))
                continue;
            uint64_t before = partition_open_rows(w.partition);
            world_commit(&w);
            if (before)
                compare_with_loaded(&w, seed, i);
            if (before && i % 10 == 0)
                compare_with_rows_alone(&w, seed, i);
        }
        world_check_figures(&w);
        compare_with_loaded(&w, seed, workload.operations.count);
        world_end(&w);
        workload_free(&workload);
    }
}

static void at_every_commit_what_is_loaded_is_what_was_decided(void **state)
{
    (void)state;
    run_and_compare(0, 100, 0);
}

static void blocks_made_all_the_time_change_nothing_about_it(void **state)
{
    (void)state;
    run_and_compare(1, 100, 0);
}

static void blocks_and_commits_may_come_at_any_time(void **state)
{
    (void)state;
    run_and_compare(20, 40, 0);
}

static void contacts_and_enrollments_may_stand_in_several_blocks(void **state)
{
    (void)state;
    run_and_compare(300, 3, 2300);
}

/* ── going on ─────────────────────────────────────────────────────────────── */

struct result_of_run {
    struct buf ledger, figures;
};

static void tell(const struct workload *workload, struct world *w, struct result_of_run *ret)
{
    world_check_figures(w);
    *ret = (struct result_of_run){0};
    ledger_text(&ret->ledger, w->store);
    figures_text(&ret->figures, w->store, control_plan(w->control), world_instant("00:00"),
                 workload_end(workload));
}

static void run_without_a_stop(struct workload *workload, struct result_of_run *ret)
{
    struct world w = {0};
    workload_rewind(workload);
    world_begin(&w);
    array_each (&workload->operations, i) {
        assert_int_equal(workload_run(workload, &w, i), ERR_OK);
        world_commit(&w);
    }
    tell(workload, &w, ret);
    world_end(&w);
}

static void compare_runs(struct result_of_run *left, struct result_of_run *right, uint64_t seed)
{
    assert_same_text(&left->ledger, &right->ledger, "the ledger", seed, 0);
    assert_same_text(&left->figures, &right->figures, "the figures", seed, 0);
}

/* A workload that leaves something out would prove nothing about it. */
static void the_workloads_say_something_about_everything(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        " reason 0",  " reason 1",      " reason 2",   " reason 3",   " reason 4",   " reason 5",
        "end_at",     "wait_at",        " kind 3 key", " kind 4 key", " kind 2 key", " pending 1 failed 1",
        " path 0/0 ", "kind 2 created", " flags 83 "};
    struct buf all = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct workload workload = {0};
        struct result_of_run run;
        workload_make(&workload, seed, OPERATIONS, 0);
        run_without_a_stop(&workload, &run);
        buf_put_text(&all, run.ledger.data);
        buf_deinit(&run.ledger);
        buf_deinit(&run.figures);
        workload_free(&workload);
    }
    buf_put_char(&all, '\0');
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!strstr(all.data, wanted[i]))
            fail_msg("no row says \"%s\"", wanted[i]);
    }
    buf_deinit(&all);
}

static void loading_after_every_operation_decides_the_same_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct workload workload = {0};
        struct result_of_run straight, cut;
        workload_make(&workload, seed, OPERATIONS, 0);
        run_without_a_stop(&workload, &straight);
        struct world w = {.cycle_rows = 10, .cycle_blocks = 1};
        workload_rewind(&workload);
        world_begin(&w);
        array_each (&workload.operations, i) {
            assert_int_equal(workload_run(&workload, &w, i), ERR_OK);
            world_commit(&w);
            world_reload(&w);
        }
        tell(&workload, &w, &cut);
        compare_runs(&straight, &cut, seed);
        world_end(&w);
        workload_free(&workload);
    }
}

struct under_way { /* batches taken and not answered, in order */
    struct world w;
    const struct batch *batches[8];
    size_t count;
};

static void on_done(void *context, const enum commit_status *statuses, size_t count,
                    const struct err_detail *detail)
{
    struct under_way *u = context;
    (void)detail;
    assert_int_equal(count, 1);
    assert_int_equal(statuses[0], COMMIT_DONE);
    partition_batch_done(u->w.partition, u->batches[0]);
    memmove(u->batches, u->batches + 1, --u->count * sizeof *u->batches);
}

static void send_batch(struct under_way *u)
{
    const struct batch *batch = u->count < 6 ? partition_take_batch(u->w.partition) : NULL;
    if (!batch)
        return;
    u->batches[u->count++] = batch;
    store_commit(u->w.store, &batch, 1, on_done, u);
}

/* Some batches are on their way when it dies, some of them become durable; the rest is decided again. */
static void crash(struct under_way *u, struct prng *prng)
{
    (void)store_memory_run(u->w.store, prng_below(prng, 4));
    store_memory_crash(u->w.store);
    u->count = 0;
    world_reload(&u->w);
}

static void run_with_crashes(struct workload *workload, uint64_t seed, struct result_of_run *ret)
{
    struct prng prng = {seed + 1000};
    struct under_way u = {.w = {.cycle_rows = seed % 2 ? 20 : 3, .cycle_blocks = 1}};
    workload_rewind(workload);
    world_begin(&u.w);
    store_memory_set_manual(u.w.store, true);
    for (size_t i = 0; i < workload->operations.count;) {
        assert_int_equal(workload_run(workload, &u.w, i), ERR_OK);
        i++;
        if (prng_chance(&prng, 50))
            send_batch(&u);
        if (prng_chance(&prng, 30))
            (void)store_memory_run(u.w.store, prng_below(&prng, 3));
        if (prng_chance(&prng, 12)) {
            crash(&u, &prng);
            i = workload_next(&u.w);
        }
    }
    store_memory_set_manual(u.w.store, false);
    store_flush(u.w.store);
    tell(workload, &u.w, ret);
    world_end(&u.w);
}

static void a_crash_anywhere_with_batches_under_way_decides_the_same_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
        struct workload workload = {0};
        struct result_of_run straight, cut;
        workload_make(&workload, seed, OPERATIONS, 0);
        run_without_a_stop(&workload, &straight);
        run_with_crashes(&workload, seed, &cut);
        compare_runs(&straight, &cut, seed);
        workload_free(&workload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_commit_what_is_loaded_is_what_was_decided),
        cmocka_unit_test(blocks_made_all_the_time_change_nothing_about_it),
        cmocka_unit_test(blocks_and_commits_may_come_at_any_time),
        cmocka_unit_test(contacts_and_enrollments_may_stand_in_several_blocks),
        cmocka_unit_test(the_workloads_say_something_about_everything),
        cmocka_unit_test(loading_after_every_operation_decides_the_same_rows),
        cmocka_unit_test(a_crash_anywhere_with_batches_under_way_decides_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
