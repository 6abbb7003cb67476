/* A measurement in a process of its own: its memory is its alone, and it may end as if it had been killed. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H
#include "bench/bench.h"

enum { CHILD_VALUES_MAX = 8 };

/* Runs in the child, fills `values`. */
typedef enum err child_run(const struct bench *bench, const void *context, double values[CHILD_VALUES_MAX],
                           struct err_detail *detail);
/* No thread may run. The child ends at once after `run`, without closing anything. */
enum err child_measure(const struct bench *bench, child_run *run, const void *context,
                       double ret[CHILD_VALUES_MAX], struct err_detail *detail);
/* Bytes of this process in memory. */
double child_resident_bytes(void);

#endif
