/* A journey's statistics as the API writes them, read back into figures, so that they print as a directory's
 * own do. */
#ifndef CLI_FIGURES_READ_H
#define CLI_FIGURES_READ_H
#include "partition/figures.h"

/* `definition` is the journey's document. Everything lives in the arena but numbers. Nodes that the
 * statistics do not name have zeros. ERR_UNSUPPORTED: the definition has parts that this program does not
 * know, as a newer server's may. */
enum err figures_read(const json_t *statistics, const json_t *definition, struct arena *arena,
                      struct journey_figures *ret, struct err_detail *detail);

#endif
