/* A thread that keeps an eye on every connection: one that takes longer than it may, by however small pieces
 * it seems to go on, is shut down, so that nobody holds a place by dripping. It also closes connections that
 * were answered before their request was read to its end: it reads on for a moment, because closing at once
 * would make the kernel throw the answer away (RFC 9112 §9.6). */
#ifndef HTTP_WATCH_H
#define HTTP_WATCH_H
#include <stdbool.h>
#include <stdint.h>

struct watch;
struct watched;

enum { WATCH_NEVER = -1 };

struct watch *watch_new(void);
void watch_free(struct watch *watch); /* nothing is watched any more */

/* The descriptor stays the caller's; it is open until watch_remove. */
struct watched *watch_add(struct watch *watch, int fd, int64_t may_take_ms);
/* From now on; WATCH_NEVER = as long as it likes. Any thread. */
void watch_set(struct watched *watched, int64_t may_take_ms);
/* Told before watch_remove: the client may still be sending. */
void watch_linger(struct watched *watched);
void watch_remove(struct watch *watch, struct watched *watched);

/* Whether this connection has been counted among those that are kept open; set by the caller. */
bool *watch_kept(struct watched *watched);
int watch_fd(const struct watched *watched);

#endif
