#include <inttypes.h>
#include <stdio.h>

#include "calendar/instant.h"

#define DURATION_MAX_MS (3650 * DAY_MS)

/* Largest first: printing takes the first that divides. */
static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"w", 7 * DAY_MS}, {"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1}};

static int64_t unit_ms(char letter)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].name[0] == letter && units[i].name[1] == '\0')
            return units[i].ms;
    }
    return 0;
}

bool duration_parse(struct str text, int64_t *ret_ms)
{
    if (text.size < 2)
        return false;
    int64_t unit = unit_ms(text.data[text.size - 1]);
    if (unit == 0)
        return false;
    int64_t count = 0;
    for (size_t i = 0; i < text.size - 1; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        count = count * 10 + (text.data[i] - '0');
        if (count > DURATION_MAX_MS / unit)
            return false;
    }
    if (count == 0)
        return false;
    *ret_ms = count * unit;
    return true;
}

int duration_print(int64_t ms, char ret_text[32])
{
    if (ms == 0)
        return snprintf(ret_text, 32, "0s");
    size_t i = 0;
    while (ms % units[i].ms)
        i++;
    return snprintf(ret_text, 32, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}
