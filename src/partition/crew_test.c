#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include <sched.h>

#include "partition/crew.h"
#include "store/memory/store_memory.h"
#include "json/document.h"

enum { PARTITIONS = 4, WORKERS = 2, THREADS = 3, MAILS_EACH = 200 };

struct scene {
    struct store *store;
    struct control *control;
    struct crew *crew;
    _Atomic int64_t now_ms;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t answered; /* guarded by the mutex */
    _Atomic uint64_t effects_durable, looks;
    uint16_t event;
    uint16_t held; /* guarded, like the next */
    unsigned alerts;
};

/* A record in a mailbox, freed by its answer. */
struct posted {
    struct mail mail; /* first */
    struct scene *scene;
    struct input input;
    char contact[32];
    uint64_t seen; /* by a read: the events that it saw */
};

static int64_t clock_of(void *context)
{
    struct scene *scene = context;
    return atomic_load(&scene->now_ms);
}

static void on_durable(void *context, const struct batch *batch)
{
    struct scene *scene = context;
    atomic_fetch_add(&scene->effects_durable, batch->effects.count);
    pthread_mutex_lock(&scene->mutex);
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    fprintf(stderr, "the store broke: %s\n", detail ? detail->text : "");
    abort();
}

static const char journey[] = "{\"name\":\"Greet\",\"entry\":{\"rules\":[{\"event\":\"Seen\"}]},"
                              "\"nodes\":{\"pause\":{\"type\":\"wait\",\"for\":\"1h\",\"next\":\"tell\"},"
                              "\"tell\":{\"type\":\"activate\",\"destinations\":[\"crm\"],\"next\":\"end\"},"
                              "\"end\":{\"type\":\"stop\"}},\"start\":\"pause\"}";

static const char loop[] =
    "{\"name\":\"Loop\",\"entry\":{\"rules\":[{\"event\":\"Seen\"}],\"reentry\":{\"allowed\":true}},"
    "\"nodes\":{\"end\":{\"type\":\"stop\"}},\"start\":\"end\"}";

static uint16_t publish(struct scene *scene, const char *text)
{
    json_t *document;
    uint16_t version;
    assert_int_equal(document_parse(str_from(text), "journey", &document, NULL), ERR_OK);
    const struct control_by by = {.actor = STR("test"), .at_ms = scene->now_ms};
    assert_int_equal(control_publish(scene->control, document, &by, &version, NULL), ERR_OK);
    json_decref(document);
    return version;
}

static void on_alert(void *context, const struct engine_alert *alert)
{
    struct scene *scene = context;
    pthread_mutex_lock(&scene->mutex);
    scene->held = alert->version;
    scene->alerts++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

static struct crew *crew_of(struct scene *scene)
{
    struct crew *crew;
    const struct crew_options options = {.store = scene->store,
                                         .control = scene->control,
                                         .workers = WORKERS,
                                         .clock = clock_of,
                                         .clock_context = scene,
                                         .room_bytes = 1000,
                                         .dedupe_ids_max = 10000,
                                         .on_durable = on_durable,
                                         .on_alert = on_alert,
                                         .on_broken = on_broken,
                                         .context = scene};
    assert_int_equal(crew_new(&options, &crew, NULL), ERR_OK);
    return crew;
}

static int begin(void **state)
{
    struct scene *scene = memory_take_zeroed(1, sizeof *scene);
    scene->store = store_memory_new(PARTITIONS);
    scene->now_ms = INT64_C(1767225600000);
    pthread_mutex_init(&scene->mutex, NULL);
    pthread_cond_init(&scene->changed, NULL);
    assert_int_equal(control_open(scene->store, false, &scene->control, NULL), ERR_OK);
    publish(scene, journey);
    scene->event = control_name(scene->control, NAME_EVENT, STR("Seen"));
    scene->crew = crew_of(scene);
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;
    crew_stop(scene->crew);
    crew_free(scene->crew);
    control_close(scene->control);
    store_close(scene->store);
    pthread_cond_destroy(&scene->changed);
    pthread_mutex_destroy(&scene->mutex);
    free(scene);
    return 0;
}

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
    pthread_mutex_unlock(&scene->mutex);
}

static void on_record_done(struct mail *mail, enum err err)
{
    struct posted *posted = (struct posted *)mail;
    assert_int_equal(err, ERR_OK);
    struct scene *scene = posted->scene;
    free(posted);
    count_answer(scene);
}

static uint32_t post_message(struct scene *scene, const char *contact, uint64_t message)
{
    struct posted *posted = memory_take_zeroed(1, sizeof *posted);
    posted->scene = scene;
    snprintf(posted->contact, sizeof posted->contact, "%s", contact);
    struct str id = str_from(posted->contact);
    posted->input = (struct input){.kind = INPUT_RECORD,
                                   .record = {.kind = EVENT_TRACK,
                                              .external_id = id,
                                              .hash = contact_hash(id),
                                              .message = message,
                                              .at_ms = atomic_load(&scene->now_ms),
                                              .name = scene->event}};
    posted->mail = (struct mail){.lane = LANE_RECORDS, .done = on_record_done};
    posted->mail.inputs.items = &posted->input;
    posted->mail.inputs.count = 1;
    uint32_t partition = partition_of(posted->input.record.hash, PARTITIONS);
    crew_post(scene->crew, partition, &posted->mail);
    return partition;
}

static uint32_t post_record(struct scene *scene, const char *contact)
{
    return post_message(scene, contact, 0);
}

static void post_to_all(struct scene *scene)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct posted *posted = memory_take_zeroed(1, sizeof *posted);
        posted->scene = scene;
        posted->mail = (struct mail){
            .lane = LANE_CONTROL, .done = on_record_done, .control_to = control_position(scene->control)};
        crew_post(scene->crew, p, &posted->mail);
    }
}

/* Posted behind what the start takes by itself: when they are answered, so is that. */
static void begin_work(struct scene *scene)
{
    crew_start(scene->crew);
    post_to_all(scene);
    await_answers(scene, PARTITIONS);
    scene->answered = 0;
}

struct poster {
    struct scene *scene;
    unsigned number;
};

static void *post_many(void *context)
{
    const struct poster *poster = context;
    for (unsigned i = 0; i < MAILS_EACH; i++) {
        char contact[32];
        snprintf(contact, sizeof contact, "c%u", (poster->number * 7 + i) % 90);
        post_record(poster->scene, contact);
    }
    return NULL;
}

static uint64_t events_of(struct scene *scene)
{
    uint64_t events = 0;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct partition *again;
        const struct partition_options options = {
            .id = p, .store = scene->store, .control = scene->control, .read_only = true};
        assert_int_equal(partition_open(&options, &again, NULL), ERR_OK);
        events += engine_event_count(partition_engine(again));
        partition_close(again);
    }
    return events;
}

static void records_from_many_threads_are_durable_when_answered(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    pthread_t threads[THREADS];
    struct poster posters[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){scene, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    await_answers(scene, THREADS * MAILS_EACH);
    assert_int_equal(events_of(scene), THREADS * MAILS_EACH);
}

static void a_full_store_is_tried_again_and_loses_nothing(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    for (unsigned round = 0; round < 3; round++) {
        store_memory_fail_at(scene->store, 1, round % 2 ? COMMIT_UNKNOWN : COMMIT_RETRY);
        for (unsigned i = 0; i < 20; i++)
            post_record(scene, "ann");
        await_answers(scene, 20 * (round + 1));
        assert_false(crew_stalled(scene->crew));
    }
    assert_int_equal(events_of(scene), 60);
}

static void look(struct mail *mail, const struct partition *partition)
{
    struct posted *posted = (struct posted *)mail;
    posted->seen = engine_event_count(partition_engine(partition));
}

static void on_read_done(struct mail *mail, enum err err)
{
    assert_int_equal(err, ERR_OK);
    count_answer(((struct posted *)mail)->scene);
}

/* The test's own thread is the disk: until it writes, nobody is answered, the reader neither. */
static void a_read_waits_until_what_it_saw_is_durable(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    store_memory_set_manual(scene->store, true);
    uint32_t partition = post_record(scene, "ann");
    struct posted read = {.scene = scene, .mail = {.lane = LANE_READ, .done = on_read_done, .read = look}};
    while (store_memory_waiting(scene->store) == 0)
        sched_yield(); /* until the record's commit is at the store */
    crew_post(scene->crew, partition, &read.mail);
    pthread_mutex_lock(&scene->mutex);
    assert_int_equal(scene->answered, 0);
    pthread_mutex_unlock(&scene->mutex);
    assert_int_equal(store_memory_run(scene->store, SIZE_MAX), 1);
    store_memory_set_manual(scene->store, false);
    await_answers(scene, 2);
    assert_int_equal(read.seen, 1);
}

static void tell_look(struct mail *mail, const struct partition *partition)
{
    (void)partition;
    atomic_fetch_add(&((struct posted *)mail)->scene->looks, 1);
}

/* The same once more while the first is on its way to the disk: its answer promises the first one. */
static void a_repeated_record_is_answered_when_the_first_is_durable(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    store_memory_set_manual(scene->store, true);
    post_message(scene, "ann", 7);
    while (store_memory_waiting(scene->store) == 0)
        sched_yield(); /* until the record's commit is at the store */
    uint32_t partition = post_message(scene, "ann", 7);
    struct posted read = {.scene = scene,
                          .mail = {.lane = LANE_READ, .done = on_read_done, .read = tell_look}};
    crew_post(scene->crew, partition, &read.mail);
    while (atomic_load(&scene->looks) == 0)
        sched_yield(); /* until it has been taken */
    pthread_mutex_lock(&scene->mutex);
    assert_int_equal(scene->answered, 0);
    pthread_mutex_unlock(&scene->mutex);
    assert_int_equal(store_memory_run(scene->store, SIZE_MAX), 1);
    store_memory_set_manual(scene->store, false);
    await_answers(scene, 3);
    post_message(scene, "ann", 8);
    await_answers(scene, 4);
    assert_int_equal(events_of(scene), 2);
    assert_int_equal(crew_dedupe_ids(scene->crew), 2);
    assert_int_equal(crew_dedupe_window_ms(scene->crew), DAY_MS);
}

static void timers_fire_by_the_clock_without_any_mail(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    post_record(scene, "ann");
    await_answers(scene, 1);
    assert_int_equal(atomic_load(&scene->effects_durable), 0);
    atomic_fetch_add(&scene->now_ms, HOUR_MS);
    pthread_mutex_lock(&scene->mutex);
    while (atomic_load(&scene->effects_durable) == 0)
        pthread_cond_wait(&scene->changed, &scene->mutex);
    pthread_mutex_unlock(&scene->mutex);
    assert_int_equal(atomic_load(&scene->effects_durable), 1);
}

/* As after a crash between the log and the partitions: nobody posts the entry again. */
static void what_the_log_has_is_taken_at_the_start(void **state)
{
    struct scene *scene = *state;
    crew_start(scene->crew);
    post_record(scene, "ann");
    await_answers(scene, 1);
    atomic_fetch_add(&scene->now_ms, HOUR_MS);
    pthread_mutex_lock(&scene->mutex);
    while (atomic_load(&scene->effects_durable) == 0)
        pthread_cond_wait(&scene->changed, &scene->mutex);
    pthread_mutex_unlock(&scene->mutex);
}

static const char thrice[] =
    "{\"name\":\"Thrice\",\"entry\":{\"rules\":[{\"event\":\"Seen\"}],\"filter\":{\"did\":\"Seen\","
    "\"at_least\":3,\"within\":\"30d\"}},\"nodes\":{\"tell\":{\"type\":\"activate\",\"destinations\":"
    "[\"crm\"],\"next\":\"end\"},\"end\":{\"type\":\"stop\"}},\"start\":\"tell\"}";

enum { TWICE = 12, ONCE = 8 };

/* The former are people who were seen twice before, the latter once. */
static void post_seen(struct scene *scene, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char contact[32];
        snprintf(contact, sizeof contact, "c%u", i);
        post_record(scene, contact);
    }
}

/* The calls of a store whose readings of rows are counted. */
struct counting {
    struct store_calls calls; /* first */
    const struct store_calls *real;
    _Atomic unsigned *readings;
};

static enum err count_reading(struct store *store, const struct store_range *ranges, size_t count,
                              enum store_tables tables, store_on_row *on_row, void *context,
                              struct err_detail *detail)
{
    const struct counting *counting = (const struct counting *)store->calls;
    atomic_fetch_add(counting->readings, 1);
    return counting->real->rows(store, ranges, count, tables, on_row, context, detail);
}

/* Published before the crew starts, as after a crash between the log and the partitions. */
static void a_publish_reads_the_past_once_a_worker_and_misses_nothing(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    post_seen(scene, 0, TWICE + ONCE);
    post_seen(scene, 0, TWICE);
    await_answers(scene, 2 * TWICE + ONCE);
    crew_stop(scene->crew);
    crew_free(scene->crew);
    scene->crew = crew_of(scene);
    scene->answered = 0;
    _Atomic unsigned readings = 0;
    struct counting counting = {*scene->store->calls, scene->store->calls, &readings};
    counting.calls.rows = count_reading;
    scene->store->calls = &counting.calls;
    publish(scene, thrice);
    begin_work(scene);
    post_seen(scene, 0, TWICE + ONCE);
    await_answers(scene, TWICE + ONCE);
    assert_int_equal(atomic_load(&scene->effects_durable), TWICE);
    assert_int_equal(atomic_load(&readings), WORKERS);
    crew_stop(scene->crew);
    scene->store->calls = counting.real;
}

static void what_an_engine_holds_is_held_everywhere_and_told(void **state)
{
    struct scene *scene = *state;
    uint16_t version = publish(scene, loop);
    begin_work(scene);
    for (int i = 0; i <= ENGINE_PASSAGES_MAX; i++)
        post_record(scene, "ann");
    pthread_mutex_lock(&scene->mutex);
    while (scene->alerts == 0)
        pthread_cond_wait(&scene->changed, &scene->mutex);
    assert_int_equal(scene->held, version);
    pthread_mutex_unlock(&scene->mutex);
    await_answers(scene, ENGINE_PASSAGES_MAX + 1);
    crew_stop(scene->crew);
    assert_int_equal(scene->alerts, 1);
    assert_int_equal(control_version_status(scene->control, version).state, VERSION_PAUSED);
    struct str told;
    assert_true(control_find_note(scene->control, STR("alert"), &told));
    assert_true(str_contains(told, STR("\"contact\":\"ann\"")));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct partition_head head;
        assert_int_equal(store_head(scene->store, p, &head, NULL), ERR_OK);
        assert_int_equal(head.control, control_position(scene->control));
    }
}

static void a_stop_answers_everything_that_was_posted(void **state)
{
    struct scene *scene = *state;
    begin_work(scene);
    for (unsigned i = 0; i < 500; i++)
        post_record(scene, i % 2 ? "ann" : "bob");
    crew_stop(scene->crew);
    assert_int_equal(scene->answered, 500);
    struct partition_head head;
    uint32_t partition = partition_of(contact_hash(STR("ann")), PARTITIONS);
    assert_int_equal(store_head(scene->store, partition, &head, NULL), ERR_OK);
    assert_true(head.seq > 0 && head.horizon == head.seq); /* the next start reads blocks alone */
}

static void room_is_taken_whole_or_not_at_all(void **state)
{
    struct scene *scene = *state;
    assert_true(crew_room_take(scene->crew, 600));
    assert_false(crew_room_take(scene->crew, 401));
    assert_true(crew_room_take(scene->crew, 400));
    crew_room_give(scene->crew, 600);
    assert_int_equal(crew_room_used(scene->crew), 400);
    assert_false(crew_room_take(scene->crew, SIZE_MAX));
    crew_room_give(scene->crew, 400);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(records_from_many_threads_are_durable_when_answered),
        SCENE(a_full_store_is_tried_again_and_loses_nothing),
        SCENE(a_read_waits_until_what_it_saw_is_durable),
        SCENE(a_repeated_record_is_answered_when_the_first_is_durable),
        SCENE(timers_fire_by_the_clock_without_any_mail),
        SCENE(what_the_log_has_is_taken_at_the_start),
        SCENE(a_publish_reads_the_past_once_a_worker_and_misses_nothing),
        SCENE(what_an_engine_holds_is_held_everywhere_and_told),
        SCENE(a_stop_answers_everything_that_was_posted),
        SCENE(room_is_taken_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
