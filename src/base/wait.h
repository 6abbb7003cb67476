/* The clock that only rises, and condition variables that are waited for with a limit in time by it. What is
 * to be repeatable gets its time from its caller; this is for how long things take. */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H
#include <pthread.h>
#include <stdint.h>
#include <time.h>

int64_t monotonic_ms(void);

/* For pthread_cond_timedwait with a wait_deadline. Destroyed by pthread_cond_destroy. */
void wait_init(pthread_cond_t *changed);
/* So many milliseconds (>= 0) from now. */
struct timespec wait_deadline(int64_t ms);

#endif
