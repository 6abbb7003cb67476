/* A compiled rule: one flat array in preorder, in which every group is an "all". `any` and `not` are gone:
 * any(a, b) is not all(not a, not b), and a `not` is a flag of what it negates. The whole program is an all
 * of its topmost steps.
 *
 *     any(plan = pro, all(did X, not did Y))   0  ALL  negated  end 4
 *                                              1    plan = pro  negated
 *                                              2    ALL  negated  end 5 …
 *
 * Both judges walk it with a small stack of open groups and jump to a group's end once its outcome is
 * settled. */
#ifndef RULE_PROGRAM_H
#define RULE_PROGRAM_H
#include "rule/rule.h"

/* Groups open at once: as deep as rules may be written, and what callers wrap around them. */
enum { PROGRAM_FRAMES_MAX = RULE_DEPTH_MAX + 4 };
#define COUNT_UNLIMITED UINT32_MAX

enum step_kind {
    STEP_ALL,
    STEP_COMPARE,      /* an attribute */
    STEP_COUNT,        /* how often the event ever came */
    STEP_LAST,         /* the event came within the window: its last time tells */
    STEP_COUNT_WHERE,  /* how often it ever came under the aggregate's condition */
    STEP_COUNT_WITHIN, /* how often within the window: the aggregate's newest moments tell */
};

/* How a column answers a comparison without looking at values one by one; anything else is asked of
 * comparison_judge. */
enum cell_mode {
    CELLS_THERE,    /* any value will do */
    CELLS_NUMBERS,  /* least <= number <= most */
    CELLS_INSTANTS, /* from_ms <= instant <= to_ms; a string may stand for an instant where `parses` */
    CELLS_VALUES,   /* ask; but a string whose hash is not in `hashes` fails */
};

struct cell_test {
    enum cell_mode mode;
    bool inverted; /* true where there is a value that fails the test: ne, not_in */
    bool parses;
    double least, most;
    int64_t from_ms, to_ms; /* of within_last and within_next these follow from now */
    uint64_t hashes;        /* bit h % 64 for each hash of an operand */
};

struct rule_step {
    enum step_kind kind;
    bool negated;
    uint32_t end; /* the step after it and all that is in it */
    uint16_t id;  /* of the attribute, event or aggregate */
    union {
        struct {
            struct rule_comparison comparison;
            struct cell_test cells;
        };
        struct {
            uint32_t least, most; /* how often, both included */
            int64_t within_ms;
        };
    };
};

struct rule_program {
    uint32_t count;
    const struct rule_step *steps;
    struct rule_needs needs;
};

struct cell_test cell_test_of(const struct rule_comparison *comparison);

/* A step about past events for one contact, before negation. */
struct verdict past_judge(const struct rule_step *step, const struct past *past, uint32_t contact,
                          int64_t now_ms);

#endif
