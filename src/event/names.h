/* The dictionary of event names and attribute names: text ⇄ small dense ids, the same in every partition. An
 * id is given by the control plane (a `name` entry of the control log) before any record that uses it reaches
 * a partition, and is never used again. One writer; readers on other threads need the writer's lock. */
#ifndef EVENT_NAMES_H
#define EVENT_NAMES_H
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum name_kind { NAME_EVENT, NAME_ATTRIBUTE, NAME_KINDS };
enum {
    NAMES_EVENT_MAX = 2000,    /* beyond: kept in history under id 0, not counted, and an alert names it */
    NAMES_ATTRIBUTE_MAX = 512, /* the same for attributes */
    NAME_BYTES_MAX = 256
};

struct names;

struct names *names_new(void);
void names_free(struct names *names);
/* 0 where the name has no id. */
uint16_t names_find(const struct names *names, enum name_kind kind, struct str name);
/* The next id, from 1; 0 where the limit is reached. The name must not be there yet. */
uint16_t names_add(struct names *names, enum name_kind kind, struct str name);
/* The text of an id that exists; lives as long as the dictionary. */
struct str names_get(const struct names *names, enum name_kind kind, uint16_t id);
uint16_t names_count(const struct names *names, enum name_kind kind);

#endif
