/* Journeys as the control plane keeps them: entities with constant ids (`j1`, `j2` … in the order of their
 * creation), at most one draft each, and published versions. Part of the control: the same one thread.
 * Documents stay in the log; what a list shows of them is kept here. Journeys are never taken out of memory:
 * one that was discarded before any publish is `gone`, its name free again, its id used up. */
#ifndef PARTITION_CONTROL_JOURNEYS_H
#define PARTITION_CONTROL_JOURNEYS_H
#include "partition/control.h"

enum {
    CONTROL_JOURNEYS_MAX = 10000, /* that are there: lists and look-ups by name walk over them */
    CONTROL_ID_BYTES = 16
};

struct control_draft {
    uint32_t revision; /* 0 = there is no draft */
    uint64_t position; /* of the entry that holds its document */
    int64_t saved_ms;
    struct str saved_by;
};

struct control_version {
    uint16_t number; /* the plan's */
    int64_t published_ms;
    struct str published_by;
};

struct control_journey {
    uint32_t number; /* its id is `j<number>` */
    bool gone;
    struct str name, description; /* the newest version's, else the draft's */
    uint32_t label_count;
    const struct str *labels;
    uint64_t created; /* position of the entry that made it */
    int64_t created_ms;
    struct str created_by;
    uint64_t changed;   /* position of the newest entry that concerns it */
    uint32_t revisions; /* saves so far: a draft after a discard or a publish goes on counting, so that no
                         * revision ever means two documents */
    struct control_draft draft;
    ARRAY(struct control_version) versions; /* oldest first */
    struct arena texts;                     /* of the draft as it is */
};

void control_journey_id(uint32_t number, char ret[CONTROL_ID_BYTES]);
/* Whether a text has the form of an id: no journey may be named so. */
bool control_is_id(struct str text);

/* By number, from 1: those that are gone too; NULL beyond the last. What is given out lives until the
 * control's next change. */
const struct control_journey *control_journey(const struct control *control, uint32_t number);
/* By id or name, among those that are there; NULL = none. */
const struct control_journey *control_find_journey(const struct control *control, struct str id_or_name);
/* The journey of a version. */
const struct control_journey *control_journey_of(const struct control *control, uint16_t version);
/* The newest version of a journey; VERSION_NONE before the first. */
uint16_t control_newest(const struct control_journey *journey);

/* The definition that a draft or publish entry holds, read from the store: any thread, no lock. The caller
 * owns it. */
enum err control_document(struct store *store, uint64_t position, json_t **ret, struct err_detail *detail);

/* A new journey with this document as its draft, revision 1. ERR_INVALID, ERR_LIMIT: no sound name;
 * ERR_REFUSED: the name is another's. */
enum err control_draft_create(struct control *control, const json_t *document, const struct control_by *by,
                              uint32_t *ret_number, struct err_detail *detail);
/* The next revision of a journey's draft, which must be at `revision` (0 = there is none yet), else
 * ERR_REFUSED. A published journey keeps its name. */
enum err control_draft_save(struct control *control, uint32_t number, uint32_t revision,
                            const json_t *document, const struct control_by *by, struct err_detail *detail);
/* Takes the draft away, and with it a journey that was never published. ERR_NOT_FOUND: there is none. */
enum err control_draft_discard(struct control *control, uint32_t number, const struct control_by *by,
                               struct err_detail *detail);
/* Publishes the draft, whose document and revision the caller has (control_document). As control_publish;
 * ERR_REFUSED also where the draft is not at `revision`. */
enum err control_draft_publish(struct control *control, uint32_t number, uint32_t revision,
                               const json_t *document, const struct control_by *by, uint16_t *ret_version,
                               struct err_detail *detail);

#endif
