#include "json/document.h"

#include "base/array.h"
#include "base/check.h"
#include "json/depth.h"
#include "json/reader.h"
#include "json/write.h"

/* Line and column, both from 1, of a byte; columns count characters as editors do. */
static void place_of(struct str text, size_t offset, int *ret_line, int *ret_column)
{
    *ret_line = 1;
    *ret_column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text.data[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        } else {
            *ret_column += (text.data[i] & 0xc0) != 0x80;
        }
    }
}

static enum err fail_at(struct err_detail *detail, const char *name, int line, int column, const char *text)
{
    char place[sizeof detail->place];
    snprintf(place, sizeof place, "%s:%d:%d", name, line, column);
    return err_fail(detail, ERR_INVALID, place, "%s", text);
}

static enum err fail_at_offset(struct err_detail *detail, const char *name, struct str text, size_t offset,
                               const char *why)
{
    int line, column;
    place_of(text, offset, &line, &column);
    return fail_at(detail, name, line, column, why);
}

enum err document_parse(struct str text, const char *name, json_t **ret, struct err_detail *detail)
{
    if (text.size > DOCUMENT_BYTES_MAX)
        return err_fail(detail, ERR_LIMIT, name, "the document has %zu bytes, at most %d are taken",
                        text.size, DOCUMENT_BYTES_MAX);
    size_t offset;
    if (depth_exceeds(text, JSON_DEPTH_MAX, &offset))
        return fail_at_offset(detail, name, text, offset, "nested too deep: at most 64 levels are taken");
    /* behind a number or a name jansson 2.14 overlooks zero bytes */
    const char *zero = text.size ? memchr(text.data, '\0', text.size) : NULL;
    if (zero)
        return fail_at_offset(detail, name, text, (size_t)(zero - text.data),
                              "control character 0x0: remove it");
    json_error_t error;
    json_t *json = json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return fail_at(detail, name, error.line, error.column, error.text);
    *ret = json;
    return ERR_OK;
}

static void write_object(const json_t *object, struct buf *out)
{
    /* jansson's iterators take json_t without const, and change nothing */
    json_t *fields = (json_t *)(uintptr_t)object;
    const char *comma = "";
    buf_put_char(out, '{');
    for (void *it = json_object_iter(fields); it; it = json_object_iter_next(fields, it)) {
        buf_put_text(out, comma);
        json_write_string(str_from(json_object_iter_key(it)), out);
        buf_put_char(out, ':');
        document_write(json_object_iter_value(it), out);
        comma = ",";
    }
    buf_put_char(out, '}');
}

static void write_array(const json_t *array, struct buf *out)
{
    buf_put_char(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i)
            buf_put_char(out, ',');
        document_write(json_array_get(array, i), out);
    }
    buf_put_char(out, ']');
}

static struct str string_of(const json_t *json)
{
    return (struct str){json_string_value(json), json_string_length(json)};
}

void document_write(const json_t *json, struct buf *out)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT: write_object(json, out); break;
    case JSON_ARRAY: write_array(json, out); break;
    case JSON_STRING: json_write_string(string_of(json), out); break;
    case JSON_INTEGER: buf_put_decimal(out, json_integer_value(json)); break;
    case JSON_REAL: json_write_number(json_real_value(json), out); break;
    case JSON_TRUE:
    case JSON_FALSE: json_write_bool(json_is_true(json), out); break;
    case JSON_NULL: buf_put_text(out, "null"); break;
    }
}

static bool list_value(const json_t *array, struct arena *arena, struct value *ret)
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        if (!json_is_string(json_array_get(array, i)))
            return false;
    }
    struct str *list = arena_take_array(arena, count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = arena_str(arena, string_of(json_array_get(array, i)));
    *ret = (struct value){.type = VALUE_LIST, .count = (uint32_t)count, .list = list};
    return true;
}

bool document_value(const json_t *json, struct arena *arena, struct value *ret)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        *ret = value_of_string(string_of(json));
        *ret = value_copy(arena, ret);
        return true;
    case JSON_INTEGER:
    case JSON_REAL:
        *ret = (struct value){.type = VALUE_NUMBER, .number = json_number_value(json)};
        return true;
    case JSON_TRUE:
    case JSON_FALSE: *ret = (struct value){.type = VALUE_BOOL, .boolean = json_is_true(json)}; return true;
    case JSON_ARRAY: return list_value(json, arena, ret);
    case JSON_NULL:
    case JSON_OBJECT: break;
    }
    return false;
}

const char *pointer_join(struct arena *arena, const char *pointer, const char *key)
{
    size_t size = strlen(pointer) + 1;
    for (const char *at = key; *at; at++)
        size += *at == '~' || *at == '/' ? 2 : 1;
    char *joined = arena_take(arena, size + 1);
    size_t end = strlen(pointer);
    memcpy(joined, pointer, end);
    joined[end++] = '/';
    for (const char *at = key; *at; at++) {
        bool escaped = *at == '~' || *at == '/';
        if (escaped)
            joined[end++] = '~';
        joined[end++] = escaped ? (*at == '~' ? '0' : '1') : *at;
    }
    return joined;
}

const char *pointer_index(struct arena *arena, const char *pointer, size_t index)
{
    return arena_printf(arena, "%s/%zu", pointer, index);
}
