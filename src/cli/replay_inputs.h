/* Everything that a replay is made from: read and judged whole before the data directory is touched. */
#ifndef CLI_REPLAY_INPUTS_H
#define CLI_REPLAY_INPUTS_H
#include "cli/command.h"
#include "cli/replay_actions.h"
#include "ingest/files.h"
#include "json/document.h"

struct replay_journey {
    const char *path;
    struct str name;
    json_t *document;
    char digest[33];
};

struct replay_inputs {
    struct arena arena;
    size_t journey_count;
    struct replay_journey *journeys;
    struct file *contacts, *events; /* contacts may be NULL */
    const char *actions_path;       /* NULL = none */
    struct replay_actions actions;
    int64_t from_ms;  /* when the journeys are published */
    int64_t start_ms; /* when time begins: the earlier of from_ms and the first event */
    int64_t until_ms; /* INSTANT_NEVER = until no timer is left */
};

/* False after messages to `err`: every error of every journey, the first of each other file. Free it in
 * either case. */
bool replay_inputs_read(const struct arguments *arguments, FILE *err, struct replay_inputs *ret);
void replay_inputs_free(struct replay_inputs *inputs);

/* What a data directory remembers of the inputs that made it. The caller owns it. */
json_t *replay_manifest(const struct replay_inputs *inputs);
/* In words what differs between two, e.g. "--events, --until"; empty where nothing does. */
void replay_manifest_compare(const json_t *there, const json_t *now, char *ret_text, size_t size);

#endif
