/* What rows say, as lines. */
#include <stdio.h>

#include "world_state.h"

static const struct plan *plan_of(const struct world *world)
{
    return control_plan(world->owner->control);
}

static const char *contact_text(const struct world *world, uint32_t partition, uint32_t contact, char ret[64])
{
    const struct engine *engine = partition_engine(world->owner->partitions[partition]);
    struct str id = contacts_external_id(engine_contacts(engine), (struct contact_id){contact});
    snprintf(ret, 64, "%.*s", STR_ARG(id));
    return ret;
}

static struct tracked *tracked_of(struct world *world, uint32_t partition, uint32_t enrollment)
{
    while (world->tracked[partition].count <= enrollment)
        *array_push(&world->tracked[partition]) = (struct tracked){0};
    return &world->tracked[partition].items[enrollment];
}

static uint32_t count_passages(const struct world *world, uint32_t partition, uint32_t contact,
                               uint16_t journey)
{
    uint32_t count = 0;
    array_each (&world->tracked[partition], i) {
        const struct tracked *t = &world->tracked[partition].items[i];
        count +=
            t->known && t->contact == contact && plan_version(plan_of(world), t->version)->journey == journey;
    }
    return count;
}

static void put_path(struct buf *out, const struct definition *definition, const struct ledger_row *row)
{
    for (uint16_t i = 0; i < row->path_count; i++) {
        const struct node *node = &definition->nodes[row->path[i].node];
        struct str outcome = node->outcomes[row->path[i].outcome].name;
        buf_printf(out, "%.*s.%.*s ", STR_ARG(node->id), STR_ARG(outcome));
    }
}

static void add_fact(struct world *world, const char *contact, const struct tracked *t,
                     const struct ledger_row *row)
{
    const struct plan_version *version = plan_version(plan_of(world), t->version);
    struct str journey = plan_journey_name(plan_of(world), version->journey);
    struct str node = version->definition->nodes[row->node].id;
    char reason[80] = "";
    bool leaves = row->flags & LEDGER_LEAVES;
    struct buf at = {0}, path = {0};
    scenario_put_offset(&at, row->at_ms);
    buf_put_char(&at, 0);
    put_path(&path, version->definition, row);
    buf_put_char(&path, 0);
    if (leaves && row->reason == LEAVE_GOAL && row->value != 0)
        snprintf(reason, sizeof reason, ": goal %u worth %.15g", row->which, row->value);
    else if (leaves && (row->reason == LEAVE_GOAL || row->reason == LEAVE_EXIT_RULE))
        snprintf(reason, sizeof reason, ": %s %u", leave_reason_name(row->reason), row->which);
    else if (leaves)
        snprintf(reason, sizeof reason, ": %s", leave_reason_name(row->reason));
    lines_add(&world->facts, contact, version->journey, "%s %s %.*s#%u %s%s%s %s%.*s%s", at.data, contact,
              STR_ARG(journey), t->passage, row->flags & LEDGER_ENTERS ? "enters, " : "", path.data,
              leaves ? "leaves at" : "rests at", row->flags & LEDGER_BEFORE ? "the edge before " : "",
              STR_ARG(node), reason);
    buf_deinit(&at);
    buf_deinit(&path);
}

/* Rows that only note something where the contact stands are no facts. */
void world_take_ledger(struct world *world, uint32_t partition, const struct ledger_row *row)
{
    char contact[64];
    if (row->flags & LEDGER_CONTROL)
        return;
    struct tracked *t = tracked_of(world, partition, row->enrollment);
    if (row->flags & LEDGER_ENTERS) {
        CHECK(!t->known); /* ids are never used again */
        uint16_t journey = plan_version(plan_of(world), row->version)->journey;
        uint32_t before = count_passages(world, partition, row->contact, journey);
        *t = (struct tracked){
            .known = true, .contact = row->contact, .passage = before + 1, .version = row->version};
    }
    CHECK(t->known && t->contact == row->contact && t->version == row->version);
    if (row->flags & (LEDGER_ENTERS | LEDGER_MOVES | LEDGER_LEAVES))
        add_fact(world, contact_text(world, partition, t->contact, contact), t, row);
}

/* ── effects ──────────────────────────────────────────────────────────────── */

static struct opened *opened_of(struct world *world, uint64_t effect)
{
    array_each (&world->opened, i)
        if (world->opened.items[i].effect == effect)
            return &world->opened.items[i];
    return NULL;
}

static void add_effect(struct world *world, const struct opened *o, uint32_t group, int64_t at_ms,
                       const char *verb)
{
    struct buf at = {0};
    scenario_put_offset(&at, at_ms);
    buf_put_char(&at, 0);
    lines_add(&world->facts, o->contact, group + o->journey, "%s %s %s %s", at.data, o->who, verb, o->what);
    buf_deinit(&at);
}

static void close_effect(struct world *world, const struct effect_row *row)
{
    struct opened *o = opened_of(world, row->effect);
    if (o == NULL || o->closed) {
        world_fail(world, WORLD_BROKEN, "effect %llu is closed %s", (unsigned long long)row->effect,
                   o ? "twice" : "and was never opened");
        return;
    }
    o->closed = true;
    add_effect(world, o, LINES_ENDINGS, row->at_ms, effect_kind_name(row->kind));
}

static void open_effect(struct world *world, uint32_t partition, const struct effect_row *row)
{
    const struct plan_version *version = plan_version(plan_of(world), row->version);
    struct str journey = plan_journey_name(plan_of(world), version->journey);
    struct str node = version->definition->nodes[row->node].id;
    struct opened o = {.effect = row->seq, .journey = version->journey};
    contact_text(world, partition, row->contact, o.contact);
    snprintf(o.who, sizeof o.who, "%s %.*s#%u", o.contact, STR_ARG(journey),
             tracked_of(world, partition, row->enrollment)->passage);
    snprintf(o.what, sizeof o.what, "%.*s by %.*s, visit %u", STR_ARG(row->destination_name), STR_ARG(node),
             row->visit);
    *array_push(&world->opened) = o;
    add_effect(world, &o, LINES_ACTIVATIONS, row->at_ms, "activates");
}

void world_take_effect(struct world *world, uint32_t partition, const struct effect_row *row)
{
    if (row->kind == EFFECT_OPENED)
        open_effect(world, partition, row);
    else
        close_effect(world, row);
}

void world_take_batch(struct world *world, const struct batch *batch)
{
    array_each (&batch->ledger, i)
        world_take_ledger(world, batch->partition, &batch->ledger.items[i]);
    array_each (&batch->effects, i)
        world_take_effect(world, batch->partition, &batch->effects.items[i]);
}

/* ── reading back ─────────────────────────────────────────────────────────── */

void world_forget(struct world *world)
{
    for (uint32_t p = 0; p < WORLD_PARTITIONS_MAX; p++) {
        array_clear(&world->tracked[p]);
    }
    array_clear(&world->opened);
    lines_clear(&world->facts);
}

struct reading {
    struct world *world;
    uint32_t partition;
};

static bool on_row(void *context, const struct store_row *row)
{
    const struct reading *reading = context;
    if (row->ledger)
        world_take_ledger(reading->world, reading->partition, row->ledger);
    return true;
}

static bool on_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    world_take_effect(context, partition, row);
    return true;
}

enum err world_read_back(struct world *world, struct err_detail *detail)
{
    world_forget(world);
    for (uint32_t p = 0; p < world->partitions; p++) {
        struct partition_head head;
        struct reading reading = {world, p};
        enum err err = store_head(world->store, p, &head, detail);
        if (!err)
            err = store_rows(world->store, p, 0, head.seq, on_row, &reading, detail);
        if (err)
            return err;
    }
    return store_effects(world->store, 0, on_effect, world, detail);
}
