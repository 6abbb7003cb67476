/* What an engine is told, in order of arrival. Strings and values are borrowed for the call. */
#ifndef ENGINE_INPUT_H
#define ENGINE_INPUT_H
#include "engine/fact.h"
#include "journey/lifecycle.h"
#include "json/properties.h"

struct trait { /* an attribute to set; a missing value removes it */
    uint16_t attribute;
    struct value value;
};

/* What becomes of a call of the API that asks for a contact to enter. */
#define ENROLL_OUTCOME_TABLE(X)                                                                              \
    X(REPEATED, repeated) /* the message was judged before: it is not again */                               \
    X(ENTERED, entered)                                                                                      \
    X(INSIDE, inside)       /* it is inside already */                                                       \
    X(CLOSED, closed)       /* the entry is: the journey is paused, stopped or not live here yet */          \
    X(NO_RULE, no_rule)     /* the journey has no api entry */                                               \
    X(WAITING, waiting)     /* match all: other rules do not hold yet; this one does from now on */          \
    X(REENTRY, reentry)     /* re-entry is off, or not allowed yet */                                        \
    X(EXIT_RULE, exit_rule) /* one holds already and keeps it out */                                         \
    X(FILTERED, filtered)
enum enroll_outcome {
#define X(name, key) ENROLL_##name,
    ENROLL_OUTCOME_TABLE(X)
#undef X
        ENROLL_OUTCOMES
};
const char *enroll_outcome_name(enum enroll_outcome outcome);

/* A change of one contact from outside. A contact that is not known yet is created by it. */
struct record {
    enum event_kind kind; /* EVENT_TRACK, EVENT_IDENTIFY or EVENT_ENROLL */
    bool
        history; /* track: imported; it counts in the past, lets nobody in and moves nobody (EVENT_HISTORY) */
    struct str external_id;
    uint64_t hash;                /* contact_hash(external_id) */
    uint64_t message;             /* hash of (contact, message id); 0 = none */
    int64_t at_ms;                /* its own time; the engine clamps it to its arrival */
    uint16_t name;                /* track: id in event/names.h; 0 = over the limit (history only) */
    struct str body;              /* the properties or traits as compact JSON object: what is kept */
    struct properties properties; /* track, enroll: the same, for rules */
    uint16_t journey;             /* enroll: the plan's number */
    enum enroll_outcome *outcome; /* enroll: where it is told when it is judged; NULL = nobody asks */
    uint32_t trait_count;         /* identify: the same, for attributes */
    const struct trait *traits;
    bool *repeated; /* set where its message id is known, so that nothing was taken; NULL = nobody asks */
};

/* An operator's (or the system's) action as one partition takes it: a control entry that concerns engines. */
struct action {
    enum action_kind kind;
    enum version_hold hold; /* of a pause */
    uint16_t version;       /* the engine's number */
    uint64_t position;      /* of the control entry */
    int64_t at_ms;
};

/* The answer of a destination to an effect. One that answers nothing open is ignored. */
struct result {
    uint32_t enrollment;
    uint32_t visit;
    uint8_t destination;
    bool failed;
};

enum input_kind { INPUT_RECORD, INPUT_ACTION, INPUT_RESULT };
struct input {
    enum input_kind kind;
    uint64_t number; /* of the source's record (replay: in time order, from 1); 0 = not counted */
    union {
        struct record record;
        struct action action;
        struct result result;
    };
};

#endif
