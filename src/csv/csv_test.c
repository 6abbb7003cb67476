#include "csv/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/prng.h"

/* Rows as they came, as text: `number@line:[field][field];`. */
struct record {
    struct buf text;
    int refuse_row; /* its number; 0 for none */
};

static enum err take_row(void *context, const struct csv_row *row, struct err_detail *detail)
{
    struct record *record = context;
    if ((int)row->number == record->refuse_row)
        return err_fail(detail, ERR_INVALID, "/timestamp", "no instant");
    buf_printf(&record->text, "%d@%d:", (int)row->number, (int)row->line);
    for (uint32_t i = 0; i < row->count; i++) {
        buf_put_char(&record->text, '[');
        buf_put_str(&record->text, row->fields[i]);
        buf_put_char(&record->text, ']');
    }
    buf_put_char(&record->text, ';');
    return ERR_OK;
}

/* Reads the text in steps of so many bytes; what was taken stands in the record, zero-terminated. */
static enum err read_in_steps(struct str text, size_t step, struct record *record, struct err_detail *detail)
{
    struct csv_reader *reader = csv_reader_new("f.csv", take_row, record);
    buf_clear(&record->text);
    enum err err = ERR_OK;
    for (size_t at = 0; at < text.size && !err; at += step) {
        size_t left = text.size - at;
        err = csv_reader_feed(reader, (struct str){text.data + at, left < step ? left : step}, detail);
    }
    if (!err)
        err = csv_reader_finish(reader, detail);
    buf_put_char(&record->text, '\0');
    csv_reader_free(reader);
    return err;
}

static void assert_rows(struct str text, const char *expected)
{
    struct record record = {0};
    for (size_t step = 1; step <= text.size + 1; step++) {
        struct err_detail detail;
        assert_int_equal(read_in_steps(text, step, &record, &detail), ERR_OK);
        assert_string_equal(record.text.data, expected);
    }
    buf_deinit(&record.text);
}

static void rows_are_read_whatever_the_cuts(void **state)
{
    (void)state;
    assert_rows(STR(""), "");
    assert_rows(STR("a,b\n1,2\n"), "1@1:[a][b];2@2:[1][2];");
    assert_rows(STR("a,b\r\n1,2"), "1@1:[a][b];2@2:[1][2];");
    assert_rows(STR("a,,\n,\n"), "1@1:[a][][];2@2:[][];");
    assert_rows(STR("\"a,b\",\"say \"\"hi\"\"\",\"\"\n"), "1@1:[a,b][say \"hi\"][];");
    assert_rows(STR("\"two\nlines\",x\n\"three\r\n\r\nlines\"\nlast\n"),
                "1@1:[two\nlines][x];2@3:[three\r\n\r\nlines];3@6:[last];");
    assert_rows(STR("\n\na\n\r\n\nb\n\n"), "1@3:[a];2@6:[b];");
    assert_rows(STR("x\n\ry\rz\n"), "1@1:[x];2@2:[y];3@2:[z];");
    assert_rows(STR(" a , b\t\n \n"), "1@1:[ a ][ b\t];2@2:[ ];");
}

static void fields_may_hold_zero_bytes(void **state)
{
    (void)state;
    struct record record = {0};
    assert_int_equal(read_in_steps(STR("x\0y,\0\n"), 7, &record, NULL), ERR_OK);
    assert_true(str_equal((struct str){record.text.data, record.text.size}, STR("1@1:[x\0y][\0];\0")));
    buf_deinit(&record.text);
}

static void a_byte_order_mark_at_the_start_is_dropped(void **state)
{
    (void)state;
    assert_rows(STR("\xef\xbb\xbf"
                    "a,b\n"),
                "1@1:[a][b];");
    assert_rows(STR("\xef\xbb\xbf\"a\"\n"), "1@1:[a];");
    assert_rows(STR("\xef\xbb\xbf"), "");
    assert_rows(STR("\xef\xbb,b\n"), "1@1:[\xef\xbb][b];");
    assert_rows(STR("\xef"), "1@1:[\xef];");
    assert_rows(STR("a\n\xef\xbb\xbf"
                    "b\n"),
                "1@1:[a];2@2:[\xef\xbb\xbf"
                "b];");
}

static void misplaced_quotes_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *because, *rows;
    } cases[] = {
        {"a\nb\"c\n", "f.csv:2", "put the whole field in quotes", "1@1:[a];"},
        {"a\n\"b\"c\n", "f.csv:2", "put the whole field in quotes", "1@1:[a];"},
        {"a\n\"b\" ,c\n", "f.csv:2", "put the whole field in quotes", "1@1:[a];"},
        {"a\n\"b\n\nc\nd", "f.csv:2", "never closed", "1@1:[a];"},
        {"a,\"", "f.csv:1", "never closed", ""},
    };
    struct record record = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str text = str_from(cases[i].text);
        for (size_t step = 1; step <= text.size; step++) {
            struct err_detail detail;
            assert_int_equal(read_in_steps(text, step, &record, &detail), ERR_INVALID);
            assert_string_equal(detail.place, cases[i].place);
            assert_non_null(strstr(detail.text, cases[i].because));
            assert_string_equal(record.text.data, cases[i].rows);
            assert_int_equal(read_in_steps(text, step, &record, NULL), ERR_INVALID);
        }
    }
    buf_deinit(&record.text);
}

static void an_error_of_the_callback_ends_the_reading_and_stays(void **state)
{
    (void)state;
    struct record record = {.refuse_row = 3};
    struct csv_reader *reader = csv_reader_new("f.csv", take_row, &record);
    struct err_detail detail;
    assert_int_equal(csv_reader_feed(reader, STR("a\nb\n\nc\nd\n"), &detail), ERR_INVALID);
    assert_string_equal(detail.place, "f.csv:4/timestamp");
    assert_string_equal(detail.text, "no instant");
    struct err_detail again;
    assert_int_equal(csv_reader_feed(reader, STR("e\n"), &again), ERR_INVALID);
    assert_int_equal(csv_reader_finish(reader, &again), ERR_INVALID);
    assert_string_equal(again.place, detail.place);
    assert_true(str_equal(buf_str(&record.text), STR("1@1:[a];2@2:[b];")));
    csv_reader_free(reader);
    buf_deinit(&record.text);
}

static enum err count_row(void *context, const struct csv_row *row, struct err_detail *detail)
{
    (void)detail;
    size_t *bytes = context;
    for (uint32_t i = 0; i < row->count; i++)
        *bytes += row->fields[i].size;
    return ERR_OK;
}

/* The error of one row made of `count` columns of `size` bytes, quoted or not. */
static enum err read_row(size_t count, size_t size, bool quoted, size_t *ret_bytes, struct err_detail *detail)
{
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&text, i ? "," : "");
        buf_put_text(&text, quoted ? "\"" : "");
        if (size)
            memset(buf_reserve(&text, size), 'x', size);
        text.size += size;
        buf_put_text(&text, quoted ? "\"" : "");
    }
    buf_put_char(&text, '\n');
    *ret_bytes = 0;
    struct csv_reader *reader = csv_reader_new("f.csv", count_row, ret_bytes);
    enum err err = csv_reader_feed(reader, buf_str(&text), detail);
    if (!err)
        err = csv_reader_finish(reader, detail);
    csv_reader_free(reader);
    buf_deinit(&text);
    return err;
}

static void fields_rows_and_columns_have_limits(void **state)
{
    (void)state;
    struct err_detail detail;
    size_t bytes;
    assert_int_equal(read_row(1, CSV_FIELD_BYTES_MAX, false, &bytes, &detail), ERR_OK);
    assert_int_equal(bytes, CSV_FIELD_BYTES_MAX);
    assert_int_equal(read_row(1, CSV_FIELD_BYTES_MAX, true, &bytes, &detail), ERR_OK);
    assert_int_equal(read_row(1, CSV_FIELD_BYTES_MAX + 1, true, &bytes, &detail), ERR_LIMIT);
    assert_int_equal(read_row(1, CSV_FIELD_BYTES_MAX + 1, false, &bytes, &detail), ERR_LIMIT);
    assert_string_equal(detail.place, "f.csv:1");
    assert_non_null(strstr(detail.text, "1048576"));
    assert_int_equal(read_row(CSV_COLUMNS_MAX, 1, false, &bytes, &detail), ERR_OK);
    assert_int_equal(bytes, CSV_COLUMNS_MAX);
    assert_int_equal(read_row(CSV_COLUMNS_MAX + 1, 0, false, &bytes, &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "columns"));
    assert_int_equal(read_row(16, CSV_FIELD_BYTES_MAX, false, &bytes, &detail), ERR_OK);
    assert_int_equal(read_row(17, CSV_FIELD_BYTES_MAX, false, &bytes, &detail), ERR_LIMIT);
    assert_non_null(strstr(detail.text, "row has too many bytes"));
}

static void an_open_quote_does_not_eat_the_memory(void **state)
{
    (void)state;
    struct record record = {0};
    struct csv_reader *reader = csv_reader_new("f.csv", take_row, &record);
    struct err_detail detail;
    assert_int_equal(csv_reader_feed(reader, STR("id\n\"open"), &detail), ERR_OK);
    enum err err = ERR_OK;
    int fed = 0;
    while (!err && fed++ < 1000000)
        err = csv_reader_feed(reader, STR("0123456789\n"), &detail);
    assert_int_equal(err, ERR_LIMIT);
    assert_in_range(fed, CSV_FIELD_BYTES_MAX / 11, CSV_FIELD_BYTES_MAX / 11 + 2);
    assert_string_equal(detail.place, "f.csv:2");
    csv_reader_free(reader);
    buf_deinit(&record.text);
}

static void random_rows_come_back_as_they_were_written(void **state)
{
    (void)state;
    static const char letters[] = "ab,\"\n\r \xc3";
    struct prng prng = {11};
    struct buf text = {0}, expected = {0};
    struct record record = {0};
    for (int round = 0; round < 2000; round++) {
        buf_clear(&text);
        buf_clear(&expected);
        int rows = (int)prng_below(&prng, 5), line = 1;
        for (int row = 1; row <= rows; row++) {
            buf_printf(&expected, "%d@%d:", row, line);
            for (size_t column = 0, columns = 1 + prng_below(&prng, 3); column < columns; column++) {
                buf_put_text(&text, column ? ",\"" : "\"");
                buf_put_char(&expected, '[');
                for (size_t left = prng_below(&prng, 6); left; left--) {
                    char c = letters[prng_below(&prng, sizeof letters - 1)];
                    buf_put_text(&text, c == '"' ? "\"" : "");
                    buf_put_char(&text, c);
                    buf_put_char(&expected, c);
                    line += c == '\n';
                }
                buf_put_char(&text, '"');
                buf_put_char(&expected, ']');
            }
            buf_put_text(&text, prng_chance(&prng, 50) ? "\r\n" : "\n");
            buf_put_char(&expected, ';');
            line++;
        }
        buf_put_char(&expected, '\0');
        struct err_detail detail;
        assert_int_equal(read_in_steps(buf_str(&text), 1 + prng_below(&prng, 9), &record, &detail), ERR_OK);
        assert_true(str_equal(buf_str(&record.text), buf_str(&expected)));
    }
    buf_deinit(&text);
    buf_deinit(&expected);
    buf_deinit(&record.text);
}

static void headers_name_their_columns(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct str names[] = {STR("userId"), STR("event"), STR("total:number")};
    struct csv_header header;
    struct err_detail detail;
    assert_int_equal(csv_header_of_row(&(struct csv_row){names, 3, 1, 1}, &arena, &header, &detail), ERR_OK);
    names[1] = STR("gone"); /* the header has its own copy */
    uint32_t column = 9;
    assert_true(csv_header_find(&header, STR("event"), &column));
    assert_int_equal(column, 1);
    assert_true(csv_header_find(&header, STR("total:number"), &column));
    assert_int_equal(column, 2);
    assert_false(csv_header_find(&header, STR("Event"), &column));
    assert_int_equal(column, 2);
    arena_deinit(&arena);
}

static void headers_without_clear_names_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct str names[3];
        const char *because;
    } cases[] = {
        {{{"a", 1}, {"", 0}, {"c", 1}}, "column 2 has no name"},
        {{{"a", 1}, {"b", 1}, {"a", 1}}, "columns 1 and 3 are both named \"a\""},
        {{{"a", 1}, {"b", 1}, {"\xff", 1}}, "column 3 is not UTF-8"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct csv_header header = {NULL, 77};
        struct err_detail detail;
        struct csv_row row = {cases[i].names, 3, 1, 1};
        assert_int_equal(csv_header_of_row(&row, &arena, &header, &detail), ERR_INVALID);
        assert_non_null(strstr(detail.text, cases[i].because));
        assert_int_equal(header.count, 77);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_whatever_the_cuts),
        cmocka_unit_test(fields_may_hold_zero_bytes),
        cmocka_unit_test(a_byte_order_mark_at_the_start_is_dropped),
        cmocka_unit_test(misplaced_quotes_are_refused_with_their_line),
        cmocka_unit_test(an_error_of_the_callback_ends_the_reading_and_stays),
        cmocka_unit_test(fields_rows_and_columns_have_limits),
        cmocka_unit_test(an_open_quote_does_not_eat_the_memory),
        cmocka_unit_test(random_rows_come_back_as_they_were_written),
        cmocka_unit_test(headers_name_their_columns),
        cmocka_unit_test(headers_without_clear_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
