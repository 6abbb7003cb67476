/* What changes journeys: a publish, and the actions of operators. Each is appended to the control log, and
 * answered when every partition has committed past it. An action is answered when delivery has ended the
 * round that it was in at that moment, besides: after the answer to `pause` or `stop` nothing of the journey
 * leaves. */
#include <stddef.h>

#include "http/api.h"
#include "ingest/quote.h"
#include "journey/checklist.h"

enum { KEY_BYTES_MAX = 200 };

/* Under what an action is taken: who acts, and the key by which a retry is known. */
static enum err take_by(struct service *service, const struct http_request *request, struct control_by *ret,
                        struct err_detail *detail)
{
    *ret = (struct control_by){.actor = http_request_who(request),
                               .at_ms = service->clock(service->clock_context)};
    struct str key;
    if (!http_request_header(request, "Idempotency-Key", &key))
        return ERR_OK;
    bool sound = key.size > 0 && key.size <= KEY_BYTES_MAX;
    for (size_t i = 0; i < key.size && sound; i++)
        sound = key.data[i] > ' ' && key.data[i] <= '~';
    if (!sound)
        return err_fail(detail, ERR_INVALID, "Idempotency-Key",
                        "must be 1 to %d visible ASCII characters, like a UUID", KEY_BYTES_MAX);
    ret->key = key;
    return ERR_OK;
}

/* Whether the key stands for the same action already, and where; another action's key is refused. The lock is
 * held. */
static enum err find_repeat(const struct control *control, struct str key, enum action_kind kind,
                            enum version_hold hold, struct str journey, uint64_t *ret_position,
                            struct err_detail *detail)
{
    uint64_t position;
    *ret_position = 0;
    if (!control_find_key(control, key, &position))
        return ERR_OK;
    struct action action;
    for (size_t i = 0; control_action(control, i, &action); i++) {
        const struct plan *plan = control_plan(control);
        if (action.position == position && action.kind == kind && action.hold == hold &&
            str_equal(plan_journey_name(plan, plan_version(plan, action.version)->journey), journey)) {
            *ret_position = position;
            return ERR_OK;
        }
    }
    return err_fail(detail, ERR_REFUSED, "Idempotency-Key",
                    "was used for another action before; every action has a key of its own");
}

struct journey_change {
    uint16_t version;
    unsigned status;
    struct str findings;         /* of a publish: the member */
    struct dispatch_order order; /* of an action */
    struct gather *gather;
};

static void answer_change(struct gather *gather)
{
    struct journey_change *change = gather->context;
    struct buf out = {0};
    buf_put_char(&out, '{');
    crew_control_read(gather->service->crew);
    api_put_journey(gather->service->control, change->version, &out);
    crew_control_unlock(gather->service->crew);
    if (change->findings.size) {
        buf_put_char(&out, ',');
        buf_put_str(&out, change->findings);
    }
    buf_put_char(&out, '}');
    api_answer(gather->request, change->status, &out);
}

static void on_order(struct dispatch_order *order)
{
    const struct journey_change *change =
        (struct journey_change *)((char *)order - offsetof(struct journey_change, order));
    answer_change(change->gather);
}

/* Every partition has taken the action: what delivery asks about from here on it is told by that. */
static void order_delivery(struct gather *gather)
{
    struct journey_change *change = gather->context;
    change->gather = gather;
    change->order.done = on_order;
    dispatch_post(gather->service->dispatch, &change->order);
}

/* Answered when every partition has committed past the entry. */
static void await_all(struct service *service, struct http_request *request, struct journey_change *change,
                      uint64_t position, gather_end *end)
{
    struct gather *gather = gather_new(service, request, end, change);
    gather_control(gather, position);
    gather_post(gather);
}

static void refuse_findings(struct http_request *request, uint32_t errors, struct str findings)
{
    struct err_detail detail = {"", ""};
    err_fail(&detail, ERR_INVALID, "", "the checklist has %u error%s; `findings` says what to do", errors,
             errors == 1 ? "" : "s");
    api_problem(request, 422, ERR_INVALID, &detail, findings);
}

/* The checklist's findings as a member of the answer; how many errors are among them. */
static uint32_t check(const json_t *document, struct arena *arena, struct str *ret_findings)
{
    struct findings findings = {0};
    struct buf out = {0};
    checklist_run(document, arena, &findings);
    api_put_findings(&findings, &out);
    *ret_findings = arena_str(arena, buf_str(&out));
    array_free(&findings.rows);
    buf_deinit(&out);
    return findings.errors;
}

static enum err publish(struct service *service, const json_t *document, const struct control_by *by,
                        uint16_t *ret_version, uint64_t *ret_position, struct err_detail *detail)
{
    const json_t *name = json_object_get(document, "name");
    struct str text = {json_string_value(name), json_string_length(name)};
    crew_control_write(service->crew);
    control_forget_error(service->control);
    enum err err =
        find_repeat(service->control, by->key, ACTION_PUBLISH, HOLD_NONE, text, ret_position, detail);
    if (!err)
        err = control_publish(service->control, document, by, ret_version, detail);
    if (!err && *ret_position == 0)
        *ret_position = control_position(service->control);
    crew_control_unlock(service->crew);
    return err;
}

static void put_location(struct http_request *request, struct str name)
{
    struct buf out = {0};
    buf_put_text(&out, "/v1/journeys/");
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        if (plain)
            buf_put_char(&out, (char)c);
        else
            buf_printf(&out, "%%%02X", c);
    }
    buf_put_char(&out, '\0');
    http_answer_header(request, "Location", out.data);
    buf_deinit(&out);
}

static void publish_checked(struct service *service, struct http_request *request, const json_t *document,
                            struct journey_change *change)
{
    struct err_detail detail = {"", ""};
    struct control_by by;
    uint64_t position;
    enum err err = take_by(service, request, &by, &detail);
    if (!err)
        err = publish(service, document, &by, &change->version, &position, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    const json_t *name = json_object_get(document, "name");
    put_location(request, (struct str){json_string_value(name), json_string_length(name)});
    await_all(service, request, change, position, answer_change);
}

void api_journeys_publish(void *context, struct http_request *request)
{
    json_t *document;
    struct err_detail detail = {"", ""};
    enum err err = api_document(request, &document, &detail);
    if (err) {
        http_problem(request, 0, err, &detail);
        return;
    }
    struct arena *arena = http_request_arena(request);
    struct journey_change *change = arena_take(arena, sizeof *change);
    change->status = 201;
    uint32_t errors = check(document, arena, &change->findings);
    if (errors)
        refuse_findings(request, errors, change->findings);
    else
        publish_checked(context, request, document, change);
    json_decref(document);
}

/* ── actions ──────────────────────────────────────────────────────────────── */

static const struct {
    const char *name, *own; /* the one member that the action has besides */
    enum action_kind kind;
} actions[] = {
    {"pause", "hold", ACTION_PAUSE}, {"resume", "policy", ACTION_RESUME}, {"stop", "confirm", ACTION_STOP}};

static enum err text_of(const json_t *body, const char *key, const char *pointer, struct str *ret,
                        struct err_detail *detail)
{
    const json_t *value = json_object_get(body, key);
    *ret = (struct str){0};
    if (!value)
        return ERR_OK;
    if (!json_is_string(value))
        return err_fail(detail, ERR_INVALID, pointer, "a string is expected here");
    *ret = (struct str){json_string_value(value), json_string_length(value)};
    return ERR_OK;
}

static enum err take_kind(const json_t *body, size_t *ret, struct err_detail *detail)
{
    struct str text;
    char quoted[QUOTE_BYTES];
    if (!json_is_object(body))
        return err_fail(detail, ERR_INVALID, "", "an object is expected here");
    enum err err = text_of(body, "action", "/action", &text, detail);
    if (err)
        return err;
    for (*ret = 0; *ret < sizeof actions / sizeof *actions; ++*ret) {
        if (str_equal(text, str_from(actions[*ret].name)))
            return ERR_OK;
    }
    if (text.size == 0)
        return err_fail(detail, ERR_INVALID, "/action", "is missing; there are pause, resume and stop");
    return err_fail(detail, ERR_INVALID, "/action", "%s is no action; there are pause, resume and stop",
                    quote(text, quoted));
}

static enum err check_members(json_t *body, size_t action, struct err_detail *detail)
{
    const char *key;
    json_t *value;
    char quoted[QUOTE_BYTES];
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "action") != 0 && strcmp(key, actions[action].own) != 0)
            return err_fail(detail, ERR_INVALID, "", "the member %s is unknown here; there are action and %s",
                            quote(str_from(key), quoted), actions[action].own);
    }
    return ERR_OK;
}

/* `hold`: one of two, `all` where none is asked for; `policy`: the one that this version has; `confirm`: the
 * journey's name, typed. */
static enum err take_own(const json_t *body, size_t action, struct str journey, enum version_hold *ret_hold,
                         struct err_detail *detail)
{
    char pointer[16], quoted[QUOTE_BYTES];
    struct str text;
    enum action_kind kind = actions[action].kind;
    *ret_hold = kind == ACTION_PAUSE ? HOLD_ALL : HOLD_NONE;
    snprintf(pointer, sizeof pointer, "/%s", actions[action].own);
    enum err err = text_of(body, actions[action].own, pointer, &text, detail);
    if (err || !json_object_get(body, actions[action].own))
        return err;
    if (kind == ACTION_STOP && !str_equal(text, journey))
        return err_fail(detail, ERR_INVALID, pointer, "is not the journey's name, \"%.*s\"",
                        STR_ARG(journey));
    if (kind == ACTION_PAUSE && !version_hold_parse(text, ret_hold))
        return err_fail(detail, ERR_INVALID, pointer, "%s is no hold; there are \"entries\" and \"all\"",
                        quote(text, quoted));
    if (kind == ACTION_RESUME && !str_equal(text, STR("continue")))
        return err_fail(detail, ERR_UNSUPPORTED, pointer, "this version has \"continue\" alone");
    return ERR_OK;
}

static enum err act(struct service *service, enum action_kind kind, enum version_hold hold,
                    struct str journey, const struct control_by *by, uint64_t *ret_position,
                    struct err_detail *detail)
{
    crew_control_write(service->crew);
    enum err err = find_repeat(service->control, by->key, kind, hold, journey, ret_position, detail);
    if (!err && *ret_position == 0) {
        err = control_act(service->control, kind, hold, journey, by, detail);
        *ret_position = control_position(service->control);
    }
    crew_control_unlock(service->crew);
    return err;
}

void api_journey_act(void *context, struct http_request *request)
{
    struct service *service = context;
    struct str journey = http_request_parameter(request, "journey");
    struct err_detail detail = {"", ""};
    struct control_by by;
    size_t action;
    enum version_hold hold;
    uint64_t position;
    json_t *body;
    uint16_t version = api_find_journey(service, request);
    if (version == VERSION_NONE)
        return;
    enum err err = api_document(request, &body, &detail);
    if (!err) {
        err = take_kind(body, &action, &detail);
        if (!err)
            err = check_members(body, action, &detail);
        if (!err)
            err = take_own(body, action, journey, &hold, &detail);
        json_decref(body);
    }
    if (!err)
        err = take_by(service, request, &by, &detail);
    if (!err)
        err = act(service, actions[action].kind, hold, journey, &by, &position, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    struct journey_change *change = arena_take(http_request_arena(request), sizeof *change);
    *change = (struct journey_change){.version = version, .status = 200};
    change->order.kind = hold == HOLD_ALL ? DISPATCH_BARRIER : DISPATCH_LOOK_AGAIN;
    await_all(service, request, change, position, order_delivery);
}
