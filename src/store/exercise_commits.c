#include "store/exercise.h"

#include <inttypes.h>

static const struct batch_shape some_rows = {.events = 5, .ledger = 7, .effects = 2, .stats = 3};
static const struct batch_shape rows_and_blocks = {.events = 3, .ledger = 4, .stats = 2, .blocks = 5};
static const struct batch_shape blocks_alone = {.blocks = 6};
static const struct batch_shape large = {
    .events = 200, .ledger = 200, .effects = 50, .stats = 50, .blocks = 6};

static void assert_texts_equal(struct buf *a, struct buf *b)
{
    assert_string_equal(text_end(a), text_end(b));
    buf_deinit(a);
    buf_deinit(b);
}

/* The partition holds exactly what the batches brought, whose owner is `author`. */
static void assert_holds(struct author *author, struct batch *const *batches, size_t count)
{
    struct buf wanted = {0}, found = {0};
    text_of_head(&wanted, count ? &batches[count - 1]->head : &(struct partition_head){0});
    for (size_t i = 0; i < count; i++)
        text_of_batch_rows(&wanted, batches[i]);
    assert_int_equal(text_of_partition(&found, author->store, author->partition, NULL), ERR_OK);
    text_end(&found);
    char *blocks = found.size ? strstr(found.data, "\nblock ") : NULL;
    if (blocks)
        found.size = (size_t)(blocks + 1 - found.data);
    assert_texts_equal(&found, &wanted);
}

/* ── claims and heads ───────────────────────────────────────────────────────── */

static void an_empty_store_has_heads_of_zeros(void **state)
{
    struct exercise *x = *state;
    struct partition_head head = {.seq = 99};
    for (uint32_t p = 0; p < x->store->partitions; p++) {
        assert_int_equal(store_head(x->store, p, &head, NULL), ERR_OK);
        assert_int_equal(head.seq, 0);
        assert_int_equal(head.now_ms, 0);
    }
}

static void every_claim_gives_a_higher_epoch_and_the_head(void **state)
{
    struct exercise *x = *state;
    struct author first = {0}, second = {0}, other = {0};
    author_begin(&first, x->store, 1);
    struct batch *batch = author_decide(&first, some_rows);
    assert_int_equal(author_commit(&first, batch), COMMIT_DONE);
    author_begin(&second, x->store, 1);
    author_begin(&other, x->store, 2);
    assert_true(second.epoch > first.epoch);
    assert_int_equal(second.head.seq, batch->head.seq);
    assert_int_equal(second.head.now_ms, batch->head.now_ms);
    assert_int_equal(second.head.input, batch->head.input);
    assert_int_equal(other.head.seq, 0);
    author_discard(batch);
}

static void seqs_rise_and_are_never_given_twice(void **state)
{
    struct exercise *x = *state;
    uint64_t last[4] = {0};
    for (uint32_t i = 0; i < 400; i++) {
        uint64_t seq = store_seq_take(x->store, i % 4, 1 + i % 7);
        assert_true(seq > last[i % 4]);
        last[i % 4] = seq + i % 7;
    }
}

/* ── order, fence and repetition ────────────────────────────────────────────── */

struct answers {
    uint32_t order[64];
    enum commit_status status[64];
    size_t count;
};
struct asked {
    struct answers *answers;
    uint32_t number;
};

static void take_answer(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)detail;
    struct asked *asked = context;
    struct answers *answers = asked->answers;
    answers->order[answers->count] = asked->number;
    answers->status[answers->count++] = count ? statuses[0] : COMMIT_DONE;
}

static void commits_are_answered_in_the_order_of_calls(void **state)
{
    struct exercise *x = *state;
    enum { COMMITS = 40 };
    struct author authors[3] = {0};
    struct batch *batches[COMMITS];
    struct answers answers = {0};
    struct asked asked[COMMITS];
    for (uint32_t p = 0; p < 3; p++)
        author_begin(&authors[p], x->store, p);
    for (uint32_t i = 0; i < COMMITS; i++) {
        batches[i] = author_decide(&authors[i % 3], some_rows);
        asked[i] = (struct asked){&answers, i};
        const struct batch *batch = batches[i];
        store_commit(x->store, &batch, 1, take_answer, &asked[i]);
    }
    store_flush(x->store);
    assert_int_equal(answers.count, COMMITS);
    for (uint32_t i = 0; i < COMMITS; i++) {
        assert_int_equal(answers.order[i], i);
        assert_int_equal(answers.status[i], COMMIT_DONE);
        author_discard(batches[i]);
    }
}

struct many {
    enum commit_status statuses[4];
    bool has_detail;
};

static void take_many(void *context, const enum commit_status *statuses, size_t count,
                      const struct err_detail *detail)
{
    struct many *many = context;
    for (size_t i = 0; i < count; i++)
        many->statuses[i] = statuses[i];
    many->has_detail = detail && detail->text[0];
}

static void each_batch_of_a_commit_has_its_own_status(void **state)
{
    struct exercise *x = *state;
    struct author old = {0}, owner = {0}, other = {0};
    author_begin(&old, x->store, 0);
    author_begin(&owner, x->store, 0);
    author_begin(&other, x->store, 1);
    struct batch *late = author_decide(&old, rows_and_blocks);
    struct batch *first = author_decide(&owner, some_rows), *second = author_decide(&owner, some_rows);
    struct batch *apart = author_decide(&other, some_rows);
    const struct batch *all[] = {first, late, apart, second};
    struct many many = {.statuses = {COMMIT_FAILED, COMMIT_FAILED, COMMIT_FAILED, COMMIT_FAILED}};
    store_commit(x->store, all, 4, take_many, &many);
    store_flush(x->store);
    assert_int_equal(many.statuses[0], COMMIT_DONE);
    assert_int_equal(many.statuses[1], COMMIT_FENCED);
    assert_int_equal(many.statuses[2], COMMIT_DONE);
    assert_int_equal(many.statuses[3], COMMIT_DONE);
    assert_true(many.has_detail);
    assert_holds(&owner, (struct batch *[]){first, second}, 2);
    assert_holds(&other, &apart, 1);
    author_discard(late);
    author_discard(first);
    author_discard(second);
    author_discard(apart);
}

static void a_batch_of_an_old_epoch_leaves_nothing(void **state)
{
    struct exercise *x = *state;
    struct author old = {0}, owner = {0};
    author_begin(&old, x->store, 3);
    author_begin(&owner, x->store, 3);
    struct batch *batch = author_decide(&old, rows_and_blocks);
    assert_int_equal(author_commit(&old, batch), COMMIT_FENCED);
    struct buf found = {0}, wanted = {0};
    text_of_head(&wanted, &(struct partition_head){0});
    assert_int_equal(text_of_partition(&found, x->store, 3, NULL), ERR_OK);
    assert_texts_equal(&found, &wanted);
    author_discard(batch);
}

static void a_batch_that_builds_on_another_seq_is_fenced(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct batch *skipped = author_decide(&author, some_rows), *ahead = author_decide(&author, some_rows);
    assert_int_equal(author_commit(&author, ahead), COMMIT_FENCED);
    assert_int_equal(author_commit(&author, skipped), COMMIT_DONE);
    struct batch *astride = author_decide(&author, some_rows);
    astride->seq_before = skipped->seq_before; /* over what is there, to something beyond */
    assert_int_equal(author_commit(&author, astride), COMMIT_FENCED);
    assert_holds(&author, &skipped, 1);
    author_discard(skipped);
    author_discard(ahead);
    author_discard(astride);
}

static void a_batch_committed_again_is_done_and_there_once(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct batch *batches[2] = {author_decide(&author, some_rows)};
    assert_int_equal(author_commit(&author, batches[0]), COMMIT_DONE);
    assert_int_equal(author_commit(&author, batches[0]), COMMIT_DONE);
    batches[1] = author_decide(&author, rows_and_blocks);
    const struct batch *twice[] = {batches[1], batches[1]};
    struct many many = {.statuses = {COMMIT_FAILED, COMMIT_FAILED}};
    store_commit(x->store, twice, 2, take_many, &many);
    store_flush(x->store);
    assert_int_equal(many.statuses[0], COMMIT_DONE);
    assert_int_equal(many.statuses[1], COMMIT_DONE);
    assert_holds(&author, batches, 2);
    author_discard(batches[0]);
    author_discard(batches[1]);
}

static void a_batch_without_rows_moves_the_head(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 2);
    struct batch *rows = author_decide(&author, some_rows);
    author.head.input += 1000;
    struct batch *empty = author_decide(&author, (struct batch_shape){0});
    assert_int_equal(author_commit(&author, rows), COMMIT_DONE);
    assert_int_equal(author_commit(&author, empty), COMMIT_DONE);
    struct partition_head head;
    assert_int_equal(store_head(x->store, 2, &head, NULL), ERR_OK);
    assert_int_equal(head.seq, rows->head.seq);
    assert_int_equal(head.input, rows->head.input + 1000);
    author_discard(rows);
    author_discard(empty);
}

/* ── failures that leave the store usable ───────────────────────────────────── */

static void a_refused_batch_leaves_nothing_and_goes_in_later(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 1);
    struct batch *batches[2] = {author_decide(&author, rows_and_blocks), author_decide(&author, large)};
    assert_int_equal(author_commit(&author, batches[0]), COMMIT_DONE);
    if (!x->factory->fail_next(x->factory, x->store, COMMIT_RETRY))
        skip();
    assert_int_equal(author_commit(&author, batches[1]), COMMIT_RETRY);
    assert_holds(&author, batches, 1);
    x->factory->heal(x->factory, x->store);
    assert_int_equal(author_commit(&author, batches[1]), COMMIT_DONE);
    assert_holds(&author, batches, 2);
    author_discard(batches[0]);
    author_discard(batches[1]);
}

static void no_later_batch_passes_one_that_was_refused(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 1);
    struct batch *blocks = author_decide(&author, blocks_alone), *rows = author_decide(&author, some_rows);
    if (!x->factory->fail_next(x->factory, x->store, COMMIT_RETRY))
        skip();
    assert_int_equal(author_commit(&author, blocks), COMMIT_RETRY);
    x->factory->heal(x->factory, x->store);
    assert_int_equal(author_commit(&author, rows), COMMIT_RETRY);
    assert_holds(&author, NULL, 0);
    assert_int_equal(author_commit(&author, blocks), COMMIT_DONE);
    assert_int_equal(author_commit(&author, rows), COMMIT_DONE);
    assert_holds(&author, (struct batch *[]){rows}, 1);
    author_discard(blocks);
    author_discard(rows);
}

static void a_new_owner_need_not_wait_for_what_the_former_was_refused(void **state)
{
    struct exercise *x = *state;
    struct author former = {0}, owner = {0};
    author_begin(&former, x->store, 1);
    struct batch *lost = author_decide(&former, large);
    if (!x->factory->fail_next(x->factory, x->store, COMMIT_RETRY))
        skip();
    assert_int_equal(author_commit(&former, lost), COMMIT_RETRY);
    x->factory->heal(x->factory, x->store);
    author_begin(&owner, x->store, 1);
    struct batch *batch = author_decide(&owner, some_rows);
    assert_int_equal(author_commit(&owner, batch), COMMIT_DONE);
    assert_int_equal(author_commit(&former, lost), COMMIT_FENCED);
    assert_holds(&owner, &batch, 1);
    author_discard(lost);
    author_discard(batch);
}

static void an_unknown_outcome_is_settled_by_committing_again(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct batch *batches[2];
    for (size_t i = 0; i < 2; i++) { /* one is taken, one is not */
        batches[i] = author_decide(&author, large);
        if (!x->factory->fail_next(x->factory, x->store, COMMIT_UNKNOWN)) {
            author_discard(batches[i]);
            skip();
        }
        assert_int_equal(author_commit(&author, batches[i]), COMMIT_UNKNOWN);
        x->factory->heal(x->factory, x->store);
        assert_int_equal(author_commit(&author, batches[i]), COMMIT_DONE);
        assert_holds(&author, batches, i + 1);
    }
    author_discard(batches[0]);
    author_discard(batches[1]);
}

/* ── blocks ─────────────────────────────────────────────────────────────────── */

static bool put_block(void *text, const struct block *block)
{
    text_of_block(text, block);
    return true;
}

static void blocks_come_in_order_and_the_last_one_replaces(void **state)
{
    struct exercise *x = *state;
    struct author author = {0};
    author_begin(&author, x->store, 0);
    struct batch *first = author_decide(&author, some_rows), *second = author_decide(&author, some_rows);
    *array_push(&first->blocks) = (struct block){first->head.seq, 300, BLOCK_ENROLLMENTS, STR("e300")};
    *array_push(&first->blocks) = (struct block){first->head.seq, 2, BLOCK_CONTACTS, STR("c2")};
    *array_push(&first->blocks) = (struct block){first->head.seq, 0, BLOCK_CONTACTS, STR("c0")};
    *array_push(&first->blocks) = (struct block){first->head.seq - 1, 0, BLOCK_PAST, STR("")};
    *array_push(&second->blocks) = (struct block){second->head.seq, 2, BLOCK_CONTACTS, STR("c2 once more")};
    assert_int_equal(author_commit(&author, first), COMMIT_DONE);
    assert_int_equal(author_commit(&author, second), COMMIT_DONE);
    struct buf found = {0}, wanted = {0};
    text_of_block(&wanted, &(struct block){first->head.seq, 0, BLOCK_CONTACTS, STR("c0")});
    text_of_block(&wanted, &(struct block){second->head.seq, 2, BLOCK_CONTACTS, STR("c2 once more")});
    text_of_block(&wanted, &(struct block){first->head.seq - 1, 0, BLOCK_PAST, STR("")});
    text_of_block(&wanted, &(struct block){first->head.seq, 300, BLOCK_ENROLLMENTS, STR("e300")});
    assert_int_equal(store_blocks(x->store, 0, put_block, &found, NULL), ERR_OK);
    assert_texts_equal(&found, &wanted);
    author_discard(first);
    author_discard(second);
}

/* ── the control log ────────────────────────────────────────────────────────── */

static bool put_control(void *text, const struct control_entry *entry)
{
    buf_printf(text, "%" PRIu64 " at %" PRId64 " '%.*s' by '%.*s' key '%.*s' '%.*s'\n", entry->position,
               entry->at_ms, STR_ARG(entry->kind), STR_ARG(entry->actor), STR_ARG(entry->key),
               STR_ARG(entry->body));
    return true;
}

static void control_entries_have_positions_without_gaps(void **state)
{
    struct exercise *x = *state;
    struct buf found = {0}, wanted = {0};
    for (uint64_t i = 1; i <= 300; i++) {
        struct control_entry entry = {.position = 77,
                                      .at_ms = (int64_t)i * 10,
                                      .kind = STR("pause"),
                                      .actor = STR("ann"),
                                      .body = STR("{\"a\":1}")};
        uint64_t position = 0;
        assert_int_equal(store_control_append(x->store, &entry, &position, NULL), ERR_OK);
        assert_int_equal(position, i);
        entry.position = position;
        if (i > 5)
            put_control(&wanted, &entry);
    }
    assert_int_equal(store_control_after(x->store, 5, put_control, &found, NULL), ERR_OK);
    assert_texts_equal(&found, &wanted);
}

static void a_control_key_acts_once(void **state)
{
    struct exercise *x = *state;
    struct control_entry stop = {.kind = STR("stop"), .key = STR("k-1"), .body = STR("{}")};
    struct control_entry again = {.kind = STR("stop"), .key = STR("k-1"), .body = STR("{\"other\":1}")};
    struct control_entry keyless = {.kind = STR("name"), .at_ms = 5};
    uint64_t position = 0;
    assert_int_equal(store_control_append(x->store, &stop, &position, NULL), ERR_OK);
    assert_int_equal(position, 1);
    assert_int_equal(store_control_append(x->store, &keyless, &position, NULL), ERR_OK);
    assert_int_equal(store_control_append(x->store, &keyless, &position, NULL), ERR_OK);
    assert_int_equal(position, 3);
    assert_int_equal(store_control_append(x->store, &again, &position, NULL), ERR_OK);
    assert_int_equal(position, 1);
    assert_int_equal(store_control_append(x->store, &keyless, &position, NULL), ERR_OK);
    assert_int_equal(position, 4);
    struct buf found = {0};
    assert_int_equal(store_control_after(x->store, 0, put_control, &found, NULL), ERR_OK);
    assert_string_equal(text_end(&found),
                        "1 at 0 'stop' by '' key 'k-1' '{}'\n2 at 5 'name' by '' key '' ''\n"
                        "3 at 5 'name' by '' key '' ''\n4 at 5 'name' by '' key '' ''\n");
    buf_deinit(&found);
}

/* ── a restart ──────────────────────────────────────────────────────────────── */

static void put_all(struct buf *text, struct store *store)
{
    for (uint32_t p = 0; p < 4; p++)
        assert_int_equal(text_of_partition(text, store, p, NULL), ERR_OK);
    assert_int_equal(store_control_after(store, 0, put_control, text, NULL), ERR_OK);
}

static void a_restart_keeps_everything_and_goes_on_above_it(void **state)
{
    struct exercise *x = *state;
    if (!x->factory->reopen)
        skip();
    struct author authors[4] = {0};
    uint64_t last = 0, position;
    for (uint32_t p = 0; p < 4; p++)
        author_begin(&authors[p], x->store, p);
    for (uint32_t i = 0; i < 30; i++) {
        struct batch *batch = author_decide(&authors[i % 4], i % 3 ? some_rows : rows_and_blocks);
        assert_int_equal(author_commit(&authors[i % 4], batch), COMMIT_DONE);
        last = batch->head.seq;
        author_discard(batch);
    }
    struct control_entry entry = {.kind = STR("publish"), .key = STR("once")};
    assert_int_equal(store_control_append(x->store, &entry, &position, NULL), ERR_OK);
    struct buf before = {0}, after = {0};
    put_all(&before, x->store);

    x->store = x->factory->reopen(x->factory, x->store);

    put_all(&after, x->store);
    assert_texts_equal(&after, &before);
    assert_true(store_seq_take(x->store, 0, 1) > last);
    struct author next = {0};
    author_begin(&next, x->store, 2);
    assert_true(next.epoch > authors[2].epoch);
    assert_int_equal(next.head.seq, authors[2].head.seq);
    assert_int_equal(store_control_append(x->store, &entry, &position, NULL), ERR_OK);
    assert_int_equal(position, 1);
}

const struct CMUnitTest exercise_commits[] = {
    EXERCISE(an_empty_store_has_heads_of_zeros),
    EXERCISE(every_claim_gives_a_higher_epoch_and_the_head),
    EXERCISE(seqs_rise_and_are_never_given_twice),
    EXERCISE(commits_are_answered_in_the_order_of_calls),
    EXERCISE(each_batch_of_a_commit_has_its_own_status),
    EXERCISE(a_batch_of_an_old_epoch_leaves_nothing),
    EXERCISE(a_batch_that_builds_on_another_seq_is_fenced),
    EXERCISE(a_batch_committed_again_is_done_and_there_once),
    EXERCISE(a_batch_without_rows_moves_the_head),
    EXERCISE(a_refused_batch_leaves_nothing_and_goes_in_later),
    EXERCISE(no_later_batch_passes_one_that_was_refused),
    EXERCISE(a_new_owner_need_not_wait_for_what_the_former_was_refused),
    EXERCISE(an_unknown_outcome_is_settled_by_committing_again),
    EXERCISE(blocks_come_in_order_and_the_last_one_replaces),
    EXERCISE(control_entries_have_positions_without_gaps),
    EXERCISE(a_control_key_acts_once),
    EXERCISE(a_restart_keeps_everything_and_goes_on_above_it),
};
const size_t exercise_commits_count = sizeof exercise_commits / sizeof *exercise_commits;
