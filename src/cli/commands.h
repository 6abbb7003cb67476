/* The commands of this folder; main.c puts them into the table that help shows. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H
#include "cli/command.h"

extern const struct command command_serve, command_replay, command_check, command_trace, command_status,
    command_pause, command_publish, command_apply, command_journeys, command_key, command_enroll,
    command_resume, command_stop, command_import;

#endif
