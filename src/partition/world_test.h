/* For tests: one partition over the memory store, driven through the real control plane by texts.
 *
 * Instants are ISO 8601, UTC, of which `2026-03-01T` or `2026-03-` and the Z may be left out: "10:00",
 * "02T10:00:00.001". JSON is written with ' for ". Whatever can fail is asserted not to. Everything decided
 * by a call is committed before it returns, unless `keep` is set. */
#ifndef PARTITION_WORLD_TEST_H
#define PARTITION_WORLD_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "partition/partition.h"
#include "store/memory/store_memory.h"

struct world {
    /* set before world_begin */
    bool answers; /* a closed world: every effect is sent at once; else effects wait for world_result */
    bool late_tolerance;               /* else a record may be as late as it likes */
    uint32_t cycle_rows, cycle_blocks; /* partition_options, like the next */
    uint32_t dedupe_ids_max;
    bool keep;

    struct store *store;
    struct control *control;
    struct partition *partition;
    struct json_reader *json;
    struct arena arena;
    int64_t now_ms;
    uint64_t input;      /* number of the last record */
    struct buf alerts;   /* a line each */
    struct buf expected; /* scratch of expectations */
};

void world_begin(struct world *w);
void world_end(struct world *w);
/* cmocka setup and teardown: an open world, and a closed one. */
int world_open(void **state);
int world_closed(void **state);
int world_over(void **state);

int64_t world_instant(const char *text);
/* What stands between quotes, with ' for ". Lives until the world's end. */
const char *world_json(struct world *w, const char *text);

void world_publish(struct world *w, const char *at, const char *definition);
/* A pause holds all. */
void world_act(struct world *w, const char *at, enum action_kind kind, const char *journey);
void world_pause(struct world *w, const char *at, enum version_hold hold, const char *journey);
/* properties may be NULL. */
void world_event(struct world *w, const char *at, const char *contact, const char *event,
                 const char *properties);
/* The same, of an earlier own time. */
void world_late(struct world *w, const char *at, const char *own, const char *contact, const char *event,
                const char *properties);
/* The same, imported. */
void world_history(struct world *w, const char *at, const char *own, const char *contact, const char *event,
                   const char *properties);
/* A call of the API that asks for the contact to enter; what becomes of it. */
enum enroll_outcome world_enroll(struct world *w, const char *at, const char *contact, const char *journey,
                                 const char *properties);
void world_is(struct world *w, const char *at, const char *contact, const char *traits);
/* The answer of a destination to what the contact's enrollment has open now. */
void world_result(struct world *w, const char *at, const char *contact, const char *journey,
                  uint8_t destination, bool failed);
/* Fires what is due up to and at the instant. */
void world_until(struct world *w, const char *at);
/* A record made of texts; its bytes live in the arena. */
void world_record(struct world *w, struct arena *arena, int64_t own_ms, const char *contact,
                  const char *event, const char *json, struct record *ret);
void world_take_alerts(struct world *w);
void world_commit(struct world *w);
/* Closes partition and control and opens them again; what was not committed is lost. */
void world_reload(struct world *w);

uint16_t world_version(const struct world *w, const char *journey);
/* The open enrollment; asserted to be there. */
struct enrollment_view world_inside(const struct world *w, const char *contact, const char *journey);
bool world_is_inside(const struct world *w, const char *contact, const char *journey);

/* Every advance in the ledger, a line each, in order:
 *     01T10:00 ann J enters, wait.next rests at mail
 *     01T10:30 ann J mail.next leaves at end: goal 0 worth 20
 * `rests before` on an edge, `stays at` for good; changes by update nodes as `01T10:00 ann is {'n':1}`. */
void world_expect(struct world *w, const char *lines);
/*     01T10:00 ann J opened crm by call, visit 1 */
void world_expect_effects(struct world *w, const char *lines);
void world_expect_alerts(struct world *w, const char *lines);

/* The identities of spec/time-runs-stats.md §5, for every version and node; and the totals in the store. */
void world_check_figures(struct world *w);

#endif
