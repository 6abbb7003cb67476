#include "ingest/files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "partition/partition.h"
#include "store/memory/store_memory.h"

struct bench {
    char folder[64], path[128];
    struct arena arena;
    struct store *store;
    struct binding binding;
};

static int set_up(void **state)
{
    struct bench *bench = memory_take_zeroed(1, sizeof *bench);
    snprintf(bench->folder, sizeof bench->folder, "/tmp/sojourn-files-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    bench->store = store_memory_new(4);
    assert_int_equal(control_open(bench->store, false, &bench->binding.control, NULL), ERR_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    unlink(bench->path);
    rmdir(bench->folder);
    arena_deinit(&bench->arena);
    control_close(bench->binding.control);
    store_close(bench->store);
    free(bench);
    return 0;
}

static const char *write_file(struct bench *bench, const char *name, struct str bytes)
{
    unlink(bench->path);
    snprintf(bench->path, sizeof bench->path, "%s/%s", bench->folder, name);
    FILE *out = fopen(bench->path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, out), bytes.size);
    fclose(out);
    return bench->path;
}

static struct file *opened(struct bench *bench, const char *name, enum file_kind kind, const char *text)
{
    struct file *file = NULL;
    struct err_detail detail = {0};
    if (file_open(write_file(bench, name, str_from(text)), kind, &file, &detail))
        fail_msg("%s: %s", detail.place, detail.text);
    return file;
}

static struct record record_at(struct bench *bench, struct file *file, size_t index)
{
    struct record record;
    struct err_detail detail = {0};
    assert_true(index < file_count(file));
    if (file_record(file, file_entry_get(file, index), 0, &bench->binding, &bench->arena, &record, &detail))
        fail_msg("%s: %s", detail.place, detail.text);
    return record;
}

static void assert_text(struct str have, const char *expected)
{
    if (!str_equal(have, str_from(expected)))
        fail_msg("have \"%.*s\", expected \"%s\"", STR_ARG(have), expected);
}

static void assert_order(struct bench *bench, struct file *file, const char *contacts)
{
    assert_int_equal(file_count(file), strlen(contacts));
    for (size_t i = 0; contacts[i]; i++)
        assert_text(record_at(bench, file, i).external_id, (char[]){contacts[i], '\0'});
}

#define LINE(user, time) "{\"userId\":\"" user "\",\"event\":\"E\",\"timestamp\":\"" time "\"}"

static void records_come_in_order_of_time_and_then_of_the_file(void **state)
{
    struct file *file =
        opened(*state, "e.ndjson", FILE_EVENTS,
               LINE("c", "2026-01-03") "\n" LINE("a", "1970-01-01") "\n" LINE("d", "2026-01-03") "\n" LINE(
                   "e", "2099-12-31T23:59:59.999Z") "\n" LINE("b", "2026-01-02T23:59:59.999Z") "\n");
    assert_order(*state, file, "abcde");
    file_close(file);
    file = opened(*state, "e.csv", FILE_EVENTS,
                  "userId,event,timestamp\nc,E,2026-01-03\na,E,2026-01-01\nd,E,2026-01-03\n");
    assert_order(*state, file, "acd");
    file_close(file);
}

/* A multiset of random instants against the definition: sorted, and equal ones as they stood. */
static void any_order_of_many_records_is_sorted_stably(void **state)
{
    enum { RECORDS = 20000 };
    struct prng prng = {7};
    struct buf text = {0};
    for (int i = 0; i < RECORDS; i++) {
        char at[32];
        instant_print((int64_t)prng_below(&prng, 300) * (INSTANT_END / 300), true, at);
        buf_printf(&text, "{\"userId\":\"%d\",\"event\":\"E\",\"timestamp\":\"%s\"}\n", i, at);
    }
    struct bench *bench = *state;
    struct file *file;
    struct err_detail detail;
    assert_int_equal(file_open(write_file(bench, "many.ndjson", buf_str(&text)), FILE_EVENTS, &file, &detail),
                     ERR_OK);
    assert_int_equal(file_count(file), RECORDS);
    for (size_t i = 1; i < RECORDS; i++) {
        const struct file_entry *before = file_entry_get(file, i - 1), *entry = file_entry_get(file, i);
        assert_true(before->at_ms < entry->at_ms ||
                    (before->at_ms == entry->at_ms && before->offset < entry->offset));
    }
    for (size_t i = 0; i < RECORDS; i += 997) {
        struct record record = record_at(bench, file, i);
        assert_int_equal(record.at_ms, file_entry_get(file, i)->at_ms);
        assert_int_equal(file_partition(file_entry_get(file, i), 16), partition_of(record.hash, 16));
    }
    file_close(file);
    buf_deinit(&text);
}

static void line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(void **state)
{
    static const char *const ndjson[] = {
        LINE("a", "2026-01-01") "\n" LINE("b", "2026-01-02") "\n",
        LINE("a", "2026-01-01") "\n" LINE("b", "2026-01-02"),
        LINE("a", "2026-01-01") "\r\n\r\n" LINE("b", "2026-01-02") "\r\n",
        "\xef\xbb\xbf" LINE("a", "2026-01-01") "\n \t\n\n" LINE("b", "2026-01-02") "\n\n\n"};
    for (size_t i = 0; i < sizeof ndjson / sizeof ndjson[0]; i++) {
        struct file *file = opened(*state, "e.ndjson", FILE_EVENTS, ndjson[i]);
        assert_order(*state, file, "ab");
        file_close(file);
    }
    static const char *const csv[] = {
        "userId,event,timestamp\na,E,2026-01-01\nb,E,2026-01-02\n",
        "userId,event,timestamp\na,E,2026-01-01\nb,E,2026-01-02",
        "userId,event,timestamp\r\na,E,2026-01-01\r\n\r\nb,E,2026-01-02\r\n",
        "userId,event,timestamp\ra,E,2026-01-01\rb,E,2026-01-02\r",
        "\xef\xbb\xbfuserId,event,timestamp\n\n\na,E,2026-01-01\nb,E,2026-01-02\n\n"};
    for (size_t i = 0; i < sizeof csv / sizeof csv[0]; i++) {
        struct file *file = opened(*state, "e.csv", FILE_EVENTS, csv[i]);
        assert_order(*state, file, "ab");
        file_close(file);
    }
}

static void a_csv_cell_may_hold_line_breaks_quotes_and_commas(void **state)
{
    struct file *file = opened(
        *state, "e.csv", FILE_EVENTS,
        "note,userId,event,timestamp\n\"one\ntwo, \"\"three\"\"\n\",a,E,2026-01-01\n,b,E,2026-01-02\n");
    struct record record = record_at(*state, file, 0);
    assert_text(record.body, "{\"note\":\"one\\ntwo, \\\"three\\\"\\n\"}");
    assert_text(record_at(*state, file, 1).body, "");
    assert_text(record_at(*state, file, 0).body,
                "{\"note\":\"one\\ntwo, \\\"three\\\"\\n\"}"); /* in any order */
    file_close(file);
}

static void a_column_is_text_unless_its_name_says_otherwise(void **state)
{
    struct bench *bench = *state;
    struct file *file =
        opened(bench, "e.csv", FILE_EVENTS,
               "userId,event,timestamp,zip,total:number,gift:boolean,paid:instant,tags:list,when\n"
               "a,E,2026-01-01,01234,1e2,true,2026-01-31,red;;dark blue;,2026-01-31T10:00:00Z\n"
               "b,E,2026-01-01,,,,,,\n");
    struct record record = record_at(bench, file, 0);
    assert_text(
        record.body,
        "{\"gift\":true,\"paid\":\"2026-01-31T00:00:00Z\",\"tags\":[\"red\",\"dark blue\"],\"total\":100,"
        "\"when\":\"2026-01-31T10:00:00Z\",\"zip\":\"01234\"}");
    assert_text(record_at(bench, file, 1).body, "");
    assert_int_equal(record_at(bench, file, 1).properties.count, 0);
    /* the flat form is what reading the body again gives */
    struct json_reader *reader = json_reader_new();
    struct properties again;
    assert_int_equal(properties_parse(reader, record.body, &bench->arena, &again, NULL), ERR_OK);
    assert_int_equal(again.count, record.properties.count);
    for (uint32_t i = 0; i < again.count; i++) {
        assert_true(str_equal(again.items[i].name, record.properties.items[i].name));
        assert_true(value_equal(&again.items[i].value, &record.properties.items[i].value));
    }
    json_reader_free(reader);
    file_close(file);
}

static void contacts_are_read_from_either_form(void **state)
{
    struct bench *bench = *state;
    static const char *const forms[][2] = {
        {"c.csv", "userId,plan,score:number\na,pro,3\n"},
        {"c.ndjson", "{\"userId\":\"a\",\"traits\":{\"plan\":\"pro\",\"score\":3}}\n"},
        {"people", "userId,plan,score:number\na,pro,3\n"},
        {"people",
         "\n {\"type\":\"identify\",\"userId\":\"a\",\"traits\":{\"plan\":\"pro\",\"score\":3}}\n"}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct file *file = opened(bench, forms[i][0], FILE_CONTACTS, forms[i][1]);
        struct record record;
        assert_int_equal(
            file_record(file, file_entry_get(file, 0), 1234, &bench->binding, &bench->arena, &record, NULL),
            ERR_OK);
        assert_int_equal(record.kind, EVENT_IDENTIFY);
        assert_int_equal(record.at_ms, 1234);
        assert_text(record.external_id, "a");
        assert_text(record.body, "{\"plan\":\"pro\",\"score\":3}");
        assert_int_equal(record.trait_count, 2);
        assert_int_equal(record.traits[0].attribute,
                         names_find(control_names(bench->binding.control), NAME_ATTRIBUTE, STR("plan")));
        file_close(file);
    }
}

static void a_message_id_of_a_contact_is_taken_once(void **state)
{
    struct file *file = opened(*state, "e.csv", FILE_EVENTS,
                               "userId,event,timestamp,messageId\na,E,2026-01-05,m1\nb,E,2026-01-06,m1\n"
                               "a,E,2026-01-01,m1\nc,E,2026-01-07,\nc,E,2026-01-07,\n");
    assert_order(*state, file, "abcc");
    assert_int_equal(file_duplicates(file), 1);
    file_close(file);
}

static void a_file_without_records_is_empty(void **state)
{
    struct file *file = opened(*state, "e.ndjson", FILE_EVENTS, "");
    assert_int_equal(file_count(file), 0);
    file_close(file);
    file = opened(*state, "e.csv", FILE_EVENTS, "userId,event,timestamp\n");
    assert_int_equal(file_count(file), 0);
    file_close(file);
}

static void a_pipe_is_read_like_a_file(void **state)
{
    struct bench *bench = *state;
    int ends[2];
    const struct str text = STR("userId,event,timestamp\na,E,2026-01-01\n");
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text.data, text.size), text.size);
    close(ends[1]);
    char path[64];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    struct file *file;
    assert_int_equal(file_open(path, FILE_EVENTS, &file, NULL), ERR_OK);
    assert_order(bench, file, "a");
    file_close(file);
    close(ends[0]);
}

static void a_file_that_changed_meanwhile_is_noticed(void **state)
{
    struct bench *bench = *state;
    struct file *file =
        opened(bench, "e.ndjson", FILE_EVENTS, LINE("a", "2026-01-01") "\n" LINE("b", "2026-01-02") "\n");
    int fd = open(bench->path, O_WRONLY);
    assert_int_equal(pwrite(fd, "{\"userId\":\"X", 12, 0), 12);
    close(fd);
    struct record record;
    struct err_detail detail;
    assert_int_equal(
        file_record(file, file_entry_get(file, 0), 0, &bench->binding, &bench->arena, &record, &detail),
        ERR_IO);
    assert_non_null(strstr(detail.text, "has been changed"));
    file_close(file);
}

static void digests_tell_files_apart(void **state)
{
    char digests[3][33];
    static const char *const texts[] = {"userId,plan\na,b\n", "userId,plan\na,c\n", "userId,plan\na,b\n"};
    for (size_t i = 0; i < 3; i++) {
        struct file *file = opened(*state, "c.csv", FILE_CONTACTS, texts[i]);
        file_digest(file, digests[i]);
        file_close(file);
    }
    assert_string_equal(digests[0], digests[2]);
    assert_string_not_equal(digests[0], digests[1]);
}

struct refusal {
    const char *name, *text, *place, *part;
};

static const struct refusal refusals[] = {
    {"e.ndjson", LINE("a", "2026-01-01") "\n\n" LINE("a", "9999-01-01") "\n", "e.ndjson:3: /timestamp",
     "1970 to 2099"},
    {"e.ndjson", LINE("a", "2026-01-01") "\n{\"userId\"\n", "e.ndjson:2", ""},
    {"e.ndjson", "[{}]", "e.ndjson", "one object a line"},
    {"e.csv", "", "e.csv", "is empty"},
    {"e.csv", "userId,event,timestamp\na,E,2026-01-01,x\n", "e.csv:2", "has 4 cells, the header 3"},
    {"e.csv", "userId,event,timestamp\na,E\n", "e.csv:2", "has 2 cells"},
    {"e.csv", "userId,event,timestamp\na,E,soon\n", "e.csv:2: timestamp", "is no instant"},
    {"e.csv", "userId,event,timestamp\n,E,2026-01-01\n", "e.csv:2: userId", "empty"},
    {"e.csv", "userId,event,timestamp\na,,2026-01-01\n", "e.csv:2: event", "empty"},
    {"e.csv", "userId,event,timestamp,x:number\na,E,2026-01-01,\"1,5\"\n", "e.csv:2: x",
     "\"1,5\" is no number"},
    {"e.csv", "userId,event,timestamp,x:number\na,E,2026-01-01,nan\n", "e.csv:2: x", "is no number"},
    {"e.csv", "userId,event,timestamp,x:boolean\na,E,2026-01-01,yes\n", "e.csv:2: x",
     "neither true nor false"},
    {"e.csv", "userId,event,timestamp,x:instant\na,E,2026-01-01,5\n", "e.csv:2: x", "is no instant"},
    {"e.csv", "userId,event,timestamp,x\na,E,2026-01-01,\xff\n", "e.csv:2", "not UTF-8"},
    {"e.csv", "userId,event,timestamp,x\na,E,2026-01-01,\"\nb\n", "e.csv:2", "never closed"},
    {"e.csv", "userId,event,timestamp,x:int\n", "e.csv:1: x:int", "x:number"},
    {"e.csv", "userId,event,timestamp,x,x:number\n", "e.csv:1", "two columns are named \"x\""},
    {"e.csv", "user_id,event,timestamp\n", "e.csv:1", "rename \"user_id\""},
    {"e.csv", "userId,event,total\n", "e.csv:1", "no column \"timestamp\""},
};

static void the_first_bad_line_is_refused_with_its_place(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        struct file *file = NULL;
        struct err_detail detail = {0};
        enum err err = file_open(write_file(bench, r->name, str_from(r->text)), FILE_EVENTS, &file, &detail);
        const char *place = detail.place + strlen(bench->folder) + 1;
        if (err != ERR_INVALID || strcmp(place, r->place) != 0 || !strstr(detail.text, r->part))
            fail_msg("%s\n  gives %s, \"%s\": %s", r->text, err_name(err), detail.place, detail.text);
        assert_null(file);
    }
}

static void a_path_that_cannot_be_read_is_refused(void **state)
{
    struct bench *bench = *state;
    struct file *file;
    struct err_detail detail;
    assert_int_equal(file_open("/nowhere/e.csv", FILE_EVENTS, &file, &detail), ERR_NOT_FOUND);
    assert_string_equal(detail.place, "/nowhere/e.csv");
    assert_int_equal(file_open(bench->folder, FILE_EVENTS, &file, &detail), ERR_INVALID);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_come_in_order_of_time_and_then_of_the_file),
        CASE(any_order_of_many_records_is_sorted_stably),
        CASE(line_ends_blank_lines_and_a_byte_order_mark_do_not_matter),
        CASE(a_csv_cell_may_hold_line_breaks_quotes_and_commas),
        CASE(a_column_is_text_unless_its_name_says_otherwise),
        CASE(contacts_are_read_from_either_form),
        CASE(a_message_id_of_a_contact_is_taken_once),
        CASE(a_file_without_records_is_empty),
        CASE(a_pipe_is_read_like_a_file),
        CASE(a_file_that_changed_meanwhile_is_noticed),
        CASE(digests_tell_files_apart),
        CASE(the_first_bad_line_is_refused_with_its_place),
        CASE(a_path_that_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
