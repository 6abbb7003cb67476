/* The baselines: what the same bytes cost without any of the program. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H
#include "bench/bench.h"

/* The event and ledger rows of a data directory that nobody has open, counted. */
struct bare_counts {
    uint64_t events, ledger;
};
enum err bare_count(const char *data, struct bare_counts *ret, struct err_detail *detail);

/* Appends the directory's event and ledger rows (the first rows_max of each) once more, into a new database
 * with the same tables: one bound INSERT a row, `rows` a transaction, WAL, every transaction synced: the loop
 * that anybody would write first. Reading them is not counted. Rows a second. */
enum err bare_append(const char *data, const char *into, uint32_t rows, uint64_t rows_max,
                     double (*seconds)(void), double *ret_rate, struct err_detail *detail);

#endif
