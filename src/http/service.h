/* What every handler works on, and the one table of routes. Made by `sojourn serve`; lives as long as the
 * server. */
#ifndef HTTP_SERVICE_H
#define HTTP_SERVICE_H
#include "delivery/dispatch.h"
#include "http/http.h"
#include "http/read_pool.h"
#include "partition/crew.h"

enum {
    SERVICE_READ_THREADS = 2,
    SERVICE_READS_WAITING_MAX = 512,
    SERVICE_CHANGE_THREADS = 1, /* changes of the control plane go one after the other anyway */
    SERVICE_CHANGES_WAITING_MAX = 128
};

struct imports; /* ingest/imports.h */
struct keys;
struct live;
struct settings;

struct service {
    struct store *store;
    struct control *control; /* only under crew_control_read or crew_control_write */
    struct crew *crew;
    struct imports *imports; /* ends before the HTTP server does: it answers what it is offered */
    struct keys *keys;
    struct settings *settings;
    struct read_pool *reads;   /* for answers that wait for the store; outlives the HTTP server's stop */
    struct read_pool *changes; /* for handlers that append to the control log; likewise */
    struct live *live;         /* ends before the HTTP server does */
    struct dispatch *dispatch;
    struct destination_places places; /* where the API may have files written */
    int64_t (*clock)(void *context);  /* UTC ms */
    void *clock_context;
    void (*entropy)(void *bytes, size_t size); /* for new keys */
    _Atomic uint32_t searches;                 /* of contacts, under way */
    int64_t started_ms;
    struct http_server *_Atomic server; /* set once it listens, NULL before; for metrics */
    _Atomic bool stopping;              /* /readyz says no */
};

/* All routes: health.c, api_ingest.c, api_<noun>.c each give their own rows. */
extern const struct http_route service_routes[];
extern const size_t service_route_count;

#endif
