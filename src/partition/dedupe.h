/* Which message ids a partition has taken: a set of their hashes (record.message) of the last
 * DEDUPE_WINDOW_MS, or of the last `ids_max` where those are fewer. What is older goes by whole generations,
 * each of which spans at most DEDUPE_STEP_MS and 1/32 of `ids_max`: an id is known for the window and for up
 * to a step longer.
 *
 * Cost: 10 to 13 bytes an id once there are many, one look at memory each. It grows by 1/1,024 at a time, so
 * that no call takes longer than some tens of microseconds. One thread. */
#ifndef PARTITION_DEDUPE_H
#define PARTITION_DEDUPE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calendar/instant.h"

#define DEDUPE_WINDOW_MS DAY_MS
#define DEDUPE_STEP_MS   (DEDUPE_WINDOW_MS / 32)

struct dedupe;

struct dedupe *dedupe_new(uint32_t ids_max); /* > 0 */
void dedupe_free(struct dedupe *dedupe);

/* The id of a record received at now_ms, which never falls. False where it is known, and then nothing
 * changes; else it is known from now on. */
bool dedupe_add(struct dedupe *dedupe, uint64_t message, int64_t now_ms);
/* Begins to load what dedupe_add will look at: call it some ids ahead. */
void dedupe_prefetch(const struct dedupe *dedupe, uint64_t message);

uint64_t dedupe_count(const struct dedupe *dedupe); /* ids that are known */
/* Ids received up to here may have been forgotten before their time, for want of room (or by
 * dedupe_lost_until); INT64_MIN = none have. */
int64_t dedupe_lost_ms(const struct dedupe *dedupe);
void dedupe_lost_until(struct dedupe *dedupe, int64_t ms);
size_t dedupe_bytes(const struct dedupe *dedupe); /* of its tables */

#endif
