#include "run.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "calendar/instant.h"
#include "oracle.h"
#include "scenario.h"
#include "world.h"

enum { SECONDS_MAX = 60, LOOKS_BACK_MAX = 8 };

struct running {
    struct oracle *oracle;
    struct world *world;
    struct lines facts; /* the oracle's, so far */
    struct scenario_seen seen;
    struct buf *out;
};

static bool state_is_equal(struct running *running)
{
    struct lines expected = {0}, found = {0};
    scenario_add_state(&expected, running->oracle);
    world_add_state(running->world, &found);
    bool equal = lines_equal(&expected, &found, running->out);
    lines_free(&expected);
    lines_free(&found);
    return equal;
}

/* Facts first: they tell more. */
static bool is_equal(struct running *running)
{
    const struct lines *found;
    scenario_add_facts(&running->facts, running->oracle, &running->seen);
    if (world_facts(running->world, &found) && !lines_equal(&running->facts, found, running->out))
        return false;
    return state_is_equal(running);
}

static enum run_result judge(struct running *running, enum world_result result, const char *when,
                             const json_t *step)
{
    if (result == WORLD_OK && is_equal(running))
        return RUN_EQUAL;
    buf_printf(running->out, "  %s%s %s\n", when, step ? json_string_value(json_object_get(step, "now")) : "",
               world_trouble(running->world));
    return result == WORLD_REFUSED ? RUN_REFUSED : RUN_DIFFERENT;
}

/* What the store tells of earlier quarter hours, those in which something happened: each one, up to a number
 * of them. */
static bool past_is_equal(struct running *running)
{
    int64_t last = INT64_MIN;
    size_t looks = 0;
    for (size_t m = 0; m < oracle_marks(running->oracle) && looks < LOOKS_BACK_MAX; m++) {
        int64_t quarter = oracle_mark_ms(running->oracle, m) / QUARTER_MS;
        struct lines expected = {0}, found = {0};
        if (quarter <= last)
            continue;
        last = quarter;
        looks++;
        scenario_add_past(&expected, running->oracle, (quarter + 1) * QUARTER_MS - 1);
        world_add_past(running->world, quarter, &found);
        bool equal = lines_equal(&expected, &found, running->out);
        lines_free(&expected);
        lines_free(&found);
        if (!equal) {
            buf_printf(running->out, "  at the end of quarter hour %lld\n", (long long)quarter);
            return false;
        }
    }
    return true;
}

/* Safety with every fault, then liveness with none, then once more out of the store alone. */
static enum run_result play(struct running *running, const json_t *steps, uint64_t *ret_steps)
{
    enum run_result result = RUN_EQUAL;
    for (size_t s = 0; s < json_array_size(steps) && result == RUN_EQUAL; s++) {
        const json_t *step = json_array_get(steps, s);
        enum world_result stepped = world_step(running->world);
        if (stepped == WORLD_OK) /* what the engine refuses the oracle need not understand */
            scenario_feed(running->oracle, step);
        result = judge(running, stepped, "after the step at ", step);
        ++*ret_steps;
    }
    if (result == RUN_EQUAL)
        result = judge(running, world_settle(running->world), "when all had become durable", NULL);
    if (result == RUN_EQUAL)
        result = judge(running, world_restart(running->world), "after a start from blocks", NULL);
    if (result == RUN_EQUAL)
        result = judge(running, world_check_walks(running->world), "in the histories", NULL);
    return result == RUN_EQUAL && !past_is_equal(running) ? RUN_DIFFERENT : result;
}

enum run_result run_scenario(json_t *scenario, struct buf *out, uint64_t *ret_steps)
{
    struct running running = {.oracle = oracle_new(), .world = world_new(scenario), .out = out};
    *ret_steps = 0;
    enum run_result result = play(&running, json_object_get(scenario, "steps"), ret_steps);
    world_free(running.world);
    oracle_free(running.oracle);
    lines_free(&running.facts);
    return result;
}

/* ── apart ────────────────────────────────────────────────────────────────── */

struct report {
    enum run_result result;
    uint64_t steps, bytes;
};

static void write_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        CHECK(n > 0);
        done += (size_t)n;
    }
}

static bool read_all(int fd, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)bytes + done, size - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void be_child(json_t *scenario, bool quiet, int fd)
{
    struct buf out = {0};
    struct report report = {0};
    if (quiet && freopen("/dev/null", "w", stderr) == NULL)
        _exit(1);
    alarm(SECONDS_MAX);
    report.result = run_scenario(scenario, &out, &report.steps);
    report.bytes = out.size;
    write_all(fd, &report, sizeof report);
    write_all(fd, out.data, out.size);
    buf_deinit(&out);
    json_decref(scenario);
    _exit(0); /* what the parent has not printed yet is the parent's */
}

enum run_result run_apart(json_t *scenario, bool quiet, struct buf *out, uint64_t *ret_steps)
{
    int fds[2], status;
    struct report report;
    CHECK(pipe(fds) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        be_child(scenario, quiet, fds[1]);
    }
    close(fds[1]);
    bool told = read_all(fds[0], &report, sizeof report);
    if (told)
        told = read_all(fds[0], buf_reserve(out, report.bytes), report.bytes);
    close(fds[0]);
    CHECK(waitpid(child, &status, 0) == child);
    *ret_steps = told ? report.steps : 0;
    if (told && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        out->size += report.bytes;
        return report.result;
    }
    buf_printf(out, "  the process ended %s %d\n", WIFSIGNALED(status) ? "by signal" : "with",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return RUN_DIFFERENT;
}
