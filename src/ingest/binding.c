#include "ingest/binding.h"

#include "base/hash.h"
#include "ingest/quote.h"

/* Remembers the first name that had no room. */
static uint16_t bind_name(struct binding *binding, enum name_kind kind, struct str name, char *over)
{
    uint16_t id = control_name(binding->control, kind, name);
    if (id == 0 && over[0] == '\0')
        memcpy(over, name.data, name.size); /* zeroed before, and name_check has seen to the size */
    return id;
}

uint16_t binding_event(struct binding *binding, struct str name)
{
    return bind_name(binding, NAME_EVENT, name, binding->event_over);
}

const struct trait *binding_traits(struct binding *binding, const struct properties *traits,
                                   struct arena *arena, uint32_t *ret_count)
{
    struct trait *bound = arena_take_array(arena, traits->count, sizeof *bound);
    const struct names *names = control_names(binding->control);
    uint32_t count = 0;
    for (uint32_t i = 0; i < traits->count; i++) {
        const struct property *p = &traits->items[i];
        /* nobody has an attribute that has no name yet, so there is nothing to remove */
        if (p->value.type == VALUE_MISSING && names_find(names, NAME_ATTRIBUTE, p->name) == 0)
            continue;
        uint16_t attribute = bind_name(binding, NAME_ATTRIBUTE, p->name, binding->attribute_over);
        if (attribute)
            bound[count++] = (struct trait){attribute, p->value};
    }
    *ret_count = count;
    return bound;
}

uint64_t message_hash(uint64_t contact_hash, struct str message_id)
{
    uint64_t hash = hash_str_seeded(message_id, contact_hash);
    return hash ? hash : 1; /* 0 says that there is no message id */
}

enum err name_check(struct str name, const char *what, const char *place, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    if (name.size == 0)
        return err_fail(detail, ERR_INVALID, place, "%s is empty", what);
    if (name.size > NAME_BYTES_MAX)
        return err_fail(detail, ERR_LIMIT, place, "%s %s has %zu bytes, at most %d are taken; shorten it",
                        what, quote(name, quoted), name.size, NAME_BYTES_MAX);
    return ERR_OK;
}

enum err external_id_check(struct str id, const char *place, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    if (id.size == 0)
        return err_fail(detail, ERR_INVALID, place,
                        "the contact's id is empty; every record belongs to a contact");
    if (id.size > EXTERNAL_ID_BYTES_MAX)
        return err_fail(detail, ERR_LIMIT, place, "the contact's id %s has %zu bytes, at most %d are taken",
                        quote(id, quoted), id.size, EXTERNAL_ID_BYTES_MAX);
    return ERR_OK;
}

enum err event_time_parse(struct str text, const char *place, int64_t *ret_ms, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    int64_t ms;
    if (!instant_parse(text, &ms))
        return err_fail(detail, ERR_INVALID, place,
                        "%s is no instant; write it like 2026-01-31T10:00:00Z (RFC 3339)",
                        quote(text, quoted));
    if (!instant_is_operational(ms))
        return err_fail(detail, ERR_INVALID, place,
                        "%s is not in the years 1970 to 2099, where events can lie; correct it",
                        quote(text, quoted));
    *ret_ms = ms;
    return ERR_OK;
}
