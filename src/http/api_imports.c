/* Imports: a file that is handed over as the body of a request, what became of it, and the rows that were
 * rejected. The file is answered with 202 when it is durable that its rows will be taken. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/api.h"
#include "ingest/imports.h"
#include "json/write.h"

enum { LIST_USUAL = 20, LIST_MOST = 100 };

static void put_counts(const struct import_job *job, int64_t now_ms, struct buf *out)
{
    const struct import_counts *counts = &job->counts;
    bool began = job->started_ms != INSTANT_NEVER;
    int64_t until_ms = job->ended_ms != INSTANT_NEVER ? job->ended_ms : now_ms;
    int64_t took_ms = began && until_ms > job->started_ms ? until_ms - job->started_ms : 0;
    api_number(out, "size", (int64_t)job->size);
    api_number(out, "bytes_read", (int64_t)counts->bytes);
    api_number(out, "rows", (int64_t)counts->rows);
    api_number(out, "taken", (int64_t)counts->taken);
    api_number(out, "rejected", (int64_t)counts->rejected);
    api_number(out, "duplicates", (int64_t)counts->duplicates);
    api_number(out, "rows_per_second", took_ms ? (int64_t)counts->rows * 1000 / took_ms : 0);
    api_instant(out, "created", job->created_ms);
    api_instant(out, "started", job->started_ms);
    api_instant(out, "ended", job->ended_ms);
}

static void put_job(const struct import_job *job, int64_t now_ms, struct buf *out)
{
    buf_put_char(out, '{');
    api_number(out, "id", job->id);
    api_text(out, "name", str_from(job->name));
    api_text(out, "kind", job->form == SEGMENT_EVENT ? STR("events") : STR("contacts"));
    api_truth(out, "live", job->live);
    api_text(out, "state", str_from(import_state_name(job->state)));
    api_truth(out, "cancelling", job->cancelling);
    put_counts(job, now_ms, out);
    api_text(out, "by", str_from(job->by));
    api_key(out, "same_as");
    if (job->same_as)
        buf_printf(out, "%" PRIu32, job->same_as);
    else
        buf_put_text(out, "null");
    api_key(out, "why");
    if (job->state == IMPORT_FAILED)
        json_write_string(str_from(job->why), out);
    else
        buf_put_text(out, "null");
    api_key(out, "first_rejects");
    buf_put_char(out, '[');
    for (uint32_t i = 0; i < job->reject_count; i++) {
        api_item(out);
        buf_put_char(out, '{');
        api_number(out, "line", (int64_t)job->rejects[i].line);
        api_text(out, "reason", str_from(job->rejects[i].reason));
        buf_put_char(out, '}');
    }
    buf_put_text(out, "]}");
}

static void answer_job(struct service *service, struct http_request *request, unsigned status,
                       const struct import_job *job)
{
    struct buf out = {0};
    put_job(job, service->clock(service->clock_context), &out);
    api_answer(request, status, &out);
}

/* The import that the path names; false after it has answered 404. */
static bool find_job(struct service *service, struct http_request *request, struct import_job *ret)
{
    int64_t id;
    struct str text = http_request_parameter(request, "import");
    if (str_to_int64(text, &id) && id >= 1 && id <= UINT32_MAX &&
        imports_find(service->imports, (uint32_t)id, ret))
        return true;
    struct err_detail detail = {"", ""};
    err_fail(&detail, ERR_NOT_FOUND, "import", "there is no import of this number");
    http_problem(request, 404, ERR_NOT_FOUND, &detail);
    return false;
}

/* ── handing over ─────────────────────────────────────────────────────────── */

struct handing {
    struct import_offer offer;
    struct service *service;
    struct http_request *request;
    int fd;
};

static void on_answer(struct import_offer *offer, const struct import_job *job, enum err err,
                      const struct err_detail *detail)
{
    struct handing *handing = offer->context;
    struct http_request *request = handing->request;
    char location[64];
    if (err == ERR_LIMIT) {
        api_try_again(request, 429, ERR_BUSY, detail);
        return;
    }
    if (err) {
        api_refuse(request, err, detail);
        return;
    }
    http_request_keep_file(request); /* it lies elsewhere by now */
    close(handing->fd);
    snprintf(location, sizeof location, "/v1/imports/%" PRIu32, job->id);
    http_answer_header(request, "Location", location);
    answer_job(handing->service, request, 202, job);
}

static enum err take_query(const struct http_request *request, struct import_offer *offer,
                           struct err_detail *detail)
{
    struct str kind, live;
    if (!http_request_query(request, "kind", &kind) ||
        !(str_equal(kind, STR("events")) || str_equal(kind, STR("contacts"))))
        return err_fail(detail, ERR_INVALID, "kind", "must be events or contacts: what the file's rows are");
    offer->form = str_equal(kind, STR("events")) ? SEGMENT_EVENT : SEGMENT_CONTACT;
    if (!http_request_query(request, "live", &live))
        return ERR_OK;
    offer->live = str_equal(live, STR("true"));
    if (!offer->live && !str_equal(live, STR("false")))
        return err_fail(detail, ERR_INVALID, "live", "must be true or false");
    if (offer->live && offer->form == SEGMENT_CONTACT)
        return err_fail(detail, ERR_INVALID, "live", "is for events; contacts are always changed now");
    return ERR_OK;
}

void api_import(void *context, struct http_request *request)
{
    struct service *service = context;
    struct arena *arena = http_request_arena(request);
    struct err_detail detail = {"", ""};
    struct handing *handing = arena_take(arena, sizeof *handing);
    struct str name;
    *handing = (struct handing){.service = service, .request = request};
    struct import_offer *offer = &handing->offer;
    enum err err = take_query(request, offer, &detail);
    struct http_file file = http_request_file(request);
    if (!err && file.size == 0)
        err = err_fail(&detail, ERR_INVALID, "", "the body is empty; it must be the file");
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    if (!http_request_query(request, "name", &name) || name.size == 0)
        name = STR("upload");
    handing->fd = file.fd;
    offer->path = file.path;
    offer->name = arena_str(arena, name).data;
    offer->by = arena_str(arena, http_request_who(request)).data;
    offer->answer = on_answer;
    offer->context = handing;
    imports_offer(service->imports, offer);
}

/* ── looking ──────────────────────────────────────────────────────────────── */

void api_imports_list(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct api_page page;
    int64_t before = 0, now_ms = service->clock(service->clock_context);
    enum err err = api_page_of(request, LIST_USUAL, LIST_MOST, &page, &detail);
    if (!err && page.cursor.size &&
        (!str_to_int64(page.cursor, &before) || before < 1 || before > UINT32_MAX))
        err = err_fail(&detail, ERR_INVALID, "cursor", "is none that this list gave; begin without one");
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    struct import_job *jobs = arena_take_array(http_request_arena(request), page.limit, sizeof *jobs);
    size_t count = imports_list(service->imports, (uint32_t)before, page.limit, jobs);
    struct buf out = {0};
    buf_put_text(&out, "{\"imports\":[");
    for (size_t i = 0; i < count; i++) {
        api_item(&out);
        put_job(&jobs[i], now_ms, &out);
    }
    buf_put_text(&out, "],\"next\":");
    if (count == page.limit && jobs[count - 1].id > 1)
        buf_printf(&out, "\"%" PRIu32 "\"}", jobs[count - 1].id);
    else
        buf_put_text(&out, "null}");
    api_answer(request, 200, &out);
}

void api_import_look(void *context, struct http_request *request)
{
    struct import_job job;
    if (find_job(context, request, &job))
        answer_job(context, request, 200, &job);
}

void api_import_cancel(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct import_job job;
    if (!find_job(service, request, &job))
        return;
    enum err err = imports_cancel(service->imports, job.id, &job, &detail);
    if (err)
        http_problem(request, 0, err, &detail);
    else
        answer_job(service, request, 202, &job);
}

void api_import_rejects(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct import_job job;
    char path[512], disposition[80], first = '\0';
    if (!find_job(service, request, &job))
        return;
    if (!import_has_ended(job.state)) {
        err_fail(&detail, ERR_REFUSED, "import", "it is %s; its rejected rows are there when it has ended",
                 import_state_name(job.state));
        http_problem(request, 409, ERR_REFUSED, &detail);
        return;
    }
    imports_rejects_path(service->imports, job.id, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, &first, 1, 0) != 1) {
        if (fd >= 0)
            close(fd);
        err_fail(&detail, ERR_NOT_FOUND, "import", "it has no file of rejected rows");
        http_problem(request, 404, ERR_NOT_FOUND, &detail);
        return;
    }
    bool csv = first != '{';
    snprintf(disposition, sizeof disposition, "attachment; filename=\"import-%" PRIu32 "-rejects.%s\"",
             job.id, csv ? "csv" : "ndjson");
    http_answer_header(request, "Content-Disposition", disposition);
    http_answer_file(request, 200, csv ? "text/csv" : "application/x-ndjson", fd);
}
