/* What activations are handed to: one interface over every kind of destination, and its settings. Nothing
 * above knows a kind; a new one is a row of the table and a file beside file.c.
 *
 * A destination gets an activation only when its attempt is durable (outbox.h), so after a crash it is asked
 * about exactly those keys whose fate is open. One thread drives it; it has no clock. */
#ifndef DELIVERY_DESTINATION_H
#define DELIVERY_DESTINATION_H
#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* name, key in settings, honours keys: whether it can be asked what it has, so that nothing is handed over
 * twice and nothing stays unknown */
#define DESTINATION_KIND_TABLE(X) X(FILE, file, true)

enum destination_kind {
#define X(name, key, honours_keys) DESTINATION_##name,
    DESTINATION_KIND_TABLE(X)
#undef X
        DESTINATION_KINDS
};
const char *destination_kind_name(enum destination_kind kind);

struct destination_settings {
    struct str name; /* what `activate` nodes call it */
    enum destination_kind kind;
    union {
        struct {
            struct str path; /* absolute, or relative until it is placed */
            struct str root; /* absolute: the file really lies inside it, or is refused; empty = anywhere */
        } file;
    };
};

/* From {"name":"crm","kind":"file","path":"crm.ndjson"}. ERR_INVALID, ERR_LIMIT with the JSON pointer of what
 * is wrong. The settings live in the arena. Nothing is opened. */
enum err destination_parse(json_t *json, struct arena *arena, struct destination_settings *ret,
                           struct err_detail *detail);

/* Where files may be written, by the word of the operator: whoever may define destinations may not write
 * anywhere else. Absolute paths, without a slash at the end. */
struct destination_places {
    const char *own;            /* of relative paths */
    const char *const *allowed; /* of absolute ones */
    size_t allowed_count;
};
/* Makes the path absolute and sets its root. ERR_REFUSED: an absolute path outside the allowed directories.
 * By the text alone; links are looked through when it is opened. */
enum err destination_place(struct destination_settings *settings, const struct destination_places *places,
                           struct arena *arena, struct err_detail *detail);

#define ACTIVATION_OUTCOME_TABLE(X)                                                                          \
    X(OPEN, open)     /* it may have it or not: has() tells, where keys are honoured */                      \
    X(UNSENT, unsent) /* it surely does not have it: to be tried again */                                    \
    X(SENT, sent)     /* it has it for good */                                                               \
    X(FAILED, failed) /* it will never take it */

enum activation_outcome {
#define X(name, key) ACTIVATION_##name,
    ACTIVATION_OUTCOME_TABLE(X)
#undef X
};
const char *activation_outcome_name(enum activation_outcome outcome);

struct activation {
    struct str key; /* effect_key: the same at every attempt */
    struct str operation, journey, node, contact;
    struct str attributes; /* JSON object; empty = the contact has none */
    uint32_t version;      /* the journey's, from 1 */
    int64_t at_ms;         /* when the contact reached the node */
    enum activation_outcome outcome;
    const char *reason; /* with FAILED: static text */
};

struct destination;
struct destination_calls {
    enum err (*open)(struct destination *, struct err_detail *);
    enum err (*deliver)(struct destination *, struct activation *items, size_t count, struct err_detail *);
    enum err (*has)(struct destination *, const struct str *keys, size_t count, bool *ret,
                    struct err_detail *);
    void (*close)(struct destination *);
};
struct destination { /* first member of every kind */
    const struct destination_calls *calls;
    struct str name; /* lives as long as the destination */
    bool honours_keys;
};

/* It is opened by the first call that needs it, and again by every later one where that failed. */
struct destination *destination_new(const struct destination_settings *settings);
/* Whether it can be handed anything by now. ERR_BUSY: another process or destination has it; ERR_REFUSED:
 * what is there is not ours, or not where it may be; ERR_IO and others. */
enum err destination_try(struct destination *destination, struct err_detail *detail);
/* Both of these; on failure there is none. */
enum err destination_open(const struct destination_settings *settings, struct destination **ret,
                          struct err_detail *detail);
/* Hands the activations over in order and sets the outcome of each. ERR_OK: each is SENT or FAILED.
 * Otherwise the rest is OPEN or UNSENT and `detail` says why; the same may be handed over again later. */
enum err destination_deliver(struct destination *destination, struct activation *items, size_t count,
                             struct err_detail *detail);
/* Which of the keys it has for good (ret[i]); only of one that honours keys. May cost a reading of all it
 * has. */
enum err destination_has(struct destination *destination, const struct str *keys, size_t count, bool *ret,
                         struct err_detail *detail);
void destination_close(struct destination *destination);

#endif
