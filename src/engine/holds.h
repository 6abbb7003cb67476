/* What came to an enrollment while its version was held: the first end that was met and the first event that
 * its wait_for was waiting for, each with its own time. Resume acts on these and walks no history
 * (lifecycle.md §3). */
#ifndef ENGINE_HOLDS_H
#define ENGINE_HOLDS_H
#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "calendar/instant.h"

struct hold {
    int64_t end_ms;  /* own time of what ended it; INSTANT_NEVER = nothing did */
    int64_t wait_ms; /* own time of what its wait_for waits for; INSTANT_NEVER = it has not come */
    int64_t end_cause, wait_cause;
    double value;          /* of a goal */
    uint8_t reason, which; /* of the end: enum leave_reason, the goal's or exit rule's number */
};
#define HOLD_NOTHING ((struct hold){.end_ms = INSTANT_NEVER, .wait_ms = INSTANT_NEVER})

struct holds {
    struct map map; /* enrollment → place */
    ARRAY(struct hold) items;
    ARRAY(uint32_t) ids; /* of each place */
};

/* Nothing where none is kept. */
struct hold holds_get(const struct holds *holds, uint32_t enrollment);
void holds_set(struct holds *holds, uint32_t enrollment, const struct hold *hold);
void holds_deinit(struct holds *holds);
uint64_t holds_bytes(const struct holds *holds);

/* As JSON, the `detail` of a ledger row: for people and for recovery. */
void hold_write(const struct hold *hold, struct buf *out);
enum err hold_read(struct str detail, struct hold *ret, struct err_detail *err);
void hold_encode(const struct hold *hold, struct buf *out);
struct hold hold_decode(struct reader *r);

#endif
