#include "cli/client.h"
#include "cli/commands.h"
#include "cli/document_file.h"
#include "cli/finding_rows.h"

static const struct option options[] = {
    {"journey", "NAME", OPTION_MAY, "the draft of this journey on a server, or in a directory"},
    {"version", "N", OPTION_MAY, "with --journey: a published version instead of the draft"},
    CLIENT_OPTIONS,
    {0}};

/* One file's findings, printed or put among the rows. False where it has an error. */
static bool check_file(const struct environment *environment, const char *path, json_t *rows)
{
    struct err_detail detail;
    json_t *document;
    if (document_file_read(path, environment->in, &document, NULL, &detail)) {
        if (rows)
            finding_row_unreadable(rows, path, &detail);
        else
            complain_detail(environment->err, &detail);
        return false;
    }
    struct arena arena = {0};
    struct findings findings = {0};
    checklist_run(document, &arena, &findings);
    if (rows)
        finding_rows_add(rows, path, &findings);
    else
        finding_rows_print(environment->out, path, &findings);
    bool sound = findings.errors == 0;
    array_free(&findings.rows);
    arena_deinit(&arena);
    json_decref(document);
    return sound;
}

/* ── on a server ──────────────────────────────────────────────────────────── */

static enum err ask(struct client *client, const struct arguments *arguments, struct client_answer *ret,
                    struct err_detail *detail)
{
    const char *journey = arguments_get(arguments, "journey");
    struct buf path = {0};
    client_path(&path, "/v1/journeys/");
    client_segment(&path, journey);
    client_path(&path, "/check");
    if (arguments_has(arguments, "version"))
        client_query(&path, "version", arguments_get(arguments, "version"));
    const struct client_request request = {.method = "POST", .path = path.data, .about = journey};
    enum err err = client_ask(client, &request, ret, detail);
    buf_deinit(&path);
    return err;
}

static void add_rows(json_t *rows, const char *journey, json_t *findings)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        json_t *row = json_pack("{s:s}", "journey", journey);
        json_object_update(row, json_array_get(findings, i));
        json_array_append_new(rows, row);
    }
}

static enum exit_status check_journey(const struct environment *environment,
                                      const struct arguments *arguments, json_t *rows)
{
    enum exit_status status;
    struct client *client = client_open(environment, arguments, &status);
    if (!client)
        return status;
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    enum err err = ask(client, arguments, &answer, &detail);
    json_t *findings = json_object_get(answer.json, "findings");
    const char *journey = arguments_get(arguments, "journey");
    if (err)
        complain_detail(environment->err, &detail);
    else if (rows)
        add_rows(rows, journey, findings);
    else
        finding_json_print(environment->out, journey, findings);
    bool sound = !err && client_number(answer.json, "errors") == 0;
    client_answer_free(&answer);
    client_close(client);
    return sound ? EXIT_DONE : EXIT_REFUSED;
}

/* ── the command ──────────────────────────────────────────────────────────── */

/* Files are checked here, so that it works without any server. */
static bool is_sensible(const struct environment *environment, const struct arguments *arguments)
{
    static const char *const others[] = {"version", "server", "token", "data"};
    bool journey = arguments_has(arguments, "journey");
    for (size_t i = 0; i < sizeof others / sizeof *others && !journey; i++) {
        if (arguments_has(arguments, others[i])) {
            complain(environment->err, "check", "--%s goes with --journey; files are checked here",
                     others[i]);
            return false;
        }
    }
    if (!journey && arguments->files.count == 0)
        complain(environment->err, "check", "FILE is missing, or --journey");
    return journey || arguments->files.count;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    if (!is_sensible(environment, arguments))
        return EXIT_USAGE;
    json_t *rows = arguments_has(arguments, "json") ? json_array() : NULL;
    enum exit_status status = EXIT_DONE;
    array_each (&arguments->files, i) {
        if (!check_file(environment, arguments->files.items[i], rows))
            status = EXIT_REFUSED;
    }
    if (arguments_has(arguments, "journey")) {
        enum exit_status journey = check_journey(environment, arguments, rows);
        status = journey ? journey : status;
    }
    if (rows)
        client_json_print(rows, environment->out);
    json_decref(rows);
    return status;
}

const struct command command_check = {
    .name = "check",
    .summary = "Say whether a journey can be published, and what is wrong with it.",
    .usage = "[FILE…] [--json]     (- is standard input)\n"
             "       sojourn check --journey NAME [--version N] [--server URL] [--token TOKEN] [--data DIR] "
             "[--json]",
    .files = "FILE",
    .files_may_miss = true,
    .options = options,
    .text =
        "Errors block publishing; warnings are worth a look. Each finding names the place in the file as "
        "a JSON\n"
        "pointer (/nodes/offer/timeout) and says what to do. Exit status 1 where there is an error. Files "
        "need no\n"
        "server.\n\n"
        "examples:\n"
        "  sojourn check cart-rescue.json\n"
        "  sojourn check --journey \"Cart rescue\"\n"
        "  sojourn check --json journeys/*.json | jq '.[] | select(.severity == \"error\")'\n",
    .run = run,
};
