/* GET /v1/stream: whom to listen to, and from where. */
#include "http/api.h"
#include "http/live.h"
#include "ingest/quote.h"
#include "partition/control_journeys.h"

static enum err take_journey(struct service *service, struct str id_or_name, struct live_wish *wish,
                             struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    if (wish->journey_count == LIVE_JOURNEYS_MAX)
        return err_fail(detail, ERR_INVALID, "journeys",
                        "at most %d may be chosen; without any, all are told", LIVE_JOURNEYS_MAX);
    crew_control_read(service->crew);
    const struct control_journey *journey = control_find_journey(service->control, id_or_name);
    if (journey)
        wish->journeys[wish->journey_count++] = journey->number;
    crew_control_unlock(service->crew);
    if (!journey)
        return err_fail(detail, ERR_NOT_FOUND, "journeys", "there is no journey %s",
                        quote(id_or_name, quoted));
    return ERR_OK;
}

static enum err take_wish(struct service *service, const struct http_request *request, struct live_wish *wish,
                          struct err_detail *detail)
{
    struct str text;
    enum err err = ERR_OK;
    int64_t after = 0;
    if (http_request_query(request, "journeys", &text)) {
        for (size_t i = 0, end; i <= text.size && !err; i = end + 1) {
            for (end = i; end < text.size && text.data[end] != ',';)
                end++;
            err = take_journey(service, (struct str){text.data + i, end - i}, wish, detail);
        }
    }
    wish->resumes = http_request_header(request, "Last-Event-ID", &text);
    if (!err && wish->resumes && (!str_to_int64(text, &after) || after < 0))
        err = err_fail(detail, ERR_INVALID, "Last-Event-ID", "is none that this stream gave; leave it out");
    wish->after = (uint64_t)after;
    return err;
}

void api_stream(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct live_wish wish = {0};
    enum err err = take_wish(service, request, &wish, &detail);
    if (err)
        http_problem(request, 0, err, &detail);
    else
        live_listen(service->live, request, &wish);
}
