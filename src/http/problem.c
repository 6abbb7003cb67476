#include "http/problem.h"

#include "json/write.h"

unsigned problem_status(enum err code)
{
    switch (code) {
    case ERR_INVALID: return 400;
    case ERR_NOT_FOUND: return 404;
    case ERR_REFUSED: return 409;
    case ERR_LIMIT: return 413;
    case ERR_UNSUPPORTED: return 422;
    case ERR_BUSY:
    case ERR_FULL: return 503;
    case ERR_OK:
    case ERR_IO:
    case ERR_NEWER:
    case ERR_CORRUPT: break;
    }
    return 500;
}

const char *problem_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return status < 500 ? "Request Refused" : "Server Error";
}

/* A URN of each code, so that a program need not compare titles. */
static const char *type_of(enum err code)
{
    static const char *const types[] = {
#define X(name, text) [ERR_##name] = #name,
        ERR_TABLE(X)
#undef X
    };
    return types[code];
}

static void member(const char *name, const char *value, struct buf *out)
{
    buf_printf(out, ",\"%s\":", name);
    struct str text = str_from(value);
    if (str_is_utf8(text)) {
        json_write_string(text, out);
        return;
    }
    /* a text that was cut to its room may end within a character */
    struct buf ascii = {0};
    for (size_t i = 0; i < text.size; i++)
        buf_put_char(&ascii, (unsigned char)text.data[i] < 0x80 ? text.data[i] : '?');
    json_write_string(buf_str(&ascii), out);
    buf_deinit(&ascii);
}

void problem_write(unsigned status, enum err code, const struct err_detail *detail, struct buf *out)
{
    if (code == ERR_OK) {
        buf_put_text(out, "{\"type\":\"about:blank\"");
        member("title", problem_phrase(status), out);
    } else {
        buf_put_text(out, "{\"type\":\"urn:sojourn:problem:");
        for (const char *c = type_of(code); *c; c++)
            buf_put_char(out, *c == '_' ? '-' : (char)(*c | 0x20));
        buf_put_char(out, '"');
        member("title", err_name(code), out);
    }
    buf_printf(out, ",\"status\":%u", status);
    if (detail && detail->text[0])
        member("detail", detail->text, out);
    if (detail && detail->place[0])
        member(detail->place[0] == '/' ? "pointer" : "place", detail->place, out);
    buf_put_char(out, '}');
}
