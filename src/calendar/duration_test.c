#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "calendar/instant.h"

static void durations_are_one_number_and_one_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"90s", 90 * SECOND_MS}, {"30m", 30 * MINUTE_MS}, {"24h", DAY_MS},        {"7d", 7 * DAY_MS},
        {"2w", 14 * DAY_MS},     {"1s", SECOND_MS},       {"05m", 5 * MINUTE_MS}, {"3650d", 3650 * DAY_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 0;
        assert_true(duration_parse(str_from(cases[i].text), &ms));
        assert_true(ms == cases[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",           "s",    "7",   "0d",  "-1d",  "+1d",  "1.5h",
        "1 d",        "1d ",  "1dd", "1D",  "1ms",  "1y",   "1d12h",
        "3651d",      "522w", "d1",  "P1D", "0x1d", "1e3s", "99999999999999999999999999d",
        "315360001s",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 7;
        if (duration_parse(str_from(cases[i]), &ms) || ms != 7)
            fail_msg("taken: %s", cases[i]);
    }
}

static void durations_are_printed_in_the_largest_unit_that_divides_them(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {DAY_MS, "1d"},
        {7 * DAY_MS, "1w"},
        {8 * DAY_MS, "8d"},
        {25 * HOUR_MS, "25h"},
        {90 * SECOND_MS, "90s"},
        {2 * HOUR_MS, "2h"},
        {MINUTE_MS, "1m"},
        {1500, "1500ms"},
        {0, "0s"},
        {-DAY_MS, "-1d"},
        {INT64_MIN, "-9223372036854775808ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        int size = duration_print(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(size, strlen(text));
    }
}

static void printed_durations_read_back(void **state)
{
    (void)state;
    struct prng prng = {1};
    for (int i = 0; i < 100000; i++) {
        int64_t ms = (int64_t)(1 + prng_below(&prng, 3650 * 86400)) * SECOND_MS, back;
        char text[32];
        int size = duration_print(ms, text);
        assert_true(duration_parse((struct str){text, (size_t)size}, &back));
        assert_true(back == ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_one_number_and_one_unit),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_printed_in_the_largest_unit_that_divides_them),
        cmocka_unit_test(printed_durations_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
