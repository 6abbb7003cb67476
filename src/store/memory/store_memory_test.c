#include "base/check.h"
#include "store/exercise.h"
#include "store/memory/store_memory.h"

/* ── what its own header says ───────────────────────────────────────────────── */

static int answered;
static enum commit_status last_status;

static void take_answer(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)context, (void)detail;
    answered += (int)count;
    last_status = statuses[count - 1];
}

static uint64_t stored_seq(struct store *store)
{
    struct partition_head head;
    CHECK(store_head(store, 0, &head, NULL) == ERR_OK);
    return head.seq;
}

static void a_manual_store_answers_when_told(void **state)
{
    (void)state;
    struct store *store = store_memory_new(4);
    struct author author = {0};
    author_begin(&author, store, 0);
    store_memory_set_manual(store, true);
    answered = 0;
    struct batch *batches[3];
    for (size_t i = 0; i < 3; i++) {
        batches[i] = author_decide(&author, (struct batch_shape){.events = 2});
        store_commit(store, (const struct batch *const *)&batches[i], 1, take_answer, NULL);
    }
    assert_int_equal(answered, 0);
    assert_int_equal(stored_seq(store), 0);
    assert_int_equal(store_memory_run(store, 1), 1);
    assert_int_equal(answered, 1);
    assert_int_equal(stored_seq(store), batches[0]->head.seq);
    assert_int_equal(store_memory_run(store, SIZE_MAX), 2);
    assert_int_equal(stored_seq(store), batches[2]->head.seq);
    assert_int_equal(store_memory_run(store, SIZE_MAX), 0);
    for (size_t i = 0; i < 3; i++)
        author_discard(batches[i]);
    store_close(store);
}

static void a_crash_drops_what_was_not_answered_and_its_seqs(void **state)
{
    (void)state;
    struct store *store = store_memory_new(4);
    struct author author = {0};
    author_begin(&author, store, 0);
    store_memory_set_manual(store, true);
    answered = 0;
    struct batch *kept = author_decide(&author, (struct batch_shape){.events = 2});
    struct batch *lost = author_decide(&author, (struct batch_shape){.events = 2});
    store_commit(store, (const struct batch *const *)&kept, 1, take_answer, NULL);
    store_commit(store, (const struct batch *const *)&lost, 1, take_answer, NULL);
    store_memory_run(store, 1);
    store_memory_crash(store);
    assert_int_equal(store_memory_run(store, SIZE_MAX), 0);
    assert_int_equal(answered, 1);
    struct author next = {0};
    author_begin(&next, store, 0);
    assert_int_equal(next.head.seq, kept->head.seq);
    assert_int_equal(store_seq_take(store, 0, 1), kept->head.seq + 1);
    author_discard(kept);
    author_discard(lost);
    store_close(store);
}

static bool no_row(void *context, const struct store_row *row)
{
    (void)context, (void)row;
    return true;
}

static void the_kth_call_fails_and_only_that_one(void **state)
{
    (void)state;
    for (uint64_t k = 1; k <= 4; k++) {
        struct store *store = store_memory_new(4);
        struct author author = {0};
        author_begin(&author, store, 0);
        struct batch *batch = author_decide(&author, (struct batch_shape){.events = 2});
        struct control_entry entry = {.kind = STR("stop")};
        struct partition_head head;
        uint64_t position;
        store_memory_fail_at(store, k, COMMIT_RETRY);
        assert_int_equal(store_control_append(store, &entry, &position, NULL), k == 1 ? ERR_IO : ERR_OK);
        assert_int_equal(author_commit(&author, batch), k == 2 ? COMMIT_RETRY : COMMIT_DONE);
        assert_int_equal(store_rows(store, 0, 0, UINT64_MAX, no_row, NULL, NULL), k == 3 ? ERR_IO : ERR_OK);
        assert_int_equal(store_head(store, 0, &head, NULL), k == 4 ? ERR_IO : ERR_OK);
        assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
        author_discard(batch);
        store_close(store);
    }
}

static void a_broken_store_may_be_played(void **state)
{
    (void)state;
    struct store *store = store_memory_new(4);
    struct author author = {0};
    author_begin(&author, store, 0);
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 2});
    store_memory_fail_at(store, 1, COMMIT_FAILED);
    assert_int_equal(author_commit(&author, batch), COMMIT_FAILED);
    assert_int_equal(stored_seq(store), 0);
    author_discard(batch);
    store_close(store);
}

/* ── the suite ──────────────────────────────────────────────────────────────── */

static struct store *make(struct store_factory *factory)
{
    (void)factory;
    return store_memory_new(4);
}

static void discard(struct store_factory *factory, struct store *store)
{
    (void)factory;
    store_close(store);
}

static bool fail_next(struct store_factory *factory, struct store *store, enum commit_status status)
{
    (void)factory;
    store_memory_fail_at(store, 1, status);
    return true;
}

static void heal(struct store_factory *factory, struct store *store)
{
    (void)factory;
    store_memory_fail_at(store, 0, COMMIT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manual_store_answers_when_told),
        cmocka_unit_test(a_crash_drops_what_was_not_answered_and_its_seqs),
        cmocka_unit_test(the_kth_call_fails_and_only_that_one),
        cmocka_unit_test(a_broken_store_may_be_played),
    };
    struct store_factory factory = {
        .name = "memory", .make = make, .discard = discard, .fail_next = fail_next, .heal = heal};
    int failed = store_exercise(&factory);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
