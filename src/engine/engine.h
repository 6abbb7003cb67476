/* The engine of one partition: contacts, what they did, enrollments and timers in memory, and the only code
 * that decides about them. Pure: time and inputs come in, rows go out into the batch it is given; no clock,
 * no I/O, one thread. The caller (partition/) keeps the order of spec/time-runs-stats.md §1:
 *
 *     for one instant `now`:  fire timers due < now, one at a time · inputs in order, each wholly settled ·
 *                             fire timers due = now
 *
 * Every fact is a row first and changes memory by being applied; recovery applies the same rows
 * (engine/README.md). */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include "engine/input.h"
#include "engine/plan.h"

enum {
    ENGINE_PASSAGES_MAX = 1000
}; /* of one contact at one instant; beyond, the version is held by the system */

struct engine;

/* Gives `count` fresh consecutive seqs (store_seq_take). */
typedef uint64_t engine_seqs(void *context, uint32_t count);

struct engine_options {
    uint32_t partition;
    const struct plan *plan;
    engine_seqs *seqs;
    void *seqs_context;
    bool late_tolerance; /* replay's records arrive at their own time: off */
};

struct engine *engine_new(const struct engine_options *options);
void engine_free(struct engine *engine);
struct memory_use; /* base/memory.h */
void engine_weigh(const struct engine *engine, struct memory_use *use);

/* Rows go here from now on. The batch's head is the engine's business too: it is complete after every call.
 */
void engine_set_batch(struct engine *engine, struct batch *batch);

/* ── deciding ─────────────────────────────────────────────────────────────── */

/* Moves the clock; now_ms never falls. */
void engine_set_now(struct engine *engine, int64_t now_ms);
int64_t engine_now(const struct engine *engine);
/* Fires the next timer that is due at or before `until_ms` (which is at or before now); false where there is
 * none. */
bool engine_fire(struct engine *engine, int64_t until_ms);
/* An instant at or before the next timer's; INSTANT_NEVER = none is left. */
int64_t engine_next_timer(const struct engine *engine);
void engine_record(struct engine *engine, const struct record *record);
void engine_result(struct engine *engine, const struct result *result);
void engine_action(struct engine *engine, const struct action *action);

/* What an operator must hear: a version was held because of this contact. */
struct engine_alert {
    uint16_t version;
    uint32_t contact;
    int64_t at_ms;
};
bool engine_take_alert(struct engine *engine, struct engine_alert *ret);

/* ── state, for reads and blocks ──────────────────────────────────────────── */

/* As the log has made it, or held by the engine itself, which the log does not say yet. */
struct version_status engine_version_status(const struct engine *engine, uint16_t version);

struct enrollment_view {
    uint32_t id, contact;
    uint32_t visits;
    uint16_t version;
    uint8_t node;
    bool before;                                        /* it stands on the edge before the node */
    int64_t entered_ms, arrived_ms, due_ms, timeout_ms; /* timeout_ms: the instant of the journey's timeout */
    uint16_t pending;
    uint64_t arrived_seq;
};
/* The open enrollment of a contact in a journey. */
bool engine_enrollment(const struct engine *engine, struct contact_id contact, uint16_t journey,
                       struct enrollment_view *ret);
/* Every open enrollment in order of id; the callback returns false to end it. */
void engine_each_enrollment(const struct engine *engine,
                            bool (*on)(void *context, const struct enrollment_view *), void *context);
/* The partition row as decided so far; the caller keeps `now_open` and `input` in it. */
const struct partition_head *engine_head(const struct engine *engine);
void engine_set_input(struct engine *engine, uint64_t input, bool now_open);
const struct contacts *engine_contacts(const struct engine *engine);
const struct past *engine_past(const struct engine *engine);
uint64_t
engine_event_count(const struct engine *engine); /* deeds taken: tracks, imported and by the API too */
/* The running total of a key. */
struct stat_row engine_total(const struct engine *engine, struct stat_key key);

/* ── blocks and recovery (partition/checkpoint.c, partition/load.c) ───────── */

/* Writes stat rows for what changed in the current quarter so far. */
void engine_flush_totals(struct engine *engine);
/* Begins a cycle: whatever is dirty now is to be encoded. */
void engine_cycle_begin(struct engine *engine);
/* Puts up to `count` blocks of the cycle into the batch; true when the cycle's last is there with the totals,
 * and the head's horizon has moved to the cycle's first seq. */
bool engine_cycle_go_on(struct engine *engine, uint32_t count);

/* Loading, in this order: begin, every block (totals first), every row after the horizon in order of seq, the
 * back-fill where wanted, end. `actions` are those of the control log up to head->control, in order. */
void engine_load_begin(struct engine *engine, const struct partition_head *head, const struct action *actions,
                       size_t action_count);
enum err engine_load_block(struct engine *engine, const struct block *block, struct err_detail *detail);
enum err engine_load_row(struct engine *engine, const struct event_row *event,
                         const struct ledger_row *ledger, struct err_detail *detail);
void engine_load_end(struct engine *engine);

/* Aggregates that a publish (or a load) has registered want the events of the past: all durable event rows up
 * to the seq that engine_backfill_to gives (0 = nothing is wanted) are to be handed in, in any order, before
 * anything else is decided or a block is made; then engine_backfill_end. While loading this comes before
 * engine_load_end. */
uint64_t engine_backfill_to(const struct engine *engine);
enum err engine_backfill_row(struct engine *engine, const struct event_row *event, struct err_detail *detail);
void engine_backfill_end(struct engine *engine);

#endif
