/* The engine's inside, shared by its own files only.
 *
 *     settle.c   what an event or change means to a contact: ends, entry, movement, journey by journey
 *     advance.c  one enrollment from one rest to the next, through node_<kind>.c
 *     action.c   publish, pause, resume, stop
 *     apply.c    the only code that changes state: rows in, memory out
 *     recovery.c blocks and loading
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H
#include "base/check.h"
#include "engine/engine.h"
#include "engine/enrollments.h"
#include "engine/holds.h"
#include "engine/timers.h"
#include "engine/totals.h"

struct interval {
    int64_t from_ms, to_ms; /* [from, to) */
};

struct version_runtime {
    struct version_status status; /* as the log says; an engine that holds a version itself is ahead of it */
    int64_t opened_ms;            /* go-live */
    int64_t closed_ms;            /* since when a hold closes the entry; INSTANT_NEVER = none does */
    int64_t held_ms;              /* since when nobody moves; INSTANT_NEVER = they do */
    ARRAY(struct interval) closures; /* earlier ones of the entry */
};

/* What 1,024-id chunks have changed since their block was made, and, while loading, which seq their block
 * stands at. */
struct chunks {
    ARRAY(bool) dirty;
    ARRAY(uint64_t) block_seq;
};

struct cycle {
    bool running;
    uint16_t aggregates; /* when it began */
    uint64_t first_seq;
    struct {
        uint8_t kind;
        uint32_t number;
    } * todo;
    size_t count, next;
};

struct passages { /* of contacts at the present instant: open addressing, emptied when the instant changes */
    struct {
        uint32_t contact, count;
    } * slots;
    uint32_t mask, used;
};

struct engine {
    struct engine_options options;
    const struct plan *plan;
    struct contacts *contacts;
    struct past *past;
    struct enrollments enrollments;
    struct holds holds;
    struct timers *timers;
    struct totals totals;
    ARRAY(struct version_runtime) versions;
    struct partition_head head;
    struct batch *batch;
    uint64_t seq_next, seq_end; /* those taken and not used */
    struct passages passages;
    ARRAY(struct engine_alert) alerts;
    struct chunks chunks[BLOCK_TOTALS]; /* by block kind: contacts, past, enrollments */
    struct cycle cycle;
    struct arena scratch;     /* of one input or timer */
    struct json_reader *json; /* rows read back */
    bool loading;
    uint64_t totals_seq; /* loading: the totals block's */
    uint16_t
        backfill_from; /* aggregates from here on want the rows of the past; all registered = none does */
    ARRAY(uint16_t) block_aggregates; /* loading: how many the past block of a chunk holds */
};

/* ── rows (apply.c) ───────────────────────────────────────────────────────── */

/* The next seq; with `follow` the same number of seqs after it is sure to be consecutive. */
uint64_t engine_seq(struct engine *engine, uint32_t follow);
/* An event's flat form beside its row: one of the two is used. */
struct event_content {
    struct properties properties;
    uint32_t trait_count;
    const struct trait *traits;
};
/* Appends to the batch what decides, then applies it. The row's seq and prev are filled in. */
void engine_put_event(struct engine *engine, struct event_row *row, const struct event_content *content);
void engine_put_ledger(struct engine *engine, struct ledger_row *row, uint32_t effects);
void apply_event(struct engine *engine, const struct event_row *row, const struct event_content *content);
enum err apply_ledger(struct engine *engine, const struct ledger_row *row, struct err_detail *detail);
void engine_dirty(struct engine *engine, enum block_kind kind, uint32_t id);
bool engine_newer(const struct engine *engine, enum block_kind kind, uint32_t id, uint64_t seq);
struct version_runtime *engine_version(struct engine *engine, uint16_t version);
/* The plan's id of what a row tells; 0 = none that anything listens to. */
static inline uint16_t engine_event_id(enum event_kind kind, uint16_t name)
{
    return kind == EVENT_ENROLL && name ? plan_enroll_event((uint16_t)(name - 1)) : name;
}
/* Folds an event into the aggregates [from, end) that count it. */
void engine_aggregate(struct engine *engine, const struct event_row *row, const struct properties *properties,
                      uint16_t from, uint16_t end);
/* Aggregates below this one have this contact's past in them; the rest wait for the back-fill. */
uint16_t engine_aggregates_there(const struct engine *engine, uint32_t contact);
/* The flat form of a row's body, in `scratch`. */
enum err event_content_of(struct engine *engine, const struct event_row *row, struct event_content *ret,
                          struct err_detail *detail);

/* ── what happened to a contact, as the three steps see it (settle.c) ───────── */

struct happening {
    uint16_t event; /* plan's id; 0 = a change of attributes or time */
    bool time;      /* nothing happened but that time went on */
    bool history;   /* it is known from now on, and moves nobody */
    int64_t at_ms;  /* its own time */
    uint64_t seq;   /* its row; what arrived by a later row did not see it */
    int64_t cause;
    const struct properties *properties;
    const uint16_t *attributes; /* changed ones */
    uint32_t attribute_count;
    enum enroll_outcome *outcome; /* of a call of the API; NULL = nobody asks */
};

void settle_event(struct engine *engine, struct contact_id contact, const struct happening *happening);
void settle_attributes(struct engine *engine, struct contact_id contact, const struct happening *happening);
/* Goals, then exit rules; true where the enrollment ended (or, held, the end was noted). */
bool settle_ends(struct engine *engine, uint32_t enrollment, const struct happening *happening);
/* The wait_for of an enrollment, if it stands at one. */
void settle_wait(struct engine *engine, uint32_t enrollment, const struct happening *happening);
bool settle_program_touched(const struct rule_program *program, const struct happening *happening);
struct verdict engine_judge(const struct engine *engine, const struct rule_program *program,
                            uint32_t contact);
/* Whether it is met by what happens: it holds, and where nothing but time went on, it did not a moment ago.
 */
bool settle_program_met(const struct engine *engine, const struct rule_program *program, uint32_t contact,
                        const struct happening *happening);
uint32_t engine_find_enrollment(const struct engine *engine, struct contact_id contact, uint16_t journey);
bool settle_match(const struct engine *engine, const struct plan_match *match, uint32_t contact,
                  const struct happening *happening, int64_t since_ms, uint64_t since_seq);
/* entry.c: lets the contact in if it qualifies; else what has kept it out, the first reason. */
enum enroll_outcome settle_entry(struct engine *engine, struct contact_id contact, uint16_t journey,
                                 const struct happening *happening);

/* ── one advance (advance.c) ──────────────────────────────────────────────── */

struct passing {
    struct engine *engine;
    const struct plan_version *version;
    uint32_t enrollment, contact;
    uint8_t node, goals;
    uint32_t visits;
    uint16_t pending;
    bool moved, done, before, off_edge, failed, enters;
    int64_t due_ms, cause;
    uint32_t effects; /* opened by the node it rests at */
    uint16_t path_count;
    struct passage path[ENGINE_PASSAGES_MAX + 1];
    ARRAY(uint16_t) changed; /* attributes, by update nodes */
    uint64_t changed_seq;
};

enum node_step_kind { STEP_STAY, STEP_TAKE, STEP_LEAVE };
struct node_step {
    enum node_step_kind kind;
    uint8_t outcome;          /* STEP_TAKE */
    enum leave_reason reason; /* STEP_LEAVE */
};
#define STAY           ((struct node_step){.kind = STEP_STAY})
#define TAKE(number)   ((struct node_step){.kind = STEP_TAKE, .outcome = (uint8_t)(number)})
#define LEAVE(because) ((struct node_step){.kind = STEP_LEAVE, .reason = (because)})

/* node_<kind>.c: arriving (may set due_ms, pending, effects; may change attributes), and its own timer having
 * fired. */
struct node_step node_wait_arrive(struct passing *p);
struct node_step node_wait_for_arrive(struct passing *p);
struct node_step node_segment_arrive(struct passing *p);
struct node_step node_split_arrive(struct passing *p);
struct node_step node_activate_arrive(struct passing *p);
struct node_step node_activate_due(struct passing *p);
struct node_step node_update_arrive(struct passing *p);
enum { WAIT_FOR_YES, WAIT_FOR_TIMED_OUT };
enum { ACTIVATE_NEXT, ACTIVATE_FAILED };

static inline const struct node *passing_node(const struct passing *p)
{
    return &p->version->definition->nodes[p->node];
}

void advance_enter(struct engine *engine, const struct plan_version *version, struct contact_id contact,
                   uint8_t goals, int64_t cause);
void advance_by(struct engine *engine, uint32_t enrollment, uint8_t outcome, int64_t cause);
void advance_due(struct engine *engine, uint32_t enrollment);
void advance_leave(struct engine *engine, uint32_t enrollment, enum leave_reason reason, uint8_t which,
                   double value, int64_t cause);
/* A row for a state that changed where it stands: goals armed, destinations answered, a hold's notes. */
void advance_rewrite(struct engine *engine, uint32_t enrollment, uint8_t goals, uint16_t pending, bool failed,
                     int64_t due_ms, const struct hold *hold, int64_t cause);
/* Arms the next instant at which time alone may change what a rule says; with `all` the journey's timeout
 * too. */
void engine_arm(struct engine *engine, uint32_t enrollment, bool all);
/* Arms the node's own timer. */
void engine_arm_node(struct engine *engine, uint32_t enrollment);
/* Arms again what is due at the present instant: its timer may have fired into a hold already. */
void engine_arm_due_now(struct engine *engine, uint32_t enrollment);
/* Where time alone may end or move it, it is looked at when the present instant is over. */
void engine_look_again(struct engine *engine, uint32_t enrollment);
/* action.c: the state of a version after an action, without its effects on enrollments. */
void action_fold(struct engine *engine, const struct action *action);
int64_t engine_timeout(const struct engine *engine, const struct enrollment *enrollment);
/* The version is held by the system from then on, with an alert that names the contact. */
void engine_hold(struct engine *engine, uint16_t version, uint32_t contact, int64_t at_ms);
/* True where the contact has passed too many nodes at this instant: the version is held then. */
bool engine_too_many_passages(struct engine *engine, uint32_t contact, uint16_t version);
static inline bool engine_held(const struct engine *engine, uint16_t version)
{
    return engine->versions.items[version].held_ms != INSTANT_NEVER;
}

#endif
