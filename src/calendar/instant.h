/* Instants are UTC milliseconds since 1970 (int64_t, names end in _ms); durations are milliseconds too. */
#ifndef CALENDAR_INSTANT_H
#define CALENDAR_INSTANT_H
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SECOND_MS  INT64_C(1000)
#define MINUTE_MS  (60 * SECOND_MS)
#define HOUR_MS    (60 * MINUTE_MS)
#define DAY_MS     (24 * HOUR_MS)
#define QUARTER_MS (15 * MINUTE_MS)
/* "no instant": later than every real one, so that the earlier of two is always their minimum. */
#define INSTANT_NEVER INT64_MAX
/* Events, timers and schedules live in [1970-01-01, 2100-01-01): the zone tables end there. Attributes may
 * hold any year from 0001 to 9999. */
#define INSTANT_END INT64_C(4102444800000)

/* RFC 3339 and the ISO 8601 forms that occur in the field: `2026-01-31`, `2026-01-31T10:00Z`, seconds, a
 * fraction of any length (cut to milliseconds), `Z` or an offset; a form without offset is UTC. Years
 * 0001-9999. */
bool instant_parse(struct str text, int64_t *ret_ms);
/* `2026-01-31T10:00:00Z`, with `.123` where milliseconds are not zero (or always, with `millis`). Returns the
 * size. */
int instant_print(int64_t ms, bool millis, char ret_text[32]);
/* Within [1970, 2100). */
bool instant_is_operational(int64_t ms);

/* `90s 30m 24h 7d 2w`: one positive whole number and one unit, at most 3650 d. */
bool duration_parse(struct str text, int64_t *ret_ms);
/* The largest unit that divides it: 86400000 → `1d`. Returns the size. */
int duration_print(int64_t ms, char ret_text[32]);

#endif
