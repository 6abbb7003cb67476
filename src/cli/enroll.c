/* Asks for a contact to enter a journey that has an `api` entry. */
#include "cli/client.h"
#include "cli/commands.h"

static const struct option options[] = {
    {"contact", "ID", OPTION_MUST, "the contact's userId; made where it is not known"},
    {"properties", "JSON", OPTION_MAY, "an object that is kept with the call"},
    CLIENT_OPTIONS,
    {0}};

/* NULL after a message. */
static json_t *body_of(const struct environment *environment, const struct arguments *arguments)
{
    json_error_t error;
    const char *properties = arguments_get(arguments, "properties");
    json_t *object = properties ? json_loads(properties, JSON_REJECT_DUPLICATES, &error) : json_object();
    if (!json_is_object(object)) {
        complain(environment->err, "--properties",
                 "is no JSON object; write it like '{\"source\": \"crm\"}'");
        json_decref(object);
        return NULL;
    }
    json_t *body =
        json_pack("{s:s, s:o}", "userId", arguments_get(arguments, "contact"), "properties", object);
    if (!body)
        complain(environment->err, "--contact", "is not UTF-8");
    return body;
}

static enum err ask(struct client *client, const struct arguments *arguments, const json_t *body,
                    struct client_answer *answer, struct err_detail *detail)
{
    struct buf path = {0};
    client_path(&path, "/v1/journeys/");
    client_segment(&path, arguments->files.items[0]);
    client_path(&path, "/enroll");
    const struct client_request request = {
        .method = "POST", .path = path.data, .body = body, .keyed = true, .about = arguments->files.items[0]};
    enum err err = client_ask(client, &request, answer, detail);
    buf_deinit(&path);
    return err;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status = EXIT_USAGE;
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    json_t *body = body_of(environment, arguments);
    struct client *client = body ? client_open(environment, arguments, &status) : NULL;
    if (!client) {
        json_decref(body);
        return status;
    }
    enum err err = ask(client, arguments, body, &answer, &detail);
    if (err)
        complain_detail(environment->err, &detail);
    else if (arguments_has(arguments, "json"))
        client_answer_print(&answer, environment->out);
    else
        fprintf(environment->out, "%s: %s: %s\n", client_text(answer.json, "journey"),
                client_text(answer.json, "contact"), client_text(answer.json, "outcome"));
    client_answer_free(&answer);
    client_close(client);
    json_decref(body);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_enroll = {
    .name = "enroll",
    .summary = "Ask for a contact to enter a journey by its api entry.",
    .usage = "JOURNEY --contact ID [--properties JSON] [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .files = "JOURNEY",
    .files_max = 1,
    .options = options,
    .text =
        "The journey's entry has the rule {\"api\": true}. It prints what became of it: entered, or why not "
        "(inside already,\n"
        "closed, filtered, re-entry off …), which is no failure of the command.\n\n"
        "examples:\n"
        "  sojourn enroll \"Cart rescue\" --contact ann --properties '{\"source\": \"crm\"}'\n",
    .run = run,
};
