/* Running totals of one partition: what spec/time-runs-stats.md §5 counts, as sums since the beginning, per
 * version, node, kind and outcome. A function of the ledger rows and of nothing else. What changed within a
 * quarter of an hour is written when the quarter has ended (and when asked). */
#ifndef ENGINE_TOTALS_H
#define ENGINE_TOTALS_H
#include "engine/fact.h"
#include "engine/plan.h"

struct total {
    int64_t count;
    double value;
    bool dirty; /* changed since its row was last written for an ended quarter */
};

struct totals_version {
    struct total *items; /* laid out by totals.c */
    uint16_t nodes;
    uint8_t outcomes; /* the most that a node has */
};

struct totals {
    ARRAY(struct totals_version) versions;
    ARRAY(struct stat_key) dirty;
    int64_t quarter; /* of the newest instant */
    uint64_t events; /* track records */
};

/* Makes room for versions up to this one. */
void totals_add_version(struct totals *totals, const struct plan_version *version);
void totals_count(struct totals *totals, const struct ledger_row *row);
/* Zero for a key that no version has. */
struct stat_row totals_get(const struct totals *totals, struct stat_key key);
/* One row for each dirty total, for the quarter that the totals stand in. `ended`: they are clean then. */
void totals_write(struct totals *totals, bool ended, struct batch *batch);
/* The quarter of an hour that an instant lies in. */
int64_t totals_quarter(int64_t ms);
/* While loading: another quarter has begun by then, so what had changed before it was written at its time. */
void totals_turn(struct totals *totals, int64_t ms);
void totals_encode(const struct totals *totals, struct buf *out);
/* The versions must have been added. */
enum err totals_decode(struct totals *totals, struct reader *r, struct err_detail *detail);
void totals_deinit(struct totals *totals);
uint64_t totals_bytes(const struct totals *totals);

#endif
