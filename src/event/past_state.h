/* What `struct past` is, for the files of this folder. */
#ifndef EVENT_PAST_STATE_H
#define EVENT_PAST_STATE_H
#include "contact/pockets.h"
#include "event/past.h"
#include "event/rings.h"

struct past {
    struct pockets counts; /* by event name: struct past_packed */
    ARRAY(struct rings) aggregates;
};

/* A count as it stands in a pocket: without padding and at any address. */
struct past_packed {
    uint32_t count;
    int64_t first_ms, last_ms;
} __attribute__((packed));

#endif
