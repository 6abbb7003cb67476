#include "http/health.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/memory.h"
#include "http/live.h"

enum { DISK_WAITS_MS_MAX = 2000 };

void health_live(void *context, struct http_request *request)
{
    (void)context;
    http_answer(request, 200, "application/json", STR("{\"status\":\"live\"}"));
}

void health_ready(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {0};
    if (atomic_load(&service->stopping)) {
        err_fail(&detail, ERR_BUSY, NULL, "The server is stopping.");
    } else if (crew_stalled(service->crew)) {
        err_fail(
            &detail, ERR_FULL, NULL,
            "The store refuses to commit, as when the disk is full; make room and it goes on by itself.");
    } else if (crew_disk_waits_ms(service->crew) > DISK_WAITS_MS_MAX) {
        err_fail(&detail, ERR_FULL, NULL,
                 "The disk has been writing for more than %d s; nothing is answered before it has ended.",
                 DISK_WAITS_MS_MAX / 1000);
    } else {
        http_answer(request, 200, "application/json", STR("{\"status\":\"ready\"}"));
        return;
    }
    http_problem(request, 503, atomic_load(&service->stopping) ? ERR_BUSY : ERR_FULL, &detail);
}

/* One figure without labels, with the two lines that say what it is. */
static void figure(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static void http_figures(const struct http_counts *counts, struct buf *out)
{
    figure(out, "sojourn_http_requests_total", "counter", "Requests whose headers have arrived.",
           counts->requests);
    buf_put_text(out, "# HELP sojourn_http_answers_total Answers by class of status.\n"
                      "# TYPE sojourn_http_answers_total counter\n");
    for (size_t class = 2; class < sizeof counts->answers_by_class / sizeof *counts->answers_by_class;
         class ++)
        buf_printf(out, "sojourn_http_answers_total{class=\"%zuxx\"} %" PRIu64 "\n", class,
                   counts->answers_by_class[class]);
    figure(out, "sojourn_http_connections", "gauge", "Connections that are open.", counts->connections_open);
    figure(out, "sojourn_http_body_bytes_total", "counter", "Bytes of request bodies, as they came in.",
           counts->body_bytes);
}

static void put_label(struct str value, struct buf *out)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '"' || value.data[i] == '\\')
            buf_put_char(out, '\\');
        if (value.data[i] == '\n')
            buf_put_text(out, "\\n");
        else
            buf_put_char(out, value.data[i]);
    }
}

static void delivery_figures(struct dispatch *dispatch, struct buf *out)
{
    struct dispatch_figures figures = dispatch_figures(dispatch);
    figure(out, "sojourn_effects_sent_total", "counter", "Activations that a destination has taken.",
           figures.sent);
    figure(out, "sojourn_effects_failed_total", "counter", "Activations that no destination will take.",
           figures.failed);
    buf_put_text(out, "# HELP sojourn_effects_open Activations on their way, in memory.\n"
                      "# TYPE sojourn_effects_open gauge\n");
    for (size_t i = 0; i < OUTBOX_STATES; i++)
        buf_printf(out, "sojourn_effects_open{state=\"%s\"} %" PRIu64 "\n",
                   outbox_state_name((enum outbox_state)i), figures.effects[i]);
    buf_put_text(out, "# HELP sojourn_destination_failing 1 while a destination takes nothing.\n"
                      "# TYPE sojourn_destination_failing gauge\n");
    struct outbox_view view;
    for (size_t i = 0; dispatch_view(dispatch, i, &view); i++) {
        if (!view.defined)
            continue;
        buf_put_text(out, "sojourn_destination_failing{destination=\"");
        put_label(view.destination, out);
        buf_printf(out, "\"} %d\n", view.failing);
    }
}

/* The kernel's figures, in bytes; zero where it does not tell. */
struct resident {
    uint64_t all, files; /* files: code and what is mapped, of it */
};

static struct resident resident_now(void)
{
    struct resident resident = {0};
    FILE *file = fopen("/proc/self/status", "re");
    if (!file)
        return resident;
    char line[128];
    unsigned long long kb;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmRSS: %llu kB", &kb) == 1)
            resident.all = kb << 10;
        else if (sscanf(line, "RssFile: %llu kB", &kb) == 1 || sscanf(line, "RssShmem: %llu kB", &kb) == 1)
            resident.files += kb << 10;
    }
    fclose(file);
    return resident;
}

/* Each kind is told by whoever holds it; none is what the others leave. */
static void memory_figures(const struct service *service, struct buf *out)
{
    static const char *const names[] = {
#define X(name, key) #key,
        MEMORY_TABLE(X)
#undef X
    };
    struct memory_use use = {0};
    struct resident resident = resident_now();
    crew_weigh(service->crew, &use);
    memory_add(&use, MEMORY_STORE, store_bytes(service->store));
    memory_add(&use, MEMORY_OUTBOX, dispatch_figures(service->dispatch).bytes);
    memory_add(&use, MEMORY_PROGRAM, resident.files);
    memory_add(&use, MEMORY_ALLOCATOR, mallinfo2().fordblks);
    buf_put_text(out, "# HELP sojourn_memory_bytes Memory by what it holds.\n"
                      "# TYPE sojourn_memory_bytes gauge\n");
    for (size_t i = 0; i < MEMORY_KINDS; i++)
        buf_printf(out, "sojourn_memory_bytes{kind=\"%s\"} %" PRIu64 "\n", names[i], use.bytes[i]);
    figure(out, "sojourn_resident_bytes", "gauge", "Memory of the process, as the kernel counts it.",
           resident.all);
}

void health_metrics(void *context, struct http_request *request)
{
    const struct service *service = context;
    struct buf out = {0};
    buf_put_text(&out, "# HELP sojourn_build_info The running version.\n# TYPE sojourn_build_info gauge\n"
                       "sojourn_build_info{version=\"" SOJOURN_VERSION "\"} 1\n");
    int64_t up_ms = service->clock(service->clock_context) - service->started_ms;
    figure(&out, "sojourn_uptime_seconds", "gauge", "Since the process started.",
           up_ms > 0 ? (uint64_t)up_ms / 1000 : 0);
    figure(&out, "sojourn_rows_durable_total", "counter", "Event and ledger rows committed since the start.",
           crew_rows_durable(service->crew));
    figure(&out, "sojourn_ingest_room_used_bytes", "gauge", "Records accepted and not yet durable.",
           crew_room_used(service->crew));
    figure(&out, "sojourn_store_stalled", "gauge", "1 while the store refuses commits.",
           crew_stalled(service->crew));
    figure(&out, "sojourn_reads_waiting", "gauge", "Requests that wait for a thread that reads the store.",
           read_pool_waiting(service->reads));
    figure(&out, "sojourn_searches", "gauge", "Searches of contacts under way.",
           atomic_load(&service->searches));
    figure(&out, "sojourn_disk_waits_milliseconds", "gauge",
           "How long the oldest write has been waiting for the disk.",
           (uint64_t)crew_disk_waits_ms(service->crew));
    figure(&out, "sojourn_dedupe_ids", "gauge", "Message ids that are known again when they come once more.",
           crew_dedupe_ids(service->crew));
    figure(&out, "sojourn_dedupe_window_seconds", "gauge", "How long a message id is sure to be known.",
           (uint64_t)crew_dedupe_window_ms(service->crew) / 1000);
    memory_figures(service, &out);
    delivery_figures(service->dispatch, &out);
    if (service->live)
        figure(&out, "sojourn_stream_listeners", "gauge", "Who listens to /v1/stream.",
               live_listeners(service->live));
    const struct http_server *server = atomic_load(&service->server);
    if (server) { /* it listens a moment before anybody is told of it */
        struct http_counts counts = http_server_counts(server);
        http_figures(&counts, &out);
    }
    http_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&out));
    buf_deinit(&out);
}
