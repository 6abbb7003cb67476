/* What can fail in operation is returned as `enum err`, by value; results come through `ret_x` and are left
 * untouched on failure. The text for people goes to an err_detail, with the place (a JSON pointer, a
 * `file:line`, a path) in front. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_TABLE(X)                                                                                         \
    X(OK, "ok")                                                                                              \
    X(INVALID, "invalid input")                                                                              \
    X(NOT_FOUND, "not found")                                                                                \
    X(REFUSED, "refused in this state")                                                                      \
    X(LIMIT, "over a limit")                                                                                 \
    X(IO, "input/output failed")                                                                             \
    X(FULL, "disk full")                                                                                     \
    X(BUSY, "in use by another process")                                                                     \
    X(NEWER, "made by a newer version")                                                                      \
    X(CORRUPT, "damaged data")                                                                               \
    X(UNSUPPORTED, "not supported by this version")

enum err {
#define X(name, text) ERR_##name,
    ERR_TABLE(X)
#undef X
};

struct err_detail {
    char place[256]; /* JSON pointer, file:line or path; empty where there is none */
    char text[512];  /* one sentence: what is wrong and what to do */
};

/* The short English name of a code, static. */
const char *err_name(enum err code);

/* Fills `detail` (which may be NULL) and returns `code`, so that a failure is one return statement. */
enum err err_fail(struct err_detail *detail, enum err code, const char *place, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

/* Puts `prefix` in front of the place that is there: an inner parser knows `/rules/0`, its caller `/entry`.
 */
void err_prefix(struct err_detail *detail, const char *prefix);

#endif
