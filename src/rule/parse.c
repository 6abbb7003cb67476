#include "base/array.h"
#include "rule/parser.h"
#include "json/document.h"

enum { QUANTITY_MAX = 1000000000 };

/* Kinds of rules that the contract names and this version does not have yet. */
static const char *const rules_later[] = {"in_segment", "in_list", "reachable", "in_journey", NULL};
static const char *const did_later[] = {"between", "first_time", "last_time",   "sum",      "avg",
                                        "time",    "weekday",    "time_of_day", "weekdays", NULL};
static const char *const quantities[] = {
    [RULE_AT_LEAST] = "at_least", [RULE_AT_MOST] = "at_most", [RULE_EXACTLY] = "exactly"};

static enum err rule_parse_inside(struct rule_parser *parser, const json_t *json, const char *pointer,
                                  uint32_t depth, const struct rule **ret);

static enum rule_kind kind_of_parts(const char *key)
{
    return strcmp(key, "all") == 0 ? RULE_ALL : strcmp(key, "any") == 0 ? RULE_ANY : RULE_NOT;
}

static enum err object_check(const struct rule_parser *parser, const json_t *json, const char *pointer,
                             const char *what)
{
    if (json_is_object(json))
        return ERR_OK;
    return parser_fail(parser, ERR_INVALID, pointer, NULL, "%s is an object, not %s", what,
                       json_type_text(json));
}

/* ── where ────────────────────────────────────────────────────────────────── */

static enum err where_parts(struct rule_parser *parser, const json_t *json, const char *pointer,
                            const char *key, uint32_t depth, struct where *where)
{
    const json_t *inside = json_object_get(json, key);
    const char *at = pointer_join(parser->arena, pointer, key);
    bool one = where->kind == RULE_NOT;
    where->count = 1;
    enum err err = one ? ERR_OK : parser_parts(parser, inside, pointer, key, &where->count);
    if (err)
        return err;
    const struct where **parts = arena_take_array(parser->arena, where->count, sizeof *parts);
    where->parts = parts;
    for (uint32_t i = 0; i < where->count && !err; i++)
        err = where_parse(parser, one ? inside : json_array_get(inside, i),
                          one ? at : pointer_index(parser->arena, at, i), depth + 1, &parts[i]);
    return err;
}

enum err where_parse(struct rule_parser *parser, const json_t *json, const char *pointer, uint32_t depth,
                     const struct where **ret)
{
    static const char *const kinds[] = {"property", "all", "any", "not", NULL};
    const char *kind = NULL;
    enum err err = object_check(parser, json, pointer, "a condition on an event");
    if (!err)
        err = parser_enter(parser, pointer, depth);
    if (!err && json_object_get(json, "attribute"))
        err = parser_fail(
            parser, ERR_INVALID, pointer, "attribute",
            "`where` asks about the event: write \"property\"; a contact's attributes are asked beside it");
    if (!err)
        err = parser_kind(parser, json, pointer, kinds, &kind);
    if (err)
        return err;
    struct where *where = arena_take(parser->arena, sizeof *where);
    if (strcmp(kind, "property") == 0) {
        where->kind = RULE_COMPARE;
        err = comparison_parse(parser, json, pointer, kind, PROPERTIES_NAME_BYTES_MAX - 1, &where->compare);
    } else {
        const char *const known[] = {kind, NULL};
        where->kind = kind_of_parts(kind);
        err = parser_keys(parser, json, pointer, known, NULL);
        if (!err)
            err = where_parts(parser, json, pointer, kind, depth, where);
    }
    if (!err)
        *ret = where;
    return err;
}

/* ── events ───────────────────────────────────────────────────────────────── */

/* at_least, at_most or exactly, whichever is there (at_least 1 where none is). */
static enum err quantity_parse(const struct rule_parser *parser, const json_t *json, const char *pointer,
                               enum rule_quantity *ret, uint32_t *ret_number)
{
    const char *found = NULL;
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
        const char *key = quantities[i];
        const json_t *number = json_object_get(json, key);
        if (!number)
            continue;
        if (found)
            return parser_fail(parser, ERR_INVALID, pointer, key,
                               "`%s` and `%s` stand in one object: keep one of them", found, key);
        found = key;
        json_int_t least = i == RULE_AT_LEAST ? 1 : 0;
        if (!json_is_integer(number) || json_integer_value(number) < least)
            return parser_fail(parser, ERR_INVALID, pointer, key, "`%s` takes a whole number from %d on", key,
                               (int)least);
        /* A window is answered by the newest moments: n of them for at_least n, one more for the others. */
        json_int_t most = !json_object_get(json, "within") ? QUANTITY_MAX
                          : i == RULE_AT_LEAST             ? PAST_RING_MAX
                                                           : PAST_RING_MAX - 1;
        if (json_integer_value(number) > most)
            return parser_fail(parser, ERR_LIMIT, pointer, key, "`%s` is at most %lld%s", key,
                               (long long)most, most == QUANTITY_MAX ? "" : " together with within");
        *ret = (enum rule_quantity)i;
        *ret_number = (uint32_t)json_integer_value(number);
    }
    return ERR_OK;
}

static enum err event_parse(struct rule_parser *parser, const json_t *json, const char *pointer,
                            const char *name_key, enum rule_quantity *ret_quantity, struct event_rule *ret)
{
    struct event_rule parsed = {.at_least = 1};
    *ret_quantity = RULE_AT_LEAST;
    enum err err = parser_name(parser, json_object_get(json, name_key), pointer, name_key, NAME_BYTES_MAX,
                               &parsed.event);
    const json_t *where = json_object_get(json, "where");
    if (!err && where)
        err = where_parse(parser, where, pointer_join(parser->arena, pointer, "where"), 1, &parsed.where);
    const json_t *within = json_object_get(json, "within");
    if (!err && within)
        err = parser_duration(parser, within, pointer, "within", &parsed.within_ms);
    if (!err)
        err = quantity_parse(parser, json, pointer, ret_quantity, &parsed.at_least);
    if (!err)
        *ret = parsed;
    return err;
}

bool rule_is_event_rule(const json_t *json)
{
    return json_is_object(json) && json_object_get(json, "event");
}

enum err event_rule_parse(const json_t *json, const char *pointer, struct arena *arena,
                          struct event_rule *ret, struct err_detail *detail)
{
    static const char *const known[] = {"event", "where", "at_least", "within", NULL};
    struct rule_parser parser = {.arena = arena, .detail = detail};
    enum rule_quantity quantity;
    enum err err = object_check(&parser, json, pointer, "an event rule");
    if (!err)
        err = parser_enter(&parser, pointer, 1);
    if (!err)
        err = parser_keys(&parser, json, pointer, known, NULL);
    return err ? err : event_parse(&parser, json, pointer, "event", &quantity, ret);
}

/* ── rules ────────────────────────────────────────────────────────────────── */

static enum err did_parse(struct rule_parser *parser, const json_t *json, const char *pointer,
                          const char *key, struct rule *rule)
{
    const char *const known[] = {key, "where", "at_least", "at_most", "exactly", "within", NULL};
    struct rule *did = rule;
    if (strcmp(key, "did_not") == 0) {
        const struct rule **parts = arena_take_array(parser->arena, 1, sizeof *parts);
        did = arena_take(parser->arena, sizeof *did);
        parts[0] = did;
        *rule = (struct rule){.kind = RULE_NOT, .count = 1, .parts = parts};
    }
    did->kind = RULE_DID;
    enum err err = parser_keys(parser, json, pointer, known, did_later);
    return err ? err : event_parse(parser, json, pointer, key, &did->quantity, &did->did);
}

static enum err rule_parts(struct rule_parser *parser, const json_t *json, const char *pointer,
                           const char *key, uint32_t depth, struct rule *rule)
{
    const char *const known[] = {key, NULL};
    const json_t *inside = json_object_get(json, key);
    const char *at = pointer_join(parser->arena, pointer, key);
    rule->kind = kind_of_parts(key);
    bool one = rule->kind == RULE_NOT;
    rule->count = 1;
    enum err err = parser_keys(parser, json, pointer, known, rules_later);
    if (!err && !one)
        err = parser_parts(parser, inside, pointer, key, &rule->count);
    if (err)
        return err;
    const struct rule **parts = arena_take_array(parser->arena, rule->count, sizeof *parts);
    rule->parts = parts;
    for (uint32_t i = 0; i < rule->count && !err; i++)
        err = rule_parse_inside(parser, one ? inside : json_array_get(inside, i),
                                one ? at : pointer_index(parser->arena, at, i), depth + 1, &parts[i]);
    return err;
}

/* A clearer word than "unknown" for what belongs elsewhere or comes later. */
static enum err kind_misplaced(const struct rule_parser *parser, const json_t *json, const char *pointer)
{
    for (const char *const *later = rules_later; *later; later++)
        if (json_object_get(json, *later))
            return parser_fail(parser, ERR_UNSUPPORTED, pointer, *later, "`%s` comes with a later version",
                               *later);
    if (json_object_get(json, "event"))
        return parser_fail(parser, ERR_INVALID, pointer, "event",
                           "an event rule cannot stand here; for what a contact has done write {\"did\": …}");
    if (json_object_get(json, "property"))
        return parser_fail(
            parser, ERR_INVALID, pointer, "property",
            "a property belongs into the `where` of an event; for a contact write \"attribute\"");
    return ERR_OK;
}

static enum err rule_parse_inside(struct rule_parser *parser, const json_t *json, const char *pointer,
                                  uint32_t depth, const struct rule **ret)
{
    static const char *const kinds[] = {"attribute", "did", "did_not", "all", "any", "not", NULL};
    const char *kind = NULL;
    enum err err = object_check(parser, json, pointer, "a rule");
    if (!err)
        err = parser_enter(parser, pointer, depth);
    if (!err)
        err = kind_misplaced(parser, json, pointer);
    if (!err)
        err = parser_kind(parser, json, pointer, kinds, &kind);
    if (err)
        return err;
    struct rule *rule = arena_take(parser->arena, sizeof *rule);
    if (strcmp(kind, "attribute") == 0) {
        rule->kind = RULE_COMPARE;
        err = comparison_parse(parser, json, pointer, kind, NAME_BYTES_MAX, &rule->compare);
    } else if (strcmp(kind, "did") == 0 || strcmp(kind, "did_not") == 0) {
        err = did_parse(parser, json, pointer, kind, rule);
    } else {
        err = rule_parts(parser, json, pointer, kind, depth, rule);
    }
    if (!err)
        *ret = rule;
    return err;
}

enum err rule_parse(const json_t *json, const char *pointer, struct arena *arena, const struct rule **ret,
                    struct err_detail *detail)
{
    struct rule_parser parser = {.arena = arena, .detail = detail};
    return rule_parse_inside(&parser, json, pointer, 1, ret);
}
