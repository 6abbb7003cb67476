/* The figures of journeys as tables for people. */
#ifndef CLI_FIGURES_PRINT_H
#define CLI_FIGURES_PRINT_H
#include <stdio.h>

#include "partition/figures.h"

/* One journey's, an empty line in front. */
void journey_figures_print(const struct journey_figures *figures, const char *state, FILE *out);
/* No time where `seconds` is negative. */
void figures_print(const struct figures *figures, double seconds, FILE *out);

#endif
