/* The engine's threads and the real store in this process, with a clock that the bench sets: what servers do,
 * without HTTP. Made for feeding many records of few kinds. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H
#include <pthread.h>
#include <stdatomic.h>

#include "bench/bench.h"
#include "cli/data_directory.h"
#include "partition/crew.h"

struct world;

/* Called on a worker's thread for each durable batch. */
typedef void world_durable(void *context, const struct batch *batch);

/* A new data directory below the bench's; the clock stands at `now_ms`. */
enum err world_open(const struct bench *bench, const char *name, int64_t now_ms, world_durable *on_durable,
                    void *context, struct world **ret, struct err_detail *detail);
/* Everything posted is durable; a last checkpoint. The directory stays. */
void world_close(struct world *world);

struct control *world_control(struct world *world);
const struct environment *world_environment(const struct world *world);
/* The id of an event's name, a new one where it has none. */
enum err world_name(struct world *world, const char *event, uint16_t *ret, struct err_detail *detail);
int64_t world_now(const struct world *world);
/* Moves the clock and returns when every partition has settled that instant and all of it is durable. */
void world_set_now(struct world *world, int64_t now_ms);
/* From here on the clock runs, beginning at `from_ms`. */
void world_run(struct world *world, int64_t from_ms);
/* Publishes a definition, durably. */
enum err world_publish(struct world *world, const char *definition, uint16_t *ret_version,
                       struct err_detail *detail);

/* Records to post: their names are bound already. Contacts are `u00000000` and so on. */
struct world_record {
    uint32_t contact;
    uint16_t event;
    struct str body; /* borrowed until world_wait */
};
/* Posts them in one mail a partition; they happen when they are judged. */
void world_post(struct world *world, const struct world_record *records, size_t count);
/* Until everything posted is durable. */
void world_wait(struct world *world);
/* Posts and waits; how long that took, in seconds. */
double world_take(struct world *world, const struct world_record *records, size_t count);

#endif
