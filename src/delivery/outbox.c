#include "delivery/outbox_state.h"

const char *outbox_state_name(enum outbox_state state)
{
    static const char *const names[] = {
#define X(name, key) #key,
        OUTBOX_STATE_TABLE(X)
#undef X
    };
    return names[state];
}

enum err outbox_open(const struct outbox_options *options, struct outbox **ret, struct err_detail *detail)
{
    struct outbox *outbox = memory_take_zeroed(1, sizeof *outbox);
    outbox->options = *options;
    if (outbox->options.held_max == 0)
        outbox->options.held_max = OUTBOX_HELD_MAX;
    /* what a failing destination was to take stays in memory: it must not fill it */
    outbox->group_max = outbox->options.held_max / 8 + 1;
    if (outbox->group_max > OUTBOX_GROUP_MAX)
        outbox->group_max = OUTBOX_GROUP_MAX;
    outbox->partitions = options->store->partitions;
    outbox->queues = memory_take_zeroed(outbox->partitions, sizeof *outbox->queues);
    for (uint32_t p = 0; p < outbox->partitions; p++)
        outbox->queues[p].aside_from = UINT64_MAX;
    enum err err = outbox_read(outbox, detail);
    if (err) {
        outbox_close(outbox);
        return err;
    }
    *ret = outbox;
    return ERR_OK;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    for (uint32_t p = 0; p < outbox->partitions; p++)
        array_free(&outbox->queues[p].items);
    free(outbox->queues);
    array_free(&outbox->targets);
    map_deinit(&outbox->target_map);
    array_free(&outbox->operations);
    array_free(&outbox->questions);
    array_free(&outbox->asked);
    array_free(&outbox->picks);
    array_free(&outbox->activations);
    array_free(&outbox->attempts);
    array_free(&outbox->results);
    arena_deinit(&outbox->arena);
    arena_deinit(&outbox->scratch);
    free(outbox);
}

/* ── destinations ─────────────────────────────────────────────────────────── */

void outbox_define(struct outbox *outbox, struct destination *destination)
{
    uint16_t number = outbox_target(outbox, destination->name);
    struct target *target = &outbox->targets.items[number];
    target->destination = destination;
    target->retry_ms = INSTANT_NEVER;
    target->pause_ms = 0;
    outbox_move_all(outbox, OUTBOX_UNDEFINED, OUTBOX_READY, number);
    if (destination->honours_keys)
        outbox_move_all(outbox, OUTBOX_UNKNOWN, OUTBOX_UNCERTAIN, number);
    outbox_fetch_aside(outbox);
}

void outbox_undefine(struct outbox *outbox, struct str name)
{
    outbox->targets.items[outbox_target(outbox, name)].destination = NULL;
}

void outbox_look_again(struct outbox *outbox)
{
    outbox_move_all(outbox, OUTBOX_HELD, OUTBOX_READY, TARGET_ALL);
    outbox_fetch_aside(outbox);
}

static void target_failed(struct target *target, int64_t now_ms, const struct err_detail *failure)
{
    target->pause_ms = target->pause_ms ? target->pause_ms * 2 : OUTBOX_RETRY_MS_MIN;
    if (target->pause_ms > OUTBOX_RETRY_MS_MAX)
        target->pause_ms = OUTBOX_RETRY_MS_MAX;
    target->retry_ms = now_ms + target->pause_ms;
    target->failure = *failure;
}

void outbox_failed(struct outbox *outbox, struct str name, int64_t now_ms, const struct err_detail *cause)
{
    target_failed(&outbox->targets.items[outbox_target(outbox, name)], now_ms, cause);
}

/* Those that failed and whose time has come again, and those that let the repetitions go first. */
static void wake_targets(struct outbox *outbox, int64_t now_ms)
{
    array_each (&outbox->targets, i) {
        struct target *target = &outbox->targets.items[i];
        if (target->retry_ms != INSTANT_NEVER && target->retry_ms > now_ms)
            continue;
        target->retry_ms = INSTANT_NEVER;
        if (target->counts[OUTBOX_WAITING] == 0 && target->aside[OUTBOX_WAITING])
            outbox_fetch_aside(outbox);
        outbox_move_all(outbox, OUTBOX_WAITING, OUTBOX_READY, (uint16_t)i);
    }
}

/* ── results ──────────────────────────────────────────────────────────────── */

static void put_result(struct outbox *outbox, uint32_t partition, size_t index, bool failed,
                       const char *reason)
{
    const struct item *item = &outbox->queues[partition].items.items[index];
    struct target *target = outbox_target_of(outbox, item);
    target->sent += !failed;
    target->failed += failed;
    *array_push(&outbox->results) = (struct outbox_result){.partition = partition,
                                                           .result = {.enrollment = item->enrollment,
                                                                      .visit = item->visit,
                                                                      .destination = item->destination,
                                                                      .failed = failed},
                                                           .effect = item->effect,
                                                           .reason = reason};
    outbox_set(outbox, partition, index, OUTBOX_RETURNED);
}

/* ── after a crash, or where a destination could not say what it took ──────── */

static void pick(struct outbox *outbox, uint32_t partition, size_t index, const struct handover *handover)
{
    const struct item *item = &outbox->queues[partition].items.items[index];
    struct pick *picked = array_push(&outbox->picks);
    memset(picked, 0, sizeof *picked);
    picked->partition = partition;
    picked->index = index;
    picked->target = item->target;
    picked->order = outbox->picks.count;
    if (handover)
        picked->handover = *handover;
    struct effect_row row = outbox_row(outbox, item);
    effect_key(partition, &row, picked->key);
}

static void pick_uncertain(struct outbox *outbox, uint16_t target)
{
    array_clear(&outbox->picks);
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        const struct queue *queue = &outbox->queues[p];
        array_each (&queue->items, i) {
            if (queue->items.items[i].state == OUTBOX_UNCERTAIN && queue->items.items[i].target == target)
                pick(outbox, p, i, NULL);
        }
    }
}

/* Asks a destination what it has: that is sent, the rest goes out as usual. */
static void ask_destination(struct outbox *outbox, uint16_t number, int64_t now_ms)
{
    pick_uncertain(outbox, number);
    size_t count = outbox->picks.count;
    struct str *keys = arena_take_array(&outbox->scratch, count, sizeof *keys);
    bool *has = arena_take_array(&outbox->scratch, count, sizeof *has);
    for (size_t i = 0; i < count; i++)
        keys[i] = str_from(outbox->picks.items[i].key);
    struct target *target = &outbox->targets.items[number];
    struct err_detail failure;
    if (destination_has(target->destination, keys, count, has, &failure)) {
        target_failed(target, now_ms, &failure);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct pick *picked = &outbox->picks.items[i];
        if (has[i])
            put_result(outbox, picked->partition, picked->index, false, NULL);
        else
            outbox_set(outbox, picked->partition, picked->index, OUTBOX_READY);
    }
    target->pause_ms = 0;
}

static void settle_uncertain(struct outbox *outbox, int64_t now_ms)
{
    for (size_t i = 0; i < outbox->targets.count && outbox->counts[OUTBOX_UNCERTAIN]; i++) {
        const struct target *target = &outbox->targets.items[i];
        if (target->counts[OUTBOX_UNCERTAIN] == 0 || !target->destination ||
            target->retry_ms != INSTANT_NEVER)
            continue;
        if (target->destination->honours_keys)
            ask_destination(outbox, (uint16_t)i, now_ms);
        else
            outbox_move_all(outbox, OUTBOX_UNCERTAIN, OUTBOX_UNKNOWN, (uint16_t)i);
    }
}

/* ── a group ──────────────────────────────────────────────────────────────── */

static bool is_kept(struct outbox *outbox, const struct target *target)
{
    const struct outbox_options *o = &outbox->options;
    return !o->undefined || o->undefined(o->context, target->name) == OUTBOX_KEEP;
}

/* One that is ready: among those that the engine is asked about, or into the state that it really is in. */
static void consider(struct outbox *outbox, uint32_t partition, size_t index)
{
    const struct item *item = &outbox->queues[partition].items.items[index];
    const struct target *target = outbox_target_of(outbox, item);
    if (!target->destination && is_kept(outbox, target)) {
        outbox_set(outbox, partition, index, OUTBOX_UNDEFINED);
        return;
    }
    bool repeats = target->pause_ms > 0 && target->to_repeat > 0;
    if (target->destination && (target->retry_ms != INSTANT_NEVER || (repeats && !item->attempted))) {
        outbox_set(outbox, partition, index, OUTBOX_WAITING);
        return;
    }
    struct handover_question *question = array_push(&outbox->questions);
    memset(question, 0, sizeof *question);
    question->partition = partition;
    question->effect = outbox_row(outbox, item);
    *array_push(&outbox->asked) = index;
}

static void take_answer(struct outbox *outbox, const struct handover_question *question, size_t index)
{
    uint32_t partition = question->partition;
    switch (question->answer) {
    case HANDOVER_HELD: outbox_set(outbox, partition, index, OUTBOX_HELD); return;
    case HANDOVER_GONE: outbox_remove(outbox, partition, index); return;
    case HANDOVER_LATER: outbox_set(outbox, partition, index, OUTBOX_READY); return;
    case HANDOVER_GO: break;
    }
    const struct item *item = &outbox->queues[partition].items.items[index];
    if (outbox_target_of(outbox, item)->destination)
        pick(outbox, partition, index, &question->handover);
    else
        put_result(outbox, partition, index, true, "its destination is not defined");
}

/* Another partition is first every time, so that none waits for the others' backlog. */
static void pick_group(struct outbox *outbox)
{
    array_clear(&outbox->questions);
    array_clear(&outbox->asked);
    array_clear(&outbox->picks);
    for (uint32_t k = 0; k < outbox->partitions; k++) {
        uint32_t p = (outbox->turn + k) % outbox->partitions;
        struct queue *queue = &outbox->queues[p];
        outbox_tidy(queue);
        while (queue->next < queue->items.count && outbox->questions.count < outbox->group_max) {
            size_t index = queue->next++;
            if (queue->items.items[index].state == OUTBOX_READY)
                consider(outbox, p, index);
        }
    }
    outbox->turn = (outbox->turn + 1) % outbox->partitions;
    if (outbox->questions.count)
        outbox->options.ask(outbox->options.context, outbox->questions.items, outbox->questions.count);
    array_each (&outbox->questions, i)
        take_answer(outbox, &outbox->questions.items[i], outbox->asked.items[i]);
}

/* The group is ready again, as before it was picked. */
static void put_back(struct outbox *outbox)
{
    array_each (&outbox->picks, i)
        outbox_set(outbox, outbox->picks.items[i].partition, outbox->picks.items[i].index, OUTBOX_READY);
}

/* The attempts of the group, of all partitions in one commit. */
static enum err put_attempts(struct outbox *outbox, int64_t now_ms, struct err_detail *detail)
{
    array_clear(&outbox->attempts);
    array_each (&outbox->picks, i) {
        uint32_t partition = outbox->picks.items[i].partition;
        const struct item *item = &outbox->queues[partition].items.items[outbox->picks.items[i].index];
        if (item->attempted)
            continue;
        struct effect_row row = outbox_row(outbox, item);
        row.seq = store_seq_take(outbox->options.store, partition, 1);
        row.kind = EFFECT_ATTEMPTED;
        row.at_ms = now_ms;
        row.destination_name = row.operation = (struct str){0};
        *array_push(&outbox->attempts) = (struct store_effect){partition, row};
    }
    if (outbox->attempts.count == 0)
        return ERR_OK;
    enum err err =
        store_effects_put(outbox->options.store, outbox->attempts.items, outbox->attempts.count, detail);
    for (size_t i = 0; i < outbox->picks.count && !err; i++)
        outbox_note_attempt(outbox, outbox->picks.items[i].partition, outbox->picks.items[i].index);
    return err;
}

static int compare_picks(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    if (x->target != y->target)
        return x->target < y->target ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static struct activation activation_of(const struct outbox *outbox, const struct pick *picked)
{
    const struct item *item = &outbox->queues[picked->partition].items.items[picked->index];
    return (struct activation){.key = str_from(picked->key),
                               .operation = outbox->operations.items[item->operation],
                               .journey = picked->handover.journey,
                               .node = picked->handover.node,
                               .contact = picked->handover.contact,
                               .attributes = picked->handover.attributes,
                               .version = picked->handover.version,
                               .at_ms = item->at_ms};
}

static void take_outcome(struct outbox *outbox, const struct pick *picked,
                         const struct activation *activation)
{
    switch (activation->outcome) {
    case ACTIVATION_SENT: put_result(outbox, picked->partition, picked->index, false, NULL); return;
    case ACTIVATION_FAILED:
        put_result(outbox, picked->partition, picked->index, true, activation->reason);
        return;
    case ACTIVATION_UNSENT: outbox_set(outbox, picked->partition, picked->index, OUTBOX_READY); return;
    case ACTIVATION_OPEN: outbox_set(outbox, picked->partition, picked->index, OUTBOX_UNCERTAIN); return;
    }
}

/* Picks [first, end) of one target. */
static void hand_over(struct outbox *outbox, size_t first, size_t end, int64_t now_ms)
{
    struct target *target = &outbox->targets.items[outbox->picks.items[first].target];
    array_clear(&outbox->activations);
    for (size_t i = first; i < end; i++)
        *array_push(&outbox->activations) = activation_of(outbox, &outbox->picks.items[i]);
    struct err_detail failure;
    enum err err = destination_deliver(target->destination, outbox->activations.items, end - first, &failure);
    for (size_t i = first; i < end; i++)
        take_outcome(outbox, &outbox->picks.items[i], &outbox->activations.items[i - first]);
    if (err)
        target_failed(target, now_ms, &failure);
    else
        target->pause_ms = 0;
}

static enum err deliver_group(struct outbox *outbox, int64_t now_ms, struct err_detail *detail)
{
    pick_group(outbox);
    enum err err = outbox->picks.count ? put_attempts(outbox, now_ms, detail) : ERR_OK;
    if (outbox->questions.count)
        outbox_settle(outbox);
    if (err) {
        put_back(outbox);
        return outbox->results.count ? ERR_OK : err; /* it comes again; results would not */
    }
    if (outbox->picks.count)
        qsort(outbox->picks.items, outbox->picks.count, sizeof *outbox->picks.items, compare_picks);
    for (size_t first = 0, end; first < outbox->picks.count; first = end) {
        for (end = first + 1; end < outbox->picks.count &&
                              outbox->picks.items[end].target == outbox->picks.items[first].target;)
            end++;
        hand_over(outbox, first, end, now_ms);
    }
    return ERR_OK;
}

enum err outbox_deliver(struct outbox *outbox, int64_t now_ms, const struct outbox_result **ret_results,
                        size_t *ret_count, struct err_detail *detail)
{
    array_clear(&outbox->results);
    arena_reset(&outbox->scratch);
    wake_targets(outbox, now_ms);
    settle_uncertain(outbox, now_ms);
    if (outbox->results.count == 0) { /* what is known is not put at risk by what comes next */
        enum err err = outbox_refill(outbox, detail);
        if (!err)
            err = deliver_group(outbox, now_ms, detail);
        if (err)
            return err;
    }
    (void)outbox_make_room(outbox); /* so that outbox_next_ms knows whether more can be read back */
    *ret_results = outbox->results.items;
    *ret_count = outbox->results.count;
    return ERR_OK;
}

/* ── what is seen of it ───────────────────────────────────────────────────── */

int64_t outbox_next_ms(const struct outbox *outbox)
{
    if (outbox->counts[OUTBOX_READY] || outbox_wants_refill(outbox))
        return INT64_MIN;
    int64_t next_ms = INSTANT_NEVER;
    array_each (&outbox->targets, i) {
        const struct target *target = &outbox->targets.items[i];
        if (target->retry_ms < next_ms)
            next_ms = target->retry_ms;
        bool waits = target->counts[OUTBOX_WAITING] || target->aside[OUTBOX_WAITING] ||
                     (target->destination && target->counts[OUTBOX_UNCERTAIN]);
        if (waits && target->retry_ms == INSTANT_NEVER)
            return INT64_MIN;
    }
    return next_ms;
}

/* False where the target has no such problem. */
static bool describe(const struct target *target, enum outbox_state state, struct outbox_problem *ret)
{
    uint64_t effects = target->counts[state] + target->aside[state];
    bool there = effects > 0;
    if (state == OUTBOX_UNDEFINED && !target->destination) {
        effects += target->counts[OUTBOX_UNCERTAIN];
        there = effects > 0;
    }
    if (state == OUTBOX_WAITING && target->destination) {
        effects += target->counts[OUTBOX_UNCERTAIN] + target->counts[OUTBOX_READY];
        there = target->pause_ms > 0;
    }
    if (!there)
        return false;
    *ret = (struct outbox_problem){
        .destination = target->name, .state = state, .effects = effects, .retry_ms = INSTANT_NEVER};
    if (state == OUTBOX_WAITING) {
        ret->retry_ms = target->retry_ms;
        ret->cause = target->failure;
    }
    return true;
}

bool outbox_problem(const struct outbox *outbox, size_t index, struct outbox_problem *ret)
{
    static const enum outbox_state problems[] = {OUTBOX_UNDEFINED, OUTBOX_WAITING, OUTBOX_UNKNOWN};
    struct outbox_problem problem;
    array_each (&outbox->targets, i) {
        for (size_t k = 0; k < sizeof problems / sizeof *problems; k++) {
            if (!describe(&outbox->targets.items[i], problems[k], &problem) || index-- > 0)
                continue;
            *ret = problem;
            return true;
        }
    }
    return false;
}

bool outbox_view(const struct outbox *outbox, size_t number, struct outbox_view *ret)
{
    if (number >= outbox->targets.count)
        return false;
    const struct target *target = &outbox->targets.items[number];
    *ret = (struct outbox_view){.destination = target->name,
                                .defined = target->destination,
                                .failing = target->destination && target->pause_ms > 0,
                                .sent = target->sent,
                                .failed = target->failed,
                                .retry_ms = target->retry_ms};
    for (size_t i = 0; i < OUTBOX_STATES; i++)
        ret->effects[i] = target->counts[i] + target->aside[i];
    if (ret->failing)
        ret->cause = target->failure;
    return true;
}

void outbox_each(const struct outbox *outbox,
                 bool (*on)(void *context, uint32_t partition, const struct effect_row *effect,
                            enum outbox_state state),
                 void *context)
{
    for (uint32_t p = 0; p < outbox->partitions; p++) {
        const struct queue *queue = &outbox->queues[p];
        array_each (&queue->items, i) {
            const struct item *item = &queue->items.items[i];
            if (item->state == ITEM_GONE)
                continue;
            struct effect_row row = outbox_row(outbox, item);
            if (!on(context, p, &row, item->state))
                return;
        }
    }
}

uint64_t outbox_count(const struct outbox *outbox, enum outbox_state state)
{
    return outbox->counts[state];
}

bool outbox_is_empty(const struct outbox *outbox)
{
    bool elsewhere = false;
    for (uint32_t p = 0; p < outbox->partitions; p++)
        elsewhere |= outbox->queues[p].behind || outbox->queues[p].aside_from != UINT64_MAX;
    return outbox->count == 0 && !elsewhere;
}
