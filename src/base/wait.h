/* Condition variables that are waited for with a limit in time, by a clock that only rises. */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H
#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* For pthread_cond_timedwait with a wait_deadline. Destroyed by pthread_cond_destroy. */
void wait_init(pthread_cond_t *changed);
/* So many milliseconds (>= 0) from now. */
struct timespec wait_deadline(int64_t ms);

#endif
