/* What changes journeys: a publish, and the actions of operators. Each is appended to the control log, and
 * answered when every partition has committed past it. An action is answered when delivery has ended the
 * round that it was in at that moment, besides: after the answer to `pause` or `stop` nothing of the journey
 * leaves. */
#include <stddef.h>

#include "http/api.h"
#include "http/settings.h"
#include "ingest/quote.h"
#include "journey/checklist.h"

/* Under what an action is taken: who acts, and the key by which a retry is known. */
enum err api_take_by(struct service *service, const struct http_request *request, struct control_by *ret,
                     struct err_detail *detail)
{
    *ret = (struct control_by){.actor = http_request_who(request),
                               .at_ms = service->clock(service->clock_context)};
    return api_idempotency_key(request, &ret->key, detail);
}

static enum err refuse_key(struct err_detail *detail)
{
    return err_fail(detail, ERR_REFUSED, "Idempotency-Key",
                    "was used for another action before; every action has a key of its own");
}

/* Whether the key stands for the same action already, and where; another action's key is refused. The lock is
 * held. */
static enum err find_repeat(const struct control *control, struct str key, enum action_kind kind,
                            enum version_hold hold, uint32_t journey, uint64_t *ret_position,
                            struct err_detail *detail)
{
    uint64_t position;
    *ret_position = 0;
    if (!control_find_key(control, key, &position))
        return ERR_OK;
    struct action action;
    for (size_t i = 0; control_action(control, i, &action); i++) {
        if (action.position == position && action.kind == kind && action.hold == hold &&
            control_journey_of(control, action.version)->number == journey) {
            *ret_position = position;
            return ERR_OK;
        }
    }
    return refuse_key(detail);
}

struct journey_change {
    uint32_t journey;
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
    const struct control *control = gather->service->control;
    const struct control_journey *journey = control_journey(control, change->journey);
    api_put_journey(control, journey, &out);
    api_etag(gather->request, journey->changed);
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
static uint32_t check(struct service *service, const json_t *document, struct arena *arena,
                      struct str *ret_findings)
{
    struct findings findings = {0};
    struct buf out = {0};
    api_checklist(service, document, arena, &findings);
    api_put_findings(&findings, &out);
    *ret_findings = arena_str(arena, buf_str(&out));
    array_free(&findings.rows);
    buf_deinit(&out);
    return findings.errors;
}

/* ── publishing ───────────────────────────────────────────────────────────── */

void api_put_location(struct http_request *request, uint32_t journey)
{
    char id[CONTROL_ID_BYTES], path[CONTROL_ID_BYTES + 16];
    control_journey_id(journey, id);
    snprintf(path, sizeof path, "/v1/journeys/%s", id);
    http_answer_header(request, "Location", path);
}

/* What was published under the same key: the same document as a new journey? */
static enum err check_repeat(struct service *service, uint64_t position, const json_t *document,
                             uint32_t *ret_journey, struct err_detail *detail)
{
    json_t *former = NULL;
    enum err err = ERR_OK;
    *ret_journey = 0;
    crew_control_read(service->crew);
    const struct control_journey *journey;
    for (uint32_t n = 1; (journey = control_journey(service->control, n)) && !*ret_journey; n++) {
        if (journey->created == position && journey->versions.count)
            *ret_journey = n;
    }
    crew_control_unlock(service->crew);
    if (*ret_journey)
        err = control_document(service->store, position, &former, detail);
    if (!err && (!former || !api_same_document(former, document)))
        err = refuse_key(detail);
    json_decref(former);
    return err;
}

static enum err publish_new(struct service *service, const json_t *document, const struct control_by *by,
                            uint32_t *ret_journey, uint64_t *ret_position, struct err_detail *detail)
{
    enum err err = ERR_OK;
    uint16_t version;
    crew_control_write(service->crew);
    bool again = control_find_key(service->control, by->key, ret_position);
    if (!again) {
        control_forget_error(service->control);
        err = control_publish(service->control, document, by, &version, detail);
        if (!err)
            *ret_journey = control_journey_of(service->control, version)->number;
        *ret_position = control_position(service->control);
    }
    crew_control_unlock(service->crew);
    return again ? check_repeat(service, *ret_position, document, ret_journey, detail) : err;
}

void api_publish_new(struct service *service, struct http_request *request, const json_t *document)
{
    struct arena *arena = http_request_arena(request);
    struct journey_change *change = arena_take(arena, sizeof *change);
    struct err_detail detail = {"", ""};
    struct control_by by;
    uint64_t position;
    uint32_t errors = check(service, document, arena, &change->findings);
    if (errors) {
        refuse_findings(request, errors, change->findings);
        return;
    }
    change->status = 201;
    enum err err = api_take_by(service, request, &by, &detail);
    if (!err)
        err = publish_new(service, document, &by, &change->journey, &position, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    api_put_location(request, change->journey);
    await_all(service, request, change, position, answer_change);
}

/* The draft as it is when a publish begins: it is checked without the lock. */
struct candidate {
    uint32_t journey, revision;
    uint64_t position;
    json_t *document;
};

static enum err take_candidate(struct service *service, const struct control_by *by, uint32_t wanted,
                               struct candidate *candidate, uint64_t *ret_repeat, struct err_detail *detail)
{
    crew_control_read(service->crew);
    const struct control_journey *journey = control_journey(service->control, candidate->journey);
    enum err err = find_repeat(service->control, by->key, ACTION_PUBLISH, HOLD_NONE, candidate->journey,
                               ret_repeat, detail);
    candidate->revision = journey->draft.revision;
    candidate->position = journey->draft.position;
    if (!err && *ret_repeat == 0 && candidate->revision == 0)
        err = err_fail(detail, ERR_REFUSED, "/action", "there is no draft to publish");
    else if (!err && *ret_repeat == 0 && wanted && wanted != candidate->revision)
        err = err_fail(detail, ERR_REFUSED, "/revision",
                       "the draft has moved on to revision %u, saved by %.*s; look at it first",
                       candidate->revision, STR_ARG(journey->draft.saved_by));
    crew_control_unlock(service->crew);
    if (err || *ret_repeat)
        return err;
    return control_document(service->store, candidate->position, &candidate->document, detail);
}

static enum err publish_draft(struct service *service, const struct candidate *candidate,
                              const struct control_by *by, uint64_t *ret_position, struct err_detail *detail)
{
    uint16_t version;
    crew_control_write(service->crew);
    enum err err = find_repeat(service->control, by->key, ACTION_PUBLISH, HOLD_NONE, candidate->journey,
                               ret_position, detail);
    if (!err && *ret_position == 0) {
        control_forget_error(service->control);
        err = control_draft_publish(service->control, candidate->journey, candidate->revision,
                                    candidate->document, by, &version, detail);
        *ret_position = control_position(service->control);
    }
    crew_control_unlock(service->crew);
    return err;
}

static void act_publish(struct service *service, struct http_request *request, uint32_t journey,
                        uint32_t revision, const struct control_by *by)
{
    struct arena *arena = http_request_arena(request);
    struct journey_change *change = arena_take(arena, sizeof *change);
    *change = (struct journey_change){.journey = journey, .status = 200};
    struct candidate candidate = {.journey = journey};
    struct err_detail detail = {"", ""};
    uint64_t position = 0;
    enum err err = take_candidate(service, by, revision, &candidate, &position, &detail);
    if (!err && position == 0) {
        uint32_t errors = check(service, candidate.document, arena, &change->findings);
        if (errors) {
            refuse_findings(request, errors, change->findings);
            json_decref(candidate.document);
            return;
        }
        change->findings = (struct str){0};
        err = publish_draft(service, &candidate, by, &position, &detail);
    }
    json_decref(candidate.document);
    if (err)
        api_refuse(request, err, &detail);
    else
        await_all(service, request, change, position, answer_change);
}

/* ── actions ──────────────────────────────────────────────────────────────── */

static const struct {
    const char *name, *own; /* the one member that the action has besides */
    enum action_kind kind;
} actions[] = {{"publish", "revision", ACTION_PUBLISH},
               {"pause", "hold", ACTION_PAUSE},
               {"resume", "policy", ACTION_RESUME},
               {"stop", "confirm", ACTION_STOP}};

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
        return err_fail(detail, ERR_INVALID, "/action",
                        "is missing; there are publish, pause, resume and stop");
    return err_fail(detail, ERR_INVALID, "/action",
                    "%s is no action; there are publish, pause, resume and stop", quote(text, quoted));
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

static enum err check_revision(const json_t *revision, struct err_detail *detail)
{
    json_int_t number = json_integer_value(revision);
    if (!revision || (json_is_integer(revision) && number >= 1 && number <= UINT32_MAX))
        return ERR_OK;
    return err_fail(detail, ERR_INVALID, "/revision", "must be the number of a draft's revision, from 1");
}

/* `hold`: one of two, the usual one where none is asked for; `policy`: the one that this version has;
 * `confirm`: the journey's name, typed. */
static enum err take_own(const json_t *body, size_t action, struct str journey, enum version_hold usual,
                         enum version_hold *ret_hold, struct err_detail *detail)
{
    char pointer[16], quoted[QUOTE_BYTES];
    struct str text;
    enum action_kind kind = actions[action].kind;
    *ret_hold = kind == ACTION_PAUSE ? usual : HOLD_NONE;
    snprintf(pointer, sizeof pointer, "/%s", actions[action].own);
    if (kind == ACTION_PUBLISH)
        return check_revision(json_object_get(body, actions[action].own), detail);
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

/* A draft takes no other action than to be published. */
static enum err act_locked(struct control *control, enum action_kind kind, enum version_hold hold,
                           uint32_t number, const struct control_by *by, struct err_detail *detail)
{
    const struct control_journey *journey = control_journey(control, number);
    if (journey->versions.count == 0)
        return err_fail(detail, ERR_REFUSED, "/action", "\"%.*s\" is draft; allowed is publish",
                        STR_ARG(journey->name));
    return control_act(control, kind, hold, journey->name, by, detail);
}

static enum err act(struct service *service, enum action_kind kind, enum version_hold hold, uint32_t journey,
                    const struct control_by *by, uint64_t *ret_position, struct err_detail *detail)
{
    crew_control_write(service->crew);
    enum err err = find_repeat(service->control, by->key, kind, hold, journey, ret_position, detail);
    if (!err && *ret_position == 0) {
        err = act_locked(service->control, kind, hold, journey, by, detail);
        *ret_position = control_position(service->control);
    }
    crew_control_unlock(service->crew);
    return err;
}

static struct str name_of(struct service *service, struct http_request *request, uint32_t journey)
{
    crew_control_read(service->crew);
    struct str name =
        arena_str(http_request_arena(request), control_journey(service->control, journey)->name);
    crew_control_unlock(service->crew);
    return name;
}

/* What the body asks for: the action's row, and a publish's revision (0 = whichever is there). */
static enum err take_body(const struct service *service, const struct http_request *request,
                          struct str journey, size_t *ret_action, enum version_hold *ret_hold,
                          uint32_t *ret_revision, struct err_detail *detail)
{
    json_t *body;
    enum err err = api_document(request, &body, detail);
    if (err)
        return err;
    err = take_kind(body, ret_action, detail);
    if (!err)
        err = check_members(body, *ret_action, detail);
    enum version_hold usual = (enum version_hold)settings_get(service->settings, SETTING_PAUSE_DEFAULT);
    if (!err)
        err = take_own(body, *ret_action, journey, usual, ret_hold, detail);
    if (!err)
        *ret_revision = (uint32_t)json_integer_value(json_object_get(body, "revision"));
    json_decref(body);
    return err;
}

void api_journey_act(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct control_by by;
    size_t action;
    enum version_hold hold;
    uint64_t position;
    uint32_t revision, journey = api_find_entity(service, request);
    if (!journey)
        return;
    enum err err =
        take_body(service, request, name_of(service, request, journey), &action, &hold, &revision, &detail);
    if (!err)
        err = api_take_by(service, request, &by, &detail);
    if (!err && actions[action].kind == ACTION_PUBLISH) {
        act_publish(service, request, journey, revision, &by);
        return;
    }
    if (!err)
        err = act(service, actions[action].kind, hold, journey, &by, &position, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    struct journey_change *change = arena_take(http_request_arena(request), sizeof *change);
    *change = (struct journey_change){.journey = journey, .status = 200};
    change->order.kind = hold == HOLD_ALL ? DISPATCH_BARRIER : DISPATCH_LOOK_AGAIN;
    await_all(service, request, change, position, order_delivery);
}
