#include "cli/trace.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/data_directory.h"
#include "trace/story_json.h"

static const struct option options[] = {
    {"contact", "ID", OPTION_MUST, "the contact's userId (or anonymousId)"},
    {"journey", "NAME", OPTION_MAY, "one journey only"},
    CLIENT_OPTIONS,
    {0}};

/* ── of a directory ───────────────────────────────────────────────────────── */

struct tracing {
    const struct data_directory *directory;
    struct str name;
    struct trace_contact contact;
    struct trace_chain chain;
    struct arena arena;
};

static json_t *tell(struct tracing *tracing, uint16_t journey)
{
    struct trace_story story;
    trace_story_tell(tracing->directory->control, &tracing->contact, &tracing->chain, journey,
                     &tracing->arena, &story);
    json_t *json = trace_story_json(&story);
    trace_story_free(&story);
    return json;
}

static enum err find_contact(struct tracing *tracing, struct err_detail *detail)
{
    const struct data_directory *directory = tracing->directory;
    uint64_t hash = contact_hash(tracing->name);
    const struct partition *partition = directory->partitions[partition_of(hash, directory->partition_count)];
    struct contact_id id;
    if (contacts_find(engine_contacts(partition_engine(partition)), tracing->name, hash, &id)) {
        trace_look(partition, control_plan(directory->control), id, &tracing->arena, &tracing->contact);
        return trace_chain_read(directory->store, &tracing->contact, TRACE_ROWS_ALL, &tracing->arena,
                                &tracing->chain, detail);
    }
    return err_fail(detail, ERR_NOT_FOUND, "--contact", "nobody is known by this id");
}

static enum err tell_all(struct tracing *tracing, const char *journey, json_t **ret,
                         struct err_detail *detail)
{
    const struct plan *plan = control_plan(tracing->directory->control);
    uint16_t first = 0, end = plan_journey_count(plan), version;
    enum err err = find_contact(tracing, detail);
    if (!err && journey)
        err = data_directory_find_version(tracing->directory, str_from(journey), &tracing->arena, "--journey",
                                          &version, detail);
    if (err)
        return err;
    if (journey) {
        first = plan_version(plan, version)->journey;
        end = (uint16_t)(first + 1);
    }
    char since[32];
    json_t *stories = json_array();
    for (uint16_t i = first; i < end; i++)
        json_array_append_new(stories, tell(tracing, i));
    int size = tracing->chain.truncated
                   ? instant_print(tracing->chain.since_ms, tracing->chain.since_ms % SECOND_MS != 0, since)
                   : 0;
    *ret = json_pack("{s:s%, s:b, s:o, s:o}", "contact", tracing->name.data, tracing->name.size, "truncated",
                     (int)tracing->chain.truncated, "since",
                     size ? json_stringn(since, (size_t)size) : json_null(), "journeys", stories);
    return ERR_OK;
}

/* As it lies there, so that it may be asked while a server or a replay works on it. */
static enum err read_directory(const struct arguments *arguments, json_t **ret, struct err_detail *detail)
{
    struct data_directory directory;
    struct tracing tracing = {.directory = &directory, .name = str_from(arguments_get(arguments, "contact"))};
    enum err err = data_directory_open(arguments_get(arguments, "data"), true, &directory, detail);
    if (!err)
        err = data_directory_open_partitions(&directory, true, NULL, detail);
    if (!err)
        err = tell_all(&tracing, arguments_get(arguments, "journey"), ret, detail);
    trace_chain_free(&tracing.chain);
    arena_deinit(&tracing.arena);
    data_directory_close(&directory);
    return err;
}

/* ── of a server ──────────────────────────────────────────────────────────── */

static enum err ask_page(struct client *client, const struct arguments *arguments, const char *cursor,
                         struct client_answer *ret, struct err_detail *detail)
{
    struct buf path = {0};
    client_path(&path, "/v1/contacts/");
    client_segment(&path, arguments_get(arguments, "contact"));
    client_path(&path, "/trace");
    if (arguments_has(arguments, "journey"))
        client_query(&path, "journey", arguments_get(arguments, "journey"));
    if (cursor)
        client_query(&path, "cursor", cursor);
    const struct client_request request = {.method = "GET", .path = path.data};
    enum err err = client_ask(client, &request, ret, detail);
    if (err == ERR_NOT_FOUND && !detail->place[0])
        snprintf(detail->place, sizeof detail->place, "--contact");
    buf_deinit(&path);
    return err;
}

/* All pages as one. */
static enum err ask_server(struct client *client, const struct arguments *arguments, json_t **ret,
                           struct err_detail *detail)
{
    json_t *whole = NULL;
    const char *cursor = NULL;
    enum err err = ERR_OK;
    do {
        struct client_answer page;
        err = ask_page(client, arguments, cursor, &page, detail);
        if (!err && whole)
            json_array_extend(json_object_get(whole, "journeys"), json_object_get(page.json, "journeys"));
        else if (!err)
            whole = json_incref(page.json);
        if (!err)
            json_object_set(whole, "next", json_object_get(page.json, "next"));
        cursor = json_string_value(json_object_get(whole, "next"));
        client_answer_free(&page);
    } while (!err && cursor);
    json_object_del(whole, "next");
    if (err)
        json_decref(whole);
    else
        *ret = whole;
    return err;
}

/* ── the command ──────────────────────────────────────────────────────────── */

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status;
    enum err err;
    struct err_detail detail = {"", ""};
    json_t *trace = NULL;
    if (client_data_alone(arguments)) {
        err = read_directory(arguments, &trace, &detail);
    } else {
        struct client *client = client_open(environment, arguments, &status);
        if (!client)
            return status;
        err = ask_server(client, arguments, &trace, &detail);
        client_close(client);
    }
    if (err)
        complain_detail(environment->err, &detail);
    else if (arguments_has(arguments, "json"))
        client_json_print(trace, environment->out);
    else
        trace_print(trace, environment->out);
    json_decref(trace);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_trace = {
    .name = "trace",
    .summary = "Tell what happened to one contact in its journeys, and why.",
    .usage = "--contact ID [--journey NAME] [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .options = options,
    .text =
        "Each line is a fact of the ledger: when, by what cause (an event, time, an action, a "
        "destination's answer),\n"
        "which nodes and outcomes were passed, and where the contact rests until when, or left for what "
        "reason.\n"
        "For who never entered it says what the entry rule missed. With --data it only reads, so it may be "
        "asked while\n"
        "another process works on the directory.\n\n"
        "examples:\n"
        "  sojourn trace --contact shopper-0125\n"
        "  sojourn trace --data demo --contact shopper-0125 --journey \"Cart rescue\" --json\n",
    .run = run,
};
