/* Timers in real time: how late each is when what it did is durable, while events keep coming in. */
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "bench/bench.h"
#include "bench/world.h"

enum {
    STEP_MS = 10,
    LEAD_MS = 1000,
    RECORDS_EACH = 10,
    PROBE_MS = 10,
    BARE_ROW_BYTES = 80,
    BARE_WRITES = 500
};
static const int64_t start_ms = INT64_C(1767225600000);

static const char waiting[] =
    "{\"name\":\"Waiting\",\"entry\":{\"rules\":[{\"event\":\"Joined\"}]},\"nodes\":{"
    "\"a\":{\"type\":\"wait\",\"for\":\"1h\",\"next\":\"end\"},\"end\":{\"type\":\"stop\"}},\"start\":\"a\"}";

struct numbers {
    double *items;
    size_t count, most;
};

struct watch {
    struct world *world;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct numbers late; /* ms; guarded */
    _Atomic bool over;
    struct numbers probes; /* ms, of the ingest meanwhile: the prober's own */
    uint16_t event;
};

static void keep(struct numbers *numbers, double value)
{
    if (numbers->count < numbers->most)
        numbers->items[numbers->count++] = value;
}

static void on_durable(void *context, const struct batch *batch)
{
    struct watch *watch = context;
    bool any = false;
    if (!watch->world)
        return;
    int64_t now_ms = world_now(watch->world);
    pthread_mutex_lock(&watch->mutex);
    for (size_t i = 0; i < batch->ledger.count; i++) {
        const struct ledger_row *row = &batch->ledger.items[i];
        if (row->flags & LEDGER_LEAVES) {
            keep(&watch->late, (double)(now_ms - row->at_ms));
            any = true;
        }
    }
    if (any)
        pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->mutex);
}

/* Everybody enters, evenly over `spread_ms` of the bench's time, or at one instant. */
static void let_in(struct watch *watch, uint32_t contacts, int64_t spread_ms)
{
    struct world *world = watch->world;
    uint32_t steps = spread_ms ? (uint32_t)(spread_ms / STEP_MS) : 1, first = 0;
    struct world_record *records = memory_take(contacts * sizeof *records);
    uint16_t joined = names_find(control_names(world_control(world)), NAME_EVENT, STR("Joined"));
    for (uint32_t i = 0; i < contacts; i++)
        records[i] = (struct world_record){.contact = i, .event = joined, .body = STR("{}")};
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t end = (uint32_t)((uint64_t)contacts * (step + 1) / steps);
        world_set_now(world, start_ms + (int64_t)step * STEP_MS);
        world_take(world, records + first, end - first);
        first = end;
    }
    free(records);
}

/* Ten events each ten milliseconds, whether the former were answered or not. */
static void *probe(void *context)
{
    struct watch *watch = context;
    const struct environment *environment = world_environment(watch->world);
    struct world_record records[RECORDS_EACH];
    double begin = environment->seconds();
    for (uint32_t turn = 0; !atomic_load(&watch->over); turn++) {
        double intended = begin + turn * PROBE_MS / 1e3, now = environment->seconds();
        if (now < intended)
            environment->sleep_ms((int64_t)((intended - now) * 1e3) + 1);
        for (uint32_t i = 0; i < RECORDS_EACH; i++)
            records[i] = (struct world_record){
                .contact = turn * RECORDS_EACH + i, .event = watch->event, .body = STR("{}")};
        world_take(watch->world, records, RECORDS_EACH);
        keep(&watch->probes, 1e3 * (environment->seconds() - intended));
    }
    return NULL;
}

/* What a write of as many bytes and its fdatasync take at the same pace: the 99th of a hundred, in ms. */
static enum err bare_p99(const struct bench *bench, uint32_t rows_a_write, double *ret,
                         struct err_detail *detail)
{
    char path[256];
    double took[BARE_WRITES];
    size_t bytes = (size_t)rows_a_write * BARE_ROW_BYTES;
    char *text = memory_take_zeroed(bytes, 1);
    int fd = open(bench_path(bench, "bare", path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    double begin = bench->environment->seconds();
    enum err err = fd < 0 ? err_fail(detail, ERR_IO, path, "cannot be made") : ERR_OK;
    for (uint32_t i = 0; i < BARE_WRITES && !err; i++) {
        double intended = begin + i * STEP_MS / 1e3, now = bench->environment->seconds();
        if (now < intended)
            bench->environment->sleep_ms((int64_t)((intended - now) * 1e3) + 1);
        if (write(fd, text, bytes) != (ssize_t)bytes || fdatasync(fd) != 0)
            err = err_fail(detail, ERR_IO, path, "cannot be written");
        took[i] = 1e3 * (bench->environment->seconds() - intended);
    }
    if (fd >= 0)
        close(fd);
    free(text);
    *ret = bench_percentile(took, BARE_WRITES, 0.99);
    return err;
}

static void await(struct watch *watch, uint32_t contacts)
{
    pthread_mutex_lock(&watch->mutex);
    while (watch->late.count < contacts)
        pthread_cond_wait(&watch->changed, &watch->mutex);
    pthread_mutex_unlock(&watch->mutex);
}

static enum err measure(const struct bench *bench, struct watch *watch, uint32_t contacts, int64_t spread_ms,
                        double *ret_seconds, struct err_detail *detail)
{
    uint16_t version;
    pthread_t prober;
    enum err err = world_open(bench, "data", start_ms, on_durable, watch, &watch->world, detail);
    if (err)
        return err;
    err = world_publish(watch->world, waiting, &version, detail);
    if (!err)
        err = world_name(watch->world, "Seen", &watch->event, detail);
    if (!err) {
        let_in(watch, contacts, spread_ms);
        world_run(watch->world, start_ms + HOUR_MS - LEAD_MS);
        double begin = bench->environment->seconds();
        CHECK(pthread_create(&prober, NULL, probe, watch) == 0);
        await(watch, contacts);
        *ret_seconds = bench->environment->seconds() - begin - LEAD_MS / 1e3;
        atomic_store(&watch->over, true);
        pthread_join(prober, NULL);
    }
    world_close(watch->world);
    return err;
}

static enum err timers(const struct bench *bench, uint32_t contacts, int64_t spread_ms,
                       struct readings *readings, struct err_detail *detail)
{
    struct watch watch = {.late = {memory_take(contacts * sizeof(double)), 0, contacts},
                          .probes = {memory_take(100000 * sizeof(double)), 0, 100000}};
    double seconds, bare = 0;
    pthread_mutex_init(&watch.mutex, NULL);
    pthread_cond_init(&watch.changed, NULL);
    enum err err = measure(bench, &watch, contacts, spread_ms, &seconds, detail);
    if (!err && spread_ms)
        err = bare_p99(bench, (uint32_t)(contacts * STEP_MS / spread_ms), &bare, detail);
    double p99 = bench_percentile(watch.late.items, watch.late.count, 0.99);
    if (!err && spread_ms) {
        reading_judge(readings, BENCH_AT_MOST, 10, "ms",
                      bench_percentile(watch.late.items, watch.late.count, 0.5),
                      "%u due in %lld s: late by, half of them", contacts, (long long)spread_ms / 1000);
        reading_show(readings, "ms", bare, "write and fdatasync of the same bytes at that pace, 99 of 100");
        reading_judge(readings, BENCH_AT_MOST, 50, "ms", p99 - bare, "late by, 99 of 100, over that");
    } else if (!err) {
        reading_judge(readings, BENCH_AT_MOST, 5, "s", seconds, "%u due at one instant: all durable after",
                      contacts);
    }
    if (!err)
        reading_judge(readings, BENCH_AT_MOST, 100, "ms",
                      bench_percentile(watch.probes.items, watch.probes.count, 0.95),
                      "ingest meanwhile, 10 events each 10 ms: 95 of 100");
    free(watch.late.items);
    free(watch.probes.items);
    return err;
}

enum err bench_timers(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    return bench->full ? timers(bench, 1000000, 60000, readings, detail)
                       : timers(bench, 100000, 6000, readings, detail);
}

enum err bench_instant(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    return timers(bench, bench->full ? 1000000 : 100000, 0, readings, detail);
}
