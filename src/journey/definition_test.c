#include "journey/definition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "journey/cases_test.h"

static const char *cases_path;

static const char *code_name(enum err err)
{
    static const char *const names[] = {
#define X(name, text) #name,
        ERR_TABLE(X)
#undef X
    };
    return err == ERR_OK ? "ok" : names[err];
}

struct tally {
    size_t cases, failed;
};

/* `expected` is "ok" or "CODE pointer part of the text". */
static bool meets(int line, enum err err, const struct err_detail *detail, const char *expected)
{
    const char *code = code_name(err), *place = *detail->place ? detail->place : "-";
    size_t code_size = strlen(code), place_size = strlen(place);
    bool same = strncmp(expected, code, code_size) == 0;
    if (same && err != ERR_OK) {
        const char *at = expected + code_size + 1;
        same =
            strncmp(at, place, place_size) == 0 &&
            (at[place_size] == '\0' || (at[place_size] == ' ' && strstr(detail->text, at + place_size + 1)));
    }
    if (!same)
        print_error("%s:%d: got %s %s %s\n", cases_path, line, code, place, detail->text);
    return same;
}

static void try_case(void *context, int line, char *text)
{
    struct tally *tally = context;
    char *arrow = strstr(text, " => ");
    if (!arrow)
        fail_msg("%s:%d has no =>", cases_path, line);
    *arrow = '\0';
    struct arena arena = {0};
    struct err_detail detail = {0};
    struct definition definition = {.node_count = 7};
    json_t *document = case_document(cases_path, line, text);
    enum err err = definition_parse(document, &arena, &definition, &detail);
    tally->failed += !meets(line, err, &detail, arrow + strlen(" => "));
    tally->cases++;
    if (err != ERR_OK)
        assert_int_equal(definition.node_count, 7); /* untouched on failure */
    assert_int_equal(definition_parse(document, &arena, &definition, NULL), err);
    json_decref(document);
    arena_deinit(&arena);
}

static void every_case_is_taken_or_refused_at_its_place(void **state)
{
    (void)state;
    struct tally tally = {0};
    cases_each(cases_path, try_case, &tally);
    assert_true(tally.cases > 200);
    assert_int_equal(tally.failed, 0);
}

/* ── what the structs hold ── */

static const struct definition *parsed(struct arena *arena, const char *text)
{
    struct definition *definition = arena_take(arena, sizeof *definition);
    struct err_detail detail = {0};
    json_t *document = case_document("here", 0, text);
    if (definition_parse(document, arena, definition, &detail))
        fail_msg("%s: %s", detail.place, detail.text);
    json_decref(document); /* the definition borrows nothing */
    return definition;
}

#define assert_str(actual, expected) assert_true(str_equal(actual, STR(expected)))

static void a_journey_is_read_whole(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct definition *d = parsed(&arena, "{\"description\":\"d\",\"labels\":[\"l\",\"m\"],\"entry\":{"
                                                "\"match\":\"all\",\"rules\":[{\"event\":\"A\","
                                                "\"at_least\":2,\"within\":\"1d\"}],\"filter\":{"
                                                "\"attribute\":\"x\",\"eq\":1},\"reentry\":{\"allowed\":true,"
                                                "\"after\":\"7d\"},\"late_tolerance\":\"2h\"},\"exits\":[{"
                                                "\"event\":\"B\"},{\"did\":\"C\"}],\"goals\":[{"
                                                "\"name\":\"g\",\"event\":\"D\",\"value\":\"total\"},{"
                                                "\"name\":\"h\",\"rule\":{\"attribute\":\"y\",\"exists\":"
                                                "true}}],\"timeout\":\"2w\"}");
    assert_str(d->name, "Base");
    assert_str(d->description, "d");
    assert_int_equal(d->label_count, 2);
    assert_str(d->labels[1], "m");
    assert_int_equal(d->match, ENTRY_ALL);
    assert_int_equal(d->entry_count, 1);
    assert_str(d->entries[0].event.event, "A");
    assert_int_equal(d->entries[0].event.at_least, 2);
    assert_int_equal(d->entries[0].event.within_ms, DAY_MS);
    assert_int_equal(d->filter->kind, RULE_COMPARE);
    assert_true(d->reentry);
    assert_int_equal(d->reentry_after_ms, 7 * DAY_MS);
    assert_int_equal(d->late_tolerance_ms, 2 * HOUR_MS);
    assert_int_equal(d->exit_count, 2);
    assert_true(d->exits[0].is_event);
    assert_str(d->exits[0].event.event, "B");
    assert_false(d->exits[1].is_event);
    assert_int_equal(d->exits[1].rule->kind, RULE_DID);
    assert_int_equal(d->goal_count, 2);
    assert_str(d->goals[0].name, "g");
    assert_str(d->goals[0].condition.event.event, "D");
    assert_str(d->goals[0].value, "total");
    assert_false(d->goals[1].condition.is_event);
    assert_int_equal(d->goals[1].value.size, 0);
    assert_int_equal(d->timeout_ms, 14 * DAY_MS);
    arena_deinit(&arena);
}

static void what_is_not_written_has_its_default(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct definition *d =
        parsed(&arena, "={\"name\":\"n\",\"nodes\":{\"end\":{\"type\":\"stop\"}},\"start\":\"end\"}");
    assert_int_equal(d->match, ENTRY_ANY);
    assert_int_equal(d->entry_count, 0);
    assert_null(d->filter);
    assert_false(d->reentry);
    assert_int_equal(d->reentry_after_ms, 0);
    assert_int_equal(d->late_tolerance_ms, 60 * MINUTE_MS);
    assert_int_equal(d->exit_count + d->goal_count + d->label_count, 0);
    assert_int_equal(d->timeout_ms, 0);
    assert_int_equal(d->node_count, 1);
    assert_false(d->nodes[0].last); /* stop ends the journey by itself */
    assert_int_equal(d->nodes[0].outcome_count, 0);
    arena_deinit(&arena);
}

static void nodes_have_numbers_in_the_document_s_order(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct definition *d =
        parsed(&arena, "{\"nodes\":{\"a\":{\"type\":\"exit\"}},\"start\":\"offer\"}");
    assert_int_equal(d->node_count, 4);
    assert_int_equal(definition_find_node(d, STR("cool_off")), 0);
    assert_int_equal(definition_find_node(d, STR("end")), 2);
    assert_int_equal(definition_find_node(d, STR("a")), 3);
    assert_int_equal(definition_find_node(d, STR("b")), EDGE_NONE);
    assert_int_equal(d->start, 1);
    assert_int_equal(d->nodes[3].kind, NODE_EXIT);
    assert_string_equal(node_kind_name(d->nodes[1].kind), "activate");
    assert_string_equal(leave_reason_name(LEAVE_EXIT_RULE), "exit_rule");
    arena_deinit(&arena);
}

static const struct node *node_of(struct arena *arena, const char *node)
{
    const char *text = arena_printf(arena, "{\"nodes\":{\"n\":%s}}", node);
    const struct definition *d = parsed(arena, text);
    return &d->nodes[definition_find_node(d, STR("n"))];
}

static void assert_outcome(const struct node *node, size_t i, const char *name, int to)
{
    assert_true(i < node->outcome_count);
    assert_true(str_equal(node->outcomes[i].name, str_from(name)));
    assert_int_equal(node->outcomes[i].to, to);
}

enum { COOL_OFF, OFFER, END };

static void an_outcome_takes_its_own_edge_else_next_else_none(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct node *n = node_of(
        &arena,
        "{\"type\":\"activate\",\"destinations\":[\"x\"],\"next\":\"end\",\"on\":{\"failed\":\"cool_off\"}}");
    assert_int_equal(n->outcome_count, 2);
    assert_outcome(n, 0, "next", END);
    assert_outcome(n, 1, "failed", COOL_OFF);
    n = node_of(&arena, "{\"type\":\"activate\",\"destinations\":[\"x\"],\"next\":\"end\"}");
    assert_outcome(n, 1, "failed", END);
    n = node_of(&arena,
                "{\"type\":\"activate\",\"destinations\":[\"x\"],\"on\":{\"next\":{\"to\":\"end\"}}}");
    assert_outcome(n, 0, "next", END);
    assert_outcome(n, 1, "failed", EDGE_NONE);
    assert_false(n->last);
    n = node_of(&arena, "{\"type\":\"activate\",\"destinations\":[\"x\"]}");
    assert_outcome(n, 0, "next", EDGE_NONE);
    assert_true(n->last);
    n = node_of(
        &arena,
        "{\"type\":\"wait_for\",\"rule\":{\"event\":\"A\"},\"next\":\"end\",\"on\":{\"yes\":\"offer\"}}");
    assert_outcome(n, 0, "yes", OFFER);
    assert_outcome(n, 1, "timed_out", END);
    arena_deinit(&arena);
}

static void branches_come_before_the_rest_of_the_outcomes(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct node *n = node_of(&arena, "{\"type\":\"segment\",\"attribute\":\"plan\",\"groups\":[{"
                                           "\"name\":\"a\",\"values\":[\"x\",2],\"next\":\"offer\"},"
                                           "{\"name\":\"b\",\"values\":[true]}],\"on\":{\"other\":\"end\"}}");
    assert_int_equal(n->outcome_count, 3);
    assert_outcome(n, 0, "a", OFFER);
    assert_outcome(n, 1, "b", EDGE_NONE);
    assert_outcome(n, 2, "other", END);
    assert_str(n->segment.attribute, "plan");
    assert_str(n->segment.groups[1].name, "b");
    assert_int_equal(n->segment.groups[0].count, 2);
    assert_str(n->segment.groups[0].values[0].string, "x");
    assert_true(n->segment.groups[0].values[1].number == 2);
    n = node_of(&arena,
                "{\"type\":\"split\",\"paths\":[{\"name\":\"p\",\"rule\":{\"attribute\":\"x\",\"gt\":1}},{"
                "\"name\":\"q\","
                "\"rule\":{\"not\":{\"attribute\":\"x\",\"gt\":1}},\"next\":\"end\"}],\"next\":\"offer\"}");
    assert_int_equal(n->outcome_count, 3);
    assert_outcome(n, 0, "p", OFFER);
    assert_outcome(n, 1, "q", END);
    assert_outcome(n, 2, "others", OFFER);
    assert_int_equal(n->split.rules[0]->kind, RULE_COMPARE);
    assert_int_equal(n->split.rules[1]->kind, RULE_NOT);
    arena_deinit(&arena);
}

static void the_work_of_a_node_is_read(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct node *n = node_of(&arena, "{\"type\":\"wait\",\"for\":\"90s\",\"next\":\"end\"}");
    assert_int_equal(n->wait.for_ms, 90000);
    n = node_of(&arena, "{\"type\":\"wait\",\"until\":\"2026-01-31T11:00:00+01:00\",\"next\":\"end\"}");
    assert_int_equal(n->wait.for_ms, 0);
    assert_int_equal(n->wait.until_ms, INT64_C(1769853600000));
    n = node_of(&arena, "{\"type\":\"wait_for\",\"rule\":{\"attribute\":\"x\",\"eq\":1},\"timeout\":\"1h\"}");
    assert_false(n->wait_for.condition.is_event);
    assert_int_equal(n->wait_for.timeout_ms, HOUR_MS);
    assert_true(n->last);
    n = node_of(&arena, "{\"type\":\"activate\",\"destinations\":[\"x\",\"y\"]}");
    assert_int_equal(n->activate.count, 2);
    assert_str(n->activate.destinations[1], "y");
    assert_str(n->activate.operation, "add");
    n = node_of(&arena, "{\"type\":\"update\",\"changes\":[{\"set\":\"a\",\"to\":[\"p\",\"q\"]},{"
                        "\"increase\":\"b\",\"by\":2.5},{"
                        "\"remove\":\"c\",\"value\":\"v\"}]}");
    assert_int_equal(n->update.count, 3);
    assert_int_equal(n->update.changes[0].kind, CHANGE_SET);
    assert_int_equal(n->update.changes[0].value.type, VALUE_LIST);
    assert_str(n->update.changes[0].value.list[1], "q");
    assert_true(n->update.changes[1].value.number == 2.5);
    assert_int_equal(n->update.changes[2].kind, CHANGE_REMOVE);
    assert_str(n->update.changes[2].value.string, "v");
    arena_deinit(&arena);
}

/* ── hostile documents ── */

static enum err parse_text(struct buf *text, struct err_detail *detail)
{
    struct arena arena = {0};
    struct definition definition;
    json_error_t error;
    json_t *document = json_loadb(text->data, text->size, 0, &error);
    assert_non_null(document);
    enum err err = definition_parse(document, &arena, &definition, detail);
    json_decref(document);
    arena_deinit(&arena);
    buf_deinit(text);
    return err;
}

static void ten_thousand_nodes_are_over_the_limit(void **state)
{
    (void)state;
    struct buf text = {0};
    struct err_detail detail;
    buf_put_text(&text, "{\"name\":\"n\",\"start\":\"n0\",\"nodes\":{");
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "%s\"n%d\":{\"type\":\"wait\",\"for\":\"1d\",\"next\":\"n%d\"}", i ? "," : "", i,
                   (i + 1) % 10000);
    buf_put_text(&text, "}}");
    assert_int_equal(parse_text(&text, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/nodes");
    assert_string_equal(detail.text, "10000 nodes are over the limit of 200; keep at most 200");
}

static void two_hundred_nodes_are_taken(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_put_text(&text, "{\"name\":\"n\",\"start\":\"n0\",\"nodes\":{");
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "%s\"n%d\":{\"type\":\"wait\",\"for\":\"1d\",\"next\":\"n%d\"}", i ? "," : "", i,
                   (i + 1) % 200);
    buf_put_text(&text, "}}");
    assert_int_equal(parse_text(&text, NULL), ERR_OK);
}

static void an_object_of_a_million_keys_is_not_looked_into(void **state)
{
    (void)state;
    struct buf text = {0};
    struct err_detail detail;
    buf_put_text(&text, "{\"name\":\"n\",\"start\":\"a\",\"nodes\":{\"a\":{\"type\":\"activate\","
                        "\"destinations\":[\"x\"],\"on\":{");
    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "%s\"k%d\":\"a\"", i ? "," : "", i);
    buf_put_text(&text, "}}}}");
    assert_int_equal(parse_text(&text, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/nodes/a/on");
}

static void deep_nesting_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const places[] = {
        "{\"name\":%s}", "{\"name\":\"n\",\"entry\":{\"filter\":%s}}", "{\"name\":\"n\",\"exits\":[%s]}",
        "{\"name\":\"n\",\"goals\":[{\"name\":\"g\",\"rule\":%s}]}",
        "{\"name\":\"n\",\"nodes\":{\"a\":{\"type\":\"wait\",\"for\":\"1d\",\"next\":%s}}}"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct buf deep = {0}, text = {0};
        for (int k = 0; k < 1000; k++)
            buf_put_text(&deep, "{\"not\":");
        buf_put_text(&deep, "1");
        for (int k = 0; k < 1000; k++)
            buf_put_char(&deep, '}');
        const char *hole = strstr(places[i], "%s");
        buf_put(&text, places[i], (size_t)(hole - places[i]));
        buf_put_str(&text, buf_str(&deep));
        buf_put_text(&text, hole + 2);
        struct err_detail detail = {0};
        assert_int_not_equal(parse_text(&text, &detail), ERR_OK);
        assert_true(detail.place[0] == '/');
        buf_deinit(&deep);
    }
}

static void errors_are_cut_between_characters(void **state)
{
    (void)state;
    for (int pad = 0; pad < 4; pad++) {
        struct buf text = {0};
        struct err_detail detail;
        buf_put_text(&text, "{\"");
        for (int i = 0; i < pad; i++)
            buf_put_char(&text, 'x');
        for (int i = 0; i < 300; i++)
            buf_put_text(&text, "€");
        buf_put_text(&text, "\":1}");
        assert_int_equal(parse_text(&text, &detail), ERR_INVALID);
        assert_true(str_is_utf8(str_from(detail.place)));
        assert_true(str_is_utf8(str_from(detail.text)));
        assert_true(strlen(detail.place) > 200);
    }
}

static void nothing_at_all_is_no_definition(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct definition definition;
    struct err_detail detail;
    assert_int_equal(definition_parse(NULL, &arena, &definition, &detail), ERR_INVALID);
    assert_non_null(strstr(detail.text, "is missing"));
    arena_deinit(&arena);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    cases_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_taken_or_refused_at_its_place),
        cmocka_unit_test(a_journey_is_read_whole),
        cmocka_unit_test(what_is_not_written_has_its_default),
        cmocka_unit_test(nodes_have_numbers_in_the_document_s_order),
        cmocka_unit_test(an_outcome_takes_its_own_edge_else_next_else_none),
        cmocka_unit_test(branches_come_before_the_rest_of_the_outcomes),
        cmocka_unit_test(the_work_of_a_node_is_read),
        cmocka_unit_test(ten_thousand_nodes_are_over_the_limit),
        cmocka_unit_test(two_hundred_nodes_are_taken),
        cmocka_unit_test(an_object_of_a_million_keys_is_not_looked_into),
        cmocka_unit_test(deep_nesting_is_refused_wherever_it_stands),
        cmocka_unit_test(errors_are_cut_between_characters),
        cmocka_unit_test(nothing_at_all_is_no_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
