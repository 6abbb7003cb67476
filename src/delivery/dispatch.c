#include "delivery/dispatch.h"

#include "base/array.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/wait.h"
#include "calendar/instant.h"
#include "delivery/destination_log.h"

enum { REFUSED_PAUSE_MS = 1000, SLEEP_MS_MAX = 1000 };

/* Effect rows of committed batches, of each partition in order. */
struct inbox {
    ARRAY(struct store_effect) rows;
    struct arena names;
    struct str destination, operation; /* the last ones copied: most rows have the same as their neighbour */
    struct {
        uint64_t from, to; /* seqs of effects opened without room; from 0 = none */
    } missed[STORE_PARTITIONS];
};

/* What one partition is asked in a round. */
struct read {
    struct mail mail; /* first */
    struct dispatch *dispatch;
    struct handover_question *questions;
    size_t count, bytes_max;
    struct arena arena; /* what the answers point to */
};

/* Results on their way to a partition; freed by its answer. */
struct result_mail {
    struct mail mail; /* first */
    struct input inputs[];
};

struct dispatch {
    struct dispatch_options options;
    struct outbox *outbox;
    ARRAY(struct destination *) destinations;
    struct read reads[STORE_PARTITIONS];
    int64_t refused_until_ms; /* the store refused: no delivery before */
    pthread_t thread;
    bool running, delivers;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t changed;
    bool stopping;
    struct inbox boxes[2];
    struct inbox *inbox; /* the one that is being filled */
    struct dispatch_order *first_order, *last_order;
    uint32_t reads_unseen, reads_left; /* not answered yet; not durable yet */
    struct dispatch_figures figures;
    ARRAY(struct outbox_view) views;
};

/* ── what comes in ────────────────────────────────────────────────────────── */

static struct str keep_name(struct inbox *inbox, struct str *last, struct str name)
{
    if (name.size == 0)
        return (struct str){0};
    if (!str_equal(*last, name))
        *last = arena_str(&inbox->names, name);
    return *last;
}

/* Whether the row is to be held. What was missed is open in the store alone, so its closing closes nothing
 * here: when it is read back the engine says that it is gone. */
static bool has_room(struct inbox *inbox, uint32_t max, uint32_t partition, const struct effect_row *row)
{
    uint64_t *from = &inbox->missed[partition].from;
    if (row->kind == EFFECT_ATTEMPTED)
        return false;
    if (row->kind != EFFECT_OPENED)
        return *from == 0 || row->effect < *from;
    if (*from == 0 && inbox->rows.count < max)
        return true;
    *from = *from ? *from : row->seq;
    inbox->missed[partition].to = row->seq;
    return false;
}

void dispatch_take(struct dispatch *dispatch, const struct batch *batch)
{
    if (batch->effects.count == 0)
        return;
    pthread_mutex_lock(&dispatch->mutex);
    struct inbox *inbox = dispatch->inbox;
    for (size_t i = 0; i < batch->effects.count && !dispatch->stopping; i++) {
        struct effect_row row = batch->effects.items[i];
        if (!has_room(inbox, dispatch->options.inbox_max, batch->partition, &row))
            continue;
        row.destination_name = keep_name(inbox, &inbox->destination, row.destination_name);
        row.operation = keep_name(inbox, &inbox->operation, row.operation);
        *array_push(&inbox->rows) = (struct store_effect){batch->partition, row};
    }
    pthread_cond_broadcast(&dispatch->changed);
    pthread_mutex_unlock(&dispatch->mutex);
}

static void empty_inbox(struct dispatch *dispatch, struct inbox *inbox)
{
    array_each (&inbox->rows, i)
        outbox_take_row(dispatch->outbox, inbox->rows.items[i].partition, &inbox->rows.items[i].row);
    for (uint32_t p = 0; p < STORE_PARTITIONS; p++) {
        if (inbox->missed[p].from)
            outbox_take_missed(dispatch->outbox, p, inbox->missed[p].from, inbox->missed[p].to);
        inbox->missed[p].from = 0;
    }
    array_clear(&inbox->rows);
    arena_reset(&inbox->names);
    inbox->destination = inbox->operation = (struct str){0};
}

void dispatch_post(struct dispatch *dispatch, struct dispatch_order *order)
{
    order->next = NULL;
    pthread_mutex_lock(&dispatch->mutex);
    if (dispatch->first_order)
        dispatch->last_order->next = order;
    else
        dispatch->first_order = order;
    dispatch->last_order = order;
    pthread_cond_broadcast(&dispatch->changed);
    pthread_mutex_unlock(&dispatch->mutex);
}

/* ── asking the partitions ────────────────────────────────────────────────── */

/* On a worker, under the control's lock. */
static void read_answers(struct mail *mail, const struct partition *partition)
{
    struct read *read = (struct read *)mail;
    struct dispatch *dispatch = read->dispatch;
    handover_ask_all(partition, dispatch->options.control, read->questions, read->count, read->bytes_max,
                     &read->arena);
    pthread_mutex_lock(&dispatch->mutex);
    if (--dispatch->reads_unseen == 0)
        pthread_cond_broadcast(&dispatch->changed);
    pthread_mutex_unlock(&dispatch->mutex);
}

static void on_read(struct mail *mail, enum err err)
{
    struct dispatch *dispatch = ((struct read *)mail)->dispatch;
    CHECK(err == ERR_OK);
    pthread_mutex_lock(&dispatch->mutex);
    if (--dispatch->reads_left == 0)
        pthread_cond_broadcast(&dispatch->changed);
    pthread_mutex_unlock(&dispatch->mutex);
}

/* Parts the questions by partition; returns how many partitions are asked. */
static uint32_t part(struct dispatch *dispatch, struct handover_question *questions, size_t count,
                     uint32_t ret_asked[STORE_PARTITIONS])
{
    uint32_t asked = 0;
    for (size_t first = 0, end; first < count; first = end) {
        uint32_t partition = questions[first].partition;
        for (end = first + 1; end < count && questions[end].partition == partition;)
            end++;
        struct read *read = &dispatch->reads[partition];
        read->questions = questions + first;
        read->count = end - first;
        CHECK(asked < STORE_PARTITIONS);
        ret_asked[asked++] = partition;
    }
    return asked;
}

static void ask(void *context, struct handover_question *questions, size_t count)
{
    struct dispatch *dispatch = context;
    uint32_t asked[STORE_PARTITIONS];
    uint32_t partitions = part(dispatch, questions, count, asked);
    pthread_mutex_lock(&dispatch->mutex);
    dispatch->reads_unseen = partitions;
    dispatch->reads_left = dispatch->running ? partitions : 0;
    pthread_mutex_unlock(&dispatch->mutex);
    for (uint32_t i = 0; i < partitions; i++) {
        struct read *read = &dispatch->reads[asked[i]];
        arena_reset(&read->arena);
        read->bytes_max = OUTBOX_GROUP_BYTES_MAX / partitions;
        if (dispatch->running)
            crew_post(dispatch->options.crew, asked[i], &read->mail);
        else /* no worker runs yet */
            read_answers(&read->mail, crew_partition(dispatch->options.crew, asked[i]));
    }
    pthread_mutex_lock(&dispatch->mutex);
    while (dispatch->reads_unseen > 0)
        pthread_cond_wait(&dispatch->changed, &dispatch->mutex);
    pthread_mutex_unlock(&dispatch->mutex);
}

/* A partition's answer shows what it has decided; its commit and that of the attempts go side by side. */
static void settle(void *context)
{
    struct dispatch *dispatch = context;
    pthread_mutex_lock(&dispatch->mutex);
    while (dispatch->reads_left > 0)
        pthread_cond_wait(&dispatch->changed, &dispatch->mutex);
    pthread_mutex_unlock(&dispatch->mutex);
}

/* ── results ──────────────────────────────────────────────────────────────── */

static void free_results(struct mail *mail, enum err err)
{
    (void)err;
    free(mail);
}

static void post_results(struct dispatch *dispatch, const struct outbox_result *results, size_t count)
{
    uint32_t counts[STORE_PARTITIONS] = {0};
    for (size_t i = 0; i < count; i++)
        counts[results[i].partition]++;
    for (uint32_t p = 0; p < STORE_PARTITIONS; p++) {
        if (counts[p] == 0)
            continue;
        struct result_mail *posted =
            memory_take_zeroed(1, sizeof *posted + counts[p] * sizeof *posted->inputs);
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            if (results[i].partition == p)
                posted->inputs[at++] = (struct input){.kind = INPUT_RESULT, .result = results[i].result};
        }
        posted->mail.lane = LANE_INTERNAL;
        posted->mail.done = free_results;
        posted->mail.inputs.items = posted->inputs;
        posted->mail.inputs.count = at;
        crew_post(dispatch->options.crew, p, &posted->mail);
    }
}

/* ── what is seen of it ───────────────────────────────────────────────────── */

static void show(struct dispatch *dispatch)
{
    struct outbox_view view;
    for (size_t i = 0; outbox_view(dispatch->outbox, i, &view); i++) {
        bool is_new = i >= dispatch->views.count;
        bool failed = !is_new && dispatch->views.items[i].failing;
        if (view.failing != failed && dispatch->options.on_problem)
            dispatch->options.on_problem(dispatch->options.context, view.destination,
                                         view.failing ? &view.cause : NULL);
        pthread_mutex_lock(&dispatch->mutex);
        *(is_new ? array_push(&dispatch->views) : &dispatch->views.items[i]) = view;
        pthread_mutex_unlock(&dispatch->mutex);
    }
    pthread_mutex_lock(&dispatch->mutex);
    dispatch->figures = (struct dispatch_figures){0};
    for (size_t i = 0; i < OUTBOX_STATES; i++)
        dispatch->figures.effects[i] = outbox_count(dispatch->outbox, (enum outbox_state)i);
    dispatch->figures.bytes = outbox_bytes(dispatch->outbox);
    for (size_t i = 0; i < sizeof dispatch->boxes / sizeof *dispatch->boxes; i++)
        dispatch->figures.bytes +=
            array_bytes(&dispatch->boxes[i].rows) + arena_held(&dispatch->boxes[i].names);
    array_each (&dispatch->views, i) {
        dispatch->figures.sent += dispatch->views.items[i].sent;
        dispatch->figures.failed += dispatch->views.items[i].failed;
    }
    pthread_mutex_unlock(&dispatch->mutex);
}

struct dispatch_figures dispatch_figures(struct dispatch *dispatch)
{
    pthread_mutex_lock(&dispatch->mutex);
    struct dispatch_figures figures = dispatch->figures;
    pthread_mutex_unlock(&dispatch->mutex);
    return figures;
}

bool dispatch_view(struct dispatch *dispatch, size_t number, struct outbox_view *ret)
{
    pthread_mutex_lock(&dispatch->mutex);
    bool found = number < dispatch->views.count;
    if (found)
        *ret = dispatch->views.items[number];
    pthread_mutex_unlock(&dispatch->mutex);
    return found;
}

bool dispatch_find(struct dispatch *dispatch, struct str name, struct outbox_view *ret)
{
    bool found = false;
    pthread_mutex_lock(&dispatch->mutex);
    for (size_t i = 0; i < dispatch->views.count && !found; i++) {
        found = str_equal(dispatch->views.items[i].destination, name);
        if (found)
            *ret = dispatch->views.items[i];
    }
    pthread_mutex_unlock(&dispatch->mutex);
    return found;
}

/* ── orders ───────────────────────────────────────────────────────────────── */

static void undefine(struct dispatch *dispatch, struct str name)
{
    array_each (&dispatch->destinations, i) {
        struct destination *destination = dispatch->destinations.items[i];
        if (!str_equal(destination->name, name))
            continue;
        outbox_undefine(dispatch->outbox, name);
        destination_close(destination);
        dispatch->destinations.items[i] = dispatch->destinations.items[--dispatch->destinations.count];
        return;
    }
}

/* The former one is closed first: they may share a file. */
static void define(struct dispatch *dispatch, const struct destination_settings *settings)
{
    undefine(dispatch, settings->name);
    struct destination *destination = destination_new(settings);
    *array_push(&dispatch->destinations) = destination;
    outbox_define(dispatch->outbox, destination);
    struct err_detail cause = {"", ""};
    if (destination_try(destination, &cause))
        outbox_failed(dispatch->outbox, destination->name,
                      dispatch->options.clock(dispatch->options.clock_context), &cause);
}

void dispatch_define(struct dispatch *dispatch, const struct destination_settings *settings)
{
    CHECK(!dispatch->running);
    define(dispatch, settings);
    show(dispatch);
}

enum err dispatch_load(struct dispatch *dispatch, const struct destination_places *places,
                       struct err_detail *detail)
{
    struct arena arena = {0};
    struct destination_list list = {0};
    enum err err = destination_log_read(dispatch->options.control, &arena, &list, detail);
    array_each (&list.entries, i) {
        struct destination_settings settings = list.entries.items[i].settings;
        struct err_detail cause = {"", ""};
        if (destination_place(&settings, places, &arena, &cause) == ERR_OK)
            dispatch_define(dispatch, &settings);
        else if (dispatch->options.on_problem)
            dispatch->options.on_problem(dispatch->options.context, settings.name, &cause);
    }
    array_free(&list.entries);
    arena_deinit(&arena);
    return err;
}

static void follow(struct dispatch *dispatch, const struct dispatch_order *order)
{
    switch (order->kind) {
    case DISPATCH_BARRIER: return;
    case DISPATCH_LOOK_AGAIN: outbox_look_again(dispatch->outbox); return;
    case DISPATCH_DEFINE: define(dispatch, order->settings); return;
    case DISPATCH_UNDEFINE: undefine(dispatch, order->name); return;
    }
}

static void work_off(struct dispatch *dispatch, struct dispatch_order *first)
{
    for (const struct dispatch_order *order = first; order; order = order->next)
        follow(dispatch, order);
    if (first)
        show(dispatch); /* whoever is told that it is done may look */
    for (struct dispatch_order *order = first, *next; order; order = next) {
        next = order->next;
        order->done(order);
    }
}

/* ── rounds ───────────────────────────────────────────────────────────────── */

static void deliver(struct dispatch *dispatch, int64_t now_ms)
{
    const struct outbox_result *results;
    size_t count;
    struct err_detail detail = {"", ""};
    enum err err = outbox_deliver(dispatch->outbox, now_ms, &results, &count, &detail);
    if (err == ERR_FULL || err == ERR_BUSY)
        dispatch->refused_until_ms = now_ms + REFUSED_PAUSE_MS;
    else if (err)
        dispatch->options.on_broken(dispatch->options.context, &detail);
    else
        post_results(dispatch, results, count);
}

/* How long there is nothing to do but what comes in; -1 = until something does. */
static int64_t sleep_ms(const struct dispatch *dispatch)
{
    int64_t next_ms = outbox_next_ms(dispatch->outbox);
    int64_t now_ms = dispatch->options.clock(dispatch->options.clock_context);
    if (next_ms == INSTANT_NEVER || !dispatch->delivers)
        return -1;
    if (next_ms < dispatch->refused_until_ms)
        next_ms = dispatch->refused_until_ms;
    if (next_ms <= now_ms)
        return 0;
    return next_ms - now_ms < SLEEP_MS_MAX ? next_ms - now_ms : SLEEP_MS_MAX; /* clocks are set */
}

static void wait_ms(struct dispatch *dispatch, int64_t ms)
{
    if (ms < 0) {
        pthread_cond_wait(&dispatch->changed, &dispatch->mutex);
        return;
    }
    const struct timespec until = wait_deadline(ms);
    pthread_cond_timedwait(&dispatch->changed, &dispatch->mutex, &until);
}

/* Sleeps until there is something to do, then takes what came in. False = the end. */
static bool wait_for_work(struct dispatch *dispatch, struct inbox **ret_inbox,
                          struct dispatch_order **ret_orders)
{
    int64_t ms = sleep_ms(dispatch);
    pthread_mutex_lock(&dispatch->mutex);
    if (ms != 0 && dispatch->inbox->rows.count == 0 && !dispatch->first_order && !dispatch->stopping)
        wait_ms(dispatch, ms);
    *ret_inbox = dispatch->inbox;
    dispatch->inbox = dispatch->inbox == dispatch->boxes ? dispatch->boxes + 1 : dispatch->boxes;
    *ret_orders = dispatch->first_order;
    dispatch->first_order = dispatch->last_order = NULL;
    bool stopping = dispatch->stopping;
    pthread_mutex_unlock(&dispatch->mutex);
    return !stopping;
}

static void *work(void *context)
{
    struct dispatch *dispatch = context;
    struct inbox *inbox;
    struct dispatch_order *orders;
    bool goes_on;
    do {
        goes_on = wait_for_work(dispatch, &inbox, &orders);
        empty_inbox(dispatch, inbox);
        work_off(dispatch, orders);
        int64_t now_ms = dispatch->options.clock(dispatch->options.clock_context);
        if (goes_on && dispatch->delivers && now_ms >= dispatch->refused_until_ms &&
            outbox_next_ms(dispatch->outbox) <= now_ms)
            deliver(dispatch, now_ms);
        show(dispatch);
    } while (goes_on);
    return NULL;
}

/* ── the dispatch ─────────────────────────────────────────────────────────── */

static void init_reads(struct dispatch *dispatch)
{
    for (uint32_t p = 0; p < STORE_PARTITIONS; p++) {
        struct read *read = &dispatch->reads[p];
        read->dispatch = dispatch;
        read->mail.lane = LANE_READ;
        read->mail.read = read_answers;
        read->mail.done = on_read;
    }
}

enum err dispatch_new(const struct dispatch_options *options, struct dispatch **ret,
                      struct err_detail *detail)
{
    struct dispatch *dispatch = memory_take_zeroed(1, sizeof *dispatch);
    dispatch->options = *options;
    if (dispatch->options.inbox_max == 0)
        dispatch->options.inbox_max = DISPATCH_INBOX_MAX;
    dispatch->inbox = dispatch->boxes;
    dispatch->refused_until_ms = INT64_MIN;
    init_reads(dispatch);
    wait_init(&dispatch->changed);
    CHECK(pthread_mutex_init(&dispatch->mutex, NULL) == 0);
    struct outbox_options outbox = {
        .store = options->store, .after = UINT64_MAX, .ask = ask, .settle = settle, .context = dispatch};
    for (uint32_t p = 0; p < crew_partitions(options->crew); p++) {
        uint64_t after = handover_after(crew_partition(options->crew, p));
        outbox.after = after < outbox.after ? after : outbox.after;
    }
    enum err err = outbox_open(&outbox, &dispatch->outbox, detail);
    if (err) {
        dispatch_free(dispatch);
        return err;
    }
    show(dispatch);
    *ret = dispatch;
    return ERR_OK;
}

void dispatch_start(struct dispatch *dispatch, bool delivers)
{
    dispatch->delivers = delivers;
    dispatch->running = true;
    CHECK(pthread_create(&dispatch->thread, NULL, work, dispatch) == 0);
}

void dispatch_stop(struct dispatch *dispatch)
{
    if (!dispatch->running)
        return;
    pthread_mutex_lock(&dispatch->mutex);
    dispatch->stopping = true;
    pthread_cond_broadcast(&dispatch->changed);
    pthread_mutex_unlock(&dispatch->mutex);
    CHECK(pthread_join(dispatch->thread, NULL) == 0);
    CHECK(!dispatch->first_order);
    dispatch->running = false;
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    CHECK(!dispatch->running);
    outbox_close(dispatch->outbox);
    array_each (&dispatch->destinations, i)
        destination_close(dispatch->destinations.items[i]);
    array_free(&dispatch->destinations);
    for (size_t i = 0; i < 2; i++) {
        array_free(&dispatch->boxes[i].rows);
        arena_deinit(&dispatch->boxes[i].names);
    }
    for (uint32_t p = 0; p < STORE_PARTITIONS; p++)
        arena_deinit(&dispatch->reads[p].arena);
    array_free(&dispatch->views);
    pthread_cond_destroy(&dispatch->changed);
    pthread_mutex_destroy(&dispatch->mutex);
    free(dispatch);
}
