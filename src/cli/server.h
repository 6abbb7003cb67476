/* A data directory at work: store, control log, crew and HTTP server as one thing that starts and stops.
 * `sojourn serve` runs one for ever; a command with --data runs one of its own for as long as it takes. */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H
#include <limits.h>

#include "cli/command.h"
#include "cli/data_directory.h"
#include "http/service.h"

struct server {
    const struct environment *environment; /* borrowed */
    struct data_directory directory;
    struct service service;   /* what handlers work on */
    char own_files[PATH_MAX]; /* DATA/destinations */
    ARRAY(char *) files;      /* other directories that destinations may write to; on the heap */
    struct http_server *http;
    /* set before server_start: no activation leaves, no import is logged, for a command that works for a
     * moment */
    bool quiet;
    struct arena arena;
    const char *uploads; /* the directory for bodies that go to files */
};

/* Opens the directory (made where it is not there) and loads every partition; no thread runs yet. Close it in
 * either case. ERR_REFUSED: the directory holds a replay, or other files; ERR_BUSY: another process has it.
 */
enum err server_open(const struct environment *environment, const char *data, uint32_t workers,
                     struct server *ret, struct err_detail *detail);
/* Before server_start: file destinations may write inside that directory too. ERR_NOT_FOUND; ERR_REFUSED
 * where it has the data directory inside it, or is inside it. */
enum err server_allow_files(struct server *server, const char *directory, struct err_detail *detail);
/* Starts the workers and delivery, then listens; port 0 = any free one. On failure nothing runs. */
enum err server_start(struct server *server, const char *address, uint16_t port,
                      http_authenticate *authenticate, struct err_detail *detail);
uint16_t server_port(const struct server *server);
/* Answers what is in flight, makes all durable, ends the threads. */
void server_stop(struct server *server);
void server_close(struct server *server);

#endif
