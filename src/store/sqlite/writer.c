#include "store/sqlite/writer.h"

#include <pthread.h>
#include <time.h>

#include "base/array.h"
#include "base/check.h"
#include "base/wait.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/group.h"

enum work_kind { WORK_COMMIT, WORK_CLAIM, WORK_EFFECTS, WORK_CONTROL, WORK_PAGES };

struct work {
    struct work *next;
    enum work_kind kind;
    size_t rows;
    struct timespec since;
    /* WORK_COMMIT: on the heap, answered by `done` */
    const struct batch **batches;
    enum commit_status *statuses;
    size_t count;
    store_commit_done *done;
    void *context;
    /* the others: on the stack of a caller who waits for `finished` */
    uint32_t partition;
    const struct store_effect *effects;
    const struct control_entry *entry;
    uint32_t pages_max;
    uint64_t number; /* the epoch, the position */
    struct partition_head head;
    enum err err;
    struct err_detail detail;
    bool finished;
};

struct writer {
    pthread_t thread;
    pthread_mutex_t lock; /* of the queue: from here to `stops` */
    pthread_cond_t arrived, answered;
    struct work *first, *last;
    size_t queued_rows;
    uint64_t queued, done; /* pieces of work ever queued and answered */
    unsigned hurry;        /* callers who wait: no time is spent on gathering more */
    bool stops;
    /* of the thread alone */
    sqlite3 *db;
    struct group *group;
    uint64_t wal_pages;     /* as of the last commit */
    uint64_t wal_pages_max; /* since the last checkpoint: time for another */
    uint64_t checkpoint_at; /* when wal_pages reaches it */
    enum err broken;
    struct err_detail broken_detail;
};

/* ── the queue ──────────────────────────────────────────────────────────────── */

static void enqueue(struct writer *w, struct work *work)
{
    clock_gettime(CLOCK_MONOTONIC, &work->since);
    pthread_mutex_lock(&w->lock);
    if (w->last)
        w->last->next = work;
    else
        w->first = work;
    w->last = work;
    w->queued_rows += work->rows;
    w->queued++;
    if (work->kind != WORK_COMMIT)
        w->hurry++;
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
}

static struct timespec after_us(struct timespec t, long us)
{
    t.tv_nsec += us * 1000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* The work of the next transaction; NULL when the writer stops and nothing is left. */
static struct work *take_group(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stops)
        pthread_cond_wait(&w->arrived, &w->lock);
    if (w->first) {
        struct timespec deadline = after_us(w->first->since, GROUP_WAIT_US);
        int code = 0;
        while (w->queued_rows < GROUP_ROWS_FULL && !w->hurry && !w->stops && code == 0)
            code = pthread_cond_timedwait(&w->arrived, &w->lock, &deadline);
    }
    struct work *first = w->first, *last = NULL;
    size_t rows = 0;
    for (struct work *work = first; work && (!last || rows + work->rows <= GROUP_ROWS_MAX);
         work = work->next) {
        rows += work->rows;
        last = work;
    }
    if (last) {
        w->first = last->next;
        if (!w->first)
            w->last = NULL;
        last->next = NULL;
        w->queued_rows -= rows;
    }
    pthread_mutex_unlock(&w->lock);
    return first;
}

/* ── one transaction ────────────────────────────────────────────────────────── */

static void add_commit(struct group *group, struct work *work)
{
    for (size_t i = 0; i < work->count; i++)
        work->statuses[i] = group_add_batch(group, work->batches[i]);
}

static enum err set_pages_max(struct writer *w, uint32_t pages_max, struct err_detail *detail)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %u", pages_max ? pages_max : 0xfffffffeu);
    return connection_run(w->db, sql, detail);
}

static enum err run_group(struct writer *w, struct work *first, struct err_detail *detail)
{
    enum err err = group_begin(w->group, detail);
    for (struct work *work = first; work && !err; work = work->next) {
        switch (work->kind) {
        case WORK_COMMIT: add_commit(w->group, work); break;
        case WORK_CLAIM: group_claim(w->group, work->partition, &work->number, &work->head); break;
        case WORK_EFFECTS: group_add_effects(w->group, work->effects, work->count); break;
        case WORK_CONTROL: err = group_append_control(w->group, work->entry, &work->number, detail); break;
        case WORK_PAGES: err = set_pages_max(w, work->pages_max, detail); break;
        }
    }
    if (!err)
        err = group_end(w->group, detail);
    if (err)
        group_abandon(w->group);
    return err;
}

static bool may_be_tried_again(enum err err)
{
    return err == ERR_FULL || err == ERR_BUSY;
}

/* After a failed group: what each of its commits is told. */
static void refuse(struct writer *w, struct work *first, enum err err)
{
    for (struct work *work = first; work; work = work->next) {
        for (size_t i = 0; work->kind == WORK_COMMIT && i < work->count; i++) {
            if (!may_be_tried_again(err)) {
                work->statuses[i] = COMMIT_FAILED;
            } else if (work->statuses[i] != COMMIT_FENCED) {
                work->statuses[i] = COMMIT_RETRY;
                group_refused(w->group, work->batches[i]);
            }
        }
    }
}

/* Why batches of a group that went well were not taken. */
static void say_why(const struct work *work, struct err_detail *detail)
{
    for (size_t i = 0; i < work->count; i++) {
        if (work->statuses[i] != COMMIT_DONE)
            err_fail(detail, ERR_REFUSED, "", "partition %u: %s", work->batches[i]->partition,
                     work->statuses[i] == COMMIT_FENCED
                         ? "the batch does not follow what its owner has committed"
                         : "a batch that was refused before comes first");
    }
}

static void answer_commit(struct work *work, enum err err, const struct err_detail *detail)
{
    struct err_detail own = *detail;
    if (!err)
        say_why(work, &own);
    work->done(work->context, work->statuses, work->count, &own);
    free(work->batches);
    free(work->statuses);
    free(work);
}

static void answer(struct writer *w, struct work *work, enum err err, const struct err_detail *detail)
{
    bool is_commit = work->kind == WORK_COMMIT;
    if (is_commit)
        answer_commit(work, err, detail);
    pthread_mutex_lock(&w->lock);
    w->done++;
    if (!is_commit) {
        work->err = err;
        work->detail = *detail;
        work->finished = true; /* from here on it is its caller's */
        w->hurry--;
    }
    pthread_cond_broadcast(&w->answered);
    pthread_mutex_unlock(&w->lock);
}

/* ── the WAL ────────────────────────────────────────────────────────────────── */

static int on_wal(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    struct writer *w = context;
    if ((uint64_t)pages < w->wal_pages) /* it has started over */
        w->checkpoint_at = w->wal_pages_max;
    w->wal_pages = (uint64_t)pages;
    return SQLITE_OK;
}

/* After a checkpoint the WAL starts over unless a reader is in it; then it grows until a later one. A full
 * disk or a reader in the way only put the checkpoint off; any other failure ends the writer's work. */
static void checkpoint(struct writer *w)
{
    if (w->wal_pages < w->checkpoint_at || w->broken)
        return;
    bool must_wait = w->wal_pages >= w->wal_pages_max * WAL_TIMES_TRUNCATE;
    int mode = must_wait ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    sqlite3_busy_timeout(w->db, CHECKPOINT_BUSY_MS);
    int code = sqlite3_wal_checkpoint_v2(w->db, "main", mode, NULL, NULL);
    sqlite3_busy_timeout(w->db, CONNECTION_BUSY_MS);
    w->checkpoint_at = w->wal_pages + w->wal_pages_max;
    if (code == SQLITE_OK)
        return;
    struct err_detail detail;
    enum err err = connection_fail(w->db, code, "checkpoint the WAL", &detail);
    if (!may_be_tried_again(err)) {
        w->broken = err;
        w->broken_detail = detail;
    }
}

static void *writer_main(void *argument)
{
    struct writer *w = argument;
    for (struct work *work; (work = take_group(w));) {
        struct err_detail detail = w->broken_detail;
        enum err err = w->broken ? w->broken : run_group(w, work, &detail);
        if (err && !may_be_tried_again(err)) {
            w->broken = err;
            w->broken_detail = detail;
        }
        if (err)
            refuse(w, work, err);
        while (work) {
            struct work *next = work->next;
            answer(w, work, err, &detail);
            work = next;
        }
        checkpoint(w);
    }
    return NULL;
}

/* ── calls ──────────────────────────────────────────────────────────────────── */

enum err writer_new(sqlite3 *db, uint32_t partitions, uint32_t wal_pages, struct writer **ret,
                    uint64_t *ret_seq_max, struct err_detail *detail)
{
    struct writer *w = memory_take_zeroed(1, sizeof *w);
    w->db = db;
    w->wal_pages_max = w->checkpoint_at = wal_pages ? wal_pages : WAL_PAGES;
    enum err err = group_new(db, partitions, &w->group, detail);
    if (err) {
        free(w);
        return err;
    }
    *ret_seq_max = group_seq_max(w->group);
    sqlite3_wal_hook(db, on_wal, w);
    CHECK(pthread_mutex_init(&w->lock, NULL) == 0);
    wait_init(&w->arrived);
    CHECK(pthread_cond_init(&w->answered, NULL) == 0);
    CHECK(pthread_create(&w->thread, NULL, writer_main, w) == 0);
    *ret = w;
    return ERR_OK;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stops = true;
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    CHECK(pthread_join(w->thread, NULL) == 0);
    group_free(w->group);
    connection_close(w->db);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->arrived);
    pthread_cond_destroy(&w->answered);
    free(w);
}

void writer_commit(struct writer *w, const struct batch *const *batches, size_t count,
                   store_commit_done *done, void *context)
{
    struct work *work = memory_take_zeroed(1, sizeof *work);
    *work = (struct work){.kind = WORK_COMMIT, .count = count, .done = done, .context = context};
    work->batches = memory_take(count * sizeof *work->batches);
    work->statuses = memory_take(count * sizeof *work->statuses);
    for (size_t i = 0; i < count; i++) {
        work->batches[i] = batches[i];
        work->statuses[i] = COMMIT_FAILED;
        work->rows += batch_rows(batches[i]);
    }
    enqueue(w, work);
}

void writer_flush(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t wanted = w->queued;
    w->hurry++;
    pthread_cond_signal(&w->arrived);
    while (w->done < wanted)
        pthread_cond_wait(&w->answered, &w->lock);
    w->hurry--;
    pthread_mutex_unlock(&w->lock);
}

/* Queues what is on the caller's stack and waits for its answer. */
static enum err ask(struct writer *w, struct work *work, struct err_detail *detail)
{
    enqueue(w, work);
    pthread_mutex_lock(&w->lock);
    while (!work->finished)
        pthread_cond_wait(&w->answered, &w->lock);
    pthread_mutex_unlock(&w->lock);
    if (work->err && detail)
        *detail = work->detail;
    return work->err;
}

enum err writer_claim(struct writer *w, uint32_t partition, uint64_t *ret_epoch,
                      struct partition_head *ret_head, struct err_detail *detail)
{
    struct work work = {.kind = WORK_CLAIM, .partition = partition};
    enum err err = ask(w, &work, detail);
    if (err)
        return err;
    *ret_epoch = work.number;
    *ret_head = work.head;
    return ERR_OK;
}

enum err writer_put_effects(struct writer *w, const struct store_effect *effects, size_t count,
                            struct err_detail *detail)
{
    struct work work = {.kind = WORK_EFFECTS, .effects = effects, .count = count, .rows = count};
    return ask(w, &work, detail);
}

enum err writer_append_control(struct writer *w, const struct control_entry *entry, uint64_t *ret_position,
                               struct err_detail *detail)
{
    struct work work = {.kind = WORK_CONTROL, .entry = entry, .rows = 1};
    enum err err = ask(w, &work, detail);
    if (!err)
        *ret_position = work.number;
    return err;
}

enum err writer_set_pages_max(struct writer *w, uint32_t pages_max, struct err_detail *detail)
{
    struct work work = {.kind = WORK_PAGES, .pages_max = pages_max};
    return ask(w, &work, detail);
}
