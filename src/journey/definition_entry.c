/* Who enters, who leaves and why: entry, exits, goals, and the conditions these share with wait_for. */
#include "journey/parse.h"
#include "json/document.h"

static const char condition_example[] = "name an event, {\"event\": \"Order Completed\"}, or ask about the "
                                        "contact, {\"attribute\": \"plan\", \"eq\": \"pro\"}";

bool parse_condition(struct parse *parse, struct place at, struct condition *ret)
{
    if (!json_is_object(at.json))
        return problem_type(parse, at, "a rule, an object,", condition_example);
    if (json_object_size(at.json) == 0)
        return problem_invalid(parse, at.pointer, condition_example, "this rule asks for nothing");
    if (json_object_get(at.json, "inaction"))
        return problem_later(parse, pointer_join(parse->arena, at.pointer, "inaction"), "an inaction rule",
                             "use an event or a contact rule");
    struct err_detail detail = {0};
    enum err err;
    ret->is_event = rule_is_event_rule(at.json);
    if (ret->is_event)
        err = event_rule_parse(at.json, at.pointer, parse->arena, &ret->event, &detail);
    else
        err = rule_parse(at.json, at.pointer, parse->arena, &ret->rule, &detail);
    return err == ERR_OK || problem_of_rule(parse, err, &detail);
}

/* ── entry ── */

/* {"api":true}: whom the API names is let in. */
static bool parse_api_rule(struct parse *parse, struct place at, struct entry_rule *ret)
{
    ret->kind = ENTRY_API;
    if (!read_object(parse, at, "an entry rule, an object,", KEYS({"api", NULL})))
        return false;
    struct place api = place_key(parse, at, "api");
    return json_is_true(api.json) ||
           problem_type(parse, api, "true", "write {\"api\": true}, or remove the rule");
}

static bool parse_entry_rule(struct parse *parse, struct place at, struct entry_rule *ret)
{
    static const char example[] = "name the event that lets a contact in: {\"event\": \"Cart Updated\"}";
    static const struct key later[] = {{"inaction", "entry by inaction"},
                                       {"date", "entry by date"},
                                       {"segment", "entry by segment"},
                                       {"list", "entry by list"},
                                       {"journey", "entry by journey"}};
    if (!json_is_object(at.json))
        return problem_type(parse, at, "an entry rule, an object,", example);
    if (rule_is_event_rule(at.json)) {
        struct err_detail detail = {0};
        enum err err = event_rule_parse(at.json, at.pointer, parse->arena, &ret->event, &detail);
        return err == ERR_OK || problem_of_rule(parse, err, &detail);
    }
    if (json_object_get(at.json, "api"))
        return parse_api_rule(parse, at, ret);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        if (json_object_get(at.json, later[i].name))
            return problem_later(parse, pointer_join(parse->arena, at.pointer, later[i].name), later[i].later,
                                 example);
    }
    return problem_invalid(
        parse, at.pointer,
        "name the event that lets a contact in, {\"event\": \"Cart Updated\"}, and put a rule about the "
        "contact under \"filter\"",
        "this entry rule names no event");
}

static void parse_timeline(struct parse *parse, struct place at)
{
    static const struct key keys[] = {
        {"start"}, {"end"}, {"repeat", "a repeating entry"}, {"processing", "a processing schedule"}, {NULL}};
    if (!at.json || !read_object(parse, at, "a timeline, an object,", keys))
        return;
    struct place start = place_key(parse, at, "start"), end = place_key(parse, at, "end");
    if (start.json && !json_is_string(start.json))
        problem_type(parse, start, "the start", "write \"now\"");
    else if (start.json && strcmp(json_string_value(start.json), "now") != 0)
        problem_later(parse, start.pointer, "a start other than \"now\"",
                      "write \"now\", or leave the timeline out");
    if (end.json && !json_is_null(end.json))
        problem_later(parse, end.pointer, "an end of the entry", "write null, or leave the timeline out");
}

static void parse_reentry(struct parse *parse, struct place at, struct definition *ret)
{
    static const struct key keys[] = {{"allowed"}, {"after"}, {NULL}};
    if (!at.json || !read_object(parse, at, "the re-entry, an object,", keys))
        return;
    struct place allowed = place_key(parse, at, "allowed"), after = place_key(parse, at, "after");
    if (allowed.json)
        read_bool(parse, allowed, "whether re-entry is allowed", &ret->reentry);
    else if (after.json)
        problem_invalid(parse, after.pointer, "add \"allowed\": true beside it, or remove it",
                        "a time after which contacts may enter again, but re-entry is not allowed");
    if (after.json)
        read_duration(parse, after, "the time until re-entry, a duration,", &ret->reentry_after_ms);
}

static bool is_choice(struct parse *parse, struct place at, const char *what, const char *first,
                      const char *second)
{
    const char *text = json_string_value(at.json);
    if (text && strcmp(text, first) == 0)
        return false;
    if (text && strcmp(text, second) == 0)
        return true;
    const char *fix = arena_printf(parse->arena, "write \"%s\" or \"%s\"", first, second);
    if (!text)
        return problem_type(parse, at, what, fix);
    return problem_invalid(parse, at.pointer, fix, "%s cannot be %s", what,
                           quoted(parse->arena, str_from(text)));
}

static void parse_entry_rules(struct parse *parse, struct place at, struct definition *ret)
{
    size_t count;
    if (!at.json)
        return;
    parse->entries_written = 1; /* whatever stands there, somebody meant it as a rule */
    if (!read_array(parse, at, "entry rules", DEFINITION_ENTRY_RULES_MAX, &count))
        return;
    parse->entries_written = count;
    struct entry_rule *entries = arena_take_array(parse->arena, count, sizeof *entries);
    for (size_t i = 0; i < count; i++)
        parse_entry_rule(parse, place_item(parse, at, i), &entries[i]);
    ret->entries = entries;
    ret->entry_count = (uint32_t)count;
}

void parse_entry(struct parse *parse, struct place at, struct definition *ret)
{
    static const struct key keys[] = {{"mode"},    {"rules"},          {"match"},    {"filter"},
                                      {"reentry"}, {"late_tolerance"}, {"timeline"}, {NULL}};
    if (!at.json)
        return;
    if (!read_object(parse, at, "the entry, an object,", keys)) {
        parse->entries_written = 1;
        return;
    }
    struct place mode = place_key(parse, at, "mode");
    if (mode.json && is_choice(parse, mode, "the mode", "live", "scheduled"))
        problem_later(parse, mode.pointer, "the mode \"scheduled\"", "write \"live\", or leave the mode out");
    parse_entry_rules(parse, place_key(parse, at, "rules"), ret);
    struct place match = place_key(parse, at, "match");
    if (match.json && is_choice(parse, match, "the match", "any", "all"))
        ret->match = ENTRY_ALL;
    struct place filter = place_key(parse, at, "filter");
    struct condition condition = {0};
    if (filter.json && rule_is_event_rule(filter.json))
        problem_invalid(
            parse, filter.pointer,
            "write {\"did\": …} to ask for what the contact has done, or put the event under \"rules\"",
            "a filter asks about the contact, it cannot be an event");
    else if (filter.json && parse_condition(parse, filter, &condition))
        ret->filter = condition.rule;
    parse_reentry(parse, place_key(parse, at, "reentry"), ret);
    struct place late = place_key(parse, at, "late_tolerance");
    if (late.json)
        read_duration(parse, late, "the late tolerance, a duration,", &ret->late_tolerance_ms);
    parse_timeline(parse, place_key(parse, at, "timeline"));
}

/* ── exits and goals ── */

void parse_exits(struct parse *parse, struct place at, struct definition *ret)
{
    size_t count;
    if (!at.json)
        return;
    parse->exits_written = 1;
    if (!read_array(parse, at, "exit rules", DEFINITION_EXITS_MAX, &count))
        return;
    parse->exits_written = count;
    struct condition *exits = arena_take_array(parse->arena, count, sizeof *exits);
    for (size_t i = 0; i < count; i++)
        parse_condition(parse, place_item(parse, at, i), &exits[i]);
    ret->exits = exits;
    ret->exit_count = (uint32_t)count;
}

/* {"name", "rule": {…}, "value"}, or the rule's own keys beside name and value. */
static void parse_goal_condition(struct parse *parse, struct place at, struct condition *ret)
{
    if (json_object_get(at.json, "rule")) {
        if (read_object(parse, at, "a goal", KEYS({"name", NULL}, {"rule", NULL}, {"value", NULL})))
            parse_condition(parse, place_key(parse, at, "rule"), ret);
        return;
    }
    struct place inline_rule = {json_copy(at.json), at.pointer};
    json_object_del(inline_rule.json, "name");
    json_object_del(inline_rule.json, "value");
    parse_condition(parse, inline_rule, ret);
    json_decref(inline_rule.json);
}

static void parse_goal(struct parse *parse, struct place at, struct goal *ret)
{
    if (!json_is_object(at.json)) {
        problem_type(parse, at, "a goal, an object,",
                     "write {\"name\": \"Bought\", \"event\": \"Order Completed\"}");
        return;
    }
    read_text(parse, place_key(parse, at, "name"), "the goal's name", DEFINITION_NAME_MAX, &ret->name);
    size_t before = parse->problems.count;
    parse_goal_condition(parse, at, &ret->condition);
    struct place value = place_key(parse, at, "value");
    if (!value.json)
        return;
    if (parse->problems.count == before && !ret->condition.is_event)
        problem_invalid(
            parse, value.pointer, "make the goal an event, or remove \"value\"",
            "a value is a property of the goal's event, and this goal is a rule about the contact");
    read_name(parse, value, "the property that is summed", &ret->value);
}

void parse_goals(struct parse *parse, struct place at, struct definition *ret)
{
    size_t count;
    if (!at.json)
        return;
    parse->goals_written = 1;
    if (!read_array(parse, at, "goals", DEFINITION_GOALS_MAX, &count))
        return;
    parse->goals_written = count;
    struct goal *goals = arena_take_array(parse->arena, count, sizeof *goals);
    for (size_t i = 0; i < count; i++) {
        struct place item = place_item(parse, at, i);
        parse_goal(parse, item, &goals[i]);
        for (size_t k = 0; k < i; k++) {
            if (goals[i].name.size && str_equal(goals[k].name, goals[i].name))
                problem_invalid(parse, pointer_join(parse->arena, item.pointer, "name"),
                                "give each goal its own name", "two goals are named %s",
                                quoted(parse->arena, goals[i].name));
        }
    }
    ret->goals = goals;
    ret->goal_count = (uint32_t)count;
}
