/* Contacts as the targets describe them: a UUID as id, one unique string of 24 bytes, four of few values,
 * three numbers, a boolean, an instant, and three kinds of event. */
#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H
#include "contact/contacts.h"
#include "event/past.h"

enum {
    PEOPLE_UNIQUE = 1,
    PEOPLE_CODED = 2,
    PEOPLE_NUMBERS = 6,
    PEOPLE_BOOLEAN = 9,
    PEOPLE_INSTANT = 10,
    PEOPLE_ATTRIBUTES = 10,
    PEOPLE_EVENTS = 3
};

struct people {
    struct contacts *contacts;
    struct past *past;
};
void people_make(struct people *people, uint32_t count, uint64_t seed);
void people_free(struct people *people);

#endif
