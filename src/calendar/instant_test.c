#include "calendar/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

static void instants_in_every_form_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00Z", 0},
        {"1970-01-01 00:00:01", 1000},
        {"1970-01-01t00:00:01z", 1000},
        {"2026-01-31T10:00:00Z", INT64_C(1769853600000)},
        {"2026-01-31T10:00:00.5Z", INT64_C(1769853600500)},
        {"2026-01-31T10:00:00,25Z", INT64_C(1769853600250)},
        {"2026-01-31T10:00:00.123456789Z", INT64_C(1769853600123)},
        {"2026-01-31T10:00:00.9999Z", INT64_C(1769853600999)},
        {"2026-01-31T12:00:00+02:00", INT64_C(1769853600000)},
        {"2026-01-31T12:00+0200", INT64_C(1769853600000)},
        {"2026-01-31T12:00:00.000+02", INT64_C(1769853600000)},
        {"2026-01-31T00:30:00-09:30", INT64_C(1769853600000)},
        {"2026-01-31T10:00:00-00:00", INT64_C(1769853600000)},
        {"2000-02-29", INT64_C(951782400000)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"2100-01-01", INSTANT_END},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 7;
        if (!instant_parse(str_from(cases[i].text), &ms) || ms != cases[i].ms)
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

static void what_is_no_instant_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-01",
        "2026-1-31",
        "20260131",
        "2026-00-10",
        "2026-13-01",
        "2026-04-31",
        "2026-02-29",
        "1900-02-29",
        "2100-02-29",
        "2026-01-00",
        "0000-01-01",
        "-001-01-01",
        "10000-01-01",
        "2026-01-31T",
        "2026-01-31T10",
        "2026-01-31T10:00:",
        "2026-01-31T1:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-06-30T23:59:60Z",
        "2026-01-31T10:00:00.Z",
        "2026-01-31T10:00:00.5ZZ",
        "2026-01-31T10:00:00 Z",
        "2026-01-31T10:00.5Z",
        "2026-01-31T10:00:00+24:00",
        "2026-01-31T10:00:00+02:60",
        "2026-01-31T10:00:00+02:",
        "2026-01-31T10:00:00+2",
        "2026-01-31T10:00:00+020",
        "2026-01-31Z",
        "2026-01-31+02:00",
        " 2026-01-31",
        "2026-01-31 ",
        "2026-01-31T10:00:00Z ",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
        "today",
        "1769853600000",
        "2026/01/31",
        "２026-01-31",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 7;
        if (instant_parse(str_from(cases[i]), &ms) || ms != 7)
            fail_msg("taken: %s", cases[i]);
    }
    int64_t ms;
    assert_false(instant_parse((struct str){"2026-01-31\0", 11}, &ms));
}

static void every_cut_of_an_instant_is_read_within_its_bounds(void **state)
{
    (void)state;
    struct str whole = STR("2026-01-31T10:00:00.123+02:00");
    for (size_t size = 0; size < whole.size; size++) {
        char *exact = malloc(size ? size : 1); /* so that the sanitizer sees a byte too many */
        memcpy(exact, whole.data, size);
        int64_t ms;
        bool taken = instant_parse((struct str){exact, size}, &ms);
        assert_int_equal(taken,
                         size == 10 || size == 16 || size == 19 || (size > 20 && size <= 23) || size == 26);
        free(exact);
    }
}

static void instants_are_printed_canonically(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        bool millis;
        const char *text;
    } cases[] = {
        {0, false, "1970-01-01T00:00:00Z"},
        {0, true, "1970-01-01T00:00:00.000Z"},
        {5, false, "1970-01-01T00:00:00.005Z"},
        {-1, false, "1969-12-31T23:59:59.999Z"},
        {-DAY_MS, false, "1969-12-31T00:00:00Z"},
        {INT64_C(951782400000), false, "2000-02-29T00:00:00Z"},
        {INT64_C(-62135596800000), false, "0001-01-01T00:00:00Z"},
        {INT64_C(253402300799999), false, "9999-12-31T23:59:59.999Z"},
        {INT64_C(253402300800000), false, "+10000-01-01T00:00:00Z"},
        {INT64_C(-62135596800001), false, "+0000-12-31T23:59:59.999Z"},
        {INSTANT_NEVER, true, "+292278994-08-17T07:12:55.807Z"},
        {INT64_MIN, true, "-292275055-05-16T16:47:04.192Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        int size = instant_print(cases[i].ms, cases[i].millis, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(size, strlen(text));
    }
}

static void assert_round_trip(int64_t ms)
{
    char text[32], expected[64];
    int size = instant_print(ms, true, text);
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - seconds * 1000));
    assert_string_equal(text, expected);
    int64_t back;
    assert_true(instant_parse((struct str){text, (size_t)size}, &back));
    assert_true(back == ms);
}

static void printed_instants_agree_with_libc_and_read_back(void **state)
{
    (void)state;
    const int64_t first = INT64_C(-62135596800000), end = INT64_C(253402300800000);
    struct prng prng = {42};
    for (int i = 0; i < 200000; i++)
        assert_round_trip(first + (int64_t)prng_below(&prng, (uint64_t)(end - first)));
    for (int64_t ms = INT64_C(-11676096000000); ms < INT64_C(13569465600000); ms += DAY_MS) /* 1600 to 2400 */
        assert_round_trip(ms);
}

static void instants_from_1970_to_2100_are_operational(void **state)
{
    (void)state;
    assert_true(instant_is_operational(0));
    assert_true(instant_is_operational(INSTANT_END - 1));
    assert_false(instant_is_operational(-1));
    assert_false(instant_is_operational(INSTANT_END));
    assert_false(instant_is_operational(INSTANT_NEVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_in_every_form_are_parsed),
        cmocka_unit_test(what_is_no_instant_is_refused_and_changes_nothing),
        cmocka_unit_test(every_cut_of_an_instant_is_read_within_its_bounds),
        cmocka_unit_test(instants_are_printed_canonically),
        cmocka_unit_test(printed_instants_agree_with_libc_and_read_back),
        cmocka_unit_test(instants_from_1970_to_2100_are_operational),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
