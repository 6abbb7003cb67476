#include "http/api.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/check.h"
#include "calendar/instant.h"
#include "http/problem.h"
#include "json/write.h"

enum { KEY_BYTES_MAX = 200 };

/* ── writing ──────────────────────────────────────────────────────────────── */

void api_item(struct buf *out)
{
    char last = out->size ? out->data[out->size - 1] : '[';
    if (last != '{' && last != '[' && last != ':')
        buf_put_char(out, ',');
}

void api_key(struct buf *out, const char *key)
{
    api_item(out);
    json_write_string(str_from(key), out);
    buf_put_char(out, ':');
}

void api_text(struct buf *out, const char *key, struct str text)
{
    api_key(out, key);
    json_write_string(text, out);
}

void api_number(struct buf *out, const char *key, int64_t number)
{
    api_key(out, key);
    buf_put_decimal(out, number);
}

void api_truth(struct buf *out, const char *key, bool truth)
{
    api_key(out, key);
    json_write_bool(truth, out);
}

void api_instant(struct buf *out, const char *key, int64_t ms)
{
    char text[32];
    api_key(out, key);
    if (ms == INSTANT_NEVER) {
        buf_put_text(out, "null");
        return;
    }
    int size = instant_print(ms, ms % SECOND_MS != 0, text);
    json_write_string((struct str){text, (size_t)size}, out);
}

void api_answer(struct http_request *request, unsigned status, struct buf *out)
{
    struct buf own = *out; /* `out` may live in the request's arena, which goes with the answer */
    http_answer(request, status, "application/json", buf_str(&own));
    buf_deinit(&own);
}

void api_problem(struct http_request *request, unsigned status, enum err code,
                 const struct err_detail *detail, struct str members)
{
    struct buf out = {0};
    problem_write(status, code, detail, &out);
    out.size--; /* the closing brace */
    buf_put_char(&out, ',');
    buf_put_str(&out, members);
    buf_put_char(&out, '}');
    http_answer(request, status, "application/problem+json", buf_str(&out));
    buf_deinit(&out);
}

void api_try_again(struct http_request *request, unsigned status, enum err code,
                   const struct err_detail *detail)
{
    http_answer_header(request, "Retry-After", "1");
    http_problem(request, status, code, detail);
}

void api_refuse(struct http_request *request, enum err code, const struct err_detail *detail)
{
    if (code == ERR_FULL || code == ERR_BUSY)
        api_try_again(request, 503, code, detail);
    else
        http_problem(request, 0, code, detail);
}

enum err api_page_of(const struct http_request *request, uint32_t usual, uint32_t most, struct api_page *ret,
                     struct err_detail *detail)
{
    struct str text;
    int64_t limit = usual;
    *ret = (struct api_page){0};
    if (http_request_query(request, "limit", &text) &&
        (!str_to_int64(text, &limit) || limit < 1 || limit > most))
        return err_fail(detail, ERR_INVALID, "limit", "must be a whole number from 1 to %u", most);
    ret->limit = (uint32_t)limit;
    if (!http_request_query(request, "cursor", &ret->cursor))
        ret->cursor = STR("");
    return ERR_OK;
}

enum err api_idempotency_key(const struct http_request *request, struct str *ret, struct err_detail *detail)
{
    struct str key;
    if (!http_request_header(request, "Idempotency-Key", &key))
        return ERR_OK;
    bool sound = key.size > 0 && key.size <= KEY_BYTES_MAX;
    for (size_t i = 0; i < key.size && sound; i++)
        sound = key.data[i] > ' ' && key.data[i] <= '~';
    if (!sound)
        return err_fail(detail, ERR_INVALID, "Idempotency-Key",
                        "must be 1 to %d visible ASCII characters, like a UUID", KEY_BYTES_MAX);
    *ret = key;
    return ERR_OK;
}

/* ── several who edit the same ────────────────────────────────────────────── */

void api_etag(struct http_request *request, uint64_t revision)
{
    char text[32];
    snprintf(text, sizeof text, "\"%" PRIu64 "\"", revision);
    http_answer_header(request, "ETag", text);
}

/* Whether a list of entity tags (`"17", "18"` or `*`) has the revision. A weak tag never does: what is
 * compared is whether somebody has changed anything at all. */
static bool has_tag(struct str list, uint64_t revision)
{
    char tag[32];
    int size = snprintf(tag, sizeof tag, "\"%" PRIu64 "\"", revision);
    for (size_t i = 0, end; i < list.size; i = end + 1) {
        while (i < list.size && list.data[i] == ' ')
            i++;
        for (end = i; end < list.size && list.data[end] != ',' && list.data[end] != ' ';)
            end++;
        struct str item = {list.data + i, end - i};
        if (str_equal(item, STR("*")) || str_equal(item, (struct str){tag, (size_t)size}))
            return revision != 0;
    }
    return false;
}

bool api_if_match(const struct http_request *request, uint64_t revision, struct err_detail *detail)
{
    struct str list;
    if (http_request_header(request, "If-Match", &list) && !has_tag(list, revision)) {
        err_fail(detail, ERR_REFUSED, "If-Match",
                 revision ? "somebody has changed it since that was read; read it again and decide anew"
                          : "there is nothing of this name any more");
        return false;
    }
    if (http_request_header(request, "If-None-Match", &list) && has_tag(list, revision)) {
        err_fail(detail, ERR_REFUSED, "If-None-Match", "there is one of this name already; read it first");
        return false;
    }
    return true;
}

bool api_unchanged(struct http_request *request, uint64_t revision)
{
    struct str list;
    api_etag(request, revision);
    if (!http_request_header(request, "If-None-Match", &list) || !has_tag(list, revision))
        return false;
    http_answer(request, 304, NULL, STR(""));
    return true;
}

/* ── mails ────────────────────────────────────────────────────────────────── */

struct gather *gather_of(struct mail *mail)
{
    return ((struct gather_mail *)((char *)mail - offsetof(struct gather_mail, mail)))->gather;
}

static void run_job(struct read_job *job)
{
    struct gather *gather = (struct gather *)job; /* its first member */
    gather->end(gather);
}

static void end_on_pool(struct gather *gather)
{
    struct err_detail detail = {"", ""};
    struct http_request *request = gather->request;
    gather->job.run = run_job;
    if (read_pool_post(gather->service->reads, &gather->job))
        return;
    err_fail(&detail, ERR_BUSY, "", "too many reads of the store are waiting; ask again in a second");
    api_try_again(request, 503, ERR_BUSY, &detail);
}

static void on_done(struct mail *mail, enum err err)
{
    struct gather *gather = gather_of(mail);
    CHECK(err == ERR_OK); /* the crew works off everything, or ends the process */
    if (atomic_fetch_sub(&gather->left, 1) != 1)
        return;
    if (gather->reads_store)
        end_on_pool(gather);
    else
        gather->end(gather);
}

struct gather *gather_new(struct service *service, struct http_request *request, gather_end *end,
                          void *context)
{
    struct gather *gather = arena_take(http_request_arena(request), sizeof *gather);
    gather->service = service;
    gather->request = request;
    gather->end = end;
    gather->context = context;
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        gather->mails[i].gather = gather;
        gather->mails[i].mail.done = on_done;
    }
    return gather;
}

static struct mail *want(struct gather *gather, uint32_t partition, enum lane lane)
{
    struct gather_mail *wanted = &gather->mails[partition];
    wanted->wanted = true;
    wanted->mail.lane = lane;
    return &wanted->mail;
}

void gather_inputs(struct gather *gather, uint32_t partition, const struct input *inputs, size_t count)
{
    struct mail *mail = want(gather, partition, LANE_RECORDS);
    mail->inputs.items = inputs;
    mail->inputs.count = count;
}

void gather_read(struct gather *gather, uint32_t partition, mail_read *read)
{
    want(gather, partition, LANE_READ)->read = read;
}

void gather_control(struct gather *gather, uint64_t position)
{
    for (uint32_t i = 0; i < crew_partitions(gather->service->crew); i++)
        want(gather, i, LANE_CONTROL)->control_to = position;
}

void gather_again(struct gather *gather)
{
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++)
        gather->mails[i].wanted = false;
}

void gather_post(struct gather *gather)
{
    struct crew *crew = gather->service->crew;
    struct mail *wanted[STORE_PARTITIONS];
    uint32_t to[STORE_PARTITIONS], count = 0;
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        if (!gather->mails[i].wanted)
            continue;
        to[count] = i;
        wanted[count++] = &gather->mails[i].mail;
    }
    CHECK(count > 0);
    atomic_store(&gather->left, count);
    for (uint32_t i = 0; i < count; i++)
        crew_post(crew, to[i], wanted[i]);
}

/* ── changes ──────────────────────────────────────────────────────────────── */

struct later {
    struct read_job job; /* first */
    struct service *service;
    struct http_request *request;
    http_handler *handler;
};

static void run_later(struct read_job *job)
{
    const struct later *later = (const struct later *)job;
    later->handler(later->service, later->request);
}

void api_later(struct service *service, struct http_request *request, http_handler *handler)
{
    struct err_detail detail = {"", ""};
    struct later *later = arena_take(http_request_arena(request), sizeof *later);
    *later = (struct later){{.run = run_later}, service, request, handler};
    if (read_pool_post(service->changes, &later->job))
        return;
    err_fail(&detail, ERR_BUSY, "", "too many changes are waiting for the disk; ask again in a second");
    api_try_again(request, 503, ERR_BUSY, &detail);
}
