/* What was measured, for people: a table on the terminal, and a page of Markdown. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H
#include "bench/bench.h"

struct bench_result {
    const struct bench_row *row;
    uint32_t run_count;
    struct readings *runs; /* one a run */
};

void report_print(const struct bench_result *result, FILE *out);
/* The page: machine, command, and for each row its table, how it was made and what limits it. */
enum err report_write(const char *path, const struct bench *bench, const struct bench_result *results,
                      size_t count, struct err_detail *detail);

#endif
