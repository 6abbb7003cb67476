#include "ingest/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "store/memory/store_memory.h"

struct bench {
    struct json_reader *reader;
    struct arena arena;
    struct store *store;
    struct binding binding;
};

static int set_up(void **state)
{
    struct bench *bench = memory_take_zeroed(1, sizeof *bench);
    bench->reader = json_reader_new();
    bench->store = store_memory_new(4);
    assert_int_equal(control_open(bench->store, false, &bench->binding.control, NULL), ERR_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    json_reader_free(bench->reader);
    arena_deinit(&bench->arena);
    control_close(bench->binding.control);
    store_close(bench->store);
    free(bench);
    return 0;
}

static struct segment parsed(struct bench *bench, enum segment_form form, const char *text)
{
    struct segment segment;
    struct err_detail detail = {0};
    if (segment_parse(bench->reader, str_from(text), form, &bench->arena, &segment, &detail))
        fail_msg("%s: %s: %s", text, detail.place, detail.text);
    return segment;
}

static struct record recorded(struct bench *bench, enum segment_form form, const char *text)
{
    struct segment segment = parsed(bench, form, text);
    return segment_record(&segment, &bench->binding, &bench->arena);
}

static void assert_text(struct str have, const char *expected)
{
    if (!str_equal(have, str_from(expected)))
        fail_msg("have \"%.*s\", expected \"%s\"", STR_ARG(have), expected);
}

static double number_of(const struct properties *properties, const char *name)
{
    struct value value = properties_find(properties, str_from(name));
    assert_int_equal(value.type, VALUE_NUMBER);
    return value.number;
}

static void a_track_is_an_event_with_its_properties(void **state)
{
    struct record record =
        recorded(*state, SEGMENT_EVENT,
                 "{\"type\":\"track\",\"userId\":\"ann\",\"event\":\"Order Completed\",\"messageId\":\"m1\","
                 "\"timestamp\":\"2026-05-01T10:00:00.5Z\",\"context\":{\"ip\":\"::1\"},"
                 "\"properties\":{ \"total\" : 19.9, \"cart\":{\"items\":2}}}");
    struct bench *bench = *state;
    assert_int_equal(record.kind, EVENT_TRACK);
    assert_text(record.external_id, "ann");
    assert_int_equal(record.hash, contact_hash(STR("ann")));
    assert_int_equal(record.message, message_hash(record.hash, STR("m1")));
    assert_int_equal(record.at_ms, INT64_C(1777629600500));
    assert_text(names_get(control_names(bench->binding.control), NAME_EVENT, record.name), "Order Completed");
    assert_text(record.body, "{\"total\":19.9,\"cart\":{\"items\":2}}");
    assert_true(number_of(&record.properties, "total") == 19.9);
    assert_true(number_of(&record.properties, "cart.items") == 2);
}

static void a_record_with_an_event_and_no_type_is_a_track(void **state)
{
    struct record record =
        recorded(*state, SEGMENT_EVENT,
                 "{\"userId\":\"a\",\"event\":\"X\",\"timestamp\":\"2026-05-01\",\"properties\":null}");
    assert_int_equal(record.kind, EVENT_TRACK);
    assert_int_equal(record.message, 0);
    assert_int_equal(record.body.size, 0);
    assert_int_equal(record.properties.count, 0);
}

static void a_page_is_an_event_with_its_name_and_category_among_the_properties(void **state)
{
    struct bench *bench = *state;
    struct record record = recorded(bench, SEGMENT_EVENT,
                                    "{\"type\":\"page\",\"userId\":\"a\",\"timestamp\":\"2026-05-01\","
                                    "\"name\":\"Home\",\"category\":\"Shop\","
                                    "\"properties\":{\"name\":\"other\",\"path\":\"/\"}}");
    assert_text(names_get(control_names(bench->binding.control), NAME_EVENT, record.name), "Page Viewed");
    assert_text(record.body, "{\"path\":\"/\",\"name\":\"Home\",\"category\":\"Shop\"}");
    assert_text(properties_find(&record.properties, STR("name")).string, "Home");
    assert_text(properties_find(&record.properties, STR("category")).string, "Shop");

    record =
        recorded(bench, SEGMENT_EVENT,
                 "{\"type\":\"screen\",\"userId\":\"a\",\"timestamp\":\"2026-05-01\",\"name\":\"Main\"}");
    assert_text(names_get(control_names(bench->binding.control), NAME_EVENT, record.name), "Screen Viewed");
    assert_text(record.body, "{\"name\":\"Main\"}");

    record = recorded(bench, SEGMENT_EVENT,
                      "{\"type\":\"page\",\"userId\":\"a\",\"timestamp\":\"2026-05-01\",\"properties\":{"
                      "\"name\":\"kept\"}}");
    assert_text(record.body, "{\"name\":\"kept\"}");
}

static void an_identify_sets_attributes_and_null_removes_one(void **state)
{
    struct bench *bench = *state;
    uint16_t plan = control_name(bench->binding.control, NAME_ATTRIBUTE, STR("plan"));
    struct record record = recorded(bench, SEGMENT_EVENT,
                                    "{\"type\":\"identify\",\"userId\":\"a\",\"timestamp\":\"2026-05-01\","
                                    "\"traits\":{\"score\":3,\"plan\":null,\"never\":null}}");
    assert_int_equal(record.kind, EVENT_IDENTIFY);
    assert_int_equal(record.name, 0);
    assert_int_equal(record.trait_count, 2);
    assert_int_equal(record.traits[0].attribute, plan);
    assert_int_equal(record.traits[0].value.type, VALUE_MISSING);
    assert_true(record.traits[1].value.number == 3);
    assert_text(record.body, "{\"score\":3,\"plan\":null,\"never\":null}");
    /* a name that only a removal uses gets no id */
    assert_int_equal(names_find(control_names(bench->binding.control), NAME_ATTRIBUTE, STR("never")), 0);
}

static void a_contact_is_known_by_user_id_before_anonymous_id(void **state)
{
    struct bench *bench = *state;
    const char *both =
        "{\"userId\":\"u\",\"anonymousId\":\"x\",\"event\":\"E\",\"timestamp\":\"2026-05-01\"}";
    assert_text(parsed(bench, SEGMENT_EVENT, both).external_id, "u");
    const char *anonymous =
        "{\"userId\":null,\"anonymousId\":\"x\",\"event\":\"E\",\"timestamp\":\"2026-05-01\"}";
    assert_text(parsed(bench, SEGMENT_EVENT, anonymous).external_id, "x");
    const char *number = "{\"userId\":12345678901234567,\"event\":\"E\",\"timestamp\":\"2026-05-01\"}";
    assert_text(parsed(bench, SEGMENT_EVENT, number).external_id, "12345678901234567");
}

static void a_contacts_file_needs_neither_type_nor_time(void **state)
{
    struct record record =
        recorded(*state, SEGMENT_CONTACT, "{\"userId\":\"a\",\"traits\":{\"plan\":\"pro\"}}");
    assert_int_equal(record.kind, EVENT_IDENTIFY);
    assert_int_equal(record.trait_count, 1);
}

static void a_key_that_segment_lacks_is_ignored_and_named(void **state)
{
    struct segment segment =
        parsed(*state, SEGMENT_EVENT,
               "{\"userId\":\"a\",\"event\":\"E\",\"timestamp\":\"2026-05-01\",\"shop\":1,\"till\":2}");
    assert_text(segment.ignored, "shop");
    segment = parsed(*state, SEGMENT_EVENT,
                     "{\"userId\":\"a\",\"event\":\"E\",\"timestamp\":\"2026-05-01\",\"sentAt\":\"x\","
                     "\"integrations\":{}}");
    assert_int_equal(segment.ignored.size, 0);
}

static void names_over_the_limit_leave_the_record_in_history(void **state)
{
    struct bench *bench = *state;
    char name[16];
    for (int i = 0; i < NAMES_ATTRIBUTE_MAX; i++) {
        int size = snprintf(name, sizeof name, "a%d", i);
        assert_int_not_equal(
            control_name(bench->binding.control, NAME_ATTRIBUTE, (struct str){name, (size_t)size}), 0);
    }
    struct record record =
        recorded(bench, SEGMENT_CONTACT, "{\"userId\":\"a\",\"traits\":{\"a7\":1,\"one more\":2}}");
    assert_int_equal(record.trait_count, 1);
    assert_text(record.body, "{\"a7\":1,\"one more\":2}");
    assert_string_equal(bench->binding.attribute_over, "one more");
}

static void an_event_name_over_the_limit_is_kept_beside_its_properties(void **state)
{
    struct bench *bench = *state;
    char name[16];
    for (int i = 0; i < NAMES_EVENT_MAX; i++) {
        int size = snprintf(name, sizeof name, "e%d", i);
        assert_int_not_equal(
            control_name(bench->binding.control, NAME_EVENT, (struct str){name, (size_t)size}), 0);
    }
    struct record record =
        recorded(bench, SEGMENT_EVENT,
                 "{\"userId\":\"a\",\"event\":\"one \\\"more\\\"\",\"timestamp\":\"2026-05-01\","
                 "\"properties\":{\"n\":1}}");
    assert_int_equal(record.name, 0);
    assert_text(record.body, "{\"event\":\"one \\\"more\\\"\",\"properties\":{\"n\":1}}");
    record =
        recorded(bench, SEGMENT_EVENT, "{\"userId\":\"a\",\"event\":\"late\",\"timestamp\":\"2026-05-01\"}");
    assert_text(record.body, "{\"event\":\"late\",\"properties\":{}}");
}

struct refusal {
    const char *text, *place, *part;
    enum err err;
};

#define AT ",\"timestamp\":\"2026-05-01T00:00:00Z\""

static const struct refusal events[] = {
    {"{\"type\":\"track\"", "", "", ERR_INVALID},
    {"{\"userId\":\"a\xff\"}", "", "not UTF-8", ERR_INVALID},
    {"[]", "", "one JSON object a line", ERR_INVALID},
    {"7", "", "one JSON object a line", ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\"}", "/timestamp", "is missing", ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\",\"timestamp\":5}", "/timestamp", "a string", ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\",\"timestamp\":\"01.05.2026\"}", "/timestamp", "2026-01-31T10:00:00Z",
     ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\",\"timestamp\":\"9999-05-01T00:00:00Z\"}", "/timestamp",
     "1970 to 2099", ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\",\"timestamp\":\"1969-12-31T23:59:59Z\"}", "/timestamp",
     "1970 to 2099", ERR_INVALID},
    {"{\"event\":\"E\"" AT "}", "/userId", "is missing", ERR_INVALID},
    {"{\"userId\":\"\",\"event\":\"E\"" AT "}", "/userId", "empty", ERR_INVALID},
    {"{\"userId\":{},\"event\":\"E\"" AT "}", "/userId", "a string", ERR_INVALID},
    {"{\"anonymousId\":true,\"event\":\"E\"" AT "}", "/anonymousId", "a string", ERR_INVALID},
    {"{\"userId\":\"a\"" AT "}", "/type", "is missing", ERR_INVALID},
    {"{\"type\":\"track\",\"userId\":\"a\"" AT "}", "/event", "is missing", ERR_INVALID},
    {"{\"type\":\"track\",\"userId\":\"a\",\"event\":\"\"" AT "}", "/event", "empty", ERR_INVALID},
    {"{\"type\":\"track\",\"userId\":\"a\",\"event\":[]" AT "}", "/event", "a string", ERR_INVALID},
    {"{\"type\":\"tracks\",\"userId\":\"a\"" AT "}", "/type", "\"tracks\" is unknown", ERR_INVALID},
    {"{\"type\":1,\"userId\":\"a\"" AT "}", "/type", "a string", ERR_INVALID},
    {"{\"type\":\"group\",\"userId\":\"a\",\"groupId\":\"g\"" AT "}", "/type",
     "group comes with a later version", ERR_UNSUPPORTED},
    {"{\"type\":\"alias\",\"userId\":\"a\",\"previousId\":\"b\"" AT "}", "/type",
     "alias comes with a later version", ERR_UNSUPPORTED},
    {"{\"userId\":\"a\",\"event\":\"E\",\"properties\":[]" AT "}", "/properties", "an object", ERR_INVALID},
    {"{\"type\":\"identify\",\"userId\":\"a\",\"traits\":\"x\"" AT "}", "/traits", "an object", ERR_INVALID},
    {"{\"type\":\"identify\",\"userId\":\"a\",\"traits\":{\"\":1}" AT "}", "/traits", "empty", ERR_INVALID},
    {"{\"type\":\"page\",\"userId\":\"a\",\"name\":5" AT "}", "/name", "a string", ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\",\"messageId\":{}" AT "}", "/messageId", "a string", ERR_INVALID},
    {"{\"user_id\":\"a\",\"event\":\"E\"" AT "}", "", "did you mean \"userId\"?", ERR_INVALID},
    {"{\"userId\":\"a\",\"event\":\"E\",\"proprties\":{}" AT "}", "", "did you mean \"properties\"?",
     ERR_INVALID},
};

static const struct refusal contacts[] = {
    {"{\"userId\":\"a\",\"plan\":\"pro\"}", "", "attributes stand inside \"traits\"", ERR_INVALID},
    {"{\"type\":\"track\",\"userId\":\"a\",\"event\":\"E\"}", "/type", "identify records only", ERR_INVALID},
    {"{\"traits\":{}}", "/userId", "is missing", ERR_INVALID},
};

static void assert_refused(struct bench *bench, enum segment_form form, const struct refusal *refusal)
{
    struct segment segment = {.hash = 77};
    struct err_detail detail = {0};
    enum err err =
        segment_parse(bench->reader, str_from(refusal->text), form, &bench->arena, &segment, &detail);
    if (err != refusal->err || strcmp(detail.place, refusal->place) != 0 ||
        !strstr(detail.text, refusal->part))
        fail_msg("%s\n  gives %s, \"%s\": %s", refusal->text, err_name(err), detail.place, detail.text);
    assert_int_equal(segment.hash, 77); /* results are untouched on failure */
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_refused(*state, SEGMENT_EVENT, &events[i]);
    for (size_t i = 0; i < sizeof contacts / sizeof contacts[0]; i++)
        assert_refused(*state, SEGMENT_CONTACT, &contacts[i]);
}

static void what_is_too_long_is_refused_with_its_place(void **state)
{
    struct bench *bench = *state;
    static char text[4096], longest[1024];
    static const struct {
        const char *form, *place;
        size_t bytes_max;
    } limits[] = {
        {"{\"userId\":\"%s\",\"event\":\"E\"" AT "}", "/userId", EXTERNAL_ID_BYTES_MAX},
        {"{\"userId\":\"a\",\"event\":\"%s\"" AT "}", "/event", NAME_BYTES_MAX},
        {"{\"type\":\"identify\",\"userId\":\"a\",\"traits\":{\"%s\":1}" AT "}", "/traits", NAME_BYTES_MAX}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const char *before = limits[i].form, *after = strstr(before, "%s");
        for (size_t over = 0; over <= 1; over++) {
            memset(longest, 'x', sizeof longest);
            longest[limits[i].bytes_max + over] = '\0';
            snprintf(text, sizeof text, "%.*s%s%s", (int)(after - before), before, longest, after + 2);
            if (over)
                assert_refused(bench, SEGMENT_EVENT,
                               &(struct refusal){text, limits[i].place, "at most", ERR_LIMIT});
            else
                (void)parsed(bench, SEGMENT_EVENT, text);
        }
    }
}

static void nesting_is_refused_however_deep_it_is(void **state)
{
    enum { LEVELS = 10000 };
    static char text[LEVELS * 2 + 200];
    char *at = text + snprintf(text, 200, "{\"userId\":\"a\",\"event\":\"E\"" AT ",\"properties\":{\"x\":");
    memset(at, '[', LEVELS);
    memset(at + LEVELS, ']', LEVELS);
    memcpy(at + 2 * LEVELS, "}}", 3);
    assert_refused(*state, SEGMENT_EVENT, &(struct refusal){text, "", "nest", ERR_INVALID});
}

/* ── records that arrive ──────────────────────────────────────────────────── */

enum { RECEIVED_MS = 1000000000 }; /* 1970-01-12T13:46:40Z */

static enum err take_arrival(struct bench *bench, const char *type, const char *text, struct segment *ret,
                             struct err_detail *detail)
{
    const struct segment_arrival arrival = {str_from(type), RECEIVED_MS, INSTANT_NEVER};
    struct json_reader *whole = json_reader_new();
    struct json_node root;
    assert_int_equal(json_reader_parse(whole, str_from(text), &root, detail), ERR_OK);
    enum err err = segment_take(root, bench->reader, &arrival, &bench->arena, ret, detail);
    json_reader_free(whole);
    return err;
}

static struct segment arrived(struct bench *bench, const char *type, const char *text)
{
    struct segment segment = {0};
    struct err_detail detail = {"", ""};
    if (take_arrival(bench, type, text, &segment, &detail))
        fail_msg("%s: %s: %s", text, detail.place, detail.text);
    return segment;
}

static void an_arriving_record_happened_as_long_before_its_receipt_as_before_it_was_sent(void **state)
{
    static const struct {
        const char *times;
        int64_t at_ms;
    } cases[] = {
        {"", RECEIVED_MS},
        {",\"timestamp\":\"1970-01-12T13:46:30Z\"", RECEIVED_MS - 10000},
        {",\"timestamp\":null,\"originalTimestamp\":\"1970-01-12T13:46:30Z\"", RECEIVED_MS - 10000},
        {",\"timestamp\":\"2033-01-01T00:00:00Z\",\"sentAt\":\"2033-01-01T00:00:10Z\"", RECEIVED_MS - 10000},
        {",\"timestamp\":\"2033-01-01T00:00:10Z\",\"sentAt\":\"2033-01-01T00:00:00Z\"", RECEIVED_MS + 10000},
        {",\"originalTimestamp\":\"1999-01-01T00:00:00Z\",\"sentAt\":\"1999-01-01T00:00:01.5Z\"",
         RECEIVED_MS - 1500},
        {",\"timestamp\":\"1971-01-01T00:00:00Z\",\"sentAt\":\"2033-01-01T00:00:00Z\"", 0},
        {",\"sentAt\":\"2033-01-01T00:00:00Z\"", RECEIVED_MS},
    };
    char text[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "{\"userId\":\"ann\",\"event\":\"E\"%s}", cases[i].times);
        assert_int_equal(arrived(*state, "track", text).at_ms, cases[i].at_ms);
    }
}

static void the_path_says_the_type_where_the_record_does_not(void **state)
{
    struct bench *bench = *state;
    struct segment segment = arrived(bench, "page", "{\"userId\":\"ann\",\"name\":\"Home\"}");
    assert_text(segment.event, "Page Viewed");
    assert_text(segment.body, "{\"name\":\"Home\"}");
    assert_int_equal(arrived(bench, "identify", "{\"userId\":\"ann\"}").kind, EVENT_IDENTIFY);
    struct err_detail detail = {"", ""};
    const char *other = "{\"type\":\"identify\",\"userId\":\"ann\"}";
    assert_int_equal(take_arrival(bench, "track", other, &segment, &detail), ERR_INVALID);
    assert_string_equal(detail.place, "/type");
    assert_int_equal(take_arrival(bench, "", "{\"userId\":\"ann\"}", &segment, &detail), ERR_INVALID);
    assert_string_equal(detail.place, "/type");
}

static void traits_may_stand_in_the_context_of_an_arriving_identify(void **state)
{
    struct bench *bench = *state;
    struct segment segment =
        arrived(bench, "identify", "{\"userId\":\"ann\",\"context\":{\"traits\":{\"age\":41}}}");
    assert_true(number_of(&segment.properties, "age") == 41);
    segment = arrived(bench, "identify",
                      "{\"userId\":\"ann\",\"traits\":{\"age\":7},\"context\":{\"traits\":{\"age\":41}}}");
    assert_true(number_of(&segment.properties, "age") == 7);
    segment = arrived(bench, "identify", "{\"userId\":\"ann\",\"context\":{\"traits\":null}}");
    assert_int_equal(segment.properties.count, 0);
    struct err_detail detail = {"", ""};
    const char *wrong = "{\"userId\":\"ann\",\"context\":{\"traits\":[]}}";
    assert_int_equal(take_arrival(bench, "identify", wrong, &segment, &detail), ERR_INVALID);
    assert_string_equal(detail.place, "/context/traits");
    segment =
        parsed(bench, SEGMENT_EVENT,
               "{\"type\":\"identify\",\"userId\":\"ann\",\"context\":{\"traits\":{\"age\":41}}" AT "}");
    assert_int_equal(segment.properties.count, 0); /* in a file it never counted */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_track_is_an_event_with_its_properties, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_with_an_event_and_no_type_is_a_track, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_is_an_event_with_its_name_and_category_among_the_properties,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_identify_sets_attributes_and_null_removes_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_contact_is_known_by_user_id_before_anonymous_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_contacts_file_needs_neither_type_nor_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_segment_lacks_is_ignored_and_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_over_the_limit_leave_the_record_in_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_name_over_the_limit_is_kept_beside_its_properties, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_refused_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nesting_is_refused_however_deep_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_arriving_record_happened_as_long_before_its_receipt_as_before_it_was_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_path_says_the_type_where_the_record_does_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(traits_may_stand_in_the_context_of_an_arriving_identify, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
