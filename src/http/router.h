/* Which route a request means. A literal segment goes before a {parameter}; HEAD is answered by GET's route.
 * Pure; costs a comparison of segments a route. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H
#include "http/http.h"
#include "http/target.h"

enum routing { ROUTING_FOUND, ROUTING_NO_PATH, ROUTING_NO_METHOD };

/* ROUTING_FOUND sets `ret`; ROUTING_NO_METHOD sets `ret_allow`, the value of the header Allow, in the arena.
 */
enum routing router_find(const struct http_route *routes, size_t count, struct str method,
                         const struct target *target, struct arena *arena, const struct http_route **ret,
                         const char **ret_allow);

/* The segment that stands for {name} in the route's pattern; false where the pattern has none of that name.
 */
bool router_parameter(const struct http_route *route, const struct target *target, struct str name,
                      struct str *ret);

#endif
