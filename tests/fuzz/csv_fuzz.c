/* The first byte says in which steps the rest is fed: rows and error must not depend on it. */
#include "base/buf.h"
#include "base/check.h"
#include "csv/csv.h"
#include "fuzz.h"

static enum err take_row(void *context, const struct csv_row *row, struct err_detail *detail)
{
    struct buf *rows = context;
    (void)detail;
    buf_put_varint(rows, row->number);
    buf_put_varint(rows, row->line);
    for (uint32_t i = 0; i < row->count; i++)
        buf_put_sized(rows, row->fields[i]);
    return ERR_OK;
}

static enum err read_in_steps(struct str text, size_t step, struct buf *rows, struct err_detail *detail)
{
    struct csv_reader *reader = csv_reader_new("f", take_row, rows);
    enum err err = ERR_OK;
    for (size_t at = 0; at < text.size && !err; at += step) {
        size_t left = text.size - at;
        err = csv_reader_feed(reader, (struct str){text.data + at, left < step ? left : step}, detail);
    }
    if (!err)
        err = csv_reader_finish(reader, detail);
    csv_reader_free(reader);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    struct buf whole = {0}, stepped = {0};
    struct err_detail whole_detail = {"", ""}, stepped_detail = {"", ""};
    enum err err = read_in_steps(text, text.size, &whole, &whole_detail);
    CHECK(err == read_in_steps(text, 1 + data[0] % 16u, &stepped, &stepped_detail));
    CHECK(strcmp(whole_detail.place, stepped_detail.place) == 0);
    CHECK(strcmp(whole_detail.text, stepped_detail.text) == 0);
    CHECK(str_equal(buf_str(&whole), buf_str(&stepped)));
    buf_deinit(&whole);
    buf_deinit(&stepped);
    return 0;
}
