/* Instants and durations out of text, once more from the beginning: the oracle shares no calendar with the
 * engine. */
#include "oracle_state.h"

static int days_of_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01, counted one month after the other. */
static int64_t days_since_epoch(int64_t year, int64_t month, int64_t day)
{
    int64_t days = day - 1;
    for (int64_t y = year; y < 1970; y++)
        days -= days_of_month(y, 2) == 29 ? 366 : 365;
    for (int64_t y = 1970; y < year; y++)
        days += days_of_month(y, 2) == 29 ? 366 : 365;
    for (int64_t m = 1; m < month; m++)
        days += days_of_month(year, m);
    return days;
}

/* `count` digits at the front, which are taken off. */
static bool take_digits(const char **text, int count, int64_t *ret)
{
    *ret = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *ret = *ret * 10 + (**text - '0');
    }
    return true;
}

static bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool take_date(const char **text, int64_t *ret_days)
{
    int64_t year, month, day;
    if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
        return false;
    *ret_days = days_since_epoch(year, month, day);
    return true;
}

bool oracle_is_instant(const json_t *json, int64_t *ret_ms)
{
    const char *text = json_string_value(json);
    int64_t days, hours = 0, minutes = 0, seconds = 0, millis = 0;
    if (text == NULL || !take_date(&text, &days))
        return false;
    if (take_char(&text, 'T')) {
        if (!take_digits(&text, 2, &hours) || !take_char(&text, ':') || !take_digits(&text, 2, &minutes))
            return false;
        if (take_char(&text, ':') && !take_digits(&text, 2, &seconds))
            return false;
        if (take_char(&text, '.') && !take_digits(&text, 3, &millis))
            return false;
        take_char(&text, 'Z');
    }
    if (*text || hours > 23 || minutes > 59 || seconds > 59)
        return false;
    *ret_ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + millis;
    return true;
}

/* 2026-01-31T10:00:00Z or 2026-01-31T10:00:00.123Z. */
bool oracle_is_canonical_instant(const json_t *json)
{
    int64_t ms;
    size_t size = json_string_length(json);
    return oracle_is_instant(json, &ms) && (size == 20 || size == 24) &&
           json_string_value(json)[size - 1] == 'Z';
}

int64_t oracle_instant(const json_t *text)
{
    int64_t ms = 0;
    CHECK(oracle_is_instant(text, &ms));
    return ms;
}

int64_t oracle_duration(const json_t *json)
{
    char *unit;
    long long number = strtoll(json_string_value(json), &unit, 10);
    switch (*unit) {
    case 's': return number * 1000;
    case 'm': return number * 60 * 1000;
    case 'h': return number * 60 * 60 * 1000;
    case 'd': return number * 24 * 60 * 60 * 1000;
    default: CHECK(*unit == 'w'); return number * 7 * 24 * 60 * 60 * 1000;
    }
}
