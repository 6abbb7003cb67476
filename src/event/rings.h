/* One registered aggregate over dense contacts: how many events it counted, and the newest moments of them in
 * a ring. Chunks of PAST_CHUNK contacts exist only where something was counted; a ring grows with what it
 * holds, up to its limit. The result does not depend on the order of additions. One thread. */
#ifndef EVENT_RINGS_H
#define EVENT_RINGS_H
#include "base/array.h"
#include "contact/pool.h"
#include "event/past.h"

struct ring;
struct ring_chunk {
    uint64_t counts[PAST_CHUNK];
    struct ring *rings[]; /* PAST_CHUNK of them, where moments are kept at all */
};
struct rings {
    uint16_t limit; /* moments kept of a contact; 0 = none */
    struct pool pool;
    uint32_t chunks_made;
    ARRAY(struct ring_chunk *) chunks; /* NULL where nothing was counted */
};

void rings_init(struct rings *rings, uint16_t limit);
void rings_deinit(struct rings *rings);
uint64_t rings_bytes(const struct rings *rings);

/* Constant time for the newest moment so far, linear in the ring for others. */
void rings_add(struct rings *rings, uint32_t contact, struct past_moment moment);
uint64_t rings_count(const struct rings *rings, uint32_t contact);
/* How many moments are kept: the count, but at most the limit. */
uint32_t rings_kept(const struct rings *rings, uint32_t contact);
/* The k-th newest moment, k from 0 and below rings_kept. */
struct past_moment rings_moment(const struct rings *rings, uint32_t contact, uint32_t k);

void rings_clear(struct rings *rings, uint32_t contact);
/* For loading, after the moments that are kept have been added: the number of all events, of which they are
 * the newest. */
void rings_set_count(struct rings *rings, uint32_t contact, uint64_t count);

#endif
