/* What an event costs when there is much of everything, and what a new rule's look into the past costs. */
#include "bench/bench.h"
#include "bench/world.h"

enum {
    RECORDS_A_POST = 4000,
    MEASURED = 400000,
    JOURNEYS_FEW = 1,
    JOURNEYS_MANY = 1000,
    CONTACTS_FEW = 10000
};
static const int64_t start_ms = INT64_C(1767225600000);
static const char body[] = "{\"total\":12.5,\"sku\":\"A-77\"}";

/* Events of contacts [first, first + count) in the order of a stride, so that neighbours in time are not
 * neighbours in memory. */
static double post_events(const struct bench *bench, struct world *world, uint32_t contacts, uint32_t events,
                          uint16_t event, bool in_order)
{
    struct world_record *records = memory_take(RECORDS_A_POST * sizeof *records);
    double begin = bench->environment->seconds();
    for (uint32_t first = 0; first < events; first += RECORDS_A_POST) {
        uint32_t count = events - first < RECORDS_A_POST ? events - first : RECORDS_A_POST;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t which = in_order ? first + i : (uint64_t)(first + i) * 2654435761u;
            records[i] = (struct world_record){
                .contact = (uint32_t)(which % contacts), .event = event, .body = str_from(body)};
        }
        world_post(world, records, count);
        if (first / RECORDS_A_POST % 16 == 15)
            world_wait(world);
    }
    world_wait(world);
    free(records);
    return (bench->environment->seconds() - begin) / events;
}

static enum err publish_many(struct world *world, uint32_t journeys, struct err_detail *detail)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < journeys && !err; i++) {
        char text[400];
        uint16_t version;
        snprintf(
            text, sizeof text,
            "{\"name\":\"Journey %u\",\"entry\":{\"rules\":[{\"event\":\"Asked %u\"}]},\"timeout\":\"30d\","
            "\"exits\":[{\"event\":\"Order Completed\"}],\"nodes\":{\"a\":{\"type\":\"wait\",\"for\":\"7d\","
            "\"next\":\"end\"},\"end\":{\"type\":\"stop\"}},\"start\":\"a\"}",
            i, i);
        err = world_publish(world, text, &version, detail);
    }
    return err;
}

/* Seconds an event, with so many contacts and journeys there. */
static enum err cost_of(const struct bench *bench, const char *name, uint32_t contacts, uint32_t journeys,
                        double *ret, struct err_detail *detail)
{
    struct world *world;
    uint16_t seen;
    enum err err = world_open(bench, name, start_ms, NULL, NULL, &world, detail);
    if (err)
        return err;
    err = publish_many(world, journeys, detail);
    if (!err)
        err = world_name(world, "Seen", &seen, detail);
    if (!err) {
        post_events(bench, world, contacts, contacts, seen, true);
        *ret = post_events(bench, world, contacts, MEASURED, seen, false);
    }
    world_close(world);
    return err;
}

enum err bench_contacts_growth(const struct bench *bench, struct readings *readings,
                               struct err_detail *detail)
{
    uint32_t many = bench->full ? 10000000 : 1000000;
    double few_cost, many_cost;
    enum err err = cost_of(bench, "few", CONTACTS_FEW, 1, &few_cost, detail);
    if (!err)
        err = cost_of(bench, "many", many, 1, &many_cost, detail);
    if (err)
        return err;
    reading_show(readings, "µs", 1e6 * few_cost, "an event among 10,000 contacts");
    reading_show(readings, "µs", 1e6 * many_cost, "an event among %u contacts", many);
    reading_judge(readings, BENCH_AT_MOST, 1.5, "×", many_cost / few_cost, "that is");
    return ERR_OK;
}

enum err bench_journeys_growth(const struct bench *bench, struct readings *readings,
                               struct err_detail *detail)
{
    double few_cost, many_cost;
    enum err err = cost_of(bench, "few", CONTACTS_FEW, JOURNEYS_FEW, &few_cost, detail);
    if (!err)
        err = cost_of(bench, "many", CONTACTS_FEW, JOURNEYS_MANY, &many_cost, detail);
    if (err)
        return err;
    reading_show(readings, "µs", 1e6 * few_cost, "an event with 1 live journey");
    reading_show(readings, "µs", 1e6 * many_cost, "an event with 1,000 live journeys");
    reading_judge(readings, BENCH_AT_MOST, 1.5, "×", many_cost / few_cost, "that is");
    return ERR_OK;
}

/* ── back-fill ────────────────────────────────────────────────────────────── */

static const char looks_back[] =
    "{\"name\":\"Looks "
    "back\",\"entry\":{\"rules\":[{\"event\":\"Joined\"}],\"filter\":{\"did\":\"Seen\",\"at_least\":3,"
    "\"where\":{\"property\":\"total\",\"gte\":10},\"within\":\"30d\"}},\"nodes\":{\"end\":{\"type\":"
    "\"stop\"}},\"start\":\"end\"}";

enum err bench_backfill(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    struct world *world;
    uint16_t seen, version;
    uint32_t events = bench->full ? 20000000 : 2000000;
    double before = 0, took = 0;
    enum err err = world_open(bench, "data", start_ms, NULL, NULL, &world, detail);
    if (err)
        return err;
    err = world_name(world, "Seen", &seen, detail);
    if (!err) {
        before = post_events(bench, world, 100000, events, seen, false);
        double begin = bench->environment->seconds();
        err = world_publish(world, looks_back, &version, detail);
        took = bench->environment->seconds() - begin;
    }
    world_close(world);
    if (err)
        return err;
    reading_judge(readings, BENCH_AT_LEAST, 2000000, "/s", events / took,
                  "events of the past folded at a publish");
    reading_show(readings, "/s", 1 / before, "the same events coming in");
    return ERR_OK;
}
