/* What the contacts of one partition have done: per contact and event name how often, first and last, always;
 * and besides the registered aggregates, which also know `where` and the newest n instants. All of it is
 * mergeable and independent of the order in which events are folded in (the ring keeps the greatest by (at,
 * seq)). Contacts are dense numbers of contact/contacts.h. One thread. */
#ifndef EVENT_PAST_H
#define EVENT_PAST_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { PAST_CHUNK = 1024, PAST_RING_MAX = 1000 };

struct past_count { /* of one event name */
    uint32_t count;
    int64_t first_ms, last_ms; /* the events' own times */
};

struct past_moment {
    int64_t at_ms; /* the event's own time */
    uint64_t seq;  /* its row */
};

struct past;

struct past *past_new(void);
void past_free(struct past *past);
uint64_t past_bytes(const struct past *past);

/* Folds one event into the counts of its name (id from 1). */
void past_count(struct past *past, uint32_t contact, uint16_t name, int64_t at_ms);
/* All zero where there was none. */
struct past_count past_get(const struct past *past, uint32_t contact, uint16_t name);

/* Who of the PAST_CHUNK contacts of a chunk has any count of the name, a bit each; NULL where nobody has.
 * Lives until the next change. */
const uint64_t *past_doers(const struct past *past, uint32_t chunk, uint16_t name);

/* Aggregates are numbered 0, 1, 2, … in the order of the plan that registers them (rule/aggregate.h says what
 * each counts). `ring` = how many newest moments are kept, 0..PAST_RING_MAX. Registering the next one. */
void past_register(struct past *past, uint16_t aggregate, uint16_t ring);
uint16_t past_aggregates(const struct past *past);
void past_add(struct past *past, uint32_t contact, uint16_t aggregate, struct past_moment moment);
uint64_t past_aggregate_count(const struct past *past, uint32_t contact, uint16_t aggregate);
/* The k-th newest moment (k from 1): false where there are fewer than k, or k is over the ring. */
bool past_newest(const struct past *past, uint32_t contact, uint16_t aggregate, uint16_t k,
                 struct past_moment *ret);

/* Blocks of PAST_CHUNK contacts. Decoding REPLACES what these contacts have; the block says how many
 * aggregates were registered when it was made (ret_aggregates), so that a later one is known to be missing
 * there. Aggregates that stand in the block must be registered before. */
void past_encode(const struct past *past, uint32_t chunk, struct buf *out);
enum err past_decode(struct past *past, uint32_t chunk, struct reader *r, uint16_t *ret_aggregates,
                     struct err_detail *detail);

#endif
