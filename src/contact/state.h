/* What `struct contacts` is, for the files of this folder. */
#ifndef CONTACT_STATE_H
#define CONTACT_STATE_H
#include "contact/columns.h"
#include "contact/pockets.h"

struct contact_rows {
    const char *external_ids[CONTACTS_CHUNK]; /* in `ids`: two bytes of size, then the bytes */
    uint64_t heads[CONTACTS_CHUNK];
    uint32_t enrollments[CONTACTS_CHUNK];
};

struct contacts {
    uint32_t count;
    ARRAY(struct contact_rows *) rows;
    struct map index; /* of the external ids */
    struct heap ids;  /* nothing is ever released from it */
    struct columns columns;
    struct pockets journeys; /* per contact, by journey: when it last left it */
};

#endif
