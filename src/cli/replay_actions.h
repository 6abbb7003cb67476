/* The operator's actions of a replay: NDJSON {"at", "action", "journey", …the API's own fields}, read and
 * judged whole before anything is taken. */
#ifndef CLI_REPLAY_ACTIONS_H
#define CLI_REPLAY_ACTIONS_H
#include "base/arena.h"
#include "base/array.h"
#include "base/err.h"
#include "engine/input.h"

struct replay_action {
    int64_t at_ms;
    enum action_kind kind;
    enum version_hold hold; /* of a pause */
    struct str journey;
    uint64_t line;
};

struct replay_actions {
    ARRAY(struct replay_action) items; /* in order of time, those of one instant in the file's order */
    char digest[33];
};

/* Texts live in the arena. `journeys` are the names there are; an action must lie at or after `from_ms`, when
 * they are published. Errors name `file:line: /pointer`. */
enum err replay_actions_read(const char *path, const struct str *journeys, size_t journey_count,
                             int64_t from_ms, struct arena *arena, struct replay_actions *ret,
                             struct err_detail *detail);

#endif
