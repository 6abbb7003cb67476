/* Shared by the files that turn JSON into struct rule: parse.c (rules and events), parse_where.c,
 * parse_comparison.c. */
#ifndef RULE_PARSER_H
#define RULE_PARSER_H
#include "rule/rule.h"

struct rule_parser {
    struct arena *arena;
    struct err_detail *detail;
    uint32_t terms; /* met so far, over everything in one rule */
};

/* Fails at the pointer of `key` inside the object (or at the object itself, key NULL). */
enum err parser_fail(const struct rule_parser *parser, enum err code, const char *pointer, const char *key,
                     const char *format, ...) __attribute__((format(printf, 5, 6), cold));
/* Counts a term at this depth (from 1) against the limits. */
enum err parser_enter(struct rule_parser *parser, const char *pointer, uint32_t depth);
/* The object's one key among `kinds` (ended by NULL); fails where there is none or more than one. */
enum err parser_kind(const struct rule_parser *parser, const json_t *json, const char *pointer,
                     const char *const *kinds, const char **ret);
/* Refuses keys outside `known`; those of `later` as kinds that come with a later version. Both end with NULL.
 */
enum err parser_keys(const struct rule_parser *parser, const json_t *json, const char *pointer,
                     const char *const *known, const char *const *later);
/* The value of all or any: an array with something in it. */
enum err parser_parts(const struct rule_parser *parser, const json_t *parts, const char *pointer,
                      const char *key, uint32_t *ret_count);
/* A string that is not empty, at most bytes_max long, copied. */
enum err parser_name(const struct rule_parser *parser, const json_t *json, const char *pointer,
                     const char *key, size_t bytes_max, struct str *ret);
enum err parser_duration(const struct rule_parser *parser, const json_t *json, const char *pointer,
                         const char *key, int64_t *ret_ms);

/* {field_key: name, op: operand} and nothing else. */
enum err comparison_parse(struct rule_parser *parser, const json_t *json, const char *pointer,
                          const char *field_key, size_t field_bytes_max, struct rule_comparison *ret);
enum err where_parse(struct rule_parser *parser, const json_t *json, const char *pointer, uint32_t depth,
                     const struct where **ret);

/* "string", "object", … for messages. */
const char *json_type_text(const json_t *json);
/* jansson's iterators want a json_t that is not const, though they only read. */
json_t *json_to_iterate(const json_t *json);

#endif
