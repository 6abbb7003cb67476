#include "contact/columns.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

/* Instants of the years 0001 to 9999 leave the bit free that says whether milliseconds are printed. */
#define INSTANT_MS_MAX (INT64_MAX / 2)

void columns_deinit(struct columns *columns)
{
    array_each (&columns->attributes, a) {
        struct column_chunks *of = &columns->attributes.items[a];
        array_each (&of->chunks, i)
            free(of->chunks.items[i]);
        array_free(&of->chunks);
    }
    array_free(&columns->attributes);
    free(columns->spare);
    strings_deinit(&columns->strings);
    *columns = (struct columns){0};
}

uint64_t columns_bytes(const struct columns *columns)
{
    uint64_t bytes =
        array_bytes(&columns->attributes) + (uint64_t)columns->columns_made * sizeof(struct contact_column);
    array_each (&columns->attributes, a)
        bytes += array_bytes(&columns->attributes.items[a].chunks);
    return bytes;
}

static struct contact_column *column_at(const struct columns *columns, uint32_t attribute, uint32_t chunk)
{
    if (attribute >= columns->attributes.count || chunk >= columns->attributes.items[attribute].chunks.count)
        return NULL;
    return columns->attributes.items[attribute].chunks.items[chunk];
}

const struct contact_column *columns_find(const struct columns *columns, uint16_t attribute, uint32_t chunk)
{
    return column_at(columns, attribute, chunk);
}

static struct contact_column *column_made(struct columns *columns, uint16_t attribute, uint32_t chunk)
{
    while (columns->attributes.count <= attribute)
        *array_push(&columns->attributes) = (struct column_chunks){0};
    struct column_chunks *of = &columns->attributes.items[attribute];
    while (of->chunks.count <= chunk)
        *array_push(&of->chunks) = NULL;
    struct contact_column *column = columns->spare;
    if (!column) {
        column = memory_take_zeroed(1, sizeof *column);
        columns->columns_made++;
    }
    columns->spare = NULL;
    return of->chunks.items[chunk] = column;
}

static void column_drop(struct columns *columns, uint16_t attribute, uint32_t chunk)
{
    struct contact_column **at = &columns->attributes.items[attribute].chunks.items[chunk];
    columns->columns_made -= columns->spare != NULL;
    free(columns->spare);
    columns->spare = *at; /* all of it is zero again */
    *at = NULL;
}

static uint64_t number_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static struct value list_value(const struct columns *columns, uint64_t cell)
{
    struct value v = {.type = VALUE_LIST};
    v.list = strings_get_list(&columns->strings, cell, &v.count);
    return v;
}

struct value columns_cell(const struct columns *columns, uint8_t kind, uint64_t cell)
{
    switch ((enum value_type)kind) {
    case VALUE_STRING:
        return (struct value){.type = VALUE_STRING, .string = strings_get(&columns->strings, cell)};
    case VALUE_NUMBER: {
        struct value v = {.type = VALUE_NUMBER};
        memcpy(&v.number, &cell, sizeof v.number);
        return v;
    }
    case VALUE_BOOL: return (struct value){.type = VALUE_BOOL, .boolean = cell != 0};
    case VALUE_INSTANT:
        return (struct value){
            .type = VALUE_INSTANT, .millis = cell & 1, .instant_ms = contacts_cell_instant(cell)};
    case VALUE_LIST: return list_value(columns, cell);
    case VALUE_MISSING: break;
    }
    return (struct value){.type = VALUE_MISSING};
}

/* What a cell of this value holds; strings and lists are stored. */
static uint64_t cell_of(struct columns *columns, const struct value *v, uint64_t hash)
{
    switch (v->type) {
    case VALUE_STRING: return strings_store(&columns->strings, v->string, hash);
    case VALUE_NUMBER: return number_bits(v->number);
    case VALUE_BOOL: return v->boolean;
    case VALUE_INSTANT:
        CHECK(v->instant_ms <= INSTANT_MS_MAX && v->instant_ms >= -INSTANT_MS_MAX);
        return (uint64_t)v->instant_ms << 1 | v->millis;
    case VALUE_LIST: return strings_store_list(&columns->strings, v->list, v->count);
    case VALUE_MISSING: break;
    }
    return 0;
}

static bool list_is(const struct columns *columns, uint64_t cell, const struct value *v)
{
    uint32_t count;
    const struct str *items = strings_get_list(&columns->strings, cell, &count);
    if (count != v->count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!str_equal(items[i], v->list[i]))
            return false;
    }
    return true;
}

/* Whether the cell, whose kind is the value's type, holds the value. */
static bool cell_is(const struct columns *columns, uint64_t cell, const struct value *v, uint64_t hash)
{
    switch (v->type) {
    case VALUE_STRING: return strings_is(&columns->strings, cell, v->string, hash);
    case VALUE_NUMBER: return cell == number_bits(v->number);
    case VALUE_BOOL: return cell == v->boolean;
    case VALUE_INSTANT: return cell == ((uint64_t)v->instant_ms << 1 | v->millis);
    case VALUE_LIST: return list_is(columns, cell, v);
    case VALUE_MISSING: break;
    }
    return true;
}

static void cell_release(struct columns *columns, uint8_t kind, uint64_t cell)
{
    if (kind == VALUE_STRING)
        strings_release(&columns->strings, cell);
    else if (kind == VALUE_LIST)
        strings_release_list(&columns->strings, cell);
}

static void column_move(struct columns *columns, struct contact_column *column)
{
    for (uint32_t i = 0; i < CONTACTS_CHUNK; i++) {
        if (column->kinds[i] == VALUE_STRING)
            column->cells[i] = strings_move(&columns->strings, column->cells[i]);
        else if (column->kinds[i] == VALUE_LIST)
            column->cells[i] = strings_move_list(&columns->strings, column->cells[i]);
    }
}

/* One step of a rewriting of the heap: at most one column, so that no change ever waits for all of it. Values
 * that changes put into columns passed already stand in segments that stay. */
static void heap_tidy(struct columns *columns)
{
    struct heap *heap = &columns->strings.heap;
    if (heap->leaving == 0) {
        if (!heap_is_sparse(heap))
            return;
        heap_leave_sparse(heap);
        columns->moved_attribute = columns->moved_chunk = 0;
    }
    while (heap->leaving > 0) {
        CHECK(columns->moved_attribute <
              columns->attributes.count); /* nothing lives that no column refers to */
        if (columns->moved_chunk >= columns->attributes.items[columns->moved_attribute].chunks.count) {
            columns->moved_attribute++;
            columns->moved_chunk = 0;
            continue;
        }
        struct contact_column *column = column_at(columns, columns->moved_attribute, columns->moved_chunk++);
        if (column) {
            column_move(columns, column);
            return;
        }
    }
}

bool columns_set(struct columns *columns, uint32_t contact, uint16_t attribute, const struct value *v)
{
    CHECK(attribute > 0);
    uint32_t chunk = contact / CONTACTS_CHUNK, i = contact % CONTACTS_CHUNK;
    struct contact_column *column = column_at(columns, attribute, chunk);
    if (!column) {
        if (v->type == VALUE_MISSING)
            return false;
        column = column_made(columns, attribute, chunk);
    }
    uint64_t hash = v->type == VALUE_STRING ? hash_str(v->string) : 0;
    uint8_t kind = column->kinds[i];
    if (kind == v->type && cell_is(columns, column->cells[i], v, hash))
        return false;
    /* stored before the old one goes: the new value may be borrowed from it */
    uint64_t old = column->cells[i];
    column->cells[i] = cell_of(columns, v, hash);
    column->kinds[i] = (uint8_t)v->type;
    cell_release(columns, kind, old);
    column->used = (uint16_t)(column->used + (v->type != VALUE_MISSING) - (kind != VALUE_MISSING));
    if (column->used == 0)
        column_drop(columns, attribute, chunk);
    heap_tidy(columns);
    return true;
}
