/* Between the files of the conformance suite (store_exercise.h). */
#ifndef STORE_EXERCISE_H
#define STORE_EXERCISE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "store/store_author.h"
#include "store/store_exercise.h"

struct exercise { /* of one test: `*state` */
    struct store_factory *factory;
    struct store *store;
};

int exercise_begin(void **state);
int exercise_end(void **state);

#define EXERCISE(test) cmocka_unit_test_setup_teardown(test, exercise_begin, exercise_end)

extern const struct CMUnitTest exercise_commits[], exercise_rows[], exercise_reads[];
extern const size_t exercise_commits_count, exercise_rows_count, exercise_reads_count;

#endif
