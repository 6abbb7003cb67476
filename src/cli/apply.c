/* Brings journeys on the server to what files say: creates or saves the draft of the journey of the file's
 * name, and with --publish publishes it. What is there already is left as it is. */
#include <inttypes.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/document_file.h"
#include "cli/finding_rows.h"

static const struct option options[] = {
    {"publish", NULL, OPTION_MAY, "publish it as well, if it is not what is published"}, CLIENT_OPTIONS, {0}};

struct applying {
    const struct environment *environment;
    struct client *client;
    bool publish;
    json_t *rows; /* what was done, file by file; NULL = for people */
    const char *file, *name;
    json_t *document;
};

/* ── what was done ────────────────────────────────────────────────────────── */

static void print_done(const struct applying *applying, const char *did, const json_t *answer)
{
    FILE *out = applying->environment->out;
    const json_t *findings = json_object_get(answer, "findings");
    if (json_array_size(findings))
        finding_json_print(out, applying->file, findings);
    fprintf(out, "%s: \"%s\" ", applying->file, applying->name);
    if (strcmp(did, "published") == 0)
        fprintf(out, "published as version %" PRId64 ", %s\n", client_number(answer, "version"),
                client_text(answer, "state"));
    else if (strcmp(did, "unchanged") == 0 && json_object_get(answer, "version"))
        fprintf(out, "unchanged, published as version %" PRId64 "\n", client_number(answer, "version"));
    else if (strcmp(did, "unchanged") == 0)
        fprintf(out, "unchanged, draft of revision %" PRId64 "\n", client_number(answer, "revision"));
    else
        fprintf(out, "%s as a draft, revision %" PRId64 "\n", did, client_number(answer, "revision"));
}

/* `did`: created, saved, unchanged or published. */
static void report(const struct applying *applying, const char *did, const json_t *answer)
{
    if (!applying->rows) {
        print_done(applying, did, answer);
        return;
    }
    json_t *row = json_pack("{s:o, s:s}", "file", json_string(applying->file), "did", did);
    if (!json_object_get(row, "file"))
        json_object_set_new(row, "file", json_string("(not UTF-8)"));
    json_object_update(row,
                       (json_t *)(uintptr_t)answer); /* jansson takes it without const, changes nothing */
    json_object_del(row, "definition");
    json_array_append_new(applying->rows, row);
}

/* A checklist that blocks a publish is printed as `check` prints it. */
static enum err refuse(const struct applying *applying, enum err err, const struct client_answer *answer,
                       const struct err_detail *detail)
{
    const json_t *findings = json_object_get(answer->json, "findings");
    if (json_array_size(findings) && applying->rows)
        report(applying, "refused", answer->json);
    else if (json_array_size(findings))
        finding_json_print(applying->environment->out, applying->file, findings);
    complain_detail(applying->environment->err, detail);
    return err;
}

/* ── requests ─────────────────────────────────────────────────────────────── */

static enum err ask(const struct applying *applying, const char *method, const char *what, const json_t *body,
                    const char *if_match, struct client_answer *answer, struct err_detail *detail)
{
    struct buf path = {0};
    client_path(&path, "/v1/journeys/");
    client_segment(&path, applying->name);
    client_path(&path, what);
    const struct client_request request = {.method = method,
                                           .path = path.data,
                                           .body = body,
                                           .keyed = body != NULL,
                                           .if_match = if_match,
                                           .about = applying->file};
    enum err err = client_ask(applying->client, &request, answer, detail);
    buf_deinit(&path);
    return err;
}

static enum err create(const struct applying *applying)
{
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    const struct client_request request = {.method = "POST",
                                           .path = applying->publish ? "/v1/journeys?publish=true"
                                                                     : "/v1/journeys",
                                           .body = applying->document,
                                           .keyed = true,
                                           .about = applying->file};
    enum err err = client_ask(applying->client, &request, &answer, &detail);
    if (err)
        refuse(applying, err, &answer, &detail);
    else
        report(applying, applying->publish ? "published" : "created", answer.json);
    client_answer_free(&answer);
    return err;
}

static enum err publish(const struct applying *applying, int64_t revision)
{
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    json_t *body = json_pack("{s:s, s:I}", "action", "publish", "revision", (json_int_t)revision);
    enum err err = ask(applying, "POST", "/actions", body, NULL, &answer, &detail);
    if (err)
        refuse(applying, err, &answer, &detail);
    else
        report(applying, "published", answer.json);
    client_answer_free(&answer);
    json_decref(body);
    return err;
}

/* `etag` of the draft that is there, NULL where there is none. */
static enum err save(const struct applying *applying, const char *etag)
{
    struct err_detail detail = {"", ""};
    struct client_answer answer;
    enum err err = ask(applying, "PUT", "/draft", applying->document, etag, &answer, &detail);
    if (err)
        refuse(applying, err, &answer, &detail);
    else if (!applying->publish)
        report(applying, "saved", answer.json);
    int64_t revision = client_number(answer.json, "revision");
    client_answer_free(&answer);
    return err || !applying->publish ? err : publish(applying, revision);
}

/* ── what is to be done ───────────────────────────────────────────────────── */

static bool is_same(const struct applying *applying, const struct client_answer *answer)
{
    return json_equal(applying->document, json_object_get(answer->json, "definition"));
}

static enum err update_draft(const struct applying *applying)
{
    struct err_detail detail = {"", ""};
    struct client_answer draft;
    enum err err = ask(applying, "GET", "/draft", NULL, NULL, &draft, &detail);
    if (err)
        refuse(applying, err, &draft, &detail);
    else if (!is_same(applying, &draft))
        err = save(applying, draft.etag);
    else if (applying->publish)
        err = publish(applying, client_number(draft.json, "revision"));
    else
        report(applying, "unchanged", draft.json);
    client_answer_free(&draft);
    return err;
}

/* By what is there: nothing, a draft, or only what is published. */
static enum err apply(const struct applying *applying)
{
    struct err_detail detail = {"", ""};
    struct client_answer journey;
    enum err err = ask(applying, "GET", "", NULL, NULL, &journey, &detail);
    if (err == ERR_NOT_FOUND)
        err = create(applying);
    else if (err)
        refuse(applying, err, &journey, &detail);
    else if (json_is_object(json_object_get(journey.json, "draft")))
        err = update_draft(applying);
    else if (is_same(applying, &journey))
        report(applying, "unchanged", journey.json);
    else
        err = save(applying, NULL);
    client_answer_free(&journey);
    return err;
}

static bool apply_file(struct applying *applying, const char *path)
{
    struct err_detail detail = {"", ""};
    enum err err = document_file_read(path, applying->environment->in, &applying->document, NULL, &detail);
    if (err) {
        complain_detail(applying->environment->err, &detail);
        return false;
    }
    const json_t *name = json_object_get(applying->document, "name");
    applying->file = path;
    applying->name = json_string_value(name);
    if (!applying->name || !applying->name[0]) {
        complain(applying->environment->err, path, "/name: the journey has no name; give it one, a string");
        err = ERR_INVALID;
    } else {
        err = apply(applying);
    }
    json_decref(applying->document);
    return !err;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status;
    struct applying applying = {.environment = environment, .publish = arguments_has(arguments, "publish")};
    applying.client = client_open(environment, arguments, &status);
    if (!applying.client)
        return status;
    bool done = true;
    applying.rows = arguments_has(arguments, "json") ? json_array() : NULL;
    array_each (&arguments->files, i)
        done &= apply_file(&applying, arguments->files.items[i]);
    if (applying.rows)
        client_json_print(applying.rows, environment->out);
    json_decref(applying.rows);
    client_close(applying.client);
    return done ? EXIT_DONE : EXIT_REFUSED;
}

const struct command command_apply = {
    .name = "apply",
    .summary = "Bring journeys on a server to what files say.",
    .usage =
        "FILE… [--publish] [--server URL] [--token TOKEN] [--data DIR] [--json]     (- is standard input)",
    .files = "FILE",
    .options = options,
    .text =
        "The file's name of the journey says which one is meant: where there is none it is created, where "
        "its draft is\n"
        "another it is saved, where it is the same nothing happens. With --publish it is published, if that "
        "is not what\n"
        "is published already. So the same command may be given again and again.\n\n"
        "examples:\n"
        "  sojourn apply cart-rescue.json\n"
        "  sojourn apply --publish journeys/*.json --json | jq '.[] | {file, did}'\n",
    .run = run,
};
