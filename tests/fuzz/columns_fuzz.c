/* A CSV file of events (or, by the first byte, of contacts): what is kept of a row says the same as what
 * rules see. */
#include "base/check.h"
#include "fuzz.h"
#include "ingest/columns.h"

struct table {
    enum segment_form form;
    const struct columns *columns;
    struct arena header, row;
    struct json_reader *reader;
};

static void check_row(struct table *table, const struct segment *segment)
{
    struct properties again = {0};
    CHECK(str_is_utf8(segment->external_id) && segment->external_id.size >= 1);
    CHECK(table->form == SEGMENT_CONTACT || instant_is_operational(segment->at_ms));
    CHECK((segment->body.size == 0) == (segment->properties.count == 0));
    if (segment->body.size)
        CHECK(properties_parse(table->reader, segment->body, &table->row, &again, NULL) == ERR_OK);
    CHECK(again.count == segment->properties.count);
    for (uint32_t i = 0; i < again.count; i++) {
        CHECK(str_equal(again.items[i].name, segment->properties.items[i].name));
        CHECK(value_equal(&again.items[i].value, &segment->properties.items[i].value));
    }
}

static enum err take_row(void *context, const struct csv_row *row, struct err_detail *detail)
{
    struct table *table = context;
    if (!table->columns)
        return columns_of_header(row, table->form, &table->header, &table->columns, detail);
    struct segment segment;
    arena_reset(&table->row);
    enum err err = columns_parse(table->columns, row, true, &table->row, &segment, detail);
    if (!err)
        check_row(table, &segment);
    return ERR_OK; /* the next row may be worth a look though this one is not */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct table table = {.form = data[0] % 2 ? SEGMENT_CONTACT : SEGMENT_EVENT, .reader = json_reader_new()};
    struct csv_reader *csv = csv_reader_new("f", take_row, &table);
    struct err_detail detail = {"", ""};
    enum err err = csv_reader_feed(csv, (struct str){(const char *)data + 1, size - 1}, &detail);
    if (!err)
        err = csv_reader_finish(csv, &detail);
    CHECK(!err || detail.text[0]);
    csv_reader_free(csv);
    arena_deinit(&table.header);
    arena_deinit(&table.row);
    json_reader_free(table.reader);
    return 0;
}
