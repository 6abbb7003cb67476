/* What the system does by itself while feeding: an engine that holds a version says so by an alert; the pause
 * then goes into the control log, so that every partition takes it, at the end of the window in which it came
 * up. */
#ifndef CLI_FEED_HOLDS_H
#define CLI_FEED_HOLDS_H
#include "partition/partition.h"

/* The end of a window: the same in every run over the same files. */
struct boundary {
    int64_t at_ms;
    uint64_t number; /* of the last record before it */
};

/* Turns the partitions' alerts into entries. Call it before their batches are handed over: an alert that is
 * durable in a partition is in the log too. */
enum err feed_holds_take(struct control *control, struct partition *const *partitions, uint32_t count,
                         struct boundary boundary, struct err_detail *detail);
/* The position of the newest pause that belongs to this boundary; 0 = none. */
uint64_t feed_holds_at(const struct control *control, struct boundary boundary);

#endif
