#include "contact/contacts.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "contact/state.h"

enum { ID_SIZE_BYTES = 2 };
static const uint32_t ENROLLMENT_NONE = UINT32_MAX;

struct contacts *contacts_new(void)
{
    struct contacts *contacts = memory_take_zeroed(1, sizeof *contacts);
    pockets_init(&contacts->journeys, sizeof(struct contact_left));
    return contacts;
}

void contacts_free(struct contacts *contacts)
{
    if (!contacts)
        return;
    array_each (&contacts->rows, i)
        free(contacts->rows.items[i]);
    array_free(&contacts->rows);
    map_deinit(&contacts->index);
    heap_deinit(&contacts->ids);
    columns_deinit(&contacts->columns);
    pockets_deinit(&contacts->journeys);
    free(contacts);
}

void contacts_weigh(const struct contacts *contacts, struct memory_use *use)
{
    memory_add(use, MEMORY_CONTACTS,
               sizeof *contacts + array_bytes(&contacts->rows) +
                   contacts->rows.count * sizeof(struct contact_rows) + map_held(&contacts->index) +
                   heap_bytes(&contacts->ids) + pockets_bytes(&contacts->journeys));
    memory_add(use, MEMORY_ATTRIBUTES, columns_bytes(&contacts->columns));
    memory_add(use, MEMORY_STRINGS, strings_bytes(&contacts->columns.strings));
}

uint32_t contacts_count(const struct contacts *contacts)
{
    return contacts->count;
}

uint64_t contact_hash(struct str external_id)
{
    return hash_str(external_id);
}

/* ── external ids ─────────────────────────────────────────────────────────── */

static struct contact_rows *rows_of(const struct contacts *contacts, struct contact_id id)
{
    CHECK(id.n < contacts->count);
    return contacts->rows.items[id.n / CONTACTS_CHUNK];
}

struct str contacts_external_id(const struct contacts *contacts, struct contact_id id)
{
    const char *at = rows_of(contacts, id)->external_ids[id.n % CONTACTS_CHUNK];
    uint16_t size;
    memcpy(&size, at, ID_SIZE_BYTES);
    return (struct str){at + ID_SIZE_BYTES, size};
}

struct sought {
    const struct contacts *contacts;
    struct str external_id;
};

static bool is_sought(const void *context, uint32_t n)
{
    const struct sought *sought = context;
    return str_equal(contacts_external_id(sought->contacts, (struct contact_id){n}), sought->external_id);
}

static uint64_t hash_of_contact(const void *context, uint32_t n)
{
    return contact_hash(contacts_external_id(context, (struct contact_id){n}));
}

bool contacts_find(const struct contacts *contacts, struct str external_id, uint64_t hash,
                   struct contact_id *ret)
{
    struct sought sought = {contacts, external_id};
    return map_find(&contacts->index, hash, is_sought, &sought, &ret->n);
}

void contacts_prefetch(const struct contacts *contacts, uint64_t hash)
{
    map_prefetch(&contacts->index, hash);
}

static const char *external_id_kept(struct contacts *contacts, struct str external_id)
{
    CHECK(external_id.size <= EXTERNAL_ID_BYTES_MAX);
    uint16_t size = (uint16_t)external_id.size;
    char *kept;
    heap_take(&contacts->ids, ID_SIZE_BYTES + size, 1, &kept);
    memcpy(kept, &size, ID_SIZE_BYTES);
    if (size)
        memcpy(kept + ID_SIZE_BYTES, external_id.data, size);
    return kept;
}

struct contact_id contacts_add(struct contacts *contacts, struct str external_id, uint64_t hash)
{
    struct contact_id id = {contacts->count};
    uint32_t i = id.n % CONTACTS_CHUNK;
    CHECK(id.n < CONTACT_NONE.n);
    if (i == 0)
        *array_push(&contacts->rows) = memory_take_zeroed(1, sizeof(struct contact_rows));
    struct contact_rows *rows = contacts->rows.items[id.n / CONTACTS_CHUNK];
    rows->external_ids[i] = external_id_kept(contacts, external_id);
    rows->enrollments[i] = ENROLLMENT_NONE;
    contacts->count++;
    map_add(&contacts->index, hash, id.n, hash_of_contact, contacts);
    return id;
}

/* ── what each one has ────────────────────────────────────────────────────── */

uint64_t contacts_head(const struct contacts *contacts, struct contact_id id)
{
    return rows_of(contacts, id)->heads[id.n % CONTACTS_CHUNK];
}

void contacts_set_head(struct contacts *contacts, struct contact_id id, uint64_t seq)
{
    rows_of(contacts, id)->heads[id.n % CONTACTS_CHUNK] = seq;
}

uint32_t contacts_enrollments(const struct contacts *contacts, struct contact_id id)
{
    return rows_of(contacts, id)->enrollments[id.n % CONTACTS_CHUNK];
}

void contacts_set_enrollments(struct contacts *contacts, struct contact_id id, uint32_t first)
{
    rows_of(contacts, id)->enrollments[id.n % CONTACTS_CHUNK] = first;
}

struct value contacts_attribute(const struct contacts *contacts, struct contact_id id, uint16_t attribute)
{
    const struct contact_column *column = columns_find(&contacts->columns, attribute, id.n / CONTACTS_CHUNK);
    if (!column)
        return (struct value){.type = VALUE_MISSING};
    uint32_t i = id.n % CONTACTS_CHUNK;
    return columns_cell(&contacts->columns, column->kinds[i], column->cells[i]);
}

bool contacts_set_attribute(struct contacts *contacts, struct contact_id id, uint16_t attribute,
                            const struct value *v)
{
    CHECK(id.n < contacts->count);
    return columns_set(&contacts->columns, id.n, attribute, v);
}

uint16_t contacts_attributes_end(const struct contacts *contacts)
{
    size_t count = contacts->columns.attributes.count;
    return count ? (uint16_t)(count - 1) : 0;
}

const struct contact_column *contacts_column(const struct contacts *contacts, uint16_t attribute,
                                             uint32_t chunk)
{
    return columns_find(&contacts->columns, attribute, chunk);
}

struct value contacts_cell(const struct contacts *contacts, uint8_t kind, uint64_t cell)
{
    return columns_cell(&contacts->columns, kind, cell);
}

uint32_t contacts_string_hash(struct str s)
{
    return strings_hash_part(hash_str(s));
}

bool contacts_left_journey(const struct contacts *contacts, struct contact_id id, uint16_t journey,
                           struct contact_left *ret)
{
    const void *left = pockets_find(&contacts->journeys, id.n, journey);
    if (left)
        memcpy(ret, left, sizeof *ret);
    return left;
}

void contacts_set_left_journey(struct contacts *contacts, struct contact_id id, uint16_t journey,
                               struct contact_left left)
{
    CHECK(id.n < contacts->count);
    bool is_new;
    memcpy(pockets_put(&contacts->journeys, id.n, journey, &is_new), &left, sizeof left);
}
