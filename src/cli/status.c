#include "cli/status.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/feed.h"
#include "cli/figures_print.h"
#include "partition/figures_range.h"

static const struct option options[] = {
    CLIENT_OPTIONS,
    {"from", "DAY", OPTION_MAY, "what happened from the beginning of this day on: 2026-01-31 (UTC)"},
    {"to", "DAY", OPTION_MAY, "and to the end of this one"},
    {0}};

/* Leaves the one journey that is asked for. */
static enum err keep_one(const struct data_directory *directory, struct figures *figures,
                         const char *id_or_name, struct arena *arena, struct err_detail *detail)
{
    uint16_t version, kept = 0;
    enum err err =
        data_directory_find_version(directory, str_from(id_or_name), arena, id_or_name, &version, detail);
    if (err)
        return err;
    uint16_t journey = plan_version(control_plan(directory->control), version)->journey;
    for (uint16_t i = 0; i < figures->journey_count; i++) {
        if (figures->journeys[i].version->journey == journey)
            figures->journeys[kept++] = figures->journeys[i];
    }
    figures->journey_count = kept;
    return ERR_OK;
}

static enum err report(const struct environment *environment, const struct data_directory *directory,
                       const struct arguments *arguments, struct err_detail *detail)
{
    struct arena arena = {0};
    struct figures figures;
    struct figures_range range;
    const char *from = arguments_get(arguments, "from"), *to = arguments_get(arguments, "to");
    enum err err =
        figures_range_parse(str_from(from ? from : ""), str_from(to ? to : ""), "--", &range, detail);
    if (!err)
        err = figures_collect_range(directory->partitions, directory->partition_count, directory->control,
                                    directory->store, &range, &arena, &figures, detail);
    if (!err && arguments->files.count)
        err = keep_one(directory, &figures, arguments->files.items[0], &arena, detail);
    if (!err && arguments_has(arguments, "json")) {
        json_t *object = figures_json(&figures, -1, true);
        json_dumpf(object, environment->out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', environment->out);
        json_decref(object);
    } else if (!err) {
        figures_print(&figures, -1, environment->out);
    }
    arena_deinit(&arena);
    return err;
}

/* A directory is read as it lies there, so that it may be asked while a server or a replay works on it. */
static enum exit_status read_directory(const struct environment *environment,
                                       const struct arguments *arguments)
{
    struct data_directory directory;
    struct err_detail detail;
    enum err err = data_directory_open(arguments_get(arguments, "data"), true, &directory, &detail);
    if (!err)
        err = data_directory_open_partitions(&directory, true, NULL, &detail);
    if (!err)
        err = report(environment, &directory, arguments, &detail);
    if (err)
        complain_detail(environment->err, &detail);
    else
        feed_alerts_print(directory.store, directory.control, environment->err);
    data_directory_close(&directory);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    return client_data_alone(arguments) ? read_directory(environment, arguments)
                                        : status_ask_server(environment, arguments);
}

const struct command command_status = {
    .name = "status",
    .summary = "Show where journeys stand.",
    .usage = "[JOURNEY] [--server URL] [--token TOKEN] [--data DIR] [--from DAY] [--to DAY] [--json]",
    .files = "JOURNEY",
    .files_may_miss = true,
    .files_max = 1,
    .options = options,
    .text =
        "Per journey its state, who came, who is inside and who left, and the same for each node. With "
        "--data it only\n"
        "reads, so it may be asked while another process works on the directory; it then tells what is "
        "durable. A range of days has what happened in it and who waited at its end; who is in the journey "
        "is always\n"
        "told as of now.\n\n"
        "examples:\n"
        "  sojourn status \"Cart rescue\"\n"
        "  sojourn status \"Cart rescue\" --from 2026-01-01 --to 2026-01-04\n"
        "  sojourn status --data demo\n"
        "  sojourn status --data demo --json | jq '.journeys[] | {name, state, in_journey}'\n",
    .run = run,
};
