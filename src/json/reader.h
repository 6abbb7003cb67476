/* Fast strict JSON for records (simdjson's DOM behind a C face; the one C++ file is reader.cc). The whole
 * text is validated: syntax, UTF-8, depth. A node is valid until its reader parses again or is freed. Not
 * thread-safe: a reader belongs to one thread. Definitions and API bodies use jansson (document.h) instead.
 */
#ifndef JSON_READER_H
#define JSON_READER_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_DEPTH_MAX = 64, JSON_TEXT_BYTES_MAX = 16 << 20 };
enum json_type {
    JSON_TYPE_NULL,
    JSON_TYPE_BOOL,
    JSON_TYPE_NUMBER,
    JSON_TYPE_STRING,
    JSON_TYPE_ARRAY,
    JSON_TYPE_OBJECT
};

struct json_reader;
struct json_node {
    uint64_t opaque[2];
};
struct json_iterator { /* over an object's fields or an array's items, in the text's order */
    uint64_t opaque[5];
};

struct json_reader *json_reader_new(void);
void json_reader_free(struct json_reader *reader);

/* ERR_INVALID with what is wrong (not UTF-8, nesting over JSON_DEPTH_MAX, syntax, trailing bytes, a lone
 * surrogate, a number beyond 64-bit integers and doubles), ERR_LIMIT over JSON_TEXT_BYTES_MAX; the text is
 * copied. The detail's place stays empty for the caller, its text names the byte where that is known. */
enum err json_reader_parse(struct json_reader *reader, struct str text, struct json_node *ret_root,
                           struct err_detail *detail);

enum json_type json_node_type(struct json_node node);
struct str json_node_string(struct json_node node);             /* JSON_TYPE_STRING, else "" */
double json_node_number(struct json_node node);                 /* JSON_TYPE_NUMBER, else 0 */
bool json_node_is_integer(struct json_node node, int64_t *ret); /* also 20.0 and 2e3, up to 2^53 */
bool json_node_bool(struct json_node node);
/* A field of an object by its name, the last one where it stands twice; false where it is not there or the
 * node is no object. */
bool json_node_find(struct json_node object, struct str name, struct json_node *ret);
struct json_iterator json_node_iterate(struct json_node object_or_array);
bool json_iterator_next(struct json_iterator *it, struct str *ret_name /* "" in arrays */,
                        struct json_node *ret);
/* Appends the node as compact JSON. */
void json_node_write(struct json_node node, struct buf *out);

/* The shortest decimal text that reads back as this double (integers to 2^53 without point or exponent),
 * `null` for infinities and NaN, which JSON does not have; returns the size. It stands here because C cannot
 * do it. */
int json_number_print(double number, char ret_text[32]);

#ifdef __cplusplus
}
#endif
#endif
