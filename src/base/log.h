/* One line a happening on stderr, `level=… msg="…" key=value`. Only who decides logs: commands and servers,
 * never a library. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_INFO, LOG_WARN, LOG_ERROR };

void log_line(enum log_level level, const char *message, const char *fields_format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
