/* Starts: of a server that has nothing, and of one that was killed with millions in memory. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/serving.h"
#include "bench/world.h"

enum { RECORDS_A_POST = 4000, READ_BYTES = 1 << 20 };

static const char waiting[] =
    "{\"name\":\"Waiting\",\"entry\":{\"rules\":[{\"event\":\"Joined\"}]},\"timeout\":\"300d\",\"nodes\":{"
    "\"a\":{\"type\":\"wait\",\"for\":\"300d\",\"next\":\"end\"},\"end\":{\"type\":\"stop\"}},\"start\":"
    "\"a\"}";

/* ── nothing ──────────────────────────────────────────────────────────────── */

/* `sojourn --version`: a process that starts and ends. */
static enum err bare_process(const struct bench *bench, double *ret_seconds, struct err_detail *detail)
{
    char name[] = "sojourn", version[] = "--version";
    char *const arguments[] = {name, version, NULL};
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    double begin = bench->environment->seconds();
    int failure = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, NULL);
    posix_spawn_file_actions_destroy(&actions);
    if (failure)
        return err_fail(detail, ERR_IO, "sojourn --version", "%s", strerror(failure));
    waitpid(pid, NULL, 0);
    *ret_seconds = bench->environment->seconds() - begin;
    return ERR_OK;
}

enum err bench_empty(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    char data[256];
    struct stat status;
    struct serving serving = {0};
    double bare = 0, begin = bench->environment->seconds();
    enum err err = serving_start(bench_path(bench, "data", data), &serving, detail);
    double first = bench->environment->seconds() - begin;
    serving_end(&serving, SIGTERM);
    begin = bench->environment->seconds();
    if (!err)
        err = serving_start(data, &serving, detail);
    double second = bench->environment->seconds() - begin;
    serving_end(&serving, SIGTERM);
    if (!err)
        err = bare_process(bench, &bare, detail);
    if (err)
        return err;
    CHECK(stat("/proc/self/exe", &status) == 0);
    reading_show(readings, "ms", 1e3 * first, "the first start: tables and keys are made");
    reading_judge(readings, BENCH_AT_MOST, 100, "ms", 1e3 * second,
                  "start of an empty server, until it listens");
    reading_show(readings, "ms", 1e3 * bare, "sojourn --version: a process begins and ends");
    reading_judge(readings, BENCH_AT_MOST, 5, "MB", (double)status.st_size / 1e6, "the program");
    return ERR_OK;
}

/* ── millions ─────────────────────────────────────────────────────────────── */

struct fill {
    uint32_t contacts;
};

static void post_all(struct world *world, uint32_t contacts, uint16_t event)
{
    static const char body[] = "{\"total\":12.5,\"sku\":\"A-77\"}";
    struct world_record *records = memory_take(RECORDS_A_POST * sizeof *records);
    for (uint32_t first = 0; first < contacts; first += RECORDS_A_POST) {
        uint32_t count = contacts - first < RECORDS_A_POST ? contacts - first : RECORDS_A_POST;
        for (uint32_t i = 0; i < count; i++)
            records[i] = (struct world_record){.contact = first + i, .event = event, .body = str_from(body)};
        world_post(world, records, count);
        if (first / RECORDS_A_POST % 64 == 63)
            world_wait(world);
    }
    world_wait(world);
    free(records);
}

/* Everybody enters, and then does something else; the process ends without a checkpoint, as by kill -9. */
static enum err fill(const struct bench *bench, const void *context, double values[CHILD_VALUES_MAX],
                     struct err_detail *detail)
{
    (void)values;
    const struct fill *wanted = context;
    struct world *world;
    uint16_t version, joined, seen;
    enum err err = world_open(bench, "data", bench->environment->wall_ms(), NULL, NULL, &world, detail);
    if (!err)
        err = world_publish(world, waiting, &version, detail);
    if (!err)
        err = world_name(world, "Joined", &joined, detail);
    if (!err)
        err = world_name(world, "Seen", &seen, detail);
    if (err)
        return err;
    post_all(world, wanted->contacts, joined);
    post_all(world, wanted->contacts, seen);
    return ERR_OK;
}

/* Takes a file's pages out of the cache, and says how long reading it whole then takes. */
static enum err read_cold(const struct bench *bench, const char *path, double *ret_seconds, double *ret_bytes,
                          struct err_detail *detail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = memory_take(READ_BYTES);
    ssize_t size;
    enum err err = fd < 0 ? err_fail(detail, ERR_IO, path, "cannot be read") : ERR_OK;
    if (!err && (fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0))
        err = err_fail(detail, ERR_IO, path, "cannot be put out of the cache");
    double begin = bench->environment->seconds();
    *ret_bytes = 0;
    while (!err && (size = read(fd, bytes, READ_BYTES)) > 0)
        *ret_bytes += (double)size;
    *ret_seconds = bench->environment->seconds() - begin;
    if (!err && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        err = err_fail(detail, ERR_IO, path, "cannot be put out of the cache");
    if (fd >= 0)
        close(fd);
    free(bytes);
    return err;
}

enum err bench_start(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    char data[256], database[256];
    double values[CHILD_VALUES_MAX], reading, bytes;
    struct serving serving = {0};
    struct buf statistics = {0};
    const struct fill wanted = {bench->full ? 10000000 : 500000};
    enum err err = child_measure(bench, fill, &wanted, values, detail);
    if (!err)
        err = read_cold(bench, bench_path(bench, "data/sojourn.db", database), &reading, &bytes, detail);
    double begin = bench->environment->seconds();
    if (!err)
        err = serving_start(bench_path(bench, "data", data), &serving, detail);
    double took = bench->environment->seconds() - begin;
    if (!err)
        err = serving_ask(&serving, "GET", "/v1/journeys/Waiting/statistics", STR(""), &statistics, detail);
    char entered[64];
    snprintf(entered, sizeof entered, "\"in_journey\":%u,", wanted.contacts);
    if (!err && !memmem(statistics.data, statistics.size, entered, strlen(entered)))
        err = err_fail(detail, ERR_CORRUPT, "start", "the statistics have not %s", entered);
    serving_end(&serving, SIGKILL);
    buf_deinit(&statistics);
    if (err)
        return err;
    reading_judge(readings, bench->full ? BENCH_AT_MOST : BENCH_SHOWN, 30, "s", took,
                  "start after kill -9, cold, %u inside", wanted.contacts);
    reading_show(readings, "s", reading, "reading the database's bytes, cold");
    reading_show(readings, "GB", bytes / 1e9, "the database");
    return ERR_OK;
}
