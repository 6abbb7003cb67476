/* What operators do to a journey: one action of the API each, under the command's own name. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/finding_rows.h"

static bool is_member(const char *option)
{
    static const char *const members[] = {"hold", "policy", "confirm", "revision"};
    bool found = false;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        found |= strcmp(option, members[i]) == 0;
    return found;
}

/* The options that are members of the action; NULL after a message. */
static json_t *action_of(const struct environment *environment, const struct arguments *arguments)
{
    json_t *body = json_pack("{s:s}", "action", arguments->command->name);
    for (const struct option *option = arguments->command->options; option->name; option++) {
        const char *value = is_member(option->name) ? arguments_get(arguments, option->name) : NULL;
        int64_t number;
        if (!value)
            continue;
        bool is_number = strcmp(option->name, "revision") == 0;
        json_t *member = !is_number                               ? json_string(value)
                         : str_to_int64(str_from(value), &number) ? json_integer(number)
                                                                  : NULL;
        if (!member) {
            complain(environment->err, arguments->command->name, "--%s is %s", option->name,
                     is_number ? "a whole number" : "not UTF-8");
            json_decref(body);
            return NULL;
        }
        json_object_set_new(body, option->name, member);
    }
    return body;
}

/* `Cart rescue: paused, hold all`. */
static void print_journey(const json_t *journey, FILE *out)
{
    const char *hold = client_text(journey, "hold");
    fprintf(out, "%s: %s%s%s\n", client_text(journey, "name"), client_text(journey, "state"),
            hold[0] ? ", hold " : "", hold);
}

static enum err act(struct client *client, const struct arguments *arguments, const json_t *body,
                    struct client_answer *answer, struct err_detail *detail)
{
    const char *journey = arguments->files.items[0];
    struct buf path = {0};
    client_path(&path, "/v1/journeys/");
    client_segment(&path, journey);
    client_path(&path, "/actions");
    const struct client_request request = {
        .method = "POST", .path = path.data, .body = body, .keyed = true, .about = journey};
    enum err err = client_ask(client, &request, answer, detail);
    buf_deinit(&path);
    return err;
}

/* The checklist's errors come before the line that says so. */
static void report(const struct environment *environment, const struct arguments *arguments,
                   const struct client_answer *answer)
{
    const json_t *findings = json_object_get(answer->json, "findings");
    bool success = answer->status / 100 == 2;
    if ((success || json_array_size(findings)) && arguments_has(arguments, "json"))
        client_answer_print(answer, environment->out);
    else if (success)
        print_journey(answer->json, environment->out);
    else if (json_array_size(findings))
        finding_json_print(environment->out, arguments->files.items[0], findings);
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status = EXIT_USAGE;
    json_t *body = action_of(environment, arguments);
    struct client *client = body ? client_open(environment, arguments, &status) : NULL;
    if (!client) {
        json_decref(body);
        return status;
    }
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    enum err err = act(client, arguments, body, &answer, &detail);
    report(environment, arguments, &answer);
    if (err)
        complain_detail(environment->err, &detail);
    client_answer_free(&answer);
    client_close(client);
    json_decref(body);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

static const struct option publish_options[] = {
    {"revision", "N", OPTION_MAY, "only if this is the draft's revision"}, CLIENT_OPTIONS, {0}};

const struct command command_publish = {
    .name = "publish",
    .summary = "Publish a journey's draft; it runs at once.",
    .usage = "JOURNEY [--revision N] [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .files = "JOURNEY",
    .files_max = 1,
    .options = publish_options,
    .text =
        "Errors of the checklist refuse it and are printed as `sojourn check` prints them. `sojourn apply "
        "--publish` does\n"
        "the same out of a file.\n\n"
        "examples:\n"
        "  sojourn publish \"Cart rescue\"\n"
        "  sojourn publish \"Cart rescue\" --revision 7\n",
    .run = run,
};

static const struct option pause_options[] = {{"hold", "HOLD", OPTION_MAY,
                                               "all: nobody enters, nobody moves, nothing is sent (default); "
                                               "entries: nobody enters, those inside go on"},
                                              CLIENT_OPTIONS,
                                              {0}};

const struct command command_pause = {
    .name = "pause",
    .summary = "Pause a journey; it can be resumed.",
    .usage = "JOURNEY [--hold HOLD] [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .files = "JOURNEY",
    .files_max = 1,
    .options = pause_options,
    .text = "Told when it holds everywhere: from then on nobody moves. What happens meanwhile is remembered "
            "for the resume.\n\n"
            "examples:\n"
            "  sojourn pause \"Cart rescue\"\n"
            "  sojourn pause \"Cart rescue\" --data sojourn-data\n",
    .run = run,
};

static const struct option resume_options[] = {
    {"policy", "POLICY", OPTION_MAY, "continue: what has come due fires now (default: continue)"},
    CLIENT_OPTIONS,
    {0}};

const struct command command_resume = {
    .name = "resume",
    .summary = "Let a paused journey go on.",
    .usage = "JOURNEY [--policy POLICY] [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .files = "JOURNEY",
    .files_max = 1,
    .options = resume_options,
    .text = "examples:\n"
            "  sojourn resume \"Cart rescue\"\n",
    .run = run,
};

static const struct option stop_options[] = {
    {"confirm", "NAME", OPTION_MUST, "the journey's name once more: there is no way back"},
    CLIENT_OPTIONS,
    {0}};

const struct command command_stop = {
    .name = "stop",
    .summary = "Stop a journey for good; everybody inside leaves.",
    .usage = "JOURNEY --confirm NAME [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .files = "JOURNEY",
    .files_max = 1,
    .options = stop_options,
    .text = "examples:\n"
            "  sojourn stop \"Cart rescue\" --confirm \"Cart rescue\"\n",
    .run = run,
};
