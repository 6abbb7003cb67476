/* What happened to one contact in its journeys, and why: the same story that `sojourn trace` tells. */
#include "http/api.h"
#include "trace/story_json.h"
#include "json/document.h"

/* Journeys a page; rows of history, which are some 25 ms of look-ups. */
enum { JOURNEYS_USUAL = 20, JOURNEYS_MOST = 100, ROWS_MAX = 2000 };

struct trace_read {
    struct str external_id;
    bool found, one;     /* one: a journey by its name */
    uint16_t first, end; /* journeys asked for */
    struct trace_contact contact;
};

/* ── what is asked for ────────────────────────────────────────────────────── */

/* The journey that the query names; false after it has answered 404. */
static bool one_journey(struct service *service, struct http_request *request, struct str id_or_name,
                        struct trace_read *read)
{
    uint16_t version = api_find_version(service, request, id_or_name, "journey");
    if (version == VERSION_NONE)
        return false;
    crew_control_read(service->crew);
    read->first = plan_version(control_plan(service->control), version)->journey;
    crew_control_unlock(service->crew);
    read->end = (uint16_t)(read->first + 1);
    read->one = true;
    return true;
}

static bool all_journeys(struct http_request *request, struct trace_read *read)
{
    struct err_detail detail = {"", ""};
    struct api_page page;
    int64_t first = 0;
    enum err err = api_page_of(request, JOURNEYS_USUAL, JOURNEYS_MOST, &page, &detail);
    if (!err && page.cursor.size &&
        (!str_to_int64(page.cursor, &first) || first < 0 || first >= PLAN_VERSIONS_MAX))
        err = err_fail(&detail, ERR_INVALID, "cursor", "is none that this trace gave; begin without one");
    if (err) {
        http_problem(request, 400, err, &detail);
        return false;
    }
    read->first = (uint16_t)first;
    read->end = (uint16_t)(first + page.limit);
    return true;
}

/* ── the answer ───────────────────────────────────────────────────────────── */

static void look(struct mail *mail, const struct partition *partition)
{
    struct gather *gather = gather_of(mail);
    struct trace_read *read = gather->context;
    struct contact_id id;
    read->found = contacts_find(engine_contacts(partition_engine(partition)), read->external_id,
                                contact_hash(read->external_id), &id);
    if (read->found)
        trace_look(partition, control_plan(gather->service->control), id, http_request_arena(gather->request),
                   &read->contact);
}

/* The lock is held for one journey at a time, and for nothing that waits. */
static void put_story(struct gather *gather, const struct trace_chain *chain, uint16_t journey,
                      struct buf *out)
{
    const struct trace_read *read = gather->context;
    struct service *service = gather->service;
    struct trace_story story;
    crew_control_read(service->crew);
    trace_story_tell(service->control, &read->contact, chain, journey, http_request_arena(gather->request),
                     &story);
    json_t *json = trace_story_json(&story);
    crew_control_unlock(service->crew);
    trace_story_free(&story);
    api_item(out);
    document_write(json, out);
    json_decref(json);
}

static void answer_stories(struct gather *gather, const struct trace_chain *chain)
{
    const struct trace_read *read = gather->context;
    uint16_t count = read->contact.journey_count, end = read->end < count ? read->end : count;
    struct buf out = {0};
    buf_put_char(&out, '{');
    api_text(&out, "contact", read->external_id);
    api_truth(&out, "truncated", chain->truncated);
    api_instant(&out, "since", chain->truncated ? chain->since_ms : INSTANT_NEVER);
    api_key(&out, "journeys");
    buf_put_char(&out, '[');
    for (uint16_t journey = read->first; journey < end; journey++)
        put_story(gather, chain, journey, &out);
    buf_put_char(&out, ']');
    api_key(&out, "next");
    if (end < count && !read->one)
        buf_printf(&out, "\"%u\"", end);
    else
        buf_put_text(&out, "null");
    buf_put_char(&out, '}');
    api_answer(gather->request, 200, &out);
}

/* On a thread of the read pool; what the contact's head stands for is durable by now. */
static void answer_trace(struct gather *gather)
{
    struct trace_read *read = gather->context;
    struct err_detail detail = {"", ""};
    struct trace_chain chain;
    if (!read->found) {
        err_fail(&detail, ERR_NOT_FOUND, "", "nobody is known by this id");
        http_problem(gather->request, 404, ERR_NOT_FOUND, &detail);
        return;
    }
    enum err err = trace_chain_read(gather->service->store, &read->contact, ROWS_MAX,
                                    http_request_arena(gather->request), &chain, &detail);
    if (err)
        api_refuse(gather->request, err, &detail);
    else
        answer_stories(gather, &chain);
    trace_chain_free(&chain);
}

void api_contact_trace(void *context, struct http_request *request)
{
    struct service *service = context;
    struct str name;
    struct trace_read *read = arena_take(http_request_arena(request), sizeof *read);
    bool asked = http_request_query(request, "journey", &name) ? one_journey(service, request, name, read)
                                                               : all_journeys(request, read);
    if (!asked)
        return;
    read->external_id = http_request_parameter(request, "contact");
    struct gather *gather = gather_new(service, request, answer_trace, read);
    gather->reads_store = true;
    gather_read(gather, partition_of(contact_hash(read->external_id), crew_partitions(service->crew)), look);
    gather_post(gather);
}
