/* All imports of a server: files that have been handed over wait in its folder and are taken one after the
 * other by a thread of their own. Each import is three entries of the control log: `import` when it is
 * accepted, `import_begun` when its bytes are known by their digest, `import_done` when it ends. A file whose
 * digest has been taken changes nothing; one that was cut off goes on where each partition stands, after
 * kill -9 too, by itself when the server starts again. */
#ifndef INGEST_IMPORTS_H
#define INGEST_IMPORTS_H
#include "ingest/import.h"

enum {
    IMPORTS_WAITING_MAX = 100, /* accepted and not ended: their files lie on the disk */
    IMPORT_NAME_BYTES = 161,
    IMPORT_REASON_BYTES = 200,
    IMPORT_REJECTS_SHOWN = 10
};

#define IMPORT_STATE_TABLE(X)                                                                                \
    X(QUEUED, queued)       /* waits for those before it */                                                  \
    X(RUNNING, running)     /* rows are taken */                                                             \
    X(DONE, done)           /* read to its end */                                                            \
    X(FAILED, failed)       /* the file as a whole is at fault; what was taken of it is known */             \
    X(CANCELLED, cancelled) /* by somebody; what was taken of it is known */

enum import_state {
#define X(name, key) IMPORT_##name,
    IMPORT_STATE_TABLE(X)
#undef X
        IMPORT_STATES
};
const char *import_state_name(enum import_state state);
static inline bool import_has_ended(enum import_state state)
{
    return state >= IMPORT_DONE;
}

struct import_reject { /* one of the first */
    uint64_t line;
    char reason[IMPORT_REASON_BYTES];
};

/* An import as others see it: a copy. */
struct import_job {
    uint32_t id; /* from 1, in order of acceptance */
    char name[IMPORT_NAME_BYTES];
    char by[IMPORT_NAME_BYTES];
    enum segment_form form;
    bool live;
    enum import_state state;
    bool cancelling;
    uint32_t same_as;                         /* the import that took the same bytes; 0 = none */
    int64_t created_ms, started_ms, ended_ms; /* INSTANT_NEVER = not yet; started: by this process */
    uint64_t size;                            /* bytes of the file */
    struct import_counts counts;
    uint32_t reject_count;
    struct import_reject rejects[IMPORT_REJECTS_SHOWN];
    char why[2 * IMPORT_REASON_BYTES]; /* of failed */
};

struct imports_options {
    const char *directory; /* made where it is not there */
    struct store *store;
    struct crew *crew;
    struct control *control;
    int64_t (*clock)(void *context); /* UTC ms */
    void *clock_context;
    /* On the imports' thread; NULL = nobody listens. */
    void (*on_ended)(void *context, const struct import_job *job);
    void *context;
};

struct imports;

/* Reads the control log; before the crew starts. */
enum err imports_open(const struct imports_options *options, struct imports **ret, struct err_detail *detail);
/* Takes up what has been accepted and not ended. The crew works. */
void imports_start(struct imports *imports);
/* Ends the running one between two chunks, to go on at the next start; answers every offer. Before the crew
 * stops. */
void imports_stop(struct imports *imports);
void imports_close(struct imports *imports);

/* A file that somebody hands over. `answer` is called once, with ERR_OK and the job when it is durable that
 * it will be taken, else with what is wrong; then the file at `path` is still the caller's. */
struct import_offer {
    struct import_offer *next; /* the imports' own, like `taken` */
    const char *path;          /* moved away; on the directory's file system */
    const char *name;          /* of the file, as people know it */
    const char *by;
    enum segment_form form;
    bool live;
    void (*answer)(struct import_offer *offer, const struct import_job *job, enum err err,
                   const struct err_detail *detail);
    void *context;
};
/* The offer lives until it is answered, on this thread or the imports' own. */
void imports_offer(struct imports *imports, struct import_offer *offer);

bool imports_find(struct imports *imports, uint32_t id, struct import_job *ret);
/* The newest with an id below `before` (0 = of all), newest first; how many were written. */
size_t imports_list(struct imports *imports, uint32_t before, size_t limit, struct import_job *ret_jobs);
uint64_t imports_count(struct imports *imports);
/* It ends soon. ERR_NOT_FOUND; ERR_REFUSED where it has ended. */
enum err imports_cancel(struct imports *imports, uint32_t id, struct import_job *ret,
                        struct err_detail *detail);
/* Where its reject file is or would be. */
void imports_rejects_path(const struct imports *imports, uint32_t id, char ret_path[512]);

#endif
