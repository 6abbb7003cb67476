/* Whether the server lives, whether it takes records, and its figures: three routes, open to all, whose
 * context is a `struct service`. */
#ifndef HTTP_HEALTH_H
#define HTTP_HEALTH_H
#include "http/http.h"

http_handler health_live;    /* 200 as long as the process answers at all */
http_handler health_ready;   /* 503 while it stops, or the store refuses commits, or takes long over one */
http_handler health_metrics; /* Prometheus text format 0.0.4 */

/* Rows for the one table of routes. */
#define HEALTH_ROUTES                                                                                        \
    {"GET", "/healthz", HTTP_OPEN, health_live, 0}, {"GET", "/readyz", HTTP_OPEN, health_ready, 0},          \
    {                                                                                                        \
        "GET", "/metrics", HTTP_OPEN, health_metrics, 0                                                      \
    }

#endif
