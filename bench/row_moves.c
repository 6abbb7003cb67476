/* What engines do without HTTP in front: timers that move contacts, and whole passages at one instant. */
#include "base/check.h"
#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/world.h"

enum { RECORDS_A_POST = 1000, BARE_ROWS_A_COMMIT = 4000, ROUNDS = 5 };
static const int64_t start_ms = INT64_C(1767225600000);

static const char circle[] = "{\"name\":\"Circle\",\"entry\":{\"rules\":[{\"event\":\"Joined\"}]},\"nodes\":{"
                             "\"a\":{\"type\":\"wait\",\"for\":\"1h\",\"next\":\"b\"},\"b\":{\"type\":"
                             "\"wait\",\"for\":\"1h\",\"next\":\"a\"}},"
                             "\"start\":\"a\"}";

static const char passage[] =
    "{\"name\":\"Passage\",\"entry\":{\"rules\":[{\"event\":\"Joined\"}],\"reentry\":{\"allowed\":true}},"
    "\"nodes\":{"
    "\"tier\":{\"type\":\"split\",\"paths\":[{\"name\":\"often\",\"rule\":{\"did\":\"Joined\",\"at_least\":2}"
    ",\"next\":\"up\"}],"
    "\"on\":{\"others\":\"up\"}},"
    "\"up\":{\"type\":\"update\",\"changes\":[{\"increase\":\"visits\",\"by\":1}],\"next\":\"out\"},"
    "\"out\":{\"type\":\"exit\"}},\"start\":\"tier\"}";

static void post_joins(struct world *world, uint32_t contacts)
{
    uint16_t event = names_find(control_names(world_control(world)), NAME_EVENT, STR("Joined"));
    struct world_record records[RECORDS_A_POST];
    CHECK(event != 0);
    for (uint32_t first = 0; first < contacts; first += RECORDS_A_POST) {
        uint32_t count = contacts - first < RECORDS_A_POST ? contacts - first : RECORDS_A_POST;
        for (uint32_t i = 0; i < count; i++)
            records[i] = (struct world_record){.contact = first + i, .event = event, .body = STR("{}")};
        world_post(world, records, count);
    }
    world_wait(world);
}

/* The rows of the run once more through the bare loop. */
static enum err put_bare(const struct bench *bench, double rows_rate, struct readings *readings,
                         struct err_detail *detail)
{
    char data[256], bare[256];
    double rate;
    enum err err = bare_append(bench_path(bench, "data", data), bench_path(bench, "bare.db", bare),
                               BARE_ROWS_A_COMMIT, 1000000, bench->environment->seconds, &rate, detail);
    if (err)
        return err;
    reading_show(readings, "/s", rate, "bare loop: rows appended");
    reading_judge(readings, BENCH_AT_LEAST, 50, "%", 100 * rows_rate / rate, "rows, of the bare loop");
    return ERR_OK;
}

enum err bench_advances(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    struct world *world;
    uint16_t version;
    uint32_t contacts = bench->full ? 1000000 : 200000;
    enum err err = world_open(bench, "data", start_ms, NULL, NULL, &world, detail);
    if (err)
        return err;
    err = world_publish(world, circle, &version, detail);
    if (!err)
        post_joins(world, contacts);
    double begin = bench->environment->seconds();
    for (int round = 1; round <= ROUNDS && !err; round++)
        world_set_now(world, start_ms + round * HOUR_MS);
    double rate = (double)contacts * ROUNDS / (bench->environment->seconds() - begin);
    world_close(world);
    if (err)
        return err;
    reading_judge(readings, BENCH_AT_LEAST, 400000, "/s", rate, "advances durable");
    return put_bare(bench, rate, readings, detail);
}

enum err bench_journeys(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    struct world *world;
    uint16_t version;
    char data[256];
    struct bare_counts counts;
    uint32_t contacts = bench->full ? 1000000 : 200000;
    enum err err = world_open(bench, "data", start_ms, NULL, NULL, &world, detail);
    if (err)
        return err;
    err = world_publish(world, passage, &version, detail);
    double begin = bench->environment->seconds();
    if (!err)
        post_joins(world, contacts);
    double rate = (double)contacts / (bench->environment->seconds() - begin);
    world_close(world);
    if (!err)
        err = bare_count(bench_path(bench, "data", data), &counts, detail);
    if (err)
        return err;
    double rows = (double)(counts.events + counts.ledger) / contacts;
    reading_judge(readings, BENCH_AT_LEAST, 100000, "/s", rate,
                  "passages: event, enter, split, update, exit");
    reading_show(readings, "", rows, "rows a passage");
    return put_bare(bench, rate * rows, readings, detail);
}
