/* From the names in records to the ids that engines know, through the control plane, which gives a new name
 * its id before any record that uses it reaches a partition. */
#ifndef INGEST_BINDING_H
#define INGEST_BINDING_H
#include "partition/control.h"

struct binding {
    struct control *control;
    /* The first name beyond the limits (event/names.h), for a warning; empty = none so far. */
    char event_over[NAME_BYTES_MAX + 1], attribute_over[NAME_BYTES_MAX + 1];
};

/* 0 where the limit of event names is reached: the record is kept in history only. At most NAME_BYTES_MAX
 * bytes. */
uint16_t binding_event(struct binding *binding, struct str name);

/* The attributes that `traits` sets or removes; those beyond the limit are left out. The array lives in the
 * arena, values stay borrowed from `traits`. */
const struct trait *binding_traits(struct binding *binding, const struct properties *traits,
                                   struct arena *arena, uint32_t *ret_count);

/* What stands for a contact's message id in rows: known again where the same contact sends the same id. Never
 * 0. */
uint64_t message_hash(uint64_t contact_hash, struct str message_id);

/* Whether the name of an event or attribute fits: ERR_INVALID or ERR_LIMIT with `place` where not. `what`
 * begins the sentence. */
enum err name_check(struct str name, const char *what, const char *place, struct err_detail *detail);
/* The same for an external id. */
enum err external_id_check(struct str id, const char *place, struct err_detail *detail);
/* The instant in a text, which must lie where events may lie (INSTANT_END). */
enum err event_time_parse(struct str text, const char *place, int64_t *ret_ms, struct err_detail *detail);

#endif
