#include "ingest/naming.h"

typedef bool on_name(struct control *control, enum name_kind kind, struct str name);

/* False as soon as `on` says so. */
static bool each_name(struct control *control, const struct segment *segments, size_t count, on_name *on)
{
    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = &segments[i];
        if (segment->kind == EVENT_TRACK) {
            if (!on(control, NAME_EVENT, segment->event))
                return false;
            continue;
        }
        for (uint32_t t = 0; t < segment->properties.count; t++) {
            const struct property *trait = &segment->properties.items[t];
            if (trait->value.type != VALUE_MISSING && !on(control, NAME_ATTRIBUTE, trait->name))
                return false;
        }
    }
    return true;
}

static bool is_known(struct control *control, enum name_kind kind, struct str name)
{
    const struct names *names = control_names(control);
    uint16_t limit = kind == NAME_EVENT ? NAMES_EVENT_MAX : NAMES_ATTRIBUTE_MAX;
    return names_find(names, kind, name) || names_count(names, kind) == limit;
}

static bool add_name(struct control *control, enum name_kind kind, struct str name)
{
    control_name(control, kind, name);
    return control_error(control, NULL) == ERR_OK;
}

bool naming_is_known(struct crew *crew, struct control *control, const struct segment *segments, size_t count)
{
    crew_control_read(crew);
    bool known = each_name(control, segments, count, is_known);
    crew_control_unlock(crew);
    return known;
}

enum err naming_ensure(struct crew *crew, struct control *control, const struct segment *segments,
                       size_t count, struct err_detail *detail)
{
    if (naming_is_known(crew, control, segments, count))
        return ERR_OK;
    crew_control_write(crew);
    control_forget_error(control);
    each_name(control, segments, count, add_name);
    enum err err = control_error(control, detail);
    crew_control_unlock(crew);
    return err;
}
