#include "http/credential.h"

#include <strings.h>

static bool scheme_take(struct str header, struct str scheme, struct str *ret)
{
    if (header.size <= scheme.size || strncasecmp(header.data, scheme.data, scheme.size) != 0 ||
        header.data[scheme.size] != ' ')
        return false;
    struct str rest = {header.data + scheme.size, header.size - scheme.size};
    while (rest.size && rest.data[0] == ' ') {
        rest.data++;
        rest.size--;
    }
    while (rest.size && rest.data[rest.size - 1] == ' ')
        rest.size--;
    *ret = rest;
    return rest.size > 0;
}

static int digit64(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 of RFC 4648 §4; the padding may be left off, bits that say nothing must be 0. */
static bool decode64(struct str text, struct arena *arena, struct str *ret)
{
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    if (padding && text.size % 4 != 0)
        return false;
    text.size -= padding;
    if (text.size % 4 == 1)
        return false;
    char *out = arena_take(arena, text.size / 4 * 3 + 3);
    size_t size = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit64(text.data[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[size++] = (char)(bits >> held & 0xff);
        }
        bits &= (1u << held) - 1;
    }
    if (bits)
        return false;
    *ret = (struct str){out, size};
    return true;
}

bool credential_basic(struct str header, struct arena *arena, struct str *ret)
{
    struct str encoded, pair;
    if (!scheme_take(header, STR("Basic"), &encoded) || !decode64(encoded, arena, &pair))
        return false;
    const char *colon = pair.size ? memchr(pair.data, ':', pair.size) : NULL;
    if (!colon || colon == pair.data)
        return false;
    *ret = (struct str){pair.data, (size_t)(colon - pair.data)};
    return true;
}

bool credential_bearer(struct str header, struct str *ret)
{
    struct str token;
    if (!scheme_take(header, STR("Bearer"), &token) || memchr(token.data, ' ', token.size))
        return false;
    *ret = token;
    return true;
}
