/* What `struct past` is, for the files of this folder. */
#ifndef EVENT_PAST_STATE_H
#define EVENT_PAST_STATE_H
#include "contact/pockets.h"
#include "event/past.h"
#include "event/rings.h"

/* Who has ever done one event: a bit a contact, in chunks that are there where somebody has. */
struct past_doers {
    ARRAY(uint64_t *) chunks;
};

struct past {
    struct pockets counts;          /* by event name: struct past_packed */
    uint32_t doers_made;            /* chunks */
    ARRAY(struct past_doers) doers; /* by event name: what stands in counts, told at once for many */
    ARRAY(struct rings) aggregates;
};

/* A count as it stands in a pocket: without padding and at any address. */
struct past_packed {
    uint32_t count;
    int64_t first_ms, last_ms;
} __attribute__((packed));

/* The count of a name, a new one of zeros; the only way in. */
struct past_packed *past_put(struct past *past, uint32_t contact, uint16_t name, bool *ret_new);

#endif
