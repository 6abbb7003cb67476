#include "cli/commits.h"

#include <pthread.h>

#include "base/check.h"

enum { ON_THEIR_WAY_MAX = 2, RETRY_FIRST_MS = 50, RETRY_LONGEST_MS = 1000, RETRY_SECONDS_MAX = 30 };

/* One commit: a batch of each partition that had something. */
struct job {
    struct commits *commits;
    const struct batch *batches[STORE_PARTITIONS];
    struct partition *partitions[STORE_PARTITIONS];
    enum commit_status statuses[STORE_PARTITIONS];
    size_t count;
    bool answered;
    struct err_detail detail;
};

struct commits {
    const struct environment *environment;
    const char *name;
    struct store *store;
    struct partition *const *partitions;
    uint32_t count;
    struct job jobs[ON_THEIR_WAY_MAX]; /* a ring: `first` is the oldest */
    uint32_t first, waiting;
    bool any;
    pthread_mutex_t mutex; /* guards `answered`, `statuses` and `detail` of every job */
    pthread_cond_t answer;
};

struct commits *commits_new(const struct environment *environment, const char *name, struct store *store,
                            struct partition *const *partitions, uint32_t count)
{
    struct commits *commits = memory_take_zeroed(1, sizeof *commits);
    CHECK(count <= STORE_PARTITIONS);
    commits->environment = environment;
    commits->name = name;
    commits->store = store;
    commits->partitions = partitions;
    commits->count = count;
    pthread_mutex_init(&commits->mutex, NULL);
    pthread_cond_init(&commits->answer, NULL);
    return commits;
}

void commits_free(struct commits *commits)
{
    if (!commits)
        return;
    store_flush(commits->store);
    pthread_cond_destroy(&commits->answer);
    pthread_mutex_destroy(&commits->mutex);
    free(commits);
}

bool commits_any(const struct commits *commits)
{
    return commits->any;
}

static void on_done(void *context, const enum commit_status *statuses, size_t count,
                    const struct err_detail *detail)
{
    struct job *job = context;
    pthread_mutex_lock(&job->commits->mutex);
    CHECK(count == job->count && !job->answered);
    memcpy(job->statuses, statuses, count * sizeof *statuses);
    if (detail)
        job->detail = *detail;
    job->answered = true;
    pthread_cond_signal(&job->commits->answer);
    pthread_mutex_unlock(&job->commits->mutex);
}

static void await(struct commits *commits, const struct job *job)
{
    pthread_mutex_lock(&commits->mutex);
    while (!job->answered)
        pthread_cond_wait(&commits->answer, &commits->mutex);
    pthread_mutex_unlock(&commits->mutex);
}

/* Gives back the batches that are durable; what is left in the job is not. */
static void settle(struct job *job)
{
    size_t left = 0;
    for (size_t i = 0; i < job->count; i++) {
        if (job->statuses[i] == COMMIT_DONE) {
            partition_batch_done(job->partitions[i], job->batches[i]);
            continue;
        }
        job->partitions[left] = job->partitions[i];
        job->statuses[left] = job->statuses[i];
        job->batches[left++] = job->batches[i];
    }
    job->count = left;
}

/* What is to be done about the batches that are left: the gravest of their answers decides. */
static enum commit_status gravest(const struct job *job)
{
    static const enum commit_status by_gravity[] = {COMMIT_FAILED, COMMIT_FENCED, COMMIT_RETRY,
                                                    COMMIT_UNKNOWN};
    for (size_t g = 0; g < sizeof by_gravity / sizeof by_gravity[0]; g++) {
        for (size_t i = 0; i < job->count; i++) {
            if (job->statuses[i] == by_gravity[g])
                return by_gravity[g];
        }
    }
    return COMMIT_DONE;
}

static struct job *job_at(struct commits *commits, uint32_t place)
{
    return &commits->jobs[(commits->first + place) % ON_THEIR_WAY_MAX];
}

static enum err job_fail(const struct commits *commits, enum commit_status status, const struct job *job,
                         struct err_detail *detail)
{
    const char *why = job->detail.text;
    if (status == COMMIT_FENCED)
        return err_fail(detail, ERR_BUSY, commits->name,
                        "another process has taken this directory over; nothing that "
                        "is durable is lost");
    return err_fail(
        detail, ERR_IO, commits->name,
        "could not be written: %s; what was written before is kept, the same command goes on from there",
        why[0] ? why : commit_status_name(status));
}

static void hand_over(struct job *job)
{
    job->answered = job->count == 0;
    if (job->count)
        store_commit(job->commits->store, job->batches, job->count, on_done, job);
}

/* What was not taken is handed over once more, all of it and in order: a batch behind one of the same
 * partition that was not taken has been refused by the fence, which means nothing. */
static void hand_over_again(struct commits *commits)
{
    for (uint32_t i = 0; i < commits->waiting; i++) {
        await(commits, job_at(commits, i));
        settle(job_at(commits, i));
    }
    for (uint32_t i = 0; i < commits->waiting; i++)
        hand_over(job_at(commits, i));
}

/* Waits until the oldest job is durable, however often it takes. */
static enum err finish_oldest(struct commits *commits, struct err_detail *detail)
{
    struct job *job = job_at(commits, 0);
    const struct environment *environment = commits->environment;
    double since = environment->seconds();
    int64_t pause_ms = RETRY_FIRST_MS;
    bool told = false;
    for (;;) {
        await(commits, job);
        settle(job);
        enum commit_status status = gravest(job);
        if (status == COMMIT_DONE)
            break;
        if (status == COMMIT_FAILED || status == COMMIT_FENCED ||
            environment->seconds() - since > RETRY_SECONDS_MAX)
            return job_fail(commits, status, job, detail);
        if (!told)
            complain(environment->err, commits->name, "%s; trying again for %d seconds",
                     job->detail.text[0] ? job->detail.text : commit_status_name(status), RETRY_SECONDS_MAX);
        told = true;
        environment->sleep_ms(pause_ms);
        pause_ms = pause_ms * 2 < RETRY_LONGEST_MS ? pause_ms * 2 : RETRY_LONGEST_MS;
        hand_over_again(commits);
    }
    commits->first = (commits->first + 1) % ON_THEIR_WAY_MAX;
    commits->waiting--;
    return ERR_OK;
}

enum err commits_put(struct commits *commits, struct err_detail *detail)
{
    if (commits->waiting == ON_THEIR_WAY_MAX) {
        enum err err = finish_oldest(commits, detail);
        if (err)
            return err;
    }
    struct job *job = job_at(commits, commits->waiting);
    *job = (struct job){.commits = commits};
    for (uint32_t i = 0; i < commits->count; i++) {
        const struct batch *batch = partition_take_batch(commits->partitions[i]);
        if (!batch)
            continue;
        job->batches[job->count] = batch;
        job->partitions[job->count++] = commits->partitions[i];
    }
    if (job->count == 0)
        return ERR_OK;
    commits->any = true;
    commits->waiting++;
    hand_over(job);
    return ERR_OK;
}

enum err commits_flush(struct commits *commits, struct err_detail *detail)
{
    enum err err = ERR_OK;
    while (!err && commits->waiting)
        err = finish_oldest(commits, detail);
    return err;
}
