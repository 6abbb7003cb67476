/* Questions about contacts, one language for entry filters, splits, waits, exits and goals
 * (spec/definition.md §3).
 *
 *     JSON ── rule_parse ──▶ struct rule (names as text, pure)
 *          ── rule_compile ──▶ struct rule_program (ids, immutable)
 *                 judged over one contact: rule_judge · over everybody: rule_scan
 *
 * Kinds: `attribute` with every operator; `did`/`did_not` with where, at_least/at_most/exactly, within;
 * all/any/not. Missing is false in every comparison but `missing`; so is a value of another type
 * (`ne`/`not_in` of a value that is there but differs in type are true). Instants compare with instants and
 * with strings that instant_parse takes. */
#ifndef RULE_RULE_H
#define RULE_RULE_H
#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "contact/contacts.h"
#include "event/names.h"
#include "event/past.h"
#include "json/properties.h"
#include "json/value.h"

enum { RULE_DEPTH_MAX = 16, RULE_TERMS_MAX = 256 };

/* ── as written ───────────────────────────────────────────────────────────── */

/* clang-format off */
#define RULE_OPERATOR_TABLE(X)                                                                               \
    X(EQ, eq) X(NE, ne) X(IN, in) X(NOT_IN, not_in) X(GT, gt) X(GTE, gte) X(LT, lt) X(LTE, lte)              \
    X(BETWEEN, between) X(CONTAINS, contains) X(STARTS_WITH, starts_with) X(EXISTS, exists)                  \
    X(MISSING, missing) X(BEFORE, before) X(AFTER, after) X(WITHIN_LAST, within_last)                        \
    X(WITHIN_NEXT, within_next)
/* clang-format on */

enum rule_operator {
#define X(name, key) RULE_##name,
    RULE_OPERATOR_TABLE(X)
#undef X
};

/* `field op operands`, over an attribute of a contact or a property of an event. */
struct rule_comparison {
    struct str field;
    enum rule_operator op;
    uint32_t count; /* operands: 1; between 2; in, not_in 1.., sorted; exists, missing, within_* none */
    const struct value *operands;
    int64_t span_ms; /* within_last, within_next */
};

/* `where` of an event: comparisons over its properties, joined by all/any/not. NULL = every event. */
enum rule_kind { RULE_COMPARE, RULE_DID, RULE_ALL, RULE_ANY, RULE_NOT };
enum rule_quantity { RULE_AT_LEAST, RULE_AT_MOST, RULE_EXACTLY };

struct where { /* kinds: RULE_COMPARE, RULE_ALL, RULE_ANY, RULE_NOT */
    enum rule_kind kind;
    struct rule_comparison compare;
    uint32_t count;
    const struct where *const *parts;
};

/* An event with a condition, how often and how recently: of `did`, and of entry, exit, goal and wait_for
 * event rules. */
struct event_rule {
    struct str event;
    const struct where *where;
    uint32_t at_least; /* 1 where not written */
    int64_t within_ms; /* 0 = no window */
};

struct rule {
    enum rule_kind kind;
    struct rule_comparison compare; /* RULE_COMPARE: field = attribute name */
    struct event_rule did; /* RULE_DID (did_not is RULE_NOT of it); at_least = the number for any quantity */
    enum rule_quantity quantity;
    uint32_t count;
    const struct rule *const *parts; /* RULE_ALL, RULE_ANY: count; RULE_NOT: 1 */
};

/* Errors carry the JSON pointer, `pointer` in front. What lives in the arena borrows nothing from the json_t.
 * Unknown keys, kinds of a later version (ERR_UNSUPPORTED, by name) and wrong types are refused. */
enum err rule_parse(const json_t *json, const char *pointer, struct arena *arena, const struct rule **ret,
                    struct err_detail *detail);
/* {"event","where","at_least","within"}: `json` may have been checked by the caller for having "event". */
enum err event_rule_parse(const json_t *json, const char *pointer, struct arena *arena,
                          struct event_rule *ret, struct err_detail *detail);
/* Whether a JSON object is an event rule (has the key "event") rather than a contact rule. */
bool rule_is_event_rule(const json_t *json);

bool where_matches(const struct where *where, const struct properties *properties, int64_t now_ms);
bool where_equal(const struct where *a, const struct where *b);

/* ── compiled ─────────────────────────────────────────────────────────────── */

/* What a program asks of the outside while it is compiled: ids for names (given if new; 0 = over the limit,
 * the term is then false) and aggregates for what counts and last times alone do not answer. */
struct rule_binder {
    void *context;
    uint16_t (*name)(void *context, enum name_kind kind, struct str name);
    /* An aggregate that counts `event` under `where` and keeps `ring` newest moments: an equal one with a
     * ring at least as long may be shared, else a new one is registered. UINT16_MAX = over the limit of
     * aggregates. */
    uint16_t (*aggregate)(void *context, uint16_t event, const struct where *where, uint16_t ring);
};

struct rule_program;

/* The program lives in the arena, with everything it points to. ERR_LIMIT where names or aggregates are used
 * up. */
enum err rule_compile(const struct rule *rule, const struct rule_binder *binder, struct arena *arena,
                      const struct rule_program **ret, struct err_detail *detail);

/* Everything about one partition's contacts that a rule may read. */
struct rule_people {
    const struct contacts *contacts;
    const struct past *past;
};

struct verdict {
    bool holds;
    int64_t changes_ms; /* the first instant > now at which time alone may change it; INSTANT_NEVER = none */
};

struct verdict rule_judge(const struct rule_program *program, const struct rule_people *people,
                          struct contact_id contact, int64_t now_ms);

/* The same question for contacts [first, first + count), first a multiple of 64: bit i % 64 of ret[i / 64] is
 * set where it holds for contact first + i. Column by column; equal to rule_judge for every contact (a
 * property test). */
void rule_scan(const struct rule_program *program, const struct rule_people *people, uint32_t first,
               uint32_t count, int64_t now_ms, uint64_t *ret_bits);

/* What a program depends on, so that changes of nothing else need judge it again. Sorted, without repeats. */
struct rule_needs {
    const uint16_t *events, *attributes;
    uint32_t event_count, attribute_count;
    bool time; /* its truth may change by time alone */
};
const struct rule_needs *rule_needs(const struct rule_program *program);

#endif
