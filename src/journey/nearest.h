/* The id a misspelt one was probably meant to be. */
#ifndef JOURNEY_NEAREST_H
#define JOURNEY_NEAREST_H
#include "journey/definition.h"

/* The node's id closest to `id`, the first of equals; empty where none is worth a guess, as more than a third
 * of the letters differ. Cost: nodes × id length². */
struct str nearest_node(const struct definition *definition, struct str id);

#endif
