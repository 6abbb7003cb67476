/* Asks a Sojourn server: the one that --server names, or with --data one of this process's own on that closed
 * directory (own_server.h). Either way the same requests over HTTP, so a command is written once. One thread.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H
#include <jansson.h>

#include "base/buf.h"
#include "cli/command.h"

/* What every command that asks a server takes; `open` looks for these in its arguments. */
#define CLIENT_OPTIONS                                                                                       \
    {"server", "URL", OPTION_MAY,                                                                            \
     "the server (default: what SOJOURN_SERVER holds, else http://127.0.0.1:8080)"},                         \
        {"token", "TOKEN", OPTION_MAY,                                                                       \
         "an admin token (default: what SOJOURN_TOKEN holds, else the file\n~/.config/sojourn/token)"},      \
        {"data", "DIR", OPTION_MAY, "instead of a server: a data directory that no server has open"},        \
    {                                                                                                        \
        "json", NULL, OPTION_MAY, "the server's answer as JSON"                                              \
    }

struct client;

/* NULL after a message to `err`; *ret_status is then how the command ends. Nothing is asked yet: a server
 * that is not there is found by the first request. */
struct client *client_open(const struct environment *environment, const struct arguments *arguments,
                           enum exit_status *ret_status);
/* Ends the server of its own, if there is one: everything is durable and the directory is free. NULL is fine.
 */
void client_close(struct client *client);

/* Whether --data alone is given, for commands that only read and need no server for that. */
bool client_data_alone(const struct arguments *arguments);

/* How far a file has gone; called a few times a second. `total` is 0 where it is not known. */
typedef void client_progress(void *context, uint64_t done_bytes, uint64_t total_bytes);

struct client_request {
    const char *method; /* "GET", "POST", … */
    const char *path;   /* as client_path and client_query make it */
    const json_t *body; /* NULL = none; borrowed */
    /* It changes something and the route takes an Idempotency-Key (or what is done already is not done
     * again): it is sent with one of its own, and a lost answer is asked for again. */
    bool keyed;
    const char *if_match; /* NULL = none */
    const char *about;    /* the place of an error that has none of its own: a file, a journey's name */
    FILE *upload;         /* the body instead of `body`, from here to its end; such a request is sent once */
    int64_t upload_bytes; /* -1 = not known */
    const char *upload_type; /* "text/csv" */
    FILE *download;          /* the body of a success goes here instead of to `json` */
    client_progress *progress;
    void *context; /* of progress */
};

enum { CLIENT_ETAG_BYTES = 128 };
struct client_answer {
    unsigned status; /* 0 = there was none */
    char etag[CLIENT_ETAG_BYTES];
    struct buf text; /* the body as it came */
    json_t *json;    /* the same read, also of a problem; NULL where it is no JSON */
};

/* ERR_OK: the answer is a success (2xx). Otherwise `detail` tells people what is wrong, and `answer` holds
 * what the server said, if it did. A member of the body that has an option's name stands as `--option` in the
 * place. 429, 503, and with `keyed` or GET a lost connection, are tried again a few times. Free the answer in
 * either case. */
enum err client_ask(struct client *client, const struct client_request *request, struct client_answer *answer,
                    struct err_detail *detail);
/* Every page of a list: the items under `key` go to the array. `path` has no cursor. */
enum err client_ask_pages(struct client *client, const char *path, const char *key, json_t *ret_items,
                          struct err_detail *detail);
void client_answer_free(struct client_answer *answer);
/* The answer for programs: its JSON, indented, and a line's end. */
void client_answer_print(const struct client_answer *answer, FILE *out);
/* The same of several answers as one. */
void client_json_print(const json_t *json, FILE *out);
/* The same of any JSON in compact form. */
void client_text_print(struct str text, FILE *out);

/* Members of an answer; "" and 0 where they are not there, or null. */
const char *client_text(const json_t *object, const char *key);
int64_t client_number(const json_t *object, const char *key);

/* A path out of pieces: client_path(&path, "/v1/journeys/"), client_segment(&path, name), client_path(&path,
 * "/actions"), client_query(&path, "from", "2026-01-01"). Each keeps a zero byte behind the end. */
void client_path(struct buf *path, const char *text);
void client_segment(struct buf *path, const char *text); /* percent-encoded */
void client_query(struct buf *path, const char *name, const char *value);

#endif
