#include "journey/parse.h"

#include <stdarg.h>

#include "event/names.h"
#include "json/document.h"

enum { MESSAGE_BYTES_MAX = 480, QUOTE_BYTES_MAX = 60 };

static const char *type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    }
    return "something else";
}

/* ── problems ── */

/* A text cut to size may end within a character, and it is to become JSON again. */
static const char *whole_text(struct arena *arena, const char *text)
{
    char *bytes = arena_printf(arena, "%s", text);
    if (str_is_utf8(str_from(bytes)))
        return bytes;
    for (char *c = bytes; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    }
    return bytes;
}

void problem_add(struct parse *parse, enum err err, enum finding_code code, const char *pointer,
                 const char *fix, const char *format, ...)
{
    if (parse->problems.count > PARSE_PROBLEMS_MAX)
        return;
    struct problem problem = {.err = err,
                              .finding = {.code = code, .node = parse->node, .pointer = pointer, .fix = fix}};
    if (parse->problems.count == PARSE_PROBLEMS_MAX) {
        problem.err = ERR_LIMIT;
        problem.finding = (struct finding){.code = FINDING_OVER_LIMIT,
                                           .pointer = "",
                                           .message = "there are more problems than are listed",
                                           .fix = "correct these and check again"};
    } else {
        char message[MESSAGE_BYTES_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        problem.finding.message = whole_text(parse->arena, message);
    }
    *array_push(&parse->problems) = problem;
}

bool problem_invalid(struct parse *parse, const char *pointer, const char *fix, const char *format, ...)
{
    char message[MESSAGE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    problem_add(parse, ERR_INVALID, FINDING_DEFINITION_INVALID, pointer, fix, "%s", message);
    return false;
}

bool problem_type(struct parse *parse, struct place at, const char *expected, const char *fix)
{
    if (!at.json)
        return problem_invalid(parse, at.pointer, fix, "%s is missing", expected);
    return problem_invalid(parse, at.pointer, fix, "%s is expected here, not %s", expected,
                           type_name(at.json));
}

bool problem_later(struct parse *parse, const char *pointer, const char *what, const char *fix)
{
    problem_add(parse, ERR_UNSUPPORTED, FINDING_NOT_SUPPORTED, pointer, fix,
                "this version of Sojourn does not support %s", what);
    return false;
}

bool problem_limit(struct parse *parse, const char *pointer, const char *what, size_t count, size_t max)
{
    problem_add(parse, ERR_LIMIT, FINDING_OVER_LIMIT, pointer,
                arena_printf(parse->arena, "keep at most %zu", max), "%zu %s are over the limit of %zu",
                count, what, max);
    return false;
}

/* The last colon or semicolon of this kind before a space, outside braces; NULL where there is none. */
static const char *last_mark(const char *text, char mark)
{
    int depth = 0;
    for (const char *at = text + strlen(text); at > text; at--) {
        depth += (*at == '}') - (*at == '{');
        if (*at == mark && at[1] == ' ' && depth == 0)
            return at;
    }
    return NULL;
}

/* The rule parser says "what is wrong: what to do" in one text, or the first alone. What it quotes from the
 * document comes first and may hold anything, so the last colon counts. */
static const char *remedy_find(const char *text)
{
    const char *colon = last_mark(text, ':');
    return colon ? colon : last_mark(text, ';');
}

bool problem_of_rule(struct parse *parse, enum err err, const struct err_detail *detail)
{
    enum finding_code code = err == ERR_UNSUPPORTED ? FINDING_NOT_SUPPORTED
                             : err == ERR_LIMIT     ? FINDING_OVER_LIMIT
                                                    : FINDING_DEFINITION_INVALID;
    const char *fix = err == ERR_UNSUPPORTED
                          ? "use another kind of rule: attribute, did, did_not, all, any or not"
                      : err == ERR_LIMIT ? "make the rule smaller"
                                         : "correct this part of the rule";
    struct str message = str_from(detail->text);
    const char *remedy = remedy_find(detail->text);
    if (remedy) {
        message.size = (size_t)(remedy - detail->text);
        fix = whole_text(parse->arena, remedy + 2);
    }
    problem_add(parse, err, code, arena_str(parse->arena, str_from(detail->place)).data, fix, "%.*s",
                STR_ARG(message));
    return false;
}

const char *quoted(struct arena *arena, struct str text)
{
    size_t size = text.size;
    if (size > QUOTE_BYTES_MAX) {
        size = QUOTE_BYTES_MAX;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
    }
    char *out =
        arena_printf(arena, "\"%.*s%s\"", (int)size, size ? text.data : "", size < text.size ? "…" : "");
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    return out;
}

/* ── places ── */

struct place place_key(struct parse *parse, struct place object, const char *key)
{
    return (struct place){json_object_get(object.json, key), pointer_join(parse->arena, object.pointer, key)};
}

struct place place_item(struct parse *parse, struct place array, size_t index)
{
    return (struct place){json_array_get(array.json, index),
                          pointer_index(parse->arena, array.pointer, index)};
}

/* ── reads ── */

static const struct key *key_find(const struct key *keys, const char *name)
{
    for (; keys->name; keys++) {
        if (strcmp(keys->name, name) == 0)
            return keys;
    }
    return NULL;
}

static const char *keys_known(struct parse *parse, const struct key *keys)
{
    const char *list = "the keys here are";
    bool first = true;
    for (; keys->name; keys++) {
        if (keys->later)
            continue;
        list = arena_printf(parse->arena, "%s%s \"%s\"", list, first ? "" : ",", keys->name);
        first = false;
    }
    return list;
}

bool read_object(struct parse *parse, struct place at, const char *what, const struct key *keys)
{
    if (!json_is_object(at.json))
        return problem_type(parse, at, what, keys_known(parse, keys));
    if (json_object_size(at.json) > PARSE_OBJECT_KEYS_MAX) {
        problem_add(parse, ERR_LIMIT, FINDING_OVER_LIMIT, at.pointer, keys_known(parse, keys),
                    "an object with %zu keys is more than %s can be", json_object_size(at.json), what);
        return false;
    }
    const char *name;
    json_t *value;
    json_object_foreach(at.json, name, value)
    {
        const struct key *key = key_find(keys, name);
        const char *pointer = pointer_join(parse->arena, at.pointer, name);
        if (!key)
            problem_invalid(parse, pointer, keys_known(parse, keys), "%s is an unknown key",
                            quoted(parse->arena, str_from(name)));
        else if (key->later)
            problem_later(parse, pointer, key->later, arena_printf(parse->arena, "remove \"%s\"", name));
    }
    return true;
}

static bool is_blank(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!strchr(" \t\r\n", text.data[i]))
            return false;
    }
    return true;
}

static size_t characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

bool read_text(struct parse *parse, struct place at, const char *what, size_t chars_max, struct str *ret)
{
    if (!json_is_string(at.json))
        return problem_type(parse, at, what, "write it as a string");
    struct str text = {json_string_value(at.json), json_string_length(at.json)};
    if (is_blank(text))
        return problem_invalid(parse, at.pointer, "write at least one character", "%s must not be empty",
                               what);
    size_t count = characters(text);
    if (count > chars_max) {
        problem_add(parse, ERR_LIMIT, FINDING_OVER_LIMIT, at.pointer,
                    arena_printf(parse->arena, "shorten it to %zu characters", chars_max),
                    "%s of %zu characters is over the limit of %zu", what, count, chars_max);
        return false;
    }
    *ret = arena_str(parse->arena, text);
    return true;
}

bool read_name(struct parse *parse, struct place at, const char *what, struct str *ret)
{
    if (!json_is_string(at.json))
        return problem_type(parse, at, what, "write its name as a string");
    struct str name = {json_string_value(at.json), json_string_length(at.json)};
    if (is_blank(name))
        return problem_invalid(parse, at.pointer, "write its name", "%s must not be empty", what);
    if (name.size > NAME_BYTES_MAX) {
        problem_add(parse, ERR_LIMIT, FINDING_OVER_LIMIT, at.pointer, "shorten it to 256 bytes",
                    "%s of %zu bytes is too long", what, name.size);
        return false;
    }
    *ret = arena_str(parse->arena, name);
    return true;
}

bool read_duration(struct parse *parse, struct place at, const char *what, int64_t *ret_ms)
{
    static const char fix[] =
        "write one whole number and a unit, such as 90s, 30m, 24h, 7d or 2w, at most 3650d";
    if (!json_is_string(at.json))
        return problem_type(parse, at, what, fix);
    struct str text = {json_string_value(at.json), json_string_length(at.json)};
    if (!duration_parse(text, ret_ms))
        return problem_invalid(parse, at.pointer, fix, "%s is no duration", quoted(parse->arena, text));
    return true;
}

bool read_bool(struct parse *parse, struct place at, const char *what, bool *ret)
{
    if (!json_is_boolean(at.json))
        return problem_type(parse, at, what, "write true or false, without quotes");
    *ret = json_is_true(at.json);
    return true;
}

bool read_array(struct parse *parse, struct place at, const char *what, size_t max, size_t *ret_count)
{
    if (!json_is_array(at.json))
        return problem_type(parse, at, arena_printf(parse->arena, "an array of %s", what),
                            "write it as [ … ]");
    size_t count = json_array_size(at.json);
    if (count > max)
        problem_limit(parse, at.pointer, what, count, max);
    *ret_count = count < max ? count : max;
    return true;
}
