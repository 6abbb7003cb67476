/* A journey's definition, parsed: what spec/definition.md §0-§4 describes, as plain immutable structs in one
 * arena. Pure: names are text, nothing is bound to ids, no clock. Node numbers index `nodes` in the
 * document's order. Parts of later versions are refused by name with ERR_UNSUPPORTED, unknown keys with
 * ERR_INVALID, each with the JSON pointer of the place (`/nodes/offer/timeout`). */
#ifndef JOURNEY_DEFINITION_H
#define JOURNEY_DEFINITION_H
#include "base/arena.h"
#include "base/err.h"
#include "calendar/instant.h"
#include "rule/rule.h"

/* Limits of spec/lifecycle.md §5. */
enum {
    DEFINITION_ENTRY_RULES_MAX = 10,
    DEFINITION_EXITS_MAX = 10,
    DEFINITION_GOALS_MAX = 3,
    DEFINITION_GROUPS_MAX = 10,
    DEFINITION_PATHS_MAX = 6,
    DEFINITION_NODES_MAX = 200,
    DEFINITION_DESTINATIONS_MAX = 16,
    DEFINITION_DESCRIPTION_MAX = 120, /* characters */
    DEFINITION_NAME_MAX = 120,        /* characters */
    DEFINITION_NODE_ID_MAX = 64,      /* bytes, [A-Za-z0-9_-] */
    DEFINITION_WAIT_DAYS_MAX = 365,
    DEFINITION_LABELS_MAX = 20,
    DEFINITION_VALUES_MAX = 10000,         /* of one group of a segment */
    DEFINITION_CHANGES_MAX = 50,           /* of one update node */
    DEFINITION_LATE_TOLERANCE_MINUTES = 60 /* where not written */
};

/* kind, key in JSON, whether it may hold a contact */
/* clang-format off */
#define NODE_TABLE(X)                                                                                         \
    X(WAIT, wait) X(WAIT_FOR, wait_for) X(SEGMENT, segment) X(SPLIT, split) X(ACTIVATE, activate)             \
    X(UPDATE, update) X(EXIT, exit) X(STOP, stop)
/* clang-format on */

enum node_kind {
#define X(name, key) NODE_##name,
    NODE_TABLE(X)
#undef X
        NODE_KINDS
};
const char *node_kind_name(enum node_kind kind);

/* Where a journey is left, with what counts as the reason (definition.md §4). */
/* clang-format off */
#define LEAVE_TABLE(X)                                                                                        \
    X(COMPLETED, completed) X(GOAL, goal) X(EXIT_RULE, exit_rule) X(TIMED_OUT, timed_out)                     \
    X(FORCE_EXIT, force_exit) X(VERSION_STOPPED, version_stopped) X(CARRIED_OVER, carried_over)               \
    X(REMOVED, removed) X(CONTACT_DELETED, contact_deleted) X(CONTACT_MERGED, contact_merged)
/* clang-format on */

enum leave_reason {
#define X(name, key) LEAVE_##name,
    LEAVE_TABLE(X)
#undef X
        LEAVE_REASONS
};
const char *leave_reason_name(enum leave_reason reason);

enum { EDGE_NONE = -1 };

/* Every outcome a node's kind has, in a fixed order: wait, update: next · wait_for: yes, timed_out · segment:
 * its groups, then other · split: its paths, then others · activate: next, failed · exit, stop: none. `to` is
 * the outcome's own edge, else the node's `next`, else EDGE_NONE (the contact stays waiting at the node). */
struct outcome {
    struct str name;
    int16_t to;
};

/* An event rule or a contact rule, as goals, exits and wait_for take either. */
struct condition {
    bool is_event;
    struct event_rule event;
    const struct rule *rule;
};

struct goal {
    struct str name;
    struct condition condition;
    struct str value; /* property whose sum is the revenue; empty = none */
};

struct segment_group {
    struct str name;
    uint32_t count;
    const struct value *values;
};

enum change_kind { CHANGE_SET, CHANGE_INCREASE, CHANGE_DECREASE, CHANGE_ADD, CHANGE_REMOVE };
struct change {
    enum change_kind kind;
    struct str attribute;
    struct value value; /* set: any (missing = remove it); increase, decrease: number; add, remove: string */
};

struct node {
    struct str id;
    enum node_kind kind;
    uint8_t outcome_count;
    const struct outcome *outcomes;
    bool last; /* no edge drawn at all: its work done, the contact completes here; false for exit and stop */
    union {
        struct {
            int64_t for_ms; /* 0 = until_ms counts */
            int64_t until_ms;
        } wait;
        struct {
            struct condition condition;
            int64_t timeout_ms; /* 0 = none */
        } wait_for;
        struct {
            struct str attribute;
            const struct segment_group *groups; /* outcome_count - 1 */
        } segment;
        struct {
            const struct rule *const *rules; /* outcome_count - 1 */
        } split;
        struct {
            uint8_t count;
            const struct str *destinations;
            struct str operation; /* add, update, remove; add where not written */
        } activate;
        struct {
            uint32_t count;
            const struct change *changes;
        } update;
    };
};

enum entry_kind { ENTRY_EVENT, ENTRY_API };
struct entry_rule {
    enum entry_kind kind;
    struct event_rule event; /* of ENTRY_EVENT */
};

enum entry_match { ENTRY_ANY, ENTRY_ALL };

struct definition {
    struct str name, description;
    uint32_t label_count;
    const struct str *labels;
    enum entry_match match;
    uint32_t entry_count;
    const struct entry_rule *entries;
    const struct rule *filter; /* NULL = none */
    bool reentry;
    int64_t reentry_after_ms;  /* 0 = at once */
    int64_t late_tolerance_ms; /* an event older than that on arrival enters nobody */
    uint32_t exit_count, goal_count;
    const struct condition *exits;
    const struct goal *goals;
    int64_t timeout_ms; /* 0 = none */
    uint16_t node_count;
    const struct node *nodes;
    uint16_t start;
};

/* Parses and checks what a document must satisfy to be a definition at all: types, keys, durations, edges
 * that name existing nodes, limits. Everything lives in the arena. The first error is returned. */
enum err definition_parse(const json_t *json, struct arena *arena, struct definition *ret,
                          struct err_detail *detail);

/* What a list shows of a document that may be incomplete otherwise: name, description and labels of `ret`, in
 * the arena, nothing else. Only the name must be sound; a description or a label that is not is left out. */
enum err definition_read_head(const json_t *json, struct arena *arena, struct definition *ret,
                              struct err_detail *detail);

/* A node by its id; EDGE_NONE where there is none. */
int definition_find_node(const struct definition *definition, struct str id);

#endif
