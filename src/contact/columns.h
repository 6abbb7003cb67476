/* Attributes of dense contacts: per attribute an array of chunks (struct contact_column), NULL where nobody
 * in the chunk has it. Keeps the string heap behind the cells tidy: a change moves at most one column's
 * strings on. */
#ifndef CONTACT_COLUMNS_H
#define CONTACT_COLUMNS_H
#include "contact/contacts.h"
#include "contact/strings.h"

struct column_chunks {
    ARRAY(struct contact_column *) chunks;
};
struct columns {
    struct strings strings;
    ARRAY(struct column_chunks) attributes; /* by attribute id */
    uint32_t columns_made;
    struct contact_column *spare; /* an empty one, so that one value coming and going allocates nothing */
    uint32_t moved_attribute, moved_chunk; /* while the heap is rewritten: the next column to move */
};

void columns_deinit(struct columns *columns);          /* a zeroed one is empty */
uint64_t columns_bytes(const struct columns *columns); /* without the strings */

/* NULL where no contact of the chunk has the attribute. */
const struct contact_column *columns_find(const struct columns *columns, uint16_t attribute, uint32_t chunk);
struct value columns_cell(const struct columns *columns, uint8_t kind, uint64_t cell);
/* Sets, or removes with a missing value; true where that changed something. */
bool columns_set(struct columns *columns, uint32_t contact, uint16_t attribute, const struct value *v);

#endif
