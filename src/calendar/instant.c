#include "calendar/instant.h"

enum { FRACTION_DIGITS = 3 };
#define YEAR_1_MS     INT64_C(-62135596800000)
#define YEAR_10000_MS INT64_C(253402300800000)

/* What is left of a text while its parts are taken from the front. */
struct cursor {
    const char *at, *end;
};

static bool take_char(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Exactly `count` decimal digits. */
static bool take_digits(struct cursor *c, int count, int *ret)
{
    if (c->end - c->at < count)
        return false;
    int value = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)(c->at[i] - '0');
        if (digit > 9)
            return false;
        value = value * 10 + (int)digit;
    }
    c->at += count;
    *ret = value;
    return true;
}

static bool year_is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year_is_leap(year));
}

/* Days since 1970 of a date in the proleptic Gregorian calendar. Years are counted from March, so that the
 * leap day is the last of its year, and in eras of 400 years, which all have 146,097 days. */
static int64_t days_of_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* The inverse of days_of_date. */
static void date_of_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    *ret_day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *ret_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static bool take_date(struct cursor *c, int64_t *ret_ms)
{
    int year, month, day;
    if (!take_digits(c, 4, &year) || !take_char(c, '-') || !take_digits(c, 2, &month) || !take_char(c, '-') ||
        !take_digits(c, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    *ret_ms = days_of_date(year, month, day) * DAY_MS;
    return true;
}

/* The digits behind the point: at least one, those beyond milliseconds are dropped. */
static bool take_fraction(struct cursor *c, int *ret_ms)
{
    const char *first = c->at;
    int ms = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (c->at - first < FRACTION_DIGITS)
            ms = ms * 10 + (*c->at - '0');
    }
    if (c->at == first)
        return false;
    for (long digits = c->at - first; digits < FRACTION_DIGITS; digits++)
        ms *= 10;
    *ret_ms = ms;
    return true;
}

/* hh:mm, hh:mm:ss or hh:mm:ss.fff: 24:00 and the leap second :60 are refused, they name another day's
 * instant. */
static bool take_time(struct cursor *c, int64_t *ret_ms)
{
    int hour, minute, second = 0, ms = 0;
    if (!take_digits(c, 2, &hour) || !take_char(c, ':') || !take_digits(c, 2, &minute))
        return false;
    if (take_char(c, ':')) {
        if (!take_digits(c, 2, &second))
            return false;
        if ((take_char(c, '.') || take_char(c, ',')) && !take_fraction(c, &ms))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_ms = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + ms;
    return true;
}

/* Nothing, Z, ±hh:mm, ±hhmm or ±hh. */
static bool take_offset(struct cursor *c, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (c->at == c->end || take_char(c, 'Z') || take_char(c, 'z'))
        return true;
    bool west = take_char(c, '-');
    if (!west && !take_char(c, '+'))
        return false;
    int hour, minute = 0;
    if (!take_digits(c, 2, &hour))
        return false;
    bool colon = take_char(c, ':');
    if ((colon || c->at < c->end) && !take_digits(c, 2, &minute))
        return false;
    if (hour > 23 || minute > 59)
        return false;
    int64_t offset = hour * HOUR_MS + minute * MINUTE_MS;
    *ret_ms = west ? -offset : offset;
    return true;
}

bool instant_parse(struct str text, int64_t *ret_ms)
{
    struct cursor c = {text.data, text.data + text.size};
    int64_t date, time = 0, offset = 0;
    if (!take_date(&c, &date))
        return false;
    if (c.at < c.end) {
        if (!take_char(&c, 'T') && !take_char(&c, 't') && !take_char(&c, ' '))
            return false;
        if (!take_time(&c, &time) || !take_offset(&c, &offset) || c.at != c.end)
            return false;
    }
    int64_t ms = date + time - offset;
    if (ms < YEAR_1_MS || ms >= YEAR_10000_MS) /* the offset led out of the years that can be printed */
        return false;
    *ret_ms = ms;
    return true;
}

static char *put_digits(char *to, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + width;
}

/* Four digits, or ISO 8601's expanded form with a sign for years that no input can bring. */
static char *put_year(char *to, int64_t year)
{
    if (year >= 1 && year <= 9999)
        return put_digits(to, year, 4);
    *to++ = year < 0 ? '-' : '+';
    int64_t distance = year < 0 ? -year : year;
    int width = 4;
    for (int64_t left = distance / 10000; left; left /= 10)
        width++;
    return put_digits(to, distance, width);
}

int instant_print(int64_t ms, bool millis, char ret_text[32])
{
    int64_t days = ms / DAY_MS, rest = ms % DAY_MS;
    if (rest < 0) {
        days--;
        rest += DAY_MS;
    }
    int64_t year;
    int month, day;
    date_of_days(days, &year, &month, &day);
    char *to = put_year(ret_text, year);
    *to++ = '-';
    to = put_digits(to, month, 2);
    *to++ = '-';
    to = put_digits(to, day, 2);
    *to++ = 'T';
    to = put_digits(to, rest / HOUR_MS, 2);
    *to++ = ':';
    to = put_digits(to, rest / MINUTE_MS % 60, 2);
    *to++ = ':';
    to = put_digits(to, rest / SECOND_MS % 60, 2);
    if (millis || rest % SECOND_MS) {
        *to++ = '.';
        to = put_digits(to, rest % SECOND_MS, FRACTION_DIGITS);
    }
    *to++ = 'Z';
    *to = '\0';
    return (int)(to - ret_text);
}

bool instant_is_operational(int64_t ms)
{
    return ms >= 0 && ms < INSTANT_END;
}
