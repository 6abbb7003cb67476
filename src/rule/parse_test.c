#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rule/comparison.h"
#include "json/document.h"

static const char *cases_path;

static enum err code_of(const char *name)
{
    static const char *const names[] = {
#define X(name, text) #name,
        ERR_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return (enum err)i;
    fail_msg("no error code %s", name);
    return ERR_OK;
}

/* `expected` is "ok" or "CODE pointer text". */
static void expect_case(int line, struct str rule_text, const char *expected)
{
    struct arena arena = {0};
    struct err_detail detail = {0};
    const struct rule *rule = NULL;
    json_t *json = NULL;
    if (document_parse(rule_text, "case", &json, &detail))
        fail_msg("line %d is no JSON: %s", line, detail.text);
    enum err err = rule_parse(json, "/r", &arena, &rule, &detail);
    json_decref(json);
    if (strcmp(expected, "ok") == 0) {
        if (err || !rule)
            fail_msg("line %d was refused: %s: %s", line, detail.place, detail.text);
    } else {
        char code[32] = "", pointer[128] = "";
        int text_at = 0;
        sscanf(expected, "%31s %127s %n", code, pointer, &text_at);
        if (err != code_of(code) || rule || strcmp(detail.place, pointer) != 0 ||
            !strstr(detail.text, expected + text_at))
            fail_msg("line %d: got %s at %s: %s", line, err_name(err), detail.place, detail.text);
        enum err again = ERR_OK;
        assert_int_equal(document_parse(rule_text, "case", &json, NULL), ERR_OK);
        again = rule_parse(json, "/r", &arena, &rule, NULL); /* whoever wants no text gets the code alone */
        json_decref(json);
        assert_int_equal(again, err);
    }
    arena_deinit(&arena);
}

static void every_case_of_the_table_is_taken_or_refused_in_its_place(void **state)
{
    (void)state;
    FILE *file = fopen(cases_path, "r");
    assert_non_null(file);
    char *text = NULL;
    size_t capacity = 0;
    int line = 0, cases = 0;
    while (getline(&text, &capacity, file) > 0) {
        line++;
        text[strcspn(text, "\n")] = '\0';
        if (text[0] == '\0' || text[0] == '#')
            continue;
        char *arrow = strstr(text, " => ");
        if (!arrow)
            fail_msg("line %d has no =>", line);
        *arrow = '\0';
        expect_case(line, str_from(text), arrow + strlen(" => "));
        cases++;
    }
    free(text);
    fclose(file);
    assert_true(cases > 100);
}

static const struct rule *parsed(struct arena *arena, const char *text)
{
    struct err_detail detail = {0};
    const struct rule *rule = NULL;
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    if (rule_parse(json, "", arena, &rule, &detail))
        fail_msg("%s: %s", detail.place, detail.text);
    json_decref(json);
    return rule;
}

static void a_rule_outlives_its_document(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct rule *rule =
        parsed(&arena, "{\"all\":[{\"attribute\":\"plan\",\"in\":[\"team\",\"pro\",\"pro\"]},"
                       "{\"did\":\"Bought\",\"exactly\":2,\"within\":\"1d\","
                       "\"where\":{\"property\":\"sku\",\"starts_with\":\"A\"}}]}");
    assert_int_equal(rule->kind, RULE_ALL);
    assert_int_equal(rule->count, 2);
    const struct rule_comparison *compare = &rule->parts[0]->compare;
    assert_int_equal(rule->parts[0]->kind, RULE_COMPARE);
    assert_true(str_equal(compare->field, STR("plan")));
    assert_int_equal(compare->op, RULE_IN);
    assert_int_equal(compare->count, 2); /* sorted, each value once */
    assert_true(str_equal(compare->operands[0].string, STR("pro")));
    assert_true(str_equal(compare->operands[1].string, STR("team")));
    const struct rule *did = rule->parts[1];
    assert_int_equal(did->kind, RULE_DID);
    assert_int_equal(did->quantity, RULE_EXACTLY);
    assert_true(str_equal(did->did.event, STR("Bought")));
    assert_int_equal(did->did.at_least, 2);
    assert_int_equal(did->did.within_ms, 86400000);
    assert_int_equal(did->did.where->kind, RULE_COMPARE);
    assert_true(str_equal(did->did.where->compare.operands[0].string, STR("A")));
    arena_deinit(&arena);
}

static void did_not_is_the_negation_of_did(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct rule *rule = parsed(&arena, "{\"did_not\":\"Bought\",\"within\":\"1d\"}");
    assert_int_equal(rule->kind, RULE_NOT);
    assert_int_equal(rule->parts[0]->kind, RULE_DID);
    assert_int_equal(rule->parts[0]->quantity, RULE_AT_LEAST);
    assert_int_equal(rule->parts[0]->did.at_least, 1);
    arena_deinit(&arena);
}

static void exists_false_is_missing_and_missing_false_is_exists(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_int_equal(parsed(&arena, "{\"attribute\":\"a\",\"exists\":false}")->compare.op, RULE_MISSING);
    assert_int_equal(parsed(&arena, "{\"attribute\":\"a\",\"missing\":false}")->compare.op, RULE_EXISTS);
    assert_int_equal(parsed(&arena, "{\"attribute\":\"a\",\"exists\":true}")->compare.op, RULE_EXISTS);
    assert_int_equal(parsed(&arena, "{\"attribute\":\"a\",\"missing\":true}")->compare.op, RULE_MISSING);
    arena_deinit(&arena);
}

/* {"not":{"not": … }} of `depth` objects in all. */
static json_t *nested(int depth)
{
    json_t *json = json_pack("{s:s}", "did", "X");
    for (int i = 1; i < depth; i++)
        json = json_pack("{s:o}", "not", json);
    return json;
}

static void nesting_and_terms_have_their_limits(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err_detail detail = {0};
    const struct rule *rule = NULL;
    json_t *deepest = nested(RULE_DEPTH_MAX), *deeper = nested(RULE_DEPTH_MAX + 1);
    assert_int_equal(rule_parse(deepest, "", &arena, &rule, &detail), ERR_OK);
    assert_int_equal(rule_parse(deeper, "", &arena, &rule, &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "nested more than 16 deep"));
    json_t *parts = json_array(), *all = json_pack("{s:o}", "all", parts);
    for (int i = 1; i < RULE_TERMS_MAX; i++)
        json_array_append_new(parts, json_pack("{s:s}", "did", "X"));
    assert_int_equal(rule_parse(all, "", &arena, &rule, &detail), ERR_OK);
    json_array_append_new(parts, json_pack("{s:s}", "did", "X"));
    assert_int_equal(rule_parse(all, "", &arena, &rule, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/all/255");
    assert_non_null(strstr(detail.text, "at most 256 terms"));
    json_decref(deepest);
    json_decref(deeper);
    json_decref(all);
    arena_deinit(&arena);
}

static void names_and_sets_have_their_limits(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err_detail detail = {0};
    const struct rule *rule = NULL;
    char name[NAME_BYTES_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[NAME_BYTES_MAX + 1] = '\0';
    json_t *did = json_pack("{s:s}", "did", name), *set = json_array();
    assert_int_equal(rule_parse(did, "", &arena, &rule, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/did");
    for (int i = 0; i <= 10000; i++)
        json_array_append_new(set, json_integer(i));
    json_t *in = json_pack("{s:s,s:o}", "attribute", "a", "in", set);
    assert_int_equal(rule_parse(in, "", &arena, &rule, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/in");
    json_decref(did);
    json_decref(in);
    arena_deinit(&arena);
}

static enum err event_parsed(const char *text, struct arena *arena, struct event_rule *ret,
                             struct err_detail *detail)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    enum err err = event_rule_parse(json, "/entry/rules/0", arena, ret, detail);
    json_decref(json);
    return err;
}

static void an_event_rule_has_event_where_at_least_and_within(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err_detail detail = {0};
    struct event_rule rule = {0};
    assert_int_equal(event_parsed("{\"event\":\"Bought\"}", &arena, &rule, &detail), ERR_OK);
    assert_int_equal(rule.at_least, 1);
    assert_int_equal(rule.within_ms, 0);
    assert_null(rule.where);
    assert_int_equal(
        event_parsed("{\"event\":\"Bought\",\"where\":{\"property\":\"total\",\"gte\":20},\"at_least\":3,"
                     "\"within\":\"2h\"}",
                     &arena, &rule, &detail),
        ERR_OK);
    assert_int_equal(rule.at_least, 3);
    assert_int_equal(rule.within_ms, 7200000);
    assert_true(str_equal(rule.where->compare.field, STR("total")));
    assert_int_equal(event_parsed("{\"event\":\"Bought\",\"at_most\":3}", &arena, &rule, &detail),
                     ERR_INVALID);
    assert_string_equal(detail.place, "/entry/rules/0/at_most");
    assert_int_equal(event_parsed("{\"did\":\"Bought\"}", &arena, &rule, &detail), ERR_INVALID);
    assert_string_equal(detail.place, "/entry/rules/0/did");
    assert_int_equal(event_parsed("{\"where\":{\"property\":\"total\",\"gte\":20}}", &arena, &rule, &detail),
                     ERR_INVALID);
    assert_string_equal(detail.place, "/entry/rules/0/event");
    assert_int_equal(event_parsed("[]", &arena, &rule, &detail), ERR_INVALID);
    assert_int_equal(rule.at_least, 3); /* untouched by what failed */
    arena_deinit(&arena);
}

static void an_event_rule_is_told_from_a_contact_rule_by_its_key(void **state)
{
    (void)state;
    json_t *event = json_pack("{s:s}", "event", "X"), *did = json_pack("{s:s}", "did", "X"),
           *array = json_array();
    assert_true(rule_is_event_rule(event));
    assert_false(rule_is_event_rule(did));
    assert_false(rule_is_event_rule(array));
    assert_false(rule_is_event_rule(NULL));
    json_decref(event);
    json_decref(did);
    json_decref(array);
}

static const struct where *where_of(struct arena *arena, const char *text)
{
    return parsed(arena, text)->did.where;
}

static void conditions_are_equal_where_they_ask_the_same(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *texts[] = {
        "{\"did\":\"X\"}",
        "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"eq\":1}}",
        "{\"did\":\"X\",\"where\":{\"property\":\"b\",\"eq\":1}}",
        "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"eq\":\"1\"}}",
        "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"ne\":1}}",
        "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"in\":[1]}}",
        "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"within_last\":\"1d\"}}",
        "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"within_last\":\"2d\"}}",
        "{\"did\":\"X\",\"where\":{\"all\":[{\"property\":\"a\",\"eq\":1}]}}",
        "{\"did\":\"X\",\"where\":{\"any\":[{\"property\":\"a\",\"eq\":1}]}}",
        "{\"did\":\"X\",\"where\":{\"any\":[{\"property\":\"a\",\"eq\":1},{\"property\":\"a\",\"eq\":2}]}}",
        "{\"did\":\"X\",\"where\":{\"not\":{\"property\":\"a\",\"eq\":1}}}",
    };
    size_t count = sizeof texts / sizeof *texts;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            assert_int_equal(where_equal(where_of(&arena, texts[i]), where_of(&arena, texts[k])), i == k);
    assert_true(where_equal(where_of(&arena, "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"in\":[1,2,2]}}"),
                            where_of(&arena, "{\"did\":\"X\",\"where\":{\"property\":\"a\",\"in\":[2,1]}}")));
    arena_deinit(&arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_table_is_taken_or_refused_in_its_place),
        cmocka_unit_test(a_rule_outlives_its_document),
        cmocka_unit_test(did_not_is_the_negation_of_did),
        cmocka_unit_test(exists_false_is_missing_and_missing_false_is_exists),
        cmocka_unit_test(nesting_and_terms_have_their_limits),
        cmocka_unit_test(names_and_sets_have_their_limits),
        cmocka_unit_test(an_event_rule_has_event_where_at_least_and_within),
        cmocka_unit_test(an_event_rule_is_told_from_a_contact_rule_by_its_key),
        cmocka_unit_test(conditions_are_equal_where_they_ask_the_same),
    };
    if (argc != 2)
        return fprintf(stderr, "usage: %s parse_cases.txt\n", argv[0]), 2;
    cases_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
