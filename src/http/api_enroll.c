/* A call that asks for one contact to enter one journey by its api entry. It is a record like any other:
 * taken when it is durable, judged in the one order; the answer says what became of it. */
#include "http/api.h"
#include "ingest/quote.h"
#include "ingest/segment.h"

struct enroll {
    struct service *service;
    struct http_request *request;
    struct str journey;
    uint16_t number; /* the plan's, of the journey */
    size_t room;
    struct input input;
    enum enroll_outcome outcome;
};

/* ── reading ──────────────────────────────────────────────────────────────── */

static enum err take_text(struct json_node node, const char *pointer, struct arena *arena, struct str *ret,
                          struct err_detail *detail)
{
    if (json_node_type(node) != JSON_TYPE_STRING)
        return err_fail(detail, ERR_INVALID, pointer, "a string is expected here");
    *ret = arena_str(arena, json_node_string(node));
    return ERR_OK;
}

static enum err take_properties(struct json_node node, struct arena *arena, struct record *record,
                                struct err_detail *detail)
{
    if (json_node_type(node) == JSON_TYPE_NULL)
        return ERR_OK;
    if (json_node_type(node) != JSON_TYPE_OBJECT)
        return err_fail(detail, ERR_INVALID, "/properties", "an object is expected here");
    enum err err = properties_of_node(node, arena, &record->properties, detail);
    if (err) {
        err_prefix(detail, "/properties");
        return err;
    }
    struct buf text = {0};
    json_node_write(node, &text);
    record->body = arena_str(arena, buf_str(&text));
    buf_deinit(&text);
    return ERR_OK;
}

static enum err take_member(struct str name, struct json_node node, struct arena *arena,
                            struct record *record, struct str *message, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    if (str_equal(name, STR("userId")))
        return take_text(node, "/userId", arena, &record->external_id, detail);
    if (str_equal(name, STR("messageId")))
        return json_node_type(node) == JSON_TYPE_NULL ? ERR_OK
                                                      : take_text(node, "/messageId", arena, message, detail);
    if (str_equal(name, STR("properties")))
        return take_properties(node, arena, record, detail);
    return err_fail(detail, ERR_INVALID, "",
                    "the member %s is unknown here; there are userId, properties and messageId",
                    quote(name, quoted));
}

static enum err take_body(struct json_reader *reader, struct http_request *request, struct record *record,
                          struct str *message, struct err_detail *detail)
{
    struct json_node root, node;
    struct str name;
    enum err err = json_reader_parse(reader, http_request_body(request), &root, detail);
    if (!err && json_node_type(root) != JSON_TYPE_OBJECT)
        err = err_fail(detail, ERR_INVALID, "", "an object is expected here");
    if (err)
        return err;
    for (struct json_iterator it = json_node_iterate(root); !err && json_iterator_next(&it, &name, &node);)
        err = take_member(name, node, http_request_arena(request), record, message, detail);
    if (!err && record->external_id.size == 0)
        err = err_fail(detail, ERR_INVALID, "/userId", "is missing; it names the contact");
    return err ? err : external_id_check(record->external_id, "/userId", detail);
}

/* What stands for the call in rows, so that a retry is known: its messageId, else its Idempotency-Key, which
 * belongs to this journey alone. */
static enum err take_message(const struct enroll *enroll, struct str message, struct record *record,
                             struct err_detail *detail)
{
    struct str key = {0};
    enum err err = api_idempotency_key(enroll->request, &key, detail);
    if (message.size)
        record->message = message_hash(record->hash, message);
    else if (key.size)
        record->message =
            message_hash(record->hash, str_from(arena_printf(http_request_arena(enroll->request),
                                                             "Idempotency-Key %.*s %.*s", STR_ARG(key),
                                                             STR_ARG(enroll->journey))));
    return err;
}

static enum err take_record(struct enroll *enroll, struct err_detail *detail)
{
    struct record *record = &enroll->input.record;
    struct str message = {0};
    struct json_reader *reader = json_reader_new();
    enroll->input.kind = INPUT_RECORD;
    *record = (struct record){.kind = EVENT_ENROLL,
                              .at_ms = INSTANT_NEVER, /* when it is judged */
                              .journey = enroll->number,
                              .outcome = &enroll->outcome};
    enum err err = take_body(reader, enroll->request, record, &message, detail);
    json_reader_free(reader);
    record->hash = contact_hash(record->external_id);
    return err ? err : take_message(enroll, message, record, detail);
}

/* ── answering ────────────────────────────────────────────────────────────── */

static void refuse_no_rule(struct http_request *request, struct str journey)
{
    struct err_detail detail = {"", ""};
    err_fail(&detail, ERR_REFUSED, "",
             "\"%.*s\" has no entry by the API; add the rule {\"api\": true} to its entry and publish it",
             STR_ARG(journey));
    api_refuse(request, ERR_REFUSED, &detail);
}

static void answer_outcome(struct gather *gather)
{
    struct enroll *enroll = gather->context;
    struct buf out = {0};
    crew_room_give(enroll->service->crew, enroll->room);
    if (enroll->outcome == ENROLL_NO_RULE) {
        refuse_no_rule(gather->request, enroll->journey);
        return;
    }
    buf_put_char(&out, '{');
    api_text(&out, "outcome", str_from(enroll_outcome_name(enroll->outcome)));
    api_text(&out, "journey", enroll->journey);
    api_text(&out, "contact", enroll->input.record.external_id);
    buf_put_char(&out, '}');
    api_answer(gather->request, 200, &out);
}

static bool is_room(struct enroll *enroll)
{
    struct err_detail detail = {"", ""};
    size_t bytes = http_request_body(enroll->request).size + http_request_arena(enroll->request)->bytes;
    if (crew_stalled(enroll->service->crew)) {
        err_fail(&detail, ERR_FULL, "",
                 "the disk takes nothing just now (full or busy); send it again later");
        api_try_again(enroll->request, 503, ERR_FULL, &detail);
        return false;
    }
    if (!crew_room_take(enroll->service->crew, bytes)) {
        err_fail(&detail, ERR_BUSY, "",
                 "more records are waiting to be written than there is room for; send it again in a second");
        api_try_again(enroll->request, 429, ERR_BUSY, &detail);
        return false;
    }
    enroll->room = bytes;
    return true;
}

static void hand_over(struct enroll *enroll)
{
    struct crew *crew = enroll->service->crew;
    struct gather *gather = gather_new(enroll->service, enroll->request, answer_outcome, enroll);
    gather_inputs(gather, partition_of(enroll->input.record.hash, crew_partitions(crew)), &enroll->input, 1);
    gather_post(gather);
}

void api_journey_enroll(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    uint16_t version = api_find_journey(service, request);
    if (version == VERSION_NONE)
        return;
    struct enroll *enroll = arena_take(http_request_arena(request), sizeof *enroll);
    *enroll = (struct enroll){.service = service, .request = request, .outcome = ENROLL_REPEATED};
    crew_control_read(service->crew);
    const struct plan_version *newest = plan_version(control_plan(service->control), version);
    bool lets_in = plan_lets_api_in(newest);
    enroll->journey = newest->definition->name;
    enroll->number = newest->journey;
    crew_control_unlock(service->crew);
    enum err err = take_record(enroll, &detail);
    if (err)
        api_refuse(request, err, &detail);
    else if (!lets_in)
        refuse_no_rule(request, enroll->journey);
    else if (is_room(enroll))
        hand_over(enroll);
}
