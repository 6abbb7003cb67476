/* Every command, in the order in which help shows them. Ends with one that has no name. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H
#include "cli/command.h"

extern const struct command command_serve, command_replay, command_check, command_trace, command_status,
    command_pause, command_resume, command_stop;

#endif
