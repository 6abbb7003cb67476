/* Hands a file over to a server, watches its rows being taken, and fetches those that were rejected. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"

enum { POLL_MS = 100, LINE_EVERY_S = 5, BAR_CELLS = 24, BAR_PER_SECOND = 5 };

struct importing {
    const struct environment *environment;
    const struct arguments *arguments;
    struct client *client;
    const char *kind, *file, *name;
    FILE *in;
    int64_t bytes; /* of the file; -1 = a pipe */
    bool terminal; /* progress is one line drawn over */
    double told_at;
    struct client_answer job; /* as the server said it last */
};

/* ── progress ─────────────────────────────────────────────────────────────── */

static int64_t number(const struct importing *importing, const char *key)
{
    return json_integer_value(json_object_get(importing->job.json, key));
}

static const char *text(const struct importing *importing, const char *key)
{
    const char *value = json_string_value(json_object_get(importing->job.json, key));
    return value ? value : "";
}

/* Now and then: on a terminal often, else seldom. */
static bool is_due(struct importing *importing)
{
    double now = importing->environment->seconds();
    if (now - importing->told_at < (importing->terminal ? 1.0 / BAR_PER_SECOND : LINE_EVERY_S))
        return false;
    importing->told_at = now;
    return true;
}

static void draw(const struct importing *importing, const char *doing, uint64_t done, uint64_t total,
                 const char *more)
{
    FILE *err = importing->environment->err;
    char bar[BAR_CELLS + 1];
    size_t cells = total ? (size_t)(done * BAR_CELLS / (done > total ? done : total)) : 0;
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', cells);
    bar[BAR_CELLS] = '\0';
    if (importing->terminal)
        fprintf(err, "\r%s %s [%s]%s\033[K", importing->name, doing, bar, more);
    else
        fprintf(err, "%s: %s%s\n", importing->name, doing, more);
    fflush(err);
}

static void on_sent(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct importing *importing = context;
    char more[64];
    if (!is_due(importing))
        return;
    snprintf(more, sizeof more, " %" PRIu64 " MB", done_bytes >> 20);
    draw(importing, "is being sent", done_bytes, total_bytes, more);
}

static void show_job(const struct importing *importing)
{
    char more[160];
    snprintf(more, sizeof more, " %" PRId64 " rows, %" PRId64 " rows/s, %" PRId64 " rejected",
             number(importing, "rows"), number(importing, "rows_per_second"), number(importing, "rejected"));
    draw(importing, text(importing, "state"), (uint64_t)number(importing, "bytes_read"),
         (uint64_t)number(importing, "size"), more);
}

static void wipe(const struct importing *importing)
{
    if (importing->terminal)
        fputs("\r\033[K", importing->environment->err);
}

/* ── asking ───────────────────────────────────────────────────────────────── */

static enum err hand_over(struct importing *importing, struct err_detail *detail)
{
    struct buf path = {0};
    client_path(&path, "/v1/imports");
    client_query(&path, "kind", importing->kind);
    client_query(&path, "name", importing->name);
    if (arguments_has(importing->arguments, "live"))
        client_query(&path, "live", "true");
    const struct client_request request = {.method = "POST",
                                           .path = path.data,
                                           .about = importing->file,
                                           .upload = importing->in,
                                           .upload_bytes = importing->bytes,
                                           .progress = on_sent,
                                           .context = importing};
    enum err err = client_ask(importing->client, &request, &importing->job, detail);
    wipe(importing);
    buf_deinit(&path);
    return err;
}

static void job_path(const struct importing *importing, struct buf *path)
{
    char id[32];
    snprintf(id, sizeof id, "%" PRId64, number(importing, "id"));
    client_path(path, "/v1/imports/");
    client_segment(path, id);
}

static bool has_ended(const struct importing *importing)
{
    const char *state = text(importing, "state");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
}

static enum err watch(struct importing *importing, struct err_detail *detail)
{
    enum err err = ERR_OK;
    struct buf path = {0};
    job_path(importing, &path);
    const struct client_request request = {.method = "GET", .path = path.data, .about = importing->file};
    while (!err && !has_ended(importing)) {
        importing->environment->sleep_ms(POLL_MS);
        client_answer_free(&importing->job);
        err = client_ask(importing->client, &request, &importing->job, detail);
        if (!err && !has_ended(importing) && is_due(importing))
            show_job(importing);
    }
    wipe(importing);
    buf_deinit(&path);
    return err;
}

/* ── rejected rows ────────────────────────────────────────────────────────── */

/* `people.csv.gz` → `people.rejects.csv`, beside it; of a pipe `import-3.rejects`. */
static void rejects_name(const struct importing *importing, struct buf *ret)
{
    struct str file = str_from(importing->file);
    const char *given = arguments_get(importing->arguments, "rejects");
    if (given) {
        client_path(ret, given);
        return;
    }
    if (importing->bytes < 0) {
        buf_printf(ret, "import-%" PRId64 ".rejects", number(importing, "id"));
    } else {
        if (file.size > 3 && strcmp(file.data + file.size - 3, ".gz") == 0)
            file.size -= 3;
        size_t stem = file.size;
        while (stem > 0 && file.data[stem - 1] != '.' && file.data[stem - 1] != '/')
            stem--;
        bool ending = stem > 1 && file.data[stem - 1] == '.';
        stem = ending ? stem - 1 : file.size;
        buf_printf(ret, "%.*s.rejects%.*s", (int)stem, file.data, (int)(file.size - stem), file.data + stem);
    }
    buf_put_char(ret, '\0');
}

static enum err fetch_rejects(struct importing *importing, const char *file, struct err_detail *detail)
{
    /* what is there already is somebody's, unless it was named to be written */
    FILE *out = fopen(file, arguments_has(importing->arguments, "rejects") ? "we" : "wxe");
    if (!out)
        return err_fail(detail, ERR_IO, file,
                        "%s; the rejected rows are kept by the server as import %" PRId64, strerror(errno),
                        number(importing, "id"));
    struct buf path = {0};
    struct client_answer answer;
    job_path(importing, &path);
    client_path(&path, "/rejects");
    const struct client_request request = {
        .method = "GET", .path = path.data, .about = importing->file, .download = out};
    enum err err = client_ask(importing->client, &request, &answer, detail);
    if (fclose(out) != 0 && !err)
        err = err_fail(detail, ERR_IO, file, "%s", strerror(errno));
    client_answer_free(&answer);
    buf_deinit(&path);
    return err;
}

/* ── the end ──────────────────────────────────────────────────────────────── */

static void print_summary(const struct importing *importing)
{
    FILE *out = importing->environment->out;
    if (json_is_integer(json_object_get(importing->job.json, "same_as"))) {
        fprintf(out, "%s: has been imported before, as import %" PRId64 "; nothing was changed\n",
                importing->name, number(importing, "same_as"));
        return;
    }
    fprintf(out, "%s: %" PRId64 " rows taken, %" PRId64 " rejected", importing->name,
            number(importing, "taken"), number(importing, "rejected"));
    if (number(importing, "duplicates"))
        fprintf(out, ", %" PRId64 " taken before", number(importing, "duplicates"));
    fprintf(out, " (import %" PRId64 ", %" PRId64 " rows/s)\n", number(importing, "id"),
            number(importing, "rows_per_second"));
}

static void print_rejects(const struct importing *importing, const char *file)
{
    FILE *err = importing->environment->err;
    const json_t *first = json_object_get(importing->job.json, "first_rejects");
    for (size_t i = 0; i < json_array_size(first); i++) {
        const json_t *row = json_array_get(first, i);
        char place[512];
        snprintf(place, sizeof place, "%s:%" JSON_INTEGER_FORMAT, importing->name,
                 json_integer_value(json_object_get(row, "line")));
        complain(err, place, "%s", json_string_value(json_object_get(row, "reason")));
    }
    complain(err, file, "holds the %" PRId64 " rejected rows, each with its reason; mend and import it",
             number(importing, "rejected"));
}

static enum exit_status finish(struct importing *importing)
{
    const struct environment *environment = importing->environment;
    struct err_detail detail = {"", ""};
    struct buf file = {0};
    bool done = strcmp(text(importing, "state"), "done") == 0, rejected = number(importing, "rejected") > 0;
    if (arguments_has(importing->arguments, "json"))
        client_answer_print(&importing->job, environment->out);
    else
        print_summary(importing);
    if (!done)
        complain(environment->err, importing->name, "the import is %s%s%s", text(importing, "state"),
                 text(importing, "why")[0] ? ": " : "", text(importing, "why"));
    if (rejected) {
        rejects_name(importing, &file);
        if (fetch_rejects(importing, file.data, &detail))
            complain_detail(environment->err, &detail);
        else
            print_rejects(importing, file.data);
        buf_deinit(&file);
    }
    return done && !rejected ? EXIT_DONE : EXIT_REFUSED;
}

/* ── the command ──────────────────────────────────────────────────────────── */

static bool open_file(struct importing *importing)
{
    FILE *err = importing->environment->err;
    struct stat status;
    const char *file = importing->file, *slash = strrchr(file, '/');
    bool standard_in = strcmp(file, "-") == 0;
    const char *given = arguments_get(importing->arguments, "name");
    importing->name = given ? given : standard_in ? "standard input" : slash ? slash + 1 : file;
    importing->in = standard_in ? importing->environment->in : fopen(file, "re");
    if (!importing->in || fstat(fileno(importing->in), &status) < 0) {
        complain(err, file, "%s", strerror(errno));
        return false;
    }
    if (S_ISDIR(status.st_mode)) {
        complain(err, file, "is a directory; name a file");
        return false;
    }
    importing->bytes = S_ISREG(status.st_mode) && !standard_in ? (int64_t)status.st_size : -1;
    importing->terminal = isatty(fileno(err));
    importing->told_at = importing->terminal ? -HUGE_VAL : importing->environment->seconds();
    return true;
}

static enum exit_status run_opened(struct importing *importing)
{
    enum exit_status status;
    struct err_detail detail = {"", ""};
    importing->client = client_open(importing->environment, importing->arguments, &status);
    if (!importing->client)
        return status;
    enum err err = hand_over(importing, &detail);
    if (!err)
        err = watch(importing, &detail);
    if (err)
        complain_detail(importing->environment->err, &detail);
    status = err ? EXIT_REFUSED : finish(importing);
    client_answer_free(&importing->job);
    client_close(importing->client);
    return status;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    struct importing importing = {.environment = environment, .arguments = arguments};
    importing.kind = arguments->files.items[0];
    if (strcmp(importing.kind, "events") != 0 && strcmp(importing.kind, "contacts") != 0) {
        complain(environment->err, importing.kind, "must be events or contacts: what the file's rows are");
        return EXIT_USAGE;
    }
    if (arguments->files.count != 2) {
        complain(environment->err, "FILE", "is missing; name the file, or - for standard input");
        return EXIT_USAGE;
    }
    importing.file = arguments->files.items[1];
    enum exit_status status = open_file(&importing) ? run_opened(&importing) : EXIT_REFUSED;
    if (importing.in && importing.in != environment->in)
        fclose(importing.in);
    return status;
}

static const struct option options[] = {
    {"live", NULL, OPTION_MAY, "events arrive now; else they are history, which moves nobody"},
    {"name", "NAME", OPTION_MAY, "the file's name (default: its own); its ending tells the format"},
    {"rejects", "FILE", OPTION_MAY,
     "where rejected rows go (default: orders.csv → orders.rejects.csv beside it)"},
    CLIENT_OPTIONS,
    {0}};

const struct command command_import = {
    .name = "import",
    .summary = "Bring a file of events or contacts into a server.",
    .usage = "events|contacts FILE [--live] [--name NAME] [--rejects FILE] [--server URL] [--token TOKEN] "
             "[--data DIR] [--json]",
    .files = "KIND FILE",
    .files_max = 2,
    .options = options,
    .text =
        "CSV with a header or NDJSON, packed with gzip or not; - is standard input. Imported events count in "
        "a "
        "contact's\n"
        "past, let nobody in and move nobody. The same file twice changes nothing, so a command that was cut "
        "off may\n"
        "be run again. Exit status 1: rows were rejected, and it says where they are.\n\n"
        "examples:\n"
        "  sojourn import contacts people.csv\n"
        "  sojourn import events orders.csv.gz --data sojourn-data\n"
        "  sojourn import events - --name clicks.ndjson --live < clicks.ndjson\n",
    .run = run,
};
