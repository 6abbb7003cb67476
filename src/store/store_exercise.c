#include "store/exercise.h"

#include "base/check.h"

/* cmocka gives a test's setup the group's state and nothing else. */
static struct store_factory *group_factory;

int exercise_begin(void **state)
{
    struct exercise *exercise = memory_take_zeroed(1, sizeof *exercise);
    exercise->factory = group_factory;
    exercise->store = group_factory->make(group_factory);
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

int store_exercise(struct store_factory *factory)
{
    group_factory = factory;
    char name[64];
    snprintf(name, sizeof name, "%s: commits", factory->name);
    int failed = _cmocka_run_group_tests(name, exercise_commits, exercise_commits_count, NULL, NULL);
    snprintf(name, sizeof name, "%s: reads", factory->name);
    return failed + _cmocka_run_group_tests(name, exercise_reads, exercise_reads_count, NULL, NULL);
}
