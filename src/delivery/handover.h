/* What an effect is at the moment of its hand-over, which may be long after it was opened: whether it still
 * stands, and whom it is about by now. The engine's memory is the truth about both. One thread with the
 * partition. */
#ifndef DELIVERY_HANDOVER_H
#define DELIVERY_HANDOVER_H
#include "partition/partition.h"

#define HANDOVER_TABLE(X)                                                                                    \
    X(GO, go)                                                                                                \
    X(HELD, held)   /* its version is paused with hold all: it stays */                                      \
    X(GONE, gone)   /* answered already, or the contact has left: the engine closes it itself */             \
    X(LATER, later) /* no room for it among the answers: to be asked again */

enum handover_answer {
#define X(name, key) HANDOVER_##name,
    HANDOVER_TABLE(X)
#undef X
};

struct handover { /* with HANDOVER_GO; lives in the arena */
    struct str journey, node, contact;
    struct str attributes; /* JSON object; empty = none */
    uint32_t version;      /* the journey's, from 1 */
};

struct handover_question {
    uint32_t partition;
    struct effect_row effect;
    enum handover_answer answer;
    struct handover handover; /* with HANDOVER_GO */
};

/* Asks the partition that opened the effect; never HANDOVER_LATER. */
enum handover_answer handover_ask(const struct partition *partition, const struct control *control,
                                  const struct effect_row *effect, struct arena *arena, struct handover *ret);

/* Asks it about several, in order. When the arena holds bytes_max the rest is HANDOVER_LATER; the first never
 * is. */
void handover_ask_all(const struct partition *partition, const struct control *control,
                      struct handover_question *questions, size_t count, size_t bytes_max,
                      struct arena *arena);

/* No effect of the partition with a seq up to this is open: where an outbox begins to read. UINT64_MAX = none
 * is open at all. Cost: one pass over the open enrollments. */
uint64_t handover_after(const struct partition *partition);

#endif
