#include "store/sqlite/path_text.h"

static char *print_number(char *to, uint8_t number)
{
    if (number >= 100)
        *to++ = (char)('0' + number / 100);
    if (number >= 10)
        *to++ = (char)('0' + number / 10 % 10);
    *to++ = (char)('0' + number % 10);
    return to;
}

size_t path_text_print(const struct passage *path, uint16_t count, char *ret_text)
{
    char *to = ret_text;
    for (uint16_t i = 0; i < count; i++) {
        *to++ = i ? ',' : '[';
        *to++ = '[';
        to = print_number(to, path[i].node);
        *to++ = ',';
        to = print_number(to, path[i].outcome);
        *to++ = ']';
    }
    *to++ = ']';
    return (size_t)(to - ret_text);
}

static bool take_char(struct str *text, char wanted)
{
    if (text->size == 0 || *text->data != wanted)
        return false;
    text->data++;
    text->size--;
    return true;
}

static bool take_number(struct str *text, uint8_t *ret)
{
    unsigned number = 0;
    size_t digits = 0;
    while (digits < text->size && digits < 3 && text->data[digits] >= '0' && text->data[digits] <= '9')
        number = number * 10 + (unsigned)(text->data[digits++] - '0');
    if (digits == 0 || number > UINT8_MAX)
        return false;
    text->data += digits;
    text->size -= digits;
    *ret = (uint8_t)number;
    return true;
}

bool path_text_parse(struct str text, struct passages *ret)
{
    array_clear(ret);
    if (text.size == 0)
        return true;
    if (!take_char(&text, '['))
        return false;
    do {
        struct passage *passage = array_push(ret);
        if (!take_char(&text, '[') || !take_number(&text, &passage->node) || !take_char(&text, ',') ||
            !take_number(&text, &passage->outcome) || !take_char(&text, ']'))
            return false;
    } while (take_char(&text, ','));
    return take_char(&text, ']') && text.size == 0 && ret->count <= UINT16_MAX;
}
