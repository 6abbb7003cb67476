/* What happened to one contact in one journey: its ledger rows in order, each with its cause found, and the
 * events that might have let it in and did not, with why. */
#ifndef TRACE_STORY_H
#define TRACE_STORY_H
#include "trace/chain.h"

enum trace_cause_kind {
    TRACE_TIME,
    TRACE_EVENT,   /* name, own_ms, body */
    TRACE_API,     /* a call that asked for the contact to enter: body */
    TRACE_CHANGE,  /* of attributes, from outside: body */
    TRACE_UPDATE,  /* of attributes, by an update node: body */
    TRACE_ACTION,  /* name = pause, resume, stop */
    TRACE_ANSWER,  /* name = the destination, failed */
    TRACE_REMOVED, /* its row is not there any more */
};

struct trace_cause {
    enum trace_cause_kind kind;
    struct str name;
    int64_t own_ms;  /* of an event: its own time */
    struct str body; /* of an event or change: the JSON object that rules saw; empty = {} */
    bool failed;
};

struct trace_fact {
    struct ledger_row row;
    const struct plan_version *version;
    struct trace_cause cause;
};

/* An event, or a call of the API, that met the entry rule, and let nobody in. */
struct trace_miss {
    const struct event_row *event; /* of the chain */
    struct str name;
    const char *why;
};

struct trace_story {
    struct str journey;
    bool entered; /* ever, as far as its history is kept */
    ARRAY(struct trace_fact) facts;
    bool inside;
    struct enrollment_view now; /* where inside */
    const struct plan_version *now_version;
    ARRAY(struct trace_miss) missed;
    ARRAY(const char *) reasons; /* where there is no fact: why */
};

/* Asks nothing of the store: it may be told under the control's lock. Texts live in the arena, names and
 * bodies in the plan and the chain; free the arrays. Costs about a microsecond a row of the chain. */
void trace_story_tell(const struct control *control, const struct trace_contact *contact,
                      const struct trace_chain *chain, uint16_t journey, struct arena *arena,
                      struct trace_story *ret);
void trace_story_free(struct trace_story *story);

#endif
