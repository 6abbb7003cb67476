/* A contact's story as lines for people. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H
#include <stdio.h>

#include "trace/story.h"

void trace_print(const struct trace_story *story, struct str contact, struct arena *arena, FILE *out);

#endif
