#include "delivery/outbox_caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

enum {
    SEQS_AT_ONCE = 64
}; /* as an engine does: delivery's seqs come to stand above later ones of the engine */

/* ── the destination ──────────────────────────────────────────────────────── */

struct sought {
    const char *key;
    bool attempted;
};

static bool on_attempt(void *context, uint32_t partition, const struct effect_row *row)
{
    struct sought *sought = context;
    char key[EFFECT_KEY_BYTES];
    effect_key(partition, row, key);
    sought->attempted |= row->kind == EFFECT_ATTEMPTED && strcmp(key, sought->key) == 0;
    return !sought->attempted;
}

static void assert_attempted(struct caller *caller, const char *key)
{
    struct sought sought = {.key = key};
    assert_int_equal(store_effects(caller->store, 0, on_attempt, &sought, NULL), ERR_OK);
    assert_true(sought.attempted);
}

static enum err basket_deliver(struct destination *destination, struct activation *items, size_t count,
                               struct err_detail *detail)
{
    struct basket *basket = (struct basket *)destination;
    basket->calls++;
    assert_false(basket->caller->unsettled);
    for (size_t i = 0; i < count; i++) {
        assert_attempted(basket->caller, items[i].key.data);
        assert_true(str_equal(items[i].node, STR("offer")) && str_equal(items[i].operation, STR("add")));
        bool taken = basket->fault == BASKET_WELL || (basket->fault == BASKET_OPEN_TAKEN && i < count / 2);
        if (taken)
            *array_push(&basket->keys) = strdup(items[i].key.data);
        switch (basket->fault) {
        case BASKET_WELL: items[i].outcome = ACTIVATION_SENT; break;
        case BASKET_UNSENT: items[i].outcome = ACTIVATION_UNSENT; break;
        case BASKET_OPEN_TAKEN: items[i].outcome = ACTIVATION_OPEN; break;
        case BASKET_REFUSES:
            items[i].outcome = ACTIVATION_FAILED;
            items[i].reason = "it does not like it";
            break;
        }
    }
    if (basket->fault == BASKET_WELL || basket->fault == BASKET_REFUSES)
        return ERR_OK;
    return err_fail(detail, ERR_IO, "basket", "it was told to fail");
}

static enum err basket_has(struct destination *destination, const struct str *keys, size_t count, bool *ret,
                           struct err_detail *detail)
{
    struct basket *basket = (struct basket *)destination;
    basket->asked += count;
    if (basket->has_fails)
        return err_fail(detail, ERR_IO, "basket", "it was told not to say");
    for (size_t i = 0; i < count; i++) {
        array_each (&basket->keys, k)
            ret[i] |= str_equal(str_from(basket->keys.items[k]), keys[i]);
    }
    return ERR_OK;
}

static void basket_close(struct destination *destination)
{
    (void)destination;
    fail_msg("destinations are the caller's");
}

static void basket_begin(struct basket *basket, struct caller *caller, const char *name)
{
    static const struct destination_calls calls = {
        .deliver = basket_deliver, .has = basket_has, .close = basket_close};
    basket->base = (struct destination){.calls = &calls, .name = str_from(name), .honours_keys = true};
    basket->caller = caller;
}

static void basket_end(struct basket *basket)
{
    array_each (&basket->keys, i)
        free(basket->keys.items[i]);
    array_free(&basket->keys);
}

size_t basket_count(const struct basket *basket, const struct pending *pending)
{
    char key[EFFECT_KEY_BYTES];
    size_t count = 0;
    effect_key(pending->partition, &pending->row, key);
    array_each (&basket->keys, i)
        count += strcmp(basket->keys.items[i], key) == 0;
    return count;
}

/* ── the engine ───────────────────────────────────────────────────────────── */

static struct pending *find(struct caller *caller, uint32_t partition, uint64_t effect)
{
    array_each (&caller->pending, i) {
        struct pending *pending = &caller->pending.items[i];
        if (pending->partition == partition && pending->row.effect == effect)
            return pending;
    }
    fail_msg("nobody opened the effect");
    return NULL;
}

static enum handover_answer ask_one(struct caller *caller, uint32_t partition,
                                    const struct effect_row *effect, struct handover *ret)
{
    struct arena *arena = &caller->answers;
    const struct pending *pending = find(caller, partition, effect->effect);
    assert_int_equal(effect->enrollment, pending->row.enrollment);
    if (!pending->open)
        return HANDOVER_GONE;
    if (caller->held[effect->version])
        return HANDOVER_HELD;
    *ret = (struct handover){.journey = STR("Win back"), .node = STR("offer"), .version = 1};
    ret->contact = arena_str(arena, STR("c-1"));
    if (caller->attribute_bytes)
        ret->attributes = (struct str){arena_take(arena, caller->attribute_bytes), caller->attribute_bytes};
    return HANDOVER_GO;
}

/* Questions of one partition stand together; what former answers pointed to is gone. */
static void ask(void *context, struct handover_question *questions, size_t count)
{
    struct caller *caller = context;
    bool met[CALLER_PARTITIONS] = {0};
    assert_in_range(count, 1, OUTBOX_GROUP_MAX);
    assert_false(caller->unsettled);
    caller->unsettled = true;
    arena_deinit(&caller->answers);
    for (size_t i = 0; i < count; i++) {
        struct handover_question *question = &questions[i];
        bool begins = i == 0 || questions[i - 1].partition != question->partition;
        assert_false(begins && met[question->partition]);
        met[question->partition] = true;
        bool room = i == 0 || caller->answers.bytes < OUTBOX_GROUP_BYTES_MAX;
        question->answer = room ? ask_one(caller, question->partition, &question->effect, &question->handover)
                                : HANDOVER_LATER;
    }
}

static void settle(void *context)
{
    struct caller *caller = context;
    assert_true(caller->unsettled);
    caller->unsettled = false;
}

static enum outbox_undefined undefined(void *context, struct str destination)
{
    (void)destination;
    return ((struct caller *)context)->undefined;
}

static uint64_t next_seq(struct caller *caller, uint32_t p)
{
    if (caller->seq_next[p] == caller->seq_end[p]) {
        caller->seq_next[p] = store_seq_take(caller->store, p, SEQS_AT_ONCE);
        caller->seq_end[p] = caller->seq_next[p] + SEQS_AT_ONCE;
    }
    return caller->seq_next[p]++;
}

static void done(void *context, const enum commit_status *statuses, size_t count,
                 const struct err_detail *detail)
{
    (void)detail;
    assert_int_equal(count, 1);
    *(enum commit_status *)context = statuses[0];
}

static void commit(struct caller *caller, struct batch *batch)
{
    uint32_t p = batch->partition;
    const struct batch *batches[] = {batch};
    enum commit_status status = COMMIT_FAILED;
    batch->epoch = caller->epochs[p];
    batch->seq_before = caller->heads[p].seq;
    batch->head = caller->heads[p];
    batch->head.seq = batch->effects.items[batch->effects.count - 1].seq;
    caller->heads[p] = batch->head;
    store_commit(caller->store, batches, 1, done, &status);
    assert_int_equal(status, COMMIT_DONE);
    *array_push(&caller->late) = *batch;
    if (!caller->lags)
        caller_take(caller, SIZE_MAX);
}

static void drop_late(struct caller *caller, size_t count)
{
    for (size_t i = 0; i < count; i++)
        batch_deinit(&caller->late.items[i]);
    caller->late.count -= count;
    memmove(caller->late.items, caller->late.items + count, caller->late.count * sizeof *caller->late.items);
}

void caller_take(struct caller *caller, size_t count)
{
    if (count > caller->late.count)
        count = caller->late.count;
    for (size_t i = 0; i < count; i++)
        outbox_take(caller->outbox, &caller->late.items[i]);
    if (count)
        drop_late(caller, count);
}

void caller_open(struct caller *caller, uint32_t partition, uint32_t count, const char *destination,
                 uint16_t version)
{
    struct batch batch = {.partition = partition};
    for (uint32_t i = 0; i < count; i++) {
        struct effect_row row = {.seq = next_seq(caller, partition),
                                 .at_ms = caller->now_ms,
                                 .enrollment = caller->enrollments++,
                                 .version = version,
                                 .visit = 1,
                                 .kind = EFFECT_OPENED,
                                 .destination_name = str_from(destination),
                                 .operation = STR("add")};
        row.effect = row.seq;
        *array_push(&batch.effects) = row;
        *array_push(&caller->pending) = (struct pending){.partition = partition, .row = row, .open = true};
    }
    commit(caller, &batch);
}

static void close_pending(struct caller *caller, struct batch *batch, struct pending *pending,
                          enum effect_kind kind)
{
    struct effect_row row = pending->row;
    row.seq = next_seq(caller, pending->partition);
    row.kind = (uint8_t)kind;
    row.destination_name = row.operation = (struct str){0};
    *array_push(&batch->effects) = row;
    pending->open = false;
}

void caller_cancel(struct caller *caller, size_t index)
{
    struct batch batch = {.partition = caller->pending.items[index].partition};
    close_pending(caller, &batch, &caller->pending.items[index], EFFECT_CANCELLED);
    commit(caller, &batch);
}

/* ── the caller ───────────────────────────────────────────────────────────── */

static void start(struct caller *caller)
{
    const struct outbox_options options = {.store = caller->store,
                                           .held_max = caller->held_max,
                                           .ask = ask,
                                           .settle = settle,
                                           .undefined = undefined,
                                           .context = caller};
    for (uint32_t p = 0; p < CALLER_PARTITIONS; p++) {
        assert_int_equal(store_claim(caller->store, p, &caller->epochs[p], &caller->heads[p], NULL), ERR_OK);
        caller->seq_next[p] = caller->seq_end[p] = 0;
    }
    struct err_detail detail = {0};
    if (outbox_open(&options, &caller->outbox, &detail))
        fail_msg("%s", detail.text);
    outbox_define(caller->outbox, &caller->crm.base);
    outbox_define(caller->outbox, &caller->mailer.base);
}

void caller_begin(struct caller *caller, uint32_t held_max)
{
    *caller = (struct caller){.held_max = held_max, .now_ms = 1000000};
    caller->store = store_memory_new(CALLER_PARTITIONS);
    basket_begin(&caller->crm, caller, "crm");
    basket_begin(&caller->mailer, caller, "mailer");
    start(caller);
}

void caller_end(struct caller *caller)
{
    outbox_close(caller->outbox);
    if (caller->late.count)
        drop_late(caller, caller->late.count);
    array_free(&caller->late);
    store_close(caller->store);
    basket_end(&caller->crm);
    basket_end(&caller->mailer);
    array_free(&caller->pending);
    arena_deinit(&caller->answers);
}

void caller_crash(struct caller *caller)
{
    outbox_close(caller->outbox);
    if (caller->late.count)
        drop_late(caller, caller->late.count);
    store_memory_crash(caller->store);
    array_each (&caller->pending, i)
        caller->pending.items[i].returned = false;
    start(caller);
}

size_t caller_deliver(struct caller *caller)
{
    const struct outbox_result *results;
    size_t count;
    struct err_detail detail = {0};
    if (outbox_deliver(caller->outbox, caller->now_ms, &results, &count, &detail))
        fail_msg("%s", detail.text);
    assert_false(caller->unsettled);
    for (size_t i = 0; i < count; i++) {
        struct pending *pending = find(caller, results[i].partition, results[i].effect);
        assert_false(pending->returned);
        assert_int_equal(results[i].result.enrollment, pending->row.enrollment);
        assert_int_equal(results[i].result.visit, pending->row.visit);
        assert_int_equal(results[i].result.failed, results[i].reason != NULL);
        pending->returned = true;
    }
    return count;
}

void caller_close_returned(struct caller *caller, size_t count)
{
    for (uint32_t p = 0; p < CALLER_PARTITIONS; p++) {
        struct batch batch = {.partition = p};
        array_each (&caller->pending, i) {
            struct pending *pending = &caller->pending.items[i];
            if (pending->partition != p || !pending->returned || !pending->open || count == 0)
                continue;
            close_pending(caller, &batch, pending, EFFECT_SENT);
            count--;
        }
        if (batch.effects.count)
            commit(caller, &batch);
    }
}

void caller_drain(struct caller *caller)
{
    caller->lags = false;
    caller_take(caller, SIZE_MAX);
    for (int calls = 0; outbox_next_ms(caller->outbox) <= caller->now_ms; calls++) {
        assert_true(calls < 100000); /* it says so as long as there is something to do, and no longer */
        (void)caller_deliver(caller);
        caller_close_returned(caller, SIZE_MAX);
    }
    assert_int_equal(caller_deliver(caller), 0);
}

size_t caller_open_count(const struct caller *caller)
{
    size_t count = 0;
    array_each (&caller->pending, i)
        count += caller->pending.items[i].open;
    return count;
}

struct counting {
    enum effect_kind kind;
    size_t count;
};

static bool on_row(void *context, uint32_t partition, const struct effect_row *row)
{
    (void)partition;
    struct counting *counting = context;
    counting->count += row->kind == counting->kind;
    return true;
}

size_t caller_rows(struct caller *caller, enum effect_kind kind)
{
    struct counting counting = {.kind = kind};
    assert_int_equal(store_effects(caller->store, 0, on_row, &counting, NULL), ERR_OK);
    return counting.count;
}
