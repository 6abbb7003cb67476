/* The program behind main.c: finds the command, shows help, runs it. */
#ifndef CLI_CLI_H
#define CLI_CLI_H
#include "cli/command.h"

/* `commands` are all there are, in the order in which help shows them; NULL ends them. `words` are the
 * program's arguments without its own name. */
enum exit_status cli_run(const struct environment *environment, const struct command *const *commands,
                         const char *const *words, size_t count);

#endif
