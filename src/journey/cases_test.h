/* What the tests of this folder share: a sound definition, and cases that say how theirs differs from it. */
#ifndef JOURNEY_CASES_TEST_H
#define JOURNEY_CASES_TEST_H
#include "base/arena.h"
#include "base/str.h"
#include "json/document.h"

/* A case's document: a JSON merge patch (RFC 7396) of the sound definition, or after `=` the whole document.
 */
json_t *case_document(const char *path, int line, const char *text);

/* Calls `take` for each line of a text file but empty ones and those that begin with #, without its line
 * feed. */
void cases_each(const char *path, void (*take)(void *context, int line, char *text), void *context);

#endif
