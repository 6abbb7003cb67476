#include "base/str.h"

#include <errno.h>
#include <math.h>

int str_compare(struct str a, struct str b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool str_to_int64(struct str s, int64_t *ret)
{
    size_t i = 0;
    bool negative = s.size && s.data[0] == '-';
    i += negative;
    if (i == s.size)
        return false;
    int64_t value = 0;
    for (; i < s.size; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, s.data[i] - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret = negative ? value : -value;
    return true;
}

bool str_to_double(struct str s, double *ret)
{
    char copy[64];
    if (s.size == 0 || s.size >= sizeof copy)
        return false;
    /* strtod also takes spaces, hexadecimal, inf and nan: a decimal number has none of these letters */
    for (size_t i = 0; i < s.size; i++) {
        if (!strchr("0123456789+-.eE", s.data[i]) || !s.data[i])
            return false;
    }
    memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    char *end;
    double value = strtod(copy, &end);
    if (end != copy + s.size || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
    if (size == 0 || size > left || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : size;
}

bool str_is_utf8(struct str s)
{
    const uint8_t *p = (const uint8_t *)s.data;
    for (size_t i = 0; i < s.size;) {
        size_t size = utf8_sequence(p + i, s.size - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}
