#include "base/wait.h"

#include "base/check.h"

enum { NANOSECONDS_A_MS = 1000000, NANOSECONDS_A_SECOND = 1000000000 };

int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NANOSECONDS_A_MS;
}

void wait_init(pthread_cond_t *changed)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

struct timespec wait_deadline(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * NANOSECONDS_A_MS;
    until.tv_sec += until.tv_nsec / NANOSECONDS_A_SECOND;
    until.tv_nsec %= NANOSECONDS_A_SECOND;
    return until;
}
