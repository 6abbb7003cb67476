/* Events over HTTP: this process is the load, the server another. What was answered is counted after kill -9
 * and restart. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/prng.h"
#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/sender.h"
#include "bench/serving.h"

enum { RECORDS = 1000, CONNECTIONS = 8, ENTER_PERCENT = 10, BARE_ROWS_A_COMMIT = 4000 };

static const char definition[] =
    "{\"name\":\"Bench\",\"entry\":{\"rules\":[{\"event\":\"Cart Updated\"}]},\"timeout\":\"30d\","
    "\"exits\":[{\"event\":\"Order "
    "Completed\"}],\"nodes\":{\"cool_off\":{\"type\":\"wait\",\"for\":\"7d\",\"next\":\"end\"},"
    "\"end\":{\"type\":\"stop\"}},\"start\":\"cool_off\"}";

struct load {
    const struct bench *bench;
    uint16_t port;
    struct buf *requests;
    size_t count;
    _Atomic size_t next;
    _Atomic bool failed;
    struct err_detail detail; /* of the first failure */
    pthread_mutex_t mutex;
};

/* Every tenth record lets in a contact of its own; the others come from `people` contacts that are there. */
static void make_body(struct prng *prng, uint32_t people, uint32_t *entered, struct buf *out)
{
    buf_put_text(out, "{\"batch\":[");
    for (uint32_t i = 0; i < RECORDS; i++) {
        bool enters = i % 100 < ENTER_PERCENT;
        uint32_t contact = enters ? (*entered)++ : (uint32_t)prng_below(prng, people);
        buf_printf(
            out,
            "%s{\"type\":\"track\",\"userId\":\"%s-%08u\",\"event\":\"%s\",\"properties\":{\"total\":%u.5,"
            "\"sku\":\"A-%u\"}}",
            i ? "," : "", enters ? "buyer" : "user", contact, enters ? "Cart Updated" : "Product Viewed",
            (unsigned)prng_below(prng, 90), (unsigned)prng_below(prng, 500));
    }
    buf_put_text(out, "]}");
}

static uint32_t make_requests(struct load *load, const char *key, uint32_t people)
{
    struct prng prng = {7};
    struct buf body = {0};
    char basic[256];
    uint32_t entered = 0;
    sender_basic(key, basic);
    for (size_t i = 0; i < load->count; i++) {
        buf_clear(&body);
        make_body(&prng, people, &entered, &body);
        sender_request(&load->requests[i], "POST", "/v1/batch", basic, buf_str(&body));
    }
    buf_deinit(&body);
    return entered;
}

static void *send_requests(void *context)
{
    struct load *load = context;
    struct sender sender;
    struct err_detail detail = {"", ""};
    struct str answer;
    size_t i;
    enum err err = sender_connect(&sender, load->port, &detail);
    while (!err && (i = atomic_fetch_add(&load->next, 1)) < load->count)
        err = sender_ask(&sender, buf_str(&load->requests[i]), &answer, &detail);
    sender_close(&sender);
    if (err && !atomic_exchange(&load->failed, true))
        load->detail = detail;
    return NULL;
}

static enum err send_all(struct load *load, double *ret_seconds, struct err_detail *detail)
{
    pthread_t threads[CONNECTIONS];
    double begin = load->bench->environment->seconds();
    for (size_t i = 0; i < CONNECTIONS; i++)
        pthread_create(&threads[i], NULL, send_requests, load);
    for (size_t i = 0; i < CONNECTIONS; i++)
        pthread_join(threads[i], NULL);
    *ret_seconds = load->bench->environment->seconds() - begin;
    if (!atomic_load(&load->failed))
        return ERR_OK;
    *detail = load->detail;
    return ERR_IO;
}

/* After kill -9: a new process must know every event that was answered, and everybody whom they let in. */
static enum err count_again(const char *data, struct serving *serving, uint64_t events, uint32_t entered,
                            struct bare_counts *ret, struct err_detail *detail)
{
    char wanted[64];
    struct buf statistics = {0};
    serving_end(serving, SIGKILL);
    enum err err = serving_start(data, serving, detail);
    if (!err)
        err = serving_ask(serving, "GET", "/v1/journeys/Bench/statistics", STR(""), &statistics, detail);
    snprintf(wanted, sizeof wanted, "\"entered\":%" PRIu32 ",", entered);
    if (!err && !memmem(statistics.data, statistics.size, wanted, strlen(wanted)))
        err = err_fail(detail, ERR_CORRUPT, "events", "after kill -9 the statistics have not %s", wanted);
    serving_end(serving, SIGTERM);
    buf_deinit(&statistics);
    if (!err)
        err = bare_count(data, ret, detail);
    if (!err && ret->events != events)
        err = err_fail(detail, ERR_CORRUPT, "events",
                       "%" PRIu64 " were answered, %" PRIu64 " are there after kill -9", events, ret->events);
    return err;
}

static enum err measure(const struct bench *bench, uint32_t people, struct load *load,
                        struct readings *readings, struct err_detail *detail)
{
    char data[256], bare[256];
    struct serving serving = {0};
    struct buf published = {0};
    struct bare_counts counts;
    double took, bare_rate, events = (double)load->count * RECORDS;
    uint32_t entered = 0;
    enum err err = serving_start(bench_path(bench, "data", data), &serving, detail);
    if (!err)
        err = serving_ask(&serving, "POST", "/v1/journeys?publish=true", str_from(definition), &published,
                          detail);
    load->port = serving.port;
    if (!err)
        entered = make_requests(load, serving.write_key, people);
    if (!err)
        err = send_all(load, &took, detail);
    if (!err)
        err = count_again(data, &serving, (uint64_t)events, entered, &counts, detail);
    serving_end(&serving, SIGKILL);
    if (!err)
        err = bare_append(data, bench_path(bench, "bare.db", bare), BARE_ROWS_A_COMMIT, 1000000,
                          bench->environment->seconds, &bare_rate, detail);
    buf_deinit(&published);
    if (err)
        return err;
    double rows = (double)(counts.events + counts.ledger) / events;
    reading_judge(readings, BENCH_AT_LEAST, 300000, "/s", events / took, "events durable and judged");
    reading_judge(readings, BENCH_AT_MOST, 1.2, "", rows, "rows an event");
    reading_show(readings, "/s", bare_rate, "bare loop: rows appended");
    reading_judge(readings, BENCH_AT_LEAST, 50, "%", 100 * events / took * rows / bare_rate,
                  "rows, of the bare loop");
    return ERR_OK;
}

enum err bench_events(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    struct load load = {.bench = bench, .count = bench->full ? 2000 : 500};
    load.requests = memory_take_zeroed(load.count, sizeof *load.requests);
    enum err err = measure(bench, 100000, &load, readings, detail);
    for (size_t i = 0; i < load.count; i++)
        buf_deinit(&load.requests[i]);
    free(load.requests);
    return err;
}
