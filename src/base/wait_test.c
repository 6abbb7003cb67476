#include "base/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include <errno.h>

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void a_deadline_is_so_long_from_now_and_well_formed(void **state)
{
    (void)state;
    static const int64_t waits_ms[] = {0, 1, 100, 999, 1000, 1001, 59999};
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        struct timespec until = wait_deadline(waits_ms[i]);
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_in_range(until.tv_nsec, 0, 999999999);
        assert_true(nanoseconds(until) >= nanoseconds(before) + waits_ms[i] * 1000000);
        assert_true(nanoseconds(until) <= nanoseconds(after) + waits_ms[i] * 1000000);
    }
}

static void nobody_who_signals_ends_it_at_the_deadline(void **state)
{
    (void)state;
    pthread_cond_t changed;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    wait_init(&changed);
    struct timespec until = wait_deadline(1), now;
    int code = 0;
    pthread_mutex_lock(&mutex);
    while (code == 0)
        code = pthread_cond_timedwait(&changed, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_int_equal(code, ETIMEDOUT);
    assert_true(nanoseconds(now) >= nanoseconds(until));
    pthread_cond_destroy(&changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_is_so_long_from_now_and_well_formed),
        cmocka_unit_test(nobody_who_signals_ends_it_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
