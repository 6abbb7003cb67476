#include "delivery/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "json/document.h"

static enum err parse(struct arena *arena, const char *text, struct destination_settings *ret,
                      struct err_detail *detail)
{
    json_t *json;
    assert_int_equal(document_parse(str_from(text), "settings", &json, detail), ERR_OK);
    enum err err = destination_parse(json, arena, ret, detail);
    json_decref(json);
    return err;
}

static void settings_of_a_file_are_read(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct destination_settings settings;
    struct err_detail detail = {0};
    const char *text = "{\"path\":\"/var/lib/sojourn/crm.ndjson\",\"name\":\"Größe\",\"kind\":\"file\"}";
    assert_int_equal(parse(&arena, text, &settings, &detail), ERR_OK);
    assert_true(str_equal(settings.name, STR("Größe")));
    assert_int_equal(settings.kind, DESTINATION_FILE);
    assert_string_equal(settings.file.path.data, "/var/lib/sojourn/crm.ndjson");
    arena_deinit(&arena);
}

struct refusal {
    const char *text;
    enum err err;
    const char *place, *said;
};

static const struct refusal refusals[] = {
    {"[]", ERR_INVALID, "", "is an object"},
    {"{}", ERR_INVALID, "/kind", "\"file\""},
    {"{\"name\":\"crm\",\"kind\":\"pigeon\"}", ERR_INVALID, "/kind", "\"file\""},
    {"{\"name\":\"crm\",\"kind\":7}", ERR_INVALID, "/kind", "\"file\""},
    {"{\"kind\":\"file\",\"path\":\"/a\"}", ERR_INVALID, "/name", "needs a name"},
    {"{\"kind\":\"file\",\"path\":\"/a\",\"name\":\" \\t\"}", ERR_INVALID, "/name", "needs a name"},
    {"{\"kind\":\"file\",\"path\":\"/a\",\"name\":3}", ERR_INVALID, "/name", "needs a name"},
    {"{\"kind\":\"file\",\"name\":\"crm\"}", ERR_INVALID, "/path", "from the root"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"\"}", ERR_INVALID, "/path", "from the root"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"/var/\"}", ERR_INVALID, "/path", "name a file"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"/\"}", ERR_INVALID, "/path", "name a file"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"..\"}", ERR_INVALID, "/path", "\"..\""},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"../a\"}", ERR_INVALID, "/path", "\"..\""},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"/var/../etc/a\"}", ERR_INVALID, "/path", "\"..\""},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"./a\"}", ERR_INVALID, "/path", "\"..\""},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"//a\"}", ERR_INVALID, "/path", "empty part"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":[]}", ERR_INVALID, "/path", "from the root"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"pth\":\"/a\"}", ERR_INVALID, "/pth", "did you mean \"path\"?"},
    {"{\"kind\":\"file\",\"name\":\"crm\",\"path\":\"/a\",\"a/b\":1}", ERR_INVALID, "/a~1b", "remove it"},
};

static void what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct arena arena = {0};
        struct destination_settings settings;
        struct err_detail detail = {0};
        assert_int_equal(parse(&arena, refusals[i].text, &settings, &detail), refusals[i].err);
        assert_string_equal(detail.place, refusals[i].place);
        if (!strstr(detail.text, refusals[i].said))
            fail_msg("%s: \"%s\" does not say %s", refusals[i].text, detail.text, refusals[i].said);
        arena_deinit(&arena);
    }
}

static void names_and_paths_have_limits(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct destination_settings settings;
    struct err_detail detail = {0};
    char text[6000];
    char long_text[5001];
    memset(long_text, 'x', 5000);
    long_text[5000] = 0;
    snprintf(text, sizeof text, "{\"kind\":\"file\",\"path\":\"/a\",\"name\":\"%.121s\"}", long_text);
    assert_int_equal(parse(&arena, text, &settings, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/name");
    snprintf(text, sizeof text, "{\"kind\":\"file\",\"path\":\"/a\",\"name\":\"%.120s\"}", long_text);
    assert_int_equal(parse(&arena, text, &settings, &detail), ERR_OK);
    snprintf(text, sizeof text, "{\"kind\":\"file\",\"path\":\"/%.4095s\",\"name\":\"a\"}", long_text);
    assert_int_equal(parse(&arena, text, &settings, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "/path");
    snprintf(text, sizeof text, "{\"kind\":\"file\",\"path\":\"/%.4094s\",\"name\":\"a\"}", long_text);
    assert_int_equal(parse(&arena, text, &settings, &detail), ERR_OK);
    arena_deinit(&arena);
}

static void a_file_is_placed_where_the_operator_allows_it(void **state)
{
    static const char *const allowed[] = {"/srv/out", "/mnt"};
    static const struct destination_places places = {"/data/destinations", allowed, 2};
    static const struct {
        const char *path, *placed, *root; /* placed NULL = refused */
    } cases[] = {{"crm.ndjson", "/data/destinations/crm.ndjson", "/data/destinations"},
                 {"sub/crm", "/data/destinations/sub/crm", "/data/destinations"},
                 {"...", "/data/destinations/...", "/data/destinations"},
                 {"/srv/out/crm", "/srv/out/crm", "/srv/out"},
                 {"/mnt/a/b", "/mnt/a/b", "/mnt"},
                 {"/srv/out", NULL, NULL},
                 {"/srv/outer/crm", NULL, NULL},
                 {"/srv/crm", NULL, NULL},
                 {"/data/destinations/crm", NULL, NULL},
                 {"/etc/passwd", NULL, NULL}};
    struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct destination_settings settings;
        struct err_detail detail = {0};
        char text[128];
        snprintf(text, sizeof text, "{\"kind\":\"file\",\"path\":\"%s\",\"name\":\"a\"}", cases[i].path);
        assert_int_equal(parse(&arena, text, &settings, &detail), ERR_OK);
        enum err err = destination_place(&settings, &places, &arena, &detail);
        assert_int_equal(err, cases[i].placed ? ERR_OK : ERR_REFUSED);
        if (!err) {
            assert_string_equal(settings.file.path.data, cases[i].placed);
            assert_string_equal(settings.file.root.data, cases[i].root);
        } else {
            assert_string_equal(detail.place, "/path");
            assert_non_null(strstr(detail.text, "--files"));
        }
    }
    arena_deinit(&arena);
}

static void kinds_and_outcomes_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(destination_kind_name(DESTINATION_FILE), "file");
    assert_string_equal(activation_outcome_name(ACTIVATION_OPEN), "open");
    assert_string_equal(activation_outcome_name(ACTIVATION_FAILED), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_a_file_are_read),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(names_and_paths_have_limits),
        cmocka_unit_test(a_file_is_placed_where_the_operator_allows_it),
        cmocka_unit_test(kinds_and_outcomes_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
