/* The figures of a range of days: what happened in it, who waited where at its end, and who is inside now
 * (spec/time-runs-stats.md §5). Running totals stand in the store for every quarter hour in which they
 * changed, so a range is two look-ups a key; what a quarter that no row has been written for yet adds, the
 * engine knows. A day is one of UTC. */
#ifndef PARTITION_FIGURES_RANGE_H
#define PARTITION_FIGURES_RANGE_H
#include "partition/figures.h"

/* What happened in the quarters (after, until]. */
struct figures_range {
    int64_t after, until;
    struct str from, to; /* borrowed: as asked for */
};

/* [from 00:00, to 24:00) of two dates as `2026-01-31`; an empty one is the beginning, or now. `dashes` stand
 * before the names in the error's place: "" or "--". */
enum err figures_range_parse(struct str from, struct str to, const char *dashes, struct figures_range *ret,
                             struct err_detail *detail);

/* Totals at the range's two ends and now. */
struct journey_range {
    struct figures_range range;
    struct journey_figures before, until, now;
    bool before_stored[STORE_PARTITIONS]; /* the store alone knows the partition's totals of then */
    bool until_stored[STORE_PARTITIONS];
};

/* Begun with nothing, then each partition added (in any order, one at a time, where its engine may be looked
 * at), then read and ended. Figures live in the arena. */
void journey_range_begin(struct journey_range *range, const struct figures_range *of,
                         const struct control *control, uint16_t version, struct arena *arena);
void journey_range_add(struct journey_range *range, const struct partition *partition);
/* Blocks on the store, which must have made durable what the partitions had decided when they were added. */
enum err journey_range_read(struct journey_range *range, struct store *store, struct err_detail *detail);
/* Borrows the arena's memory of the range. */
void journey_range_end(struct journey_range *range, struct journey_figures *ret);

/* All journeys', where the partitions stand still; contacts and events are those of all time. */
enum err figures_collect_range(struct partition *const *partitions, uint32_t count,
                               const struct control *control, struct store *store,
                               const struct figures_range *of, struct arena *arena, struct figures *ret,
                               struct err_detail *detail);

#endif
