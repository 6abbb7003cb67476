/* `sojourn bench`: the figures the program is built for (architecture, §9), each measured beside a bare
 * baseline of the same run. A row is run several times; what counts is the median. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H
#include "base/array.h"
#include "cli/command.h"

enum bench_sense { BENCH_SHOWN, BENCH_AT_LEAST, BENCH_AT_MOST };

/* One quantity of one run. Every run of a row reads the same quantities in the same order. */
struct reading {
    char name[80];
    const char *unit; /* static text */
    double value;
    enum bench_sense sense;
    double target;
};
struct readings {
    ARRAY(struct reading) items;
};
void reading_show(struct readings *readings, const char *unit, double value, const char *name, ...)
    __attribute__((format(printf, 4, 5)));
void reading_judge(struct readings *readings, enum bench_sense sense, double target, const char *unit,
                   double value, const char *name, ...) __attribute__((format(printf, 6, 7)));

struct bench {
    const struct environment *environment;
    const char *directory; /* for scratch; empty at the start of every run */
    bool full;             /* the sizes that the targets speak of; else small ones that take seconds */
};

/* A run: what cannot be done is an error that says why, a result that is wrong (an event lost) too. */
typedef enum err bench_run(const struct bench *bench, struct readings *readings, struct err_detail *detail);
struct bench_row {
    const char *name;   /* on the command line */
    const char *title;  /* in the report */
    const char *how;    /* what is done, in a sentence or two */
    const char *limits; /* what limits it, as far as profiles tell */
    bench_run *run;
};
extern const struct bench_row bench_rows[];
extern const size_t bench_row_count;
bench_run bench_events, bench_advances, bench_journeys, bench_handover, bench_timers, bench_instant,
    bench_rules, bench_memory, bench_start, bench_backfill, bench_contacts_growth, bench_journeys_growth,
    bench_empty;

/* The value below which `share` (0..1) of the values lie; sorts them. 0 where there are none. */
double bench_percentile(double *values, size_t count, double share);
/* `directory/name`; lives until the next call of the same buffer. */
const char *bench_path(const struct bench *bench, const char *name, char ret[256]);

#endif
