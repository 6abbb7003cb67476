#include <inttypes.h>

#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/feed.h"
#include "cli/figures_print.h"
#include "cli/replay_inputs.h"

static const struct option options[] = {
    {"data", "DIR", OPTION_MUST, "the data directory; made where it is not there"},
    {"journey", "FILE…", OPTION_MANY, "journeys to publish, in this order"},
    {"contacts", "FILE", OPTION_MAY, "who is known at the start: CSV or NDJSON"},
    {"events", "FILE", OPTION_MUST, "what they did: NDJSON in Segment's form, or CSV"},
    {"actions", "FILE", OPTION_MAY, "what operators did: NDJSON"},
    {"from", "INSTANT", OPTION_MAY,
     "when the journeys are published (default: the first event);\n"
     "records before are history, which rules count and nobody enters by"},
    {"until", "INSTANT", OPTION_MAY,
     "when the replay ends (default: when no timer is left);\n"
     "timers due at it still fire"},
    {"json", NULL, OPTION_MAY, "the figures as JSON"},
    {0}};

struct replay {
    const struct replay_inputs *inputs;
    struct control *control;
};

/* A closed world: every destination takes everything at once. */
static bool answer_sent(void *context, const struct effect_row *effect, bool *ret_failed)
{
    (void)context;
    (void)effect;
    *ret_failed = false;
    return true;
}

static enum err publish(struct replay *replay, size_t number, const struct control_by *by,
                        struct err_detail *detail)
{
    const struct replay_journey *journey = &replay->inputs->journeys[number];
    uint16_t version;
    enum err err = control_publish(replay->control, journey->document, by, &version, detail);
    char prefix[sizeof detail->place];
    snprintf(prefix, sizeof prefix, "%s: ", journey->path);
    if (err)
        err_prefix(detail, prefix);
    return err;
}

static enum err act(struct replay *replay, size_t number, const struct control_by *by,
                    struct err_detail *detail)
{
    const struct replay_action *action = &replay->inputs->actions.items.items[number];
    enum err err = control_act(replay->control, action->kind, action->hold, action->journey, by, detail);
    char prefix[sizeof detail->place];
    snprintf(prefix, sizeof prefix, "%s:%" PRIu64 ": ", replay->inputs->actions_path, action->line);
    if (err)
        err_prefix(detail, prefix);
    return err;
}

/* Milestones are the journeys, then the actions. What is in the log already is not appended again. */
static enum err pass_milestone(void *context, size_t milestone, uint64_t *ret_position,
                               struct err_detail *detail)
{
    struct replay *replay = context;
    size_t journeys = replay->inputs->journey_count;
    bool publishes = milestone < journeys;
    size_t number = publishes ? milestone : milestone - journeys;
    char key[64];
    int size = snprintf(key, sizeof key, "replay-%s-%zu", publishes ? "publish" : "action", number + 1);
    struct control_by by = {.actor = STR("replay"), .key = {key, (size_t)size}};
    if (control_find_key(replay->control, by.key, ret_position))
        return ERR_OK;
    by.at_ms = publishes ? replay->inputs->from_ms : replay->inputs->actions.items.items[number].at_ms;
    enum err err = publishes ? publish(replay, number, &by, detail) : act(replay, number, &by, detail);
    if (!err)
        *ret_position = control_position(replay->control);
    return err;
}

/* The directory's first entry says what it was made from. */
static enum err claim_directory(const char *path, struct control *control, const struct replay_inputs *inputs,
                                struct err_detail *detail)
{
    json_t *now = replay_manifest(inputs), *there = NULL;
    struct str body;
    enum err err = ERR_OK;
    if (control_position(control) == 0) {
        char *text = json_dumps(now, JSON_COMPACT);
        const struct control_by by = {
            .actor = STR("replay"), .key = STR("replay"), .at_ms = inputs->start_ms};
        err = control_note(control, STR("replay"), str_from(text), &by, detail);
        free(text);
    } else if (!control_find_note(control, STR("replay"), &body)) {
        err =
            err_fail(detail, ERR_REFUSED, path, "holds data that is not a replay's; name another directory");
    } else {
        char differing[256];
        there = json_loadb(body.data, body.size, 0, NULL);
        replay_manifest_compare(there, now, differing, sizeof differing);
        if (differing[0])
            err = err_fail(detail, ERR_REFUSED, path,
                           "was made by a replay of other inputs: another %s; name another "
                           "directory, or the same inputs to go on",
                           differing);
    }
    json_decref(there);
    json_decref(now);
    return err;
}

static enum err feed(const struct environment *environment, const char *path,
                     struct data_directory *directory, const struct replay_inputs *inputs,
                     struct err_detail *detail)
{
    struct replay replay = {inputs, directory->control};
    size_t actions = inputs->actions.items.count;
    int64_t *milestones = memory_take((inputs->journey_count + actions) * sizeof *milestones);
    for (size_t i = 0; i < inputs->journey_count; i++)
        milestones[i] = inputs->from_ms;
    for (size_t i = 0; i < actions; i++)
        milestones[inputs->journey_count + i] = inputs->actions.items.items[i].at_ms;
    const struct feed_options feeding = {.environment = environment,
                                         .name = path,
                                         .store = directory->store,
                                         .control = directory->control,
                                         .partitions = directory->partitions,
                                         .partition_count = directory->partition_count,
                                         .contacts = inputs->contacts,
                                         .events = inputs->events,
                                         .start_ms = inputs->start_ms,
                                         .until_ms = inputs->until_ms,
                                         .milestones = milestones,
                                         .milestone_count = inputs->journey_count + actions,
                                         .act = pass_milestone,
                                         .context = &replay};
    enum err err = feed_run(&feeding, detail);
    free(milestones);
    return err;
}

static void report(const struct environment *environment, const struct data_directory *directory,
                   double since, bool json)
{
    struct arena arena = {0};
    struct figures figures;
    figures_collect(directory->partitions, directory->partition_count, directory->control, &arena, &figures);
    double seconds = environment->seconds() - since;
    if (json) {
        json_t *object = figures_json(&figures, seconds, false);
        json_dumpf(object, environment->out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', environment->out);
        json_decref(object);
    } else {
        figures_print(&figures, seconds, environment->out);
    }
    arena_deinit(&arena);
}

static enum exit_status replay_into(const struct environment *environment, const struct arguments *arguments,
                                    const struct replay_inputs *inputs, double since)
{
    const char *path = arguments_get(arguments, "data");
    struct data_directory directory;
    struct err_detail detail;
    enum exit_status status = EXIT_REFUSED;
    enum err err = data_directory_open(path, false, &directory, &detail);
    if (!err)
        err = claim_directory(path, directory.control, inputs, &detail);
    if (!err)
        err = data_directory_open_partitions(&directory, false, answer_sent, &detail);
    if (!err)
        err = feed(environment, path, &directory, inputs, &detail);
    if (err) {
        complain_detail(environment->err, &detail);
    } else {
        report(environment, &directory, since, arguments_has(arguments, "json"));
        bool held = feed_alerts_print(directory.store, directory.control, environment->err);
        status = held ? EXIT_REFUSED : EXIT_DONE;
    }
    data_directory_close(&directory);
    return status;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    double since = environment->seconds();
    struct replay_inputs inputs;
    enum exit_status status = EXIT_REFUSED;
    if (replay_inputs_read(arguments, environment->err, &inputs))
        status = replay_into(environment, arguments, &inputs, since);
    replay_inputs_free(&inputs);
    return status;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "Send recorded events through journeys, in virtual time, and print what happens.",
    .usage = "--data DIR --journey FILE… --events FILE [--contacts FILE] [--actions FILE]\n"
             "                      [--from INSTANT] [--until INSTANT] [--json]",
    .options = options,
    .text =
        "The journeys are published, the events are fed in order of time through the same engine and store "
        "that\n"
        "a server has, and time goes on until no timer is left: a wait of thirty days takes no time. Nothing "
        "leaves\n"
        "the process; every destination accepts everything. Per journey and node you see who came, where "
        "they went\n"
        "on to, who waits and who left. The same command on the same directory goes on where it ended, also "
        "after\n"
        "a crash, and prints the same; other inputs are refused there.\n\n"
        "Events as NDJSON, one object a line:\n"
        "  {\"type\":\"track\",\"userId\":\"ann\",\"event\":\"Order "
        "Completed\",\"timestamp\":\"2026-05-01T10:00:00Z\",\n"
        "   \"properties\":{\"total\":19.9}}\n"
        "or as CSV; a column is text unless its name ends in :number, :boolean, :instant or :list (a;b;c):\n"
        "  userId,event,timestamp,total:number\n"
        "  ann,Order Completed,2026-05-01T10:00:00Z,19.9\n"
        "Contacts as CSV (userId and attributes) or NDJSON "
        "({\"userId\":\"ann\",\"traits\":{\"plan\":\"pro\"}}).\n"
        "Actions: {\"at\":\"2026-05-07T00:00:00Z\",\"action\":\"pause\",\"journey\":\"Cart "
        "rescue\",\"hold\":\"all\"}, likewise\n"
        "resume and stop; an action comes before the events of its instant.\n\n"
        "examples:\n"
        "  sojourn replay --data demo --journey examples/cart-rescue/journey.json \\\n"
        "      --contacts examples/cart-rescue/contacts.csv --events examples/cart-rescue/events.ndjson\n"
        "  sojourn replay --data half --journey a.json b.json --events events.csv --until "
        "2026-05-15T00:00:00Z --json\n",
    .run = run,
};
