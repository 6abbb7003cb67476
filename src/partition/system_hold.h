/* What follows when an engine has held a version by itself (too many passages of one contact): the fact for
 * people, a control entry `alert` that names journey and contact, and the pause in the control log, so that
 * every partition takes it. */
#ifndef PARTITION_SYSTEM_HOLD_H
#define PARTITION_SYSTEM_HOLD_H
#include "partition/partition.h"

/* One fact however often it is told: an engine tells it again where a crash came before its partition had
 * taken the pause. A version that is held or stopped by now is left as it is. The caller may change the
 * control plane, and nobody steps the partition meanwhile. */
enum err system_hold(struct control *control, const struct partition *partition,
                     const struct engine_alert *alert, int64_t at_ms, struct str hold_key,
                     struct err_detail *detail);

#endif
