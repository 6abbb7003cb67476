/* Where memory goes, by kind: what each part says of itself, in bytes that it has written to at least once.
 * Whoever has parts adds theirs up (`…_weigh`). */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H
#include <stdint.h>

#define MEMORY_TABLE(X)                                                                                      \
    X(CONTACTS, contacts)       /* external ids, their index, heads, when journeys were left */              \
    X(ATTRIBUTES, attributes)   /* columns */                                                                \
    X(STRINGS, strings)         /* of attributes: the heap and the dictionary */                             \
    X(PAST, past)               /* counts of events, aggregates */                                           \
    X(ENROLLMENTS, enrollments) /* records of 48 bytes, in chunks */                                         \
    X(TIMERS, timers)                                                                                        \
    X(HOLDS, holds)                                                                                          \
    X(ENGINE, engine)       /* totals, what a block cycle has to write, work space */                        \
    X(DEDUPE, dedupe)       /* message ids that are known */                                                 \
    X(BATCHES, batches)     /* rows on their way to the store, and the room for the next */                  \
    X(OUTBOX, outbox)       /* effects on their way out */                                                   \
    X(STORE, store)         /* the database's cache and statements */                                        \
    X(PROGRAM, program)     /* code and mapped files */                                                      \
    X(ALLOCATOR, allocator) /* free, kept by malloc */

enum memory_kind {
#define X(name, key) MEMORY_##name,
    MEMORY_TABLE(X)
#undef X
        MEMORY_KINDS
};

struct memory_use {
    uint64_t bytes[MEMORY_KINDS];
};

static inline void memory_add(struct memory_use *use, enum memory_kind kind, uint64_t bytes)
{
    use->bytes[kind] += bytes;
}

/* What an ARRAY holds. */
#define array_bytes(a) ((uint64_t)(a)->capacity * sizeof *(a)->items)

#endif
