/* One scenario, played by the engine and the oracle side by side and compared after every step. */
#ifndef SIM_RUN_H
#define SIM_RUN_H
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

enum run_result { RUN_EQUAL, RUN_REFUSED /* a definition was not taken */, RUN_DIFFERENT };

/* What is different goes to `out`. A bug of the engine may end the process by a CHECK. */
enum run_result run_scenario(json_t *scenario, struct buf *out, uint64_t *ret_steps);
/* The same in a process of its own: one that crashes, or takes more than a minute, differs too. `quiet` keeps
 * a crash's last words away. */
enum run_result run_apart(json_t *scenario, bool quiet, struct buf *out, uint64_t *ret_steps);

#endif
