/* A contact's story as lines for people and as JSON. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H
#include <stdio.h>

#include "cli/trace_story.h"

void trace_print(const struct trace_story *story, struct str contact, struct arena *arena, FILE *out);
/* {"journey", "entered", "inside", "facts": […], "missed": […], "now": {…}|null, "not_entered": […]}; the
 * caller owns it. */
json_t *trace_json(const struct trace_story *story);

#endif
