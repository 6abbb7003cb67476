/* Destinations as the control log has them: an entry of kind `destination` whenever one is defined, with its
 * settings, or removed. The newest entry of a name counts. Callers hold the control's lock. */
#ifndef DELIVERY_DESTINATION_LOG_H
#define DELIVERY_DESTINATION_LOG_H
#include "base/array.h"
#include "delivery/destination.h"
#include "journey/checklist.h"
#include "partition/control.h"

struct destination_entry {
    struct destination_settings settings; /* as written: not placed; in the arena */
    uint64_t revision;                    /* from 1; another one after every change of any destination */
};

/* Those that are defined, in the order in which their names came up. The list belongs to the caller
 * (array_free). */
struct destination_list {
    ARRAY(struct destination_entry) entries;
};
enum err destination_log_read(const struct control *control, struct arena *arena,
                              struct destination_list *ret, struct err_detail *detail);
/* NULL where it is not defined. */
const struct destination_entry *destination_list_find(const struct destination_list *list, struct str name);

enum err destination_log_define(struct control *control, const struct destination_settings *settings,
                                const struct control_by *by, struct err_detail *detail);
enum err destination_log_remove(struct control *control, struct str name, const struct control_by *by,
                                struct err_detail *detail);

/* Adds a warning for every destination that a journey's document names and the log does not have. */
void destination_log_check(const struct control *control, const json_t *document, struct arena *arena,
                           struct findings *findings);

/* The settings as JSON, as they are written; members of the object, without braces. */
void destination_put_settings(const struct destination_settings *settings, struct buf *out);

/* The names of the journeys that are not stopped and hand over to a destination; in the arena. */
size_t destination_users(const struct control *control, struct str name, struct arena *arena,
                         const struct str **ret);

#endif
