/* Write keys and admin tokens: listed, made, revoked. */
#include <inttypes.h>

#include "base/spelling.h"
#include "cli/client.h"
#include "cli/commands.h"

static const struct option options[] = {CLIENT_OPTIONS, {0}};

struct asking {
    const struct environment *environment;
    struct client *client;
    const char *const *words; /* behind the verb */
    bool json;
};

/* ── the three of them ────────────────────────────────────────────────────── */

static void print_key(const json_t *key, FILE *out)
{
    const char *revoked = client_text(key, "revoked");
    fprintf(out, "%4" PRId64 "  %-5s  %-20s  %-24s  %-12s  %s%s%s\n", client_number(key, "id"),
            client_text(key, "kind"), client_text(key, "created"), revoked[0] ? revoked : "in force",
            client_text(key, "created_by"), client_text(key, "name"), revoked[0] ? ", revoked by " : "",
            client_text(key, "revoked_by"));
}

static enum err list(const struct asking *asking, struct err_detail *detail)
{
    FILE *out = asking->environment->out;
    json_t *keys = json_array();
    enum err err = client_ask_pages(asking->client, "/v1/keys", "keys", keys, detail);
    if (!err && asking->json)
        client_json_print(keys, out);
    else if (!err)
        fprintf(out, "%4s  %-5s  %-20s  %-24s  %-12s  %s\n", "id", "kind", "created", "revoked", "by",
                "name");
    for (size_t i = 0; !err && !asking->json && i < json_array_size(keys); i++)
        print_key(json_array_get(keys, i), out);
    json_decref(keys);
    return err;
}

static enum err create(const struct asking *asking, struct err_detail *detail)
{
    FILE *out = asking->environment->out;
    json_t *body = json_pack("{s:s, s:s}", "kind", asking->words[0], "name", asking->words[1]);
    if (!body)
        return err_fail(detail, ERR_INVALID, "key create", "kind and name must be UTF-8");
    struct client_answer answer;
    /* not keyed: its secret is told once, so a lost answer is not asked for again */
    const struct client_request request = {
        .method = "POST", .path = "/v1/keys", .body = body, .about = asking->words[1]};
    enum err err = client_ask(asking->client, &request, &answer, detail);
    if (!err && asking->json)
        client_answer_print(&answer, out);
    else if (!err)
        fprintf(out, "%s key \"%s\", id %" PRId64 ". Keep it, it is not shown again:\n%s\n",
                client_text(answer.json, "kind"), client_text(answer.json, "name"),
                client_number(answer.json, "id"), client_text(answer.json, "secret"));
    client_answer_free(&answer);
    json_decref(body);
    return err;
}

static enum err revoke(const struct asking *asking, struct err_detail *detail)
{
    FILE *out = asking->environment->out;
    struct buf path = {0};
    struct client_answer answer;
    client_path(&path, "/v1/keys/");
    client_segment(&path, asking->words[0]);
    const struct client_request request = {
        .method = "DELETE", .path = path.data, .keyed = true, .about = asking->words[0]};
    enum err err = client_ask(asking->client, &request, &answer, detail);
    if (!err && asking->json)
        client_answer_print(&answer, out);
    else if (!err)
        fprintf(out, "%s key \"%s\", id %" PRId64 ": revoked\n", client_text(answer.json, "kind"),
                client_text(answer.json, "name"), client_number(answer.json, "id"));
    client_answer_free(&answer);
    buf_deinit(&path);
    return err;
}

/* ── the command ──────────────────────────────────────────────────────────── */

static const struct verb {
    const char *name, *words; /* what follows it */
    size_t count;
    enum err (*run)(const struct asking *asking, struct err_detail *detail);
} verbs[] = {{"list", "", 0, list}, {"create", " KIND NAME", 2, create}, {"revoke", " ID", 1, revoke}};
enum { VERBS = sizeof verbs / sizeof *verbs };

static const struct verb *find_verb(const struct environment *environment, const struct arguments *arguments)
{
    struct str names[VERBS], wanted = str_from(arguments->files.items[0]);
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = str_from(verbs[i].name);
        if (!str_equal(names[i], wanted))
            continue;
        if (arguments->files.count == verbs[i].count + 1)
            return &verbs[i];
        complain(environment->err, "key", "write `sojourn key %s%s`; quote a name with blanks", verbs[i].name,
                 verbs[i].words);
        return NULL;
    }
    struct str nearest = spelling_nearest(wanted, names, VERBS);
    complain(environment->err, "key", "there is no \"%.*s\"%s%.*s%s", STR_ARG(wanted),
             nearest.size ? "; did you mean \"" : "; there are list, create and revoke", STR_ARG(nearest),
             nearest.size ? "\"?" : "");
    return NULL;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status = EXIT_USAGE;
    struct err_detail detail = {"", ""};
    const struct verb *verb = find_verb(environment, arguments);
    struct client *client = verb ? client_open(environment, arguments, &status) : NULL;
    if (!client)
        return status;
    const struct asking asking = {.environment = environment,
                                  .client = client,
                                  .words = arguments->files.items + 1,
                                  .json = arguments_has(arguments, "json")};
    enum err err = verb->run(&asking, &detail);
    if (err)
        complain_detail(environment->err, &detail);
    client_close(client);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_key = {
    .name = "key",
    .summary = "List, make and revoke write keys and admin tokens.",
    .usage = "list | create KIND NAME | revoke ID  [--server URL] [--token TOKEN] [--data DIR] [--json]",
    .files = "list, create or revoke",
    .options = options,
    .text =
        "KIND is `write` (a key to send events with) or `admin` (a token for everything else; what is done "
        "with it is\n"
        "written down under its NAME). A key is shown once, when it is made. With --data it works on the "
        "directory of a\n"
        "server that is stopped, also when no token is known any more.\n\n"
        "examples:\n"
        "  sojourn key list\n"
        "  sojourn key create write \"web shop\"\n"
        "  sojourn key create admin ann --data sojourn-data\n"
        "  sojourn key revoke 2\n",
    .run = run,
};
