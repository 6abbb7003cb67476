/* A store that fails at its 1st, 2nd, 3rd … call: nothing acknowledged is missing, nothing is there twice,
 * and what is decided in the end does not depend on it. */
#include "base/prng.h"
#include "partition/state_text_test.h"
#include "partition/workload_test.h"

enum { OPERATIONS = 120, TRIES_MAX = 20 };

struct driver {
    struct workload *workload;
    struct world w;
    uint64_t acknowledged; /* seq of the head that was answered COMMIT_DONE last */
    uint64_t acknowledged_input;
    bool loaded;
};

static void keep_status(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)detail;
    assert_int_equal(count, 1);
    *(enum commit_status *)context = statuses[0];
}

static void drop(struct driver *d)
{
    partition_close(d->w.partition);
    control_close(d->w.control);
    d->w.partition = NULL;
    d->w.control = NULL;
    d->loaded = false;
}

static bool try_to_load(struct driver *d)
{
    struct err_detail detail;
    if (control_open(d->w.store, false, &d->w.control, &detail))
        return false;
    const struct partition_options options = {
        .store = d->w.store, .control = d->w.control, .cycle_rows = 25, .cycle_blocks = 1};
    if (partition_open(&options, &d->w.partition, &detail)) {
        control_close(d->w.control);
        return false;
    }
    return true;
}

/* Fewer failures than tries are set up, so it comes to be. What was acknowledged must be there then. */
static void load(struct driver *d)
{
    int tries = 0;
    while (!try_to_load(d))
        assert_true(++tries < TRIES_MAX);
    d->loaded = true;
    const struct partition_head *head = partition_head(d->w.partition);
    assert_true(head->seq >= d->acknowledged);
    assert_true(head->input >= d->acknowledged_input);
}

/* The same bytes again until it is known what became of them; false = the store is broken. */
static bool commit(struct driver *d)
{
    const struct batch *batch = partition_take_batch(d->w.partition);
    if (!batch)
        return true;
    enum commit_status status = COMMIT_RETRY;
    for (int tries = 0; status == COMMIT_RETRY || status == COMMIT_UNKNOWN; tries++) {
        assert_true(tries < TRIES_MAX);
        store_commit(d->w.store, &batch, 1, keep_status, &status);
        store_flush(d->w.store);
    }
    if (status != COMMIT_DONE)
        return false;
    d->acknowledged = batch->head.seq;
    d->acknowledged_input = batch->head.input;
    partition_batch_done(d->w.partition, batch);
    return true;
}

static void run(struct driver *d, size_t from)
{
    for (size_t i = from; i < d->workload->operations.count;) {
        enum err err = workload_run(d->workload, &d->w, i);
        if (!err && commit(d)) {
            i++;
            continue;
        }
        drop(d);
        load(d);
        i = workload_next(&d->w);
    }
}

static void begin(struct driver *d, struct workload *workload)
{
    *d = (struct driver){.workload = workload};
    workload_rewind(workload);
    d->w.store = store_memory_new(1);
    d->w.json = json_reader_new();
}

static void tell(struct driver *d, struct buf *text)
{
    store_memory_fail_at(d->w.store, 0, COMMIT_DONE);
    world_check_figures(&d->w);
    *text = (struct buf){0};
    ledger_text(text, d->w.store);
    text->size--;
    figures_text(text, d->w.store, control_plan(d->w.control), world_instant("00:00"),
                 workload_end(d->workload));
}

static void expect_undisturbed(struct workload *workload, struct buf *text)
{
    struct driver d;
    begin(&d, workload);
    load(&d);
    run(&d, 0);
    tell(&d, text);
    world_end(&d.w);
}

static void assert_same(const struct buf *expected, struct buf *text, uint64_t k)
{
    size_t i = 0, line = 0;
    for (; expected->data[i] && expected->data[i] == text->data[i]; i++)
        line = text->data[i] == '\n' ? i + 1 : line;
    if (expected->data[i] != text->data[i])
        fail_msg("failing at call %lu:\n%.*s\n%.*s", (unsigned long)k,
                 (int)strcspn(expected->data + line, "\n"), expected->data + line,
                 (int)strcspn(text->data + line, "\n"), text->data + line);
    buf_deinit(text);
}

/* Until a whole run has fewer calls than k. */
static void fail_at_every_call(enum commit_status status)
{
    struct workload workload = {0};
    struct buf expected, text;
    workload_make(&workload, 3, OPERATIONS, 0);
    expect_undisturbed(&workload, &expected);
    uint64_t k = 0;
    for (bool failed = true; failed;) {
        struct driver d;
        k++;
        begin(&d, &workload);
        store_memory_fail_at(d.w.store, k, status);
        load(&d);
        run(&d, 0);
        /* a failure that has not come to be would hit this call */
        struct partition_head head;
        uint64_t calls = 0;
        while (calls < k && store_head(d.w.store, 0, &head, NULL) == ERR_OK)
            calls++;
        failed = calls == k;
        tell(&d, &text);
        assert_same(&expected, &text, k);
        world_end(&d.w);
    }
    assert_true(k > OPERATIONS);
    buf_deinit(&expected);
    workload_free(&workload);
}

static void retried_commits_change_nothing(void **state)
{
    (void)state;
    fail_at_every_call(COMMIT_RETRY);
}

static void commits_of_unknown_outcome_change_nothing(void **state)
{
    (void)state;
    fail_at_every_call(COMMIT_UNKNOWN);
}

static void a_store_that_breaks_is_loaded_again_and_nothing_is_missing_or_twice(void **state)
{
    (void)state;
    fail_at_every_call(COMMIT_FAILED);
}

static void failing_again_and_again_changes_nothing(void **state)
{
    (void)state;
    static const enum commit_status statuses[] = {COMMIT_RETRY, COMMIT_UNKNOWN, COMMIT_FAILED};
    for (uint64_t seed = 1; seed <= 15; seed++) {
        struct workload workload = {0};
        struct buf expected, text;
        struct prng prng = {seed};
        struct driver d;
        workload_make(&workload, seed, OPERATIONS, 0);
        expect_undisturbed(&workload, &expected);
        begin(&d, &workload);
        load(&d);
        for (size_t i = 0; i < workload.operations.count;) {
            if (prng_chance(&prng, 40))
                store_memory_fail_at(d.w.store, 1 + prng_below(&prng, 4), statuses[prng_below(&prng, 3)]);
            if (workload_run(&workload, &d.w, i) == ERR_OK && commit(&d)) {
                i++;
                continue;
            }
            drop(&d);
            load(&d);
            i = workload_next(&d.w);
        }
        tell(&d, &text);
        assert_same(&expected, &text, seed);
        world_end(&d.w);
        buf_deinit(&expected);
        workload_free(&workload);
    }
}

/* Somebody else claims the partition: the former owner's batches are refused and dropped. */
static void a_fenced_owner_adds_nothing_and_the_new_one_goes_on(void **state)
{
    (void)state;
    struct workload workload = {0};
    struct buf expected, text;
    workload_make(&workload, 5, OPERATIONS, 0);
    expect_undisturbed(&workload, &expected);
    for (size_t at = 1; at < OPERATIONS; at += 9) {
        struct driver old;
        begin(&old, &workload);
        load(&old);
        for (size_t i = 0; i < at; i++) {
            assert_int_equal(workload_run(&workload, &old.w, i), ERR_OK);
            assert_true(commit(&old));
        }
        struct driver owner = old; /* store and reader are shared */
        owner.w.arena = (struct arena){0};
        load(&owner);
        enum err err = workload_run(&workload, &old.w, at);
        assert_int_equal(err, ERR_OK);
        const struct batch *batch = partition_take_batch(old.w.partition);
        enum commit_status status = COMMIT_FENCED;
        if (batch)
            store_commit(old.w.store, &batch, 1, keep_status, &status);
        assert_int_equal(status, COMMIT_FENCED);
        drop(&old);
        arena_deinit(&old.w.arena);
        drop(&owner);
        load(&owner); /* the log has gone on under it */
        run(&owner, workload_next(&owner.w));
        tell(&owner, &text);
        assert_same(&expected, &text, at);
        world_end(&owner.w);
    }
    buf_deinit(&expected);
    workload_free(&workload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retried_commits_change_nothing),
        cmocka_unit_test(commits_of_unknown_outcome_change_nothing),
        cmocka_unit_test(a_store_that_breaks_is_loaded_again_and_nothing_is_missing_or_twice),
        cmocka_unit_test(failing_again_and_again_changes_nothing),
        cmocka_unit_test(a_fenced_owner_adds_nothing_and_the_new_one_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
