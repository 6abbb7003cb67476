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

static void add_fact(struct world *world, uint32_t partition, struct tracked *t, const struct ledger_row *row)
{
    const struct plan_version *version = plan_version(plan_of(world), t->version);
    struct str journey = plan_journey_name(plan_of(world), version->journey);
    struct str node = version->definition->nodes[row->node].id;
    char contact[64], reason[64] = "";
    bool leaves = row->flags & LEDGER_LEAVES;
    struct buf at = {0};
    contact_text(world, partition, t->contact, contact);
    scenario_put_offset(&at, row->at_ms);
    buf_put_char(&at, 0);
    buf_put_char(&t->path, 0);
    if (leaves && (row->reason == LEAVE_GOAL || row->reason == LEAVE_EXIT_RULE))
        snprintf(reason, sizeof reason, ": %s %u", leave_reason_name(row->reason), row->which);
    else if (leaves)
        snprintf(reason, sizeof reason, ": %s", leave_reason_name(row->reason));
    lines_add(&world->facts, contact, version->journey, "%s %s %.*s#%u %s%s%s %s%.*s%s", at.data, contact,
              STR_ARG(journey), t->passage, t->enters ? "enters, " : "", t->path.data,
              leaves ? "leaves at" : "rests at", row->flags & LEDGER_BEFORE ? "the edge before " : "",
              STR_ARG(node), reason);
    buf_deinit(&at);
    buf_clear(&t->path);
    t->enters = t->moves = false;
}

void world_take_ledger(struct world *world, uint32_t partition, const struct ledger_row *row)
{
    if (row->flags & LEDGER_CONTROL)
        return;
    struct tracked *t = tracked_of(world, partition, row->enrollment);
    if (row->flags & LEDGER_ENTERS) {
        CHECK(!t->known); /* ids are never used again */
        uint16_t journey = plan_version(plan_of(world), row->version)->journey;
        t->passage = 1 + count_passages(world, partition, row->contact, journey);
        t->known = t->enters = true;
        t->contact = row->contact;
        t->version = row->version;
    }
    CHECK(t->known && t->contact == row->contact && t->version == row->version);
    put_path(&t->path, plan_version(plan_of(world), t->version)->definition, row);
    t->moves |= (row->flags & (LEDGER_ENTERS | LEDGER_MOVES | LEDGER_LEAVES)) != 0;
    bool rests = row->pending == 0 || row->flags & LEDGER_LEAVES;
    if (rests && t->moves)
        add_fact(world, partition, t, row);
}

static void close_effect(struct world *world, uint64_t effect)
{
    array_each (&world->opened, i) {
        struct opened *o = &world->opened.items[i];
        if (o->effect != effect)
            continue;
        if (o->closed)
            world_fail(world, WORLD_BROKEN, "effect %llu is closed twice", (unsigned long long)effect);
        o->closed = true;
        return;
    }
    world_fail(world, WORLD_BROKEN, "effect %llu is closed and was never opened", (unsigned long long)effect);
}

void world_take_effect(struct world *world, uint32_t partition, const struct effect_row *row)
{
    if (row->kind != EFFECT_OPENED) {
        close_effect(world, row->effect);
        return;
    }
    const struct plan_version *version = plan_version(plan_of(world), row->version);
    struct str journey = plan_journey_name(plan_of(world), version->journey);
    struct str node = version->definition->nodes[row->node].id;
    char contact[64];
    struct buf at = {0};
    contact_text(world, partition, row->contact, contact);
    scenario_put_offset(&at, row->at_ms);
    buf_put_char(&at, 0);
    lines_add(&world->facts, contact, LINES_ACTIVATIONS + version->journey,
              "%s %s %.*s#%u activates %.*s by %.*s, visit %u", at.data, contact, STR_ARG(journey),
              tracked_of(world, partition, row->enrollment)->passage, STR_ARG(row->destination_name),
              STR_ARG(node), row->visit);
    *array_push(&world->opened) = (struct opened){row->seq, false};
    buf_deinit(&at);
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
        array_each (&world->tracked[p], i)
            buf_deinit(&world->tracked[p].items[i].path);
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
