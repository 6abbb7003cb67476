/* The properties of an event, or the traits of an identify, flattened for rules: nested objects as dotted
 * names, arrays as lists of strings (numbers and booleans in them as their JSON text; objects in arrays are
 * left out), null as an item with a missing value (an identify takes an attribute away with it). Sorted by
 * name for look-ups; where a name comes twice (`{"a.b":1,"a":{"b":2}}` too) the last one stands. */
#ifndef JSON_PROPERTIES_H
#define JSON_PROPERTIES_H
#include "json/reader.h"
#include "json/value.h"

enum { PROPERTIES_MAX = 1024, PROPERTIES_DEPTH_MAX = 8, PROPERTIES_NAME_BYTES_MAX = 1024 };

struct property {
    struct str name;
    struct value value;
};

struct properties {
    const struct property *items;
    uint32_t count;
};

/* From a parsed object. Names and values live in the arena. ERR_INVALID where it is no object; ERR_LIMIT
 * where there are more than PROPERTIES_MAX or a dotted name has PROPERTIES_NAME_BYTES_MAX bytes or more
 * (deeper nesting than PROPERTIES_DEPTH_MAX is left out of the flat form, not refused). */
enum err properties_of_node(struct json_node object, struct arena *arena, struct properties *ret,
                            struct err_detail *detail);
/* From JSON text (an event row read back). ERR_INVALID where it is not an object. */
enum err properties_parse(struct json_reader *reader, struct str text, struct arena *arena,
                          struct properties *ret, struct err_detail *detail);
/* A missing value where the name is not there. */
struct value properties_find(const struct properties *properties, struct str name);

#endif
