/* The nodes with branches: segment by values of an attribute, split by rules. */
#include "base/hash.h"
#include "base/map.h"
#include "journey/parse.h"
#include "json/document.h"

/* The name of branch i, which is the name of an outcome: no other may have it. */
static void parse_branch_name(struct parse *parse, struct place at, struct branches *branches, size_t i,
                              struct str reserved, enum finding_code twice)
{
    bool group = twice == FINDING_SEGMENT_GROUP_DUPLICATE;
    struct place place = place_key(parse, at, "name");
    struct str name;
    if (!read_text(parse, place, group ? "the group's name" : "the path's name", DEFINITION_NAME_MAX, &name))
        return;
    branches->names[i] = name;
    if (str_equal(name, reserved)) {
        problem_add(parse, ERR_INVALID, twice, place.pointer, "give it another name",
                    "%s is the outcome of those whom no %s takes", quoted(parse->arena, name),
                    group ? "group" : "path");
        return;
    }
    for (size_t k = 0; k < i; k++) {
        if (str_equal(branches->names[k], name)) {
            problem_add(parse, ERR_INVALID, twice, place.pointer, "give each its own name",
                        "two %s of this node are named %s", group ? "groups" : "paths",
                        quoted(parse->arena, name));
            return;
        }
    }
}

static void branches_take(struct parse *parse, struct place array, size_t count, struct branches *ret)
{
    ret->count = count;
    ret->names = arena_take_array(parse->arena, count, sizeof *ret->names);
    ret->nexts = arena_take_array(parse->arena, count, sizeof *ret->nexts);
    for (size_t i = 0; i < count; i++)
        ret->nexts[i] = place_key(parse, place_item(parse, array, i), "next");
}

/* ── segment ── */

/* A value of a group, with where it stands: one of two groups must not have the same. */
struct group_value {
    const struct value *value;
    size_t group;
};
struct group_values {
    ARRAY(struct group_value) items;
    struct map index;
    const struct value *wanted;
};

static uint64_t value_hash(const struct value *v)
{
    if (v->type == VALUE_INSTANT) /* with or without milliseconds, the same instant is the same value */
        return hash_str_seeded((struct str){(const char *)&v->instant_ms, sizeof v->instant_ms},
                               VALUE_INSTANT);
    if (v->type == VALUE_STRING)
        return hash_str_seeded(v->string, VALUE_STRING);
    if (v->type == VALUE_BOOL)
        return hash_str_seeded(v->boolean ? STR("true") : STR("false"), VALUE_BOOL);
    double number = v->number + 0.0; /* -0 equals 0 */
    return hash_str_seeded((struct str){(const char *)&number, sizeof number}, VALUE_NUMBER);
}

static bool is_wanted_value(const void *context, uint32_t i)
{
    const struct group_values *values = context;
    return value_equal(values->items.items[i].value, values->wanted);
}

static uint64_t hash_of_value(const void *context, uint32_t i)
{
    const struct group_values *values = context;
    return value_hash(values->items.items[i].value);
}

/* The group that has the value already, or `group` once it has been noted there. */
static size_t group_values_note(struct group_values *values, const struct value *value, size_t group)
{
    uint64_t hash = value_hash(value);
    uint32_t found;
    values->wanted = value;
    if (map_find(&values->index, hash, is_wanted_value, values, &found))
        return values->items.items[found].group;
    *array_push(&values->items) = (struct group_value){value, group};
    map_add(&values->index, hash, (uint32_t)(values->items.count - 1), hash_of_value, values);
    return group;
}

static void parse_group_values(struct parse *parse, struct place at, size_t group,
                               const struct branches *branches, struct group_values *seen,
                               struct segment_group *ret)
{
    size_t count;
    if (!at.json || (json_is_array(at.json) && json_array_size(at.json) == 0)) {
        problem_add(
            parse, ERR_INVALID, FINDING_SEGMENT_GROUP_EMPTY, at.pointer,
            "write the values that belong to it, \"values\": [\"pro\", \"team\"], or remove the group",
            "this group has no values, so nobody can be in it");
        return;
    }
    if (!read_array(parse, at, "values", DEFINITION_VALUES_MAX, &count))
        return;
    struct value *values = arena_take_array(parse->arena, count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        struct place item = place_item(parse, at, i);
        if (!document_value(item.json, parse->arena, &values[i]) || values[i].type == VALUE_LIST ||
            values[i].type == VALUE_MISSING) {
            problem_type(parse, item, "a value, a string, number or boolean,", "write one value an item");
            continue;
        }
        size_t first = group_values_note(seen, &values[i], group);
        if (first != group)
            problem_add(parse, ERR_INVALID, FINDING_SEGMENT_VALUE_TWICE, item.pointer,
                        "keep it in one of the two", "this value stands in the groups %s and %s",
                        quoted(parse->arena, branches->names[first]),
                        quoted(parse->arena, branches->names[group]));
    }
    ret->values = values;
    ret->count = (uint32_t)count;
}

static void parse_group(struct parse *parse, struct place at, size_t i, struct branches *branches,
                        struct group_values *seen, struct segment_group *ret)
{
    static const struct key keys[] = {{"name"}, {"values"}, {"next"}, {NULL}};
    if (!read_object(parse, at, "a group, an object,", keys))
        return;
    parse_branch_name(parse, at, branches, i, STR("other"), FINDING_SEGMENT_GROUP_DUPLICATE);
    ret->name = branches->names[i];
    parse_group_values(parse, place_key(parse, at, "values"), i, branches, seen, ret);
}

void parse_segment(struct parse *parse, struct place at, struct node *ret, struct branches *branches,
                   struct drawing *drawing)
{
    struct place attribute = place_key(parse, at, "attribute"), groups = place_key(parse, at, "groups");
    if (attribute.json)
        read_name(parse, attribute, "the attribute", &ret->segment.attribute);
    else
        problem_add(parse, ERR_INVALID, FINDING_SEGMENT_WITHOUT_ATTRIBUTE, attribute.pointer,
                    "write \"attribute\": \"plan\", with the attribute whose value decides",
                    "this segment does not say by which attribute it divides");
    if (!groups.json || (json_is_array(groups.json) && json_array_size(groups.json) == 0)) {
        problem_add(parse, ERR_INVALID, FINDING_SEGMENT_WITHOUT_GROUP, groups.pointer,
                    "write \"groups\": [{\"name\": \"paying\", \"values\": [\"pro\"], \"next\": \"call\"}]",
                    "this segment has no groups");
        return;
    }
    size_t count;
    drawing->outcomes_known = read_array(parse, groups, "groups", DEFINITION_GROUPS_MAX, &count);
    if (!drawing->outcomes_known)
        return;
    branches_take(parse, groups, count, branches);
    struct segment_group *parsed = arena_take_array(parse->arena, count, sizeof *parsed);
    struct group_values seen = {0};
    for (size_t i = 0; i < count; i++)
        parse_group(parse, place_item(parse, groups, i), i, branches, &seen, &parsed[i]);
    array_free(&seen.items);
    map_deinit(&seen.index);
    ret->segment.groups = parsed;
}

/* ── split ── */

static void parse_path(struct parse *parse, struct place at, size_t i, struct branches *branches,
                       const struct rule **ret)
{
    static const struct key keys[] = {{"name"}, {"rule"}, {"next"}, {NULL}};
    static const char fix[] = "write \"rule\": {\"attribute\": \"plan\", \"eq\": \"pro\"}";
    if (!read_object(parse, at, "a path, an object,", keys))
        return;
    parse_branch_name(parse, at, branches, i, STR("others"), FINDING_DEFINITION_INVALID);
    struct place rule = place_key(parse, at, "rule");
    struct condition condition = {0};
    if (!rule.json || (json_is_object(rule.json) && json_object_size(rule.json) == 0))
        problem_add(parse, ERR_INVALID, FINDING_SPLIT_INCOMPLETE, rule.pointer, fix,
                    "this path does not say who takes it");
    else if (rule_is_event_rule(rule.json))
        problem_invalid(parse, rule.pointer,
                        "write {\"did\": …} to ask for what the contact has done, or use a wait_for node",
                        "a path asks about the contact on arrival, it cannot wait for an event");
    else if (parse_condition(parse, rule, &condition))
        *ret = condition.rule;
}

void parse_split(struct parse *parse, struct place at, struct node *ret, struct branches *branches,
                 struct drawing *drawing)
{
    struct place paths = place_key(parse, at, "paths");
    if (!paths.json || (json_is_array(paths.json) && json_array_size(paths.json) == 0)) {
        problem_add(parse, ERR_INVALID, FINDING_SPLIT_INCOMPLETE, paths.pointer,
                    "write \"paths\": [{\"name\": \"loyal\", \"rule\": {…}, \"next\": \"offer\"}]",
                    "this split has no paths");
        return;
    }
    size_t count;
    drawing->outcomes_known = read_array(parse, paths, "paths", DEFINITION_PATHS_MAX, &count);
    if (!drawing->outcomes_known)
        return;
    branches_take(parse, paths, count, branches);
    const struct rule **rules = arena_take_array(parse->arena, count, sizeof *rules);
    for (size_t i = 0; i < count; i++)
        parse_path(parse, place_item(parse, paths, i), i, branches, &rules[i]);
    ret->split.rules = rules;
}
