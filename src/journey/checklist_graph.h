/* What the drawn graph of a definition tells: what cannot be reached, goes round for ever, stays for ever, or
 * acts at once. */
#ifndef JOURNEY_CHECKLIST_GRAPH_H
#define JOURNEY_CHECKLIST_GRAPH_H
#include "journey/parse.h"

/* Adds its findings to the problems. The nodes must have been read; of those that could not be understood the
 * drawn edges count, and whatever cannot be known is not held against them. Cost: nodes × edges. */
void checklist_graph(struct parse *parse, const struct definition *definition);

#endif
