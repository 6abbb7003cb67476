/* From an event to the line of its activation: requests leave by a schedule, whatever became of the former
 * ones, and a thread watches the destination's file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/sender.h"
#include "bench/serving.h"

enum {
    RECORDS = 10,
    REQUESTS_A_SECOND = 1000,
    CONNECTIONS = 32,
    SILENCE_MS_MAX = 30000, /* without a line: something has gone wrong */
    GLANCE_MS = 100,        /* how often the watcher looks whether the senders failed */
    READ_BYTES = 1 << 16
};
static const double lead_seconds = 0.1; /* the threads are there before the first request is due */

static const char destination[] = "{\"kind\":\"file\",\"path\":\"crm.ndjson\"}";
static const char definition[] =
    "{\"name\":\"Call\",\"entry\":{\"rules\":[{\"event\":\"Cart Updated\"}]},\"nodes\":{"
    "\"call\":{\"type\":\"activate\",\"destinations\":[\"crm\"],\"next\":\"end\"},"
    "\"end\":{\"type\":\"stop\"}},\"start\":\"call\"}";

struct course {
    const struct bench *bench;
    uint16_t port;
    struct buf *requests;
    size_t count;
    double begin;     /* when the first request is due */
    double *answered; /* ms from when it was due, one a request: a sender's */
    double *arrived;  /* ms from when it was due, one an event, 0 = not yet: the watcher's */
    int file, changes;
    uint64_t bytes; /* of the lines: the watcher's */
    _Atomic size_t next;
    _Atomic bool failed;
    struct err_detail detail; /* of the first failure */
};

static double due(const struct course *course, size_t request)
{
    return course->begin + (double)request / REQUESTS_A_SECOND;
}

static double ms_since(const struct course *course, size_t request)
{
    return 1e3 * (course->bench->environment->seconds() - due(course, request));
}

static void sleep_until_due(const struct course *course, size_t request)
{
    double seconds = due(course, request) - course->bench->environment->seconds();
    if (seconds <= 0)
        return;
    const struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

static void fail(struct course *course, const struct err_detail *detail)
{
    if (!atomic_exchange(&course->failed, true))
        course->detail = *detail;
}

/* ── sending ──────────────────────────────────────────────────────────────── */

static void make_requests(struct course *course, const char *key)
{
    struct buf body = {0};
    char basic[256];
    sender_basic(key, basic);
    for (size_t i = 0; i < course->count; i++) {
        buf_clear(&body);
        buf_put_text(&body, "{\"batch\":[");
        for (size_t k = 0; k < RECORDS; k++)
            buf_printf(&body,
                       "%s{\"type\":\"track\",\"userId\":\"p-%08zu\",\"event\":\"Cart Updated\","
                       "\"properties\":{\"total\":%zu.5,\"sku\":\"A-%zu\"}}",
                       k ? "," : "", i * RECORDS + k, i % 90, i % 500);
        buf_put_text(&body, "]}");
        sender_request(&course->requests[i], "POST", "/v1/batch", basic, buf_str(&body));
    }
    buf_deinit(&body);
}

static void *send_requests(void *context)
{
    struct course *course = context;
    struct sender sender;
    struct err_detail detail = {"", ""};
    struct str answer;
    size_t i;
    enum err err = sender_connect(&sender, course->port, &detail);
    while (!err && !atomic_load(&course->failed) &&
           (i = atomic_fetch_add(&course->next, 1)) < course->count) {
        sleep_until_due(course, i);
        err = sender_ask(&sender, buf_str(&course->requests[i]), &answer, &detail);
        course->answered[i] = ms_since(course, i);
    }
    sender_close(&sender);
    if (err)
        fail(course, &detail);
    return NULL;
}

/* ── watching ─────────────────────────────────────────────────────────────── */

/* The event whose line this is; SIZE_MAX where it is none's. */
static size_t event_of(struct str line)
{
    static const char name[] = "\"contact\":\"p-";
    const char *at = memmem(line.data, line.size, name, sizeof name - 1);
    return at ? strtoul(at + sizeof name - 1, NULL, 10) : SIZE_MAX;
}

/* Notes the whole lines of what was read and keeps the rest; how many there were. */
static enum err note_lines(struct course *course, struct buf *text, size_t *arrived,
                           struct err_detail *detail)
{
    size_t from = 0;
    const char *end;
    while ((end = text->size > from ? memchr(text->data + from, '\n', text->size - from) : NULL)) {
        struct str line = {text->data + from, (size_t)(end - text->data) - from};
        size_t event = event_of(line);
        if (event >= course->count * RECORDS || course->arrived[event] > 0)
            return err_fail(detail, ERR_CORRUPT, "crm.ndjson",
                            "nobody asked for this line, or it is there twice: %.*s", (int)line.size,
                            line.data);
        course->arrived[event] = ms_since(course, event / RECORDS);
        course->bytes += line.size + 1;
        (*arrived)++;
        from += line.size + 1;
    }
    memmove(text->data, text->data + from, text->size - from);
    text->size -= from;
    return ERR_OK;
}

/* Until the file has changed. */
static enum err await_change(struct course *course, struct err_detail *detail)
{
    char changes[4096];
    struct pollfd fd = {.fd = course->changes, .events = POLLIN};
    for (int waited = 0; waited < SILENCE_MS_MAX && !atomic_load(&course->failed); waited += GLANCE_MS) {
        if (poll(&fd, 1, GLANCE_MS) > 0)
            return read(course->changes, changes, sizeof changes) > 0
                       ? ERR_OK
                       : err_fail(detail, ERR_IO, "crm.ndjson", "watching: %s", strerror(errno));
    }
    return err_fail(detail, ERR_IO, "crm.ndjson", "no line came for %d s", SILENCE_MS_MAX / 1000);
}

static void *watch(void *context)
{
    struct course *course = context;
    struct err_detail detail = {"", ""};
    struct buf text = {0};
    enum err err = ERR_OK;
    for (size_t arrived = 0; !err && arrived < course->count * RECORDS;) {
        ssize_t size = read(course->file, buf_reserve(&text, READ_BYTES), READ_BYTES);
        if (size > 0) {
            text.size += (size_t)size;
            err = note_lines(course, &text, &arrived, &detail);
        } else {
            err = size < 0 ? err_fail(&detail, ERR_IO, "crm.ndjson", "%s", strerror(errno))
                           : await_change(course, &detail);
        }
    }
    buf_deinit(&text);
    if (err)
        fail(course, &detail);
    return NULL;
}

/* ── the run ──────────────────────────────────────────────────────────────── */

static enum err prepare(struct course *course, const char *data, const struct serving *serving,
                        struct err_detail *detail)
{
    char path[300];
    struct buf answer = {0};
    enum err err =
        serving_ask(serving, "PUT", "/v1/destinations/crm", str_from(destination), &answer, detail);
    if (!err)
        err =
            serving_ask(serving, "POST", "/v1/journeys?publish=true", str_from(definition), &answer, detail);
    buf_deinit(&answer);
    if (err)
        return err;
    course->port = serving->port;
    make_requests(course, serving->write_key);
    snprintf(path, sizeof path, "%s/destinations/crm.ndjson", data);
    course->file = open(path, O_RDONLY | O_CLOEXEC);
    course->changes = inotify_init1(IN_CLOEXEC);
    if (course->file < 0 || course->changes < 0 || inotify_add_watch(course->changes, path, IN_MODIFY) < 0)
        return err_fail(detail, ERR_IO, path, "%s", strerror(errno));
    return ERR_OK;
}

static enum err run_course(struct course *course, struct err_detail *detail)
{
    pthread_t threads[CONNECTIONS + 1];
    course->begin = course->bench->environment->seconds() + lead_seconds;
    for (size_t i = 0; i <= CONNECTIONS; i++)
        pthread_create(&threads[i], NULL, i ? send_requests : watch, course);
    for (size_t i = 0; i <= CONNECTIONS; i++)
        pthread_join(threads[i], NULL);
    if (!atomic_load(&course->failed))
        return ERR_OK;
    *detail = course->detail;
    return ERR_IO;
}

/* As many bytes at the same pace, without anything in between: what is due is written and synced at once, and
 * whatever becomes due meanwhile waits for the next write. */
static enum err bare_p99(const struct course *timed, double *ret, struct err_detail *detail)
{
    char path[256];
    size_t bytes = timed->bytes / timed->count, count = timed->count / 4;
    double *took = memory_take(count * sizeof *took);
    char *text = memory_take_zeroed(count, bytes);
    struct course course = {.bench = timed->bench, .begin = timed->bench->environment->seconds()};
    int fd = open(bench_path(timed->bench, "bare", path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    enum err err = fd < 0 ? err_fail(detail, ERR_IO, path, "cannot be made") : ERR_OK;
    for (size_t i = 0, end; i < count && !err; i = end) {
        sleep_until_due(&course, i);
        for (end = i + 1; end < count && ms_since(&course, end) >= 0;)
            end++;
        if (write(fd, text, (end - i) * bytes) != (ssize_t)((end - i) * bytes) || fdatasync(fd) != 0)
            err = err_fail(detail, ERR_IO, path, "cannot be written");
        for (size_t k = i; k < end; k++)
            took[k] = ms_since(&course, k);
    }
    if (fd >= 0)
        close(fd);
    *ret = bench_percentile(took, count, 0.99);
    free(text);
    free(took);
    return err;
}

static void read_off(const struct course *course, double bare, struct readings *readings)
{
    size_t events = course->count * RECORDS;
    double seconds = (double)course->count / REQUESTS_A_SECOND + course->answered[course->count - 1] / 1e3;
    reading_show(readings, "/s", (double)events / seconds, "events answered");
    reading_show(readings, "ms", bench_percentile(course->answered, course->count, 0.5),
                 "event to durable and answered, half of them");
    reading_show(readings, "ms", bench_percentile(course->answered, course->count, 0.99),
                 "the same, 99 of 100");
    reading_judge(readings, BENCH_AT_MOST, 5, "ms", bench_percentile(course->arrived, events, 0.5),
                  "event to the line in the destination, half of them");
    double p99 = bench_percentile(course->arrived, events, 0.99);
    reading_show(readings, "ms", p99, "the same, 99 of 100");
    reading_show(readings, "ms", bare, "write and fdatasync of the same lines, 99 of 100");
    reading_judge(readings, BENCH_AT_MOST, 20, "ms", p99 - bare, "over that, 99 of 100");
}

static enum err measure(struct course *course, struct readings *readings, struct err_detail *detail)
{
    char data[256];
    double bare;
    struct serving serving = {0};
    enum err err = serving_start(bench_path(course->bench, "data", data), &serving, detail);
    if (!err)
        err = prepare(course, data, &serving, detail);
    if (!err)
        err = run_course(course, detail);
    serving_end(&serving, SIGTERM);
    if (!err)
        err = bare_p99(course, &bare, detail);
    if (!err)
        read_off(course, bare, readings);
    return err;
}

enum err bench_handover(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    struct course course = {.bench = bench, .count = bench->full ? 30000 : 10000, .file = -1, .changes = -1};
    course.requests = memory_take_zeroed(course.count, sizeof *course.requests);
    course.answered = memory_take_zeroed(course.count, sizeof(double));
    course.arrived = memory_take_zeroed(course.count * RECORDS, sizeof(double));
    enum err err = measure(&course, readings, detail);
    for (size_t i = 0; i < course.count; i++)
        buf_deinit(&course.requests[i]);
    if (course.file >= 0)
        close(course.file);
    if (course.changes >= 0)
        close(course.changes);
    free(course.requests);
    free(course.answered);
    free(course.arrived);
    return err;
}
