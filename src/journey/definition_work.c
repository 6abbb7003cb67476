/* What a node of each kind does: its own keys, read and checked (segment and split: definition_branches.c).
 */
#include "journey/parse.h"
#include "json/document.h"

/* ── wait ── */

static const char wait_fix[] = "write \"for\": \"1d\", or \"until\": \"2026-01-31T10:00:00Z\"";

/* `0m` and `9000d` are durations in form, only not such as a wait may have. */
static bool has_duration_form(struct str text, bool *ret_zero)
{
    size_t digits = 0;
    *ret_zero = true;
    for (; digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9'; digits++)
        *ret_zero = *ret_zero && text.data[digits] == '0';
    return digits > 0 && digits + 1 == text.size && strchr("smhdw", text.data[digits]);
}

static bool wait_length(struct parse *parse, struct place at, struct node *ret)
{
    struct str text = {json_string_value(at.json), json_string_length(at.json)};
    int64_t ms = 0;
    bool zero;
    if (!text.data || !has_duration_form(text, &zero))
        return read_duration(parse, at, "the time to wait, a duration,", &ms);
    if (zero || !duration_parse(text, &ms) || ms > DEFINITION_WAIT_DAYS_MAX * DAY_MS) {
        problem_add(parse, ERR_INVALID, FINDING_WAIT_OUT_OF_RANGE, at.pointer,
                    arena_printf(parse->arena, "wait for 1s to %dd", DEFINITION_WAIT_DAYS_MAX),
                    "a wait of %s is out of range", quoted(parse->arena, text));
        return false;
    }
    ret->wait.for_ms = ms;
    return true;
}

static bool wait_until(struct parse *parse, struct place at, struct node *ret)
{
    static const char fix[] = "write an instant, such as \"2026-01-31T10:00:00Z\"";
    if (json_is_object(at.json)) {
        bool attribute = json_object_get(at.json, "attribute") != NULL;
        return problem_later(
            parse, at.pointer,
            attribute ? "a wait until an attribute's time" : "a wait until a time of day or weekday", fix);
    }
    if (!json_is_string(at.json))
        return problem_type(parse, at, "the instant to wait until, a string,", fix);
    struct str text = {json_string_value(at.json), json_string_length(at.json)};
    int64_t ms;
    if (!instant_parse(text, &ms))
        return problem_invalid(parse, at.pointer, fix, "%s is no instant", quoted(parse->arena, text));
    if (!instant_is_operational(ms)) {
        problem_add(parse, ERR_INVALID, FINDING_WAIT_OUT_OF_RANGE, at.pointer,
                    "choose an instant from 1970 to 2099", "a wait until %s is out of range",
                    quoted(parse->arena, text));
        return false;
    }
    ret->wait.until_ms = ms;
    return true;
}

static bool parse_wait(struct parse *parse, struct place at, struct node *ret)
{
    struct place length = place_key(parse, at, "for"), until = place_key(parse, at, "until");
    if (!length.json && !until.json)
        return problem_invalid(parse, length.pointer, wait_fix,
                               "this wait says neither how long nor until when");
    if (length.json && until.json)
        return problem_invalid(parse, until.pointer, "remove one of the two",
                               "a wait has either \"for\" or \"until\", and this one has both");
    return length.json ? wait_length(parse, length, ret) : wait_until(parse, until, ret);
}

static bool parse_wait_for(struct parse *parse, struct place at, struct node *ret)
{
    struct place rule = place_key(parse, at, "rule"), timeout = place_key(parse, at, "timeout");
    bool known = true;
    if (!rule.json || (json_is_object(rule.json) && json_object_size(rule.json) == 0)) {
        problem_add(parse, ERR_INVALID, FINDING_WAIT_FOR_WITHOUT_CONDITION, rule.pointer,
                    "write \"rule\": {\"event\": \"Order Completed\"}, or a rule about the contact",
                    "this wait_for does not say what it waits for");
        known = false;
    } else {
        known = parse_condition(parse, rule, &ret->wait_for.condition);
    }
    if (timeout.json &&
        !read_duration(parse, timeout, "the node's timeout, a duration,", &ret->wait_for.timeout_ms))
        known = false;
    return known;
}

/* ── activate ── */

static void parse_destinations(struct parse *parse, struct place at, struct node *ret)
{
    size_t count;
    if (!at.json || (json_is_array(at.json) && json_array_size(at.json) == 0)) {
        problem_add(parse, ERR_INVALID, FINDING_ACTIVATE_WITHOUT_DESTINATION, at.pointer,
                    "write \"destinations\": [\"crm\"]", "this activation names no destination");
        return;
    }
    if (!read_array(parse, at, "destinations", DEFINITION_DESTINATIONS_MAX, &count))
        return;
    struct str *destinations = arena_take_array(parse->arena, count, sizeof *destinations);
    for (size_t i = 0; i < count; i++) {
        struct place item = place_item(parse, at, i);
        if (!read_text(parse, item, "a destination", DEFINITION_NAME_MAX, &destinations[i]))
            continue;
        for (size_t k = 0; k < i; k++) {
            if (str_equal(destinations[k], destinations[i]))
                problem_invalid(parse, item.pointer, "keep one of the two",
                                "the destination %s stands here twice",
                                quoted(parse->arena, destinations[i]));
        }
    }
    ret->activate.destinations = destinations;
    ret->activate.count = (uint8_t)count;
}

static void parse_activate(struct parse *parse, struct place at, struct node *ret)
{
    static const char fix[] = "write \"add\", \"update\" or \"remove\"";
    parse_destinations(parse, place_key(parse, at, "destinations"), ret);
    struct place operation = place_key(parse, at, "operation");
    ret->activate.operation = STR("add");
    if (!operation.json)
        return;
    const char *text = json_string_value(operation.json);
    if (!text)
        problem_type(parse, operation, "the operation", fix);
    else if (strcmp(text, "update") == 0)
        ret->activate.operation = STR("update");
    else if (strcmp(text, "remove") == 0)
        ret->activate.operation = STR("remove");
    else if (strcmp(text, "add") != 0)
        problem_invalid(parse, operation.pointer, fix, "%s is no operation",
                        quoted(parse->arena, str_from(text)));
}

/* ── update ── */

/* verb, key of its operand */
static const struct {
    const char *verb, *operand;
} changes_known[] = {
    [CHANGE_SET] = {"set", "to"},           [CHANGE_INCREASE] = {"increase", "by"},
    [CHANGE_DECREASE] = {"decrease", "by"}, [CHANGE_ADD] = {"add", "value"},
    [CHANGE_REMOVE] = {"remove", "value"},
};
enum { CHANGES_KNOWN = sizeof changes_known / sizeof *changes_known };
static const char change_fix[] =
    "write {\"set\": attribute, \"to\": value}, {\"increase\"|\"decrease\": attribute, \"by\": "
    "number} or {\"add\"|\"remove\": attribute, \"value\": string}";

static bool is_template(struct str text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] == '{' && (text.data[i + 1] == '{' || text.data[i + 1] == '%'))
            return true;
    }
    return false;
}

static bool has_template(const struct value *value)
{
    if (value->type == VALUE_STRING)
        return is_template(value->string);
    if (value->type != VALUE_LIST)
        return false;
    for (uint32_t i = 0; i < value->count; i++) {
        if (is_template(value->list[i]))
            return true;
    }
    return false;
}

static void parse_operand(struct parse *parse, struct place at, struct change *ret)
{
    struct value value;
    bool given = at.json && document_value(at.json, parse->arena, &value);
    if (!given)
        value = (struct value){.type = VALUE_MISSING};
    else if (has_template(&value)) {
        problem_later(parse, at.pointer, "templates as values", "write a fixed value");
        return;
    }
    switch (ret->kind) {
    case CHANGE_SET:
        if (!given && !json_is_null(at.json))
            problem_type(parse, at, "a value, a string, number, boolean or list of strings,",
                         "write the new value, or null to remove the attribute");
        break;
    case CHANGE_INCREASE:
    case CHANGE_DECREASE:
        if (value.type != VALUE_NUMBER)
            problem_type(parse, at, "a number", "write by how much the attribute changes");
        break;
    case CHANGE_ADD:
    case CHANGE_REMOVE:
        if (!json_is_string(at.json))
            problem_type(parse, at, "a string", "write the item of the list as a string");
        break;
    }
    ret->value = value;
}

static void parse_change(struct parse *parse, struct place at, struct change *ret)
{
    int verb = -1;
    for (int i = 0; i < CHANGES_KNOWN; i++) {
        if (!json_object_get(at.json, changes_known[i].verb))
            continue;
        if (verb >= 0) {
            problem_invalid(parse, at.pointer, "write one item a change",
                            "one change cannot both \"%s\" and \"%s\"", changes_known[verb].verb,
                            changes_known[i].verb);
            return;
        }
        verb = i;
    }
    if (verb < 0) {
        if (json_is_object(at.json))
            problem_invalid(parse, at.pointer, change_fix, "this change does not say what it does");
        else
            problem_type(parse, at, "a change, an object,", change_fix);
        return;
    }
    ret->kind = verb;
    const char *name = changes_known[verb].verb, *operand = changes_known[verb].operand;
    read_object(parse, at, "a change", KEYS({name, NULL}, {operand, NULL}));
    read_name(parse, place_key(parse, at, name), "the attribute", &ret->attribute);
    parse_operand(parse, place_key(parse, at, operand), ret);
}

static void parse_update(struct parse *parse, struct place at, struct node *ret)
{
    struct place place = place_key(parse, at, "changes");
    size_t count;
    if (!place.json || (json_is_array(place.json) && json_array_size(place.json) == 0)) {
        problem_invalid(parse, place.pointer, "write \"changes\": [{\"set\": \"tier\", \"to\": \"gold\"}]",
                        "this update changes nothing");
        return;
    }
    if (!read_array(parse, place, "changes", DEFINITION_CHANGES_MAX, &count))
        return;
    struct change *changes = arena_take_array(parse->arena, count, sizeof *changes);
    for (size_t i = 0; i < count; i++)
        parse_change(parse, place_item(parse, place, i), &changes[i]);
    ret->update.changes = changes;
    ret->update.count = (uint32_t)count;
}

/* ── all kinds ── */

void parse_node_work(struct parse *parse, struct place at, struct node *node, struct branches *branches,
                     struct drawing *drawing)
{
    static const struct key keys[NODE_KINDS][7] = {
        [NODE_WAIT] = {{"type"}, {"for"}, {"until"}, {"next"}, {"on"}},
        [NODE_WAIT_FOR] = {{"type"}, {"rule"}, {"timeout"}, {"next"}, {"on"}},
        [NODE_SEGMENT] = {{"type"}, {"attribute"}, {"groups"}, {"next"}, {"on"}},
        [NODE_SPLIT] = {{"type"}, {"paths"}, {"next"}, {"on"}},
        [NODE_ACTIVATE] = {{"type"}, {"destinations"}, {"operation"}, {"next"}, {"on"}},
        [NODE_UPDATE] = {{"type"}, {"changes"}, {"next"}, {"on"}},
        [NODE_EXIT] = {{"type"}},
        [NODE_STOP] = {{"type"}},
    };
    drawing->outcomes_known = drawing->work_known = true;
    if (!read_object(parse, at,
                     arena_printf(parse->arena, "a node of type \"%s\"", node_kind_name(node->kind)),
                     keys[node->kind])) {
        drawing->outcomes_known = drawing->work_known = false;
        return;
    }
    switch (node->kind) {
    case NODE_WAIT: drawing->work_known = parse_wait(parse, at, node); break;
    case NODE_WAIT_FOR: drawing->work_known = parse_wait_for(parse, at, node); break;
    case NODE_SEGMENT: parse_segment(parse, at, node, branches, drawing); break;
    case NODE_SPLIT: parse_split(parse, at, node, branches, drawing); break;
    case NODE_ACTIVATE: parse_activate(parse, at, node); break;
    case NODE_UPDATE: parse_update(parse, at, node); break;
    case NODE_EXIT:
    case NODE_STOP:
    case NODE_KINDS: break;
    }
}
