#include "json/diagnose.h"

#include <jansson.h>

#include "json/depth.h"
#include "json/reader.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number in `\uXXXX` at this place, -1 where there is none. */
static int unicode_escape(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int code = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

bool diagnose_has_lone_surrogate(struct str text)
{
    const char *at = text.data, *end = text.data + text.size;
    /* in valid JSON a backslash stands in strings only, and always before the character that it escapes */
    while (at < end && (at = memchr(at, '\\', (size_t)(end - at)))) {
        int code = unicode_escape(at, end);
        if (code < 0) {
            at += 2;
            continue;
        }
        at += 6;
        if (code >= 0xdc00 && code <= 0xdfff)
            return true;
        if (code < 0xd800 || code > 0xdbff)
            continue;
        int low = unicode_escape(at, end);
        if (low < 0xdc00 || low > 0xdfff)
            return true;
        at += 6;
    }
    return false;
}

enum err diagnose_fail(struct str text, struct err_detail *detail)
{
    if (!detail)
        return ERR_INVALID;
    if (text.size == 0)
        return err_fail(detail, ERR_INVALID, "", "empty where JSON is expected");
    json_error_t error;
    json_t *json = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    size_t fault = json ? text.size : (size_t)error.position, offset;
    json_decref(json);
    if (depth_exceeds(text, JSON_DEPTH_MAX, &offset) && offset < fault)
        return err_fail(detail, ERR_INVALID, "", "nested deeper than %d levels at byte %zu", JSON_DEPTH_MAX,
                        offset + 1);
    /* behind a number or a name jansson 2.14 overlooks zero bytes */
    const char *zero = memchr(text.data, '\0', text.size);
    if (zero && (size_t)(zero - text.data) < fault)
        return err_fail(detail, ERR_INVALID, "", "not JSON at byte %zu: control character 0x0",
                        (size_t)(zero - text.data) + 1);
    if (fault == text.size && error.text[0] == '\0') /* jansson takes it, so there is nothing better to say */
        return err_fail(detail, ERR_INVALID, "", "not JSON");
    return err_fail(detail, ERR_INVALID, "", "not JSON at byte %zu: %s", fault, error.text);
}
