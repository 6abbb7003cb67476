/* A contact's story as JSON, alike from the command and the server. */
#ifndef TRACE_STORY_JSON_H
#define TRACE_STORY_JSON_H
#include "trace/story.h"

enum { TRACE_MISSED_SHOWN = 100 }; /* the newest of them; `missed_count` has them all */

/* {"journey", "entered", "inside", "facts": […], "missed": […], "missed_count", "now": {…}|null,
 * "not_entered": […]}; the caller owns it. */
json_t *trace_story_json(const struct trace_story *story);

#endif
