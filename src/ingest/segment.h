/* One record in Segment's form (the public HTTP Tracking API): JSON text → what an engine takes.
 *
 *     segment_parse: text → struct segment, names still text, nothing outside touched
 *     segment_record: struct segment → struct record, names bound to ids
 *
 * `track` is an event by its name; `page` is the event "Page Viewed" and `screen` "Screen Viewed", each with
 * the record's own `name` and `category` among its properties; `identify` sets attributes, null removes one.
 * `group` and `alias` are refused by name. A contact is known by its userId, or by its anonymousId where it
 * has no other. */
#ifndef INGEST_SEGMENT_H
#define INGEST_SEGMENT_H
#include "ingest/binding.h"

enum segment_form {
    SEGMENT_EVENT,  /* of an events file: its timestamp must be there */
    SEGMENT_CONTACT /* of a contacts file: who somebody is, `type` may be left out and its time does not
                       matter */
};

struct segment {
    enum event_kind kind;
    struct str external_id;
    uint64_t hash;    /* contact_hash(external_id) */
    uint64_t message; /* 0 = no messageId */
    int64_t at_ms;    /* 0 in a contacts file */
    struct str event; /* of a track */
    struct properties properties;
    struct json_node object; /* what the properties were read from; valid until the reader parses again */
    bool has_object;
    struct str body;    /* instead of `object`, where the properties had to be put together */
    struct str ignored; /* the first key that Segment does not have; empty = none */
};

/* Everything but `object` lives in the arena. Errors carry the JSON pointer as their place (empty: the text
 * as a whole). */
enum err segment_parse(struct json_reader *reader, struct str text, enum segment_form form,
                       struct arena *arena, struct segment *ret, struct err_detail *detail);

/* How a record came with a request. */
struct segment_arrival {
    struct str type; /* what it was sent as, "track"; empty = the record says it (a batch) */
    int64_t received_ms;
    int64_t sent_ms; /* the batch's `sentAt`; INSTANT_NEVER = none */
};
/* The same of a part of a larger text: a record that arrives from a client now. Its time is its `timestamp`
 * (else `originalTimestamp`, else when it was received), put right by what `sentAt` tells of the client's
 * clock. `spare` is another reader than the node's; `object` is the node's. */
enum err segment_take(struct json_node node, struct json_reader *spare, const struct segment_arrival *arrival,
                      struct arena *arena, struct segment *ret, struct err_detail *detail);

/* Call it before the reader parses again. What the record points to lives in the arena. */
struct record segment_record(const struct segment *segment, struct binding *binding, struct arena *arena);

#endif
