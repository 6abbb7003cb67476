#include "delivery_worker.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "delivery/outbox.h"
#include "store/sqlite/store_sqlite.h"
#include "json/document.h"

/* Contacts come and go, so that effects are cancelled; they come again, so that visits and enrollments
 * differ. */
static const char journey[] =
    "{\"name\":\"Win "
    "back\",\"entry\":{\"mode\":\"live\",\"rules\":[{\"event\":\"Bought\"}],\"match\":\"any\","
    "\"reentry\":{\"allowed\":true}},\"exits\":[{\"event\":\"Left\"}],\"nodes\":{"
    "\"offer\":{\"type\":\"activate\",\"destinations\":[\"crm\",\"mailer\"],\"next\":\"rest\"},"
    "\"rest\":{\"type\":\"wait\",\"for\":\"10s\",\"next\":\"remind\"},"
    "\"remind\":{\"type\":\"activate\",\"destinations\":[\"mailer\"],\"operation\":\"update\",\"next\":"
    "\"again\"},"
    "\"again\":{\"type\":\"wait\",\"for\":\"20s\",\"next\":\"last\"},"
    "\"last\":{\"type\":\"activate\",\"destinations\":[\"crm\",\"mailer\"],\"next\":\"done\"},"
    "\"done\":{\"type\":\"stop\"}},\"start\":\"offer\"}";

enum { CONTACTS = 120, RECORDS_A_ROUND = 20, RECORD_MS = 400, CYCLE_ROWS = 400, LEAVES_EVERY = 11 };
static const int64_t BEGIN_MS = 1767225600000; /* 2026-01-01 */

/* ── dying at a write or a sync ───────────────────────────────────────────── */

static _Atomic uint64_t points_left; /* 0 = never */

static bool is_last_point(void)
{
    return points_left > 0 && atomic_fetch_sub(&points_left, 1) == 1;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

/* These take the place of libc's, for SQLite too: the process dies before a sync, after it, or half-way
 * through a write. */
int fdatasync(int fd)
{
    if (is_last_point())
        die();
    int result = (int)syscall(SYS_fdatasync, fd);
    if (is_last_point())
        die();
    return result;
}

int fsync(int fd)
{
    if (is_last_point())
        die();
    return (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    if (is_last_point()) {
        (void)syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
        die();
    }
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

/* ── the process ──────────────────────────────────────────────────────────── */

struct worker {
    const struct worker_options *options;
    struct store *store;
    struct control *control;
    struct partition *partitions[WORKER_PARTITIONS];
    struct destination *destinations[2];
    struct outbox *outbox;
    ARRAY(struct input) results[WORKER_PARTITIONS];
    struct arena answers;
    int64_t now_ms;
    uint16_t bought, left;
};

static void fail(const char *what, const struct err_detail *detail)
{
    fprintf(stderr, "delivery worker: %s: %s %s\n", what, detail->place, detail->text);
    _exit(1);
}

static void ask(void *context, struct handover_question *questions, size_t count)
{
    struct worker *w = context;
    arena_reset(&w->answers);
    for (size_t i = 0; i < count; i++) {
        CHECK(questions[i].partition < WORKER_PARTITIONS);
        handover_ask_all(w->partitions[questions[i].partition], w->control, &questions[i], 1, SIZE_MAX,
                         &w->answers);
    }
}

void worker_file(const struct worker_options *options, const char *destination,
                 char ret_path[WORKER_PATH_BYTES])
{
    int size = snprintf(ret_path, WORKER_PATH_BYTES, "%s/%s.ndjson", options->directory, destination);
    CHECK(size > 0 && size < WORKER_PATH_BYTES);
}

static struct destination *open_file(const struct worker *w, const char *name)
{
    char path[WORKER_PATH_BYTES];
    struct destination_settings settings = {.name = str_from(name), .kind = DESTINATION_FILE};
    struct destination *destination;
    struct err_detail detail = {0};
    worker_file(w->options, name, path);
    settings.file.path = str_from(path);
    if (destination_open(&settings, &destination, &detail))
        fail("destination_open", &detail);
    return destination;
}

static void publish(struct worker *w)
{
    struct err_detail detail = {0};
    json_t *document;
    uint16_t version;
    const struct control_by by = {.actor = STR("test"), .key = STR("publish"), .at_ms = BEGIN_MS};
    if (document_parse(str_from(journey), "journey", &document, &detail) ||
        control_publish(w->control, document, &by, &version, &detail))
        fail("control_publish", &detail);
    json_decref(document);
    w->bought = control_name(w->control, NAME_EVENT, STR("Bought"));
    w->left = control_name(w->control, NAME_EVENT, STR("Left"));
    if (control_error(w->control, &detail))
        fail("control_name", &detail);
}

static void open_all(struct worker *w)
{
    struct err_detail detail = {0};
    uint64_t after = UINT64_MAX;
    if (store_sqlite_open(w->options->directory, NULL, &w->store, &detail) ||
        control_open(w->store, false, &w->control, &detail))
        fail("opening the store", &detail);
    publish(w);
    w->now_ms = BEGIN_MS;
    for (uint32_t p = 0; p < WORKER_PARTITIONS; p++) {
        const struct partition_options options = {
            .id = p, .store = w->store, .control = w->control, .cycle_rows = CYCLE_ROWS};
        if (partition_open(&options, &w->partitions[p], &detail))
            fail("partition_open", &detail);
        uint64_t first = handover_after(w->partitions[p]);
        after = first < after ? first : after;
        if (partition_head(w->partitions[p])->now_ms > w->now_ms)
            w->now_ms = partition_head(w->partitions[p])->now_ms;
    }
    const struct outbox_options options = {.store = w->store, .after = after, .ask = ask, .context = w};
    if (outbox_open(&options, &w->outbox, &detail))
        fail("outbox_open", &detail);
    w->destinations[0] = open_file(w, "crm");
    w->destinations[1] = open_file(w, "mailer");
    for (size_t d = 0; d < 2; d++)
        outbox_define(w->outbox, w->destinations[d]);
}

static void close_all(struct worker *w)
{
    outbox_close(w->outbox);
    for (size_t d = 0; d < 2; d++)
        destination_close(w->destinations[d]);
    for (uint32_t p = 0; p < WORKER_PARTITIONS; p++) {
        partition_close(w->partitions[p]);
        array_free(&w->results[p]);
    }
    arena_deinit(&w->answers);
    control_close(w->control);
    store_close(w->store);
}

/* ── a round ──────────────────────────────────────────────────────────────── */

static void on_done(void *context, const enum commit_status *statuses, size_t count,
                    const struct err_detail *detail)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != COMMIT_DONE)
            fail("commit", detail);
    }
}

static void commit(struct worker *w)
{
    const struct batch *batches[WORKER_PARTITIONS];
    size_t count = 0;
    for (uint32_t p = 0; p < WORKER_PARTITIONS; p++) {
        batches[count] = partition_take_batch(w->partitions[p]);
        count += batches[count] != NULL;
    }
    if (count == 0)
        return;
    store_commit(w->store, batches, count, on_done, NULL);
    store_flush(w->store);
    for (size_t i = 0; i < count; i++) {
        outbox_take(w->outbox, batches[i]);
        partition_batch_done(w->partitions[batches[i]->partition], batches[i]);
    }
}

static void step(struct worker *w, uint32_t p, const struct input *inputs, size_t count)
{
    struct err_detail detail = {0};
    if (partition_step(w->partitions[p], w->now_ms, control_position(w->control), inputs, count, true,
                       &detail))
        fail("partition_step", &detail);
}

static void deliver(struct worker *w)
{
    const struct outbox_result *results;
    size_t count;
    struct err_detail detail = {0};
    if (outbox_deliver(w->outbox, w->now_ms, &results, &count, &detail))
        fail("outbox_deliver", &detail);
    struct outbox_problem problem;
    if (outbox_problem(w->outbox, 0, &problem))
        fail("a destination failed", &problem.cause);
    for (size_t i = 0; i < count; i++)
        *array_push(&w->results[results[i].partition]) =
            (struct input){.kind = INPUT_RESULT, .result = results[i].result};
}

/* What was answered is taken before anything else happens, so what is in a file is `sent` in the ledger. */
static bool take_results(struct worker *w)
{
    bool any = false;
    for (uint32_t p = 0; p < WORKER_PARTITIONS; p++) {
        if (w->results[p].count == 0)
            continue;
        step(w, p, w->results[p].items, w->results[p].count);
        array_clear(&w->results[p]);
        any = true;
    }
    return any;
}

static void take_record(struct worker *w, uint64_t number)
{
    uint32_t contact = (uint32_t)(number * 7919 % CONTACTS);
    char id[32];
    snprintf(id, sizeof id, "c-%u", contact);
    struct input input = {.kind = INPUT_RECORD, .number = number};
    input.record = (struct record){.kind = EVENT_TRACK,
                                   .external_id = str_from(id),
                                   .hash = contact_hash(str_from(id)),
                                   .at_ms = w->now_ms,
                                   .name = number % LEAVES_EVERY ? w->bought : w->left};
    step(w, contact % WORKER_PARTITIONS, &input, 1);
}

/* The hold comes and goes at fixed records; an action's key makes it act once. */
static void act(struct worker *w, uint64_t number)
{
    static const struct {
        enum action_kind kind;
        enum version_hold hold;
        struct str key;
    } actions[] = {{ACTION_PAUSE, HOLD_ALL, {"pause", 5}}, {ACTION_RESUME, HOLD_NONE, {"resume", 6}}};
    for (size_t i = 0; i < 2; i++) {
        struct err_detail detail = {0};
        const struct control_by by = {.actor = STR("test"), .key = actions[i].key, .at_ms = w->now_ms};
        if (number != w->options->records * (i + 1) / 3)
            continue;
        if (control_act(w->control, actions[i].kind, actions[i].hold, STR("Win back"), &by, &detail))
            fail("control_act", &detail);
        for (uint32_t p = 0; p < WORKER_PARTITIONS; p++)
            step(w, p, NULL, 0);
        outbox_look_again(w->outbox);
    }
}

static void end_round(struct worker *w)
{
    commit(w);
    deliver(w);
    if (write(w->options->progress, "", 1) != 1)
        _exit(1);
}

static uint64_t first_record(const struct worker *w)
{
    uint64_t taken = UINT64_MAX;
    for (uint32_t p = 0; p < WORKER_PARTITIONS; p++) {
        uint64_t input = partition_head(w->partitions[p])->input;
        taken = input < taken ? input : taken;
    }
    return taken + 1;
}

static void feed(struct worker *w)
{
    for (uint64_t number = first_record(w); number <= w->options->records; number++) {
        int64_t at_ms = BEGIN_MS + (int64_t)number * RECORD_MS;
        w->now_ms = at_ms > w->now_ms ? at_ms : w->now_ms;
        act(w, number);
        take_record(w, number);
        if (number % RECORDS_A_ROUND == 0) {
            end_round(w);
            (void)take_results(w);
        }
    }
}

static void run_out(struct worker *w)
{
    for (bool busy = true; busy;) {
        busy = take_results(w);
        w->now_ms += 5 * SECOND_MS;
        for (uint32_t p = 0; p < WORKER_PARTITIONS; p++) {
            busy |= partition_next_timer(w->partitions[p]) != INSTANT_NEVER;
            step(w, p, NULL, 0);
        }
        end_round(w);
        busy |= !outbox_is_empty(w->outbox);
    }
}

void worker_run(const struct worker_options *options)
{
    struct worker w = {.options = options};
    points_left = options->die_at;
    open_all(&w);
    do { /* first of all, what the former process handed over and did not get to say */
        end_round(&w);
    } while (take_results(&w));
    feed(&w);
    run_out(&w);
    points_left = 0;
    close_all(&w);
    _exit(0);
}
