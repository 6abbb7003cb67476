#include "delivery/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/file_folder.h"
#include "json/reader.h"

/* ── lines ────────────────────────────────────────────────────────────────── */

static void a_line_says_all_of_an_activation(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    struct activation items[] = {activation_of("3-17-2-1-0", "{\"plan\":\"pro\"}"),
                                 activation_of("3-18-2-1-0", "")};
    assert_int_equal(destination_deliver(destination, items, 2, NULL), ERR_OK);
    assert_int_equal(items[0].outcome, ACTIVATION_SENT);
    assert_int_equal(items[1].outcome, ACTIVATION_SENT);
    struct buf text = folder_content(folder);
    buf_put_char(&text, 0);
    assert_string_equal(
        text.data, "{\"key\":\"3-17-2-1-0\",\"destination\":\"crm\",\"operation\":\"add\",\"journey\":\"Win "
                   "\\\"back\\\"\",\"version\":1,\"node\":\"offer\",\"contact\":\"c-1\",\"attributes\":"
                   "{\"plan\":\"pro\"},\"at\":\"1970-01-01T00:00:01Z\"}\n"
                   "{\"key\":\"3-18-2-1-0\",\"destination\":\"crm\",\"operation\":\"add\",\"journey\":\"Win "
                   "\\\"back\\\"\",\"version\":1,\"node\":\"offer\",\"contact\":\"c-1\",\"at\":"
                   "\"1970-01-01T00:00:01Z\"}\n");
    buf_deinit(&text);
    destination_close(destination);
}

static void a_line_over_the_limit_fails_alone(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    char *huge = attributes_of(FILE_LINE_BYTES_MAX);
    struct activation items[] = {activation_of("a", ""), activation_of("b", huge), activation_of("c", "")};
    assert_int_equal(destination_deliver(destination, items, 3, NULL), ERR_OK);
    assert_int_equal(items[0].outcome, ACTIVATION_SENT);
    assert_int_equal(items[1].outcome, ACTIVATION_FAILED);
    assert_non_null(strstr(items[1].reason, "8 MiB"));
    assert_int_equal(items[2].outcome, ACTIVATION_SENT);
    folder_assert_keys(folder, "a c ");
    free(huge);
    destination_close(destination);
}

/* Three lines of 0.4 MiB, one of 3 MiB: written in three runs, each looked over whole when it is torn. */
static void long_lines_are_sent_in_several_syncs(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    char *attributes = attributes_of(400 << 10), *longest = attributes_of(3 << 20);
    struct activation items[] = {activation_of("a", attributes), activation_of("b", attributes),
                                 activation_of("c", attributes), activation_of("d", longest)};
    assert_int_equal(destination_deliver(destination, items, 4, NULL), ERR_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(items[i].outcome, ACTIVATION_SENT);
    folder_assert_keys(folder, "a b c d ");
    assert_true(has_key(destination, "a") && has_key(destination, "d") && !has_key(destination, "e"));
    destination_close(destination);
    struct stat at;
    assert_int_equal(stat(folder->file, &at), 0);
    assert_int_equal(truncate(folder->file, at.st_size - 1), 0);
    destination_close(folder_open(folder));
    folder_assert_keys(folder, "a b c ");
    free(attributes);
    free(longest);
}

static void a_reopened_file_is_gone_on_with(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"1-1-0-1-0", "1-2-0-1-0", NULL});
    destination_close(destination);
    destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"1-3-0-1-0", NULL});
    folder_assert_keys(folder, "1-1-0-1-0 1-2-0-1-0 1-3-0-1-0 ");
    assert_true(has_key(destination, "1-2-0-1-0"));
    assert_false(has_key(destination, "1-2-0-1"));
    assert_false(has_key(destination, "1-4-0-1-0"));
    destination_close(destination);
}

/* Lines cross the edges of what is read at once. */
static void keys_are_found_in_a_long_file(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    enum { COUNT = 12000 };
    static char names[COUNT][24];
    static struct str keys[COUNT];
    static bool has[COUNT];
    struct activation *items = memory_take_zeroed(COUNT, sizeof *items);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "0-%zu-1-1-0", i);
        keys[i] = str_from(names[i]);
        items[i] = activation_of(names[i], "{\"city\":\"Köln\"}");
    }
    for (size_t i = 0; i < COUNT; i++)
        items[i].operation = i % 3 ? STR("add") : STR("remove");
    assert_int_equal(destination_deliver(destination, items, COUNT / 2, NULL), ERR_OK);
    assert_int_equal(destination_has(destination, keys, COUNT, has, NULL), ERR_OK);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(has[i], i < COUNT / 2);
    free(items);
    destination_close(destination);
}

/* ── what others do ───────────────────────────────────────────────────────── */

static void what_is_not_ours_is_refused_and_left_alone(void **state)
{
    struct folder *folder = *state;
    const struct str others[] = {
        STR("root:x:0:0:root:/root:/bin/bash\n"), STR("{\"name\":1}\n"), STR("\n"), {"\0\0\0\0\1\2\3\n", 8}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        folder_put(folder, others[i].data, others[i].size);
        struct destination_settings settings = folder_settings(folder->file);
        struct destination *destination;
        struct err_detail detail = {0};
        assert_int_equal(destination_open(&settings, &destination, &detail), ERR_REFUSED);
        assert_string_equal(detail.place, folder->file);
        struct buf text = folder_content(folder);
        assert_int_equal(text.size, others[i].size);
        assert_memory_equal(text.data, others[i].data, text.size);
        buf_deinit(&text);
    }
}

static void a_line_that_none_of_ours_can_be_is_refused(void **state)
{
    struct folder *folder = *state;
    struct destination_settings settings = folder_settings(folder->file);
    struct destination *destination;
    struct err_detail detail = {0};
    folder_put(folder, "{\"key\":\"", 8);
    assert_int_equal(truncate(folder->file, (off_t)JSON_TEXT_BYTES_MAX * 3), 0);
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_REFUSED);
    assert_non_null(strstr(detail.text, "last line"));
}

static void a_line_that_stands_twice_counts_once(void **state)
{
    struct folder *folder = *state;
    char *blanks = attributes_of(1 << 20);
    struct buf lines = {0};
    buf_put_text(&lines, "{\"key\":\"a\"}\n{\"key\":\"a\"}\n");
    buf_printf(&lines, "{\"key\":\"c\",\"attributes\":%s}\n{\"key\":\"b\"}\n", blanks);
    folder_put(folder, lines.data, lines.size);
    buf_deinit(&lines);
    free(blanks);
    struct destination *destination = folder_open(folder);
    const struct str keys[] = {STR("a"), STR("b")};
    bool has[2];
    assert_int_equal(destination_has(destination, keys, 2, has, NULL), ERR_OK);
    assert_true(has[0] && has[1]);
    destination_close(destination);
}

static void what_cannot_be_a_file_is_refused(void **state)
{
    struct folder *folder = *state;
    struct destination *destination;
    struct err_detail detail = {0};
    struct destination_settings settings = folder_settings(folder->file);
    assert_int_equal(mkfifo(folder->file, 0600), 0);
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_REFUSED);
    assert_non_null(strstr(detail.text, "regular file"));
    unlink(folder->file);
    settings = folder_settings(folder->path);
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_IO);
    assert_non_null(strstr(detail.text, "directory"));
    settings = folder_settings("/nowhere/at/all");
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_IO);
    assert_string_equal(detail.place, "/nowhere/at");
}

static enum err open_inside(const char *path, const char *root, struct err_detail *detail)
{
    struct destination_settings settings = folder_settings(path);
    struct destination *destination;
    settings.file.root = str_from(root);
    enum err err = destination_open(&settings, &destination, detail);
    if (!err)
        destination_close(destination);
    return err;
}

static void a_link_leads_nowhere_that_may_not_be_written(void **state)
{
    struct folder *folder = *state;
    struct err_detail detail = {0};
    char inner[80], file[112], link[112];
    snprintf(inner, sizeof inner, "%s/in", folder->path);
    snprintf(file, sizeof file, "%s/crm", inner);
    snprintf(link, sizeof link, "%s/out", inner);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(open_inside(file, inner, &detail), ERR_OK);
    assert_int_equal(open_inside(folder->file, inner, &detail), ERR_REFUSED); /* a neighbour */
    assert_int_not_equal(access(folder->file, F_OK), 0);
    assert_int_equal(symlink(folder->file, link), 0); /* the file itself */
    assert_int_equal(open_inside(link, inner, &detail), ERR_REFUSED);
    assert_non_null(strstr(detail.text, "symbolic link"));
    assert_int_not_equal(access(folder->file, F_OK), 0);
    unlink(link);
    assert_int_equal(symlink(folder->path, link), 0); /* a directory on the way */
    snprintf(link, sizeof link, "%s/out/crm.ndjson", inner);
    assert_int_equal(open_inside(link, inner, &detail), ERR_REFUSED);
    assert_non_null(strstr(detail.text, "symbolic link"));
    assert_int_not_equal(access(folder->file, F_OK), 0);
    snprintf(link, sizeof link, "%s/out", inner);
    unlink(link);
    assert_int_equal(symlink(inner, link), 0); /* one that leads back inside does no harm */
    snprintf(link, sizeof link, "%s/out/crm.ndjson", inner);
    assert_int_equal(open_inside(link, inner, &detail), ERR_OK);
    unlink(link);
    snprintf(link, sizeof link, "%s/out", inner);
    unlink(link);
    unlink(file);
    rmdir(inner);
}

static void a_file_has_one_writer(void **state)
{
    struct folder *folder = *state;
    struct destination *first = folder_open(folder), *second;
    struct destination_settings settings = folder_settings(folder->file);
    struct err_detail detail = {0};
    assert_int_equal(destination_open(&settings, &second, &detail), ERR_BUSY);
    destination_close(first);
    destination_close(folder_open(folder));
}

static void a_file_taken_away_is_begun_anew(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    char other[128];
    snprintf(other, sizeof other, "%s/crm.1", folder->path);
    assert_int_equal(rename(folder->file, other), 0);
    deliver_keys(destination, (const char *const[]){"b", NULL});
    folder_assert_keys(folder, "b ");
    assert_int_equal(unlink(folder->file), 0);
    deliver_keys(destination, (const char *const[]){"c", NULL});
    folder_assert_keys(folder, "c ");
    assert_false(has_key(destination, "b"));
    destination_close(destination);
}

static void add_content(const struct folder *folder, const char *text)
{
    int fd = open(folder->file, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void a_file_that_others_touched_is_looked_over(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    add_content(folder, "hello\n");
    deliver_keys(destination, (const char *const[]){"b", NULL});
    folder_assert_keys(folder, "a b ");
    assert_int_equal(truncate(folder->file, 0), 0);
    deliver_keys(destination, (const char *const[]){"c", NULL});
    folder_assert_keys(folder, "c ");
    destination_close(destination);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_line_says_all_of_an_activation),
        IN_A_FOLDER(a_line_over_the_limit_fails_alone),
        IN_A_FOLDER(long_lines_are_sent_in_several_syncs),
        IN_A_FOLDER(a_reopened_file_is_gone_on_with),
        IN_A_FOLDER(keys_are_found_in_a_long_file),
        IN_A_FOLDER(what_is_not_ours_is_refused_and_left_alone),
        IN_A_FOLDER(a_line_that_none_of_ours_can_be_is_refused),
        IN_A_FOLDER(a_line_that_stands_twice_counts_once),
        IN_A_FOLDER(what_cannot_be_a_file_is_refused),
        IN_A_FOLDER(a_link_leads_nowhere_that_may_not_be_written),
        IN_A_FOLDER(a_file_has_one_writer),
        IN_A_FOLDER(a_file_taken_away_is_begun_anew),
        IN_A_FOLDER(a_file_that_others_touched_is_looked_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
