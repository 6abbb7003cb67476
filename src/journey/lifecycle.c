#include "journey/lifecycle.h"

#include <stdio.h>
#include <string.h>

/* One row a move; every other pair is refused. In the order in which they are offered. */
static const struct move {
    struct version_status from;
    enum action_kind action;
    enum version_hold hold;
    struct version_status to;
} moves[] = {
    {{VERSION_DRAFT, HOLD_NONE}, ACTION_PUBLISH, HOLD_NONE, {VERSION_RUNNING, HOLD_NONE}},
    {{VERSION_RUNNING, HOLD_NONE}, ACTION_PAUSE, HOLD_ENTRIES, {VERSION_PAUSED, HOLD_ENTRIES}},
    {{VERSION_RUNNING, HOLD_NONE}, ACTION_PAUSE, HOLD_ALL, {VERSION_PAUSED, HOLD_ALL}},
    {{VERSION_RUNNING, HOLD_NONE}, ACTION_STOP, HOLD_NONE, {VERSION_STOPPED, HOLD_NONE}},
    {{VERSION_PAUSED, HOLD_ENTRIES}, ACTION_PAUSE, HOLD_ALL, {VERSION_PAUSED, HOLD_ALL}},
    {{VERSION_PAUSED, HOLD_ENTRIES}, ACTION_RESUME, HOLD_NONE, {VERSION_RUNNING, HOLD_NONE}},
    {{VERSION_PAUSED, HOLD_ENTRIES}, ACTION_STOP, HOLD_NONE, {VERSION_STOPPED, HOLD_NONE}},
    {{VERSION_PAUSED, HOLD_ALL}, ACTION_PAUSE, HOLD_ENTRIES, {VERSION_PAUSED, HOLD_ENTRIES}},
    {{VERSION_PAUSED, HOLD_ALL}, ACTION_RESUME, HOLD_NONE, {VERSION_RUNNING, HOLD_NONE}},
    {{VERSION_PAUSED, HOLD_ALL}, ACTION_STOP, HOLD_NONE, {VERSION_STOPPED, HOLD_NONE}},
};
enum { MOVES = sizeof moves / sizeof *moves };

const char *version_state_name(enum version_state state)
{
    static const char *const names[] = {
#define X(name, key) #key,
        VERSION_STATE_TABLE(X)
#undef X
    };
    return names[state];
}

const char *version_hold_name(enum version_hold hold)
{
    static const char *const names[] = {
#define X(name, key) #key,
        VERSION_HOLD_TABLE(X)
#undef X
    };
    return names[hold];
}

const char *action_kind_name(enum action_kind kind)
{
    static const char *const names[] = {
#define X(name, key) #key,
        ACTION_TABLE(X)
#undef X
    };
    return names[kind];
}

bool version_hold_parse(struct str name, enum version_hold *ret)
{
    for (enum version_hold hold = HOLD_ENTRIES; hold < VERSION_HOLDS; hold++) {
        if (str_equal(name, str_from(version_hold_name(hold)))) {
            *ret = hold;
            return true;
        }
    }
    return false;
}

static bool is_same(struct version_status a, struct version_status b)
{
    return a.state == b.state && a.hold == b.hold;
}

bool lifecycle_move(struct version_status from, enum action_kind action, enum version_hold hold,
                    struct version_status *ret)
{
    for (size_t i = 0; i < MOVES; i++) {
        if (is_same(moves[i].from, from) && moves[i].action == action && moves[i].hold == hold) {
            *ret = moves[i].to;
            return true;
        }
    }
    return false;
}

bool lifecycle_lets_in(struct version_status status)
{
    return status.state == VERSION_RUNNING;
}

bool lifecycle_moves(struct version_status status)
{
    return status.state == VERSION_RUNNING || (status.state == VERSION_PAUSED && status.hold != HOLD_ALL);
}

static void text_of(const char *what, enum version_hold hold, char ret[LIFECYCLE_TEXT_BYTES])
{
    if (hold == HOLD_NONE)
        snprintf(ret, LIFECYCLE_TEXT_BYTES, "%s", what);
    else
        snprintf(ret, LIFECYCLE_TEXT_BYTES, "%s with hold %s", what, version_hold_name(hold));
}

void lifecycle_status_text(struct version_status status, char ret[LIFECYCLE_TEXT_BYTES])
{
    text_of(version_state_name(status.state), status.hold, ret);
}

void lifecycle_action_text(enum action_kind action, enum version_hold hold, char ret[LIFECYCLE_TEXT_BYTES])
{
    text_of(action_kind_name(action), hold, ret);
}

void lifecycle_allowed_text(struct version_status from, char ret[LIFECYCLE_TEXT_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < MOVES && used < LIFECYCLE_TEXT_BYTES; i++) {
        char text[LIFECYCLE_TEXT_BYTES];
        if (!is_same(moves[i].from, from))
            continue;
        lifecycle_action_text(moves[i].action, moves[i].hold, text);
        used += (size_t)snprintf(ret + used, LIFECYCLE_TEXT_BYTES - used, "%s%s", used ? ", " : "", text);
    }
    if (used == 0)
        snprintf(ret, LIFECYCLE_TEXT_BYTES, "nothing");
}
