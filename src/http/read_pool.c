#include "http/read_pool.h"

#include <pthread.h>

#include "base/array.h"
#include "base/check.h"

struct read_pool {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct read_job *first, *last; /* guarded, like the next two */
    size_t waiting;
    bool ending;
    size_t waiting_max;
    unsigned thread_count;
    pthread_t threads[];
};

static struct read_job *take(struct read_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (!pool->first && !pool->ending)
        pthread_cond_wait(&pool->changed, &pool->mutex);
    struct read_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

static void *work(void *context)
{
    struct read_pool *pool = context;
    struct read_job *job;
    while ((job = take(pool)))
        job->run(job);
    return NULL;
}

struct read_pool *read_pool_new(unsigned threads, size_t waiting_max)
{
    struct read_pool *pool = memory_take_zeroed(1, sizeof *pool + threads * sizeof *pool->threads);
    pool->waiting_max = waiting_max;
    CHECK(pthread_mutex_init(&pool->mutex, NULL) == 0 && pthread_cond_init(&pool->changed, NULL) == 0);
    for (; pool->thread_count < threads; pool->thread_count++)
        CHECK(pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0);
    return pool;
}

bool read_pool_post(struct read_pool *pool, struct read_job *job)
{
    pthread_mutex_lock(&pool->mutex);
    CHECK(!pool->ending);
    bool taken = pool->waiting < pool->waiting_max;
    if (taken) {
        job->next = NULL;
        if (pool->first)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->waiting++;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->mutex);
    return taken;
}

size_t read_pool_waiting(struct read_pool *pool)
{
    if (!pool)
        return 0;
    pthread_mutex_lock(&pool->mutex);
    size_t waiting = pool->waiting;
    pthread_mutex_unlock(&pool->mutex);
    return waiting;
}

void read_pool_free(struct read_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        CHECK(pthread_join(pool->threads[i], NULL) == 0);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
