#include "engine/state.h"

/* A list without, or with one more of, a text; a missing attribute is an empty list. False where the
 * attribute is something else than a list, or nothing changes. */
static bool change_list(struct arena *arena, const struct change *change, const struct value *now,
                        struct value *ret)
{
    if (now->type != VALUE_LIST && now->type != VALUE_MISSING)
        return false;
    uint32_t count = now->type == VALUE_LIST ? now->count : 0;
    struct str *list = arena_take_array(arena, count + 1, sizeof *list);
    uint32_t kept = 0;
    bool there = false;
    for (uint32_t i = 0; i < count; i++) {
        bool same = str_equal(now->list[i], change->value.string);
        there |= same;
        if (!same || change->kind == CHANGE_ADD)
            list[kept++] = now->list[i];
    }
    if (there == (change->kind == CHANGE_ADD))
        return false;
    if (change->kind == CHANGE_ADD)
        list[kept++] = change->value.string;
    *ret = (struct value){.type = VALUE_LIST, .count = kept, .list = list};
    return true;
}

/* Missing counts as 0; what is there and no number stays as it is. */
static bool change_number(const struct change *change, const struct value *now, struct value *ret)
{
    if (now->type != VALUE_NUMBER && now->type != VALUE_MISSING)
        return false;
    double from = now->type == VALUE_NUMBER ? now->number : 0;
    double by = change->kind == CHANGE_INCREASE ? change->value.number : -change->value.number;
    *ret = (struct value){.type = VALUE_NUMBER, .number = from + by};
    return now->type == VALUE_MISSING || ret->number != from;
}

static bool new_value(struct arena *arena, const struct change *change, const struct value *now,
                      struct value *ret)
{
    switch (change->kind) {
    case CHANGE_SET: *ret = change->value; return !value_equal(now, &change->value);
    case CHANGE_INCREASE:
    case CHANGE_DECREASE: return change_number(change, now, ret);
    case CHANGE_ADD:
    case CHANGE_REMOVE: return change_list(arena, change, now, ret);
    }
    return false;
}

/* One row for all changes of the node, so that the history of the contact shows what its journeys did to it.
 */
static void put_changes(struct passing *p, const struct trait *traits, uint32_t count)
{
    struct engine *engine = p->engine;
    struct buf body = {0};
    buf_put_char(&body, '{');
    for (uint32_t i = 0; i < count; i++) {
        struct value name = {.type = VALUE_STRING,
                             .string =
                                 names_get(plan_names(engine->plan), NAME_ATTRIBUTE, traits[i].attribute)};
        if (i)
            buf_put_char(&body, ',');
        value_write_json(&name, &body);
        buf_put_char(&body, ':');
        value_write_json(&traits[i].value, &body);
        *array_push(&p->changed) = traits[i].attribute;
    }
    buf_put_char(&body, '}');
    struct event_row row = {.at_ms = engine->head.now_ms,
                            .received_ms = engine->head.now_ms,
                            .contact = p->contact,
                            .kind = EVENT_UPDATE,
                            .body = arena_str(&engine->batch->bytes, buf_str(&body))};
    buf_deinit(&body);
    engine_put_event(engine, &row, &(struct event_content){.trait_count = count, .traits = traits});
    p->changed_seq = row.seq;
}

/* The changes of one node are made one after the other: a later one sees what an earlier one made. */
struct node_step node_update_arrive(struct passing *p)
{
    struct engine *engine = p->engine;
    const struct node *node = passing_node(p);
    const uint16_t *attributes = p->version->nodes[p->node].attributes;
    struct trait *traits = arena_take_array(&engine->scratch, node->update.count, sizeof *traits);
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->update.count; i++) {
        struct value now =
            contacts_attribute(engine->contacts, (struct contact_id){p->contact}, attributes[i]);
        struct trait *made = NULL;
        for (uint32_t k = 0; k < count; k++) {
            if (traits[k].attribute == attributes[i])
                made = &traits[k];
        }
        if (made)
            now = made->value;
        struct value next;
        if (!new_value(&engine->scratch, &node->update.changes[i], &now, &next))
            continue;
        if (!made)
            made = &traits[count++];
        *made = (struct trait){attributes[i], value_copy(&engine->scratch, &next)};
    }
    if (count)
        put_changes(p, traits, count);
    return TAKE(0);
}
