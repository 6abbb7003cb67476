#include "base/err.h"

#include <stdarg.h>

const char *err_name(enum err code)
{
    static const char *const names[] = {
#define X(name, text) text,
        ERR_TABLE(X)
#undef X
    };
    return names[code];
}

enum err err_fail(struct err_detail *detail, enum err code, const char *place, const char *format, ...)
{
    if (!detail)
        return code;
    snprintf(detail->place, sizeof detail->place, "%s", place ? place : "");
    va_list args;
    va_start(args, format);
    vsnprintf(detail->text, sizeof detail->text, format, args);
    va_end(args);
    return code;
}

void err_prefix(struct err_detail *detail, const char *prefix)
{
    if (!detail)
        return;
    char joined[sizeof detail->place * 2];
    snprintf(joined, sizeof joined, "%s%s", prefix, detail->place);
    joined[sizeof detail->place - 1] = '\0';
    memcpy(detail->place, joined, sizeof detail->place);
}
