#include "store/exercise.h"

#include "base/check.h"

int exercise_begin(void **state)
{
    struct exercise *exercise = memory_take_zeroed(1, sizeof *exercise);
    exercise->factory = *state;
    exercise->store = exercise->factory->make(exercise->factory);
    *state = exercise;
    return exercise->store ? 0 : -1;
}

int exercise_end(void **state)
{
    struct exercise *exercise = *state;
    exercise->factory->discard(exercise->factory, exercise->store);
    free(exercise);
    return 0;
}

/* Every test begins with the factory as its state. */
static int run_group(struct store_factory *factory, const char *what, const struct CMUnitTest *tests,
                     size_t count)
{
    struct CMUnitTest *own = memory_take_zeroed(count, sizeof *own);
    for (size_t i = 0; i < count; i++) {
        own[i] = tests[i];
        own[i].initial_state = factory;
    }
    char name[64];
    snprintf(name, sizeof name, "%s: %s", factory->name, what);
    int failed = _cmocka_run_group_tests(name, own, count, NULL, NULL);
    free(own);
    return failed;
}

int store_exercise(struct store_factory *factory)
{
    int failed = run_group(factory, "commits", exercise_commits, exercise_commits_count);
    failed += run_group(factory, "rows", exercise_rows, exercise_rows_count);
    return failed + run_group(factory, "reads", exercise_reads, exercise_reads_count);
}
