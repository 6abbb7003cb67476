/* The control from inside: control.c reads and appends the log, control_journeys.c keeps the journeys. */
#ifndef PARTITION_CONTROL_STATE_H
#define PARTITION_CONTROL_STATE_H
#include "base/map.h"
#include "partition/control_journeys.h"
#include "json/reader.h"

struct note {
    struct str kind, body;
};

struct taken { /* what came with an Idempotency-Key */
    struct str key;
    uint64_t position;
};

struct control {
    struct store *store;
    struct control_guard guard; /* all zero: nobody else reads */
    bool read_only;
    uint64_t position;
    struct names *names;
    struct plan *plan;
    struct arena arena;
    ARRAY(struct action) actions;
    ARRAY(struct version_status) statuses;    /* by version */
    ARRAY(struct control_journey *) journeys; /* by number - 1 */
    ARRAY(uint32_t) journey_numbers;          /* by version */
    ARRAY(struct note) notes;
    ARRAY(struct taken) keys;
    struct map key_map;         /* of them, by key: an editor that saves every few seconds leaves many */
    struct json_reader *reader; /* while the log is read: drafts are many and large */
    int64_t now_ms;             /* of the newest entry: names are dated with it */
    enum err failed;
    struct err_detail failure;
};

/* Appends, enters the guard and moves the position; a key that was taken already is refused. With ERR_OK the
 * caller applies what was appended, and leaves. */
enum err control_append(struct control *control, struct str kind, struct str body,
                        const struct control_by *by, struct err_detail *detail);
void control_enter(const struct control *control);
void control_leave(const struct control *control);
/* A retried action: it has been taken, and its answer is the same again. */
bool control_is_taken(const struct control *control, const struct control_by *by);

/* False where the version is in no state for it. */
bool control_take_action(struct control *control, const struct action *action);
plan_name_id control_known_name; /* ids of known names alone */

/* ── journeys, as entries are read back ───────────────────────────────────── */

enum err control_replay_draft(struct control *control, const struct control_entry *entry,
                              struct err_detail *detail);
enum err control_replay_discard(struct control *control, const struct control_entry *entry,
                                const json_t *body);
enum err control_replay_publish(struct control *control, const struct control_entry *entry,
                                const json_t *body, struct err_detail *detail);
/* An action concerns the journey of its version. */
void control_touch(struct control *control, uint16_t version, uint64_t position);
void control_journeys_free(struct control *control);

#endif
