/* The publish checklist (spec/lifecycle.md §5), its structural part: what the definition alone can tell. Findings are
 * data; the page, the API and the command place them by `pointer`. Errors block publishing, warnings must be ticked. */
#ifndef JOURNEY_CHECKLIST_H
#define JOURNEY_CHECKLIST_H
#include "base/array.h"
#include "journey/definition.h"

/* code, severity: the codes are part of the API and never change their meaning; docs and tests come from this table */
#define FINDING_TABLE(X)                                                                                      \
    X(DEFINITION_INVALID, ERROR) X(NOT_SUPPORTED, ERROR) X(OVER_LIMIT, ERROR)                                 \
    X(NO_ENTRY_RULE, ERROR) X(NODE_UNREACHABLE, ERROR) X(EDGE_TO_NOWHERE, ERROR) X(NODE_WITHOUT_EDGE, ERROR)  \
    X(CYCLE_WITHOUT_TIME, ERROR) X(SEGMENT_WITHOUT_ATTRIBUTE, ERROR) X(SEGMENT_WITHOUT_GROUP, ERROR)          \
    X(SEGMENT_GROUP_EMPTY, ERROR) X(SEGMENT_GROUP_DUPLICATE, ERROR) X(SEGMENT_VALUE_TWICE, ERROR)             \
    X(WAIT_OUT_OF_RANGE, ERROR) X(WAIT_FOR_WITHOUT_CONDITION, ERROR) X(SPLIT_INCOMPLETE, ERROR)               \
    X(ACTIVATE_WITHOUT_DESTINATION, ERROR)                                                                    \
    X(ACTION_WITHOUT_WAIT, WARNING) X(REENTRY_WITH_IMMEDIATE_ACTION, WARNING) X(NO_EXIT_NO_GOAL, WARNING)     \
    X(NO_TIMEOUT_MAY_HOLD_FOREVER, WARNING) X(OUTCOME_NOT_DRAWN, WARNING) X(ACTIONS_IN_A_ROW, WARNING)        \
    X(WAIT_FOR_WITHOUT_TIMEOUT, WARNING)

enum finding_code {
#define X(name, severity) FINDING_##name,
    FINDING_TABLE(X)
#undef X
    FINDING_CODES
};
enum finding_severity { SEVERITY_ERROR, SEVERITY_WARNING };
const char *finding_code_name(enum finding_code code); /* "no_entry_rule" */
enum finding_severity finding_code_severity(enum finding_code code);

struct finding {
    enum finding_code code;
    struct str node;    /* the node's id; empty = the journey */
    const char *pointer;
    const char *message; /* what is wrong, a sentence */
    const char *fix;     /* what to do, a sentence */
};

struct findings {
    ARRAY(struct finding) rows; /* texts in the arena given */
    uint32_t errors, warnings;
};

/* All findings, in the document's order, errors first. It goes on after an error as far as sense can be made: a document
 * that definition_parse refuses gives that error as a finding (the specific code where the table has one) and every other
 * problem it can still see. The rows array belongs to the caller (array_free(&findings->rows)). */
void checklist_run(const json_t *document, struct arena *arena, struct findings *ret);

#endif
