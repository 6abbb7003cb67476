/* What operators do to a journey: one action of the API each, under the command's own name. */
#include "cli/client.h"
#include "cli/commands.h"

/* The options that are members of the action. */
static json_t *action_of(const struct arguments *arguments)
{
    json_t *body = json_pack("{s:s}", "action", arguments->command->name);
    for (const struct option *option = arguments->command->options; option->name; option++) {
        bool own = strcmp(option->name, "hold") == 0 || strcmp(option->name, "policy") == 0 ||
                   strcmp(option->name, "confirm") == 0;
        const char *value = own ? arguments_get(arguments, option->name) : NULL;
        if (value)
            json_object_set_new(body, option->name, json_string(value));
    }
    return body;
}

/* `Cart rescue: paused, hold all`. */
static void print_journey(const json_t *journey, FILE *out)
{
    const char *name = json_string_value(json_object_get(journey, "name")),
               *state = json_string_value(json_object_get(journey, "state")),
               *hold = json_string_value(json_object_get(journey, "hold"));
    fprintf(out, "%s: %s%s%s\n", name ? name : "", state ? state : "", hold ? ", hold " : "",
            hold ? hold : "");
}

static enum err act(struct client *client, const struct arguments *arguments, struct client_answer *answer,
                    struct err_detail *detail)
{
    const char *journey = arguments->files.items[0];
    struct buf path = {0};
    client_path(&path, "/v1/journeys/");
    client_segment(&path, journey);
    client_path(&path, "/actions");
    json_t *body = action_of(arguments);
    const struct client_request request = {
        .method = "POST", .path = path.data, .body = body, .keyed = true, .about = journey};
    enum err err = client_ask(client, &request, answer, detail);
    json_decref(body);
    buf_deinit(&path);
    return err;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status;
    struct client *client = client_open(environment, arguments, &status);
    if (!client)
        return status;
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    enum err err = act(client, arguments, &answer, &detail);
    if (err)
        complain_detail(environment->err, &detail);
    else if (arguments_has(arguments, "json"))
        client_answer_print(&answer, environment->out);
    else
        print_journey(answer.json, environment->out);
    client_answer_free(&answer);
    client_close(client);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

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
