/* Shared by world*.c. */
#ifndef SIM_WORLD_STATE_H
#define SIM_WORLD_STATE_H
#include "base/check.h"
#include "partition/partition.h"
#include "scenario.h"
#include "store/memory/store_memory.h"
#include "world.h"
#include "json/properties.h"

enum { WORLD_PARTITIONS_MAX = 4 };

/* An enrollment as its rows tell of it. */
struct tracked {
    bool known;
    uint32_t contact, passage;
    uint16_t version;
};

struct opened { /* an effect */
    uint64_t effect;
    bool closed;
    uint16_t journey;
    char contact[64], who[128], what[128];
};

/* One owner's partitions with the commit it has under way. */
struct owner {
    struct world *world;
    struct control *control;
    struct partition *partitions[WORLD_PARTITIONS_MAX];
    ARRAY(const struct batch *) queue; /* taken, not done: the first `away` of them are under way */
    size_t away;
    bool zombie; /* another owner has claimed since */
};

struct world {
    json_t *steps;
    uint32_t partitions, cycle_rows;
    struct store *store;
    struct json_reader *reader;
    struct owner *owner;
    ARRAY(struct owner *) zombies;
    size_t next;                   /* step */
    ARRAY(uint64_t) controls;      /* position of the control log after each step's actions */
    ARRAY(uint64_t) first_numbers; /* of each step's records */
    ARRAY(struct tracked) tracked[WORLD_PARTITIONS_MAX];
    ARRAY(struct opened) opened;
    struct lines facts;
    bool must_restart;
    char trouble[1024];
};

static inline const char *world_text(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    CHECK(text);
    return text;
}

enum world_result world_fail(struct world *world, enum world_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ── world_rows.c ─────────────────────────────────────────────────────────── */

void world_take_ledger(struct world *world, uint32_t partition, const struct ledger_row *row);
void world_take_effect(struct world *world, uint32_t partition, const struct effect_row *row);
void world_take_batch(struct world *world, const struct batch *batch);
/* Forgets all facts and reads them back. */
enum err world_read_back(struct world *world, struct err_detail *detail);
void world_forget(struct world *world);

/* ── world_inputs.c ───────────────────────────────────────────────────────── */

/* Control entries of the step: actions, names. ERR_INVALID: a definition was refused. */
enum err world_do_actions(struct world *world, size_t step, struct err_detail *detail);
/* The step's records of one partition, in the arena. */
struct world_inputs {
    struct input *items;
    const json_t **json;
    size_t count;
};
struct world_inputs world_inputs_of(struct world *world, size_t step, uint32_t partition,
                                    struct arena *arena);
/* What an answer means as things stand: its input is made when all before it is settled. */
struct result world_answer_of(const struct world *world, uint32_t partition, const json_t *json);

#endif
