#include "cli/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "http/keys.h"
#include "http/live.h"
#include "http/settings.h"
#include "ingest/imports.h"

enum { DEDUPE_IDS_MAX = 64 << 20, ROOM_BYTES = 64 << 20, BODIES_BYTES = 128 << 20, HTTP_THREADS = 2 };

static int64_t clock_ms(void *context)
{
    const struct server *server = context;
    return server->environment->wall_ms();
}

/* A store that is broken must not take another answer: what is durable is found again at the next start. */
static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    log_line(LOG_ERROR, "the store failed; ending at once, nothing acknowledged is lost",
             "place=\"%s\" error=\"%s\"", detail ? detail->place : "", detail ? detail->text : "");
    _Exit(EXIT_REFUSED);
}

static void on_durable(void *context, const struct batch *batch)
{
    const struct server *server = context;
    dispatch_take(server->service.dispatch, batch);
}

static void on_problem(void *context, struct str destination, const struct err_detail *cause)
{
    (void)context;
    if (cause)
        log_line(LOG_WARN, "a destination takes nothing; what is to go there waits",
                 "destination=\"%.*s\" place=\"%s\" error=\"%s\"", STR_ARG(destination), cause->place,
                 cause->text);
    else
        log_line(LOG_INFO, "a destination takes what it is handed again", "destination=\"%.*s\"",
                 STR_ARG(destination));
}

static void on_alert(void *context, const struct engine_alert *alert)
{
    (void)context;
    char at[32];
    instant_print(alert->at_ms, true, at);
    log_line(LOG_WARN, "a journey was held by the system: one contact passed too many nodes at one instant",
             "version=%u at=%s", alert->version, at);
}

static void on_import_ended(void *context, const struct import_job *job)
{
    const struct server *server = context;
    if (server->quiet)
        return;
    log_line(job->state == IMPORT_FAILED ? LOG_WARN : LOG_INFO, "an import has ended",
             "import=%" PRIu32 " state=%s taken=%" PRIu64 " rejected=%" PRIu64 " duplicates=%" PRIu64,
             job->id, import_state_name(job->state), job->counts.taken, job->counts.rejected,
             job->counts.duplicates);
}

static enum err open_imports(struct server *server, const char *data, struct err_detail *detail)
{
    struct service *service = &server->service;
    const struct imports_options imports = {.directory = arena_printf(&server->arena, "%s/imports", data),
                                            .store = service->store,
                                            .crew = service->crew,
                                            .control = service->control,
                                            .clock = clock_ms,
                                            .clock_context = server,
                                            .on_ended = on_import_ended,
                                            .context = server};
    return imports_open(&imports, &service->imports, detail);
}

/* DATA/destinations, where relative paths of destinations are. */
static enum err make_own_files(struct server *server, const char *data, struct err_detail *detail)
{
    char real[PATH_MAX];
    bool made = realpath(data, real) && strlen(real) + sizeof "/destinations" <= sizeof server->own_files;
    if (made) {
        snprintf(server->own_files, sizeof server->own_files, "%s/destinations", real);
        made = mkdir(server->own_files, 0750) == 0 || errno == EEXIST;
    }
    return made ? ERR_OK
                : err_fail(detail, ERR_IO, data, "making its folder \"destinations\": %s", strerror(errno));
}

static enum err open_dispatch(struct server *server, const char *data, struct err_detail *detail)
{
    struct service *service = &server->service;
    enum err err = make_own_files(server, data, detail);
    const struct dispatch_options dispatch = {.store = service->store,
                                              .crew = service->crew,
                                              .control = service->control,
                                              .clock = clock_ms,
                                              .clock_context = server,
                                              .on_problem = on_problem,
                                              .on_broken = on_broken,
                                              .context = server};
    return err ? err : dispatch_new(&dispatch, &service->dispatch, detail);
}

enum err server_open(const struct environment *environment, const char *data, uint32_t workers,
                     struct server *ret, struct err_detail *detail)
{
    *ret = (struct server){.environment = environment};
    ret->uploads = arena_printf(&ret->arena, "%s/uploads", data);
    enum err err = data_directory_open(data, false, &ret->directory, detail);
    struct str body;
    if (!err && control_find_note(ret->directory.control, STR("replay"), &body))
        err = err_fail(detail, ERR_REFUSED, data,
                       "this directory holds a replay; give the server one of its own");
    if (err)
        return err;
    struct service *service = &ret->service;
    service->store = ret->directory.store;
    service->control = ret->directory.control;
    service->clock = clock_ms;
    service->clock_context = ret;
    service->entropy = environment->entropy;
    service->started_ms = environment->wall_ms();
    const struct crew_options crew = {.store = service->store,
                                      .control = service->control,
                                      .workers = workers,
                                      .clock = clock_ms,
                                      .clock_context = ret,
                                      .room_bytes = ROOM_BYTES,
                                      .dedupe_ids_max = DEDUPE_IDS_MAX,
                                      .on_durable = on_durable,
                                      .on_alert = on_alert,
                                      .on_broken = on_broken,
                                      .context = ret};
    err = crew_new(&crew, &service->crew, detail);
    if (!err)
        err = keys_open(service, detail);
    if (!err)
        err = settings_open(service, detail);
    if (!err)
        err = open_imports(ret, data, detail);
    return err ? err : open_dispatch(ret, data, detail);
}

static bool is_inside(const char *inner, const char *outer)
{
    size_t size = strlen(outer);
    return strncmp(inner, outer, size) == 0 && (inner[size] == '/' || inner[size] == '\0' || size == 1);
}

enum err server_allow_files(struct server *server, const char *directory, struct err_detail *detail)
{
    char real[PATH_MAX], data[PATH_MAX];
    struct stat at;
    if (!realpath(directory, real) || stat(real, &at) || !S_ISDIR(at.st_mode))
        return err_fail(detail, ERR_NOT_FOUND, directory,
                        "there is no such directory; --files takes one that is there");
    snprintf(data, sizeof data, "%.*s", (int)(strrchr(server->own_files, '/') - server->own_files),
             server->own_files);
    if (is_inside(real, data) || is_inside(data, real))
        return err_fail(detail, ERR_REFUSED, directory,
                        "--files must not name the data directory, one around it or one inside it; relative "
                        "paths of destinations are inside it anyway");
    *array_push(&server->files) = strdup(real);
    return ERR_OK;
}

enum err server_start(struct server *server, const char *address, uint16_t port,
                      http_authenticate *authenticate, struct err_detail *detail)
{
    const struct http_options http = {.address = address,
                                      .port = port,
                                      .threads = HTTP_THREADS,
                                      .memory_bytes_max = BODIES_BYTES,
                                      .upload_directory = server->uploads,
                                      .routes = service_routes,
                                      .route_count = service_route_count,
                                      .authenticate = authenticate,
                                      .context = &server->service};
    struct service *service = &server->service;
    service->places = (struct destination_places){.own = server->own_files,
                                                  .allowed = (const char *const *)server->files.items,
                                                  .allowed_count = server->files.count};
    enum err err = server->quiet ? ERR_OK : dispatch_load(service->dispatch, &service->places, detail);
    if (err)
        return err;
    crew_start(service->crew);
    dispatch_start(service->dispatch, !server->quiet);
    imports_start(service->imports);
    service->reads = read_pool_new(SERVICE_READ_THREADS, SERVICE_READS_WAITING_MAX);
    service->changes = read_pool_new(SERVICE_CHANGE_THREADS, SERVICE_CHANGES_WAITING_MAX);
    service->live = live_new(service, LIVE_HEARTBEAT_MS);
    err = http_server_start(&http, &server->http, detail);
    if (err) {
        live_stop(service->live);
        imports_stop(service->imports);
        dispatch_stop(service->dispatch);
        crew_stop(service->crew);
        read_pool_free(service->changes);
        read_pool_free(service->reads);
    } else {
        atomic_store(&service->server, server->http);
        settings_apply(service);
    }
    return err;
}

uint16_t server_port(const struct server *server)
{
    return http_server_port(server->http);
}

void server_stop(struct server *server)
{
    atomic_store(&server->service.stopping, true);
    live_stop(server->service.live);
    imports_stop(server->service.imports); /* it answers what has been offered, as the next line waits for */
    http_server_stop(server->http);
    dispatch_stop(server->service.dispatch); /* its results are in the mailboxes: the crew works them off */
    crew_stop(server->service.crew);
    read_pool_free(server->service.changes);
    read_pool_free(server->service.reads);
}

void server_close(struct server *server)
{
    live_free(server->service.live);
    imports_close(server->service.imports);
    dispatch_free(server->service.dispatch);
    settings_close(&server->service);
    keys_close(&server->service);
    crew_free(server->service.crew);
    array_each (&server->files, i)
        free(server->files.items[i]);
    array_free(&server->files);
    data_directory_close(&server->directory);
    arena_deinit(&server->arena);
}
