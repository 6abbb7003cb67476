/* The dispatcher beside a crew over the memory store, with a real file. What is waited for is looked at
 * between two rounds, again and again; nothing sleeps. */
#include "delivery/dispatch.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/file_folder.h"
#include "store/memory/store_memory.h"
#include "json/document.h"

enum { PARTITIONS = 4, WORKERS = 2, MANY = 3000, LOOKS_MAX = 10000000 };

struct scene {
    struct folder *folder;
    struct store *store;
    struct store_calls calls; /* the store's, but for effects_put */
    struct control *control;
    struct crew *crew;
    struct dispatch *dispatch;
    _Atomic int64_t now_ms;
    _Atomic uint32_t refusals; /* of effects_put, to come */
    _Atomic uint32_t problems, solved;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t answered; /* guarded by the mutex */
    uint32_t contacts, inbox_max;
    uint16_t event;
};

static const char journey[] = "{\"name\":\"Greet\",\"entry\":{\"rules\":[{\"event\":\"Seen\"}]},"
                              "\"nodes\":{\"tell\":{\"type\":\"activate\",\"destinations\":[\"crm\"],"
                              "\"next\":\"end\"},\"end\":{\"type\":\"stop\"}},\"start\":\"tell\"}";

/* ── the store, that refuses as it is told ────────────────────────────────── */

static struct scene *the_scene; /* a store's calls get nothing but the store */
static enum err (*real_effects_put)(struct store *, const struct store_effect *, size_t, struct err_detail *);

static enum err refusing_effects_put(struct store *store, const struct store_effect *effects, size_t count,
                                     struct err_detail *detail)
{
    if (atomic_load(&the_scene->refusals) == 0)
        return real_effects_put(store, effects, count, detail);
    atomic_fetch_sub(&the_scene->refusals, 1);
    return err_fail(detail, ERR_FULL, "", "it was told to be full");
}

/* ── the scene ────────────────────────────────────────────────────────────── */

static int64_t clock_of(void *context)
{
    return atomic_load(&((struct scene *)context)->now_ms);
}

static void on_durable(void *context, const struct batch *batch)
{
    dispatch_take(((struct scene *)context)->dispatch, batch);
}

static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    fprintf(stderr, "the store broke: %s\n", detail ? detail->text : "");
    abort();
}

static void on_problem(void *context, struct str destination, const struct err_detail *cause)
{
    struct scene *scene = context;
    if (str_equal(destination, STR("crm")))
        atomic_fetch_add(cause ? &scene->problems : &scene->solved, 1);
}

static struct destination_settings crm(const struct scene *scene)
{
    return folder_settings(scene->folder->file);
}

static void load_dispatch(struct scene *scene)
{
    const struct dispatch_options dispatch = {.store = scene->store,
                                              .crew = scene->crew,
                                              .control = scene->control,
                                              .inbox_max = scene->inbox_max,
                                              .clock = clock_of,
                                              .clock_context = scene,
                                              .on_problem = on_problem,
                                              .on_broken = on_broken,
                                              .context = scene};
    assert_int_equal(dispatch_new(&dispatch, &scene->dispatch, NULL), ERR_OK);
}

static void load(struct scene *scene)
{
    assert_int_equal(control_open(scene->store, false, &scene->control, NULL), ERR_OK);
    const struct crew_options crew = {.store = scene->store,
                                      .control = scene->control,
                                      .workers = WORKERS,
                                      .clock = clock_of,
                                      .clock_context = scene,
                                      .room_bytes = 1000,
                                      .on_durable = on_durable,
                                      .on_broken = on_broken,
                                      .context = scene};
    assert_int_equal(crew_new(&crew, &scene->crew, NULL), ERR_OK);
    load_dispatch(scene);
}

static void start(struct scene *scene)
{
    crew_start(scene->crew);
    dispatch_start(scene->dispatch, true);
}

static void stop(struct scene *scene)
{
    dispatch_stop(scene->dispatch);
    crew_stop(scene->crew);
}

static void unload(struct scene *scene)
{
    dispatch_free(scene->dispatch);
    crew_free(scene->crew);
    control_close(scene->control);
}

static int begin(void **state)
{
    struct scene *scene = memory_take_zeroed(1, sizeof *scene);
    void *folder;
    if (folder_make(&folder))
        return -1;
    scene->folder = folder;
    scene->store = store_memory_new(PARTITIONS);
    scene->calls = *scene->store->calls;
    real_effects_put = scene->calls.effects_put;
    scene->calls.effects_put = refusing_effects_put;
    scene->store->calls = &scene->calls;
    the_scene = scene;
    scene->now_ms = INT64_C(1767225600000);
    pthread_mutex_init(&scene->mutex, NULL);
    pthread_cond_init(&scene->changed, NULL);
    load(scene);
    json_t *document;
    uint16_t version;
    const struct control_by by = {.actor = STR("test"), .at_ms = scene->now_ms};
    assert_int_equal(document_parse(str_from(journey), "journey", &document, NULL), ERR_OK);
    assert_int_equal(control_publish(scene->control, document, &by, &version, NULL), ERR_OK);
    json_decref(document);
    scene->event = control_name(scene->control, NAME_EVENT, STR("Seen"));
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;
    stop(scene);
    unload(scene);
    store_close(scene->store);
    pthread_cond_destroy(&scene->changed);
    pthread_mutex_destroy(&scene->mutex);
    void *folder = scene->folder;
    folder_remove(&folder);
    free(scene);
    return 0;
}

/* ── waiting ──────────────────────────────────────────────────────────────── */

static void count_answer(struct scene *scene)
{
    pthread_mutex_lock(&scene->mutex);
    scene->answered++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

static void await_answers(struct scene *scene, uint64_t count)
{
    pthread_mutex_lock(&scene->mutex);
    while (scene->answered < count)
        pthread_cond_wait(&scene->changed, &scene->mutex);
    scene->answered = 0;
    pthread_mutex_unlock(&scene->mutex);
}

struct test_order {
    struct dispatch_order order; /* first */
    struct scene *scene;
};

static void on_order(struct dispatch_order *order)
{
    count_answer(((struct test_order *)order)->scene);
}

static void order(struct scene *scene, enum dispatch_order_kind kind,
                  const struct destination_settings *settings)
{
    struct test_order posted = {
        .order = {.kind = kind, .settings = settings, .name = STR("crm"), .done = on_order}, .scene = scene};
    dispatch_post(scene->dispatch, &posted.order);
    await_answers(scene, 1);
}

/* Between two rounds; workers go on meanwhile. */
static void await_state(struct scene *scene, enum outbox_state state, uint64_t effects, uint64_t sent)
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        order(scene, DISPATCH_BARRIER, NULL);
        struct dispatch_figures figures = dispatch_figures(scene->dispatch);
        if (figures.effects[state] == effects && figures.sent == sent)
            return;
        sched_yield();
    }
    fail_msg("it does not come to be %lu %s and %lu sent", (unsigned long)effects, outbox_state_name(state),
             (unsigned long)sent);
}

/* All are sent and closed. */
static void await_sent(struct scene *scene, uint64_t sent)
{
    for (size_t i = 0; i < OUTBOX_STATES; i++)
        await_state(scene, (enum outbox_state)i, 0, sent);
}

/* ── what happens ─────────────────────────────────────────────────────────── */

struct posted {
    struct mail mail; /* first */
    struct scene *scene;
    struct input input;
    char contact[32];
};

static void on_done(struct mail *mail, enum err err)
{
    struct posted *posted = (struct posted *)mail;
    assert_int_equal(err, ERR_OK);
    struct scene *scene = posted->scene;
    free(posted);
    count_answer(scene);
}

/* So many new contacts come in; each is answered when its effect is durable. */
static void post_contacts(struct scene *scene, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct posted *posted = memory_take_zeroed(1, sizeof *posted);
        posted->scene = scene;
        snprintf(posted->contact, sizeof posted->contact, "c-%u", scene->contacts++);
        struct str id = str_from(posted->contact);
        posted->input = (struct input){.kind = INPUT_RECORD,
                                       .record = {.kind = EVENT_TRACK,
                                                  .external_id = id,
                                                  .hash = contact_hash(id),
                                                  .at_ms = atomic_load(&scene->now_ms),
                                                  .name = scene->event}};
        posted->mail = (struct mail){.lane = LANE_RECORDS, .done = on_done};
        posted->mail.inputs.items = &posted->input;
        posted->mail.inputs.count = 1;
        crew_post(scene->crew, partition_of(posted->input.record.hash, PARTITIONS), &posted->mail);
    }
}

static void come(struct scene *scene, uint32_t count)
{
    post_contacts(scene, count);
    await_answers(scene, count);
}

/* Answered when every partition has committed past it, as the API does it. */
static void act(struct scene *scene, enum action_kind kind)
{
    const struct control_by by = {.actor = STR("test"), .at_ms = atomic_load(&scene->now_ms)};
    crew_control_write(scene->crew);
    enum version_hold hold = kind == ACTION_PAUSE ? HOLD_ALL : HOLD_NONE;
    assert_int_equal(control_act(scene->control, kind, hold, STR("Greet"), &by, NULL), ERR_OK);
    uint64_t position = control_position(scene->control);
    crew_control_unlock(scene->crew);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct posted *posted = memory_take_zeroed(1, sizeof *posted);
        posted->scene = scene;
        posted->mail = (struct mail){.lane = LANE_CONTROL, .done = on_done, .control_to = position};
        crew_post(scene->crew, p, &posted->mail);
    }
    await_answers(scene, PARTITIONS);
}

static size_t file_bytes(const struct scene *scene)
{
    struct stat at;
    return stat(scene->folder->file, &at) ? 0 : (size_t)at.st_size;
}

/* Every line is whole, has a key and a contact of its own, and there are so many. */
static void assert_lines(const struct scene *scene, size_t count)
{
    struct buf content = folder_content(scene->folder);
    bool *met = memory_take_zeroed(scene->contacts + 1, sizeof *met);
    size_t lines = 0;
    for (size_t at = 0; at < content.size; lines++) {
        const char *line = content.data + at, *newline = memchr(line, '\n', content.size - at);
        assert_non_null(newline);
        const char *contact = memmem(line, (size_t)(newline - line), "\"contact\":\"c-", 13);
        assert_non_null(contact);
        unsigned long number = strtoul(contact + 13, NULL, 10);
        assert_true(number < scene->contacts);
        assert_false(met[number]);
        met[number] = true;
        at += (size_t)(newline - line) + 1;
    }
    assert_int_equal(lines, count);
    free(met);
    buf_deinit(&content);
}

/* ── tests ────────────────────────────────────────────────────────────────── */

static void effects_reach_their_file_and_contacts_go_on(void **state)
{
    struct scene *scene = *state;
    const struct destination_settings settings = crm(scene);
    dispatch_define(scene->dispatch, &settings);
    start(scene);
    come(scene, MANY);
    await_sent(scene, MANY);
    assert_lines(scene, MANY);
    stop(scene);
    for (uint32_t p = 0; p < PARTITIONS; p++) /* nobody is at the node any more */
        assert_true(handover_after(crew_partition(scene->crew, p)) == UINT64_MAX);
}

static void after_a_barrier_nothing_of_a_paused_version_leaves(void **state)
{
    struct scene *scene = *state;
    const struct destination_settings settings = crm(scene);
    dispatch_define(scene->dispatch, &settings);
    start(scene);
    uint64_t expected = 0;
    for (int round = 0; round < 10; round++) {
        come(scene, MANY / 2); /* much of it is under way */
        expected += MANY / 2;
        act(scene, ACTION_PAUSE);
        order(scene, DISPATCH_BARRIER, NULL);
        size_t bytes = file_bytes(scene);
        order(scene, DISPATCH_LOOK_AGAIN, NULL); /* they are asked about again, and held */
        uint64_t sent = dispatch_figures(scene->dispatch).sent;
        await_state(scene, OUTBOX_READY, 0, sent);
        assert_int_equal(file_bytes(scene), bytes);
        assert_int_equal(dispatch_figures(scene->dispatch).sent, sent);
        act(scene, ACTION_RESUME);
        order(scene, DISPATCH_LOOK_AGAIN, NULL);
        await_sent(scene, expected);
    }
    assert_lines(scene, expected);
}

static void effects_wait_for_a_destination_to_be_defined(void **state)
{
    struct scene *scene = *state;
    const struct destination_settings settings = crm(scene);
    start(scene);
    come(scene, 10);
    await_state(scene, OUTBOX_UNDEFINED, 10, 0);
    order(scene, DISPATCH_DEFINE, &settings);
    await_sent(scene, 10);
    order(scene, DISPATCH_UNDEFINE, NULL);
    come(scene, 5);
    await_state(scene, OUTBOX_UNDEFINED, 5, 10);
    struct outbox_view view;
    assert_true(dispatch_find(scene->dispatch, STR("crm"), &view));
    assert_true(!view.defined && view.sent == 10 && view.effects[OUTBOX_UNDEFINED] == 5);
    assert_false(dispatch_find(scene->dispatch, STR("mailer"), &view));
    assert_lines(scene, 10);
    order(scene, DISPATCH_DEFINE, &settings); /* the same file: the former one has let it go */
    await_sent(scene, 15);
    assert_lines(scene, 15);
}

static void a_destination_that_fails_says_why_and_is_tried_again(void **state)
{
    struct scene *scene = *state;
    char inner[80], path[112];
    snprintf(inner, sizeof inner, "%s/in", scene->folder->path);
    snprintf(path, sizeof path, "%s/crm", inner);
    const struct destination_settings settings = folder_settings(path);
    dispatch_define(scene->dispatch, &settings);
    struct outbox_view view;
    assert_true(dispatch_find(scene->dispatch, STR("crm"), &view));
    assert_true(view.defined && view.failing && strstr(view.cause.place, "/in"));
    assert_int_equal(view.retry_ms, scene->now_ms + OUTBOX_RETRY_MS_MIN);
    start(scene);
    come(scene, 10);
    await_state(scene, OUTBOX_WAITING, 10, 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    atomic_fetch_add(&scene->now_ms, OUTBOX_RETRY_MS_MIN);
    await_sent(scene, 10);
    assert_true(dispatch_find(scene->dispatch, STR("crm"), &view));
    assert_false(view.failing);
    assert_true(scene->problems == 1 && scene->solved == 1);
    unlink(path);
    rmdir(inner);
}

static void a_store_that_is_full_delays_what_leaves(void **state)
{
    struct scene *scene = *state;
    const struct destination_settings settings = crm(scene);
    dispatch_define(scene->dispatch, &settings);
    atomic_store(&scene->refusals, 3);
    start(scene);
    come(scene, 10);
    for (uint32_t left = 3; left-- > 0;) {
        while (atomic_load(&scene->refusals) > left)
            order(scene, DISPATCH_BARRIER, NULL);
        order(scene, DISPATCH_BARRIER, NULL); /* the pause, however much comes in, is kept */
        assert_int_equal(atomic_load(&scene->refusals), left);
        assert_int_equal(file_bytes(scene), 0);
        atomic_fetch_add(&scene->now_ms, 1000);
    }
    await_sent(scene, 10);
    assert_lines(scene, 10);
}

/* On the dispatcher's thread: a round that does not end before the workers have done all. */
static void on_long_order(struct dispatch_order *order)
{
    struct test_order *posted = (struct test_order *)order;
    struct scene *scene = posted->scene;
    pthread_mutex_lock(&scene->mutex);
    while (scene->answered < MANY)
        pthread_cond_wait(&scene->changed, &scene->mutex);
    pthread_mutex_unlock(&scene->mutex);
    count_answer(scene);
}

static void what_has_no_room_while_a_round_is_long_is_read_back(void **state)
{
    struct scene *scene = *state;
    dispatch_free(scene->dispatch);
    scene->inbox_max = 100;
    load_dispatch(scene);
    const struct destination_settings settings = crm(scene);
    dispatch_define(scene->dispatch, &settings);
    start(scene);
    struct test_order posted = {.order = {.kind = DISPATCH_BARRIER, .done = on_long_order}, .scene = scene};
    dispatch_post(scene->dispatch, &posted.order);
    post_contacts(scene, MANY);
    await_answers(scene, MANY + 1);
    await_sent(scene, MANY);
    assert_lines(scene, MANY);
    come(scene, MANY); /* and it has caught up */
    await_sent(scene, 2 * MANY);
    assert_lines(scene, 2 * MANY);
}

static void what_was_open_at_the_end_goes_out_at_the_next_start(void **state)
{
    struct scene *scene = *state;
    const struct destination_settings settings = crm(scene);
    start(scene);
    come(scene, MANY);
    await_state(scene, OUTBOX_UNDEFINED, MANY, 0);
    order(scene, DISPATCH_DEFINE, &settings); /* and at once, in the midst of it */
    stop(scene);
    unload(scene);
    load(scene);
    struct dispatch_figures figures = dispatch_figures(scene->dispatch);
    assert_int_equal(figures.effects[OUTBOX_UNCERTAIN], 0); /* results came to their partitions */
    uint64_t left = figures.effects[OUTBOX_READY];
    dispatch_define(scene->dispatch, &settings);
    start(scene);
    await_sent(scene, left);
    assert_lines(scene, MANY);
}

#define IN_A_SCENE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_SCENE(effects_reach_their_file_and_contacts_go_on),
        IN_A_SCENE(after_a_barrier_nothing_of_a_paused_version_leaves),
        IN_A_SCENE(effects_wait_for_a_destination_to_be_defined),
        IN_A_SCENE(a_destination_that_fails_says_why_and_is_tried_again),
        IN_A_SCENE(a_store_that_is_full_delays_what_leaves),
        IN_A_SCENE(what_has_no_room_while_a_round_is_long_is_read_back),
        IN_A_SCENE(what_was_open_at_the_end_goes_out_at_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
