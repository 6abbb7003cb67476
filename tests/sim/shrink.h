/* Cuts a failing scenario down to a small one that fails too: fewer steps and inputs, then smaller
 * definitions. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H
#include <jansson.h>

/* Returns when nothing more can be taken away, or after `seconds`. The caller owns both scenarios. */
json_t *shrink_scenario(json_t *scenario, int seconds);

#endif
