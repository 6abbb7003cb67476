#include "delivery/handover.h"

#include "base/check.h"
#include "contact/contacts.h"
#include "event/names.h"
#include "json/write.h"

/* The contact's attributes in the order in which their names came up. */
static struct str attributes_of(const struct contacts *contacts, struct contact_id contact,
                                const struct names *names, struct arena *arena)
{
    struct buf text = {0};
    uint16_t end = contacts_attributes_end(contacts);
    for (uint16_t attribute = 1; attribute <= end; attribute++) {
        struct value value = contacts_attribute(contacts, contact, attribute);
        if (value.type == VALUE_MISSING)
            continue;
        buf_put_char(&text, text.size ? ',' : '{');
        json_write_string(names_get(names, NAME_ATTRIBUTE, attribute), &text);
        buf_put_char(&text, ':');
        value_write_json(&value, &text);
    }
    if (text.size)
        buf_put_char(&text, '}');
    struct str attributes = text.size ? arena_str(arena, buf_str(&text)) : (struct str){0};
    buf_deinit(&text);
    return attributes;
}

enum handover_answer handover_ask(const struct partition *partition, const struct control *control,
                                  const struct effect_row *effect, struct arena *arena, struct handover *ret)
{
    const struct engine *engine = partition_engine(partition);
    const struct plan *plan = control_plan(control);
    CHECK(effect->version < plan_version_count(plan));
    const struct plan_version *version = plan_version(plan, effect->version);
    const struct contacts *contacts = engine_contacts(engine);
    struct contact_id contact = {effect->contact};
    struct enrollment_view inside;
    CHECK(contact.n < contacts_count(contacts));
    if (!engine_enrollment(engine, contact, version->journey, &inside) || inside.id != effect->enrollment ||
        inside.visits != effect->visit || !(inside.pending >> effect->destination & 1))
        return HANDOVER_GONE;
    struct version_status status = engine_version_status(engine, effect->version);
    if (!lifecycle_moves(status))
        return status.state == VERSION_STOPPED ? HANDOVER_GONE : HANDOVER_HELD;
    ret->journey = arena_str(arena, version->definition->name);
    ret->node = arena_str(arena, version->definition->nodes[effect->node].id);
    ret->contact = arena_str(arena, contacts_external_id(contacts, contact));
    ret->attributes = attributes_of(contacts, contact, control_names(control), arena);
    ret->version = version->ordinal;
    return HANDOVER_GO;
}

void handover_ask_all(const struct partition *partition, const struct control *control,
                      struct handover_question *questions, size_t count, size_t bytes_max,
                      struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct handover_question *question = &questions[i];
        bool room = i == 0 || arena->bytes < bytes_max;
        question->answer =
            room ? handover_ask(partition, control, &question->effect, arena, &question->handover)
                 : HANDOVER_LATER;
    }
}

static bool note_earliest(void *context, const struct enrollment_view *inside)
{
    uint64_t *after = context;
    if (inside->pending && inside->arrived_seq < *after)
        *after = inside->arrived_seq; /* its effects have the next seqs */
    return true;
}

uint64_t handover_after(const struct partition *partition)
{
    uint64_t after = UINT64_MAX;
    engine_each_enrollment(partition_engine(partition), note_earliest, &after);
    return after;
}
