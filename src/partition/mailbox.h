/* What waits for one partition, in four lanes: a control entry is taken before results, results before reads,
 * reads before records, each lane in the order of posting. Any thread posts; the partition's worker takes.
 *
 * A mail belongs to whoever posted it. It must live until its `done` has been called, which happens once, on
 * the worker's thread (or, for what still waits when the crew stops, on the stopping one), when everything
 * that it led to is durable: an answer given then promises nothing that a crash could take back. `done` may
 * free the mail. */
#ifndef PARTITION_MAILBOX_H
#define PARTITION_MAILBOX_H
#include <pthread.h>

#include "partition/partition.h"

enum lane { LANE_CONTROL, LANE_INTERNAL, LANE_READ, LANE_RECORDS, LANES };

struct mail;
typedef void mail_done(struct mail *mail, enum err err);
typedef void mail_read(struct mail *mail, const struct partition *partition);

struct mail {
    struct mail *next;
    enum lane lane;
    uint64_t waits_for; /* the worker's: the batch that must be durable */
    mail_done *done;
    union {
        uint64_t control_to; /* LANE_CONTROL: take entries up to this position */
        struct {
            const struct input *items;
            size_t count;
        } inputs;        /* LANE_INTERNAL (results), LANE_RECORDS */
        mail_read *read; /* LANE_READ: looks, and keeps what it saw in the mail */
    };
};

struct mail_list {
    struct mail *first, *last;
};
void mail_list_push(struct mail_list *list, struct mail *mail);
struct mail *mail_list_take(struct mail_list *list); /* NULL = empty */

struct mailbox {
    struct mail_list lanes[LANES];
};

static inline bool mailbox_is_empty(const struct mailbox *box)
{
    for (size_t i = 0; i < LANES; i++) {
        if (box->lanes[i].first)
            return false;
    }
    return true;
}

#endif
