#include "partition/figures_range.h"

#include "base/check.h"

/* ── days ─────────────────────────────────────────────────────────────────── */

static enum err parse_day(struct str text, const char *dashes, const char *name, int64_t *ret_ms,
                          struct err_detail *detail)
{
    char place[16];
    snprintf(place, sizeof place, "%s%s", dashes, name);
    if (text.size == strlen("2026-01-31") && instant_parse(text, ret_ms) && instant_is_operational(*ret_ms))
        return ERR_OK;
    return err_fail(detail, ERR_INVALID, place, "\"%.*s\" is no day; write it like 2026-01-31",
                    STR_ARG(text));
}

enum err figures_range_parse(struct str from, struct str to, const char *dashes, struct figures_range *ret,
                             struct err_detail *detail)
{
    int64_t from_ms = 0, to_ms = 0;
    enum err err = ERR_OK;
    if (from.size)
        err = parse_day(from, dashes, "from", &from_ms, detail);
    if (!err && to.size)
        err = parse_day(to, dashes, "to", &to_ms, detail);
    if (!err && from.size && to.size && to_ms < from_ms)
        err = err_fail(detail, ERR_INVALID, dashes[0] ? "--to" : "to", "lies before the day of `from`");
    if (err)
        return err;
    ret->from = from;
    ret->to = to;
    ret->after = from.size ? from_ms / QUARTER_MS - 1 : INT64_MIN;
    ret->until = to.size ? (to_ms + DAY_MS) / QUARTER_MS - 1 : INT64_MAX;
    return ERR_OK;
}

/* ── totals of then ───────────────────────────────────────────────────────── */

void journey_range_begin(struct journey_range *range, const struct figures_range *of,
                         const struct control *control, uint16_t version, struct arena *arena)
{
    *range = (struct journey_range){.range = *of};
    journey_figures_begin(&range->before, control, version, arena);
    journey_figures_begin(&range->until, control, version, arena);
    journey_figures_begin(&range->now, control, version, arena);
}

/* An engine that stands in a quarter or before it has its totals at the quarter's end: nothing has happened
 * since. One that stands behind it has written them. */
void journey_range_add(struct journey_range *range, const struct partition *partition)
{
    const struct engine *engine = partition_engine(partition);
    uint32_t id = partition_id(partition);
    const struct stat_key any = {range->now.version->number, STAT_JOURNEY, STAT_ENTERED, 0};
    int64_t quarter = engine_total(engine, any).quarter;
    CHECK(id < STORE_PARTITIONS);
    journey_figures_add(&range->now, engine);
    range->until_stored[id] = quarter > range->range.until;
    if (!range->until_stored[id])
        journey_figures_add(&range->until, engine);
    range->before_stored[id] = quarter > range->range.after && range->range.after != INT64_MIN;
    if (quarter <= range->range.after)
        journey_figures_add(&range->before, engine);
}

static bool on_stat(void *context, const struct stat_row *row)
{
    journey_figures_add_row(context, row);
    return true;
}

enum err journey_range_read(struct journey_range *range, struct store *store, struct err_detail *detail)
{
    uint16_t version = range->now.version->number;
    enum err err = ERR_OK;
    for (uint32_t id = 0; id < STORE_PARTITIONS && !err; id++) {
        if (range->before_stored[id])
            err = store_stat_keys(store, id, version, range->range.after, on_stat, &range->before, detail);
        if (range->until_stored[id] && !err)
            err = store_stat_keys(store, id, version, range->range.until, on_stat, &range->until, detail);
    }
    return err;
}

void journey_range_end(struct journey_range *range, struct journey_figures *ret)
{
    journey_figures_end(&range->before);
    journey_figures_end(&range->until);
    journey_figures_end(&range->now);
    *ret = range->until;
    journey_figures_subtract(ret, &range->before);
    ret->in_journey = range->now.in_journey;
    ret->from = range->range.from;
    ret->to = range->range.to;
}

/* ── all journeys ─────────────────────────────────────────────────────────── */

enum err figures_collect_range(struct partition *const *partitions, uint32_t count,
                               const struct control *control, struct store *store,
                               const struct figures_range *of, struct arena *arena, struct figures *ret,
                               struct err_detail *detail)
{
    enum err err = ERR_OK;
    figures_collect(partitions, count, control, arena, ret);
    for (uint16_t version = 0; version < ret->journey_count && !err; version++) {
        struct journey_range range;
        journey_range_begin(&range, of, control, version, arena);
        for (uint32_t i = 0; i < count; i++)
            journey_range_add(&range, partitions[i]);
        err = journey_range_read(&range, store, detail);
        journey_range_end(&range, &ret->journeys[version]);
    }
    return err;
}
