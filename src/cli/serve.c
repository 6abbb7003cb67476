#include <stdatomic.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/data_directory.h"
#include "http/keys.h"
#include "http/service.h"

enum { ROOM_BYTES = 64 << 20, BODIES_BYTES = 128 << 20, WORKERS_MAX = STORE_PARTITIONS };

static const struct option options[] = {
    {"data", "DIR", OPTION_MAY, "the data directory (default: sojourn-data); made where it is not there"},
    {"listen", "ADDRESS:PORT", OPTION_MAY, "where to listen (default: 127.0.0.1:8080)"},
    {"workers", "N", OPTION_MAY, "threads that move contacts (default: one a processor)"},
    {0}};

struct serving {
    const struct environment *environment;
    struct data_directory directory;
    struct service service;
    struct http_server *server;
};

static int64_t clock_ms(void *context)
{
    const struct environment *environment = context;
    return environment->wall_ms();
}

/* A store that is broken must not take another answer: what is durable is found again at the next start. */
static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    log_line(LOG_ERROR, "the store failed; ending at once, nothing acknowledged is lost",
             "place=\"%s\" error=\"%s\"", detail ? detail->place : "", detail ? detail->text : "");
    _Exit(EXIT_REFUSED);
}

static void on_alert(void *context, const struct engine_alert *alert)
{
    (void)context;
    char at[32];
    instant_print(alert->at_ms, true, at);
    log_line(LOG_WARN, "a journey was held by the system: one contact passed too many nodes at one instant",
             "version=%u at=%s", alert->version, at);
}

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

static enum err open_all(struct serving *serving, const char *data, uint32_t workers,
                         struct err_detail *detail)
{
    struct environment *environment = (struct environment *)(uintptr_t)serving->environment;
    enum err err = data_directory_open(data, false, &serving->directory, detail);
    struct str body;
    if (!err && control_find_note(serving->directory.control, STR("replay"), &body))
        err = err_fail(detail, ERR_REFUSED, data,
                       "this directory holds a replay; give the server one of its own");
    if (err)
        return err;
    struct service *service = &serving->service;
    service->store = serving->directory.store;
    service->control = serving->directory.control;
    service->clock = clock_ms;
    service->clock_context = environment;
    service->entropy = environment->entropy;
    service->started_ms = environment->wall_ms();
    const struct crew_options crew = {.store = service->store,
                                      .control = service->control,
                                      .workers = workers,
                                      .clock = clock_ms,
                                      .clock_context = environment,
                                      .room_bytes = ROOM_BYTES,
                                      .on_alert = on_alert,
                                      .on_broken = on_broken};
    return crew_new(&crew, &service->crew, detail);
}

/* The first start has nobody who could make a key: it makes one of each kind and shows them this once. */
static enum err first_keys(struct serving *serving, struct err_detail *detail)
{
    struct service *service = &serving->service;
    if (keys_any(service->control))
        return ERR_OK;
    char write_key[KEY_TEXT_BYTES], admin_token[KEY_TEXT_BYTES];
    enum err err = keys_make(service, HTTP_WRITE, STR("default"), STR("system"), write_key, detail);
    if (!err)
        err = keys_make(service, HTTP_ADMIN, STR("admin"), STR("system"), admin_token, detail);
    if (err)
        return err;
    fprintf(serving->environment->out,
            "This is the first start here. Keep these, they are not shown again:\n"
            "  write key (for events):     %s\n"
            "  admin token (for the API):  %s\n\n",
            write_key, admin_token);
    fflush(serving->environment->out);
    return ERR_OK;
}

static enum err listen_at(struct serving *serving, const char *address, uint16_t port,
                          struct err_detail *detail)
{
    const struct http_options http = {.address = address,
                                      .port = port,
                                      .threads = 2,
                                      .memory_bytes_max = BODIES_BYTES,
                                      .routes = service_routes,
                                      .route_count = service_route_count,
                                      .authenticate = keys_authenticate,
                                      .context = &serving->service};
    enum err err = http_server_start(&http, &serving->server, detail);
    if (!err)
        atomic_store(&serving->service.server, serving->server);
    return err;
}

static void serve(struct serving *serving, const char *data, const char *address)
{
    const struct environment *environment = serving->environment;
    char at[80], ready[128];
    snprintf(at, sizeof at, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
             http_server_port(serving->server));
    fprintf(environment->out, "Sojourn %s is at http://%s/, its data in %s. Ctrl-C ends it.\n",
            SOJOURN_VERSION, at, data);
    fflush(environment->out);
    snprintf(ready, sizeof ready, "READY=1\nSTATUS=listening on %s", at);
    environment->notify(ready);
    environment->wait_for_stop();
    environment->notify("STOPPING=1");
    atomic_store(&serving->service.stopping, true);
    log_line(LOG_INFO, "stopping; requests in flight are answered", "%s", "");
    http_server_stop(serving->server);
    crew_stop(serving->service.crew);
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
    struct serving serving = {.environment = environment};
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
    enum err err = open_all(&serving, data, workers, &detail);
    if (!err)
        err = first_keys(&serving, &detail);
    if (!err) {
        crew_start(serving.service.crew);
        err = listen_at(&serving, address, port, &detail);
        if (err)
            crew_stop(serving.service.crew);
    }
    if (err)
        complain_detail(environment->err, &detail);
    else
        serve(&serving, data, address);
    crew_free(serving.service.crew);
    data_directory_close(&serving.directory);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "Run the server: events in over HTTP, journeys operated by its API.",
    .usage = "[--data DIR] [--listen ADDRESS:PORT] [--workers N]",
    .options = options,
    .text =
        "It listens on this machine alone unless told otherwise. Every answer it gives is durable: a request "
        "that was\n"
        "answered survives a crash. The first start prints a write key for events and an admin token for the "
        "API.\n"
        "SIGTERM and Ctrl-C end it after every request in flight has been answered.\n\n"
        "examples:\n"
        "  sojourn serve\n"
        "  curl -u KEY: http://127.0.0.1:8080/v1/track -d '{\"userId\":\"ann\",\"event\":\"Cart Updated\"}'\n"
        "  curl -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8080/v1/journeys\n",
    .run = run,
};
