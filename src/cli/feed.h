/* Feeds files of records to all partitions in virtual time: contacts first, then events in order of time, and
 * at given instants entries of the control log; then the timers that are left. One commit follows the other
 * while the next is decided, in memory that does not grow with the files.
 *
 * It may be killed at any point: fed again, each partition skips what it has taken, and the same follows. For
 * that, nothing here depends on where it began: windows are cut by the files alone. One thread. */
#ifndef CLI_FEED_H
#define CLI_FEED_H
#include "cli/command.h"
#include "ingest/files.h"
#include "partition/partition.h"

/* Makes sure that the milestone's entry is in the control log, and gives its position. Called in order of
 * time. */
typedef enum err feed_act(void *context, size_t milestone, uint64_t *ret_position, struct err_detail *detail);

struct feed_options {
    const struct environment *environment;
    const char *name; /* the data directory, for messages */
    struct store *store;
    struct control *control;
    struct partition *const *partitions;
    uint32_t partition_count;
    struct file *contacts, *events; /* contacts may be NULL */
    int64_t start_ms;               /* when the contacts come */
    int64_t until_ms;               /* the last instant of all; INSTANT_NEVER = until no timer is left */
    const int64_t *milestones;      /* instants, ascending; each comes before the records of its instant */
    size_t milestone_count;
    feed_act *act;
    void *context;
};

/* When it returns ERR_OK, everything is durable. A version that the system had to hold has an entry `alert`
 * in the control log (feed_alerts_print). */
enum err feed_run(const struct feed_options *options, struct err_detail *detail);

/* Tells what the engines had to hold, on whichever run that was; false where nothing was. */
bool feed_alerts_print(struct store *store, const struct control *control, FILE *err);

#endif
