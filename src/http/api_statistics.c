/* A journey's figures, over all time or a range of days. */
#include <pthread.h>

#include "http/api.h"
#include "partition/figures_range.h"
#include "json/document.h"

struct statistics {
    pthread_mutex_t mutex; /* partitions are added by their own workers */
    struct journey_range range;
};

static void read_figures(struct mail *mail, const struct partition *partition)
{
    struct statistics *statistics = gather_of(mail)->context;
    pthread_mutex_lock(&statistics->mutex);
    journey_range_add(&statistics->range, partition);
    pthread_mutex_unlock(&statistics->mutex);
}

/* What partitions had written is durable by now. Without days nothing of it is asked for. */
static void answer_figures(struct gather *gather)
{
    struct statistics *statistics = gather->context;
    struct err_detail detail = {"", ""};
    struct journey_figures figures;
    struct buf out = {0};
    enum err err = journey_range_read(&statistics->range, gather->service->store, &detail);
    if (err) {
        api_refuse(gather->request, err, &detail);
        return;
    }
    journey_range_end(&statistics->range, &figures);
    json_t *json = journey_figures_json(&figures, true);
    document_write(json, &out);
    json_decref(json);
    api_answer(gather->request, 200, &out);
}

static enum err parse_day(const struct http_request *request, const char *name, struct str *ret,
                          struct err_detail *detail)
{
    *ret = STR("");
    if (http_request_query(request, name, ret) && ret->size == 0)
        return err_fail(detail, ERR_INVALID, name, "is empty; write a day like 2026-01-31, or leave it out");
    return ERR_OK;
}

static enum err parse_days(const struct http_request *request, struct figures_range *ret,
                           struct err_detail *detail)
{
    struct str from, to;
    enum err err = parse_day(request, "from", &from, detail);
    if (!err)
        err = parse_day(request, "to", &to, detail);
    return err ? err : figures_range_parse(from, to, "", ret, detail);
}

void api_journey_statistics(void *context, struct http_request *request)
{
    struct service *service = context;
    struct arena *arena = http_request_arena(request);
    struct statistics *statistics = arena_take(arena, sizeof *statistics);
    struct figures_range range;
    struct err_detail detail = {"", ""};
    enum err err = parse_days(request, &range, &detail);
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    uint16_t version = api_find_journey(service, request);
    if (version == VERSION_NONE)
        return;
    pthread_mutex_init(&statistics->mutex, NULL);
    crew_control_read(service->crew);
    journey_range_begin(&statistics->range, &range, service->control, version, arena);
    crew_control_unlock(service->crew);
    struct gather *gather = gather_new(service, request, answer_figures, statistics);
    gather->reads_store = range.from.size || range.to.size;
    for (uint32_t i = 0; i < crew_partitions(service->crew); i++)
        gather_read(gather, i, read_figures);
    gather_post(gather);
}
