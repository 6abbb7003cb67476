#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/feed.h"
#include "cli/figures_print.h"

static const struct option options[] = {
    {"data", "DIR", OPTION_MUST, "the data directory"}, {"json", NULL, OPTION_MAY, "the same as JSON"}, {0}};

static void report(const struct environment *environment, const struct data_directory *directory, bool json)
{
    struct arena arena = {0};
    struct figures figures;
    figures_collect(directory->partitions, directory->partition_count, directory->control, &arena, &figures);
    if (json) {
        json_t *object = figures_json(&figures, -1, true);
        json_dumpf(object, environment->out, JSON_INDENT(2));
        fputc('\n', environment->out);
        json_decref(object);
    } else {
        figures_print(&figures, -1, environment->out);
    }
    arena_deinit(&arena);
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    struct data_directory directory;
    struct err_detail detail;
    enum err err = data_directory_open(arguments_get(arguments, "data"), true, &directory, &detail);
    if (!err)
        err = data_directory_open_partitions(&directory, true, NULL, &detail);
    if (err) {
        complain_detail(environment->err, &detail);
    } else {
        report(environment, &directory, arguments_has(arguments, "json"));
        feed_alerts_print(directory.store, directory.control, environment->err);
    }
    data_directory_close(&directory);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_status = {
    .name = "status",
    .summary = "Show where the journeys of a data directory stand.",
    .usage = "--data DIR [--json]",
    .options = options,
    .text = "Per journey its state, who came, who is inside and who left, and the same for each node. It "
            "only reads, so\n"
            "it may be asked while another process works on the directory; it then tells what is durable.\n\n"
            "examples:\n"
            "  sojourn status --data demo\n"
            "  sojourn status --data demo --json | jq '.journeys[] | {name, state, in_journey}'\n",
    .run = run,
};
