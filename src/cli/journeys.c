/* The journeys that a server has, a line each. */
#include <inttypes.h>

#include "cli/client.h"
#include "cli/commands.h"

static const struct option options[] = {
    {"state", "STATE", OPTION_MAY, "only those: draft, running, paused, stopped"},
    {"search", "TEXT", OPTION_MAY, "only those with this in their name, description or a label"},
    CLIENT_OPTIONS,
    {0}};

static enum err ask(struct client *client, const struct arguments *arguments, json_t *ret,
                    struct err_detail *detail)
{
    struct buf path = {0};
    client_path(&path, "/v1/journeys");
    if (arguments_has(arguments, "state"))
        client_query(&path, "state", arguments_get(arguments, "state"));
    if (arguments_has(arguments, "search"))
        client_query(&path, "q", arguments_get(arguments, "search"));
    enum err err = client_ask_pages(client, path.data, "journeys", ret, detail);
    buf_deinit(&path);
    return err;
}

/* A number, or a dash where there is none. */
static void print_number(const json_t *object, const char *key, FILE *out)
{
    if (json_is_integer(json_object_get(object, key)))
        fprintf(out, "  %7" PRId64, client_number(object, key));
    else
        fprintf(out, "  %7s", "-");
}

static void print(const json_t *journeys, FILE *out)
{
    if (json_array_size(journeys))
        fprintf(out, "%-6s  %-16s  %7s  %7s  %s\n", "id", "state", "version", "draft", "name");
    for (size_t i = 0; i < json_array_size(journeys); i++) {
        const json_t *journey = json_array_get(journeys, i);
        const char *hold = client_text(journey, "hold");
        char state[64];
        snprintf(state, sizeof state, "%s%s%s", client_text(journey, "state"), hold[0] ? ", " : "", hold);
        fprintf(out, "%-6s  %-16s", client_text(journey, "id"), state);
        print_number(journey, "version", out);
        print_number(json_object_get(journey, "draft"), "revision", out);
        fprintf(out, "  %s\n", client_text(journey, "name"));
    }
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status;
    struct client *client = client_open(environment, arguments, &status);
    if (!client)
        return status;
    struct err_detail detail = {"", ""};
    json_t *journeys = json_array();
    enum err err = ask(client, arguments, journeys, &detail);
    if (err)
        complain_detail(environment->err, &detail);
    else if (arguments_has(arguments, "json"))
        client_json_print(journeys, environment->out);
    else
        print(journeys, environment->out);
    json_decref(journeys);
    client_close(client);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_journeys = {
    .name = "journeys",
    .summary = "List journeys, drafts among them.",
    .usage = "[--state STATE] [--search TEXT] [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .options = options,
    .text =
        "In the order of their creation: the constant id, the state with its hold, the newest version, the "
        "draft's\n"
        "revision, the name.\n\n"
        "examples:\n"
        "  sojourn journeys\n"
        "  sojourn journeys --state paused --json | jq -r '.[].name'\n",
    .run = run,
};
