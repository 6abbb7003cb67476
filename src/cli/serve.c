#include "base/log.h"
#include "cli/commands.h"
#include "cli/server.h"
#include "http/keys.h"

enum { WORKERS_MAX = STORE_PARTITIONS };

static const struct option options[] = {
    {"data", "DIR", OPTION_MAY, "the data directory (default: sojourn-data); made where it is not there"},
    {"listen", "ADDRESS:PORT", OPTION_MAY, "where to listen (default: 127.0.0.1:8080)"},
    {"workers", "N", OPTION_MAY, "threads that move contacts (default: one a processor)"},
    {"files", "DIR", OPTION_EACH, "file destinations may write inside it too; may be given again"},
    {0}};

/* `127.0.0.1:8080`, `[::1]:8080`, `:8080` or `8080`. */
static bool parse_listen(const char *text, char ret_address[64], uint16_t *ret_port, FILE *err)
{
    const char *colon = strrchr(text, ':');
    struct str address = colon ? (struct str){text, (size_t)(colon - text)} : STR("");
    int64_t port;
    if (address.size > 1 && address.data[0] == '[' && address.data[address.size - 1] == ']')
        address = (struct str){address.data + 1, address.size - 2};
    if (!str_to_int64(str_from(colon ? colon + 1 : text), &port) || port < 0 || port > UINT16_MAX ||
        address.size >= 64) {
        complain(err, "--listen", "\"%s\" is no address and port; write it like 127.0.0.1:8080", text);
        return false;
    }
    snprintf(ret_address, 64, "%.*s", STR_ARG(address.size ? address : STR("127.0.0.1")));
    *ret_port = (uint16_t)port;
    return true;
}

/* The first start has nobody who could make a key: it makes one of each kind, both or none, and shows them
 * this once. */
static enum err first_keys(struct server *server, struct err_detail *detail)
{
    struct service *service = &server->service;
    if (keys_any(service->keys, HTTP_ADMIN))
        return ERR_OK;
    struct key_wanted wanted[] = {{.access = HTTP_WRITE, .name = STR("default")},
                                  {.access = HTTP_ADMIN, .name = STR("admin")}};
    enum err err = keys_make(service, wanted, 2, STR("system"), detail);
    if (err)
        return err;
    fprintf(server->environment->out,
            "This is the first start here. Keep these, they are not shown again:\n"
            "  write key (for events):     %s\n"
            "  admin token (for the API):  %s\n\n",
            wanted[0].text, wanted[1].text);
    fflush(server->environment->out);
    return ERR_OK;
}

static void serve(struct server *server, const char *data, const char *address)
{
    const struct environment *environment = server->environment;
    char at[80], ready[128];
    snprintf(at, sizeof at, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, server_port(server));
    fprintf(environment->out, "Sojourn %s is at http://%s/, its data in %s. Ctrl-C ends it.\n",
            SOJOURN_VERSION, at, data);
    fflush(environment->out);
    snprintf(ready, sizeof ready, "READY=1\nSTATUS=listening on %s", at);
    environment->notify(ready);
    environment->wait_for_stop();
    environment->notify("STOPPING=1");
    log_line(LOG_INFO, "stopping; requests in flight are answered", "%s", "");
    server_stop(server);
    log_line(LOG_INFO, "stopped", "%s", "");
}

static uint32_t worker_count(const struct environment *environment, const char *text)
{
    int64_t count;
    if (!text)
        count = environment->processors();
    else if (!str_to_int64(str_from(text), &count) || count < 1 || count > WORKERS_MAX)
        return 0;
    return (uint32_t)(count < WORKERS_MAX ? count : WORKERS_MAX);
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    struct server server;
    const char *data = arguments_has(arguments, "data") ? arguments_get(arguments, "data") : "sojourn-data";
    const char *listen =
        arguments_has(arguments, "listen") ? arguments_get(arguments, "listen") : "127.0.0.1:8080";
    char address[64];
    uint16_t port;
    if (!parse_listen(listen, address, &port, environment->err))
        return EXIT_USAGE;
    uint32_t workers = worker_count(environment, arguments_get(arguments, "workers"));
    if (workers == 0) {
        complain(environment->err, "--workers", "must be a whole number from 1 to %d", WORKERS_MAX);
        return EXIT_USAGE;
    }
    struct err_detail detail = {"", ""};
    environment->block_stop();
    enum err err = server_open(environment, data, workers, &server, &detail);
    size_t allowed;
    const char *const *files = arguments_all(arguments, "files", &allowed);
    for (size_t i = 0; i < allowed && !err; i++)
        err = server_allow_files(&server, files[i], &detail);
    if (!err)
        err = first_keys(&server, &detail);
    if (!err)
        err = server_start(&server, address, port, keys_authenticate, &detail);
    if (err)
        complain_detail(environment->err, &detail);
    else
        serve(&server, data, address);
    server_close(&server);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "Run the server: events in over HTTP, journeys operated by its API.",
    .usage = "[--data DIR] [--listen ADDRESS:PORT] [--workers N] [--files DIR]…",
    .options = options,
    .text =
        "It listens on this machine alone unless told otherwise. Every answer it gives is durable: a request "
        "that was\n"
        "answered survives a crash. The first start prints a write key for events and an admin token for the "
        "API.\n"
        "File destinations write into DATA/destinations, and where --files allows it.\n"
        "SIGTERM and Ctrl-C end it after every request in flight has been answered.\n\n"
        "examples:\n"
        "  sojourn serve\n"
        "  curl -u KEY: http://127.0.0.1:8080/v1/track -d '{\"userId\":\"ann\",\"event\":\"Cart Updated\"}'\n"
        "  curl -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8080/v1/journeys\n",
    .run = run,
};
