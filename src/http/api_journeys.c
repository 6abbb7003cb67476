/* Journeys: checked, listed, shown. */
#include "base/spelling.h"
#include "http/api.h"
#include "journey/checklist.h"
#include "json/document.h"
#include "json/write.h"

enum { LIST_USUAL = 100, LIST_MOST = 1000 };

/* ── what a journey looks like ────────────────────────────────────────────── */

static int64_t published_ms(const struct control *control, const struct plan_version *version)
{
    struct action action;
    for (size_t i = 0; control_action(control, i, &action); i++) {
        if (action.position == version->control)
            return action.at_ms;
    }
    return INSTANT_NEVER;
}

void api_put_journey(const struct control *control, uint16_t number, struct buf *out)
{
    const struct plan_version *version = plan_version(control_plan(control), number);
    const struct definition *definition = version->definition;
    struct version_status status = control_version_status(control, number);
    api_text(out, "name", definition->name);
    api_number(out, "version", version->ordinal);
    api_text(out, "state", str_from(version_state_name(status.state)));
    if (status.hold != HOLD_NONE)
        api_text(out, "hold", str_from(version_hold_name(status.hold)));
    api_instant(out, "published", published_ms(control, version));
    api_text(out, "description", definition->description);
    api_key(out, "labels");
    buf_put_char(out, '[');
    for (uint32_t i = 0; i < definition->label_count; i++) {
        api_item(out);
        json_write_string(definition->labels[i], out);
    }
    buf_put_char(out, ']');
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

uint16_t api_find_journey(struct service *service, struct http_request *request)
{
    struct str name = http_request_parameter(request, "journey");
    struct arena *arena = http_request_arena(request);
    crew_control_read(service->crew);
    const struct plan *plan = control_plan(service->control);
    uint16_t version = plan_find(plan, name), count = plan_journey_count(plan);
    struct str *names = arena_take_array(arena, count, sizeof *names);
    for (uint16_t i = 0; i < count; i++)
        names[i] = plan_journey_name(plan, i);
    crew_control_unlock(service->crew);
    if (version != VERSION_NONE)
        return version;
    struct err_detail detail = {"", ""};
    struct str nearest = spelling_nearest(name, names, count);
    err_fail(&detail, ERR_NOT_FOUND, "", "there is no journey of this name%s%.*s%s",
             nearest.size ? "; did you mean \"" : "", STR_ARG(nearest), nearest.size ? "\"?" : "");
    http_problem(request, 404, ERR_NOT_FOUND, &detail);
    return VERSION_NONE;
}

/* ── reading ──────────────────────────────────────────────────────────────── */

void api_journeys_list(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct api_page page;
    int64_t first = 0;
    enum err err = api_page_of(request, LIST_USUAL, LIST_MOST, &page, &detail);
    if (!err && page.cursor.size && (!str_to_int64(page.cursor, &first) || first < 0))
        err = err_fail(&detail, ERR_INVALID, "cursor", "is none that this list gave; begin without one");
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    struct buf out = {0};
    buf_put_text(&out, "{\"journeys\":[");
    crew_control_read(service->crew);
    const struct plan *plan = control_plan(service->control);
    int64_t count = plan_journey_count(plan), i = first;
    for (; i < count && i < first + page.limit; i++) {
        api_item(&out);
        buf_put_char(&out, '{');
        api_put_journey(service->control, plan_newest(plan, (uint16_t)i), &out);
        buf_put_char(&out, '}');
    }
    crew_control_unlock(service->crew);
    buf_put_char(&out, ']');
    api_key(&out, "next");
    if (i < count)
        buf_printf(&out, "\"%lld\"", (long long)i);
    else
        buf_put_text(&out, "null");
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}

/* The definition as it was published is the control entry's body. */
static bool on_publish_entry(void *context, const struct control_entry *entry)
{
    buf_put_str(context, entry->body);
    return false;
}

void api_journey(void *context, struct http_request *request)
{
    struct service *service = context;
    uint16_t version = api_find_journey(service, request);
    if (version == VERSION_NONE)
        return;
    struct buf out = {0};
    buf_put_char(&out, '{');
    crew_control_read(service->crew);
    api_put_journey(service->control, version, &out);
    uint64_t position = plan_version(control_plan(service->control), version)->control;
    crew_control_unlock(service->crew);
    struct err_detail detail = {"", ""};
    api_key(&out, "definition");
    enum err err = store_control_after(service->store, position - 1, on_publish_entry, &out, &detail);
    if (err) {
        buf_deinit(&out);
        api_refuse(request, err, &detail);
        return;
    }
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}

enum err api_document(const struct http_request *request, json_t **ret, struct err_detail *detail)
{
    return document_parse(http_request_body(request), "body", ret, detail);
}

void api_journeys_check(void *context, struct http_request *request)
{
    (void)context;
    json_t *document;
    struct err_detail detail = {"", ""};
    enum err err = api_document(request, &document, &detail);
    if (err) {
        http_problem(request, 0, err, &detail);
        return;
    }
    struct findings findings = {0};
    struct buf out = {0};
    checklist_run(document, http_request_arena(request), &findings);
    json_decref(document);
    buf_put_char(&out, '{');
    api_number(&out, "errors", findings.errors);
    api_number(&out, "warnings", findings.warnings);
    api_put_findings(&findings, &out);
    buf_put_char(&out, '}');
    array_free(&findings.rows);
    api_answer(request, 200, &out);
}
