#include "json/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "calendar/instant.h"

static const struct str two[] = {{"a", 1}, {"b\"c", 3}};
static const struct str swapped[] = {{"b\"c", 3}, {"a", 1}};

static struct value number(double n)
{
    return (struct value){.type = VALUE_NUMBER, .number = n};
}

static struct value list(const struct str *items, uint32_t count)
{
    return (struct value){.type = VALUE_LIST, .count = count, .list = items};
}

static void assert_json(struct value v, const char *expected)
{
    struct buf out = {0};
    value_write_json(&v, &out);
    buf_put_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void a_string_in_canonical_form_is_an_instant_and_prints_the_same_bytes(void **state)
{
    (void)state;
    static const char *const instants[] = {"2026-01-31T10:00:00Z",     "2026-01-31T10:00:00.123Z",
                                           "2026-01-31T10:00:00.000Z", "0001-01-01T00:00:00Z",
                                           "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.001Z"};
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++) {
        struct value v = value_of_string(str_from(instants[i]));
        char scratch[32];
        struct str text;
        assert_int_equal(v.type, VALUE_INSTANT);
        assert_true(value_as_text(&v, scratch, &text));
        assert_true(str_equal(text, str_from(instants[i])));
    }
}

static void a_string_in_any_other_form_stays_a_string(void **state)
{
    (void)state;
    static const char *const strings[] = {
        "",
        "2026-01-31",
        "2026-01-31T10:00Z",
        "2026-01-31T10:00:00",
        "2026-01-31t10:00:00Z",
        "2026-01-31 10:00:00Z",
        "2026-01-31T10:00:00z",
        "2026-01-31T10:00:00,123Z",
        "2026-01-31T10:00:00.12Z",
        "2026-01-31T10:00:00.1234Z",
        "2026-01-31T10:00:00+00:00",
        "2026-01-31T10:00:00+0000",
        "2026-02-30T10:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T10:00:60Z",
        "0000-01-01T00:00:00Z",
        "2026-01-31T10:00:00.000",
        "ABCD-EF-GHTIJ:KL:MNZ",
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct value v = value_of_string(str_from(strings[i]));
        assert_int_equal(v.type, VALUE_STRING);
        assert_true(str_equal(v.string, str_from(strings[i])));
    }
}

static void values_are_equal_by_type_and_content(void **state)
{
    (void)state;
    struct value values[] = {
        {.type = VALUE_MISSING},
        value_of_string(STR("a")),
        value_of_string(STR("b")),
        value_of_string(STR("2026-01-31T10:00:00Z")),
        value_of_string(STR("2026-01-31T10:00:01Z")),
        number(0),
        number(1),
        {.type = VALUE_BOOL, .boolean = false},
        {.type = VALUE_BOOL, .boolean = true},
        list(NULL, 0),
        list(two, 1),
        list(two, 2),
        list(swapped, 2),
    };
    size_t count = sizeof values / sizeof *values;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            assert_int_equal(value_equal(&values[i], &values[j]), i == j);
    }
    struct value plain = value_of_string(STR("2026-01-31T10:00:00Z"));
    struct value millis = value_of_string(STR("2026-01-31T10:00:00.000Z"));
    assert_true(value_equal(&plain, &millis));
}

static void instants_and_strings_that_name_one_stand_for_an_instant(void **state)
{
    (void)state;
    const int64_t ms = INT64_C(1769853600000);
    static const char *const forms[] = {"2026-01-31T10:00:00Z", "2026-01-31T12:00+02:00", "2026-01-31 10:00"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct value v = value_of_string(str_from(forms[i]));
        int64_t got = 0;
        assert_true(value_as_instant(&v, &got));
        assert_true(got == ms);
    }
    struct value others[] = {
        value_of_string(STR("soon")), number(1769853600000.0), list(two, 2), {.type = VALUE_MISSING}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int64_t got = 7;
        assert_false(value_as_instant(&others[i], &got));
        assert_true(got == 7);
    }
}

static void only_strings_and_instants_have_a_text(void **state)
{
    (void)state;
    struct value v = value_of_string(STR("plan")), truth = {.type = VALUE_BOOL, .boolean = true},
                 n = number(1);
    char scratch[32];
    struct str text;
    assert_true(value_as_text(&v, scratch, &text));
    assert_true(str_equal(text, STR("plan")));
    assert_false(value_as_text(&truth, scratch, &text));
    assert_false(value_as_text(&n, scratch, &text));
}

static void values_are_written_as_json(void **state)
{
    (void)state;
    assert_json((struct value){.type = VALUE_MISSING}, "null");
    assert_json(value_of_string(STR("a\"b")), "\"a\\\"b\"");
    assert_json(value_of_string(STR("2026-01-31T10:00:00.000Z")), "\"2026-01-31T10:00:00.000Z\"");
    assert_json(number(20), "20");
    assert_json(number(0.1), "0.1");
    assert_json((struct value){.type = VALUE_BOOL, .boolean = true}, "true");
    assert_json((struct value){.type = VALUE_BOOL, .boolean = false}, "false");
    assert_json(list(NULL, 0), "[]");
    assert_json(list(two, 2), "[\"a\",\"b\\\"c\"]");
}

static void a_copy_lives_on_without_its_original(void **state)
{
    (void)state;
    struct arena arena = {0};
    char bytes[] = "gold";
    struct str items[] = {{bytes, 4}, {bytes + 1, 2}};
    struct value string = {.type = VALUE_STRING, .string = {bytes, 4}}, both = list(items, 2);
    struct value string_copy = value_copy(&arena, &string), list_copy = value_copy(&arena, &both);
    memset(bytes, 'x', 4);
    memset(items, 0, sizeof items);
    assert_true(str_equal(string_copy.string, STR("gold")));
    assert_int_equal(list_copy.count, 2);
    assert_true(str_equal(list_copy.list[0], STR("gold")));
    assert_true(str_equal(list_copy.list[1], STR("ol")));
    arena_deinit(&arena);
}

static size_t encode_samples(struct buf *out, struct value samples[8])
{
    size_t count = 0;
    samples[count++] = (struct value){.type = VALUE_MISSING};
    samples[count++] = value_of_string(STR("pro"));
    samples[count++] = number(-0.5);
    samples[count++] = (struct value){.type = VALUE_BOOL, .boolean = true};
    samples[count++] = value_of_string(STR("0001-01-01T00:00:00.000Z"));
    samples[count++] = value_of_string(STR("2026-01-31T10:00:00Z"));
    samples[count++] = list(two, 2);
    samples[count++] = list(NULL, 0);
    for (size_t i = 0; i < count; i++)
        value_encode(&samples[i], out);
    return count;
}

static void encoded_values_are_decoded_as_they_were(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf out = {0};
    struct value samples[8];
    size_t count = encode_samples(&out, samples);
    struct reader r = reader_of(buf_str(&out));
    for (size_t i = 0; i < count; i++) {
        struct value v = value_decode(&r, &arena);
        assert_true(value_equal(&v, &samples[i]));
        assert_int_equal(v.millis, samples[i].millis);
    }
    assert_true(reader_done(&r));
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void damaged_bytes_fail_the_reader_and_nothing_else(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf out = {0};
    struct value samples[8];
    size_t count = encode_samples(&out, samples);
    for (size_t cut = 0; cut < out.size; cut++) {
        struct reader r = reader_of((struct str){out.data, cut});
        struct value last = {.type = VALUE_MISSING};
        for (size_t i = 0; i < count; i++)
            last = value_decode(&r, &arena);
        assert_true(r.failed);
        assert_int_equal(last.type, VALUE_MISSING);
    }
    static const char unknown[] = {0x70}, greedy[] = {VALUE_LIST, (char)0xff, (char)0xff, (char)0xff, 0x7f};
    struct reader r = reader_of((struct str){unknown, sizeof unknown});
    value_decode(&r, &arena);
    assert_true(r.failed);
    r = reader_of((struct str){greedy, sizeof greedy});
    value_decode(&r, &arena);
    assert_true(r.failed);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void types_have_english_names(void **state)
{
    (void)state;
    assert_string_equal(value_type_name(VALUE_MISSING), "missing");
    assert_string_equal(value_type_name(VALUE_STRING), "string");
    assert_string_equal(value_type_name(VALUE_LIST), "list of strings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_in_canonical_form_is_an_instant_and_prints_the_same_bytes),
        cmocka_unit_test(a_string_in_any_other_form_stays_a_string),
        cmocka_unit_test(values_are_equal_by_type_and_content),
        cmocka_unit_test(instants_and_strings_that_name_one_stand_for_an_instant),
        cmocka_unit_test(only_strings_and_instants_have_a_text),
        cmocka_unit_test(values_are_written_as_json),
        cmocka_unit_test(a_copy_lives_on_without_its_original),
        cmocka_unit_test(encoded_values_are_decoded_as_they_were),
        cmocka_unit_test(damaged_bytes_fail_the_reader_and_nothing_else),
        cmocka_unit_test(types_have_english_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
