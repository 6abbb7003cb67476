/* One value of an attribute or a property, as rules see it. Strings and lists are borrowed: whoever hands a
 * value out says how long its bytes live. A string in the canonical form `2026-01-31T10:00:00Z` or
 * `2026-01-31T10:00:00.123Z` IS an instant (the same bytes come back when it is printed), so instants need no
 * type of their own in JSON. Objects nested in properties are reached by dotted names (`address.city`). */
#ifndef JSON_VALUE_H
#define JSON_VALUE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum value_type { VALUE_MISSING, VALUE_STRING, VALUE_NUMBER, VALUE_BOOL, VALUE_INSTANT, VALUE_LIST };

struct value {
    enum value_type type;
    bool millis;    /* VALUE_INSTANT: printed with milliseconds */
    uint32_t count; /* VALUE_LIST: strings in `list` */
    union {
        double number;
        bool boolean;
        int64_t instant_ms;
        struct str string;
        const struct str *list;
    };
};

/* The English name of a type, static: "string", "list of strings", … */
const char *value_type_name(enum value_type type);

/* A string as the value it is: an instant where it has the canonical form, else a string. */
struct value value_of_string(struct str s);

/* Same type and same content; lists in the same order. Two missing values are equal. */
bool value_equal(const struct value *a, const struct value *b);

/* The instant that a value stands for: an instant itself, or a string that instant_parse takes (date alone,
 * offsets). False for everything else. */
bool value_as_instant(const struct value *v, int64_t *ret_ms);

/* The text of a string or an instant (an instant is printed into `scratch`, 32 bytes). False for other types.
 */
bool value_as_text(const struct value *v, char scratch[32], struct str *ret);

/* Appends the value as JSON (`null` for missing; numbers in shortest round-trip form, integers without
 * point). */
void value_write_json(const struct value *v, struct buf *out);

/* A copy whose bytes live in the arena. */
struct value value_copy(struct arena *arena, const struct value *v);

/* Binary form for blocks; value_decode takes list storage from the arena, strings are borrowed from the
 * reader. */
void value_encode(const struct value *v, struct buf *out);
struct value value_decode(struct reader *r, struct arena *arena);

#endif
