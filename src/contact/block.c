/* A block of contacts as bytes. It is a function of what the contacts have, not of how they came to have it:
 * everything stands in order of contact, attribute and journey, and strings by value.
 *
 *     format 1 · contacts n · n × external id (sized) · n × head · journeys · attributes
 *
 *     journeys:   contacts with any · each: gap to the one before, marks k,
 *                 k × (gap of the journey's number, instant, seq)
 *     attributes: columns · each: gap of the attribute's id, cells used,
 *                 where used < n: n bits of who has one,
 *                 the kind of all or 0 and a kind each, the cells
 *     cell:       string: 0 and itself where it is new in this column, else its number there from 1
 *                 list: size, then its strings so
 *                 number: zigzag * 2 where it is whole and under 2^53, else 1 and its bits
 *                 boolean: a byte · instant: zigzag of the cell
 */
#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "contact/state.h"

enum { BLOCK_FORMAT = 1, KIND_MIXED = 0, LIST_BYTES_MAX = 1 << 30 };

/* ── writing ──────────────────────────────────────────────────────────────── */

struct writer {
    const struct contacts *contacts;
    struct buf *out;
    uint32_t first, count;
    ARRAY(struct str) strings; /* of the column under way, in order of their codes */
    struct map codes;
};

struct sought {
    const struct writer *writer;
    struct str s;
};

static bool is_sought(const void *context, uint32_t code)
{
    const struct sought *sought = context;
    return str_equal(sought->writer->strings.items[code], sought->s);
}

static uint64_t hash_of_code(const void *context, uint32_t code)
{
    const struct writer *writer = context;
    return hash_str(writer->strings.items[code]);
}

static void put_string(struct writer *writer, struct str s)
{
    uint64_t hash = hash_str(s);
    struct sought sought = {writer, s};
    uint32_t code;
    if (map_find(&writer->codes, hash, is_sought, &sought, &code)) {
        buf_put_varint(writer->out, code + UINT64_C(1));
        return;
    }
    code = (uint32_t)writer->strings.count;
    *array_push(&writer->strings) = s;
    map_add(&writer->codes, hash, code, hash_of_code, writer);
    buf_put_varint(writer->out, 0);
    buf_put_sized(writer->out, s);
}

static bool is_small_whole(double number)
{
    return fabs(number) < 0x1p53 && number == trunc(number) && !(number == 0 && signbit(number));
}

static void put_number(struct buf *out, double number, uint64_t bits)
{
    if (is_small_whole(number)) {
        int64_t whole = (int64_t)number;
        buf_put_varint(out, (((uint64_t)whole << 1) ^ (uint64_t)(whole >> 63)) << 1);
        return;
    }
    buf_put_varint(out, 1);
    buf_put_u64(out, bits);
}

static void put_cell(struct writer *writer, uint8_t kind, uint64_t cell)
{
    struct value v = columns_cell(&writer->contacts->columns, kind, cell);
    switch (v.type) {
    case VALUE_STRING: put_string(writer, v.string); break;
    case VALUE_NUMBER: put_number(writer->out, v.number, cell); break;
    case VALUE_BOOL: buf_put_char(writer->out, (char)v.boolean); break;
    case VALUE_INSTANT: buf_put_zigzag(writer->out, (int64_t)cell); break;
    case VALUE_LIST:
        buf_put_varint(writer->out, v.count);
        for (uint32_t i = 0; i < v.count; i++)
            put_string(writer, v.list[i]);
        break;
    case VALUE_MISSING: break;
    }
}

static void put_presence(struct writer *writer, const struct contact_column *column)
{
    uint8_t bits[CONTACTS_CHUNK / 8] = {0};
    for (uint32_t i = 0; i < writer->count; i++)
        bits[i / 8] |= (uint8_t)((column->kinds[i] != VALUE_MISSING) << i % 8);
    buf_put(writer->out, bits, (writer->count + 7) / 8);
}

/* The one kind of all cells, or KIND_MIXED. */
static uint8_t kind_of_all(const struct contact_column *column)
{
    uint8_t all = VALUE_MISSING;
    for (uint32_t i = 0; i < CONTACTS_CHUNK; i++) {
        uint8_t kind = column->kinds[i];
        if (kind != VALUE_MISSING && all != VALUE_MISSING && kind != all)
            return KIND_MIXED;
        if (kind != VALUE_MISSING)
            all = kind;
    }
    return all;
}

static void put_column(struct writer *writer, const struct contact_column *column)
{
    buf_put_varint(writer->out, column->used);
    if (column->used < writer->count)
        put_presence(writer, column);
    uint8_t all = kind_of_all(column);
    buf_put_char(writer->out, (char)all);
    for (uint32_t i = 0; i < writer->count && all == KIND_MIXED; i++) {
        if (column->kinds[i] != VALUE_MISSING)
            buf_put_char(writer->out, (char)column->kinds[i]);
    }
    array_clear(&writer->strings);
    map_deinit(&writer->codes);
    for (uint32_t i = 0; i < writer->count; i++)
        put_cell(writer, column->kinds[i], column->cells[i]);
}

static void put_columns(struct writer *writer)
{
    uint32_t chunk = writer->first / CONTACTS_CHUNK, columns = 0;
    uint16_t end = contacts_attributes_end(writer->contacts), last = 0;
    for (uint32_t a = 1; a <= end; a++)
        columns += contacts_column(writer->contacts, (uint16_t)a, chunk) != NULL;
    buf_put_varint(writer->out, columns);
    for (uint32_t a = 1; a <= end; a++) {
        const struct contact_column *column = contacts_column(writer->contacts, (uint16_t)a, chunk);
        if (!column)
            continue;
        buf_put_varint(writer->out, a - last);
        put_column(writer, column);
        last = (uint16_t)a;
    }
}

static void put_journeys_of(struct writer *writer, uint32_t contact)
{
    uint32_t marks = pockets_count(&writer->contacts->journeys, contact);
    uint16_t journey = 0, last = 0;
    buf_put_varint(writer->out, marks);
    for (uint32_t k = 0; k < marks; k++, last = journey) {
        struct contact_left left;
        memcpy(&left, pockets_at(&writer->contacts->journeys, contact, k, &journey), sizeof left);
        buf_put_varint(writer->out, (uint64_t)(journey - last));
        buf_put_zigzag(writer->out, left.at_ms);
        buf_put_varint(writer->out, left.seq);
    }
}

static void put_journeys(struct writer *writer)
{
    uint32_t holders = 0, last = 0;
    for (uint32_t i = 0; i < writer->count; i++)
        holders += pockets_count(&writer->contacts->journeys, writer->first + i) > 0;
    buf_put_varint(writer->out, holders);
    for (uint32_t i = 0; i < writer->count; i++) {
        if (pockets_count(&writer->contacts->journeys, writer->first + i) == 0)
            continue;
        buf_put_varint(writer->out, i - last);
        put_journeys_of(writer, writer->first + i);
        last = i;
    }
}

void contacts_encode(const struct contacts *contacts, uint32_t chunk, struct buf *out)
{
    struct writer writer = {.contacts = contacts, .out = out, .first = chunk * CONTACTS_CHUNK};
    CHECK(writer.first < contacts->count);
    uint32_t left = contacts->count - writer.first;
    writer.count = left < CONTACTS_CHUNK ? left : CONTACTS_CHUNK;
    buf_put_varint(out, BLOCK_FORMAT);
    buf_put_varint(out, writer.count);
    for (uint32_t i = 0; i < writer.count; i++)
        buf_put_sized(out, contacts_external_id(contacts, (struct contact_id){writer.first + i}));
    for (uint32_t i = 0; i < writer.count; i++)
        buf_put_varint(out, contacts_head(contacts, (struct contact_id){writer.first + i}));
    put_journeys(&writer);
    put_columns(&writer);
    array_free(&writer.strings);
    map_deinit(&writer.codes);
}

/* ── reading: every function is false where the bytes make no sense ───────── */

struct block {
    struct contacts *contacts;
    struct reader *r;
    uint32_t chunk, first, count;
    ARRAY(struct str) strings; /* of the column under way; borrowed from the reader */
    ARRAY(struct str) list;
    const char *wrong; /* what makes no sense, once something does not */
};

static bool wrong(struct block *block, const char *what)
{
    if (!block->wrong)
        block->wrong = what;
    return false;
}

static bool read_external_ids(struct block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        struct str external_id = reader_sized(block->r);
        if (block->r->failed || external_id.size > EXTERNAL_ID_BYTES_MAX)
            return wrong(block, "an external id");
        uint64_t hash = contact_hash(external_id);
        struct contact_id found;
        bool known = contacts_find(block->contacts, external_id, hash, &found);
        bool there = block->first + i < block->contacts->count;
        if (known != there || (known && found.n != block->first + i))
            return wrong(block, "an external id that another contact has");
        if (!known)
            contacts_add(block->contacts, external_id, hash);
    }
    return true;
}

static bool read_heads(struct block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        uint64_t head = reader_varint(block->r);
        if (block->r->failed)
            return wrong(block, "a history head");
        contacts_set_head(block->contacts, (struct contact_id){block->first + i}, head);
    }
    return true;
}

static bool read_journeys_of(struct block *block, struct contact_id id)
{
    uint64_t marks = reader_varint(block->r), journey = 0;
    for (uint64_t k = 0; k < marks; k++) {
        uint64_t gap = reader_varint(block->r);
        struct contact_left left = {.at_ms = reader_zigzag(block->r)};
        left.seq = reader_varint(block->r);
        if (block->r->failed || (gap == 0 && k > 0) || gap >= UINT16_MAX || journey + gap >= UINT16_MAX)
            return wrong(block, "a journey left");
        journey += gap;
        contacts_set_left_journey(block->contacts, id, (uint16_t)journey, left);
    }
    return marks > 0 || wrong(block, "a contact without journeys among those with some");
}

static bool read_journeys(struct block *block)
{
    for (uint32_t i = 0; i < block->count; i++)
        pockets_clear(&block->contacts->journeys, block->first + i);
    uint64_t holders = reader_varint(block->r), i = 0;
    for (uint64_t h = 0; h < holders; h++) {
        uint64_t gap = reader_varint(block->r);
        if (block->r->failed || (gap == 0 && h > 0) || gap >= block->count || i + gap >= block->count)
            return wrong(block, "a contact that has left journeys");
        i += gap;
        if (!read_journeys_of(block, (struct contact_id){block->first + (uint32_t)i}))
            return false;
    }
    return true;
}

static bool read_string(struct block *block, struct str *ret)
{
    uint64_t code = reader_varint(block->r);
    if (code > block->strings.count)
        return wrong(block, "a string's code");
    if (code == 0) {
        struct str s = reader_sized(block->r);
        if (block->r->failed)
            return wrong(block, "a string");
        *array_push(&block->strings) = s;
        code = block->strings.count;
    }
    *ret = block->strings.items[code - 1];
    return true;
}

static bool read_number(struct block *block, struct value *ret)
{
    uint64_t first = reader_varint(block->r);
    if (first & 1) {
        uint64_t bits = reader_u64(block->r);
        if (first != 1)
            return wrong(block, "a number");
        memcpy(&ret->number, &bits, sizeof ret->number);
        return true;
    }
    uint64_t zigzag = first >> 1;
    ret->number = (double)((int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1));
    return true;
}

static bool read_list(struct block *block, struct value *ret)
{
    uint64_t count = reader_varint(block->r);
    array_clear(&block->list);
    if (count > LIST_BYTES_MAX / sizeof(struct str))
        return wrong(block, "a list's size");
    uint64_t bytes = count * sizeof(struct str);
    for (uint64_t i = 0; i < count; i++) {
        struct str s;
        if (!read_string(block, &s))
            return false;
        bytes += s.size;
        if (bytes > LIST_BYTES_MAX)
            return wrong(block, "a list's strings");
        *array_push(&block->list) = s;
    }
    ret->list = block->list.items;
    ret->count = (uint32_t)count;
    return true;
}

static bool read_value(struct block *block, uint8_t kind, struct value *ret)
{
    *ret = (struct value){.type = kind};
    switch (ret->type) {
    case VALUE_STRING: return read_string(block, &ret->string);
    case VALUE_NUMBER: return read_number(block, ret);
    case VALUE_BOOL: {
        struct str byte = reader_bytes(block->r, 1);
        if (block->r->failed || (uint8_t)byte.data[0] > 1)
            return wrong(block, "a boolean");
        ret->boolean = byte.data[0];
        return true;
    }
    case VALUE_INSTANT: {
        uint64_t cell = (uint64_t)reader_zigzag(block->r);
        ret->instant_ms = contacts_cell_instant(cell);
        ret->millis = cell & 1;
        return ret->instant_ms > INT64_MIN / 2 || wrong(block, "an instant");
    }
    case VALUE_LIST: return read_list(block, ret);
    case VALUE_MISSING: break;
    }
    return wrong(block, "a kind of value");
}

/* The kinds of the column's cells, VALUE_MISSING for those who have none. */
static bool read_kinds(struct block *block, uint8_t kinds[CONTACTS_CHUNK])
{
    uint64_t used = reader_varint(block->r), present = 0;
    struct str bits = STR("");
    if (used < block->count)
        bits = reader_bytes(block->r, (block->count + 7) / 8);
    struct str all = reader_bytes(block->r, 1);
    if (block->r->failed || used == 0 || used > block->count)
        return wrong(block, "a column's cells");
    for (uint32_t i = 0; i < block->count; i++) {
        kinds[i] = VALUE_MISSING;
        if (bits.size && !((uint8_t)bits.data[i / 8] >> i % 8 & 1))
            continue;
        present++;
        kinds[i] = (uint8_t)(all.data[0] ? all : reader_bytes(block->r, 1)).data[0];
        if (block->r->failed || kinds[i] == VALUE_MISSING)
            return wrong(block, "a column's kinds");
    }
    return present == used || wrong(block, "the number of a column's cells");
}

static bool read_column(struct block *block, uint16_t attribute)
{
    uint8_t kinds[CONTACTS_CHUNK];
    if (!read_kinds(block, kinds))
        return false;
    array_clear(&block->strings);
    for (uint32_t i = 0; i < block->count; i++) {
        struct value v;
        if (kinds[i] == VALUE_MISSING)
            continue;
        if (!read_value(block, kinds[i], &v))
            return false;
        if (block->r->failed)
            return wrong(block, "a value");
        contacts_set_attribute(block->contacts, (struct contact_id){block->first + i}, attribute, &v);
    }
    return true;
}

static void attributes_clear(struct block *block)
{
    const struct value missing = {.type = VALUE_MISSING};
    uint32_t chunk = block->first / CONTACTS_CHUNK, end = contacts_attributes_end(block->contacts);
    for (uint32_t a = 1; a <= end; a++) {
        for (uint32_t i = 0; i < block->count && contacts_column(block->contacts, (uint16_t)a, chunk); i++)
            contacts_set_attribute(block->contacts, (struct contact_id){block->first + i}, (uint16_t)a,
                                   &missing);
    }
}

static bool read_columns(struct block *block)
{
    attributes_clear(block);
    uint64_t columns = reader_varint(block->r), attribute = 0;
    for (uint64_t c = 0; c < columns; c++) {
        uint64_t gap = reader_varint(block->r);
        if (block->r->failed || gap == 0 || gap > UINT16_MAX || attribute + gap > UINT16_MAX)
            return wrong(block, "an attribute's number");
        attribute += gap;
        if (!read_column(block, (uint16_t)attribute))
            return false;
    }
    return !block->r->failed || wrong(block, "the columns");
}

static bool read_frame(struct block *block)
{
    if (reader_varint(block->r) != BLOCK_FORMAT)
        return wrong(block, "the block's format");
    uint64_t count = reader_varint(block->r);
    if (block->r->failed || count == 0 || count > CONTACTS_CHUNK)
        return wrong(block, "the number of contacts");
    block->count = (uint32_t)count;
    bool follows = block->contacts->count / CONTACTS_CHUNK >= block->chunk;
    return follows || wrong(block, "its place: contacts before it are missing");
}

enum err contacts_decode(struct contacts *contacts, uint32_t chunk, struct reader *r,
                         struct err_detail *detail)
{
    struct block block = {.contacts = contacts, .r = r, .chunk = chunk, .first = chunk * CONTACTS_CHUNK};
    bool sound = read_frame(&block) && read_external_ids(&block) && read_heads(&block) &&
                 read_journeys(&block) && read_columns(&block);
    array_free(&block.strings);
    array_free(&block.list);
    if (sound)
        return ERR_OK;
    return err_fail(detail, ERR_CORRUPT, "contacts",
                    "block %u of contacts is damaged at %s; restore a backup", chunk, block.wrong);
}
