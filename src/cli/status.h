/* Where journeys stand, as a server says. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H
#include "cli/command.h"

/* All journeys, or the one that the command names. */
enum exit_status status_ask_server(const struct environment *environment, const struct arguments *arguments);

#endif
