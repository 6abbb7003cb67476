#include "base/log.h"

#include <stdarg.h>

void log_line(enum log_level level, const char *message, const char *fields_format, ...)
{
    static const char *const names[] = {"info", "warn", "error"};
    char fields[1024];
    va_list args;
    va_start(args, fields_format);
    vsnprintf(fields, sizeof fields, fields_format, args);
    va_end(args);
    fprintf(stderr, "level=%s msg=\"%s\"%s%s\n", names[level], message, fields[0] ? " " : "", fields);
}
