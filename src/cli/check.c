#include "cli/commands.h"
#include "cli/document_file.h"
#include "cli/finding_rows.h"

static const struct option options[] = {{"json", NULL, OPTION_MAY, "the findings as a JSON array"}, {0}};

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

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    json_t *rows = arguments_has(arguments, "json") ? json_array() : NULL;
    bool sound = true;
    array_each (&arguments->files, i)
        sound &= check_file(environment, arguments->files.items[i], rows);
    if (rows) {
        json_dumpf(rows, environment->out, JSON_INDENT(2));
        fputc('\n', environment->out);
        json_decref(rows);
    }
    return sound ? EXIT_DONE : EXIT_REFUSED;
}

const struct command command_check = {
    .name = "check",
    .summary = "Say whether a journey can be published, and what is wrong with it.",
    .usage = "FILE… [--json]     (- is standard input)",
    .files = "FILE",
    .options = options,
    .text = "Errors block publishing; warnings are worth a look. Each finding names the place in the file as "
            "a JSON\n"
            "pointer (/nodes/offer/timeout) and says what to do. Exit status 1 where there is an error.\n\n"
            "examples:\n"
            "  sojourn check cart-rescue.json\n"
            "  sojourn check --json journeys/*.json | jq '.[] | select(.severity == \"error\")'\n",
    .run = run,
};
