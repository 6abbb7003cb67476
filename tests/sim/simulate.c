/* The simulator: the production engine over the memory store against the oracle (run.h), in virtual time.
 *
 *     simulate [--seed N | --seconds N | --steps N] [--from N] [--scenario FILE]
 *
 * Without --seed and --scenario the worked examples and the seeds that ever failed go first, then new seeds,
 * from --from or from the clock on, until the time or the steps are used up. A failure prints its seed, what
 * is different, and a small scenario that fails too; exit 1. */
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "base/array.h"
#include "base/check.h"
#include "base/str.h"
#include "generate.h"
#include "run.h"
#include "scenario.h"
#include "shrink.h"
#include "vectors.h"

enum { SECONDS_DEFAULT = 5, SHRINK_SECONDS = 60, SEED_LINE_BYTES = 200 };

struct options {
    bool one_seed, here;
    uint64_t seed, from, steps;
    int64_t seconds;
    const char *scenario;
};

struct tally {
    uint64_t scenarios, steps;
};

/* ── one scenario ─────────────────────────────────────────────────────────── */

static void print_smaller(json_t *scenario)
{
    struct buf out = {0};
    uint64_t steps;
    json_t *small = shrink_scenario(scenario, SHRINK_SECONDS);
    run_apart(small, true, &out, &steps);
    printf("shrunk:\n%.*s", (int)out.size, out.data);
    json_dumpf(small, stdout, JSON_INDENT(1) | JSON_COMPACT | JSON_ENSURE_ASCII);
    printf("\nrun it again: simulate --scenario FILE\n");
    json_decref(small);
    buf_deinit(&out);
}

static bool passes(json_t *scenario, const char *name, bool shrinks, struct tally *tally)
{
    struct buf out = {0};
    uint64_t steps = 0;
    enum run_result result = run_apart(scenario, false, &out, &steps);
    tally->scenarios++;
    tally->steps += steps;
    if (result != RUN_EQUAL) {
        printf("FAILED %s%s\n%.*s", name, result == RUN_REFUSED ? ": a definition was refused" : "",
               (int)out.size, out.data);
        fflush(stdout);
        if (shrinks && result == RUN_DIFFERENT)
            print_smaller(scenario);
    }
    buf_deinit(&out);
    return result == RUN_EQUAL;
}

static bool seed_passes(uint64_t seed, struct tally *tally)
{
    char name[40];
    snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
    json_t *scenario = generate_scenario(seed);
    bool good = passes(scenario, name, true, tally);
    json_decref(scenario);
    return good;
}

static bool file_passes(const char *path, struct tally *tally)
{
    json_error_t error;
    json_t *scenario = json_load_file(path, 0, &error);
    if (scenario == NULL) {
        fprintf(stderr, "simulate: %s:%d: %s\n", path, error.line, error.text);
        return false;
    }
    bool good = passes(scenario, path, false, tally);
    json_decref(scenario);
    return good;
}

/* ── what always goes first ───────────────────────────────────────────────── */

static bool vectors_pass(struct tally *tally)
{
    struct vectors vectors;
    bool good = true;
    vectors_load(SIM_FOLDER "/vectors.txt", &vectors);
    array_each (&vectors.items, i) {
        good &= passes(vectors.items.items[i].scenario, vectors.items.items[i].name, true, tally);
    }
    vectors_free(&vectors);
    return good;
}

static bool known_seeds_pass(struct tally *tally)
{
    static const char path[] = SIM_FOLDER "/seeds.txt";
    char line[SEED_LINE_BYTES];
    bool good = true;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "simulate: %s cannot be read\n", path);
        return false;
    }
    while (fgets(line, sizeof line, file))
        if (line[0] >= '0' && line[0] <= '9')
            good &= seed_passes(strtoull(line, NULL, 10), tally);
    fclose(file);
    return good;
}

/* ── all ──────────────────────────────────────────────────────────────────── */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool new_seeds_pass(const struct options *options, struct tally *tally)
{
    double until = seconds_now() + (double)options->seconds;
    for (uint64_t seed = options->from;; seed++) {
        if (options->steps ? tally->steps >= options->steps : seconds_now() >= until)
            return true;
        if (!seed_passes(seed, tally))
            return false;
    }
}

static bool all_pass(const struct options *options, struct tally *tally)
{
    bool good = vectors_pass(tally);
    good &= known_seeds_pass(tally);
    return good && new_seeds_pass(options, tally);
}

static int run_here(uint64_t seed)
{
    json_t *scenario = generate_scenario(seed);
    struct buf out = {0};
    uint64_t steps;
    enum run_result result = run_scenario(scenario, &out, &steps);
    printf("%.*s", (int)out.size, out.data);
    json_decref(scenario);
    buf_deinit(&out);
    return result != RUN_EQUAL;
}

static uint64_t number_option(const char *text, const char *name)
{
    int64_t number;
    if (str_to_int64(str_from(text), &number) && number >= 0)
        return (uint64_t)number;
    fprintf(stderr, "simulate: --%s takes a whole number, not \"%s\"\n", name, text);
    exit(2);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"steps", required_argument, NULL, 't'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"here", no_argument, NULL, 'h'},
                                          {"scenario", required_argument, NULL, 'c'},
                                          {0}};
    const char *seconds = getenv("SIMULATE_SECONDS");
    struct options options = {.from = (uint64_t)time(NULL) * 1000000};
    options.seconds = seconds ? (int64_t)number_option(seconds, "seconds") : SECONDS_DEFAULT;
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'n':
            options.one_seed = true;
            options.seed = number_option(optarg, "seed");
            break;
        case 's': options.seconds = (int64_t)number_option(optarg, "seconds"); break;
        case 't': options.steps = number_option(optarg, "steps"); break;
        case 'f': options.from = number_option(optarg, "from"); break;
        case 'h': options.here = true; break;
        case 'c': options.scenario = optarg; break;
        default:
            fprintf(stderr, "usage: simulate [--seed N [--here] | --seconds N | --steps N] [--from N] "
                            "[--scenario FILE]\n");
            exit(2);
        }
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct tally tally = {0};
    bool good;
    if (options.one_seed && options.here)
        return run_here(options.seed);
    if (options.one_seed)
        good = seed_passes(options.seed, &tally);
    else if (options.scenario)
        good = file_passes(options.scenario, &tally);
    else
        good = all_pass(&options, &tally);
    printf("%llu scenarios, %llu steps: %s\n", (unsigned long long)tally.scenarios,
           (unsigned long long)tally.steps,
           good ? "the engine and the oracle agree" : "the engine and the oracle do NOT agree");
    return good ? 0 : 1;
}
