#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H
#include "cli/command.h"

extern const struct command command_bench;

#endif
