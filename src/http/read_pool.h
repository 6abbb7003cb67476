/* Threads for answers that must wait for the store: a handler hands itself to them when its mails have come
 * back, so that no partition's worker and no connection's thread ever waits for a disk. Few threads and a
 * bounded queue: beyond it a job is refused, and its request told to come back. */
#ifndef HTTP_READ_POOL_H
#define HTTP_READ_POOL_H
#include <stdbool.h>
#include <stddef.h>

struct read_job;
typedef void read_job_run(struct read_job *job);
/* Belongs to whoever posts it and lives until `run` has been called; `run` may free it. */
struct read_job {
    struct read_job *next; /* the pool's */
    read_job_run *run;     /* once, on one of the pool's threads */
};

struct read_pool;

/* Starts the threads. */
struct read_pool *read_pool_new(unsigned threads, size_t waiting_max);
/* From any thread; jobs are begun in the order of posting. False where `waiting_max` wait already: the job
 * stays the caller's. */
bool read_pool_post(struct read_pool *pool, struct read_job *job);
size_t read_pool_waiting(struct read_pool *pool); /* NULL has none */
/* Runs what waits, then ends the threads. Nothing may be posted meanwhile. NULL is nothing. */
void read_pool_free(struct read_pool *pool);

#endif
