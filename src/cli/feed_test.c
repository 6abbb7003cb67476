#include "cli/feed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "cli/figures_print.h"
#include "store/memory/store_memory.h"
#include "json/document.h"

enum { PARTITIONS = 4, EVENTS = 400, MILESTONES = 8 };

static const char definition[] =
    "{\"name\":\"Wait\",\"entry\":{\"rules\":[{\"event\":\"Cart\"}],\"reentry\":{\"allowed\":true}},"
    "\"exits\":[{\"event\":\"Order\"}],\"nodes\":{\"rest\":{\"type\":\"wait\",\"for\":\"6h\",\"next\":"
    "\"push\"},"
    "\"push\":{\"type\":\"activate\",\"destinations\":[\"crm\",\"mail\"],\"next\":\"tier\"},"
    "\"tier\":{\"type\":\"split\",\"paths\":[{\"name\":\"loyal\",\"rule\":{\"did\":\"Order\",\"at_least\":2,"
    "\"within\":\"9d\"},"
    "\"next\":\"done\"}],\"on\":{\"others\":\"out\"}},\"done\":{\"type\":\"stop\"},\"out\":{\"type\":"
    "\"exit\"}},\"start\":\"rest\"}";

struct bench {
    char path[64];
    json_t *document;
    struct file *events;
    int64_t milestones[MILESTONES];
    char *expected; /* figures when nothing fails */
    bool later;     /* commits are answered by another thread, later */
};

/* ── a world in which time passes only when somebody looks ── */

static double seconds_seen;

static double seconds(void)
{
    return seconds_seen += 0.001;
}

static void sleep_ms(int64_t ms)
{
    (void)ms;
}

static int set_up(void **state)
{
    struct bench *bench = memory_take_zeroed(1, sizeof *bench);
    struct err_detail detail;
    snprintf(bench->path, sizeof bench->path, "/tmp/sojourn-feed-XXXXXX");
    int fd = mkstemp(bench->path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "w");
    struct prng prng = {3};
    for (int i = 0; i < EVENTS; i++) {
        char at[32];
        instant_print(DAY_MS * 20000 + (int64_t)prng_below(&prng, 10 * 24) * HOUR_MS, false, at);
        fprintf(out, "{\"userId\":\"c%d\",\"event\":\"%s\",\"timestamp\":\"%s\"}\n",
                (int)prng_below(&prng, 30), prng_chance(&prng, 50) ? "Cart" : "Order", at);
    }
    fclose(out);
    assert_int_equal(file_open(bench->path, FILE_EVENTS, &bench->events, &detail), ERR_OK);
    assert_int_equal(document_parse(str_from(definition), "", &bench->document, &detail), ERR_OK);
    for (int i = 0; i < MILESTONES; i++)
        bench->milestones[i] = DAY_MS * (20001 + i);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    unlink(bench->path);
    file_close(bench->events);
    json_decref(bench->document);
    free(bench->expected);
    free(bench);
    return 0;
}

/* The journey is published, then paused and resumed by turns. */
static enum err act(void *context, size_t milestone, uint64_t *ret_position, struct err_detail *detail)
{
    void *const *both = context;
    const struct bench *bench = both[0];
    struct control *control = both[1];
    char key[16];
    int size = snprintf(key, sizeof key, "key-%zu", milestone);
    const struct control_by by = {STR("test"), {key, (size_t)size}, bench->milestones[milestone]};
    uint16_t version;
    if (control_find_key(control, by.key, ret_position))
        return ERR_OK;
    enum err err = milestone == 0
                       ? control_publish(control, bench->document, &by, &version, detail)
                       : control_act(control, milestone % 2 ? ACTION_PAUSE : ACTION_RESUME,
                                     milestone % 2 ? HOLD_ALL : HOLD_NONE, STR("Wait"), &by, detail);
    if (!err)
        *ret_position = control_position(control);
    return err;
}

static bool answer(void *context, const struct effect_row *effect, bool *ret_failed)
{
    (void)context;
    *ret_failed = effect->destination == 1 && effect->contact % 3 == 0;
    return true;
}

static char *figures_text(struct partition *const *partitions, const struct control *control)
{
    struct arena arena = {0};
    struct figures figures;
    figures_collect(partitions, PARTITIONS, control, &arena, &figures);
    json_t *json = figures_json(&figures, -1, true);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    arena_deinit(&arena);
    return text;
}

/* ── a writer that answers from a thread of its own ── */

struct writer {
    struct store *store;
    pthread_t thread;
    _Atomic bool ends;
};

static void *write_on(void *context)
{
    struct writer *writer = context;
    while (!writer->ends) {
        if (store_memory_run(writer->store, 1) == 0)
            usleep(20);
    }
    return NULL;
}

static void writer_begin(struct writer *writer, struct store *store)
{
    *writer = (struct writer){.store = store};
    store_memory_set_manual(store, true);
    assert_int_equal(pthread_create(&writer->thread, NULL, write_on, writer), 0);
}

static void writer_end(struct writer *writer)
{
    writer->ends = true;
    pthread_join(writer->thread, NULL);
    store_memory_set_manual(writer->store, false);
}

/* One process's life on a store: opens everything, feeds, ends. NULL and the error where something failed. */
static char *live(struct bench *bench, struct store *store, struct err_detail *detail)
{
    struct control *control = NULL;
    struct partition *partitions[PARTITIONS] = {NULL};
    struct environment environment = {
        .err = fopen("/dev/null", "w"), .seconds = seconds, .sleep_ms = sleep_ms};
    char *text = NULL;
    struct writer writer;
    if (bench->later)
        writer_begin(&writer, store);
    enum err err = control_open(store, false, &control, detail);
    for (uint32_t id = 0; id < PARTITIONS && !err; id++) {
        const struct partition_options options = {
            .id = id, .store = store, .control = control, .answer = answer, .cycle_rows = 50};
        err = partition_open(&options, &partitions[id], detail);
    }
    void *both[] = {bench, control};
    const struct feed_options options = {.environment = &environment,
                                         .name = "test",
                                         .store = store,
                                         .control = control,
                                         .partitions = partitions,
                                         .partition_count = PARTITIONS,
                                         .events = bench->events,
                                         .start_ms = DAY_MS * 20000,
                                         .until_ms = INSTANT_NEVER,
                                         .milestones = bench->milestones,
                                         .milestone_count = MILESTONES - 1,
                                         .act = act,
                                         .context = both};
    if (!err)
        err = feed_run(&options, detail);
    if (!err)
        text = figures_text(partitions, control);
    if (bench->later)
        writer_end(&writer);
    for (uint32_t id = 0; id < PARTITIONS; id++)
        partition_close(partitions[id]);
    control_close(control);
    fclose(environment.err);
    return text;
}

static const char *expected(struct bench *bench)
{
    struct err_detail detail = {0};
    if (!bench->expected) {
        struct store *store = store_memory_new(PARTITIONS);
        bench->expected = live(bench, store, &detail);
        store_close(store);
    }
    if (!bench->expected)
        fail_msg("%s: %s", detail.place, detail.text);
    return bench->expected;
}

static void the_figures_are_those_of_the_events(void **state)
{
    assert_non_null(strstr(expected(*state), "\"contacts\":30,\"events\":400"));
    assert_null(strstr(expected(*state), "\"qualified\":0"));
}

static void fed_again_nothing_changes(void **state)
{
    struct bench *bench = *state;
    struct err_detail detail;
    struct store *store = store_memory_new(PARTITIONS);
    for (int i = 0; i < 3; i++) {
        char *text = live(bench, store, &detail);
        assert_string_equal(text, expected(bench));
        free(text);
    }
    store_close(store);
}

/* How many calls that may fail a life makes: a failure armed far ahead is then met by counting on. */
static uint64_t calls_of_a_life(struct bench *bench)
{
    enum { AHEAD = 100000 };
    struct store *store = store_memory_new(PARTITIONS);
    struct err_detail detail;
    struct partition_head head;
    store_memory_fail_at(store, AHEAD, COMMIT_FAILED);
    free(live(bench, store, &detail));
    uint64_t left = 1;
    while (store_head(store, 0, &head, &detail) == ERR_OK)
        left++;
    store_close(store);
    return AHEAD - left;
}

/* Every call of the store fails once. Who is ended by that is followed by another process; a commit that is
 * to be tried again is not noticed. */
static void assert_survives(struct bench *bench, enum commit_status status)
{
    uint64_t calls = calls_of_a_life(bench), ended = 0;
    assert_in_range(calls, 30, 10000);
    for (uint64_t k = 1; k <= calls; k++) {
        struct store *store = store_memory_new(PARTITIONS);
        struct err_detail detail = {0};
        store_memory_fail_at(store, k, status);
        char *text = live(bench, store, &detail);
        if (!text) {
            ended++;
            assert_true(detail.text[0]);
            text = live(bench, store, &detail);
        }
        if (!text || strcmp(text, expected(bench)) != 0)
            fail_msg("call %lu of %lu: %s, expected %s", (unsigned long)k, (unsigned long)calls,
                     text ? text : detail.text, expected(bench));
        free(text);
        store_close(store);
    }
    assert_in_range(ended, 1, calls); /* what is no commit ends the process whatever the status */
    if (status == COMMIT_FAILED)
        assert_int_equal(ended, calls);
}

static void a_commit_that_is_to_be_tried_again_is_not_noticed(void **state)
{
    assert_survives(*state, COMMIT_RETRY);
}

static void a_commit_of_unknown_outcome_is_not_noticed(void **state)
{
    assert_survives(*state, COMMIT_UNKNOWN);
}

static void nor_with_two_commits_on_their_way(void **state)
{
    struct bench *bench = *state;
    bench->later = true;
    assert_survives(bench, COMMIT_RETRY);
    assert_survives(bench, COMMIT_UNKNOWN);
    assert_survives(bench, COMMIT_FAILED);
}

static void after_a_failure_the_next_process_goes_on(void **state)
{
    assert_survives(*state, COMMIT_FAILED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_figures_are_those_of_the_events),
        CASE(fed_again_nothing_changes),
        CASE(a_commit_that_is_to_be_tried_again_is_not_noticed),
        CASE(a_commit_of_unknown_outcome_is_not_noticed),
        CASE(nor_with_two_commits_on_their_way),
        CASE(after_a_failure_the_next_process_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
