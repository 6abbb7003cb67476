/* Drafts: created with their journey, saved by whoever has seen what is there, shown, checked, discarded.
 * They concern no partition: an answer waits for the control log alone. */
#include <inttypes.h>

#include "http/api.h"
#include "json/document.h"

/* A revision of a draft, as the log has it. Texts live in the request's arena. */
struct revision {
    uint32_t journey, number;
    struct str name;
    int64_t saved_ms;
    struct str saved_by;
};

static void put_revision(const struct revision *revision, struct buf *out)
{
    char id[CONTROL_ID_BYTES];
    control_journey_id(revision->journey, id);
    api_text(out, "journey", str_from(id));
    api_text(out, "name", revision->name);
    api_number(out, "revision", revision->number);
    api_instant(out, "saved", revision->saved_ms);
    api_text(out, "saved_by", revision->saved_by);
}

/* With what the checklist says of the document, and the document itself where it is wanted. */
static void answer_revision(struct service *service, struct http_request *request, unsigned status,
                            const struct revision *revision, const json_t *document, bool with_definition)
{
    struct buf out = {0};
    buf_put_char(&out, '{');
    put_revision(revision, &out);
    api_put_checklist(service, document, http_request_arena(request), &out);
    if (with_definition) {
        api_key(&out, "definition");
        document_write(document, &out);
    }
    buf_put_char(&out, '}');
    if (!with_definition)
        api_etag(request, revision->number);
    if (status == 201)
        api_put_location(request, revision->journey);
    api_answer(request, status, &out);
}

/* The draft that is there; the control's lock is held. */
static struct revision revision_of(const struct control_journey *journey, struct arena *arena)
{
    return (struct revision){.journey = journey->number,
                             .number = journey->draft.revision,
                             .name = arena_str(arena, journey->name),
                             .saved_ms = journey->draft.saved_ms,
                             .saved_by = arena_str(arena, journey->draft.saved_by)};
}

/* A body that is a document, else answered. */
static json_t *take_document(struct http_request *request)
{
    json_t *document;
    struct err_detail detail = {"", ""};
    enum err err = api_document(request, &document, &detail);
    if (!err)
        return document;
    http_problem(request, 0, err, &detail);
    return NULL;
}

/* A name that is too long is no large body. */
static void refuse(struct http_request *request, enum err code, const struct err_detail *detail)
{
    if (code == ERR_LIMIT)
        http_problem(request, 400, code, detail);
    else
        api_refuse(request, code, detail);
}

/* ── retries ──────────────────────────────────────────────────────────────── */

/* What an earlier request appended under the same key. */
struct repeat {
    struct arena *arena;
    struct control_entry entry;
};

static bool on_repeat(void *context, const struct control_entry *entry)
{
    struct repeat *repeat = context;
    repeat->entry = *entry;
    repeat->entry.kind = arena_str(repeat->arena, entry->kind);
    repeat->entry.actor = arena_str(repeat->arena, entry->actor);
    repeat->entry.body = arena_str(repeat->arena, entry->body);
    return false;
}

static enum err refuse_key(struct err_detail *detail)
{
    return err_fail(detail, ERR_REFUSED, "Idempotency-Key",
                    "was used for another change before; every change has a key of its own");
}

static struct str text_of(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_string(value) ? (struct str){json_string_value(value), json_string_length(value)}
                                 : STR("");
}

/* Whether the path's journey, where it leads to one, is this: a retry may come when the journey has gone. */
static bool is_named(struct service *service, struct str path, uint32_t number)
{
    crew_control_read(service->crew);
    const struct control_journey *journey = control_find_journey(service->control, path);
    bool same = !journey || journey->number == number;
    crew_control_unlock(service->crew);
    return same;
}

static bool created_journey(struct service *service, uint32_t number, uint64_t position)
{
    crew_control_read(service->crew);
    bool created = control_journey(service->control, number)->created == position;
    crew_control_unlock(service->crew);
    return created;
}

/* The entry's body, where it is of this kind. */
static enum err read_repeat(struct service *service, struct http_request *request, uint64_t position,
                            struct str kind, struct repeat *ret, json_t **ret_body, struct err_detail *detail)
{
    *ret = (struct repeat){.arena = http_request_arena(request)};
    enum err err = store_control_after(service->store, position - 1, on_repeat, ret, detail);
    if (err)
        return err;
    if (!str_equal(ret->entry.kind, kind))
        return refuse_key(detail);
    return document_parse(ret->entry.body, "entry", ret_body, detail);
}

bool api_same_document(const json_t *one, const json_t *other)
{
    struct buf a = {0}, b = {0};
    document_write(one, &a);
    document_write(other, &b);
    bool same = str_equal(buf_str(&a), buf_str(&b));
    buf_deinit(&a);
    buf_deinit(&b);
    return same;
}

/* The same answer again, if it was the same request. */
static void answer_saved_again(struct service *service, struct http_request *request, unsigned status,
                               const json_t *document, uint64_t position)
{
    struct err_detail detail = {"", ""};
    struct repeat repeat;
    json_t *body;
    enum err err = read_repeat(service, request, position, STR("draft"), &repeat, &body, &detail);
    if (err) {
        refuse(request, err, &detail);
        return;
    }
    struct revision revision = {
        .journey = (uint32_t)json_integer_value(json_object_get(body, "journey")),
        .number = (uint32_t)json_integer_value(json_object_get(body, "revision")),
        .name = arena_str(http_request_arena(request), text_of(body, "name")),
        .saved_ms = repeat.entry.at_ms,
        .saved_by = repeat.entry.actor,
    };
    bool same = created_journey(service, revision.journey, position) == (status == 201);
    if (same && status != 201)
        same = is_named(service, http_request_parameter(request, "journey"), revision.journey);
    if (same && api_same_document(document, json_object_get(body, "document"))) {
        answer_revision(service, request, status, &revision, document, false);
    } else {
        refuse_key(&detail);
        refuse(request, ERR_REFUSED, &detail);
    }
    json_decref(body);
}

/* ── create and save ──────────────────────────────────────────────────────── */

static void create(struct service *service, struct http_request *request, const json_t *document)
{
    struct err_detail detail = {"", ""};
    struct control_by by;
    struct revision revision;
    uint64_t position;
    uint32_t number;
    enum err err = api_take_by(service, request, &by, &detail);
    if (err) {
        refuse(request, err, &detail);
        return;
    }
    crew_control_write(service->crew);
    bool again = control_find_key(service->control, by.key, &position);
    if (!again)
        err = control_draft_create(service->control, document, &by, &number, &detail);
    if (!again && !err)
        revision = revision_of(control_journey(service->control, number), http_request_arena(request));
    crew_control_unlock(service->crew);
    if (again)
        answer_saved_again(service, request, 201, document, position);
    else if (err)
        refuse(request, err, &detail);
    else
        answer_revision(service, request, 201, &revision, document, false);
}

/* `publish`: true or false, false where it is not there. */
static enum err take_publish(const struct http_request *request, bool *ret, struct err_detail *detail)
{
    struct str text;
    *ret = false;
    if (!http_request_query(request, "publish", &text) || str_equal(text, STR("false")))
        return ERR_OK;
    *ret = str_equal(text, STR("true"));
    return *ret ? ERR_OK : err_fail(detail, ERR_INVALID, "publish", "must be true or false");
}

void api_journeys_create(void *context, struct http_request *request)
{
    struct err_detail detail = {"", ""};
    bool publish;
    if (take_publish(request, &publish, &detail)) {
        http_problem(request, 400, ERR_INVALID, &detail);
        return;
    }
    json_t *document = take_document(request);
    if (!document)
        return;
    if (publish)
        api_publish_new(context, request, document);
    else
        create(context, request, document);
    json_decref(document);
}

/* What a save comes to; each has an answer of its own. */
enum saving { SAVING_DONE, SAVING_AGAIN, SAVING_STALE, SAVING_BLIND, SAVING_OCCUPIED, SAVING_FAILED };

struct save {
    struct control_by by;
    uint32_t journey;
    enum err err;
    struct err_detail detail;
    struct revision revision; /* what was saved, or what is there instead (number 0 = nothing) */
    uint64_t position;        /* of that revision's document, or of the entry under the same key */
};

/* Under the lock: what is there and what is done with it belong together. */
static enum saving save_locked(struct service *service, struct http_request *request, const json_t *document,
                               struct save *save)
{
    struct control *control = service->control;
    struct arena *arena = http_request_arena(request);
    if (control_find_key(control, save->by.key, &save->position))
        return SAVING_AGAIN;
    const struct control_journey *journey = control_journey(control, save->journey);
    struct str list;
    bool matches = http_request_header(request, "If-Match", &list);
    uint32_t revision = journey->draft.revision;
    save->revision = revision_of(journey, arena);
    save->position = journey->draft.position;
    if (!api_if_match(request, revision, &save->detail))
        return matches ? SAVING_STALE : SAVING_OCCUPIED;
    if (revision && !matches)
        return SAVING_BLIND;
    save->err = control_draft_save(control, save->journey, revision, document, &save->by, &save->detail);
    if (save->err)
        return SAVING_FAILED;
    save->revision = revision_of(journey, arena);
    return SAVING_DONE;
}

/* Both sides: what is there by now, and what came. */
static void answer_stale(struct service *service, struct http_request *request, const json_t *document,
                         struct save *save)
{
    json_t *theirs = NULL;
    struct buf members = {0};
    if (save->revision.number) {
        enum err err = control_document(service->store, save->position, &theirs, &save->detail);
        if (err) {
            api_refuse(request, err, &save->detail);
            return;
        }
        api_number(&members, "revision", save->revision.number);
        api_instant(&members, "saved", save->revision.saved_ms);
        api_text(&members, "saved_by", save->revision.saved_by);
        api_etag(request, save->revision.number);
        err_fail(&save->detail, ERR_REFUSED, "If-Match",
                 "%.*s has saved revision %" PRIu32
                 " meanwhile; put both sides together and save on that one",
                 STR_ARG(save->revision.saved_by), save->revision.number);
    } else {
        api_key(&members, "revision");
        buf_put_text(&members, "null");
        err_fail(&save->detail, ERR_REFUSED, "If-Match",
                 "there is no draft any more: it was published or discarded; save without If-Match to begin "
                 "another");
    }
    api_key(&members, "yours");
    document_write(document, &members);
    api_key(&members, "theirs");
    if (theirs)
        document_write(theirs, &members);
    else
        buf_put_text(&members, "null");
    json_decref(theirs);
    api_problem(request, 409, ERR_REFUSED, &save->detail, buf_str(&members));
    buf_deinit(&members);
}

static void answer_save(struct service *service, struct http_request *request, const json_t *document,
                        enum saving saving, struct save *save)
{
    switch (saving) {
    case SAVING_DONE: answer_revision(service, request, 200, &save->revision, document, false); return;
    case SAVING_AGAIN: answer_saved_again(service, request, 200, document, save->position); return;
    case SAVING_STALE: answer_stale(service, request, document, save); return;
    case SAVING_BLIND:
        err_fail(&save->detail, ERR_REFUSED, "If-Match",
                 "there is a draft already: say by If-Match: \"%" PRIu32
                 "\" that you have seen it (GET it first)",
                 save->revision.number);
        http_problem(request, 428, ERR_REFUSED, &save->detail);
        return;
    case SAVING_OCCUPIED: http_problem(request, 412, ERR_REFUSED, &save->detail); return;
    case SAVING_FAILED: refuse(request, save->err, &save->detail); return;
    }
}

/* The journey of the path; a retry is known by its key alone, as its journey may have gone. */
static bool find_for_change(struct service *service, struct http_request *request, struct str key,
                            uint32_t *ret_journey)
{
    uint64_t position;
    crew_control_read(service->crew);
    bool again = control_find_key(service->control, key, &position);
    crew_control_unlock(service->crew);
    *ret_journey = again ? 0 : api_find_entity(service, request);
    return again || *ret_journey;
}

void api_draft_save(void *context, struct http_request *request)
{
    struct service *service = context;
    struct save save = {0};
    json_t *document = take_document(request);
    if (!document)
        return;
    enum err err = api_take_by(service, request, &save.by, &save.detail);
    if (err) {
        refuse(request, err, &save.detail);
    } else if (find_for_change(service, request, save.by.key, &save.journey)) {
        crew_control_write(service->crew);
        enum saving saving = save_locked(service, request, document, &save);
        crew_control_unlock(service->crew);
        answer_save(service, request, document, saving, &save);
    }
    json_decref(document);
}

/* ── show and check ───────────────────────────────────────────────────────── */

static void refuse_no_draft(struct http_request *request)
{
    const struct err_detail detail = {"", "the journey has no draft; PUT one to begin it"};
    http_problem(request, 404, ERR_NOT_FOUND, &detail);
}

void api_draft(void *context, struct http_request *request)
{
    struct service *service = context;
    uint32_t number = api_find_entity(service, request);
    if (!number)
        return;
    crew_control_read(service->crew);
    const struct control_journey *journey = control_journey(service->control, number);
    struct revision revision = revision_of(journey, http_request_arena(request));
    uint64_t position = journey->draft.position;
    crew_control_unlock(service->crew);
    if (!revision.number) {
        refuse_no_draft(request);
        return;
    }
    struct err_detail detail = {"", ""};
    json_t *document;
    enum err err = control_document(service->store, position, &document, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    if (!api_unchanged(request, revision.number))
        answer_revision(service, request, 200, &revision, document, true);
    json_decref(document);
}

/* Where the document is that is to be checked: the draft's, or a version's. */
static enum err find_checked(const struct control *control, const struct control_journey *journey,
                             const struct http_request *request, uint64_t *ret_position,
                             struct err_detail *detail)
{
    struct str text;
    int64_t version;
    if (!http_request_query(request, "version", &text)) {
        *ret_position = journey->draft.position;
        return *ret_position ? ERR_OK
                             : err_fail(detail, ERR_NOT_FOUND, "",
                                        "the journey has no draft; ?version=1 checks what is published");
    }
    if (!str_to_int64(text, &version) || version < 1)
        return err_fail(detail, ERR_INVALID, "version", "must be a version's number, from 1");
    if ((uint64_t)version > journey->versions.count)
        return err_fail(detail, ERR_NOT_FOUND, "version", "the journey has %zu published version%s",
                        journey->versions.count, journey->versions.count == 1 ? "" : "s");
    *ret_position = plan_version(control_plan(control), journey->versions.items[version - 1].number)->control;
    return ERR_OK;
}

void api_journey_check(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    uint32_t number = api_find_entity(service, request);
    uint64_t position;
    json_t *document;
    if (!number)
        return;
    crew_control_read(service->crew);
    enum err err = find_checked(service->control, control_journey(service->control, number), request,
                                &position, &detail);
    crew_control_unlock(service->crew);
    if (!err)
        err = control_document(service->store, position, &document, &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    struct buf out = {0};
    buf_put_char(&out, '{');
    api_put_checklist(service, document, http_request_arena(request), &out);
    buf_put_char(&out, '}');
    json_decref(document);
    api_answer(request, 200, &out);
}

/* ── discard ──────────────────────────────────────────────────────────────── */

static void answer_discard(struct service *service, struct http_request *request, uint32_t number,
                           int64_t revision)
{
    char id[CONTROL_ID_BYTES];
    struct buf out = {0};
    control_journey_id(number, id);
    crew_control_read(service->crew);
    bool gone = control_journey(service->control, number)->gone;
    crew_control_unlock(service->crew);
    buf_put_char(&out, '{');
    api_text(&out, "journey", str_from(id));
    api_number(&out, "revision", revision);
    api_truth(&out, "gone", gone);
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}

static void answer_discarded_again(struct service *service, struct http_request *request, uint64_t position)
{
    struct err_detail detail = {"", ""};
    struct repeat repeat;
    json_t *body;
    enum err err = read_repeat(service, request, position, STR("discard"), &repeat, &body, &detail);
    if (err) {
        refuse(request, err, &detail);
        return;
    }
    uint32_t journey = (uint32_t)json_integer_value(json_object_get(body, "journey"));
    int64_t revision = json_integer_value(json_object_get(body, "revision"));
    json_decref(body);
    if (is_named(service, http_request_parameter(request, "journey"), journey)) {
        answer_discard(service, request, journey, revision);
        return;
    }
    refuse_key(&detail);
    refuse(request, ERR_REFUSED, &detail);
}

void api_draft_discard(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct control_by by;
    uint32_t number, revision = 0;
    uint64_t position;
    enum err err = api_take_by(service, request, &by, &detail);
    if (err) {
        refuse(request, err, &detail);
        return;
    }
    if (!find_for_change(service, request, by.key, &number))
        return;
    crew_control_write(service->crew);
    bool stale = false, again = control_find_key(service->control, by.key, &position);
    if (!again) {
        revision = control_journey(service->control, number)->draft.revision;
        stale = revision && !api_if_match(request, revision, &detail);
        if (!stale)
            err = control_draft_discard(service->control, number, &by, &detail);
    }
    crew_control_unlock(service->crew);
    if (again)
        answer_discarded_again(service, request, position);
    else if (stale)
        http_problem(request, 412, ERR_REFUSED, &detail);
    else if (err)
        refuse(request, err, &detail);
    else
        answer_discard(service, request, number, revision);
}
