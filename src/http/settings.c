#include "http/settings.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/array.h"
#include "base/spelling.h"
#include "ingest/quote.h"
#include "journey/lifecycle.h"
#include "json/document.h"

struct settings {
    _Atomic int64_t values[SETTINGS];
    pthread_mutex_t mutex; /* changes, and looks at all */
    uint64_t revision;     /* position of the newest entry and 1 */
    enum err failed;
    struct err_detail failure;
};

static const struct setting_seen table[] = {
#define X(name, key, unit, usual, least, most, meaning)                                                      \
    [SETTING_##                                                                                              \
        name] = {#key, unit, meaning, usual, usual, least, most, SETTING_##name == SETTING_PAUSE_DEFAULT},
    SETTING_TABLE(X)
#undef X
};

static bool find(const char *name, enum setting *ret)
{
    for (*ret = 0; *ret < SETTINGS; ++*ret) {
        if (strcmp(name, table[*ret].name) == 0)
            return true;
    }
    return false;
}

/* ── values ───────────────────────────────────────────────────────────────── */

static enum err take_hold(const json_t *json, const char *pointer, int64_t *ret, struct err_detail *detail)
{
    enum version_hold hold;
    if (!json_is_string(json) ||
        !version_hold_parse((struct str){json_string_value(json), json_string_length(json)}, &hold))
        return err_fail(detail, ERR_INVALID, pointer,
                        "must be \"entries\" or \"all\", or null for the default");
    *ret = hold;
    return ERR_OK;
}

static enum err take_value(enum setting setting, const json_t *json, const char *pointer, int64_t *ret,
                           struct err_detail *detail)
{
    const struct setting_seen *seen = &table[setting];
    if (json_is_null(json)) {
        *ret = seen->usual;
        return ERR_OK;
    }
    if (seen->is_hold)
        return take_hold(json, pointer, ret, detail);
    if (!json_is_integer(json) || json_integer_value(json) < seen->least ||
        json_integer_value(json) > seen->most)
        return err_fail(detail, ERR_INVALID, pointer,
                        "must be a whole number of %s from %" PRId64 " to %" PRId64
                        ", or null for the default",
                        seen->unit, seen->least, seen->most);
    *ret = json_integer_value(json);
    return ERR_OK;
}

static enum err refuse_unknown(const char *name, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    struct str names[SETTINGS];
    for (enum setting i = 0; i < SETTINGS; i++)
        names[i] = str_from(table[i].name);
    struct str nearest = spelling_nearest(str_from(name), names, SETTINGS);
    return err_fail(detail, ERR_INVALID, "", "there is no setting %s%s%.*s%s", quote(str_from(name), quoted),
                    nearest.size ? "; did you mean \"" : "", STR_ARG(nearest),
                    nearest.size ? "\"?" : "; GET /v1/settings lists them");
}

/* The values that there are after the members: all are sound, or nothing is taken. */
static enum err take_members(const struct settings *settings, const json_t *members,
                             int64_t ret_values[SETTINGS], struct err_detail *detail)
{
    const char *name;
    json_t *value;
    for (enum setting i = 0; i < SETTINGS; i++)
        ret_values[i] = atomic_load(&settings->values[i]);
    json_object_foreach((json_t *)(uintptr_t)members, name, value)
    {
        enum setting setting;
        if (!find(name, &setting))
            return refuse_unknown(name, detail);
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/%s", name);
        enum err err = take_value(setting, value, pointer, &ret_values[setting], detail);
        if (err)
            return err;
    }
    return ERR_OK;
}

static void put(struct settings *settings, const int64_t values[SETTINGS], uint64_t position)
{
    pthread_mutex_lock(&settings->mutex);
    for (enum setting i = 0; i < SETTINGS; i++)
        atomic_store(&settings->values[i], values[i]);
    settings->revision = position + 1;
    pthread_mutex_unlock(&settings->mutex);
}

/* ── the log ──────────────────────────────────────────────────────────────── */

static bool on_entry(void *context, const struct control_entry *entry)
{
    struct settings *settings = context;
    if (!str_equal(entry->kind, STR("settings")))
        return true;
    json_t *members = NULL;
    int64_t values[SETTINGS];
    settings->failed = document_parse(entry->body, "settings", &members, &settings->failure);
    if (!settings->failed)
        settings->failed = take_members(settings, members, values, &settings->failure);
    if (!settings->failed)
        put(settings, values, entry->position);
    json_decref(members);
    return !settings->failed;
}

enum err settings_open(struct service *service, struct err_detail *detail)
{
    struct settings *settings = memory_take_zeroed(1, sizeof *settings);
    for (enum setting i = 0; i < SETTINGS; i++)
        atomic_store(&settings->values[i], table[i].usual);
    settings->revision = 1;
    pthread_mutex_init(&settings->mutex, NULL);
    service->settings = settings;
    enum err err = store_control_after(service->store, 0, on_entry, settings, detail);
    if (!err && settings->failed) {
        err = ERR_CORRUPT;
        if (detail)
            *detail = settings->failure;
    }
    if (err)
        settings_close(service);
    return err;
}

void settings_close(struct service *service)
{
    if (!service->settings)
        return;
    pthread_mutex_destroy(&service->settings->mutex);
    free(service->settings);
    service->settings = NULL;
}

void settings_apply(struct service *service)
{
    const struct settings *settings = service->settings;
    struct http_server *server = atomic_load(&service->server);
    if (settings->revision == 1)
        return; /* nobody has changed anything: all is as the server was started */
    crew_room_set(service->crew, (size_t)settings_get(settings, SETTING_INGEST_ROOM_BYTES));
    if (server)
        http_server_set_body_max(server, (size_t)settings_get(settings, SETTING_BATCH_BYTES_MAX));
}

int64_t settings_get(const struct settings *settings, enum setting setting)
{
    return atomic_load(&settings->values[setting]);
}

uint64_t settings_see(struct settings *settings, struct setting_seen ret[SETTINGS])
{
    pthread_mutex_lock(&settings->mutex);
    for (enum setting i = 0; i < SETTINGS; i++) {
        ret[i] = table[i];
        ret[i].value = atomic_load(&settings->values[i]);
    }
    uint64_t revision = settings->revision;
    pthread_mutex_unlock(&settings->mutex);
    return revision;
}

enum err settings_change(struct service *service, const json_t *members, struct str actor,
                         struct err_detail *detail)
{
    struct settings *settings = service->settings;
    const struct control_by by = {.actor = actor, .at_ms = service->clock(service->clock_context)};
    int64_t values[SETTINGS];
    struct buf text = {0};
    if (!json_is_object(members))
        return err_fail(detail, ERR_INVALID, "", "an object of settings by name is expected here");
    enum err err = take_members(settings, members, values, detail);
    if (err || json_object_size(members) == 0)
        return err;
    document_write(members, &text);
    err = control_note(service->control, STR("settings"), buf_str(&text), &by, detail);
    buf_deinit(&text);
    if (err)
        return err;
    put(settings, values, control_position(service->control));
    settings_apply(service);
    return ERR_OK;
}
