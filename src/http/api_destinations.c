/* Destinations: listed, shown with what becomes of their effects, defined and removed. A definition is an
 * entry of the control log; it is answered when the dispatcher has taken it. */
#include <stddef.h>

#include "base/spelling.h"
#include "calendar/instant.h"
#include "delivery/destination_log.h"
#include "http/api.h"
#include "json/write.h"

/* ── what a destination looks like ────────────────────────────────────────── */

static void put_cause(const struct err_detail *cause, struct buf *out)
{
    char text[sizeof cause->place + sizeof cause->text + 2];
    snprintf(text, sizeof text, "%s%s%s", cause->place, cause->place[0] ? ": " : "", cause->text);
    api_text(out, "cause", str_from(text));
}

static void put_state(struct service *service, const struct destination_entry *entry, struct arena *arena,
                      const struct outbox_view *view, struct buf *out)
{
    struct destination_settings placed = entry->settings;
    struct err_detail cause = {"", ""};
    bool refused = destination_place(&placed, &service->places, arena, &cause) != ERR_OK;
    if (refused || view->failing) {
        api_text(out, "state", refused ? STR("refused") : STR("failing"));
        put_cause(refused ? &cause : &view->cause, out);
        api_instant(out, "retry", refused ? INSTANT_NEVER : view->retry_ms);
    } else {
        api_text(out, "state", STR("ready"));
    }
}

static void put_effects(const struct outbox_view *view, struct buf *out)
{
    api_key(out, "effects");
    buf_put_char(out, '{');
    for (size_t i = 0; i < OUTBOX_STATES; i++)
        api_number(out, outbox_state_name((enum outbox_state)i), (int64_t)view->effects[i]);
    buf_put_char(out, '}');
}

static void put_destination(struct service *service, const struct destination_entry *entry,
                            struct arena *arena, struct buf *out)
{
    struct outbox_view view = {.retry_ms = INSTANT_NEVER};
    (void)dispatch_find(service->dispatch, entry->settings.name, &view);
    api_item(out);
    buf_put_char(out, '{');
    destination_put_settings(&entry->settings, out);
    put_state(service, entry, arena, &view, out);
    put_effects(&view, out);
    api_number(out, "sent", (int64_t)view.sent);
    api_number(out, "failed", (int64_t)view.failed);
    buf_put_char(out, '}');
}

static void answer_destination(struct service *service, struct http_request *request, unsigned status,
                               const struct destination_entry *entry)
{
    struct buf out = {0};
    put_destination(service, entry, http_request_arena(request), &out);
    api_etag(request, entry->revision);
    api_answer(request, status, &out);
}

/* ── reading ──────────────────────────────────────────────────────────────── */

/* Names that effects wait for and nobody has defined. */
static void put_undefined(struct service *service, struct buf *out)
{
    struct outbox_view view;
    api_key(out, "undefined");
    buf_put_char(out, '[');
    for (size_t i = 0; dispatch_view(service->dispatch, i, &view); i++) {
        uint64_t waiting = 0;
        for (size_t state = 0; state < OUTBOX_STATES; state++)
            waiting += view.effects[state];
        if (view.defined || waiting == 0)
            continue;
        api_item(out);
        buf_put_char(out, '{');
        api_text(out, "name", view.destination);
        put_effects(&view, out);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

static enum err read_list(struct service *service, struct http_request *request, struct destination_list *ret,
                          struct err_detail *detail)
{
    crew_control_read(service->crew);
    enum err err = destination_log_read(service->control, http_request_arena(request), ret, detail);
    crew_control_unlock(service->crew);
    return err;
}

void api_destinations_list(void *context, struct http_request *request)
{
    struct service *service = context;
    struct destination_list list = {0};
    struct err_detail detail = {"", ""};
    enum err err = read_list(service, request, &list, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    struct buf out = {0};
    buf_put_char(&out, '{');
    api_key(&out, "destinations");
    buf_put_char(&out, '[');
    array_each (&list.entries, i)
        put_destination(service, &list.entries.items[i], http_request_arena(request), &out);
    buf_put_char(&out, ']');
    put_undefined(service, &out);
    buf_put_char(&out, '}');
    array_free(&list.entries);
    api_answer(request, 200, &out);
}

static enum err not_found(const struct destination_list *list, struct str name, struct arena *arena,
                          struct err_detail *detail)
{
    struct str *names = arena_take_array(arena, list->entries.count, sizeof *names);
    array_each (&list->entries, i)
        names[i] = list->entries.items[i].settings.name;
    struct str nearest = spelling_nearest(name, names, list->entries.count);
    return err_fail(detail, ERR_NOT_FOUND, "", "there is no destination of this name%s%.*s%s",
                    nearest.size ? "; did you mean \"" : "", STR_ARG(nearest), nearest.size ? "\"?" : "");
}

void api_destination(void *context, struct http_request *request)
{
    struct service *service = context;
    struct destination_list list = {0};
    struct err_detail detail = {"", ""};
    struct str name = http_request_parameter(request, "destination");
    const struct destination_entry *entry = NULL;
    enum err err = read_list(service, request, &list, &detail);
    if (!err && !(entry = destination_list_find(&list, name)))
        err = not_found(&list, name, http_request_arena(request), &detail);
    if (err)
        api_refuse(request, err, &detail);
    else
        answer_destination(service, request, 200, entry);
    array_free(&list.entries);
}

/* ── changing ─────────────────────────────────────────────────────────────── */

/* Lives in the request's arena. */
struct destination_change {
    struct dispatch_order order;
    struct service *service;
    struct http_request *request;
    struct destination_settings placed;
    struct destination_entry entry;
    unsigned status;         /* of the answer; of a refusal 0 = by its code */
    const struct str *users; /* journeys that a removal would leave without it */
    size_t user_count;
};

static struct destination_change *change_new(struct service *service, struct http_request *request)
{
    struct destination_change *change = arena_take(http_request_arena(request), sizeof *change);
    change->service = service;
    change->request = request;
    return change;
}

static struct destination_change *change_of(struct dispatch_order *order)
{
    return (struct destination_change *)((char *)order - offsetof(struct destination_change, order));
}

static struct control_by who(const struct destination_change *change)
{
    struct service *service = change->service;
    return (struct control_by){.actor = http_request_who(change->request),
                               .at_ms = service->clock(service->clock_context)};
}

static enum err check_match(struct destination_change *change, const struct destination_entry *there,
                            struct err_detail *detail)
{
    if (api_if_match(change->request, there ? there->revision : 0, detail))
        return ERR_OK;
    change->status = 412;
    return ERR_REFUSED;
}

/* One file has one writer. */
static enum err check_path(const struct destination_change *change, const struct destination_list *list,
                           struct err_detail *detail)
{
    const struct destination_settings *settings = &change->entry.settings;
    array_each (&list->entries, i) {
        const struct destination_settings *other = &list->entries.items[i].settings;
        if (str_equal(other->file.path, settings->file.path) && !str_equal(other->name, settings->name))
            return err_fail(detail, ERR_REFUSED, "/path",
                            "the destination \"%.*s\" writes to this file; give each one of its own",
                            STR_ARG(other->name));
    }
    return ERR_OK;
}

/* Appends and orders under one lock, so that the dispatcher takes what the log has in the log's order. */
static enum err define(struct destination_change *change, struct err_detail *detail)
{
    struct service *service = change->service;
    struct arena *arena = http_request_arena(change->request);
    struct destination_list list = {0};
    struct control_by by = who(change);
    crew_control_write(service->crew);
    enum err err = destination_log_read(service->control, arena, &list, detail);
    const struct destination_entry *there =
        err ? NULL : destination_list_find(&list, change->entry.settings.name);
    if (!err)
        err = check_match(change, there, detail);
    if (!err)
        err = check_path(change, &list, detail);
    if (!err) {
        change->status = there ? 200 : 201;
        err = destination_log_define(service->control, &change->entry.settings, &by, detail);
    }
    array_free(&list.entries);
    if (!err)
        err = destination_log_read(service->control, arena, &list, detail);
    if (!err) {
        change->entry = *destination_list_find(&list, change->entry.settings.name);
        array_free(&list.entries);
        dispatch_post(service->dispatch, &change->order);
    }
    crew_control_unlock(service->crew);
    return err;
}

static void refuse(struct destination_change *change, enum err err, const struct err_detail *detail)
{
    if (change->status >= 400)
        http_problem(change->request, change->status, err, detail);
    else
        api_refuse(change->request, err, detail);
}

static void on_defined(struct dispatch_order *order)
{
    struct destination_change *change = change_of(order);
    answer_destination(change->service, change->request, change->status, &change->entry);
}

/* The name is the path's; the body may have it too. */
static enum err take_settings(struct destination_change *change, json_t *body, struct err_detail *detail)
{
    struct arena *arena = http_request_arena(change->request);
    struct str name = http_request_parameter(change->request, "destination");
    const json_t *said = json_object_get(body, "name");
    if (said && !(json_is_string(said) && str_equal(name, str_from(json_string_value(said)))))
        return err_fail(detail, ERR_INVALID, "/name", "is not the name in the path; leave it out");
    if (json_is_object(body) && !said)
        (void)json_object_set_new(body, "name", json_stringn(name.data, name.size));
    enum err err = destination_parse(body, arena, &change->entry.settings, detail);
    if (err)
        return err;
    change->placed = change->entry.settings;
    err = destination_place(&change->placed, &change->service->places, arena, detail);
    if (err)
        change->status = 403;
    return err;
}

void api_destination_define(void *context, struct http_request *request)
{
    struct destination_change *change = change_new(context, request);
    struct err_detail detail = {"", ""};
    json_t *body;
    enum err err = api_document(request, &body, &detail);
    if (!err) {
        err = take_settings(change, body, &detail);
        json_decref(body);
    }
    change->order.kind = DISPATCH_DEFINE;
    change->order.settings = &change->placed;
    change->order.done = on_defined;
    if (!err)
        err = define(change, &detail);
    if (err)
        refuse(change, err, &detail);
}

static enum err check_users(struct destination_change *change, struct str name, struct err_detail *detail)
{
    struct str force;
    if (http_request_query(change->request, "force", &force)) {
        if (!str_equal(force, STR("true")) && !str_equal(force, STR("false")))
            return err_fail(detail, ERR_INVALID, "force", "is true or false");
        if (str_equal(force, STR("true")))
            return ERR_OK;
    }
    change->user_count = destination_users(change->service->control, name,
                                           http_request_arena(change->request), &change->users);
    if (change->user_count == 0)
        return ERR_OK;
    return err_fail(detail, ERR_REFUSED, "",
                    "%zu journey%s that %s not stopped, named in `journeys`, would wait for it; stop %s, or "
                    "remove it with ?force=true",
                    change->user_count, change->user_count == 1 ? "" : "s",
                    change->user_count == 1 ? "is" : "are", change->user_count == 1 ? "it" : "them");
}

static enum err remove_from_log(struct destination_change *change, struct str name, struct err_detail *detail)
{
    struct service *service = change->service;
    struct arena *arena = http_request_arena(change->request);
    struct destination_list list = {0};
    struct control_by by = who(change);
    const struct destination_entry *there = NULL;
    crew_control_write(service->crew);
    enum err err = destination_log_read(service->control, arena, &list, detail);
    if (!err && !(there = destination_list_find(&list, name)))
        err = not_found(&list, name, arena, detail);
    if (!err)
        err = check_match(change, there, detail);
    if (!err)
        err = check_users(change, name, detail);
    if (!err)
        err = destination_log_remove(service->control, name, &by, detail);
    if (!err)
        dispatch_post(service->dispatch, &change->order);
    crew_control_unlock(service->crew);
    array_free(&list.entries);
    return err;
}

static void on_removed(struct dispatch_order *order)
{
    struct destination_change *change = change_of(order);
    struct buf out = {0};
    buf_put_char(&out, '{');
    api_text(&out, "name", order->name);
    api_truth(&out, "removed", true);
    buf_put_char(&out, '}');
    api_answer(change->request, 200, &out);
}

static void refuse_users(struct destination_change *change, const struct err_detail *detail)
{
    struct buf members = {0};
    buf_put_text(&members, "\"journeys\":[");
    for (size_t i = 0; i < change->user_count; i++) {
        api_item(&members);
        json_write_string(change->users[i], &members);
    }
    buf_put_char(&members, ']');
    api_problem(change->request, 409, ERR_REFUSED, detail, buf_str(&members));
    buf_deinit(&members);
}

void api_destination_remove(void *context, struct http_request *request)
{
    struct destination_change *change = change_new(context, request);
    struct err_detail detail = {"", ""};
    struct str name = http_request_parameter(request, "destination");
    change->order.kind = DISPATCH_UNDEFINE;
    change->order.name = name;
    change->order.done = on_removed;
    enum err err = remove_from_log(change, name, &detail);
    if (err && change->user_count)
        refuse_users(change, &detail);
    else if (err)
        refuse(change, err, &detail);
}
