/* What each contact has of something rare: a small table from a 16-bit key to a value of fixed size, sorted
 * by key. Dense contact numbers; a contact without a table costs 8 bytes where a neighbour of its chunk has
 * one, else none. Pointers to values live until the next put or clear; they are not aligned: read and write
 * them by memcpy. */
#ifndef CONTACT_POCKETS_H
#define CONTACT_POCKETS_H
#include <stdbool.h>

#include "base/array.h"
#include "contact/pool.h"

enum { POCKETS_CHUNK = 1024 };

struct pocket; /* | u16 count | u16 keys[capacity] | values[capacity] | */
struct pockets_chunk {
    struct pocket *pockets[POCKETS_CHUNK];
};
struct pockets {
    struct pool pool;
    uint32_t value_bytes;
    uint32_t chunks_made;
    ARRAY(struct pockets_chunk *) chunks; /* NULL where nobody has a table */
};

void pockets_init(struct pockets *pockets, uint32_t value_bytes);
void pockets_deinit(struct pockets *pockets);
uint64_t pockets_bytes(const struct pockets *pockets);

/* NULL where the contact has no such key. */
void *pockets_find(const struct pockets *pockets, uint32_t contact, uint16_t key);
/* The value of the key; a new one is zeroed. Linear in the contact's keys where it is new, else logarithmic.
 */
void *pockets_put(struct pockets *pockets, uint32_t contact, uint16_t key, bool *ret_new);
void pockets_clear(struct pockets *pockets, uint32_t contact);

/* Iteration in order of key: i below pockets_count. */
uint32_t pockets_count(const struct pockets *pockets, uint32_t contact);
const void *pockets_at(const struct pockets *pockets, uint32_t contact, uint32_t i, uint16_t *ret_key);

#endif
