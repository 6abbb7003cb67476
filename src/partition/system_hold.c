#include "partition/system_hold.h"

#include <inttypes.h>

static enum err note_alert(struct control *control, const struct partition *partition,
                           const struct engine_alert *alert, const struct control_by *by,
                           struct err_detail *detail)
{
    struct str id = contacts_external_id(engine_contacts(partition_engine(partition)),
                                         (struct contact_id){alert->contact});
    char at[32];
    instant_print(alert->at_ms, false, at);
    json_t *body =
        json_pack("{s:i, s:s%, s:s}", "version", (int)alert->version, "contact", id.data, id.size, "at", at);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    enum err err = text ? control_note(control, STR("alert"), str_from(text), by, detail)
                        : err_fail(detail, ERR_INVALID, "", "a contact's id is not UTF-8");
    free(text);
    json_decref(body);
    return err;
}

enum err system_hold(struct control *control, const struct partition *partition,
                     const struct engine_alert *alert, int64_t at_ms, struct str hold_key,
                     struct err_detail *detail)
{
    char alert_key[64];
    snprintf(alert_key, sizeof alert_key, "alert-%u-%" PRId64, alert->version, alert->at_ms);
    struct control_by by = {.actor = STR("system"), .key = str_from(alert_key), .at_ms = at_ms};
    enum err err = note_alert(control, partition, alert, &by, detail);
    struct version_status status = control_version_status(control, alert->version), to;
    if (err || !lifecycle_move(status, ACTION_PAUSE, HOLD_ALL, &to))
        return err;
    by.key = hold_key;
    struct str journey = plan_version(control_plan(control), alert->version)->definition->name;
    return control_act(control, ACTION_PAUSE, HOLD_ALL, journey, &by, detail);
}
