/* When enrollments are to be looked at again. Ids stand in buckets by the hour; an hour that comes is opened
 * into buckets by the second, a second that comes is sorted by (due, kind, id). A bucket of hours holds bare
 * ids: the engine is asked what is due when the hour opens (`refine`), so an id whose due has changed costs
 * nothing but a look. */
#ifndef ENGINE_TIMERS_H
#define ENGINE_TIMERS_H
#include <stdbool.h>

#include "base/array.h"
#include "calendar/instant.h"

enum timer_kind { TIMER_TIMEOUT, TIMER_NODE }; /* in the order in which they fire at one instant */

struct timer {
    int64_t due_ms;
    uint32_t id;
    uint32_t kind;
};

struct timers;

/* Called for every id of an hour [from, to) that opens: adds what of it is due in there (timers_add), or
 * later. */
typedef void timers_refine(void *context, uint32_t id, int64_t from_ms, int64_t to_ms);

struct timers *timers_new(timers_refine *refine, void *context);
void timers_free(struct timers *timers);
uint64_t timers_bytes(const struct timers *timers);
/* Of new ones: nothing will be due before now_ms, whose hour is open from the start, so what is added to it
 * is taken without asking. */
void timers_start(struct timers *timers, int64_t now_ms);
/* due_ms must not lie before what has been taken already. The same one twice is taken once;
 * added again after it was taken, it is taken again. */
void timers_add(struct timers *timers, struct timer timer);
/* Takes the first by (due, kind, id) that is due at or before until_ms; false where there is none. */
bool timers_take(struct timers *timers, int64_t until_ms, struct timer *ret);
/* An instant at or before the first one's due; INSTANT_NEVER = none. */
int64_t timers_next(const struct timers *timers);

#endif
