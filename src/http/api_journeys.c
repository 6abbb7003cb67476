/* Journeys: checked, listed, shown. */
#include "base/spelling.h"
#include "delivery/destination_log.h"
#include "http/api.h"
#include "journey/checklist.h"
#include "json/document.h"
#include "json/write.h"

enum { LIST_USUAL = 100, LIST_MOST = 1000 };

/* ── what a journey looks like ────────────────────────────────────────────── */

static const char *state_of(const struct control *control, const struct control_journey *journey)
{
    uint16_t version = control_newest(journey);
    return version_state_name(control_version_status(control, version).state);
}

static void put_labels(const struct control_journey *journey, struct buf *out)
{
    api_key(out, "labels");
    buf_put_char(out, '[');
    for (uint32_t i = 0; i < journey->label_count; i++) {
        api_item(out);
        json_write_string(journey->labels[i], out);
    }
    buf_put_char(out, ']');
}

static void put_draft(const struct control_draft *draft, struct buf *out)
{
    api_key(out, "draft");
    if (draft->revision == 0) {
        buf_put_text(out, "null");
        return;
    }
    buf_put_char(out, '{');
    api_number(out, "revision", draft->revision);
    api_instant(out, "saved", draft->saved_ms);
    api_text(out, "saved_by", draft->saved_by);
    buf_put_char(out, '}');
}

static void put_version(const struct control *control, const struct control_journey *journey, struct buf *out)
{
    const struct control_version *newest =
        journey->versions.count ? &journey->versions.items[journey->versions.count - 1] : NULL;
    api_key(out, "version");
    if (newest)
        buf_put_decimal(out, plan_version(control_plan(control), newest->number)->ordinal);
    else
        buf_put_text(out, "null");
    api_text(out, "state", str_from(state_of(control, journey)));
    enum version_hold hold = control_version_status(control, control_newest(journey)).hold;
    if (hold != HOLD_NONE)
        api_text(out, "hold", str_from(version_hold_name(hold)));
    api_instant(out, "published", newest ? newest->published_ms : INSTANT_NEVER);
    api_key(out, "published_by");
    if (newest)
        json_write_string(newest->published_by, out);
    else
        buf_put_text(out, "null");
}

void api_put_journey(const struct control *control, const struct control_journey *journey, struct buf *out)
{
    char id[CONTROL_ID_BYTES];
    control_journey_id(journey->number, id);
    api_text(out, "id", str_from(id));
    api_text(out, "name", journey->name);
    put_version(control, journey, out);
    api_instant(out, "created", journey->created_ms);
    api_text(out, "created_by", journey->created_by);
    put_draft(&journey->draft, out);
    api_text(out, "description", journey->description);
    put_labels(journey, out);
}

void api_put_findings(const struct findings *findings, struct buf *out)
{
    api_key(out, "findings");
    buf_put_char(out, '[');
    array_each (&findings->rows, i) {
        const struct finding *f = &findings->rows.items[i];
        bool error = finding_code_severity(f->code) == SEVERITY_ERROR;
        api_item(out);
        buf_put_char(out, '{');
        api_text(out, "severity", error ? STR("error") : STR("warning"));
        api_text(out, "code", str_from(finding_code_name(f->code)));
        api_key(out, "node");
        if (f->node.size)
            json_write_string(f->node, out);
        else
            buf_put_text(out, "null");
        api_text(out, "pointer", str_from(f->pointer));
        api_text(out, "message", str_from(f->message));
        api_text(out, "fix", str_from(f->fix));
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

static void answer_unknown(struct http_request *request, struct str wanted, const struct str *names,
                           size_t count, const char *place)
{
    struct err_detail detail = {"", ""};
    struct str nearest = spelling_nearest(wanted, names, count);
    err_fail(&detail, ERR_NOT_FOUND, place, "there is no journey of this %s%s%.*s%s",
             control_is_id(wanted) ? "id" : "name", nearest.size ? "; did you mean \"" : "", STR_ARG(nearest),
             nearest.size ? "\"?" : "");
    http_problem(request, 404, ERR_NOT_FOUND, &detail);
}

/* Names are copied: the nearest is looked for when the lock is free again. */
static size_t take_names(const struct control *control, struct arena *arena, struct str **ret)
{
    size_t count = 0;
    const struct control_journey *journey;
    for (uint32_t n = 1; (journey = control_journey(control, n)); n++)
        count += !journey->gone;
    *ret = arena_take_array(arena, count, sizeof **ret);
    count = 0;
    for (uint32_t n = 1; (journey = control_journey(control, n)); n++) {
        if (!journey->gone)
            (*ret)[count++] = arena_str(arena, journey->name);
    }
    return count;
}

static uint32_t find_entity(struct service *service, struct http_request *request, struct str wanted,
                            const char *place)
{
    struct str *names = NULL;
    size_t count = 0;
    crew_control_read(service->crew);
    const struct control_journey *journey = control_find_journey(service->control, wanted);
    uint32_t number = journey ? journey->number : 0;
    if (!journey)
        count = take_names(service->control, http_request_arena(request), &names);
    crew_control_unlock(service->crew);
    if (!number)
        answer_unknown(request, wanted, names, count, place);
    return number;
}

uint32_t api_find_entity(struct service *service, struct http_request *request)
{
    return find_entity(service, request, http_request_parameter(request, "journey"), "");
}

uint16_t api_find_version(struct service *service, struct http_request *request, struct str id_or_name,
                          const char *place)
{
    uint32_t number = find_entity(service, request, id_or_name, place);
    if (!number)
        return VERSION_NONE;
    crew_control_read(service->crew);
    uint16_t version = control_newest(control_journey(service->control, number));
    crew_control_unlock(service->crew);
    if (version == VERSION_NONE) {
        struct err_detail detail;
        err_fail(&detail, ERR_NOT_FOUND, place, "the journey is a draft: it has no published version yet");
        http_problem(request, 404, ERR_NOT_FOUND, &detail);
    }
    return version;
}

uint16_t api_find_journey(struct service *service, struct http_request *request)
{
    return api_find_version(service, request, http_request_parameter(request, "journey"), "");
}

/* ── reading ──────────────────────────────────────────────────────────────── */

struct filter {
    struct str state, q; /* empty = all */
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Letters of ASCII are the same in both cases. */
static bool contains(struct str text, struct str part)
{
    for (size_t at = 0; at + part.size <= text.size; at++) {
        size_t same = 0;
        while (same < part.size && lower(text.data[at + same]) == lower(part.data[same]))
            same++;
        if (same == part.size)
            return true;
    }
    return false;
}

static bool is_shown(const struct control *control, const struct control_journey *journey,
                     const struct filter *filter)
{
    if (journey->gone)
        return false;
    if (filter->state.size && !str_equal(filter->state, str_from(state_of(control, journey))))
        return false;
    bool found = contains(journey->name, filter->q) || contains(journey->description, filter->q);
    for (uint32_t i = 0; i < journey->label_count && !found; i++)
        found = contains(journey->labels[i], filter->q);
    return found;
}

/* `active` is what others call running. */
static enum err take_filter(const struct http_request *request, struct filter *ret, struct err_detail *detail)
{
    *ret = (struct filter){STR(""), STR("")};
    http_request_query(request, "q", &ret->q);
    if (!http_request_query(request, "state", &ret->state))
        return ERR_OK;
    if (str_equal(ret->state, STR("active")))
        ret->state = STR("running");
    for (enum version_state state = VERSION_DRAFT; state < VERSION_STATES; state++) {
        if (str_equal(ret->state, str_from(version_state_name(state))))
            return ERR_OK;
    }
    return err_fail(detail, ERR_INVALID, "state", "must be draft, running (or active), paused or stopped");
}

/* A page of them; the number of the first that is beyond it, 0 = none. */
static uint32_t put_page(const struct control *control, const struct filter *filter, uint32_t first,
                         uint32_t limit, struct buf *out)
{
    uint32_t shown = 0;
    const struct control_journey *journey;
    for (uint32_t number = first; (journey = control_journey(control, number)); number++) {
        if (!is_shown(control, journey, filter))
            continue;
        if (shown++ == limit)
            return number;
        api_item(out);
        buf_put_char(out, '{');
        api_put_journey(control, journey, out);
        buf_put_char(out, '}');
    }
    return 0;
}

void api_journeys_list(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct api_page page;
    struct filter filter;
    int64_t first = 1;
    enum err err = api_page_of(request, LIST_USUAL, LIST_MOST, &page, &detail);
    if (!err && page.cursor.size && (!str_to_int64(page.cursor, &first) || first < 1 || first > UINT32_MAX))
        err = err_fail(&detail, ERR_INVALID, "cursor", "is none that this list gave; begin without one");
    if (!err)
        err = take_filter(request, &filter, &detail);
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    struct buf out = {0};
    buf_put_text(&out, "{\"journeys\":[");
    crew_control_read(service->crew);
    uint32_t next = put_page(service->control, &filter, (uint32_t)first, page.limit, &out);
    crew_control_unlock(service->crew);
    buf_put_char(&out, ']');
    api_key(&out, "next");
    if (next)
        buf_printf(&out, "\"%u\"", next);
    else
        buf_put_text(&out, "null");
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}

/* Where the definition is that a journey shows: the newest version's, else the draft's. */
static uint64_t definition_position(const struct control *control, const struct control_journey *journey)
{
    uint16_t version = control_newest(journey);
    return version == VERSION_NONE ? journey->draft.position
                                   : plan_version(control_plan(control), version)->control;
}

void api_journey(void *context, struct http_request *request)
{
    struct service *service = context;
    uint32_t number = api_find_entity(service, request);
    if (!number)
        return;
    struct buf out = {0};
    buf_put_char(&out, '{');
    crew_control_read(service->crew);
    const struct control_journey *journey = control_journey(service->control, number);
    uint64_t changed = journey->changed, position = definition_position(service->control, journey);
    api_put_journey(service->control, journey, &out);
    crew_control_unlock(service->crew);
    if (position == 0) { /* it was discarded since it was found */
        buf_deinit(&out);
        answer_unknown(request, http_request_parameter(request, "journey"), NULL, 0, "");
        return;
    }
    if (api_unchanged(request, changed)) {
        buf_deinit(&out);
        return;
    }
    struct err_detail detail = {"", ""};
    json_t *document;
    enum err err = control_document(service->store, position, &document, &detail);
    if (err) {
        buf_deinit(&out);
        api_refuse(request, err, &detail);
        return;
    }
    api_key(&out, "definition");
    document_write(document, &out);
    json_decref(document);
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}

enum err api_document(const struct http_request *request, json_t **ret, struct err_detail *detail)
{
    return document_parse(http_request_body(request), "body", ret, detail);
}

void api_checklist(struct service *service, const json_t *document, struct arena *arena, struct findings *ret)
{
    checklist_run(document, arena, ret);
    crew_control_read(service->crew);
    destination_log_check(service->control, document, arena, ret);
    crew_control_unlock(service->crew);
}

void api_put_checklist(struct service *service, const json_t *document, struct arena *arena, struct buf *out)
{
    struct findings findings = {0};
    api_checklist(service, document, arena, &findings);
    api_number(out, "errors", findings.errors);
    api_number(out, "warnings", findings.warnings);
    api_put_findings(&findings, out);
    array_free(&findings.rows);
}

void api_journeys_check(void *context, struct http_request *request)
{
    json_t *document;
    struct err_detail detail = {"", ""};
    enum err err = api_document(request, &document, &detail);
    if (err) {
        http_problem(request, 0, err, &detail);
        return;
    }
    struct buf out = {0};
    buf_put_char(&out, '{');
    api_put_checklist(context, document, http_request_arena(request), &out);
    json_decref(document);
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}
