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

/* ── a call fails, wherever ─────────────────────────────────────────────────── */

enum { PROGRAM_BATCHES = 6 };

static bool put_control(void *text, const struct control_entry *entry)
{
    buf_printf(text, "control %d '%.*s'\n", (int)entry->position, STR_ARG(entry->key));
    return true;
}

static bool put_effect(void *text, uint32_t partition, const struct effect_row *row)
{
    text_of_effect(text, partition, row);
    return true;
}

static bool put_row(void *text, const struct store_row *row)
{
    if (row->event)
        text_of_event(text, row->event);
    else
        text_of_ledger(text, row->ledger);
    return true;
}

#define UNTIL_OK(call)                                                                                       \
    while ((call) != ERR_OK)                                                                                 \
    failures++

/* Every kind of call, each repeated until it went well; what it read and left is the text. */
static unsigned run_program(struct store *store, uint64_t fail_at, enum commit_status status,
                            struct buf *text)
{
    unsigned failures = 0;
    struct author author = {.store = store, .partition = 1};
    store_memory_fail_at(store, fail_at, status);
    UNTIL_OK(store_claim(store, 1, &author.epoch, &author.head, NULL));
    for (int i = 0; i < PROGRAM_BATCHES; i++) {
        struct batch *batch = author_decide(
            &author,
            (struct batch_shape){.events = 3, .ledger = 2, .effects = 1, .stats = 2, .blocks = i % 2});
        char key[16];
        snprintf(key, sizeof key, "key-%d", i);
        struct control_entry entry = {.kind = STR("pause"), .key = str_from(key)};
        struct store_effect attempt = {1, {.seq = store_seq_take(store, 1, 1), .kind = EFFECT_ATTEMPTED}};
        uint64_t position;
        UNTIL_OK(store_control_append(store, &entry, &position, NULL));
        while (author_commit(&author, batch) != COMMIT_DONE)
            failures++;
        UNTIL_OK(store_effects_put(store, &attempt, 1, NULL));
        author.head.seq = batch->head.seq; /* the attempt's seq is not the engine's */
        author_discard(batch);
    }
    struct stat_row total;
    struct stat_key key = {.version = 1, .node = 1};
    UNTIL_OK(store_stat(store, 1, key, 10, &total, NULL));
    text_of_stat(text, &total);
    UNTIL_OK(store_walk(store, 1, author.last_row, put_row, text, NULL));
    UNTIL_OK(store_control_after(store, 0, put_control, text, NULL));
    UNTIL_OK(store_effects(store, 0, put_effect, text, NULL));
    return failures;
}

static void put_left(struct store *store, struct buf *text)
{
    store_memory_fail_at(store, 0, COMMIT_DONE);
    assert_int_equal(text_of_partition(text, store, 1, NULL), ERR_OK);
}

static void trying_again_ends_the_same_wherever_a_call_fails(void **state)
{
    (void)state;
    struct buf wanted = {0};
    struct store *store = store_memory_new(4);
    assert_int_equal(run_program(store, 0, COMMIT_DONE, &wanted), 0);
    put_left(store, &wanted);
    store_close(store);
    const enum commit_status statuses[] = {COMMIT_RETRY, COMMIT_UNKNOWN};
    for (size_t s = 0; s < 2; s++) {
        unsigned failures = 1;
        uint64_t k = 1;
        for (; failures > 0; k++) {
            struct buf found = {0};
            store = store_memory_new(4);
            failures = run_program(store, k, statuses[s], &found);
            put_left(store, &found);
            assert_true(failures <= 1);
            assert_string_equal(text_end(&found), text_end(&wanted));
            buf_deinit(&found);
            store_close(store);
        }
        assert_int_equal(k - 2, 1 + PROGRAM_BATCHES * 3 + 4); /* every call has failed once */
    }
    buf_deinit(&wanted);
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
        cmocka_unit_test(trying_again_ends_the_same_wherever_a_call_fails),
    };
    struct store_factory factory = {
        .name = "memory", .make = make, .discard = discard, .fail_next = fail_next, .heal = heal};
    int failed = store_exercise(&factory);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
