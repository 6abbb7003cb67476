#include "json/diagnose.h"

#include <jansson.h>

#include "json/depth.h"
#include "json/reader.h"

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
