#include "ingest/imports.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/memory/store_memory.h"
#include "json/document.h"

enum { PARTITIONS = 4, WORKERS = 2, ROOM_BYTES = 32 << 20, MANY = 200000 };

struct scene {
    char folder[64], path[128];
    struct store *store;
    struct control *control;
    struct crew *crew;
    struct imports *imports;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool answered; /* guarded, like the next ones */
    enum err err;
    struct err_detail detail;
    struct import_job accepted, ended;
    unsigned ends;
};

static int64_t clock_of(void *context)
{
    (void)context;
    return INT64_C(1767225600000); /* 2026-01-01 */
}

static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    fprintf(stderr, "the store broke: %s\n", detail ? detail->text : "");
    abort();
}

static void on_ended(void *context, const struct import_job *job)
{
    struct scene *scene = context;
    pthread_mutex_lock(&scene->mutex);
    scene->ended = *job;
    scene->ends++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

/* What a start of the server does, over a store that lives on. */
static void start(struct scene *scene)
{
    const struct crew_options crew = {.store = scene->store,
                                      .workers = WORKERS,
                                      .clock = clock_of,
                                      .room_bytes = ROOM_BYTES,
                                      .dedupe_ids_max = 1 << 16,
                                      .on_broken = on_broken};
    assert_int_equal(control_open(scene->store, false, &scene->control, NULL), ERR_OK);
    struct crew_options options = crew;
    options.control = scene->control;
    assert_int_equal(crew_new(&options, &scene->crew, NULL), ERR_OK);
    const struct imports_options imports = {.directory = scene->folder,
                                            .store = scene->store,
                                            .crew = scene->crew,
                                            .control = scene->control,
                                            .clock = clock_of,
                                            .on_ended = on_ended,
                                            .context = scene};
    assert_int_equal(imports_open(&imports, &scene->imports, NULL), ERR_OK);
    crew_start(scene->crew);
    imports_start(scene->imports);
}

static void stop(struct scene *scene)
{
    imports_stop(scene->imports);
    crew_stop(scene->crew);
    imports_close(scene->imports);
    crew_free(scene->crew);
    control_close(scene->control);
}

static int set_up(void **state)
{
    struct scene *scene = memory_take_zeroed(1, sizeof *scene);
    snprintf(scene->folder, sizeof scene->folder, "/tmp/sojourn-imports-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    snprintf(scene->path, sizeof scene->path, "%s/upload", scene->folder);
    pthread_mutex_init(&scene->mutex, NULL);
    pthread_cond_init(&scene->changed, NULL);
    scene->store = store_memory_new(PARTITIONS);
    start(scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    char path[512];
    for (uint32_t id = 1; id <= imports_count(scene->imports); id++) {
        imports_rejects_path(scene->imports, id, path);
        unlink(path);
    }
    stop(scene);
    store_close(scene->store);
    unlink(scene->path);
    assert_int_equal(rmdir(scene->folder), 0); /* no file of an import is left */
    pthread_cond_destroy(&scene->changed);
    pthread_mutex_destroy(&scene->mutex);
    free(scene);
    return 0;
}

/* ── steps ────────────────────────────────────────────────────────────────── */

static void on_answer(struct import_offer *offer, const struct import_job *job, enum err err,
                      const struct err_detail *detail)
{
    struct scene *scene = offer->context;
    pthread_mutex_lock(&scene->mutex);
    scene->answered = true;
    scene->err = err;
    if (err)
        scene->detail = *detail;
    else
        scene->accepted = *job;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

static uint32_t offered(struct scene *scene, const char *name, enum segment_form form, bool live,
                        struct str bytes)
{
    FILE *out = fopen(scene->path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, out), bytes.size);
    fclose(out);
    struct import_offer offer = {.path = scene->path,
                                 .name = name,
                                 .by = "test",
                                 .form = form,
                                 .live = live,
                                 .answer = on_answer,
                                 .context = scene};
    scene->answered = false;
    imports_offer(scene->imports, &offer);
    pthread_mutex_lock(&scene->mutex);
    while (!scene->answered)
        pthread_cond_wait(&scene->changed, &scene->mutex);
    pthread_mutex_unlock(&scene->mutex);
    return scene->err ? 0 : scene->accepted.id;
}

static struct import_job await(struct scene *scene, uint32_t id)
{
    struct import_job job;
    pthread_mutex_lock(&scene->mutex);
    while (imports_find(scene->imports, id, &job) && !import_has_ended(job.state))
        pthread_cond_wait(&scene->changed, &scene->mutex);
    pthread_mutex_unlock(&scene->mutex);
    return job;
}

/* `taken` is what a program that waits sees: at least so many rows are durable. */
static void await_taken(struct scene *scene, uint32_t id, uint64_t taken)
{
    struct import_job job;
    while (imports_find(scene->imports, id, &job) && job.counts.taken < taken)
        sched_yield();
}

static struct import_job imported(struct scene *scene, const char *name, enum segment_form form, bool live,
                                  const char *text)
{
    uint32_t id = offered(scene, name, form, live, str_from(text));
    assert_int_not_equal(id, 0);
    return await(scene, id);
}

static struct buf many_rows(void)
{
    struct buf text = {0};
    buf_put_text(&text, "userId,event,timestamp,n:number\n");
    for (int i = 0; i < MANY; i++)
        buf_printf(&text, "person-%d,Seen,2025-06-01,%d\n", i % 1000,
                   i / 4); /* some rows are equal, and real */
    return text;
}

/* Event rows by kind. */
struct tally {
    uint64_t kinds[EVENT_KINDS];
};

static bool on_row(void *context, const struct store_row *row)
{
    if (row->event)
        ((struct tally *)context)->kinds[row->event->kind]++;
    return true;
}

static struct tally counted(struct scene *scene)
{
    struct tally tally = {0};
    for (uint32_t id = 0; id < PARTITIONS; id++)
        assert_int_equal(store_rows(scene->store, id, 0, UINT64_MAX >> 1, on_row, &tally, NULL), ERR_OK);
    return tally;
}

static void assert_counts(const struct import_job *job, uint64_t taken, uint64_t rejected,
                          uint64_t duplicates)
{
    if (job->counts.taken != taken || job->counts.rejected != rejected ||
        job->counts.duplicates != duplicates || job->counts.rows != taken + rejected + duplicates)
        fail_msg("import %u is %s (%s): %lu rows, %lu taken, %lu rejected, %lu duplicates", job->id,
                 import_state_name(job->state), job->why, (unsigned long)job->counts.rows,
                 (unsigned long)job->counts.taken, (unsigned long)job->counts.rejected,
                 (unsigned long)job->counts.duplicates);
}

/* ── tests ────────────────────────────────────────────────────────────────── */

#define EVENTS "userId,event,timestamp\nann,Seen,2025-06-01\nann,Seen,2025-06-01\nbob,Seen,never\n"

static void events_become_history_and_live_ones_happen_now(void **state)
{
    struct scene *scene = *state;
    struct import_job job = imported(scene, "a.csv", SEGMENT_EVENT, false, EVENTS);
    assert_int_equal(job.state, IMPORT_DONE);
    assert_counts(&job, 2, 1, 0);
    assert_int_equal(job.reject_count, 1);
    assert_int_equal(job.rejects[0].line, 4);
    assert_int_equal(counted(scene).kinds[EVENT_HISTORY], 2);
    job = imported(scene, "b.csv", SEGMENT_EVENT, true, "userId,event,timestamp\nann,Seen,2025-06-01\n");
    assert_counts(&job, 1, 0, 0);
    assert_int_equal(counted(scene).kinds[EVENT_TRACK], 1);
}

static void contacts_change_now(void **state)
{
    struct scene *scene = *state;
    struct import_job job = imported(
        scene, "people.ndjson", SEGMENT_CONTACT, false,
        "{\"userId\":\"ann\",\"traits\":{\"plan\":\"pro\"}}\n{\"userId\":\"bob\"}\n{\"traits\":{}}\n");
    assert_counts(&job, 2, 1, 0);
    assert_int_equal(counted(scene).kinds[EVENT_IDENTIFY], 2);
}

static void the_same_file_twice_changes_nothing(void **state)
{
    struct scene *scene = *state;
    struct import_job first = imported(scene, "a.csv", SEGMENT_EVENT, false, EVENTS);
    struct import_job again = imported(scene, "other name.csv", SEGMENT_EVENT, false, EVENTS);
    assert_int_equal(again.state, IMPORT_DONE);
    assert_int_equal(again.same_as, first.id);
    assert_counts(&again, 0, 0, 0);
    stop(scene);
    start(scene); /* for ever: after a restart too */
    again = imported(scene, "a.csv", SEGMENT_EVENT, false, EVENTS);
    assert_int_equal(again.same_as, first.id);
    assert_int_equal(counted(scene).kinds[EVENT_HISTORY], 2);
}

static void a_message_id_counts_once_in_a_file_and_beside_it(void **state)
{
    struct scene *scene = *state;
    struct import_job job =
        imported(scene, "a.csv", SEGMENT_EVENT, false,
                 "userId,event,timestamp,messageId\nann,Seen,2025-06-01,m1\nann,Seen,2025-06-02,m1\n"
                 "bob,Seen,2025-06-01,m1\nann,Seen,2025-06-03,\nann,Seen,2025-06-03,\n");
    assert_counts(&job, 4, 0, 1);
    job = imported(scene, "b.csv", SEGMENT_EVENT, true,
                   "userId,event,timestamp,messageId\nann,Seen,2025-06-09,m1\nann,Seen,2025-06-09,m2\n");
    assert_counts(&job, 1, 0, 1);
    struct tally tally = counted(scene);
    assert_int_equal(tally.kinds[EVENT_HISTORY] + tally.kinds[EVENT_TRACK], 5);
}

static void a_stopped_import_goes_on_by_itself_and_takes_each_row_once(void **state)
{
    struct scene *scene = *state;
    struct buf text = many_rows();
    uint32_t id = offered(scene, "many.csv", SEGMENT_EVENT, false, buf_str(&text));
    unsigned stops = 0;
    struct import_job job;
    for (uint64_t wanted = MANY / 8; wanted <= MANY / 2; wanted += MANY / 8) {
        await_taken(scene, id, wanted);
        imports_find(scene->imports, id, &job);
        stops += !import_has_ended(job.state);
        stop(scene);
        start(scene);
    }
    job = await(scene, id);
    assert_true(stops > 0);
    assert_int_equal(job.state, IMPORT_DONE);
    assert_counts(&job, MANY, 0, 0);
    assert_int_equal(counted(scene).kinds[EVENT_HISTORY], MANY);
    buf_deinit(&text);
}

static void a_cancelled_import_keeps_what_it_took_and_goes_on_when_it_comes_again(void **state)
{
    struct scene *scene = *state;
    struct buf text = many_rows();
    struct import_job job;
    uint32_t id = offered(scene, "many.csv", SEGMENT_EVENT, false, buf_str(&text));
    await_taken(scene, id, 1);
    assert_int_equal(imports_cancel(scene->imports, id, &job, NULL), ERR_OK);
    assert_true(job.cancelling);
    job = await(scene, id);
    assert_int_equal(job.state, IMPORT_CANCELLED);
    uint64_t taken = job.counts.taken;
    assert_int_equal(counted(scene).kinds[EVENT_HISTORY], taken);
    assert_int_equal(imports_cancel(scene->imports, id, &job, NULL), ERR_REFUSED);
    stop(scene);
    start(scene);
    id = offered(scene, "many.csv", SEGMENT_EVENT, false, buf_str(&text));
    job = await(scene, id);
    assert_int_equal(job.state, IMPORT_DONE);
    assert_counts(&job, MANY - taken, 0, taken);
    assert_int_equal(counted(scene).kinds[EVENT_HISTORY], MANY);
    buf_deinit(&text);
}

static void a_file_that_is_none_of_records_fails_with_its_place(void **state)
{
    struct scene *scene = *state;
    struct import_job job =
        imported(scene, "a.csv", SEGMENT_EVENT, false, "user,event,timestamp\nann,Seen,x\n");
    assert_int_equal(job.state, IMPORT_FAILED);
    assert_non_null(strstr(job.why, "line 1: there is no column \"userId\""));
    job = imported(scene, "a.csv.gz", SEGMENT_EVENT, false, "\x1f\x8b\x08");
    assert_int_equal(job.state, IMPORT_FAILED);
    assert_non_null(strstr(job.why, "torn"));
    assert_counts(&job, 0, 0, 0);
}

static void imports_are_listed_newest_first_and_known_after_a_restart(void **state)
{
    struct scene *scene = *state;
    struct import_job jobs[2];
    imported(scene, "a.csv", SEGMENT_EVENT, false, EVENTS);
    imported(scene, "b\xff.csv", SEGMENT_CONTACT, false, "userId,plan\nann,pro\n");
    imported(scene, "c.csv", SEGMENT_EVENT, true, "userId,event\n");
    stop(scene);
    start(scene);
    assert_int_equal(imports_count(scene->imports), 3);
    assert_int_equal(imports_list(scene->imports, 0, 2, jobs), 2);
    assert_int_equal(jobs[0].id, 3);
    assert_int_equal(jobs[0].state, IMPORT_FAILED);
    assert_string_equal(jobs[1].name, "b?.csv");
    assert_int_equal(imports_list(scene->imports, 2, 2, jobs), 1);
    assert_string_equal(jobs[0].name, "a.csv");
    assert_counts(&jobs[0], 2, 1, 0);
    assert_int_equal(jobs[0].rejects[0].line, 4);
    assert_false(imports_find(scene->imports, 4, jobs));
    assert_int_equal(imports_cancel(scene->imports, 4, jobs, NULL), ERR_NOT_FOUND);
}

static void a_file_of_which_nobody_was_told_is_swept(void **state)
{
    struct scene *scene = *state;
    char path[512];
    stop(scene);
    snprintf(path, sizeof path, "%s/7.file", scene->folder);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    start(scene);
    assert_int_equal(access(path, F_OK), -1);
}

static void an_offer_that_cannot_be_kept_leaves_the_file_to_its_owner(void **state)
{
    struct scene *scene = *state;
    imports_stop(scene->imports);
    assert_int_equal(offered(scene, "a.csv", SEGMENT_EVENT, false, STR(EVENTS)), 0);
    assert_int_equal(scene->err, ERR_BUSY);
    assert_int_equal(access(scene->path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_become_history_and_live_ones_happen_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(contacts_change_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_file_twice_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_id_counts_once_in_a_file_and_beside_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_import_goes_on_by_itself_and_takes_each_row_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_import_keeps_what_it_took_and_goes_on_when_it_comes_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_none_of_records_fails_with_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(imports_are_listed_newest_first_and_known_after_a_restart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_which_nobody_was_told_is_swept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_offer_that_cannot_be_kept_leaves_the_file_to_its_owner, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
