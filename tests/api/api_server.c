/* The real service for tests of the API, on a port that is free: `api_server DIR` prints one line of JSON
 * with the port and a key of each kind, both of one name, and serves until its standard input ends.
 * `api_server --routes` prints the table of routes. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "http/keys.h"
#include "http/live.h"
#include "http/settings.h"
#include "ingest/imports.h"
#include "store/sqlite/store_sqlite.h"

enum { HEARTBEAT_MS = 500, ROOM_BYTES = 1 << 20, DEDUPE_IDS_MAX = 1 << 20, WORKERS = 2, NAME_BYTES = 32 };

static int64_t clock_ms(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void entropy(void *bytes, size_t size)
{
    CHECK(getrandom(bytes, size, 0) == (ssize_t)size);
}

static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    fprintf(stderr, "the store failed: %s: %s\n", detail ? detail->place : "", detail ? detail->text : "");
    _Exit(3);
}

static void on_durable(void *context, const struct batch *batch)
{
    const struct service *service = context;
    dispatch_take(service->dispatch, batch);
}

static int fail(const char *what, const struct err_detail *detail)
{
    fprintf(stderr, "%s: %s: %s\n", what, detail->place, detail->text);
    return 1;
}

static int print_routes(void)
{
    static const char *const access[] = {[HTTP_OPEN] = "open",
                                         [HTTP_WRITE] = "write",
                                         [HTTP_WRITE_BODY] = "write_body",
                                         [HTTP_ADMIN] = "admin"};
    for (size_t i = 0; i < service_route_count; i++)
        printf("%s %s %s\n", service_routes[i].method, service_routes[i].pattern,
               access[service_routes[i].access]);
    return 0;
}

/* A directory that has been served before has its keys already, and nobody knows their text: new names. */
static enum err make_keys(struct service *service, char ret_name[NAME_BYTES], char *ret_write,
                          char *ret_admin, struct err_detail *detail)
{
    int size =
        snprintf(ret_name, NAME_BYTES, "tests-%llu", (unsigned long long)control_position(service->control));
    struct str text = {ret_name, (size_t)size};
    struct key_wanted wanted[] = {{.access = HTTP_WRITE, .name = text}, {.access = HTTP_ADMIN, .name = text}};
    enum err err = keys_make(service, wanted, 2, STR("tests"), detail);
    memcpy(ret_write, wanted[0].text, KEY_TEXT_BYTES);
    memcpy(ret_admin, wanted[1].text, KEY_TEXT_BYTES);
    return err;
}

static int serve(struct service *service, const char *uploads)
{
    struct err_detail detail = {"", ""};
    char name[NAME_BYTES], write_key[KEY_TEXT_BYTES], admin_token[KEY_TEXT_BYTES];
    if (make_keys(service, name, write_key, admin_token, &detail))
        return fail("keys", &detail);
    const struct http_options options = {.address = "127.0.0.1",
                                         .threads = 2,
                                         .memory_bytes_max = 64 << 20,
                                         .upload_directory = uploads,
                                         .routes = service_routes,
                                         .route_count = service_route_count,
                                         .authenticate = keys_authenticate,
                                         .context = service};
    crew_start(service->crew);
    imports_start(service->imports);
    service->reads = read_pool_new(SERVICE_READ_THREADS, SERVICE_READS_WAITING_MAX);
    service->changes = read_pool_new(SERVICE_CHANGE_THREADS, SERVICE_CHANGES_WAITING_MAX);
    dispatch_start(service->dispatch, true);
    service->live = live_new(service, HEARTBEAT_MS);
    struct http_server *server;
    if (http_server_start(&options, &server, &detail))
        return fail("http", &detail);
    atomic_store(&service->server, server);
    settings_apply(service);
    printf("{\"port\":%u,\"name\":\"%s\",\"write\":\"%s\",\"admin\":\"%s\"}\n", http_server_port(server),
           name, write_key, admin_token);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    atomic_store(&service->stopping, true);
    live_stop(service->live);
    imports_stop(service->imports);
    http_server_stop(server);
    dispatch_stop(service->dispatch);
    crew_stop(service->crew);
    read_pool_free(service->changes);
    read_pool_free(service->reads);
    return 0;
}

/* Destinations write into the folder itself. */
static enum err open_dispatch(struct service *service, const char *folder, struct err_detail *detail)
{
    const struct dispatch_options dispatch = {.store = service->store,
                                              .crew = service->crew,
                                              .control = service->control,
                                              .clock = clock_ms,
                                              .on_broken = on_broken};
    service->places = (struct destination_places){.own = folder};
    enum err err = dispatch_new(&dispatch, &service->dispatch, detail);
    return err ? err : dispatch_load(service->dispatch, &service->places, detail);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--routes") == 0)
        return print_routes();
    if (argc != 2)
        return 2;
    struct err_detail detail = {"", ""};
    struct service service = {.clock = clock_ms, .entropy = entropy, .started_ms = clock_ms(NULL)};
    const struct store_sqlite_options options = {0};
    if (store_sqlite_open(argv[1], &options, &service.store, &detail) ||
        control_open(service.store, false, &service.control, &detail))
        return fail(argv[1], &detail);
    const struct crew_options crew = {.store = service.store,
                                      .control = service.control,
                                      .workers = WORKERS,
                                      .clock = clock_ms,
                                      .room_bytes = ROOM_BYTES,
                                      .dedupe_ids_max = DEDUPE_IDS_MAX,
                                      .on_durable = on_durable,
                                      .on_broken = on_broken,
                                      .context = &service};
    if (crew_new(&crew, &service.crew, &detail))
        return fail("crew", &detail);
    char uploads[4096], folder[4096];
    snprintf(folder, sizeof folder, "%s/imports", argv[1]);
    const struct imports_options imports = {.directory = folder,
                                            .store = service.store,
                                            .crew = service.crew,
                                            .control = service.control,
                                            .clock = clock_ms};
    if (imports_open(&imports, &service.imports, &detail))
        return fail("imports", &detail);
    if (keys_open(&service, &detail) || settings_open(&service, &detail))
        return fail("keys", &detail);
    if (open_dispatch(&service, argv[1], &detail))
        return fail("dispatch", &detail);
    snprintf(uploads, sizeof uploads, "%s/uploads", argv[1]);
    int status = serve(&service, uploads);
    imports_close(service.imports);
    dispatch_free(service.dispatch);
    live_free(service.live);
    settings_close(&service);
    keys_close(&service);
    crew_free(service.crew);
    control_close(service.control);
    store_close(service.store);
    return status;
}
