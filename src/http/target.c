#include "http/target.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* What is encoded must be text: UTF-8 without zero bytes, since ids and names are. */
static bool decode(struct str encoded, bool plus_is_space, struct arena *arena, struct str *ret)
{
    char *out = arena_take(arena, encoded.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < encoded.size; i++) {
        char c = encoded.data[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            if (encoded.size - i < 3)
                return false;
            int high = hex_digit(encoded.data[i + 1]), low = hex_digit(encoded.data[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[size++] = c;
    }
    if (!str_is_utf8((struct str){out, size}))
        return false;
    *ret = (struct str){out, size};
    return true;
}

/* The part of `rest` before the first `end`, which `rest` then stands behind; false at the end of it. */
static bool part_take(struct str *rest, char end, struct str *ret)
{
    if (!rest->data)
        return false;
    const char *at = rest->size ? memchr(rest->data, end, rest->size) : NULL;
    if (!at) {
        *ret = *rest;
        *rest = (struct str){0};
        return true;
    }
    size_t size = (size_t)(at - rest->data);
    *ret = (struct str){rest->data, size};
    *rest = (struct str){at + 1, rest->size - size - 1};
    return true;
}

static struct str query_name(struct str pair)
{
    const char *equals = pair.size ? memchr(pair.data, '=', pair.size) : NULL;
    return (struct str){pair.data, equals ? (size_t)(equals - pair.data) : pair.size};
}

static struct str query_value(struct str pair)
{
    size_t name_size = query_name(pair).size;
    return name_size == pair.size ? (struct str){pair.data + pair.size, 0}
                                  : (struct str){pair.data + name_size + 1, pair.size - name_size - 1};
}

/* RFC 9112 §3.2.2: a server takes the absolute form as well. */
static struct str without_origin(struct str raw)
{
    if (!str_starts(raw, STR("http://")) && !str_starts(raw, STR("https://")))
        return raw;
    const char *host = (const char *)memchr(raw.data, ':', raw.size) + 3;
    const char *slash = memchr(host, '/', (size_t)(raw.data + raw.size - host));
    return slash ? (struct str){slash, (size_t)(raw.data + raw.size - slash)} : STR("/");
}

const char *target_parse(struct str raw, struct arena *arena, struct target *ret)
{
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] <= ' ' || raw.data[i] > '~' || raw.data[i] == '#')
            return "The request's target has a byte that must be percent-encoded.";
    }
    raw = without_origin(raw);
    if (!raw.size || raw.data[0] != '/')
        return "The request's target must be a path that begins with /.";
    struct target target = {0};
    struct str rest = raw;
    part_take(&rest, '?', &target.path);
    target.query = rest.data ? rest : STR("");
    rest = (struct str){target.path.data + 1, target.path.size - 1};
    for (struct str segment; part_take(&rest, '/', &segment);) {
        struct str decoded;
        if (!decode(segment, false, arena, &decoded))
            return "The path is not well-formed: % must be followed by two hexadecimal digits, and what is "
                   "encoded "
                   "must be UTF-8.";
        if (target.segment_count < TARGET_SEGMENTS_MAX)
            target.segments[target.segment_count] = decoded;
        if (target.segment_count <= TARGET_SEGMENTS_MAX)
            target.segment_count++;
    }
    rest = target.query;
    for (struct str pair; part_take(&rest, '&', &pair);) {
        struct str decoded;
        if (!decode(query_name(pair), true, arena, &decoded) ||
            !decode(query_value(pair), true, arena, &decoded))
            return "The query is not well-formed: % must be followed by two hexadecimal digits, and what is "
                   "encoded "
                   "must be UTF-8.";
    }
    *ret = target;
    return NULL;
}

bool target_query(const struct target *target, struct str name, struct arena *arena, struct str *ret)
{
    struct str rest = target->query;
    for (struct str pair; part_take(&rest, '&', &pair);) {
        struct str decoded;
        if (pair.size && decode(query_name(pair), true, arena, &decoded) && str_equal(decoded, name))
            return decode(query_value(pair), true, arena, ret);
    }
    return false;
}
