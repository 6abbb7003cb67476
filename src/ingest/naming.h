/* The names in records that have been read, made known to the control plane before any of them is bound. */
#ifndef INGEST_NAMING_H
#define INGEST_NAMING_H
#include "ingest/segment.h"
#include "partition/crew.h"

/* Whether every name has its id already, or will get none. */
bool naming_is_known(struct crew *crew, struct control *control, const struct segment *segments,
                     size_t count);
/* New names are rare, so only they wait for the disk. Afterwards the segments may be bound under
 * crew_control_read. No lock is held by the caller. Fails where the store takes no new name. */
enum err naming_ensure(struct crew *crew, struct control *control, const struct segment *segments,
                       size_t count, struct err_detail *detail);

#endif
