/* Every place of a definition that uses everything, with every odd value put there: nothing breaks, and the
 * first error is at that place, inside it, or at what it belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "journey/checklist.h"
#include "json/document.h"

static const char *document_path;

static const char *const odd_values[] = {"null",
                                         "true",
                                         "false",
                                         "0",
                                         "-1",
                                         "7",
                                         "1.5",
                                         "1e308",
                                         "9223372036854775807",
                                         "\"\"",
                                         "\" \"",
                                         "\"x\"",
                                         "\"0d\"",
                                         "\"99999d\"",
                                         "\"9999-12-31T23:59:59Z\"",
                                         "\"{{ x }}\"",
                                         "\"\\u00e9\\u20ac\"",
                                         "[]",
                                         "[[]]",
                                         "[{}]",
                                         "[null]",
                                         "{}",
                                         "{\"\":{}}",
                                         "{\"x\":1}",
                                         "{\"not\":{\"not\":{\"not\":{}}}}",
                                         "{\"event\":5}"};
enum { ODD_VALUES = sizeof odd_values / sizeof *odd_values };

struct mutation {
    struct arena arena;
    json_t *document, *odd[ODD_VALUES];
    size_t places, refused;
};

static bool is_related(const char *a, const char *b)
{
    size_t size = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    return strncmp(a, b, size) == 0;
}

/* The document as it now stands; `pointer` is what was changed, `what` how. */
static void judge(struct mutation *m, const char *pointer, const char *what)
{
    struct arena arena = {0};
    struct definition definition;
    struct err_detail detail = {0};
    struct findings findings;
    enum err err = definition_parse(m->document, &arena, &definition, &detail);
    checklist_run(m->document, &arena, &findings);
    if (err != ERR_OK) {
        m->refused++;
        if (err != ERR_INVALID && err != ERR_LIMIT && err != ERR_UNSUPPORTED)
            fail_msg("%s = %s gives %s", pointer, what, err_name(err));
        if (!is_related(pointer, detail.place))
            fail_msg("%s = %s is blamed on %s: %s", pointer, what, detail.place, detail.text);
        assert_true(strlen(detail.text) > 10);
        assert_true(findings.errors > 0);
    }
    array_free(&findings.rows);
    arena_deinit(&arena);
}

static void put(json_t *parent, const char *key, size_t index, json_t *value)
{
    if (json_is_array(parent))
        assert_int_equal(json_array_set(parent, index, value), 0);
    else
        assert_int_equal(json_object_set(parent, key, value), 0);
}

static void walk(struct mutation *m, json_t *parent, const char *pointer);

static void mutate(struct mutation *m, json_t *parent, const char *key, size_t index, const char *pointer)
{
    json_t *old = json_is_array(parent) ? json_array_get(parent, index) : json_object_get(parent, key);
    json_incref(old);
    m->places++;
    for (size_t i = 0; i < ODD_VALUES; i++) {
        put(parent, key, index, m->odd[i]);
        judge(m, pointer, odd_values[i]);
    }
    put(parent, key, index, old);
    json_decref(old);
    walk(m, old, pointer);
}

static void walk(struct mutation *m, json_t *parent, const char *pointer)
{
    for (size_t i = 0; i < json_array_size(parent); i++)
        mutate(m, parent, NULL, i, pointer_index(&m->arena, pointer, i));
    const char *key;
    json_t *value;
    json_object_foreach(parent, key, value) mutate(m, parent, key, 0, pointer_join(&m->arena, pointer, key));
}

/* Leaves each key out in turn. */
static void walk_without(struct mutation *m, json_t *parent, const char *pointer)
{
    for (size_t i = 0; i < json_array_size(parent); i++)
        walk_without(m, json_array_get(parent, i), pointer_index(&m->arena, pointer, i));
    json_t *keys = json_deep_copy(parent);
    const char *key;
    json_t *value;
    json_object_foreach(keys, key, value)
    {
        const char *at = pointer_join(&m->arena, pointer, key);
        json_t *old = json_incref(json_object_get(parent, key));
        json_object_del(parent, key);
        m->places++;
        judge(m, strcmp(pointer, "/nodes") == 0 ? "" : pointer,
              "left out"); /* edges to a node may be anywhere */
        json_object_set_new(parent, key, old);
        walk_without(m, old, at);
    }
    json_decref(keys);
}

static void setup(struct mutation *m)
{
    *m = (struct mutation){.document = json_load_file(document_path, 0, NULL)};
    assert_non_null(m->document);
    for (size_t i = 0; i < ODD_VALUES; i++) {
        m->odd[i] = json_loads(odd_values[i], JSON_DECODE_ANY, NULL);
        assert_non_null(m->odd[i]);
    }
    judge(m, "", "untouched");
    assert_int_equal(m->refused, 0);
}

static void teardown(struct mutation *m)
{
    judge(m, "", "restored");
    json_decref(m->document);
    for (size_t i = 0; i < ODD_VALUES; i++)
        json_decref(m->odd[i]);
    arena_deinit(&m->arena);
}

static void an_odd_value_is_blamed_where_it_stands(void **state)
{
    (void)state;
    struct mutation m;
    setup(&m);
    walk(&m, m.document, "");
    assert_true(m.places > 100);
    assert_true(m.refused > m.places * ODD_VALUES / 2);
    teardown(&m);
}

static void a_missing_key_is_blamed_on_its_object(void **state)
{
    (void)state;
    struct mutation m;
    setup(&m);
    walk_without(&m, m.document, "");
    assert_true(m.places > 80);
    assert_true(m.refused > 30);
    teardown(&m);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    document_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_odd_value_is_blamed_where_it_stands),
        cmocka_unit_test(a_missing_key_is_blamed_on_its_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
