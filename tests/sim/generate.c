#include "generate.h"

#include <stdio.h>

#include "calendar/instant.h"
#include "scenario.h"

enum { CONTACTS_MAX = 6, JOURNEYS_MAX = 4, CROWD = 1100, GREAT_CROWD = 4500 };

/* What is being told: who there is and how the journeys stand. */
struct telling {
    struct generator g;
    int64_t now_ms;
    int64_t contacts, journeys;
    bool published[JOURNEYS_MAX], stopped[JOURNEYS_MAX];
    const char *hold[JOURNEYS_MAX]; /* of a paused one */
    unsigned late, history, faults,
        lazy; /* percent: of events twice, of steps, of steps in which the store answers nothing */
    int crowd;
};

static int64_t below(struct telling *t, int64_t bound)
{
    return (int64_t)prng_below(&t->g.prng, (uint64_t)bound);
}

static bool chance(struct telling *t, unsigned percent)
{
    return prng_chance(&t->g.prng, percent);
}

/* ── records ──────────────────────────────────────────────────────────────── */

static void put_contact(struct telling *t, json_t *input)
{
    char id[8];
    snprintf(id, sizeof id, "c%d", (int)below(t, t->contacts));
    json_object_set_new(input, "contact", json_string(id));
}

/* Some records say which they are, and some of those come again. */
static void put_message(struct telling *t, json_t *input)
{
    char message[8];
    if (!chance(t, 25))
        return;
    snprintf(message, sizeof message, "m%d", (int)below(t, 6));
    json_object_set_new(input, "message", json_string(message));
}

/* Mostly now; late by a few steps of the grid, or by more than any tolerance; or ahead of its arrival. */
static void put_own_time(struct telling *t, json_t *input)
{
    if (!chance(t, t->late))
        return;
    int64_t steps = chance(t, 80) ? below(t, 5) : below(t, 40), own_ms = t->now_ms - steps * t->g.grid_ms;
    if (chance(t, 10))
        own_ms = t->now_ms + below(t, 3) * t->g.grid_ms;
    else if (chance(t, 20))
        own_ms -= t->now_ms % t->g.grid_ms; /* back onto the grid */
    json_object_set_new(input, "at", scenario_instant(own_ms));
}

static json_t *tell_track(struct telling *t)
{
    json_t *input = json_pack("{s:s}", "do", "track");
    put_contact(t, input);
    put_message(t, input);
    json_object_set_new(input, "event", json_string(generate_event(&t->g)));
    put_own_time(t, input);
    if (chance(t, t->history))
        json_object_set_new(input, "history", json_true());
    json_t *properties = generate_properties(&t->g);
    if (json_object_size(properties) > 0)
        json_object_set_new(input, "properties", properties);
    else
        json_decref(properties);
    return input;
}

static json_t *tell_identify(struct telling *t)
{
    json_t *input = json_pack("{s:s}", "do", "identify"), *attributes = json_object();
    put_contact(t, input);
    put_message(t, input);
    do {
        const char *name = generate_attribute(&t->g);
        json_object_set_new(attributes, name,
                            chance(t, 15) ? json_null() : generate_attribute_value(&t->g, name[0]));
    } while (chance(t, 40));
    json_object_set_new(input, "attributes", attributes);
    return input;
}

static json_t *tell_answer(struct telling *t)
{
    char name[8];
    json_t *input = json_pack("{s:s}", "do", "answer");
    put_contact(t, input);
    snprintf(name, sizeof name, "J%d", (int)below(t, t->journeys));
    json_object_set_new(input, "journey", json_string(name));
    if (chance(t, 25))
        json_object_set_new(input, "fails", json_true());
    return input;
}

/* Also of a journey that has no api entry: nothing may come of it. */
static json_t *tell_enroll(struct telling *t, int64_t n)
{
    char name[8];
    json_t *input = json_pack("{s:s}", "do", "enroll");
    put_contact(t, input);
    snprintf(name, sizeof name, "J%d", (int)n);
    json_object_set_new(input, "journey", json_string(name));
    if (chance(t, 30))
        json_object_set_new(input, "properties", generate_properties(&t->g));
    return input;
}

static json_t *tell_input(struct telling *t)
{
    int64_t n = below(t, t->journeys);
    if (chance(t, 8) && t->published[n])
        return tell_enroll(t, n);
    if (chance(t, 12))
        return tell_answer(t);
    return chance(t, 75) ? tell_track(t) : tell_identify(t);
}

/* ── actions ──────────────────────────────────────────────────────────────── */

static json_t *tell_publish(struct telling *t, int64_t n)
{
    char name[8];
    snprintf(name, sizeof name, "J%d", (int)n);
    t->published[n] = true;
    return json_pack("{s:s, s:o}", "do", "publish", "journey", generate_definition(&t->g, name));
}

/* Of a running journey either hold; of a paused one the one that it has not. */
static const char *other_hold(struct telling *t, const char *hold)
{
    if (hold == NULL)
        return chance(t, 60) ? "all" : "entries";
    return strcmp(hold, "all") == 0 ? "entries" : "all";
}

static void tell_action(struct telling *t, json_t *inputs)
{
    int64_t n = below(t, t->journeys);
    const char *action = NULL;
    char name[8];
    snprintf(name, sizeof name, "J%d", (int)n);
    if (t->stopped[n])
        return;
    if (!t->published[n]) {
        json_array_append_new(inputs, tell_publish(t, n));
        return;
    }
    if (chance(t, 8))
        action = "stop";
    else if (t->hold[n] && chance(t, 70))
        action = "resume";
    else if (t->hold[n] || chance(t, 60))
        action = "pause";
    if (action == NULL)
        return;
    json_t *input = json_pack("{s:s, s:s}", "do", action, "journey", name);
    t->stopped[n] = strcmp(action, "stop") == 0;
    t->hold[n] = strcmp(action, "pause") == 0 ? other_hold(t, t->hold[n]) : NULL;
    if (t->hold[n] && (strcmp(t->hold[n], "all") != 0 || chance(t, 20)))
        json_object_set_new(input, "hold", json_string(t->hold[n]));
    json_array_append_new(inputs, input);
}

/* ── faults ───────────────────────────────────────────────────────────────── */

static json_t *tell_fault(struct telling *t)
{
    static const char *const kinds[] = {"kill", "kill", "takeover", "checkpoint", "fail", "fail"};
    static const char *const statuses[] = {"retry", "unknown", "failed"};
    const char *kind = kinds[below(t, 6)];
    json_t *fault = json_pack("{s:s}", "fault", kind);
    if (strcmp(kind, "fail") == 0) {
        json_object_set_new(fault, "call", json_integer(1 + below(t, 6)));
        json_object_set_new(fault, "status", json_string(statuses[below(t, 3)]));
    }
    return fault;
}

static void put_faults(struct telling *t, json_t *step)
{
    json_t *faults = json_array();
    while (chance(t, t->faults))
        json_array_append_new(faults, tell_fault(t));
    if (json_array_size(faults) > 0)
        json_object_set_new(step, "faults", faults);
    else
        json_decref(faults);
    json_object_set_new(step, "commits",
                        json_integer(chance(t, t->lazy) ? 0
                                     : chance(t, 40)    ? 100
                                                        : below(t, 4)));
    json_object_set_new(step, "take", json_boolean(chance(t, 70)));
}

/* ── steps ────────────────────────────────────────────────────────────────── */

static void pass_time(struct telling *t)
{
    int64_t kind = below(t, 100);
    if (kind < 25)
        return;
    if (kind < 70)
        t->now_ms += t->g.grid_ms - t->now_ms % t->g.grid_ms;
    else if (kind < 85)
        t->now_ms += t->g.grid_ms * (1 + below(t, 4));
    else if (kind < 95)
        t->now_ms += 1;
    else
        t->now_ms += below(t, 12 * t->g.grid_ms);
}

static json_t *tell_step(struct telling *t)
{
    json_t *inputs = json_array();
    if (chance(t, 25))
        tell_action(t, inputs);
    int64_t records = chance(t, 15) ? 0 : below(t, 5);
    for (int64_t i = 0; i < records; i++)
        json_array_append_new(inputs, tell_input(t));
    json_t *step = json_pack("{s:o, s:o}", "now", scenario_instant(t->now_ms), "inputs", inputs);
    if (chance(t, 50))
        json_object_set_new(step, "run", json_true());
    put_faults(t, step);
    return step;
}

/* More contacts than one block holds, who come to be and do the same thing. */
static json_t *tell_crowd(struct telling *t)
{
    json_t *inputs = json_array();
    const char *event = generate_event(&t->g);
    for (int i = 0; i < t->crowd; i++) {
        char id[16];
        snprintf(id, sizeof id, "x%04d", i);
        json_array_append_new(inputs,
                              json_pack("{s:s, s:s, s:s}", "do", "track", "contact", id, "event", event));
    }
    json_t *step = json_pack("{s:o, s:o}", "now", scenario_instant(t->now_ms), "inputs", inputs);
    put_faults(t, step);
    return step;
}

/* Long enough for most timers to have come. */
static json_t *tell_end(struct telling *t)
{
    t->now_ms += t->g.grid_ms * 40;
    return json_pack("{s:o, s:[], s:i, s:b}", "now", scenario_instant(t->now_ms), "inputs", "commits", 100,
                     "take", 1);
}

json_t *generate_scenario(uint64_t seed)
{
    static const int64_t grids[] = {MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, DAY_MS};
    struct telling t = {.g = {.prng = {seed}}, .now_ms = SCENARIO_START_MS};
    t.g.grid_ms = grids[below(&t, 4)];
    t.g.twists = chance(&t, 50) ? 0 : 15;
    t.contacts = 1 + below(&t, CONTACTS_MAX);
    t.journeys = 1 + below(&t, JOURNEYS_MAX);
    t.late = chance(&t, 50) ? 0 : 25;
    t.history = chance(&t, 50) ? 0 : 20;
    t.faults = chance(&t, 30) ? 0 : 15;
    int64_t partitions = 1 + below(&t, 3), cycle_rows = 1 + below(&t, 200), count = 10 + below(&t, 70);
    t.lazy = chance(&t, 20) ? 90 : 0;
    t.crowd = chance(&t, 20) ? GREAT_CROWD : CROWD;
    int64_t crowd = chance(&t, 1) ? below(&t, count) : -1;
    json_t *steps = json_array();
    for (int64_t s = 0; s < count; s++) {
        json_array_append_new(steps, s == crowd ? tell_crowd(&t) : tell_step(&t));
        pass_time(&t);
    }
    json_array_append_new(steps, tell_end(&t));
    json_t *scenario =
        json_pack("{s:I, s:I, s:I, s:o}", "seed", (json_int_t)seed, "partitions", (json_int_t)partitions,
                  "cycle_rows", (json_int_t)cycle_rows, "steps", steps);
    scenario_mend(scenario);
    return scenario;
}
