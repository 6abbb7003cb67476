/* Which server a command means and by what token it asks: the words of the command, else the environment,
 * else what is usual. */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H
#include "base/arena.h"
#include "cli/command.h"

enum { ADDRESS_TOKEN_BYTES = 512 };

struct address {
    const char *url; /* in the arena; no slash at its end */
    bool loopback;   /* no proxy stands before it */
    char token[ADDRESS_TOKEN_BYTES];
};

/* ERR_INVALID: what was given is none, or there is no token anywhere. */
enum err address_find(const struct environment *environment, const struct arguments *arguments,
                      struct arena *arena, struct address *ret, struct err_detail *detail);

#endif
