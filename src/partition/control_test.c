/* Journeys of the control plane: ids, drafts, publishes, and logs of all ages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "partition/control_journeys.h"
#include "store/memory/store_memory.h"
#include "json/document.h"

#define REST                                                                                                 \
    "\"entry\":{\"rules\":[{\"event\":\"In\"}]},\"nodes\":{\"s\":{\"type\":\"stop\"}},\"start\":\"s\"}"

struct scene {
    struct store *store;
    struct control *control;
    struct err_detail detail;
    int64_t now_ms;
    struct str actor, key;
};

static int open_scene(void **state)
{
    struct scene *scene = memory_take_zeroed(1, sizeof *scene);
    scene->store = store_memory_new(1);
    scene->actor = STR("ann");
    *state = scene;
    return control_open(scene->store, false, &scene->control, NULL) != ERR_OK;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    control_close(scene->control);
    store_close(scene->store);
    free(scene);
    return 0;
}

static json_t *parse(const char *text)
{
    json_t *document;
    assert_int_equal(document_parse(str_from(text), "test", &document, NULL), ERR_OK);
    return document;
}

static struct control_by next_by(struct scene *scene)
{
    return (struct control_by){.actor = scene->actor, .key = scene->key, .at_ms = ++scene->now_ms};
}

static enum err create(struct scene *scene, const char *text, uint32_t *ret_number)
{
    json_t *document = parse(text);
    const struct control_by by = next_by(scene);
    enum err err = control_draft_create(scene->control, document, &by, ret_number, &scene->detail);
    json_decref(document);
    return err;
}

static enum err save(struct scene *scene, uint32_t number, uint32_t revision, const char *text)
{
    json_t *document = parse(text);
    const struct control_by by = next_by(scene);
    enum err err = control_draft_save(scene->control, number, revision, document, &by, &scene->detail);
    json_decref(document);
    return err;
}

static enum err discard(struct scene *scene, uint32_t number)
{
    const struct control_by by = next_by(scene);
    return control_draft_discard(scene->control, number, &by, &scene->detail);
}

static enum err publish(struct scene *scene, uint32_t number, uint32_t revision)
{
    uint64_t position = control_journey(scene->control, number)->draft.position;
    const struct control_by by = next_by(scene);
    uint16_t version;
    json_t *document;
    assert_int_equal(control_document(scene->store, position, &document, NULL), ERR_OK);
    enum err err =
        control_draft_publish(scene->control, number, revision, document, &by, &version, &scene->detail);
    json_decref(document);
    return err;
}

static enum err publish_new(struct scene *scene, const char *text)
{
    json_t *document = parse(text);
    const struct control_by by = next_by(scene);
    uint16_t version;
    enum err err = control_publish(scene->control, document, &by, &version, &scene->detail);
    json_decref(document);
    return err;
}

static void put_raw(struct scene *scene, const char *kind, const char *body)
{
    const struct control_entry entry = {
        .at_ms = ++scene->now_ms, .kind = str_from(kind), .actor = scene->actor, .body = str_from(body)};
    uint64_t position;
    assert_int_equal(store_control_append(scene->store, &entry, &position, NULL), ERR_OK);
}

/* Everything that is known of every journey, a line each. */
static void describe(const struct scene *scene, struct buf *out)
{
    const struct control_journey *j;
    buf_clear(out);
    for (uint32_t n = 1; (j = control_journey(scene->control, n)); n++) {
        buf_printf(out, "j%u %.*s%s made %llu by %.*s at %llu, changed %llu, %u saves", j->number,
                   STR_ARG(j->name), j->gone ? " gone" : "", (unsigned long long)j->created,
                   STR_ARG(j->created_by), (unsigned long long)j->created_ms, (unsigned long long)j->changed,
                   j->revisions);
        buf_printf(out, "; \"%.*s\"", STR_ARG(j->description));
        for (uint32_t i = 0; i < j->label_count; i++)
            buf_printf(out, " #%.*s", STR_ARG(j->labels[i]));
        if (j->draft.revision)
            buf_printf(out, "; draft %u at %llu by %.*s", j->draft.revision,
                       (unsigned long long)j->draft.saved_ms, STR_ARG(j->draft.saved_by));
        array_each (&j->versions, i)
            buf_printf(out, "; version %u at %llu by %.*s, %s", j->versions.items[i].number,
                       (unsigned long long)j->versions.items[i].published_ms,
                       STR_ARG(j->versions.items[i].published_by),
                       version_state_name(
                           control_version_status(scene->control, j->versions.items[i].number).state));
        buf_put_char(out, '\n');
    }
    buf_put_char(out, '\0');
}

static void expect(const struct scene *scene, const char *lines)
{
    struct buf text = {0};
    describe(scene, &text);
    assert_string_equal(text.data, lines);
    buf_deinit(&text);
}

static enum err reopen(struct scene *scene)
{
    control_close(scene->control);
    scene->control = NULL;
    return control_open(scene->store, false, &scene->control, &scene->detail);
}

/* What the log says is what was there. */
static void expect_the_same_after_reopening(struct scene *scene)
{
    struct buf before = {0};
    describe(scene, &before);
    assert_int_equal(reopen(scene), ERR_OK);
    expect(scene, before.data);
    buf_deinit(&before);
}

static void ids_are_given_in_order_and_never_again(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    assert_int_equal(create(scene, "{\"name\":\"A\"}", &number), ERR_OK);
    assert_int_equal(number, 1);
    assert_int_equal(
        create(scene, "{\"name\":\"B\",\"labels\":[\"x\",1,\"y\"],\"description\":\"b\"}", &number), ERR_OK);
    assert_int_equal(number, 2);
    assert_int_equal(discard(scene, 1), ERR_OK);
    assert_null(control_find_journey(scene->control, STR("j1")));
    assert_null(control_find_journey(scene->control, STR("A")));
    scene->actor = STR("bob");
    assert_int_equal(publish_new(scene, "{\"name\":\"A\"," REST), ERR_OK);
    expect(scene, "j1 A gone made 1 by ann at 1, changed 3, 1 saves; \"\"\n"
                  "j2 B made 2 by ann at 2, changed 2, 1 saves; \"b\" #x #y; draft 1 at 2 by ann\n"
                  "j3 A made 5 by bob at 4, changed 5, 0 saves; \"\"; version 0 at 4 by bob, running\n");
    assert_int_equal(control_find_journey(scene->control, STR("A"))->number, 3);
    assert_int_equal(control_find_journey(scene->control, STR("j3"))->number, 3);
    assert_null(control_find_journey(scene->control, STR("j03")));
    assert_null(control_find_journey(scene->control, STR("j4")));
    assert_null(control_find_journey(scene->control, STR("j99999999999999999999")));
    expect_the_same_after_reopening(scene);
}

static void a_draft_that_is_published_becomes_a_version_and_the_next_goes_on_counting(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    assert_int_equal(create(scene, "{\"name\":\"Old name\"}", &number), ERR_OK);
    scene->actor = STR("bob");
    assert_int_equal(save(scene, 1, 1, "{\"name\":\"A\",\"description\":\"d\",\"labels\":[\"l\"]," REST),
                     ERR_OK);
    assert_null(control_find_journey(scene->control, STR("Old name")));
    assert_int_equal(publish(scene, 1, 1), ERR_REFUSED);
    scene->actor = STR("cat");
    assert_int_equal(publish(scene, 1, 2), ERR_OK);
    expect(scene, "j1 A made 1 by ann at 1, changed 4, 2 saves; \"d\" #l; version 0 at 4 by cat, running\n");
    assert_int_equal(control_journey_of(scene->control, 0)->number, 1);
    assert_int_equal(save(scene, 1, 0, "{\"name\":\"A\",\"description\":\"new\"}"), ERR_OK);
    assert_int_equal(control_journey(scene->control, 1)->draft.revision, 3);
    assert_int_equal(save(scene, 1, 3, "{\"name\":\"B\"}"), ERR_UNSUPPORTED);
    assert_int_equal(publish(scene, 1, 3), ERR_REFUSED);
    expect_the_same_after_reopening(scene);
    assert_int_equal(discard(scene, 1), ERR_OK);
    assert_int_equal(discard(scene, 1), ERR_NOT_FOUND);
    assert_int_equal(save(scene, 1, 0, "{\"name\":\"A\"}"), ERR_OK);
    assert_int_equal(control_journey(scene->control, 1)->draft.revision, 4);
    const struct control_by by = next_by(scene);
    assert_int_equal(control_act(scene->control, ACTION_PAUSE, HOLD_ALL, STR("A"), &by, NULL), ERR_OK);
    expect(scene, "j1 A made 1 by ann at 1, changed 8, 4 saves; \"d\" #l; draft 4 at 10 by cat; "
                  "version 0 at 4 by cat, paused\n");
    expect_the_same_after_reopening(scene);
}

static void a_save_on_what_is_not_there_any_more_is_refused(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    assert_int_equal(create(scene, "{\"name\":\"A\"}", &number), ERR_OK);
    assert_int_equal(save(scene, 1, 1, "{\"name\":\"A\",\"n\":2}"), ERR_OK);
    uint64_t position = control_position(scene->control);
    assert_int_equal(save(scene, 1, 1, "{\"name\":\"A\",\"n\":3}"), ERR_REFUSED);
    assert_int_equal(save(scene, 1, 0, "{\"name\":\"A\",\"n\":3}"), ERR_REFUSED);
    assert_int_equal(save(scene, 1, 3, "{\"name\":\"A\",\"n\":3}"), ERR_REFUSED);
    assert_int_equal(discard(scene, 1), ERR_OK);
    assert_int_equal(save(scene, 1, 0, "{\"name\":\"A\",\"n\":3}"), ERR_NOT_FOUND);
    assert_int_equal(control_position(scene->control), position + 1);
}

static void a_name_belongs_to_one_journey_and_is_no_id(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    assert_int_equal(create(scene, "{\"name\":\"A\"}", &number), ERR_OK);
    assert_int_equal(publish_new(scene, "{\"name\":\"B\"," REST), ERR_OK);
    uint64_t position = control_position(scene->control);
    assert_int_equal(create(scene, "{\"name\":\"A\"}", &number), ERR_REFUSED);
    assert_non_null(strstr(scene->detail.text, "(j1)"));
    assert_int_equal(create(scene, "{\"name\":\"B\"}", &number), ERR_REFUSED);
    assert_int_equal(publish_new(scene, "{\"name\":\"A\"," REST), ERR_REFUSED);
    assert_int_equal(publish_new(scene, "{\"name\":\"B\"," REST), ERR_REFUSED);
    assert_int_equal(save(scene, 1, 1, "{\"name\":\"B\"}"), ERR_REFUSED);
    static const char *const ids[] = {"j1", "j2", "j77", "j0", "j007"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"name\":\"%s\"," REST, ids[i]);
        assert_int_equal(create(scene, text, &number), ERR_INVALID);
        assert_int_equal(publish_new(scene, text), ERR_INVALID);
    }
    static const char *const no_ids[] = {"j", "J1", "j1 ", "jj1", "j1x"};
    assert_int_equal(control_position(scene->control), position);
    for (size_t i = 0; i < sizeof no_ids / sizeof *no_ids; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"name\":\"%s\"," REST, no_ids[i]);
        assert_int_equal(create(scene, text, &number), ERR_OK);
    }
    assert_int_equal(create(scene, "{\"nodes\":{}}", &number), ERR_INVALID);
    assert_int_equal(create(scene, "[]", &number), ERR_INVALID);
}

/* As data directories made before there were ids have it: the body is the definition. */
static void a_log_from_before_ids_loads_and_goes_on(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    put_raw(scene, "name", "{\"event\":\"In\"}");
    put_raw(scene, "publish", "{\"name\":\"A\",\"description\":\"d\"," REST);
    put_raw(scene, "publish", "{\"name\":\"j1\"," REST);
    put_raw(scene, "pause", "{\"version\":1}");
    assert_int_equal(reopen(scene), ERR_OK);
    assert_int_equal(create(scene, "{\"name\":\"C\"}", &number), ERR_OK);
    assert_int_equal(publish_new(scene, "{\"name\":\"D\"," REST), ERR_OK);
    expect(scene, "j1 A made 2 by ann at 2, changed 2, 0 saves; \"d\"; version 0 at 2 by ann, running\n"
                  "j2 j1 made 3 by ann at 3, changed 4, 0 saves; \"\"; version 1 at 3 by ann, paused\n"
                  "j3 C made 5 by ann at 5, changed 5, 1 saves; \"\"; draft 1 at 5 by ann\n"
                  "j4 D made 6 by ann at 6, changed 6, 0 saves; \"\"; version 2 at 6 by ann, running\n");
    assert_int_equal(control_find_journey(scene->control, STR("j1"))->number, 1);
    json_t *document;
    assert_int_equal(control_document(scene->store, 2, &document, NULL), ERR_OK);
    assert_string_equal(json_string_value(json_object_get(document, "name")), "A");
    json_decref(document);
    expect_the_same_after_reopening(scene);
}

static void a_log_that_makes_no_sense_is_named_and_not_loaded(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *body;
    } damaged[] = {
        {"draft", "{\"journey\":4,\"revision\":1,\"name\":\"X\",\"document\":{}}"},
        {"draft", "{\"journey\":1,\"revision\":3,\"name\":\"A\",\"document\":{}}"},
        {"draft", "{\"journey\":1,\"revision\":\"2\",\"name\":\"A\",\"document\":{}}"},
        {"draft", "{\"journey\":1,\"revision\":2,\"document\":{}}"},
        {"draft", "{\"journey\":0,\"revision\":2,\"name\":\"A\",\"document\":{}}"},
        {"draft", "{\"journey\":1"},
        {"draft", "[]"},
        {"discard", "{\"journey\":2,\"revision\":1}"},
        {"discard", "{\"journey\":9,\"revision\":1}"},
        {"discard", "{}"},
        {"publish", "{\"journey\":2,\"document\":{\"name\":\"Gone\"," REST "}"},
        {"publish", "{\"journey\":7,\"document\":{\"name\":\"Far\"," REST "}"},
        {"publish", "{\"journey\":\"1\",\"document\":{\"name\":\"A\"," REST "}"},
        {"publish", "{\"journey\":1,\"document\":{\"name\":\"A\"}}"},
        {"publish", "{\"journey\":1,\"document\":7}"},
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        void *own;
        assert_int_equal(open_scene(&own), 0);
        struct scene *scene = own;
        put_raw(scene, "name", "{\"event\":\"In\"}");
        put_raw(scene, "draft", "{\"journey\":1,\"revision\":1,\"name\":\"A\",\"document\":{}}");
        put_raw(scene, "draft", "{\"journey\":2,\"revision\":1,\"name\":\"Gone\",\"document\":{}}");
        put_raw(scene, "discard", "{\"journey\":2,\"revision\":1}");
        assert_int_equal(reopen(scene), ERR_OK);
        put_raw(scene, damaged[i].kind, damaged[i].body);
        assert_int_equal(reopen(scene), ERR_CORRUPT);
        assert_non_null(strstr(scene->detail.place, "control entry 5"));
        close_scene(&own);
    }
}

static void what_the_store_does_not_take_changes_nothing(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    assert_int_equal(create(scene, "{\"name\":\"A\"," REST, &number), ERR_OK);
    assert_int_equal(publish_new(scene, "{\"name\":\"B\"," REST), ERR_OK);
    struct buf before = {0};
    describe(scene, &before);
    for (int what = 0; what < 4; what++) {
        json_t *document = parse("{\"name\":\"A\"," REST);
        const struct control_by by = next_by(scene);
        uint16_t version;
        store_memory_fail_at(scene->store, 1, COMMIT_FAILED);
        enum err err = what == 0   ? create(scene, "{\"name\":\"C\"}", &number)
                       : what == 1 ? save(scene, 1, 1, "{\"name\":\"A\"}")
                       : what == 2
                           ? discard(scene, 1)
                           : control_draft_publish(scene->control, 1, 1, document, &by, &version, NULL);
        assert_int_equal(err, ERR_IO);
        json_decref(document);
        expect(scene, before.data);
    }
    buf_deinit(&before);
    expect_the_same_after_reopening(scene);
    assert_int_equal(publish(scene, 1, 1), ERR_OK);
}

static void a_key_that_was_used_is_refused_for_anything_else(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    scene->key = STR("k");
    assert_int_equal(create(scene, "{\"name\":\"A\"," REST, &number), ERR_OK);
    assert_int_equal(create(scene, "{\"name\":\"B\"}", &number), ERR_REFUSED);
    assert_int_equal(save(scene, 1, 1, "{\"name\":\"A\"}"), ERR_REFUSED);
    assert_int_equal(publish(scene, 1, 1), ERR_REFUSED);
    assert_int_equal(publish_new(scene, "{\"name\":\"B\"," REST), ERR_REFUSED);
    assert_int_equal(discard(scene, 1), ERR_REFUSED);
    assert_string_equal(scene->detail.place, "Idempotency-Key");
    expect(scene, "j1 A made 1 by ann at 1, changed 1, 1 saves; \"\"; draft 1 at 1 by ann\n");
}

static void what_could_not_be_read_again_is_not_stored(void **state)
{
    struct scene *scene = *state;
    uint32_t number;
    char text[300];
    for (int depth = 62; depth <= 63; depth++) {
        int size = snprintf(text, sizeof text, "{\"name\":\"D%d\",\"nodes\":", depth);
        memset(text + size, '[', (size_t)depth);
        memset(text + size + depth, ']', (size_t)depth);
        snprintf(text + size + 2 * depth, sizeof text - (size_t)size - 2 * (size_t)depth, "}");
        assert_int_equal(create(scene, text, &number), depth == 62 ? ERR_OK : ERR_INVALID);
    }
    expect_the_same_after_reopening(scene);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)
    const struct CMUnitTest tests[] = {
        CASE(ids_are_given_in_order_and_never_again),
        CASE(a_draft_that_is_published_becomes_a_version_and_the_next_goes_on_counting),
        CASE(a_save_on_what_is_not_there_any_more_is_refused),
        CASE(a_name_belongs_to_one_journey_and_is_no_id),
        CASE(a_log_from_before_ids_loads_and_goes_on),
        CASE(a_log_that_makes_no_sense_is_named_and_not_loaded),
        CASE(what_the_store_does_not_take_changes_nothing),
        CASE(a_key_that_was_used_is_refused_for_anything_else),
        CASE(what_could_not_be_read_again_is_not_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
