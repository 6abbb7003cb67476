#include "ingest/quote.h"

static const char cut[] = "…\"";

const char *quote(struct str text, char ret_text[QUOTE_BYTES])
{
    size_t size = 0, room = QUOTE_BYTES - sizeof cut;
    bool whole = text.size < room;
    size_t kept = whole ? text.size : room - 1;
    while (!whole && kept && ((uint8_t)text.data[kept] & 0xc0) == 0x80)
        kept--; /* not inside a character */
    bool utf8 = str_is_utf8((struct str){text.data, kept});
    ret_text[size++] = '"';
    for (size_t i = 0; i < kept; i++) {
        uint8_t c = (uint8_t)text.data[i];
        ret_text[size++] = c < ' ' || c == 0x7f || (!utf8 && c >= 0x80) ? '?' : (char)c;
    }
    memcpy(ret_text + size, whole ? "\"" : cut, whole ? 2 : sizeof cut);
    return ret_text;
}
