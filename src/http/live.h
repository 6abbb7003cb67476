/* What changes while somebody looks on, as server-sent events: states of journeys as the control log grows,
 * and their counters, once a second, where they have changed. A thread of its own that sleeps while nobody
 * listens; counters come from the partitions by read mails, so nothing is told that is not durable.
 *
 *     id: 17                          (the control log's position: a listener that comes back says it)
 *     event: journey
 *     data:
 * {"journey":"j1","name":…,"version":1,"action":"pause","state":"paused","hold":"all","at":…,"by":…}
 *
 *     event: counters
 *     data: {"journey":"j1","name":…,"version":1,"qualified":…,"entered":…,"in_journey":…,"left":{…}}
 *
 *     event: reset                    (it was away too long for what it missed: read the lists again)
 */
#ifndef HTTP_LIVE_H
#define HTTP_LIVE_H
#include "http/service.h"

enum {
    LIVE_LISTENERS_MAX = 100,
    LIVE_JOURNEYS_MAX = 50, /* that a listener may choose */
    LIVE_REPLAY_MAX = 500,  /* state changes that one who comes back is told at once */
    LIVE_HEARTBEAT_MS = 15000
};

/* Starts the thread. Comments go out every `heartbeat_ms`, so that proxies keep the connection. */
struct live *live_new(struct service *service, int64_t heartbeat_ms);
/* Ends every stream and the thread; who comes later is refused. The crew works still. */
void live_stop(struct live *live);
void live_free(struct live *live); /* stopped; nobody asks any more. NULL is nothing */

struct live_wish {
    uint32_t journeys[LIVE_JOURNEYS_MAX]; /* by number */
    size_t journey_count;                 /* 0 = all */
    bool resumes;                         /* behind `after`; else what changes from now on */
    uint64_t after;
};
/* Answers the request: with a stream, that ends when its token is revoked, or 429, 503. Any thread. */
void live_listen(struct live *live, struct http_request *request, const struct live_wish *wish);
size_t live_listeners(struct live *live);

#endif
