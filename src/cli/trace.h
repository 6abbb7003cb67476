/* A contact's stories as the API tells them ({"contact", "truncated", "since", "journeys": […]}), as lines
 * for people. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H
#include <jansson.h>
#include <stdio.h>

void trace_print(const json_t *trace, FILE *out);

#endif
