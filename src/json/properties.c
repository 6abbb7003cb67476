#include "json/properties.h"

/* The object is walked twice: first to measure, then to fill exactly what was measured, so that a record
 * costs three allocations of its arena whatever is in it. */
struct walk {
    struct property *items; /* NULL while measuring */
    struct str *strings;    /* of lists */
    char *bytes;            /* of names, strings and list items */
    size_t item_count, string_count, byte_count;
    char name[PROPERTIES_NAME_BYTES_MAX]; /* of the field where the walk stands */
    bool name_too_long;
};

static struct str keep_bytes(struct walk *walk, struct str s)
{
    struct str kept = {walk->bytes ? walk->bytes + walk->byte_count : NULL, s.size};
    if (walk->bytes && s.size)
        memcpy(walk->bytes + walk->byte_count, s.data, s.size);
    walk->byte_count += s.size;
    return kept;
}

/* A list item as the string that rules compare; false for null, objects and arrays, which are left out. */
static bool item_text(struct json_node item, char scratch[32], struct str *ret)
{
    switch (json_node_type(item)) {
    case JSON_TYPE_STRING: *ret = json_node_string(item); return true;
    case JSON_TYPE_BOOL: *ret = json_node_bool(item) ? STR("true") : STR("false"); return true;
    case JSON_TYPE_NUMBER:
        *ret = (struct str){scratch, (size_t)json_number_print(json_node_number(item), scratch)};
        return true;
    case JSON_TYPE_NULL:
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_OBJECT: break;
    }
    return false;
}

static struct value list_of(struct walk *walk, struct json_node array)
{
    struct json_iterator it = json_node_iterate(array);
    struct json_node item;
    struct str text;
    char scratch[32];
    size_t first = walk->string_count;
    while (json_iterator_next(&it, &text, &item)) {
        if (!item_text(item, scratch, &text))
            continue;
        struct str kept = keep_bytes(walk, text);
        if (walk->items)
            walk->strings[walk->string_count] = kept;
        walk->string_count++;
    }
    return (struct value){.type = VALUE_LIST,
                          .count = (uint32_t)(walk->string_count - first),
                          .list = walk->items ? walk->strings + first : NULL};
}

static struct value value_of_node(struct walk *walk, struct json_node node)
{
    switch (json_node_type(node)) {
    case JSON_TYPE_STRING: {
        struct value v = value_of_string(json_node_string(node));
        if (v.type == VALUE_STRING)
            v.string = keep_bytes(walk, v.string);
        return v;
    }
    case JSON_TYPE_NUMBER: return (struct value){.type = VALUE_NUMBER, .number = json_node_number(node)};
    case JSON_TYPE_BOOL: return (struct value){.type = VALUE_BOOL, .boolean = json_node_bool(node)};
    case JSON_TYPE_ARRAY: return list_of(walk, node);
    case JSON_TYPE_NULL:
    case JSON_TYPE_OBJECT: break;
    }
    return (struct value){.type = VALUE_MISSING};
}

/* The place of the first item whose name is not before this one. */
static size_t lower_bound(const struct property *items, size_t count, struct str name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_compare(items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct walk *walk, struct property property)
{
    size_t at = lower_bound(walk->items, walk->item_count, property.name);
    if (at < walk->item_count && str_equal(walk->items[at].name, property.name)) {
        walk->items[at] = property;
        return;
    }
    memmove(walk->items + at + 1, walk->items + at, (walk->item_count - at) * sizeof *walk->items);
    walk->items[at] = property;
    walk->item_count++;
}

static void walk_object(struct walk *walk, struct json_node object, size_t prefix_size, int depth)
{
    struct json_iterator it = json_node_iterate(object);
    struct json_node node;
    struct str field;
    while (json_iterator_next(&it, &field, &node)) {
        size_t size = prefix_size + field.size;
        if (size + 1 > sizeof walk->name) {
            walk->name_too_long = true;
            continue;
        }
        memcpy(walk->name + prefix_size, field.data, field.size);
        if (json_node_type(node) == JSON_TYPE_OBJECT) {
            walk->name[size] = '.';
            if (depth < PROPERTIES_DEPTH_MAX)
                walk_object(walk, node, size + 1, depth + 1);
            continue;
        }
        struct property property = {keep_bytes(walk, (struct str){walk->name, size}),
                                    value_of_node(walk, node)};
        if (walk->items)
            insert(walk, property);
        else
            walk->item_count++;
    }
}

enum err properties_of_node(struct json_node object, struct arena *arena, struct properties *ret,
                            struct err_detail *detail)
{
    if (json_node_type(object) != JSON_TYPE_OBJECT)
        return err_fail(detail, ERR_INVALID, "", "an object is expected here");
    struct walk walk;
    memset(&walk, 0, offsetof(struct walk, name)); /* the name is written before it is read */
    walk.name_too_long = false;
    walk_object(&walk, object, 0, 1);
    if (walk.name_too_long)
        return err_fail(detail, ERR_LIMIT, "", "a property's name has more than %d bytes; shorten it",
                        PROPERTIES_NAME_BYTES_MAX - 1);
    if (walk.item_count > PROPERTIES_MAX)
        return err_fail(detail, ERR_LIMIT, "", "%zu properties, at most %d are taken; send fewer",
                        walk.item_count, PROPERTIES_MAX);
    walk.items = arena_take_array(arena, walk.item_count, sizeof *walk.items);
    walk.strings = arena_take_array(arena, walk.string_count, sizeof *walk.strings);
    walk.bytes = arena_take(arena, walk.byte_count);
    walk.item_count = walk.string_count = walk.byte_count = 0;
    walk_object(&walk, object, 0, 1);
    *ret = (struct properties){walk.items, (uint32_t)walk.item_count};
    return ERR_OK;
}

enum err properties_parse(struct json_reader *reader, struct str text, struct arena *arena,
                          struct properties *ret, struct err_detail *detail)
{
    struct json_node root;
    enum err err = json_reader_parse(reader, text, &root, detail);
    return err ? err : properties_of_node(root, arena, ret, detail);
}

struct value properties_find(const struct properties *properties, struct str name)
{
    size_t at = lower_bound(properties->items, properties->count, name);
    if (at < properties->count && str_equal(properties->items[at].name, name))
        return properties->items[at].value;
    return (struct value){.type = VALUE_MISSING};
}
