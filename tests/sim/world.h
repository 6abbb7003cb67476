/* The production engine under a scenario (scenario.h): control log, partitions and memory store as the
 * program uses them, with its faults. Every activation is answered at once; the destination `broken` gives
 * up.
 *
 * A step may say how its decisions become durable: "take" = whether they are taken for committing now,
 * "commits" = how many commits the store answers. And what goes wrong after it, or, with `fail`, from its
 * beginning on:
 * A step without inputs that is `over` may have "run": time goes on without a step, as at a replay's end.
 *     {"fault":"kill"}        the process dies: what the store has not answered is lost; it starts again
 *     {"fault":"takeover"}    another owner claims the partitions while the old one's commit is still under
 * way
 *     {"fault":"checkpoint"}  blocks and totals are written
 *     {"fault":"fail","call":k,"status":"retry"|"unknown"|"failed"}   the k-th store call from now fails */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include <jansson.h>

#include "lines.h"

struct world;

enum world_result { WORLD_OK, WORLD_REFUSED /* a definition was not taken */, WORLD_BROKEN };

/* The scenario is borrowed. */
struct world *world_new(const json_t *scenario);
void world_free(struct world *world);

/* The scenario's next step. What is wrong with it where it is not WORLD_OK: world_trouble. */
enum world_result world_step(struct world *world);
/* Faults off: everything decided becomes durable. */
enum world_result world_settle(struct world *world);
/* Writes blocks of everything, then starts again from the store alone. */
enum world_result world_restart(struct world *world);
const char *world_trouble(const struct world *world);

/* Facts and activations since the beginning, as far as they have been taken: false where some are still open.
 */
bool world_facts(struct world *world, const struct lines **ret);
/* Who is inside, attributes and figures, as they are now. */
void world_add_state(struct world *world, struct lines *lines);
/* The figures at the end of a quarter hour, by the store's totals: all of them stand there after
 * world_restart. */
void world_add_past(struct world *world, int64_t quarter, struct lines *lines);
/* Whether each contact's history can be walked from its newest row to its first. */
enum world_result world_check_walks(struct world *world);

#endif
