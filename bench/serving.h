/* The real server as a process of its own: this program, `serve`, on a free port of the loopback. */
#ifndef BENCH_SERVING_H
#define BENCH_SERVING_H
#include <sys/types.h>

#include "base/buf.h"
#include "bench/bench.h"

struct serving {
    pid_t pid;
    int out; /* what it prints */
    uint16_t port;
    char write_key[128], admin_token[128]; /* of its first start; kept over a restart */
};

/* Starts it and waits until it listens. `*ret` may be one that has ended: its keys are still right. */
enum err serving_start(const char *data, struct serving *ret, struct err_detail *detail);
/* Ends it with a signal and waits. */
void serving_end(struct serving *serving, int signal);
/* One request with the admin token; the answer's body is appended to `out`. */
enum err serving_ask(const struct serving *serving, const char *method, const char *path, struct str body,
                     struct buf *out, struct err_detail *detail);

#endif
