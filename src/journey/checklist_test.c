#include "journey/checklist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "journey/cases_test.h"

static const char *cases_path;

/* The case being read, and what its findings are; the next document in the file ends it. */
struct table {
    struct arena arena;
    struct findings findings;
    int line; /* of the document; 0 = none yet */
    size_t expected, cases, failed;
    bool seen[FINDING_CODES];
};

static void finding_print(const struct table *table, size_t i)
{
    const struct finding *f = &table->findings.rows.items[i];
    print_error("    %s %s %.*s %s | %s | %s\n",
                finding_code_severity(f->code) == SEVERITY_ERROR ? "error" : "warning",
                finding_code_name(f->code), STR_ARG(f->node.size ? f->node : STR("-")),
                *f->pointer ? f->pointer : "-", f->message, f->fix);
}

static void case_end(struct table *table)
{
    if (table->line && table->expected < table->findings.rows.count) {
        print_error("%s:%d finds besides:\n", cases_path, table->line);
        for (size_t i = table->expected; i < table->findings.rows.count; i++)
            finding_print(table, i);
        table->failed++;
    }
    array_free(&table->findings.rows);
    arena_reset(&table->arena);
}

static bool is_sentence(const char *text)
{
    size_t size = strlen(text);
    return size > 10 && strchr(".?!", text[size - 1]) &&
           !(text[0] >= 'a' && text[0] <= 'z' && text[strcspn(text, " ,")] == ' ') && !strstr(text, "..") &&
           str_is_utf8(str_from(text));
}

/* "severity code node pointer", then parts of the message and the fix behind bars. */
static bool meets(const struct finding *f, char *line)
{
    char *message = strstr(line, " | "), *fix = NULL;
    if (message) {
        *message = '\0';
        message += 3;
        fix = strstr(message, " | ");
        if (fix) {
            *fix = '\0';
            fix += 3;
        }
    }
    struct buf head = {0};
    buf_printf(&head, "%s %s %.*s %s", finding_code_severity(f->code) == SEVERITY_ERROR ? "error" : "warning",
               finding_code_name(f->code), STR_ARG(f->node.size ? f->node : STR("-")),
               *f->pointer ? f->pointer : "-");
    bool same = str_equal(buf_str(&head), str_from(line)) && (!message || strstr(f->message, message)) &&
                (!fix || strstr(f->fix, fix)) && is_sentence(f->message) && is_sentence(f->fix);
    buf_deinit(&head);
    return same;
}

static void expect_finding(struct table *table, int line, char *text)
{
    if (table->expected >= table->findings.rows.count) {
        print_error("%s:%d is not found: %s\n", cases_path, line, text);
        table->failed++;
        return;
    }
    const struct finding *finding = &table->findings.rows.items[table->expected];
    table->seen[finding->code] = true;
    if (!meets(finding, text)) {
        print_error("%s:%d is, instead:\n", cases_path, line);
        finding_print(table, table->expected);
        table->failed++;
    }
    table->expected++;
}

static void take_line(void *context, int line, char *text)
{
    struct table *table = context;
    if (text[0] == ' ') {
        expect_finding(table, line, text + strspn(text, " "));
        return;
    }
    case_end(table);
    json_t *document = case_document(cases_path, line, text);
    checklist_run(document, &table->arena, &table->findings);
    json_decref(document); /* findings borrow nothing of it */
    table->line = line;
    table->expected = 0;
    table->cases++;
    size_t errors = 0;
    array_each (&table->findings.rows, i)
        errors += finding_code_severity(table->findings.rows.items[i].code) == SEVERITY_ERROR;
    assert_int_equal(table->findings.errors, errors);
    assert_int_equal(table->findings.warnings, table->findings.rows.count - errors);
}

static void every_case_finds_what_it_says_and_every_code_has_a_case(void **state)
{
    (void)state;
    struct table table = {0};
    cases_each(cases_path, take_line, &table);
    case_end(&table);
    arena_deinit(&table.arena);
    assert_true(table.cases > 70);
    assert_int_equal(table.failed, 0);
    for (int code = 0; code < FINDING_CODES; code++) {
        if (finding_code_is_structural((enum finding_code)code) && !table.seen[code])
            fail_msg("no case has %s", finding_code_name(code));
    }
}

/* ── the checklist and the parser agree ── */

static void agree(void *context, int line, char *text)
{
    size_t *cases = context;
    if (text[0] == ' ')
        return;
    struct arena arena = {0};
    struct findings findings;
    struct definition definition;
    struct err_detail detail = {0};
    json_t *document = case_document(cases_path, line, text);
    enum err err = definition_parse(document, &arena, &definition, &detail);
    checklist_run(document, &arena, &findings);
    bool there = err == ERR_OK;
    for (size_t i = 0; i < findings.rows.count && !there; i++)
        there = strcmp(findings.rows.items[i].pointer, detail.place) == 0;
    if (!there)
        fail_msg("%s:%d: %s is refused, but no finding says so", cases_path, line, detail.place);
    array_free(&findings.rows);
    json_decref(document);
    arena_deinit(&arena);
    ++*cases;
}

static void what_the_parser_refuses_is_among_the_findings(void **state)
{
    (void)state;
    size_t cases = 0;
    cases_each(cases_path, agree, &cases);
    assert_true(cases > 70);
}

/* ── hostile documents ── */

static void findings_end_at_a_limit(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct findings findings;
    struct buf text = {0};
    buf_put_text(&text, "{\"nodes\":{\"cool_off\":{\"next\":\"s\"},\"s\":{\"type\":\"segment\",\"attribute\":"
                        "\"plan\",\"groups\":["
                        "{\"name\":\"a\",\"values\":[null");
    for (int i = 0; i < 5000; i++)
        buf_put_text(&text, ",null");
    buf_put_text(&text, "]}],\"next\":\"offer\"}}}");
    buf_put_char(&text, '\0');
    json_t *document = case_document("here", 0, text.data);
    checklist_run(document, &arena, &findings);
    assert_int_equal(findings.rows.count, 1001);
    assert_int_equal(findings.errors, 1001);
    assert_int_equal(findings.rows.items[0].code, FINDING_OVER_LIMIT);
    assert_string_equal(findings.rows.items[1].pointer, "/nodes/s/groups/0/values/0");
    assert_string_equal(findings.rows.items[11].pointer,
                        "/nodes/s/groups/0/values/10"); /* by number, not by letter */
    array_free(&findings.rows);
    json_decref(document);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void two_hundred_nodes_all_joined_are_checked_quickly(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct findings findings;
    struct buf text = {0};
    buf_put_text(&text,
                 "={\"name\":\"n\",\"entry\":{\"rules\":[{\"event\":\"A\"}]},\"start\":\"n0\",\"nodes\":{");
    for (int i = 0; i < 200; i++) {
        buf_printf(&text, "%s\"n%d\":{\"type\":\"segment\",\"attribute\":\"a\",\"groups\":[", i ? "," : "",
                   i);
        for (int k = 0; k < 10; k++)
            buf_printf(&text, "%s{\"name\":\"g%d\",\"values\":[%d],\"next\":\"n%d\"}", k ? "," : "", k, k,
                       (i * 7 + k * 13) % 200);
        buf_printf(&text, "],\"next\":\"n%d\"}", (i + 1) % 200);
    }
    buf_put_text(&text, "}}");
    buf_put_char(&text, '\0');
    json_t *document = case_document("here", 0, text.data);
    checklist_run(document, &arena, &findings);
    assert_true(findings.errors > 0);
    array_each (&findings.rows, i)
        assert_true(findings.rows.items[i].code == FINDING_CYCLE_WITHOUT_TIME ||
                    findings.rows.items[i].code == FINDING_NO_EXIT_NO_GOAL);
    array_free(&findings.rows);
    json_decref(document);
    buf_deinit(&text);
    arena_deinit(&arena);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    cases_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_finds_what_it_says_and_every_code_has_a_case),
        cmocka_unit_test(what_the_parser_refuses_is_among_the_findings),
        cmocka_unit_test(findings_end_at_a_limit),
        cmocka_unit_test(two_hundred_nodes_all_joined_are_checked_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
