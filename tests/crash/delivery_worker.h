/* The process that is killed: the real store, control, two partitions, the outbox and two file destinations
 * over a journey with activations, fed with a stream of records. Started again on the same directory it goes
 * on where the ledger ends. */
#ifndef CRASH_DELIVERY_WORKER_H
#define CRASH_DELIVERY_WORKER_H
#include <stdint.h>

enum { WORKER_PARTITIONS = 2, WORKER_PATH_BYTES = 128 };

struct worker_options {
    char directory[WORKER_PATH_BYTES]; /* of the store; the files stand in it too */
    uint32_t records;                  /* of the whole stream */
    uint64_t die_at;                   /* at the n-th write or sync; 0 = never by itself */
    int progress;                      /* a byte is written here after each round */
};

/* The path of a destination's file. */
void worker_file(const struct worker_options *options, const char *destination,
                 char ret_path[WORKER_PATH_BYTES]);

/* Until the whole stream has been taken, no timer is left and no effect is open. Exits 0; 1 with a message on
 * stderr where anything failed. */
void worker_run(const struct worker_options *options) __attribute__((noreturn));

#endif
