#include "json/write.h"

#include <stdint.h>

#include "json/reader.h"

/* What follows the backslash for a byte that must be escaped, 'u' for those without a short form, 0 for the
 * rest. */
static char escape_of(unsigned char c)
{
    static const char controls[33] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    if (c < 0x20)
        return controls[c];
    return c == '"' || c == '\\' ? (char)c : 0;
}

void json_write_string(struct str s, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    buf_put_char(out, '"');
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        char escape = escape_of(c);
        if (!escape)
            continue;
        buf_put(out, s.data + plain, i - plain);
        plain = i + 1;
        if (escape == 'u')
            buf_put(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        else
            buf_put(out, (char[]){'\\', escape}, 2);
    }
    if (plain < s.size)
        buf_put(out, s.data + plain, s.size - plain);
    buf_put_char(out, '"');
}

void json_write_number(double number, struct buf *out)
{
    out->size += (size_t)json_number_print(number, buf_reserve(out, 32));
}

void json_write_bool(bool truth, struct buf *out)
{
    buf_put_str(out, truth ? STR("true") : STR("false"));
}
