/* What the oracle's files share: everything it knows, in flat arrays. */
#ifndef SIM_ORACLE_STATE_H
#define SIM_ORACLE_STATE_H
#include "base/array.h"
#include "base/check.h"
#include "base/str.h"
#include "oracle.h"

#define ORACLE_NEVER INT64_MAX /* "no instant" */

enum { ORACLE_GOALS_MAX = 3 };

struct oracle_event {
    uint64_t order; /* of arrival, over all contacts */
    int64_t arrived_ms, own_ms;
    const char *name;
    json_t *properties;
};

/* Something met while the journey was held, to be acted on at resume. */
struct oracle_met {
    bool met;
    int64_t own_ms;
    const char *reason; /* of an end */
    int which;
    double value;
};

struct oracle_enrollment {
    uint32_t journey, passage;
    bool open;
    int64_t entered_ms, timeout_ms; /* the instant of the journey's timeout */
    uint64_t entered_order;         /* events with a greater order came after it */
    const char *node;               /* where it stands, or where it left */
    int64_t arrived_ms, due_ms;
    uint64_t arrived_order;
    uint32_t pending; /* destinations of its activate node that have not answered */
    bool failed;      /* one of them gave up */
    bool done;        /* its work at the node is done, and no edge is drawn for what came out */
    uint32_t visits;
    bool goal_was_false[ORACLE_GOALS_MAX]; /* since the entry, so that a contact rule may BECOME true */
    struct oracle_met end, yes;
    const char *reason; /* why it left */
    int64_t left_ms;
    uint64_t left_order;
};

/* What a destination is asked: number of the activation. */
struct oracle_question {
    struct oracle_enrollment *e;
    size_t activation;
    bool closed;
};

struct oracle_contact {
    const char *id;
    uint32_t number;
    json_t *attributes;
    int64_t clock_ms; /* everything due up to here has happened */
    ARRAY(struct oracle_event) events;
    ARRAY(struct oracle_enrollment *) enrollments; /* in order of entry: by id */
    ARRAY(struct oracle_question)
    questions; /* to destinations, in order; answered when the unit is settled */
};

enum oracle_state { ORACLE_RUNNING, ORACLE_CLOSED, ORACLE_HELD, ORACLE_STOPPED };

struct oracle_span { /* in which the entry is open: [from, to) */
    int64_t from_ms, to_ms;
};

struct oracle_journey {
    const char *name;
    json_t *definition;
    json_t *nodes;
    enum oracle_state state;
    int64_t published_ms;
    ARRAY(struct oracle_span) open;
};

/* What the figures count, one a time. */
enum oracle_mark_kind { ORACLE_ENTERED, ORACLE_ARRIVED, ORACLE_MOVED, ORACLE_LEFT };
struct oracle_mark {
    int64_t at_ms;
    enum oracle_mark_kind kind;
    uint32_t journey;
    const char *node, *what; /* outcome or reason */
    int which;
    double value;
};

struct oracle_message {
    const char *contact, *message;
    int64_t at_ms;
};

struct oracle {
    ARRAY(struct oracle_contact *) contacts;
    ARRAY(struct oracle_journey *) journeys;
    ARRAY(struct oracle_mark) marks;
    ARRAY(struct oracle_fact) facts;
    ARRAY(struct oracle_activation) activations;
    ARRAY(struct oracle_ending) endings;
    ARRAY(struct oracle_message) messages; /* that were taken, in order */
    ARRAY(json_t *) inputs;                /* kept, as names are borrowed from them */
    uint64_t events;
    uint64_t order;
};

/* What is new about a contact: an event, or attributes that have got another value. Both empty = time alone.
 */
struct oracle_change {
    const struct oracle_event *event;
    json_t *attributes; /* their names are its keys */
    int64_t own_ms;
};

/* ── oracle_time.c ────────────────────────────────────────────────────────── */

/* The forms 2026-01-31, T10:00, T10:00:00 and T10:00:00.123 with or without Z. */
bool oracle_is_instant(const json_t *json, int64_t *ret_ms);
/* Whether a string has the form in which instants are printed: then it is an instant, not a string. */
bool oracle_is_canonical_instant(const json_t *json);
int64_t oracle_instant(const json_t *text);
int64_t oracle_duration(const json_t *text);

/* ── oracle_rule.c ────────────────────────────────────────────────────────── */

/* A contact rule, judged at now_ms over everything the contact has done so far. */
bool oracle_rule_holds(json_t *rule, const struct oracle_contact *contact, int64_t now_ms);
/* Whether the rule asks about what has changed. */
bool oracle_rule_asks(json_t *rule, const struct oracle_change *change);
/* The first instant after `after_ms` at which time alone might change its truth; INSTANT_NEVER = none. */
int64_t oracle_rule_flips(json_t *rule, const struct oracle_contact *contact, int64_t after_ms);
/* Whether the event is one that an event rule names, `where` included. */
bool oracle_event_fits(json_t *event_rule, const struct oracle_event *event);
/* Whether the event is one by which the rule has its number, counting what came after `order` with an own
 * time from from_ms on, inside the rule's window. */
bool oracle_event_rule_met(json_t *event_rule, const struct oracle_contact *contact,
                           const struct oracle_event *event, int64_t now_ms, uint64_t order, int64_t from_ms);
/* Whether the value equals one of the list. */
bool oracle_value_in(const json_t *value, const json_t *list);

static inline bool oracle_is_event_rule(const json_t *condition)
{
    return json_object_get(condition, "event") != NULL;
}

/* A goal's rule stands under "rule" or beside its name. */
static inline json_t *oracle_goal_condition(json_t *goal)
{
    json_t *rule = json_object_get(goal, "rule");
    return rule ? rule : goal;
}

/* ── oracle_enter.c ───────────────────────────────────────────────────────── */

/* The entry step of an event in one journey. */
void oracle_enter(struct oracle *oracle, struct oracle_contact *contact, uint32_t journey,
                  const struct oracle_event *event, int64_t now_ms);
struct oracle_enrollment *oracle_open_enrollment(const struct oracle_contact *contact, uint32_t journey);

/* ── oracle_move.c ────────────────────────────────────────────────────────── */

/* A new enrollment arrives at the start and goes on until a node holds it. */
void oracle_begin(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *enrollment,
                  int64_t now_ms);
/* It leaves its node by the outcome and goes on until a node holds it. */
void oracle_move(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *enrollment,
                 const char *outcome, int64_t now_ms);
void oracle_leave(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *enrollment,
                  const struct oracle_met *end, int64_t now_ms);
/* For a reason that is neither a goal nor an exit rule. */
static inline struct oracle_met oracle_reason(const char *reason)
{
    return (struct oracle_met){.reason = reason, .which = -1};
}
/* Destinations answer, in order, once what asked them is wholly settled. */
void oracle_answer(struct oracle *oracle, struct oracle_contact *contact, int64_t now_ms);
/* The first slow destination of the enrollment answers, if one is asked. */
void oracle_answer_slow(struct oracle *oracle, struct oracle_contact *contact, struct oracle_enrollment *e,
                        bool fails, int64_t now_ms);
/* Sets attributes, null removes; the names of those that changed become keys of ret_changed. */
void oracle_set_attribute(struct oracle_contact *contact, const char *name, json_t *value,
                          json_t *ret_changed);

/* ── oracle_settle.c ──────────────────────────────────────────────────────── */

/* Journey by journey: ends, entry (of an event), movement. */
void oracle_settle(struct oracle *oracle, struct oracle_contact *contact, const struct oracle_change *change,
                   int64_t now_ms);
/* History moves nobody; but a contact rule that it makes false may become true again, which a goal asks for.
 */
void oracle_learn(struct oracle *oracle, struct oracle_contact *contact, const struct oracle_change *change,
                  int64_t now_ms);
/* Everything of the contact that is due up to limit_ms, instant by instant. */
void oracle_run(struct oracle *oracle, struct oracle_contact *contact, int64_t limit_ms);
/* What the hold of a journey has kept back, at the instant of its resume. */
void oracle_resume(struct oracle *oracle, struct oracle_contact *contact, uint32_t journey, int64_t now_ms);

#endif
