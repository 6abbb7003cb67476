#include "cli/feed_holds.h"

#include <inttypes.h>

#include "cli/feed.h"
#include "partition/system_hold.h"

enum { KEY_BYTES = 96 };

static struct str key_of(uint16_t version, struct boundary boundary, char bytes[KEY_BYTES])
{
    int size = snprintf(bytes, KEY_BYTES, "feed-hold-%u-%" PRId64 "-%" PRIu64, version, boundary.at_ms,
                        boundary.number);
    return (struct str){bytes, (size_t)size};
}

static struct str journey_name(const struct control *control, uint16_t version)
{
    return plan_version(control_plan(control), version)->definition->name;
}

static enum err hold(struct control *control, struct partition *partition, const struct engine_alert *alert,
                     struct boundary boundary, struct err_detail *detail)
{
    char hold_key[KEY_BYTES];
    return system_hold(control, partition, alert, boundary.at_ms, key_of(alert->version, boundary, hold_key),
                       detail);
}

enum err feed_holds_take(struct control *control, struct partition *const *partitions, uint32_t count,
                         struct boundary boundary, struct err_detail *detail)
{
    struct engine_alert alert;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        while (!err && partition_take_alert(partitions[i], &alert))
            err = hold(control, partitions[i], &alert, boundary, detail);
    }
    return err;
}

uint64_t feed_holds_at(const struct control *control, struct boundary boundary)
{
    uint64_t newest = 0, position;
    char bytes[KEY_BYTES];
    for (uint16_t version = 0; version < plan_version_count(control_plan(control)); version++) {
        if (control_find_key(control, key_of(version, boundary, bytes), &position) && position > newest)
            newest = position;
    }
    return newest;
}

/* ── told at the end ──────────────────────────────────────────────────────── */

struct telling {
    const struct control *control;
    FILE *err;
    bool any;
};

static bool on_entry(void *context, const struct control_entry *entry)
{
    struct telling *telling = context;
    if (!str_equal(entry->kind, STR("alert")))
        return true;
    json_t *body = json_loadb(entry->body.data, entry->body.size, 0, NULL);
    int version;
    const char *contact, *at;
    if (json_unpack(body, "{s:i, s:s, s:s}", "version", &version, "contact", &contact, "at", &at) == 0 &&
        version < plan_version_count(control_plan(telling->control))) {
        struct str name = journey_name(telling->control, (uint16_t)version);
        fprintf(telling->err,
                "sojourn: journey \"%.*s\": contact \"%s\" went through it more than %d times at %s, so the "
                "system has held "
                "it; look for a loop in which nothing takes time, or for events repeated at one instant\n",
                STR_ARG(name), contact, ENGINE_PASSAGES_MAX, at);
        telling->any = true;
    }
    json_decref(body);
    return true;
}

bool feed_alerts_print(struct store *store, const struct control *control, FILE *err)
{
    struct telling telling = {control, err, false};
    struct err_detail detail;
    if (store_control_after(store, 0, on_entry, &telling, &detail))
        complain_detail(err, &detail);
    return telling.any;
}
