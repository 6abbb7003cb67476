#include "rule/parser.h"

#include <stdarg.h>

#include "calendar/instant.h"
#include "json/document.h"

enum err parser_fail(const struct rule_parser *parser, enum err code, const char *pointer, const char *key,
                     const char *format, ...)
{
    if (!parser->detail)
        return code;
    char text[sizeof parser->detail->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *place = key ? pointer_join(parser->arena, pointer, key) : pointer;
    return err_fail(parser->detail, code, place, "%s", text);
}

enum err parser_enter(struct rule_parser *parser, const char *pointer, uint32_t depth)
{
    if (depth > RULE_DEPTH_MAX)
        return parser_fail(parser, ERR_LIMIT, pointer, NULL, "all, any and not are nested more than %d deep",
                           RULE_DEPTH_MAX);
    if (parser->terms == RULE_TERMS_MAX)
        return parser_fail(parser, ERR_LIMIT, pointer, NULL,
                           "a rule has at most %d terms; for many values of one field use in",
                           RULE_TERMS_MAX);
    parser->terms++;
    return ERR_OK;
}

const char *json_type_text(const json_t *json)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",  [JSON_INTEGER] = "a whole number",
        [JSON_REAL] = "a fraction",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return json ? names[json_typeof(json)] : "nothing";
}

json_t *json_to_iterate(const json_t *json)
{
    return (json_t *)(uintptr_t)json;
}

static bool is_listed(const char *const *list, const char *key)
{
    while (list && *list)
        if (strcmp(*list++, key) == 0)
            return true;
    return false;
}

/* "a, b and c" */
static const char *list_text(struct arena *arena, const char *const *list)
{
    const char *text = *list;
    while (*++list)
        text = arena_printf(arena, list[1] ? "%s, %s" : "%s and %s", text, *list);
    return text;
}

enum err parser_kind(const struct rule_parser *parser, const json_t *json, const char *pointer,
                     const char *const *kinds, const char **ret)
{
    const char *found = NULL;
    for (const char *const *kind = kinds; *kind; kind++) {
        if (!json_object_get(json, *kind))
            continue;
        if (found)
            return parser_fail(parser, ERR_INVALID, pointer, *kind,
                               "`%s` and `%s` stand in one object: make them two parts of an all or any",
                               found, *kind);
        found = *kind;
    }
    if (found)
        *ret = found;
    return found ? ERR_OK
                 : parser_fail(parser, ERR_INVALID, pointer, NULL,
                               "an object with one of %s is expected here", list_text(parser->arena, kinds));
}

enum err parser_keys(const struct rule_parser *parser, const json_t *json, const char *pointer,
                     const char *const *known, const char *const *later)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_to_iterate(json), key, value)
    {
        if (is_listed(known, key))
            continue;
        if (is_listed(later, key))
            return parser_fail(parser, ERR_UNSUPPORTED, pointer, key, "`%s` comes with a later version", key);
        return parser_fail(parser, ERR_INVALID, pointer, key, "unknown key: %s may stand here",
                           list_text(parser->arena, known));
    }
    return ERR_OK;
}

enum err parser_parts(const struct rule_parser *parser, const json_t *parts, const char *pointer,
                      const char *key, uint32_t *ret_count)
{
    if (!json_is_array(parts))
        return parser_fail(parser, ERR_INVALID, pointer, key, "`%s` takes an array of rules, not %s", key,
                           json_type_text(parts));
    size_t count = json_array_size(parts);
    if (count == 0)
        return parser_fail(parser, ERR_INVALID, pointer, key, "`%s` needs at least one part", key);
    if (count > RULE_TERMS_MAX)
        return parser_fail(parser, ERR_LIMIT, pointer, key, "`%s` has %zu parts; a rule has at most %d terms",
                           key, count, RULE_TERMS_MAX);
    *ret_count = (uint32_t)count;
    return ERR_OK;
}

enum err parser_name(const struct rule_parser *parser, const json_t *json, const char *pointer,
                     const char *key, size_t bytes_max, struct str *ret)
{
    if (!json_is_string(json))
        return parser_fail(parser, ERR_INVALID, pointer, key, "`%s` takes a name (a string), not %s", key,
                           json_type_text(json));
    struct str name = {json_string_value(json), json_string_length(json)};
    if (name.size == 0)
        return parser_fail(parser, ERR_INVALID, pointer, key, "the name is empty");
    if (name.size > bytes_max)
        return parser_fail(parser, ERR_LIMIT, pointer, key, "the name has %zu bytes; at most %zu are allowed",
                           name.size, bytes_max);
    *ret = arena_str(parser->arena, name);
    return ERR_OK;
}

enum err parser_duration(const struct rule_parser *parser, const json_t *json, const char *pointer,
                         const char *key, int64_t *ret_ms)
{
    if (!json_is_string(json))
        return parser_fail(parser, ERR_INVALID, pointer, key, "`%s` takes a duration such as \"30d\", not %s",
                           key, json_type_text(json));
    if (!duration_parse((struct str){json_string_value(json), json_string_length(json)}, ret_ms))
        return parser_fail(
            parser, ERR_INVALID, pointer, key,
            "\"%.60s\" is no duration: write a whole number and s, m, h, d or w (\"30d\"), at most 3650d",
            json_string_value(json));
    return ERR_OK;
}
