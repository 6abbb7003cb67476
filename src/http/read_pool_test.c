#include "http/read_pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs those */
#include <cmocka.h>

enum { JOBS = 2000, POSTERS = 4 };

/* Jobs that cannot end before the door is open. */
struct door {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned inside; /* guarded, like the next */
    bool open;
};

struct held_job {
    struct read_job job;
    struct door *door;
};

static void wait_at_door(struct read_job *job)
{
    struct door *door = ((struct held_job *)job)->door;
    pthread_mutex_lock(&door->mutex);
    door->inside++;
    pthread_cond_broadcast(&door->changed);
    while (!door->open)
        pthread_cond_wait(&door->changed, &door->mutex);
    pthread_mutex_unlock(&door->mutex);
}

static void a_full_queue_refuses_and_what_waits_is_run_to_the_end(void **state)
{
    (void)state;
    struct door door = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};
    struct held_job jobs[6];
    struct read_pool *pool = read_pool_new(2, 3);
    for (size_t i = 0; i < 6; i++)
        jobs[i] = (struct held_job){{.run = wait_at_door}, &door};
    assert_true(read_pool_post(pool, &jobs[0].job));
    assert_true(read_pool_post(pool, &jobs[1].job));
    pthread_mutex_lock(&door.mutex);
    while (door.inside < 2)
        pthread_cond_wait(&door.changed, &door.mutex);
    pthread_mutex_unlock(&door.mutex);
    for (size_t i = 2; i < 5; i++)
        assert_true(read_pool_post(pool, &jobs[i].job));
    assert_int_equal(read_pool_waiting(pool), 3);
    assert_false(read_pool_post(pool, &jobs[5].job));
    pthread_mutex_lock(&door.mutex);
    door.open = true;
    pthread_cond_broadcast(&door.changed);
    pthread_mutex_unlock(&door.mutex);
    read_pool_free(pool);
    assert_int_equal(door.inside, 5);
}

struct counted_job {
    struct read_job job;
    _Atomic uint32_t *sum;
    uint32_t number;
};

static void add_number(struct read_job *job)
{
    struct counted_job *counted = (struct counted_job *)job;
    atomic_fetch_add(counted->sum, counted->number);
    free(counted);
}

struct poster {
    pthread_t thread;
    struct read_pool *pool;
    _Atomic uint32_t *sum;
    uint32_t posted; /* the sum of those taken */
};

static void *post_many(void *context)
{
    struct poster *poster = context;
    for (uint32_t i = 0; i < JOBS; i++) {
        struct counted_job *counted = malloc(sizeof *counted);
        *counted = (struct counted_job){{.run = add_number}, poster->sum, i};
        if (read_pool_post(poster->pool, &counted->job))
            poster->posted += i;
        else
            free(counted);
    }
    return NULL;
}

static void every_job_that_was_taken_is_run_once(void **state)
{
    (void)state;
    _Atomic uint32_t sum = 0;
    uint32_t posted = 0;
    struct poster posters[POSTERS];
    struct read_pool *pool = read_pool_new(3, 64);
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.pool = pool, .sum = &sum};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
        posted += posters[i].posted;
    }
    read_pool_free(pool);
    assert_int_equal(atomic_load(&sum), posted);
}

struct ordered_job {
    struct read_job job;
    uint32_t *next;
    uint32_t number;
};

static void expect_turn(struct read_job *job)
{
    struct ordered_job *ordered = (struct ordered_job *)job;
    assert_int_equal(ordered->number, (*ordered->next)++);
}

static void one_thread_runs_jobs_in_the_order_of_posting(void **state)
{
    (void)state;
    uint32_t next = 0;
    static struct ordered_job jobs[100];
    struct read_pool *pool = read_pool_new(1, 100);
    for (uint32_t i = 0; i < 100; i++) {
        jobs[i] = (struct ordered_job){{.run = expect_turn}, &next, i};
        assert_true(read_pool_post(pool, &jobs[i].job));
    }
    read_pool_free(pool);
    assert_int_equal(next, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_refuses_and_what_waits_is_run_to_the_end),
        cmocka_unit_test(every_job_that_was_taken_is_run_once),
        cmocka_unit_test(one_thread_runs_jobs_in_the_order_of_posting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
