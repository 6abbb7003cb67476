#include "partition/crew_state.h"

#include <errno.h>
#include <inttypes.h>

#include "base/check.h"
#include "base/wait.h"
#include "partition/system_hold.h"

enum { WEIGH_MS = 1000, RETRY_MS = 100, SLEEP_MS_MAX = 1000, INPUTS_AT_ONCE = 4096 };

static void wake(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->mail = true;
    pthread_mutex_unlock(&worker->mutex);
}

/* ── commits ──────────────────────────────────────────────────────────────── */

static void on_commit(void *context, const enum commit_status *statuses, size_t count,
                      const struct err_detail *detail)
{
    struct job *job = context;
    struct worker *worker = job->worker;
    CHECK(count == job->count);
    memcpy(job->statuses, statuses, count * sizeof *statuses);
    if (detail)
        job->detail = *detail;
    pthread_mutex_lock(&worker->mutex);
    worker->answered = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

static void commit(struct worker *worker)
{
    struct job *job = memory_take_zeroed(1, sizeof *job);
    job->worker = worker;
    for (size_t i = 0; i < worker->post_count; i++) {
        struct post *post = worker->posts[i];
        const struct batch *batch = partition_take_batch(post->partition);
        if (!batch)
            continue;
        post->taken++;
        job->batches[job->count] = batch;
        job->posts[job->count++] = post;
    }
    if (job->count == 0) {
        free(job);
        return;
    }
    worker->away = job;
    atomic_store(&worker->away_since_ms, monotonic_ms());
    store_commit(worker->crew->options.store, job->batches, job->count, on_commit, job);
}

static void release(struct mail_list *list, uint64_t durable)
{
    while (list->first && list->first->waits_for <= durable) {
        struct mail *mail = mail_list_take(list);
        mail->done(mail, ERR_OK);
    }
}

static void batch_durable(struct worker *worker, struct post *post, const struct batch *batch)
{
    struct crew *crew = worker->crew;
    atomic_fetch_add(&crew->rows_durable, batch_rows(batch));
    if (crew->options.on_durable)
        crew->options.on_durable(crew->options.context, batch);
    partition_batch_done(post->partition, batch);
    post->durable++;
    release(&post->waiting, post->durable);
}

static void broken(struct crew *crew, const struct err_detail *detail)
{
    if (!atomic_exchange(&crew->broken, true))
        crew->options.on_broken(crew->options.context, detail);
}

static bool is_refused(enum commit_status status)
{
    return status == COMMIT_RETRY || status == COMMIT_UNKNOWN;
}

/* What was refused is committed again as it is; nothing newer has been handed over behind it. Whoever is
 * answered here finds crew_stalled up to date. */
static void take_answer(struct worker *worker)
{
    struct crew *crew = worker->crew;
    struct job *job = worker->away;
    size_t again = 0, count = job->count;
    for (size_t i = 0; i < count; i++)
        again += is_refused(job->statuses[i]);
    atomic_store(&crew->stalled, again > 0);
    job->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_refused(job->statuses[i])) {
            job->batches[job->count] = job->batches[i];
            job->posts[job->count++] = job->posts[i];
        } else if (job->statuses[i] == COMMIT_DONE) {
            batch_durable(worker, job->posts[i], job->batches[i]);
        } else {
            broken(crew, &job->detail);
        }
    }
    if (job->count == 0) {
        worker->away = NULL;
        atomic_store(&worker->away_since_ms, 0);
        free(job);
        return;
    }
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    nanosleep(&pause, NULL);
    store_commit(crew->options.store, job->batches, job->count, on_commit, job);
}

/* ── stepping ─────────────────────────────────────────────────────────────── */

/* Its answer waits for the batch that is open now; where nothing has been decided, for the last one taken. */
static void wait_for_batch(struct post *post, struct mail *mail)
{
    mail->waits_for = partition_open_rows(post->partition) ? post->taken + 1 : post->taken;
    mail_list_push(&post->waiting, mail);
}

/* Moves mails of a lane into the step, up to INPUTS_AT_ONCE inputs; at least one mail. */
static void gather(struct worker *worker, struct mail_list *from, struct mail_list *stepped)
{
    while (from->first && worker->inputs.count < INPUTS_AT_ONCE) {
        struct mail *mail = mail_list_take(from);
        for (size_t i = 0; i < mail->inputs.count; i++)
            *array_push(&worker->inputs) = mail->inputs.items[i];
        mail_list_push(stepped, mail);
    }
}

/* Takes what the step needs out of the mailbox, most urgent lane first. True where something is left. */
static bool empty_mailbox(struct worker *worker, struct post *post, struct mail_list *controls,
                          struct mail_list *stepped, struct mail_list *reads, uint64_t *ret_control_to)
{
    struct mail *mail;
    array_clear(&worker->inputs);
    pthread_mutex_lock(&worker->mutex);
    while ((mail = mail_list_take(&post->box.lanes[LANE_CONTROL]))) {
        if (mail->control_to > *ret_control_to)
            *ret_control_to = mail->control_to;
        mail_list_push(controls, mail);
    }
    gather(worker, &post->box.lanes[LANE_INTERNAL], stepped);
    while ((mail = mail_list_take(&post->box.lanes[LANE_READ])))
        mail_list_push(reads, mail);
    gather(worker, &post->box.lanes[LANE_RECORDS], stepped);
    bool more = !mailbox_is_empty(&post->box);
    pthread_mutex_unlock(&worker->mutex);
    return more;
}

static void wait_all(struct post *post, struct mail_list *from)
{
    struct mail *mail;
    while ((mail = mail_list_take(from)))
        wait_for_batch(post, mail);
}

static void forget(struct mail *mail, enum err err)
{
    (void)err;
    free(mail);
}

/* Nobody waits for these: every partition takes the log up to here. */
static void post_control(struct crew *crew, uint64_t position)
{
    for (uint32_t id = 0; id < crew->partitions; id++) {
        struct mail *mail = memory_take_zeroed(1, sizeof *mail);
        mail->lane = LANE_CONTROL;
        mail->done = forget;
        mail->control_to = position;
        crew_post(crew, id, mail);
    }
}

/* What an engine held by itself goes into the log, for all partitions. */
static void take_alerts(struct crew *crew, struct post *post, int64_t now_ms)
{
    struct engine_alert alert;
    while (partition_take_alert(post->partition, &alert)) {
        struct err_detail detail = {"", ""};
        char hold_key[64];
        snprintf(hold_key, sizeof hold_key, "hold-%u-%" PRId64, alert.version, alert.at_ms);
        crew_control_write(crew);
        enum err err =
            system_hold(crew->options.control, post->partition, &alert, now_ms, str_from(hold_key), &detail);
        uint64_t position = control_position(crew->options.control);
        crew_control_unlock(crew);
        if (err)
            broken(crew, &detail);
        post_control(crew, position);
        if (crew->options.on_alert)
            crew->options.on_alert(crew->options.context, &alert);
    }
}

/* Not at every step: it looks at every table, if not into them. */
static bool is_to_weigh(const struct post *post)
{
    return post->to_weigh && (!post->weighed_ms || monotonic_ms() - post->weighed_ms >= WEIGH_MS);
}

static void tell_memory(struct post *post)
{
    if (!is_to_weigh(post))
        return;
    post->weighed_ms = monotonic_ms();
    post->to_weigh = false;
    struct memory_use use = {0};
    partition_weigh(post->partition, &use);
    for (size_t i = 0; i < MEMORY_KINDS; i++)
        atomic_store_explicit(&post->memory[i], use.bytes[i], memory_order_relaxed);
}

void crew_tell_figures(struct post *post, bool stepped)
{
    post->to_weigh |= stepped;
    tell_memory(post);
    const struct dedupe *dedupe = partition_dedupe(post->partition);
    if (!dedupe)
        return;
    atomic_store_explicit(&post->dedupe_ids, dedupe_count(dedupe), memory_order_relaxed);
    atomic_store_explicit(&post->dedupe_lost_ms, dedupe_lost_ms(dedupe), memory_order_relaxed);
}

/* One instant of one partition: entries of the control log, inputs, timers; then the reads look. */
static bool step(struct worker *worker, struct post *post, bool acted)
{
    struct crew *crew = worker->crew;
    struct mail_list controls = {0}, stepped = {0}, reads = {0};
    uint64_t control_to = 0;
    struct err_detail detail = {"", ""};
    bool more = empty_mailbox(worker, post, &controls, &stepped, &reads, &control_to);
    int64_t now_ms = crew->options.clock(crew->options.clock_context);
    control_lock_read(&crew->control_lock);
    enum err err = ERR_OK;
    bool steps = acted || controls.first || stepped.first || partition_next_timer(post->partition) <= now_ms;
    if (steps)
        err = partition_step(post->partition, now_ms, control_to, worker->inputs.items, worker->inputs.count,
                             true, &detail);
    for (struct mail *mail = reads.first; mail && !err; mail = mail->next)
        mail->read(mail, post->partition);
    control_lock_end(&crew->control_lock);
    if (err)
        broken(crew, &detail);
    crew_tell_figures(post, steps);
    take_alerts(crew, post, now_ms);
    wait_all(post, &controls);
    wait_all(post, &stepped);
    wait_all(post, &reads);
    release(&post->waiting, post->durable);
    return more;
}

/* How far the log goes by what the mailboxes have, 0 where they have nothing of it; the mails stay, and are
 * answered by the steps. */
static uint64_t control_told(struct worker *worker)
{
    uint64_t control_to = 0;
    pthread_mutex_lock(&worker->mutex);
    for (size_t i = 0; i < worker->post_count; i++) {
        const struct mail *mail = worker->posts[i]->box.lanes[LANE_CONTROL].first;
        for (; mail; mail = mail->next)
            control_to = mail->control_to > control_to ? mail->control_to : control_to;
    }
    pthread_mutex_unlock(&worker->mutex);
    return control_to;
}

/* What one partition is told, all of the worker's do before any of them goes on, so that they read the past
 * once. True where they did: their instant is to be ended by a step. */
static bool act(struct worker *worker)
{
    struct crew *crew = worker->crew;
    struct partition *partitions[STORE_PARTITIONS];
    struct err_detail detail = {"", ""};
    enum err err = ERR_OK;
    uint64_t control_to = control_told(worker);
    if (control_to == 0)
        return false;
    int64_t now_ms = crew->options.clock(crew->options.clock_context);
    control_lock_read(&crew->control_lock);
    for (size_t i = 0; i < worker->post_count && !err; i++) {
        partitions[i] = worker->posts[i]->partition;
        err = partition_act(partitions[i], now_ms, control_to, &detail);
    }
    if (!err)
        err = partition_backfill(partitions, worker->post_count, &detail);
    control_lock_end(&crew->control_lock);
    if (err)
        broken(crew, &detail);
    return true;
}

/* What keeps a worker awake: a timer, or figures that are to be told. */
static bool is_due(const struct worker *worker, int64_t now_ms)
{
    for (size_t i = 0; i < worker->post_count; i++) {
        if (partition_next_timer(worker->posts[i]->partition) <= now_ms || is_to_weigh(worker->posts[i]))
            return true;
    }
    return false;
}

static int64_t sleep_ms(const struct worker *worker, int64_t now_ms)
{
    int64_t wait_ms = SLEEP_MS_MAX;
    for (size_t i = 0; i < worker->post_count; i++) {
        int64_t next_ms = partition_next_timer(worker->posts[i]->partition);
        if (next_ms != INSTANT_NEVER && next_ms - now_ms < wait_ms)
            wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    }
    return wait_ms;
}

/* Sleeps until there is mail, an answer of the store, a timer or the end. False = the end, with nothing left
 * to do. */
static bool wait_for_work(struct worker *worker)
{
    struct crew *crew = worker->crew;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->mail && !worker->answered && !(worker->stopping && !worker->away)) {
        int64_t now_ms = crew->options.clock(crew->options.clock_context);
        if (!worker->stopping && is_due(worker, now_ms))
            break;
        int64_t wait_ms = worker->stopping ? SLEEP_MS_MAX : sleep_ms(worker, now_ms);
        const struct timespec until = wait_deadline(wait_ms);
        pthread_cond_timedwait(&worker->changed, &worker->mutex, &until);
    }
    bool answered = worker->answered;
    bool ends = worker->stopping && !worker->mail && !worker->answered && !worker->away;
    worker->answered = worker->mail = false;
    pthread_mutex_unlock(&worker->mutex);
    if (answered)
        take_answer(worker);
    return !ends;
}

static void *work(void *context)
{
    struct worker *worker = context;
    while (wait_for_work(worker)) {
        bool more = false;
        bool acted = act(worker);
        for (size_t i = 0; i < worker->post_count; i++)
            more |= step(worker, worker->posts[i], acted);
        if (!worker->away)
            commit(worker);
        if (more)
            wake(worker);
    }
    return NULL;
}

/* ── the crew ─────────────────────────────────────────────────────────────── */

void crew_start(struct crew *crew)
{
    crew->started = true;
    post_control(crew, control_position(crew->options.control));
    for (uint32_t i = 0; i < crew->options.workers; i++)
        CHECK(pthread_create(&crew->workers[i].thread, NULL, work, &crew->workers[i]) == 0);
}

static void on_last_commit(void *context, const enum commit_status *statuses, size_t count,
                           const struct err_detail *detail)
{
    struct crew *crew = context;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != COMMIT_DONE)
            broken(crew, detail);
    }
}

/* The next start reads blocks alone. */
static void checkpoint(struct crew *crew)
{
    const struct batch *batches[STORE_PARTITIONS];
    struct partition *of[STORE_PARTITIONS];
    size_t count = 0;
    for (uint32_t i = 0; i < crew->partitions; i++) {
        partition_checkpoint(crew->posts[i].partition);
        of[count] = crew->posts[i].partition;
        batches[count] = partition_take_batch(of[count]);
        count += batches[count] != NULL;
    }
    if (count)
        store_commit(crew->options.store, batches, count, on_last_commit, crew);
    store_flush(crew->options.store);
    for (size_t i = 0; i < count; i++)
        partition_batch_done(of[i], batches[i]);
}

void crew_stop(struct crew *crew)
{
    if (!crew->started)
        return;
    for (uint32_t i = 0; i < crew->options.workers; i++) {
        struct worker *worker = &crew->workers[i];
        pthread_mutex_lock(&worker->mutex);
        worker->stopping = true;
        pthread_cond_signal(&worker->changed);
        pthread_mutex_unlock(&worker->mutex);
    }
    for (uint32_t i = 0; i < crew->options.workers; i++)
        CHECK(pthread_join(crew->workers[i].thread, NULL) == 0);
    crew->started = false;
    if (!atomic_load(&crew->broken))
        checkpoint(crew);
}

void crew_free(struct crew *crew)
{
    if (!crew)
        return;
    CHECK(!crew->started);
    for (uint32_t i = 0; i < crew->partitions; i++)
        partition_close(crew->posts[i].partition);
    for (uint32_t i = 0; i < crew->options.workers; i++) {
        array_free(&crew->workers[i].inputs);
        pthread_cond_destroy(&crew->workers[i].changed);
        pthread_mutex_destroy(&crew->workers[i].mutex);
    }
    free(crew->workers);
    control_lock_deinit(&crew->control_lock, crew->options.control);
    free(crew);
}

void crew_post(struct crew *crew, uint32_t partition, struct mail *mail)
{
    struct worker *worker = crew_worker(crew, partition);
    pthread_mutex_lock(&worker->mutex);
    mail_list_push(&crew->posts[partition].box.lanes[mail->lane], mail);
    worker->mail = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

uint32_t crew_partitions(const struct crew *crew)
{
    return crew->partitions;
}

const struct partition *crew_partition(const struct crew *crew, uint32_t partition)
{
    CHECK(!crew->started && partition < crew->partitions);
    return crew->posts[partition].partition;
}

bool crew_room_take(struct crew *crew, size_t bytes)
{
    size_t used = atomic_load(&crew->room_used);
    do {
        size_t most = atomic_load(&crew->room_max);
        if (bytes > most || used > most - bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&crew->room_used, &used, used + bytes));
    return true;
}

void crew_room_give(struct crew *crew, size_t bytes)
{
    CHECK(atomic_fetch_sub(&crew->room_used, bytes) >= bytes);
}

void crew_room_set(struct crew *crew, size_t bytes)
{
    atomic_store(&crew->room_max, bytes);
}

size_t crew_room_used(const struct crew *crew)
{
    return atomic_load(&crew->room_used);
}

bool crew_stalled(const struct crew *crew)
{
    return atomic_load(&crew->stalled);
}

int64_t crew_disk_waits_ms(const struct crew *crew)
{
    int64_t longest_ms = control_lock_changing_ms(&crew->control_lock), now_ms = monotonic_ms();
    for (uint32_t i = 0; i < crew->options.workers; i++) {
        int64_t since_ms = atomic_load(&crew->workers[i].away_since_ms);
        if (since_ms && now_ms - since_ms > longest_ms)
            longest_ms = now_ms - since_ms;
    }
    return longest_ms;
}

uint64_t crew_rows_durable(const struct crew *crew)
{
    return atomic_load(&crew->rows_durable);
}

uint64_t crew_dedupe_ids(const struct crew *crew)
{
    uint64_t ids = 0;
    for (uint32_t i = 0; i < crew->partitions; i++)
        ids += atomic_load_explicit(&crew->posts[i].dedupe_ids, memory_order_relaxed);
    return ids;
}

int64_t crew_dedupe_window_ms(const struct crew *crew)
{
    int64_t now_ms = crew->options.clock(crew->options.clock_context), window_ms = DEDUPE_WINDOW_MS;
    if (crew->options.dedupe_ids_max == 0)
        return 0;
    for (uint32_t i = 0; i < crew->partitions; i++) {
        int64_t lost_ms = atomic_load_explicit(&crew->posts[i].dedupe_lost_ms, memory_order_relaxed);
        if (lost_ms > now_ms - window_ms)
            window_ms = lost_ms < now_ms ? now_ms - lost_ms : 0;
    }
    return window_ms;
}

void crew_weigh(const struct crew *crew, struct memory_use *use)
{
    for (uint32_t i = 0; i < crew->partitions; i++) {
        for (size_t kind = 0; kind < MEMORY_KINDS; kind++)
            use->bytes[kind] += atomic_load_explicit(&crew->posts[i].memory[kind], memory_order_relaxed);
    }
}

void crew_control_write(struct crew *crew)
{
    control_lock_change(&crew->control_lock);
}

void crew_control_read(struct crew *crew)
{
    control_lock_read(&crew->control_lock);
}

void crew_control_unlock(struct crew *crew)
{
    control_lock_end(&crew->control_lock);
}
