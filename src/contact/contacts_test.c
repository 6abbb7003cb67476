#include "contact/contacts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/prng.h"
#include "contact/state.h"

static const struct value missing = {.type = VALUE_MISSING};

static struct contact_id added(struct contacts *contacts, struct str external_id)
{
    return contacts_add(contacts, external_id, contact_hash(external_id));
}

static struct str numbered(char text[32], uint32_t n)
{
    int size = snprintf(text, 32, "contact-%u", n);
    return (struct str){text, (size_t)size};
}

static struct value string_value(struct str s)
{
    return (struct value){.type = VALUE_STRING, .string = s};
}

static struct value number_value(double number)
{
    return (struct value){.type = VALUE_NUMBER, .number = number};
}

static void contacts_are_found_by_external_id_and_numbered_in_order(void **state)
{
    (void)state;
    enum { CONTACTS = 100000 };
    struct contacts *contacts = contacts_new();
    char text[32];
    for (uint32_t n = 0; n < CONTACTS; n++) {
        assert_int_equal(contacts_count(contacts), n);
        assert_int_equal(added(contacts, numbered(text, n)).n, n);
    }
    for (uint32_t n = 0; n < CONTACTS; n++) {
        struct str id = numbered(text, n);
        struct contact_id found = CONTACT_NONE;
        contacts_prefetch(contacts, contact_hash(id));
        assert_true(contacts_find(contacts, id, contact_hash(id), &found));
        assert_int_equal(found.n, n);
        assert_true(str_equal(contacts_external_id(contacts, found), id));
    }
    struct contact_id untouched = {77};
    assert_false(contacts_find(contacts, STR("nobody"), contact_hash(STR("nobody")), &untouched));
    assert_int_equal(untouched.n, 77);
    contacts_free(contacts);
}

static void an_external_id_may_be_as_long_as_the_limit(void **state)
{
    (void)state;
    char text[EXTERNAL_ID_BYTES_MAX];
    memset(text, 'x', sizeof text);
    struct str longest = {text, sizeof text};
    struct contacts *contacts = contacts_new();
    struct contact_id id = added(contacts, longest);
    assert_true(str_equal(contacts_external_id(contacts, id), longest));
    contacts_free(contacts);
}

static void a_new_contact_has_nothing(void **state)
{
    (void)state;
    struct contacts *contacts = contacts_new();
    struct contact_id id = added(contacts, STR("ann"));
    struct contact_left left = {5, 6};
    assert_int_equal(contacts_head(contacts, id), 0);
    assert_int_equal(contacts_enrollments(contacts, id), UINT32_MAX);
    assert_false(contacts_left_journey(contacts, id, 0, &left));
    assert_int_equal(left.at_ms, 5);
    assert_int_equal(contacts_attribute(contacts, id, 1).type, VALUE_MISSING);
    assert_int_equal(contacts_attributes_end(contacts), 0);
    assert_null(contacts_column(contacts, 1, 0));
    assert_false(contacts_set_attribute(contacts, id, 9, &missing));
    assert_int_equal(contacts_attributes_end(contacts), 0);
    contacts_free(contacts);
}

static void heads_enrollments_and_journeys_left_are_kept_per_contact(void **state)
{
    (void)state;
    struct contacts *contacts = contacts_new();
    char text[32];
    for (uint32_t n = 0; n < 3000; n++) {
        struct contact_id id = added(contacts, numbered(text, n));
        contacts_set_head(contacts, id, UINT64_C(1) << 40 | n);
        contacts_set_enrollments(contacts, id, n * 7);
        for (uint32_t journey = n % 5; journey-- > 0;)
            contacts_set_left_journey(contacts, id, (uint16_t)(journey * 1000),
                                      (struct contact_left){.at_ms = -(int64_t)n * 10 + journey});
    }
    contacts_set_left_journey(contacts, (struct contact_id){1}, 0,
                              (struct contact_left){.at_ms = 99}); /* the last leaving counts */
    for (uint32_t n = 2; n < 3000; n++) {
        struct contact_id id = {n};
        assert_int_equal(contacts_head(contacts, id), UINT64_C(1) << 40 | n);
        assert_int_equal(contacts_enrollments(contacts, id), n * 7);
        for (uint32_t journey = 0; journey < 5; journey++) {
            struct contact_left last;
            bool left = contacts_left_journey(contacts, id, (uint16_t)(journey * 1000), &last);
            assert_int_equal(left, journey < n % 5);
            if (left)
                assert_int_equal(last.at_ms, -(int64_t)n * 10 + journey);
        }
    }
    struct contact_left corrected;
    assert_true(contacts_left_journey(contacts, (struct contact_id){1}, 0, &corrected));
    assert_int_equal(corrected.at_ms, 99);
    contacts_free(contacts);
}

static void setting_says_whether_something_changed(void **state)
{
    (void)state;
    static const struct str tags[] = {{"a", 1}, {"bc", 2}}, other_tags[] = {{"ab", 2}, {"c", 1}};
    const struct value values[] = {
        string_value(STR("gold")),
        string_value(STR("")),
        number_value(0),
        number_value(-0.0),
        number_value(12.5),
        {.type = VALUE_BOOL, .boolean = false},
        {.type = VALUE_BOOL, .boolean = true},
        {.type = VALUE_INSTANT, .instant_ms = 0},
        {.type = VALUE_INSTANT, .instant_ms = 0, .millis = true},
        {.type = VALUE_INSTANT, .instant_ms = INT64_C(-62135596800000)},
        {.type = VALUE_LIST, .list = tags, .count = 2},
        {.type = VALUE_LIST, .list = other_tags, .count = 2},
        {.type = VALUE_LIST, .list = NULL, .count = 0},
        missing,
    };
    struct contacts *contacts = contacts_new();
    struct contact_id id = added(contacts, STR("ann"));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_true(contacts_set_attribute(contacts, id, 1, &values[i]));
        assert_false(contacts_set_attribute(contacts, id, 1, &values[i]));
        struct value found = contacts_attribute(contacts, id, 1);
        assert_int_equal(found.type, values[i].type);
        if (found.type == VALUE_INSTANT) {
            assert_int_equal(found.instant_ms, values[i].instant_ms);
            assert_int_equal(found.millis, values[i].millis);
        }
    }
    contacts_free(contacts);
}

static void a_column_exists_only_where_a_value_is(void **state)
{
    (void)state;
    struct contacts *contacts = contacts_new();
    char text[32];
    for (uint32_t n = 0; n < 3 * CONTACTS_CHUNK; n++)
        added(contacts, numbered(text, n));
    struct value v = number_value(7);
    assert_true(contacts_set_attribute(contacts, (struct contact_id){CONTACTS_CHUNK + 5}, 3, &v));
    assert_null(contacts_column(contacts, 3, 0));
    assert_null(contacts_column(contacts, 2, 1));
    assert_null(contacts_column(contacts, 3, 2));
    assert_int_equal(contacts_attributes_end(contacts), 3);
    const struct contact_column *column = contacts_column(contacts, 3, 1);
    assert_non_null(column);
    assert_int_equal(column->used, 1);
    assert_int_equal(column->kinds[5], VALUE_NUMBER);
    assert_true(contacts_cell(contacts, column->kinds[5], column->cells[5]).number == 7);
    assert_true(contacts_set_attribute(contacts, (struct contact_id){CONTACTS_CHUNK + 5}, 3, &missing));
    assert_null(contacts_column(contacts, 3, 1));
    assert_int_equal(contacts_attributes_end(contacts), 3);
    assert_true(contacts_set_attribute(contacts, (struct contact_id){0}, 2,
                                       &v)); /* in a column that was used before */
    column = contacts_column(contacts, 2, 0);
    for (uint32_t i = 1; i < CONTACTS_CHUNK; i++)
        assert_true(column->kinds[i] == VALUE_MISSING && column->cells[i] == 0);
    contacts_free(contacts);
}

static void cells_of_a_column_tell_strings_apart_and_order_instants(void **state)
{
    (void)state;
    struct contacts *contacts = contacts_new();
    char text[32];
    for (uint32_t n = 0; n < 10; n++) {
        struct contact_id id = added(contacts, numbered(text, n));
        struct value v = string_value(numbered(text, n % 3));
        contacts_set_attribute(contacts, id, 1, &v);
        struct value at = {.type = VALUE_INSTANT, .instant_ms = ((int64_t)n - 5) * 1000, .millis = n % 2};
        contacts_set_attribute(contacts, id, 2, &at);
    }
    const struct contact_column *strings = contacts_column(contacts, 1, 0),
                                *instants = contacts_column(contacts, 2, 0);
    for (uint32_t n = 0; n < 10; n++) {
        assert_int_equal(contacts_cell_hash(strings->cells[n]), contacts_string_hash(numbered(text, n % 3)));
        assert_int_equal(contacts_cell_instant(instants->cells[n]), ((int64_t)n - 5) * 1000);
        assert_true(n == 0 || (int64_t)instants->cells[n - 1] < (int64_t)instants->cells[n]);
    }
    contacts_free(contacts);
}

static void a_value_may_be_borrowed_from_the_attribute_it_replaces(void **state)
{
    (void)state;
    static const struct str tags[] = {{"vip", 3}, {"early", 5}};
    struct contacts *contacts = contacts_new();
    struct contact_id id = added(contacts, STR("ann"));
    struct value v = {.type = VALUE_LIST, .list = tags, .count = 2};
    contacts_set_attribute(contacts, id, 1, &v);
    for (uint32_t n = 2; n < 200; n++) { /* an `update` that adds to a list */
        struct value had = contacts_attribute(contacts, id, 1);
        struct str longer[200];
        memcpy(longer, had.list, had.count * sizeof *longer);
        longer[had.count] = had.list[n % 2];
        struct value grown = {.type = VALUE_LIST, .list = longer, .count = had.count + 1};
        assert_true(contacts_set_attribute(contacts, id, 1, &grown));
    }
    struct value found = contacts_attribute(contacts, id, 1);
    assert_int_equal(found.count, 200);
    for (uint32_t n = 0; n < 200; n++)
        assert_true(str_equal(found.list[n], tags[n % 2]));
    contacts_free(contacts);
}

/* A string attribute under churn: what the model says is what is there, and the heap stays near what lives.
 */
static void changing_strings_for_long_keeps_values_and_bounds_memory(void **state)
{
    (void)state;
    enum { CONTACTS = 20000, CHANGES = 600000 };
    struct contacts *contacts = contacts_new();
    struct prng prng = {3};
    char text[64];
    uint32_t *numbers = memory_take_zeroed(CONTACTS, sizeof *numbers);
    for (uint32_t n = 0; n < CONTACTS; n++)
        added(contacts, numbered(text, n));
    for (uint32_t change = 1; change <= CHANGES; change++) {
        uint32_t n = (uint32_t)prng_below(&prng, CONTACTS);
        int size =
            snprintf(text, sizeof text, "a string as long as an address is, number %u", numbers[n] = change);
        struct value v = string_value((struct str){text, (size_t)size});
        struct str list[] = {v.string, STR("x")};
        struct value tags = {.type = VALUE_LIST, .list = list, .count = 2};
        assert_true(contacts_set_attribute(contacts, (struct contact_id){n}, 4, &v));
        assert_true(contacts_set_attribute(contacts, (struct contact_id){n}, 2, &tags));
    }
    for (uint32_t n = 0; n < CONTACTS; n++) {
        int size = snprintf(text, sizeof text, "a string as long as an address is, number %u", numbers[n]);
        struct value v = contacts_attribute(contacts, (struct contact_id){n}, 4);
        struct value tags = contacts_attribute(contacts, (struct contact_id){n}, 2);
        assert_int_equal(v.type, numbers[n] ? VALUE_STRING : VALUE_MISSING);
        if (numbers[n]) {
            assert_true(str_equal(v.string, (struct str){text, (size_t)size}));
            assert_true(tags.count == 2 && str_equal(tags.list[0], v.string) &&
                        str_equal(tags.list[1], STR("x")));
        }
    }
    const struct heap *heap = &contacts->columns.strings.heap;
    assert_true(heap->live < CONTACTS * 150); /* of each contact the last string and the last list alone */
    assert_true(heap->used < heap->live * 5 / 2 + HEAP_SPARSE_BYTES_MIN);
    free(numbers);
    contacts_free(contacts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contacts_are_found_by_external_id_and_numbered_in_order),
        cmocka_unit_test(an_external_id_may_be_as_long_as_the_limit),
        cmocka_unit_test(a_new_contact_has_nothing),
        cmocka_unit_test(heads_enrollments_and_journeys_left_are_kept_per_contact),
        cmocka_unit_test(setting_says_whether_something_changed),
        cmocka_unit_test(a_column_exists_only_where_a_value_is),
        cmocka_unit_test(cells_of_a_column_tell_strings_apart_and_order_instants),
        cmocka_unit_test(a_value_may_be_borrowed_from_the_attribute_it_replaces),
        cmocka_unit_test(changing_strings_for_long_keeps_values_and_bounds_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
