#include "json/value.h"

#include "calendar/instant.h"
#include "json/write.h"

enum {
    INSTANT_SIZE = sizeof "2026-01-31T10:00:00Z" - 1,
    INSTANT_MILLIS_SIZE = sizeof "2026-01-31T10:00:00.123Z" - 1
};

const char *value_type_name(enum value_type type)
{
    switch (type) {
    case VALUE_MISSING: return "missing";
    case VALUE_STRING: return "string";
    case VALUE_NUMBER: return "number";
    case VALUE_BOOL: return "boolean";
    case VALUE_INSTANT: return "instant";
    case VALUE_LIST: return "list of strings";
    }
    return "unknown";
}

/* Of the forms that instant_parse takes, only the canonical ones have these sizes, an upper-case T and an
 * upper-case Z at the end, and a point before milliseconds. */
static bool is_canonical(struct str s)
{
    if (s.size != INSTANT_SIZE && (s.size != INSTANT_MILLIS_SIZE || s.data[19] != '.'))
        return false;
    return s.data[10] == 'T' && s.data[s.size - 1] == 'Z';
}

struct value value_of_string(struct str s)
{
    struct value v = {.type = VALUE_INSTANT, .millis = s.size == INSTANT_MILLIS_SIZE};
    if (is_canonical(s) && instant_parse(s, &v.instant_ms))
        return v;
    return (struct value){.type = VALUE_STRING, .string = s};
}

static bool lists_equal(const struct value *a, const struct value *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!str_equal(a->list[i], b->list[i]))
            return false;
    }
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_MISSING: return true;
    case VALUE_STRING: return str_equal(a->string, b->string);
    case VALUE_NUMBER: return a->number == b->number;
    case VALUE_BOOL: return a->boolean == b->boolean;
    case VALUE_INSTANT: return a->instant_ms == b->instant_ms;
    case VALUE_LIST: return lists_equal(a, b);
    }
    return false;
}

bool value_as_instant(const struct value *v, int64_t *ret_ms)
{
    if (v->type == VALUE_STRING)
        return instant_parse(v->string, ret_ms);
    if (v->type != VALUE_INSTANT)
        return false;
    *ret_ms = v->instant_ms;
    return true;
}

bool value_as_text(const struct value *v, char scratch[32], struct str *ret)
{
    if (v->type == VALUE_STRING) {
        *ret = v->string;
        return true;
    }
    if (v->type != VALUE_INSTANT)
        return false;
    *ret = (struct str){scratch, (size_t)instant_print(v->instant_ms, v->millis, scratch)};
    return true;
}

static void write_list(const struct value *v, struct buf *out)
{
    buf_put_char(out, '[');
    for (uint32_t i = 0; i < v->count; i++) {
        if (i)
            buf_put_char(out, ',');
        json_write_string(v->list[i], out);
    }
    buf_put_char(out, ']');
}

void value_write_json(const struct value *v, struct buf *out)
{
    char scratch[32];
    struct str text;
    switch (v->type) {
    case VALUE_MISSING: buf_put_text(out, "null"); break;
    case VALUE_NUMBER: json_write_number(v->number, out); break;
    case VALUE_BOOL: json_write_bool(v->boolean, out); break;
    case VALUE_LIST: write_list(v, out); break;
    case VALUE_STRING:
    case VALUE_INSTANT:
        if (value_as_text(v, scratch, &text))
            json_write_string(text, out);
        break;
    }
}

struct value value_copy(struct arena *arena, const struct value *v)
{
    struct value copy = *v;
    if (v->type == VALUE_STRING)
        copy.string = arena_str(arena, v->string);
    if (v->type == VALUE_LIST) {
        struct str *list = arena_take_array(arena, v->count, sizeof *list);
        for (uint32_t i = 0; i < v->count; i++)
            list[i] = arena_str(arena, v->list[i]);
        copy.list = list;
    }
    return copy;
}

/* One byte says type and millis, the content follows. */
enum { ENCODED_MILLIS = 0x80 };

void value_encode(const struct value *v, struct buf *out)
{
    buf_put_char(out, (char)(v->type | (v->type == VALUE_INSTANT && v->millis ? ENCODED_MILLIS : 0)));
    uint64_t bits;
    switch (v->type) {
    case VALUE_MISSING: break;
    case VALUE_STRING: buf_put_sized(out, v->string); break;
    case VALUE_NUMBER:
        memcpy(&bits, &v->number, sizeof bits);
        buf_put_u64(out, bits);
        break;
    case VALUE_BOOL: buf_put_char(out, (char)v->boolean); break;
    case VALUE_INSTANT: buf_put_zigzag(out, v->instant_ms); break;
    case VALUE_LIST:
        buf_put_varint(out, v->count);
        for (uint32_t i = 0; i < v->count; i++)
            buf_put_sized(out, v->list[i]);
        break;
    }
}

static uint8_t decode_byte(struct reader *r)
{
    struct str byte = reader_bytes(r, 1);
    return byte.size ? (uint8_t)byte.data[0] : 0;
}

static void decode_list(struct reader *r, struct arena *arena, struct value *v)
{
    uint64_t count = reader_varint(r);
    size_t left = (size_t)(r->end - r->at);
    if (count > left) { /* each string takes a byte at least: damage must not claim memory */
        r->failed = true;
        return;
    }
    struct str *list = arena_take_array(arena, count, sizeof *list);
    for (uint64_t i = 0; i < count; i++)
        list[i] = reader_sized(r);
    v->list = list;
    v->count = (uint32_t)count;
}

struct value value_decode(struct reader *r, struct arena *arena)
{
    uint8_t head = decode_byte(r);
    struct value v = {.type = head & ~ENCODED_MILLIS, .millis = head & ENCODED_MILLIS};
    uint64_t bits;
    switch (v.type) {
    case VALUE_MISSING: break;
    case VALUE_STRING: v.string = reader_sized(r); break;
    case VALUE_NUMBER:
        bits = reader_u64(r);
        memcpy(&v.number, &bits, sizeof bits);
        break;
    case VALUE_BOOL: v.boolean = decode_byte(r) != 0; break;
    case VALUE_INSTANT: v.instant_ms = reader_zigzag(r); break;
    case VALUE_LIST: decode_list(r, arena, &v); break;
    default: r->failed = true; break;
    }
    return r->failed ? (struct value){.type = VALUE_MISSING} : v;
}
