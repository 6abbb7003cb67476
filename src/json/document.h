/* Small JSON documents that people write (definitions, actions): jansson, made strict, with errors that say
 * line and column. Callers own the json_t they get (json_decref). */
#ifndef JSON_DOCUMENT_H
#define JSON_DOCUMENT_H
#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/value.h"

enum { DOCUMENT_BYTES_MAX = 4 << 20 };

/* Refuses duplicate keys, trailing text, bytes that are not UTF-8, nesting over JSON_DEPTH_MAX, NUL in
 * strings and more than DOCUMENT_BYTES_MAX; `name` (a file name or "body") stands in the error's place as
 * `name:line:column`. */
enum err document_parse(struct str text, const char *name, json_t **ret, struct err_detail *detail);

/* Compact text in the document's own order: nodes stay where their author put them. */
void document_write(const json_t *json, struct buf *out);

/* A JSON scalar or array of strings as a value in the arena; false for null, objects and mixed arrays. */
bool document_value(const json_t *json, struct arena *arena, struct value *ret);

/* A JSON pointer made of its parts: pointer_join("/nodes", "a/b") is "/nodes/a~1b"; in the arena. */
const char *pointer_join(struct arena *arena, const char *pointer, const char *key);
const char *pointer_index(struct arena *arena, const char *pointer, size_t index);

#endif
