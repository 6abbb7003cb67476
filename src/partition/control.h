/* The control plane: the one ordered log of operator actions and names, and what follows from it for all
 * partitions (names, the plan). Every change is appended to the store's control log before it has any effect
 * here. One thread; with a guard others may read beside it. */
#ifndef PARTITION_CONTROL_H
#define PARTITION_CONTROL_H
#include "engine/engine.h"
#include "store/store.h"

struct control;

/* Reads the log from the beginning. The store outlives the control. With read_only nothing can be appended.
 */
enum err control_open(struct store *store, bool read_only, struct control **ret, struct err_detail *detail);
void control_close(struct control *control);

/* Called around every change of what the control knows, and never while the store is appended to: a disk that
 * stands still keeps nobody from reading. Between the calls of one change nothing is half done. */
struct control_guard {
    void (*enter)(void *context);
    void (*leave)(void *context);
    void *context;
};
void control_set_guard(struct control *control, const struct control_guard *guard);

const struct plan *control_plan(const struct control *control);
const struct names *control_names(const struct control *control);
uint64_t control_position(const struct control *control); /* of the newest entry; 0 = an empty log */

/* The id of a name; a new one is appended first. 0 = over the limit, or the store failed (then control_error
 * says so). */
uint16_t control_name(struct control *control, enum name_kind kind, struct str name);
/* The first failure of the store while appending names; ERR_OK = none. Callers look after a batch of names.
 */
enum err control_error(const struct control *control, struct err_detail *detail);
/* A store that was full or busy may have room again: the next new name is tried. */
void control_forget_error(struct control *control);

/* Who acts and whether it is a retry. */
struct control_by {
    struct str actor, key;
    int64_t at_ms;
};
/* Publishes a definition as a new journey (control_journeys.h has those, and their drafts): structural errors
 * of the checklist refuse it (ERR_INVALID, first finding), and so does a name that is there (ERR_REFUSED): in
 * this version a journey has one version. */
enum err control_publish(struct control *control, const json_t *document, const struct control_by *by,
                         uint16_t *ret_version, struct err_detail *detail);
/* pause (with its hold), resume, stop: what lifecycle_move allows. ERR_NOT_FOUND: no such journey;
 * ERR_REFUSED: not allowed in its state, with what is. */
enum err control_act(struct control *control, enum action_kind kind, enum version_hold hold,
                     struct str journey, const struct control_by *by, struct err_detail *detail);
/* Any other fact (replay's inputs): kind and JSON body. */
enum err control_note(struct control *control, struct str kind, struct str body, const struct control_by *by,
                      struct err_detail *detail);
/* The body of the first entry of a kind; false = none. Lives as long as the control. */
bool control_find_note(const struct control *control, struct str kind, struct str *ret_body);
/* The same of every entry of a kind, in order: index from 0; false beyond the last. */
bool control_note_at(const struct control *control, struct str kind, size_t index, struct str *ret_body);

/* The position of the entry that was appended under an Idempotency-Key; false = none was. */
bool control_find_key(const struct control *control, struct str key, uint64_t *ret_position);

/* The state of a version by the whole log (partitions may be behind). */
struct version_status control_version_status(const struct control *control, uint16_t version);
/* Actions in order: index from 0; false beyond the last. */
bool control_action(const struct control *control, size_t index, struct action *ret);

#endif
