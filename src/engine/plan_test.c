#include "engine/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/document.h"

struct plans {
    struct names *names;
    struct plan *plan;
    bool full; /* no new name is given any more */
};

static uint16_t name_id(void *context, enum name_kind kind, struct str name)
{
    struct plans *p = context;
    uint16_t id = names_find(p->names, kind, name);
    return id || p->full ? id : names_add(p->names, kind, name);
}

static int begin(void **state)
{
    struct plans *p = memory_take_zeroed(1, sizeof *p);
    p->names = names_new();
    p->plan = plan_new(p->names);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct plans *p = *state;
    plan_free(p->plan);
    names_free(p->names);
    free(p);
    return 0;
}

/* `entry` and `rest` are members of the definition, `nodes` those of its nodes. */
#define JOURNEY(name, entry, rest, nodes)                                                                    \
    "{\"name\":\"" name "\",\"entry\":{\"rules\":[" entry "]}," rest "\"nodes\":{" nodes "},\"start\":"      \
    "\"a\"}"
#define STOP "\"a\":{\"type\":\"stop\"}"

static enum err publish(struct plans *p, const char *text, uint16_t *ret, struct err_detail *detail)
{
    json_t *document = NULL;
    assert_int_equal(document_parse(str_from(text), "test", &document, detail), ERR_OK);
    enum err err = plan_publish(p->plan, document, 40 + plan_version_count(p->plan), name_id, p, ret, detail);
    json_decref(document);
    return err;
}

static const struct plan_version *published(struct plans *p, const char *text)
{
    uint16_t number = 0;
    struct err_detail detail = {0};
    if (publish(p, text, &number, &detail))
        fail_msg("%s: %s", detail.place, detail.text);
    return plan_version(p->plan, number);
}

static const struct plan_listeners *event(struct plans *p, const char *name)
{
    return plan_event_listeners(p->plan, names_find(p->names, NAME_EVENT, str_from(name)));
}

static const struct plan_listeners *attribute(struct plans *p, const char *name)
{
    return plan_attribute_listeners(p->plan, names_find(p->names, NAME_ATTRIBUTE, str_from(name)));
}

#define assert_listen(listeners, ...)                                                                        \
    do {                                                                                                     \
        const uint16_t wanted[] = {__VA_ARGS__};                                                             \
        assert_int_equal((listeners)->journeys.count, sizeof wanted / sizeof *wanted);                       \
        assert_memory_equal((listeners)->journeys.items, wanted, sizeof wanted);                             \
    } while (0)

static void versions_are_numbered_over_all_and_within_their_journey(void **state)
{
    struct plans *p = *state;
    const struct plan_version *one = published(p, JOURNEY("One", "{\"event\":\"X\"}", "", STOP));
    const struct plan_version *two = published(p, JOURNEY("Two", "{\"event\":\"X\"}", "", STOP));
    const struct plan_version *again = published(p, JOURNEY("One", "{\"event\":\"Y\"}", "", STOP));
    assert_int_equal(one->number, 0);
    assert_int_equal(one->journey, 0);
    assert_int_equal(one->ordinal, 1);
    assert_int_equal(one->control, 40);
    assert_int_equal(two->journey, 1);
    assert_int_equal(again->number, 2);
    assert_int_equal(again->journey, 0);
    assert_int_equal(again->ordinal, 2);
    assert_int_equal(plan_newest(p->plan, 0), 2);
    assert_int_equal(plan_find(p->plan, STR("One")), 2);
    assert_int_equal(plan_find(p->plan, STR("one")), VERSION_NONE);
    assert_int_equal(plan_version_count(p->plan), 3);
    assert_int_equal(plan_journey_count(p->plan), 2);
    assert_true(str_equal(plan_journey_name(p->plan, 1), STR("Two")));
}

static void everything_that_names_an_event_or_attribute_listens_to_it_in_order_of_journey(void **state)
{
    struct plans *p = *state;
    published(p, JOURNEY("J0", "{\"event\":\"Z\"}", "\"exits\":[{\"event\":\"X\"}],", STOP));
    published(p, JOURNEY("J1", "{\"event\":\"Z\"}", "\"goals\":[{\"name\":\"g\",\"did\":\"X\"}],", STOP));
    published(
        p, JOURNEY("J2", "{\"event\":\"Z\"}", "",
                   "\"a\":{\"type\":\"wait_for\",\"rule\":{\"all\":[{\"attribute\":\"plan\",\"eq\":\"pro\"},"
                   "{\"did_not\":\"X\",\"within\":\"1d\"}]}}"));
    published(
        p, JOURNEY("J3", "{\"event\":\"X\"}", "\"exits\":[{\"attribute\":\"plan\",\"exists\":true}],", STOP));
    published(
        p, JOURNEY("J0", "{\"event\":\"X\"}", "\"exits\":[{\"attribute\":\"plan\",\"exists\":true}],", STOP));
    assert_listen(event(p, "Z"), 0, 1, 2);
    assert_listen(event(p, "X"), 0, 1, 2, 3);
    assert_listen(attribute(p, "plan"), 0, 2, 3);
    assert_int_equal(plan_event_listeners(p->plan, 0)->journeys.count, 0);
    assert_int_equal(plan_event_listeners(p->plan, UINT16_MAX)->journeys.count, 0);
    assert_int_equal(plan_attribute_listeners(p->plan, UINT16_MAX)->journeys.count, 0);
}

/* Splits and filters are judged when a contact is there: no event wakes them. */
static void a_split_segment_filter_or_update_listens_to_nothing(void **state)
{
    struct plans *p = *state;
    published(
        p, "{\"name\":\"J\",\"entry\":{\"rules\":[{\"event\":\"Z\"}],\"filter\":{\"did\":\"F\"}},\"nodes\":{"
           "\"a\":{\"type\":\"split\",\"paths\":[{\"name\":\"p\",\"rule\":{\"did\":\"S\"},\"next\":\"u\"}],"
           "\"on\":{\"others\":\"g\"}},\"u\":{\"type\":\"update\",\"changes\":[{\"set\":\"w\",\"to\":1}],"
           "\"next\":\"g\"},"
           "\"g\":{\"type\":\"segment\",\"attribute\":\"v\",\"groups\":[{\"name\":\"1\",\"values\":[1],"
           "\"next\":\"z\"}],"
           "\"on\":{\"other\":\"z\"}},\"z\":{\"type\":\"stop\"}},\"start\":\"a\"}");
    assert_int_equal(event(p, "F")->journeys.count, 0);
    assert_int_equal(event(p, "S")->journeys.count, 0);
    assert_true(names_find(p->names, NAME_EVENT, STR("F")) && names_find(p->names, NAME_EVENT, STR("S")));
    assert_int_equal(attribute(p, "v")->journeys.count, 0);
    assert_int_equal(attribute(p, "w")->journeys.count, 0);
    assert_true(names_find(p->names, NAME_ATTRIBUTE, STR("w")));
}

#define TWICE(where, n) "{\"event\":\"X\"," where "\"at_least\":" #n ",\"within\":\"1d\"}"
#define TOTAL           "\"where\":{\"property\":\"total\",\"gte\":20},"

static void equal_questions_share_an_aggregate_and_longer_rings_serve_shorter_ones(void **state)
{
    struct plans *p = *state;
    const struct plan_version *one = published(p, JOURNEY("J1", TWICE(TOTAL, 5), "", STOP));
    assert_int_equal(plan_aggregate_count(p->plan), 1);
    assert_int_equal(one->entries[0].aggregate, 0);
    assert_int_equal(plan_aggregate(p->plan, 0)->ring, 5);
    const struct plan_version *two = published(p, JOURNEY("J2", TWICE(TOTAL, 3), "", STOP));
    assert_int_equal(two->entries[0].aggregate, 0);
    assert_int_equal(two->aggregates_first, two->aggregates_end);
    /* no other where, no longer ring of one that has let moments go, no other event */
    const struct plan_version *three =
        published(p, JOURNEY("J3", TWICE("", 3) "," TWICE(TOTAL, 6), "", STOP));
    assert_int_equal(three->entries[0].aggregate, 1);
    assert_int_equal(three->entries[1].aggregate, 2);
    assert_int_equal(three->aggregates_first, 1);
    assert_int_equal(three->aggregates_end, 3);
    assert_int_equal(event(p, "X")->aggregates.count, 3);
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(event(p, "X")->aggregates.items[i], i);
}

static void a_plain_event_rule_needs_no_aggregate(void **state)
{
    struct plans *p = *state;
    const struct plan_version *version =
        published(p, JOURNEY("J", "{\"event\":\"X\"," TOTAL "\"within\":\"1d\"}",
                             "\"exits\":[{\"event\":\"X\"}],", STOP));
    assert_int_equal(plan_aggregate_count(p->plan), 0);
    assert_int_equal(version->entries[0].aggregate, AGGREGATE_NONE);
    assert_true(version->exits[0].is_event);
    assert_false(version->time_rules);
}

static void a_rule_that_time_alone_changes_is_known_as_one(void **state)
{
    struct plans *p = *state;
    assert_true(published(p, JOURNEY("J1", "{\"event\":\"X\"}",
                                     "\"exits\":[{\"did_not\":\"Y\",\"within\":\"1d\"}],", STOP))
                    ->time_rules);
    assert_true(
        published(p,
                  JOURNEY("J2", "{\"event\":\"X\"}",
                          "\"goals\":[{\"name\":\"g\",\"attribute\":\"at\",\"within_last\":\"1d\"}],", STOP))
            ->time_rules);
    assert_false(
        published(p, JOURNEY("J3", "{\"event\":\"X\"}", "\"exits\":[{\"did\":\"Y\"}],", STOP))->time_rules);
}

/* ── failing ──────────────────────────────────────────────────────────────── */

static void assert_unchanged_by(struct plans *p, const char *text, enum err expected, const char *part)
{
    uint16_t number = 77;
    struct err_detail detail = {0};
    size_t before = event(p, "X")->journeys.count, aggregates = event(p, "X")->aggregates.count;
    uint16_t versions = plan_version_count(p->plan), count = plan_aggregate_count(p->plan);
    assert_int_equal(publish(p, text, &number, &detail), expected);
    if (!strstr(detail.text, part))
        fail_msg("\"%s\" does not say \"%s\"", detail.text, part);
    assert_int_equal(number, 77);
    assert_int_equal(plan_version_count(p->plan), versions);
    assert_int_equal(plan_aggregate_count(p->plan), count);
    assert_int_equal(event(p, "X")->journeys.count, before);
    assert_int_equal(event(p, "X")->aggregates.count, aggregates);
    assert_int_equal(plan_find(p->plan, STR("Bad")), VERSION_NONE);
}

static void a_failed_publish_leaves_the_plan_as_it_was(void **state)
{
    struct plans *p = *state;
    published(p, JOURNEY("Good", TWICE("", 2), "", STOP));
    assert_unchanged_by(p, JOURNEY("Bad", TWICE(TOTAL, 7), "\"exits\":[{\"evnt\":\"X\"}],", STOP),
                        ERR_INVALID, "");
    assert_unchanged_by(p, JOURNEY("Bad", "{\"event\":\"X\",\"at_least\":1001,\"within\":\"1d\"}", "", STOP),
                        ERR_LIMIT, "at_least");
    p->full = true;
    assert_unchanged_by(p, JOURNEY("Bad", TWICE(TOTAL, 8), "\"exits\":[{\"event\":\"New\"}],", STOP),
                        ERR_LIMIT, "over the limit of 2000 names");
    assert_unchanged_by(p,
                        JOURNEY("Bad", TWICE(TOTAL, 9), "",
                                "\"a\":{\"type\":\"update\",\"changes\":[{\"set\":\"new\",\"to\":1}]}"),
                        ERR_LIMIT, "over the limit of 512 attributes");
    p->full = false;
    const struct plan_version *next = published(p, JOURNEY("Next", TWICE(TOTAL, 2), "", STOP));
    assert_int_equal(next->number, 1);
    assert_int_equal(next->entries[0].aggregate, 1);
}

/* A journey whose split asks `terms` different questions about the past. */
static void put_many_questions(struct buf *text, const char *name, int first, int terms)
{
    buf_printf(text,
               "{\"name\":\"%s\",\"entry\":{\"rules\":[{\"event\":\"X\"}]},\"start\":\"a\",\"nodes\":{"
               "\"z\":{\"type\":\"stop\"},\"a\":{\"type\":\"split\",\"on\":{\"others\":\"z\"},\"paths\":[",
               name);
    for (int i = 0; i < terms; i += 100) {
        buf_printf(text, "%s{\"name\":\"p%d\",\"next\":\"z\",\"rule\":{\"any\":[", i ? "," : "", i);
        for (int k = i; k < i + 100 && k < terms; k++)
            buf_printf(text, "%s{\"did\":\"X\",\"where\":{\"property\":\"n\",\"eq\":%d}}", k > i ? "," : "",
                       first + k);
        buf_printf(text, "]}}");
    }
    buf_printf(text, "]}}}");
    buf_put_char(text, '\0');
}

static void more_aggregates_than_the_limit_are_refused_before_anything_is_published(void **state)
{
    struct plans *p = *state;
    struct err_detail detail = {0};
    struct buf text = {0};
    uint16_t number;
    for (int i = 0; i < 20; i++) {
        char name[8];
        snprintf(name, sizeof name, "J%d", i);
        buf_clear(&text);
        put_many_questions(&text, name, i * 500, 500);
        assert_int_equal(publish(p, text.data, &number, &detail), ERR_OK);
    }
    assert_int_equal(plan_aggregate_count(p->plan), PLAN_AGGREGATES_MAX);
    json_t *document = NULL;
    buf_clear(&text);
    put_many_questions(&text, "Over", 10000, 1);
    assert_int_equal(document_parse(str_from(text.data), "test", &document, &detail), ERR_OK);
    assert_int_equal(plan_try(p->plan, document, name_id, p, &detail), ERR_LIMIT);
    json_decref(document);
    assert_unchanged_by(p, text.data, ERR_LIMIT, "");
    buf_deinit(&text);
}

static void trying_changes_nothing_and_says_what_publishing_would_say(void **state)
{
    struct plans *p = *state;
    json_t *document = NULL;
    struct err_detail detail = {0};
    assert_int_equal(document_parse(STR(JOURNEY("J", TWICE("", 2), "", STOP)), "test", &document, &detail),
                     ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(plan_try(p->plan, document, name_id, p, &detail), ERR_OK);
        assert_int_equal(plan_version_count(p->plan), 0);
        assert_int_equal(plan_aggregate_count(p->plan), 0);
        assert_int_equal(event(p, "X")->journeys.count, 0);
    }
    json_decref(document);
    assert_int_equal(published(p, JOURNEY("J", TWICE("", 2), "", STOP))->entries[0].aggregate, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(versions_are_numbered_over_all_and_within_their_journey),
        TEST(everything_that_names_an_event_or_attribute_listens_to_it_in_order_of_journey),
        TEST(a_split_segment_filter_or_update_listens_to_nothing),
        TEST(equal_questions_share_an_aggregate_and_longer_rings_serve_shorter_ones),
        TEST(a_plain_event_rule_needs_no_aggregate),
        TEST(a_rule_that_time_alone_changes_is_known_as_one),
        TEST(a_failed_publish_leaves_the_plan_as_it_was),
        TEST(more_aggregates_than_the_limit_are_refused_before_anything_is_published),
        TEST(trying_changes_nothing_and_says_what_publishing_would_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
