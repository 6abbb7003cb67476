/* Settings: shown with what they mean, changed while the server runs. */
#include "http/api.h"
#include "http/settings.h"

static void put_value(const struct setting_seen *seen, const char *key, int64_t value, struct buf *out)
{
    if (seen->is_hold)
        api_text(out, key, str_from(version_hold_name((enum version_hold)value)));
    else
        api_number(out, key, value);
}

static void answer(struct service *service, struct http_request *request)
{
    struct setting_seen all[SETTINGS];
    struct buf out = {0};
    api_etag(request, settings_see(service->settings, all));
    buf_put_text(&out, "{\"settings\":[");
    for (enum setting i = 0; i < SETTINGS; i++) {
        api_item(&out);
        buf_put_char(&out, '{');
        api_text(&out, "name", str_from(all[i].name));
        put_value(&all[i], "value", all[i].value, &out);
        put_value(&all[i], "default", all[i].usual, &out);
        put_value(&all[i], "least", all[i].least, &out);
        put_value(&all[i], "most", all[i].most, &out);
        api_text(&out, "unit", str_from(all[i].unit));
        api_text(&out, "meaning", str_from(all[i].meaning));
        buf_put_char(&out, '}');
    }
    buf_put_text(&out, "]}");
    api_answer(request, 200, &out);
}

void api_settings(void *context, struct http_request *request)
{
    answer(context, request);
}

void api_settings_change(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct setting_seen all[SETTINGS];
    json_t *body = NULL;
    enum err err = api_document(request, &body, &detail);
    if (err) {
        http_problem(request, 0, err, &detail);
        return;
    }
    crew_control_write(service->crew);
    bool matches = api_if_match(request, settings_see(service->settings, all), &detail);
    if (matches)
        err = settings_change(service, body, http_request_who(request), &detail);
    crew_control_unlock(service->crew);
    json_decref(body);
    if (!matches)
        http_problem(request, 412, ERR_REFUSED, &detail);
    else if (err)
        api_refuse(request, err, &detail);
    else
        answer(service, request);
}
