/* The contacts of one partition: external ids, attributes, the head of each one's history chain and what bars
 * it from journeys. Dense ids from 0 in order of creation; nothing is ever renumbered. One thread.
 *
 * Attributes stand in typed columns, one an attribute, cut into chunks of CONTACTS_CHUNK contacts that exist
 * only where a value is: a rule over everybody reads columns, one contact reads a cell of each. Strings stand
 * in the partition's string heap: a bounded dictionary shares those that recur, the rest are stored where
 * they come, and the heap is rewritten when more than half of it is dead. Cost: ~32 B a contact + its id + 9
 * B a cell (+ string bytes). */
#ifndef CONTACT_CONTACTS_H
#define CONTACT_CONTACTS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/value.h"

enum { CONTACTS_CHUNK = 1024, EXTERNAL_ID_BYTES_MAX = 512 };

struct contact_id {
    uint32_t n;
};
#define CONTACT_NONE ((struct contact_id){UINT32_MAX})

struct contacts;

struct contacts *contacts_new(void);
void contacts_free(struct contacts *contacts);
uint32_t contacts_count(const struct contacts *contacts);
struct memory_use; /* base/memory.h */
void contacts_weigh(const struct contacts *contacts, struct memory_use *use);

/* The hash under which an external id is indexed, by which it belongs to a partition, and from which chance
 * comes. */
uint64_t contact_hash(struct str external_id);
bool contacts_find(const struct contacts *contacts, struct str external_id, uint64_t hash,
                   struct contact_id *ret);
void contacts_prefetch(const struct contacts *contacts, uint64_t hash);
/* The external id must not be there yet. The new id is contacts_count() before the call. */
struct contact_id contacts_add(struct contacts *contacts, struct str external_id, uint64_t hash);
struct str contacts_external_id(const struct contacts *contacts,
                                struct contact_id id); /* lives until the next add */

/* The contact's newest event or ledger row (0 = none): the head of its `prev` chain. */
uint64_t contacts_head(const struct contacts *contacts, struct contact_id id);
void contacts_set_head(struct contacts *contacts, struct contact_id id, uint64_t seq);
/* The first of its open enrollments (engine's list head), UINT32_MAX = none. Not written to blocks: rebuilt
 * on load. */
uint32_t contacts_enrollments(const struct contacts *contacts, struct contact_id id);
void contacts_set_enrollments(struct contacts *contacts, struct contact_id id, uint32_t first);

/* The value of an attribute (id of event/names.h, from 1); strings and lists borrowed until the next change
 * of any attribute. Missing where it is not set. */
struct value contacts_attribute(const struct contacts *contacts, struct contact_id id, uint16_t attribute);
/* Sets it, or removes it with a missing value. True where that changed something. */
bool contacts_set_attribute(struct contacts *contacts, struct contact_id id, uint16_t attribute,
                            const struct value *v);
/* Highest attribute id that any contact here has had. */
uint16_t contacts_attributes_end(const struct contacts *contacts);

/* Columns for scans: NULL where no contact of the chunk has the attribute. A cell's meaning goes by its kind:
 * number = the bits of the double; boolean = 0 or 1; instant = milliseconds * 2 + 1 where printed with
 * milliseconds (so cells compare as instants do); string, list = a reference whose low 24 bits are a hash of
 * the content. */
struct contact_column {
    uint8_t kinds[CONTACTS_CHUNK]; /* enum value_type; 0 = missing */
    uint64_t cells[CONTACTS_CHUNK];
    uint16_t used; /* cells that are not missing */
};
const struct contact_column *contacts_column(const struct contacts *contacts, uint16_t attribute,
                                             uint32_t chunk);
struct value contacts_cell(const struct contacts *contacts, uint8_t kind, uint64_t cell);
static inline int64_t contacts_cell_instant(uint64_t cell)
{
    return (int64_t)cell >> 1;
}
/* Strings whose hashes differ differ: `eq`, `ne`, `in` over a column need not look at most strings at all. */
static inline uint32_t contacts_cell_hash(uint64_t cell)
{
    return (uint32_t)cell & 0xffffff;
}
uint32_t contacts_string_hash(struct str s); /* what contacts_cell_hash gives for a cell of this string */

/* What bars a contact from a journey: when it last left it by anything but version_stopped, and by which row.
 * False = it never did. `journey` is the engine's dense journey number. */
struct contact_left {
    int64_t at_ms;
    uint64_t seq;
};
bool contacts_left_journey(const struct contacts *contacts, struct contact_id id, uint16_t journey,
                           struct contact_left *ret);
void contacts_set_left_journey(struct contacts *contacts, struct contact_id id, uint16_t journey,
                               struct contact_left left);

/* Blocks: the CONTACTS_CHUNK contacts from chunk * CONTACTS_CHUNK on, strings by value, everything above but
 * the enrollment heads. Decoding REPLACES what these contacts have and creates those that are not there
 * (their ids must follow on, so blocks are decoded in ascending order of chunk). ERR_CORRUPT where the bytes
 * make no sense. */
void contacts_encode(const struct contacts *contacts, uint32_t chunk, struct buf *out);
enum err contacts_decode(struct contacts *contacts, uint32_t chunk, struct reader *r,
                         struct err_detail *detail);

#endif
