/* A server that only this process can ask: on a free port of the loopback, for one token that is made for it
 * and never shown. What it changes is done by the actor `command line`. */
#ifndef CLI_OWN_SERVER_H
#define CLI_OWN_SERVER_H
#include "cli/command.h"

enum { OWN_TOKEN_BYTES = 65 };

struct own_server;

/* ERR_NOT_FOUND: no data directory there; ERR_BUSY: a server has it. While it runs, contacts move as under
 * `sojourn serve`: timers that have come due fire. */
enum err own_server_start(const struct environment *environment, const char *data, struct own_server **ret,
                          struct err_detail *detail);
uint16_t own_server_port(const struct own_server *own);
const char *own_server_token(const struct own_server *own);
void own_server_end(struct own_server *own);

#endif
