#include "bench/bench.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/report.h"

enum { RUNS_USUAL = 5, RUNS_MOST = 100, REMOVE_FDS = 16 };

/* clang-format off */
const struct bench_row bench_rows[] = {
    {"events", "Events over HTTP",
     "A load process sends bodies of 1,000 records over 8 connections, every tenth record lets a "
     "contact in; then kill -9, restart, and every event that was answered is counted.",
     "HTTP and JSON on one side, SQLite's B-tree on the other, each about half of two cores.", bench_events},
    {"advances", "Advances",
     "Everybody stands in a circle of two waits of an hour; the clock leaps an hour at a time, so "
     "all timers are due at once, and each moves a contact and arms it again.",
     "The writer: one row an advance.", bench_advances},
    {"journeys", "Whole passages",
     "One event: enter, split, update, exit, at one instant, without HTTP in front.",
     "The writer: three rows a passage.", bench_journeys},
    {"handover", "Event to effect",
     "1,000 requests a second of ten events each leave by the clock; every event lets a contact in, whom the "
     "journey hands to a file at once; timed from when the request was due until the line is in the file.",
     "The syncs in a row: the event's commit, the attempt's, the file's.", bench_handover},
    {"timers", "Timers due one after the other",
     "Everybody waits an hour; the clock is set to a second before the first is due and runs from "
     "there.",
     "The sync of each commit.", bench_timers},
    {"instant", "Timers due at one instant",
     "The same, all due at the same millisecond.",
     "The writer.", bench_instant},
    {"rules", "A rule over everybody",
     "Contacts in 16 partitions, scanned by two threads.",
     "The caches of the processor.", bench_rules},
    {"memory", "Memory",
     "Resident bytes of a process before and after.",
     "The columns, counts and timers themselves.", bench_memory},
    {"start", "Start after kill -9",
     "Everybody is inside a journey and has done something since; the database is out of the "
     "cache.",
     "Decoding blocks and rebuilding indexes.", bench_start},
    {"empty", "Start of an empty server",
     "From the process to the line that says where it listens.",
     "The syncs of sixteen claims.", bench_empty},
    {"contacts", "Growth: contacts",
     "400,000 events in random order, without HTTP.",
     "The caches of the processor.", bench_contacts_growth},
    {"breadth", "Growth: journeys",
     "The same, with many live journeys that listen to other events.",
     "Nothing: who does not listen costs nothing.", bench_journeys_growth},
    {"backfill", "Back-fill",
     "A publish whose rule counts events of the past under a condition.",
     "Reading rows and parsing their properties.", bench_backfill},
};
/* clang-format on */
const size_t bench_row_count = sizeof bench_rows / sizeof *bench_rows;

/* ── readings ─────────────────────────────────────────────────────────────── */

__attribute__((format(printf, 3, 0))) static void
put_reading(struct readings *readings, struct reading reading, const char *name, va_list arguments)
{
    vsnprintf(reading.name, sizeof reading.name, name, arguments);
    *array_push(&readings->items) = reading;
}

void reading_show(struct readings *readings, const char *unit, double value, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    put_reading(readings, (struct reading){.unit = unit, .value = value}, name, arguments);
    va_end(arguments);
}

void reading_judge(struct readings *readings, enum bench_sense sense, double target, const char *unit,
                   double value, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    put_reading(readings, (struct reading){.unit = unit, .value = value, .sense = sense, .target = target},
                name, arguments);
    va_end(arguments);
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t count, double share)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_numbers);
    size_t index = (size_t)(share * (double)count);
    return values[index < count ? index : count - 1];
}

const char *bench_path(const struct bench *bench, const char *name, char ret[256])
{
    snprintf(ret, 256, "%s/%s", bench->directory, name);
    return ret;
}

/* ── runs ─────────────────────────────────────────────────────────────────── */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind;
    return where->level == 0 ? 0 : remove(path);
}

static void empty_directory(const char *path)
{
    nftw(path, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
}

/* Every run of one row, into its result. */
static enum err run_row(const struct bench *bench, const struct bench_row *row, uint32_t runs,
                        struct bench_result *ret, struct err_detail *detail)
{
    *ret = (struct bench_result){
        .row = row, .run_count = runs, .runs = memory_take_zeroed(runs, sizeof *ret->runs)};
    for (uint32_t i = 0; i < runs; i++) {
        fprintf(bench->environment->err, "%s: run %u of %u\n", row->name, i + 1, runs);
        enum err err = row->run(bench, &ret->runs[i], detail);
        empty_directory(bench->directory);
        if (err)
            return err;
    }
    return ERR_OK;
}

static void result_free(struct bench_result *result)
{
    for (uint32_t i = 0; i < result->run_count; i++)
        array_free(&result->runs[i].items);
    free(result->runs);
}

static bool is_wanted(const struct arguments *arguments, const char *name)
{
    bool wanted = arguments->files.count == 0;
    for (size_t i = 0; i < arguments->files.count; i++)
        wanted |= strcmp(arguments->files.items[i], name) == 0;
    return wanted;
}

static bool check_names(const struct environment *environment, const struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->files.count; i++) {
        bool known = false;
        for (size_t r = 0; r < bench_row_count; r++)
            known |= strcmp(arguments->files.items[i], bench_rows[r].name) == 0;
        if (!known) {
            complain(environment->err, arguments->files.items[i],
                     "is no row; `sojourn bench --help` names them");
            return false;
        }
    }
    return true;
}

static enum exit_status run_all(const struct bench *bench, const struct arguments *arguments, uint32_t runs)
{
    struct bench_result results[sizeof bench_rows / sizeof *bench_rows];
    size_t count = 0;
    struct err_detail detail = {"", ""};
    enum err err = ERR_OK;
    for (size_t i = 0; i < bench_row_count && !err; i++) {
        if (!is_wanted(arguments, bench_rows[i].name))
            continue;
        err = run_row(bench, &bench_rows[i], runs, &results[count++], &detail);
        if (!err)
            report_print(&results[count - 1], bench->environment->out);
    }
    if (!err && arguments_has(arguments, "write"))
        err = report_write(arguments_get(arguments, "write"), bench, results, count, &detail);
    for (size_t i = 0; i < count; i++)
        result_free(&results[i]);
    if (err)
        complain_detail(bench->environment->err, &detail);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    int64_t runs = RUNS_USUAL;
    const char *text = arguments_get(arguments, "runs");
    if (text && (!str_to_int64(str_from(text), &runs) || runs < 1 || runs > RUNS_MOST)) {
        complain(environment->err, "--runs", "must be a whole number from 1 to %d", RUNS_MOST);
        return EXIT_USAGE;
    }
    if (!check_names(environment, arguments))
        return EXIT_USAGE;
    const char *below = arguments_has(arguments, "in") ? arguments_get(arguments, "in") : ".";
    char directory[200];
    snprintf(directory, sizeof directory, "%s/sojourn-bench-XXXXXX", below);
    if (!mkdtemp(directory)) {
        complain(environment->err, below, "%s; name a folder with --in", strerror(errno));
        return EXIT_REFUSED;
    }
    const struct bench bench = {
        .environment = environment, .directory = directory, .full = arguments_has(arguments, "full")};
    enum exit_status status = run_all(&bench, arguments, (uint32_t)runs);
    empty_directory(directory);
    rmdir(directory);
    return status;
}

static const struct option options[] = {
    {"runs", "N", OPTION_MAY, "how often each row is measured (default: 5); the median counts"},
    {"full", NULL, OPTION_MAY,
     "the sizes that the targets speak of; takes long, and some GB of memory and disk"},
    {"in", "DIR", OPTION_MAY,
     "where to make the scratch folder (default: here); the disk of it is what is measured"},
    {"write", "FILE", OPTION_MAY, "also as a page of Markdown"},
    {0}};

/* clang-format off */
const struct command command_bench = {
    .name = "bench",
    .summary = "Measure this program on this machine, each figure beside a bare baseline.",
    .usage = "[ROW…] [--runs N] [--full] [--in DIR] [--write FILE]",
    .files = "ROW",
    .files_may_miss = true,
    .options = options,
    .text = "The rows are those of the design's table of figures:\n"
            "  events     records over HTTP, durable and judged; counted again after kill -9\n"
            "  advances   timers that are due move contacts\n"
            "  journeys   event, enter, split, update, exit\n"
            "  handover   event to the line in a destination's file\n"
            "  timers     how late timers are, one after the other\n"
            "  instant    the same, all at one instant\n"
            "  rules      a rule over everybody\n"
            "  memory     a contact, an enrollment\n"
            "  start      after kill -9, with millions inside\n"
            "  empty      a server that has nothing; the size of the program\n"
            "  contacts   what an event costs among many contacts\n"
            "  breadth    what an event costs among many journeys\n"
            "  backfill   the past folded into a new rule\n\n"
            "A baseline is what the same bytes cost without any of this program, measured in the same run.\n\n"
            "examples:\n"
            "  sojourn bench\n"
            "  sojourn bench events --runs 3\n",
    .run = run,
};
/* clang-format on */
