/* What the handlers of the API share: JSON answers, problems with members of their own, and mails to several
 * partitions whose answer waits for the last. */
#ifndef HTTP_API_H
#define HTTP_API_H
#include <stdatomic.h>

#include "base/buf.h"
#include "http/service.h"
#include "journey/checklist.h"
#include "partition/control_journeys.h"

/* ── writing JSON: a comma is put where one is due ────────────────────────── */

void api_key(struct buf *out, const char *key); /* `"key":` */
void api_item(struct buf *out);                 /* before an item of an array */
void api_text(struct buf *out, const char *key, struct str text);
void api_number(struct buf *out, const char *key, int64_t number);
void api_truth(struct buf *out, const char *key, bool truth);
void api_instant(struct buf *out, const char *key, int64_t ms); /* null where INSTANT_NEVER */

/* Answers with what `out` holds and frees it. */
void api_answer(struct http_request *request, unsigned status, struct buf *out);
/* The problem that `code` and `detail` make, with `members` (`"findings":[…]`) besides. */
void api_problem(struct http_request *request, unsigned status, enum err code,
                 const struct err_detail *detail, struct str members);
/* A store that is full or busy, or mailboxes that are: come back in a second. */
void api_try_again(struct http_request *request, unsigned status, enum err code,
                   const struct err_detail *detail);
/* By the code: what passes is answered by api_try_again. */
void api_refuse(struct http_request *request, enum err code, const struct err_detail *detail);

/* A page of a list: `limit` of the query (1..most, else `usual`) and `cursor`, "" where the list begins. */
struct api_page {
    uint32_t limit;
    struct str cursor;
};
enum err api_page_of(const struct http_request *request, uint32_t usual, uint32_t most, struct api_page *ret,
                     struct err_detail *detail);

/* The request's Idempotency-Key; untouched where it has none. ERR_INVALID where it is no visible text. */
enum err api_idempotency_key(const struct http_request *request, struct str *ret, struct err_detail *detail);

/* ── several who edit the same (RFC 9110 §13) ─────────────────────────────── */

/* `ETag: "17"`. The revision is above 0 and another one after every change. */
void api_etag(struct http_request *request, uint64_t revision);
/* Whether If-Match and If-None-Match allow a change of what is there by now (0 = nothing is); without them
 * everything is allowed. False: answer 412 with `detail`. May be called under the control's lock. */
bool api_if_match(const struct http_request *request, uint64_t revision, struct err_detail *detail);

/* Of a read: puts the ETag. True: it is what the client has already (If-None-Match), and has been answered
 * 304. */
bool api_unchanged(struct http_request *request, uint64_t revision);

/* ── mails ────────────────────────────────────────────────────────────────── */

struct gather;
/* Called once, on a worker's thread, when every mail's work is durable: it answers the request. */
typedef void gather_end(struct gather *gather);

struct gather_mail {
    struct mail mail;
    struct gather *gather;
    bool wanted;
};
/* Lives in the request's arena. */
struct gather {
    struct read_job job;
    bool reads_store;
    struct service *service;
    struct http_request *request;
    gather_end *end;
    void *context;
    _Atomic uint32_t left;
    struct gather_mail mails[STORE_PARTITIONS]; /* by partition */
};

/* With `reads_store` the end is called on a thread of the read pool instead, where it may wait for the store;
 * where too many wait already the request is answered 503 and the end is not called, so what the context
 * holds lives in the request's arena. */
struct gather *gather_new(struct service *service, struct http_request *request, gather_end *end,
                          void *context);
void gather_inputs(struct gather *gather, uint32_t partition, const struct input *inputs, size_t count);
void gather_read(struct gather *gather, uint32_t partition, mail_read *read);
/* To every partition: take the control log up to here. */
void gather_control(struct gather *gather, uint64_t position);
/* In `end`: another round, of which nothing is wanted yet. */
void gather_again(struct gather *gather);
/* Posts what is wanted; nothing of the gather or the request may be touched after it. */
void gather_post(struct gather *gather);
/* Of the mail that a mail_read is given. */
struct gather *gather_of(struct mail *mail);

/* ── contacts ─────────────────────────────────────────────────────────────── */

/* `"attributes":{…}`; on the partition's worker. */
void api_put_attributes(const struct engine *engine, const struct names *names, struct contact_id contact,
                        struct buf *out);

/* ── changes ──────────────────────────────────────────────────────────────── */

/* Runs the handler on the thread for changes: it may wait for the disk there, which no connection's thread
 * does. 503 where too many wait. */
void api_later(struct service *service, struct http_request *request, http_handler *handler);

/* ── journeys ─────────────────────────────────────────────────────────────── */

/* The members of a journey; the control's lock is held. */
void api_put_journey(const struct control *control, const struct control_journey *journey, struct buf *out);
void api_put_findings(const struct findings *findings, struct buf *out);
/* `errors`, `warnings` and `findings` of a document. */
/* `service` as in api_checklist. */
void api_put_checklist(struct service *service, const json_t *document, struct arena *arena, struct buf *out);
/* The findings of a document, those included that only this server can tell. No lock is held. */
void api_checklist(struct service *service, const json_t *document, struct arena *arena,
                   struct findings *ret);
/* The newest version of the journey that the path names, by its id or name; VERSION_NONE after it has
 * answered 404, as for one that has no version yet. No lock is held. */
uint16_t api_find_journey(struct service *service, struct http_request *request);
/* The same of one that is named elsewhere, a parameter of the query say: `place`. */
uint16_t api_find_version(struct service *service, struct http_request *request, struct str id_or_name,
                          const char *place);
/* The journey itself, by its number; 0 after it has answered 404. */
uint32_t api_find_entity(struct service *service, struct http_request *request);

/* Under what a change is made: who acts, when, and the key by which a retry is known. */
enum err api_take_by(struct service *service, const struct http_request *request, struct control_by *ret,
                     struct err_detail *detail);
/* `Location` of a journey that was made. */
void api_put_location(struct http_request *request, uint32_t journey);
/* Publishes a document as a new journey, or a journey's draft (`revision` 0 = whichever is there), and
 * answers when every partition has committed past it. */
void api_publish_new(struct service *service, struct http_request *request, const json_t *document);
/* Whether two documents are written alike: a retry brings what came before. */
bool api_same_document(const json_t *one, const json_t *other);
/* The body as a document that people write. */
enum err api_document(const struct http_request *request, json_t **ret, struct err_detail *detail);

/* ── handlers; the context is the service ─────────────────────────────────── */

http_handler api_identify, api_track, api_page_viewed, api_screen_viewed, api_batch, api_journey_enroll;
http_handler api_journeys_check, api_journeys_create, api_journeys_list, api_journey, api_journey_act,
    api_journey_statistics;
http_handler api_destinations_list, api_destination, api_destination_define, api_destination_remove;
http_handler api_draft, api_draft_save, api_draft_discard, api_journey_check;
http_handler api_contacts_list, api_contacts_search;
http_handler api_keys_list, api_keys_make, api_key_revoke, api_stream, api_openapi, api_settings,
    api_settings_change;
http_handler api_contact, api_contact_timeline, api_contact_trace;

/* Of a file that is imported; unpacked where it was sent packed. */
#define IMPORT_BYTES_MAX ((size_t)4 << 30)
http_handler api_import, api_imports_list, api_import_look, api_import_cancel, api_import_rejects;

#endif
