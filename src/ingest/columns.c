#include "ingest/columns.h"

#include <stdlib.h>

#include "base/spelling.h"
#include "ingest/quote.h"
#include "json/write.h"

enum column_type { COLUMN_STRING, COLUMN_NUMBER, COLUMN_BOOLEAN, COLUMN_INSTANT, COLUMN_LIST };
static const struct {
    struct str suffix;
    enum column_type type;
} suffixes[] = {{STR(":number"), COLUMN_NUMBER},
                {STR(":boolean"), COLUMN_BOOLEAN},
                {STR(":instant"), COLUMN_INSTANT},
                {STR(":list"), COLUMN_LIST}};
/* What people write instead; taken as part of a name, such a column would silently hold strings. */
static const struct {
    struct str suffix;
    const char *meant;
} slips[] = {{STR(":int"), "number"},       {STR(":integer"), "number"},    {STR(":float"), "number"},
             {STR(":double"), "number"},    {STR(":numeric"), "number"},    {STR(":decimal"), "number"},
             {STR(":num"), "number"},       {STR(":bool"), "boolean"},      {STR(":date"), "instant"},
             {STR(":datetime"), "instant"}, {STR(":timestamp"), "instant"}, {STR(":time"), "instant"},
             {STR(":array"), "list"}};

/* Columns with a meaning of their own. */
enum role { ROLE_USER_ID, ROLE_EVENT, ROLE_TIMESTAMP, ROLE_MESSAGE_ID, ROLES };
static const struct str role_names[ROLES] = {STR("userId"), STR("event"), STR("timestamp"), STR("messageId")};

/* What an import puts before the rows that it rejected: they may stay there when the file is mended. */
static const struct str remarks[] = {STR("rejectedLine"), STR("rejectedReason")};

enum { COLUMN_NONE = UINT32_MAX };

struct column { /* a property or attribute */
    struct str name;
    enum column_type type;
    uint32_t index; /* in the row */
};

struct columns {
    enum segment_form form;
    uint32_t roles[ROLES]; /* column of each; COLUMN_NONE = not there */
    uint32_t cells;        /* of every row */
    uint32_t count;
    const struct column *items; /* by name, as properties are */
};

/* The place of a cell behind `file:line`. */
static const char *place_of(struct str column, char ret_place[NAME_BYTES_MAX + 8])
{
    int size = column.size < 100 ? (int)column.size : 100;
    snprintf(ret_place, NAME_BYTES_MAX + 8, ": %.*s", size, column.data);
    return ret_place;
}

static bool str_ends(struct str s, struct str end)
{
    return s.size >= end.size && memcmp(s.data + s.size - end.size, end.data, end.size) == 0;
}

static enum err column_of(struct str header, uint32_t index, struct column *ret, struct err_detail *detail)
{
    char place[NAME_BYTES_MAX + 8];
    *ret = (struct column){header, COLUMN_STRING, index};
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        if (str_ends(header, slips[i].suffix))
            return err_fail(detail, ERR_INVALID, place_of(header, place),
                            "\"%s\" is no type of a column; head it \"%.*s:%s\"", slips[i].suffix.data + 1,
                            (int)(header.size - slips[i].suffix.size), header.data, slips[i].meant);
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (str_ends(header, suffixes[i].suffix)) {
            ret->type = suffixes[i].type;
            ret->name.size -= suffixes[i].suffix.size;
        }
    }
    return name_check(ret->name, "the column's name", place_of(header, place), detail);
}

static enum err role_missing(const struct csv_header *header, enum role role, struct err_detail *detail)
{
    struct str nearest = spelling_nearest(role_names[role], header->names, header->count);
    if (nearest.size)
        return err_fail(detail, ERR_INVALID, "", "there is no column \"%.*s\"; rename \"%.*s\"",
                        STR_ARG(role_names[role]), STR_ARG(nearest));
    return err_fail(detail, ERR_INVALID, "", "there is no column \"%.*s\"; the first line names the columns",
                    STR_ARG(role_names[role]));
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct column *)a)->name, ((const struct column *)b)->name);
}

enum err columns_of_header(const struct csv_row *row, enum segment_form form, struct arena *arena,
                           const struct columns **ret, struct err_detail *detail)
{
    struct csv_header header;
    enum err err = csv_header_of_row(row, arena, &header, detail);
    if (err)
        return err;
    struct columns *columns = arena_take(arena, sizeof *columns);
    struct column *items = arena_take_array(arena, header.count, sizeof *items);
    *columns = (struct columns){.form = form, .cells = header.count, .items = items};
    enum role roles = form == SEGMENT_EVENT ? ROLES : ROLE_USER_ID + 1;
    for (enum role role = 0; role < ROLES; role++) {
        columns->roles[role] = COLUMN_NONE;
        if (role < roles && !csv_header_find(&header, role_names[role], &columns->roles[role]) &&
            role != ROLE_MESSAGE_ID)
            return role_missing(&header, role, detail);
    }
    for (uint32_t i = 0; i < header.count; i++) {
        bool plain = true;
        for (enum role role = 0; role < ROLES; role++)
            plain = plain && columns->roles[role] != i;
        for (size_t r = 0; r < sizeof remarks / sizeof remarks[0]; r++)
            plain = plain && !str_equal(header.names[i], remarks[r]);
        if (plain && (err = column_of(header.names[i], i, &items[columns->count++], detail)))
            return err;
    }
    qsort(items, columns->count, sizeof *items, by_name);
    for (uint32_t i = 1; i < columns->count; i++) {
        if (str_equal(items[i - 1].name, items[i].name))
            return err_fail(detail, ERR_INVALID, "", "two columns are named \"%.*s\"; rename one",
                            (int)(items[i].name.size < 100 ? items[i].name.size : 100), items[i].name.data);
    }
    *ret = columns;
    return ERR_OK;
}

static struct value list_of_cell(struct str cell, struct arena *arena)
{
    uint32_t count = 1;
    for (size_t i = 0; i < cell.size; i++)
        count += cell.data[i] == ';';
    struct str *items = arena_take_array(arena, count, sizeof *items);
    size_t begin = 0, n = 0;
    for (size_t i = 0; i <= cell.size; i++) {
        if (i < cell.size && cell.data[i] != ';')
            continue;
        if (i > begin) /* `a;;b` and a `;` at the end name no item */
            items[n++] = (struct str){cell.data + begin, i - begin};
        begin = i + 1;
    }
    return (struct value){.type = VALUE_LIST, .count = (uint32_t)n, .list = items};
}

static bool boolean_of_cell(struct str cell, bool *ret)
{
    static const struct str words[2][3] = {{STR("false"), STR("0"), STR("FALSE")},
                                           {STR("true"), STR("1"), STR("TRUE")}};
    for (size_t truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < 3; i++) {
            if (str_equal(cell, words[truth][i])) {
                *ret = truth;
                return true;
            }
        }
    }
    return false;
}

/* The same value as reading the body would give. `cell` lives in the arena and is not empty. */
static enum err value_of_cell(const struct column *column, struct str cell, struct arena *arena,
                              struct value *ret, struct err_detail *detail)
{
    char place[NAME_BYTES_MAX + 8], quoted[QUOTE_BYTES];
    switch (column->type) {
    case COLUMN_STRING: *ret = value_of_string(cell); return ERR_OK;
    case COLUMN_LIST: *ret = list_of_cell(cell, arena); return ERR_OK;
    case COLUMN_NUMBER:
        ret->type = VALUE_NUMBER;
        if (str_to_double(cell, &ret->number))
            return ERR_OK;
        return err_fail(detail, ERR_INVALID, place_of(column->name, place),
                        "%s is no number; write it like 19.90", quote(cell, quoted));
    case COLUMN_BOOLEAN:
        ret->type = VALUE_BOOL;
        if (boolean_of_cell(cell, &ret->boolean))
            return ERR_OK;
        return err_fail(detail, ERR_INVALID, place_of(column->name, place), "%s is neither true nor false",
                        quote(cell, quoted));
    case COLUMN_INSTANT:
        ret->type = VALUE_INSTANT;
        if (instant_parse(cell, &ret->instant_ms)) {
            ret->millis = ret->instant_ms % SECOND_MS != 0;
            return ERR_OK;
        }
        return err_fail(detail, ERR_INVALID, place_of(column->name, place),
                        "%s is no instant; write it like 2026-01-31T10:00:00Z", quote(cell, quoted));
    }
    return ERR_OK;
}

static void write_body(const struct properties *properties, struct arena *arena, struct str *ret)
{
    struct buf out = {0};
    for (uint32_t i = 0; i < properties->count; i++) {
        buf_put_char(&out, i ? ',' : '{');
        json_write_string(properties->items[i].name, &out);
        buf_put_char(&out, ':');
        value_write_json(&properties->items[i].value, &out);
    }
    if (out.size)
        buf_put_char(&out, '}');
    *ret = arena_str(arena, buf_str(&out));
    buf_deinit(&out);
}

/* The cell of a role in the arena; empty where the column is not there. */
static struct str role_cell(const struct columns *columns, const struct csv_row *row, enum role role,
                            struct arena *arena)
{
    uint32_t index = columns->roles[role];
    return index == COLUMN_NONE ? (struct str){0} : arena_str(arena, row->fields[index]);
}

static enum err take_roles(const struct columns *columns, const struct csv_row *row, struct arena *arena,
                           struct segment *ret, struct err_detail *detail)
{
    ret->kind = columns->form == SEGMENT_EVENT ? EVENT_TRACK : EVENT_IDENTIFY;
    ret->external_id = role_cell(columns, row, ROLE_USER_ID, arena);
    ret->hash = contact_hash(ret->external_id);
    enum err err = external_id_check(ret->external_id, ": userId", detail);
    if (err || columns->form == SEGMENT_CONTACT)
        return err;
    ret->event = role_cell(columns, row, ROLE_EVENT, arena);
    err = name_check(ret->event, "the event's name", ": event", detail);
    struct str message = role_cell(columns, row, ROLE_MESSAGE_ID, arena);
    if (message.size)
        ret->message = message_hash(ret->hash, message);
    return err ? err
               : event_time_parse(role_cell(columns, row, ROLE_TIMESTAMP, arena), ": timestamp", &ret->at_ms,
                                  detail);
}

enum err columns_parse(const struct columns *columns, const struct csv_row *row, bool with_body,
                       struct arena *arena, struct segment *ret, struct err_detail *detail)
{
    if (row->count != columns->cells)
        return err_fail(detail, ERR_INVALID, "",
                        "the row has %u cells, the header %u; quote cells that hold a comma", row->count,
                        columns->cells);
    for (uint32_t i = 0; i < row->count; i++) {
        if (!str_is_utf8(row->fields[i]))
            return err_fail(detail, ERR_INVALID, "", "cell %u is not UTF-8; save the file as UTF-8", i + 1);
    }
    struct segment segment = {0};
    enum err err = take_roles(columns, row, arena, &segment, detail);
    struct property *items = arena_take_array(arena, columns->count, sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; i < columns->count && !err; i++) {
        const struct column *column = &columns->items[i];
        if (row->fields[column->index].size == 0)
            continue;
        struct str cell = arena_str(arena, row->fields[column->index]);
        items[count].name = column->name;
        err = value_of_cell(column, cell, arena, &items[count++].value, detail);
    }
    if (err)
        return err;
    segment.properties = (struct properties){items, count};
    if (with_body)
        write_body(&segment.properties, arena, &segment.body);
    *ret = segment;
    return ERR_OK;
}
