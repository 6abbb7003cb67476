/* The states of a version and what leads from one to another: spec/lifecycle.md §1 and §2. Pure. The one
 * place that knows them: the control plane asks it what is allowed, an engine and a trace fold the log with
 * it, the API names states and holds by it. */
#ifndef JOURNEY_LIFECYCLE_H
#define JOURNEY_LIFECYCLE_H
#include <stdbool.h>

#include "base/str.h"

#define VERSION_STATE_TABLE(X) X(DRAFT, draft) X(RUNNING, running) X(PAUSED, paused) X(STOPPED, stopped)
enum version_state {
#define X(name, key) VERSION_##name,
    VERSION_STATE_TABLE(X)
#undef X
        VERSION_STATES
};

/* What a pause holds back: the entry alone, or movement, timers and sends as well. */
#define VERSION_HOLD_TABLE(X) X(NONE, none) X(ENTRIES, entries) X(ALL, all)
enum version_hold {
#define X(name, key) HOLD_##name,
    VERSION_HOLD_TABLE(X)
#undef X
        VERSION_HOLDS
};

/* What is done to a version, by an operator or by the system. */
#define ACTION_TABLE(X) X(PUBLISH, publish) X(PAUSE, pause) X(RESUME, resume) X(STOP, stop)
enum action_kind {
#define X(name, key) ACTION_##name,
    ACTION_TABLE(X)
#undef X
        ACTION_KINDS
};

struct version_status {
    enum version_state state;
    enum version_hold hold; /* HOLD_NONE but of a paused one */
};

const char *version_state_name(enum version_state state);
const char *version_hold_name(enum version_hold hold);
const char *action_kind_name(enum action_kind kind);
/* A hold that a pause may ask for, by its name; false = there is none of this name. */
bool version_hold_parse(struct str name, enum version_hold *ret);

/* Where an action leads; false = it is not allowed there. `hold`: of a pause, else HOLD_NONE. */
bool lifecycle_move(struct version_status from, enum action_kind action, enum version_hold hold,
                    struct version_status *ret);

/* The entry is open. */
bool lifecycle_lets_in(struct version_status status);
/* Contacts move, timers fire, effects go out. */
bool lifecycle_moves(struct version_status status);

/* "paused with hold all", "pause with hold entries": for people. */
enum { LIFECYCLE_TEXT_BYTES = 160 };
void lifecycle_status_text(struct version_status status, char ret[LIFECYCLE_TEXT_BYTES]);
void lifecycle_action_text(enum action_kind action, enum version_hold hold, char ret[LIFECYCLE_TEXT_BYTES]);
/* What is allowed, with commas between; "nothing" where nothing is. */
void lifecycle_allowed_text(struct version_status from, char ret[LIFECYCLE_TEXT_BYTES]);

#endif
