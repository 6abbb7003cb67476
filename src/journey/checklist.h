/* The publish checklist (spec/lifecycle.md §5), its structural part: what the definition alone can tell.
 * Findings are data; the page, the API and the command place them by `pointer`. Errors block publishing,
 * warnings must be ticked. */
#ifndef JOURNEY_CHECKLIST_H
#define JOURNEY_CHECKLIST_H
#include "base/array.h"
#include "journey/definition.h"

/* name, code, severity: the codes are part of the API and never change their meaning; docs and tests come
 * from this table. */
/* clang-format off */
#define FINDING_TABLE(X)                                                                                    \
    X(DEFINITION_INVALID, definition_invalid, ERROR)                                                        \
    X(NOT_SUPPORTED, not_supported, ERROR)                                                                  \
    X(OVER_LIMIT, over_limit, ERROR)                                                                        \
    X(NO_ENTRY_RULE, no_entry_rule, ERROR)                                                                  \
    X(NODE_UNREACHABLE, node_unreachable, ERROR)                                                            \
    X(EDGE_TO_NOWHERE, edge_to_nowhere, ERROR)                                                              \
    X(NODE_WITHOUT_EDGE, node_without_edge, ERROR)                                                          \
    X(CYCLE_WITHOUT_TIME, cycle_without_time, ERROR)                                                        \
    X(SEGMENT_WITHOUT_ATTRIBUTE, segment_without_attribute, ERROR)                                          \
    X(SEGMENT_WITHOUT_GROUP, segment_without_group, ERROR)                                                  \
    X(SEGMENT_GROUP_EMPTY, segment_group_empty, ERROR)                                                      \
    X(SEGMENT_GROUP_DUPLICATE, segment_group_duplicate, ERROR)                                              \
    X(SEGMENT_VALUE_TWICE, segment_value_twice, ERROR)                                                      \
    X(WAIT_OUT_OF_RANGE, wait_out_of_range, ERROR)                                                          \
    X(WAIT_FOR_WITHOUT_CONDITION, wait_for_without_condition, ERROR)                                        \
    X(SPLIT_INCOMPLETE, split_incomplete, ERROR)                                                            \
    X(ACTIVATE_WITHOUT_DESTINATION, activate_without_destination, ERROR)                                    \
    X(ACTION_WITHOUT_WAIT, action_without_wait, WARNING)                                                    \
    X(REENTRY_WITH_IMMEDIATE_ACTION, reentry_with_immediate_action, WARNING)                                \
    X(NO_EXIT_NO_GOAL, no_exit_no_goal, WARNING)                                                            \
    X(NO_TIMEOUT_MAY_HOLD_FOREVER, no_timeout_may_hold_forever, WARNING)                                    \
    X(OUTCOME_NOT_DRAWN, outcome_not_drawn, WARNING)                                                        \
    X(ACTIONS_IN_A_ROW, actions_in_a_row, WARNING)                                                          \
    X(WAIT_FOR_WITHOUT_TIMEOUT, wait_for_without_timeout, WARNING)                                          \
    X(UNKNOWN_DESTINATION, unknown_destination, WARNING)
/* clang-format on */

enum finding_code {
#define X(name, code, severity) FINDING_##name,
    FINDING_TABLE(X)
#undef X
        FINDING_CODES
};
enum finding_severity { SEVERITY_ERROR, SEVERITY_WARNING };
const char *finding_code_name(enum finding_code code); /* "no_entry_rule" */
enum finding_severity finding_code_severity(enum finding_code code);

struct finding {
    enum finding_code code;
    struct str node; /* the node's id; empty = the journey */
    const char *pointer;
    const char *message; /* what is wrong, a sentence */
    const char *fix;     /* what to do, a sentence */
};

struct findings {
    ARRAY(struct finding) rows; /* texts in the arena given */
    uint32_t errors, warnings;
};

/* Whether the definition alone tells it. UNKNOWN_DESTINATION is a server's to say, who knows which there are.
 */
static inline bool finding_code_is_structural(enum finding_code code)
{
    return code != FINDING_UNKNOWN_DESTINATION;
}

/* All findings that the definition alone tells, in the document's order, errors first. It goes on after an
 * error as far as sense can be made: a document that definition_parse refuses gives that error as a finding
 * (the specific code where the table has one) and every other problem it can still see. The rows array
 * belongs to the caller (array_free(&findings->rows)). */
void checklist_run(const json_t *document, struct arena *arena, struct findings *ret);

#endif
