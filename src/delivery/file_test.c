#include "delivery/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h needs what is above */
#include <cmocka.h>

#include "base/array.h"
#include "base/prng.h"
#include "delivery/file_lines.h"

struct folder {
    char path[64], file[96];
};

static int make_folder(void **state)
{
    struct folder *folder = memory_take_zeroed(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/sojourn-file-XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->file, sizeof folder->file, "%s/crm.ndjson", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    char other[128];
    snprintf(other, sizeof other, "%s/crm.1", folder->path);
    unlink(other);
    unlink(folder->file);
    rmdir(folder->path);
    free(folder);
    return 0;
}

static struct destination_settings settings_of(const char *path)
{
    struct destination_settings settings = {.name = STR("crm"), .kind = DESTINATION_FILE};
    settings.file.path = str_from(path);
    return settings;
}

static struct destination *opened(const struct folder *folder)
{
    struct destination_settings settings = settings_of(folder->file);
    struct destination *destination;
    struct err_detail detail = {0};
    enum err err = destination_open(&settings, &destination, &detail);
    if (err)
        fail_msg("%s: %s", detail.place, detail.text);
    return destination;
}

static struct activation activation_of(const char *key, const char *attributes)
{
    return (struct activation){.key = str_from(key),
                               .operation = STR("add"),
                               .journey = STR("Win \"back\""),
                               .node = STR("offer"),
                               .contact = STR("c-1"),
                               .attributes = str_from(attributes),
                               .version = 1,
                               .at_ms = 1000};
}

static enum err deliver_one(struct destination *destination, const char *key, struct activation *ret)
{
    struct err_detail detail = {0};
    *ret = activation_of(key, "");
    return destination_deliver(destination, ret, 1, &detail);
}

static void deliver_keys(struct destination *destination, const char *const *keys)
{
    for (; *keys; keys++) {
        struct activation item;
        assert_int_equal(deliver_one(destination, *keys, &item), ERR_OK);
        assert_int_equal(item.outcome, ACTIVATION_SENT);
    }
}

static struct buf content_of(const struct folder *folder)
{
    struct buf text = {0};
    char bytes[4096];
    int fd = open(folder->file, O_RDONLY);
    assert_true(fd >= 0);
    for (ssize_t count; (count = read(fd, bytes, sizeof bytes)) > 0;)
        buf_put(&text, bytes, (size_t)count);
    close(fd);
    return text;
}

static void put_content(const struct folder *folder, const void *bytes, size_t size)
{
    int fd = open(folder->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void add_content(const struct folder *folder, const char *text)
{
    int fd = open(folder->file, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* The keys of the file's lines in order, each followed by a space; every line must be whole. */
static void assert_keys(const struct folder *folder, const char *wanted)
{
    struct buf text = content_of(folder), keys = {0};
    struct str rest = buf_str(&text);
    while (rest.size) {
        const char *newline = memchr(rest.data, '\n', rest.size);
        assert_non_null(newline);
        size_t size = (size_t)(newline - rest.data);
        assert_true(size > 10 && newline[-1] == '}' && !memchr(rest.data, 0, size));
        const char *quote = memchr(rest.data + 8, '"', size - 8);
        buf_put(&keys, rest.data + 8, (size_t)(quote - rest.data) - 8);
        buf_put_char(&keys, ' ');
        rest.data += size + 1;
        rest.size -= size + 1;
    }
    buf_put_char(&keys, 0);
    assert_string_equal(keys.data, wanted);
    buf_deinit(&text);
    buf_deinit(&keys);
}

static bool has_key(struct destination *destination, const char *key)
{
    struct str text = str_from(key);
    bool has;
    assert_int_equal(destination_has(destination, &text, 1, &has, NULL), ERR_OK);
    return has;
}

/* ── lines ────────────────────────────────────────────────────────────────── */

static void a_line_says_all_of_an_activation(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    struct activation items[] = {activation_of("3-17-2-1-0", "{\"plan\":\"pro\"}"),
                                 activation_of("3-18-2-1-0", "")};
    assert_int_equal(destination_deliver(destination, items, 2, NULL), ERR_OK);
    assert_int_equal(items[0].outcome, ACTIVATION_SENT);
    assert_int_equal(items[1].outcome, ACTIVATION_SENT);
    struct buf text = content_of(folder);
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
    struct destination *destination = opened(folder);
    char *huge = memory_take(FILE_LINE_BYTES_MAX + 1);
    memset(huge, ' ', FILE_LINE_BYTES_MAX);
    memcpy(huge, "{", 1);
    memcpy(huge + FILE_LINE_BYTES_MAX - 1, "}", 2);
    struct activation items[] = {activation_of("a", ""), activation_of("b", huge), activation_of("c", "")};
    assert_int_equal(destination_deliver(destination, items, 3, NULL), ERR_OK);
    assert_int_equal(items[0].outcome, ACTIVATION_SENT);
    assert_int_equal(items[1].outcome, ACTIVATION_FAILED);
    assert_non_null(strstr(items[1].reason, "8 MiB"));
    assert_int_equal(items[2].outcome, ACTIVATION_SENT);
    assert_keys(folder, "a c ");
    free(huge);
    destination_close(destination);
}

/* Three lines of 0.4 MiB, one of 3 MiB: written in three runs, each looked over whole when it is torn. */
static void long_lines_are_sent_in_several_syncs(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    enum { LONG = 400 << 10, LONGEST = 3 << 20 };
    char *attributes = memory_take(LONGEST + 1), *longest = memory_take(LONGEST + 1);
    memset(attributes, ' ', LONG);
    memcpy(attributes, "{", 1);
    memcpy(attributes + LONG - 1, "}", 2);
    memset(longest, ' ', LONGEST);
    memcpy(longest, "{", 1);
    memcpy(longest + LONGEST - 1, "}", 2);
    struct activation items[] = {activation_of("a", attributes), activation_of("b", attributes),
                                 activation_of("c", attributes), activation_of("d", longest)};
    assert_int_equal(destination_deliver(destination, items, 4, NULL), ERR_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(items[i].outcome, ACTIVATION_SENT);
    assert_keys(folder, "a b c d ");
    assert_true(has_key(destination, "a") && has_key(destination, "d") && !has_key(destination, "e"));
    destination_close(destination);
    struct stat at;
    assert_int_equal(stat(folder->file, &at), 0);
    assert_int_equal(truncate(folder->file, at.st_size - 1), 0);
    destination_close(opened(folder));
    assert_keys(folder, "a b c ");
    free(attributes);
    free(longest);
}

static void a_reopened_file_is_gone_on_with(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"1-1-0-1-0", "1-2-0-1-0", NULL});
    destination_close(destination);
    destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"1-3-0-1-0", NULL});
    assert_keys(folder, "1-1-0-1-0 1-2-0-1-0 1-3-0-1-0 ");
    assert_true(has_key(destination, "1-2-0-1-0"));
    assert_false(has_key(destination, "1-2-0-1"));
    assert_false(has_key(destination, "1-4-0-1-0"));
    destination_close(destination);
}

/* Lines cross the edges of what is read at once. */
static void keys_are_found_in_a_long_file(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
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

/* ── what crashes leave ───────────────────────────────────────────────────── */

static void a_torn_last_line_is_cut_off(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"a", "b", NULL});
    destination_close(destination);
    struct buf text = content_of(folder);
    size_t second = text.size / 2;
    for (size_t size = second; size < text.size; size++) {
        put_content(folder, text.data, size);
        destination = opened(folder);
        assert_keys(folder, "a ");
        assert_false(has_key(destination, "b"));
        deliver_keys(destination, (const char *const[]){"b", NULL});
        assert_keys(folder, "a b ");
        destination_close(destination);
    }
    buf_deinit(&text);
}

static void a_file_with_nothing_but_a_torn_line_begins_again(void **state)
{
    struct folder *folder = *state;
    static const char zeros[64];
    const struct str left[] = {STR("{"), STR("{\"key\":\"0-1"), {zeros, sizeof zeros}, STR("")};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        put_content(folder, left[i].data, left[i].size);
        struct destination *destination = opened(folder);
        deliver_keys(destination, (const char *const[]){"a", NULL});
        assert_keys(folder, "a ");
        destination_close(destination);
    }
}

static void a_hole_goes_and_whole_lines_behind_it_stay(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"a", "b", "c", "d", NULL});
    destination_close(destination);
    struct buf text = content_of(folder);
    size_t line = text.size / 4;
    memset(text.data + line + 5, 0, line); /* most of b and the beginning of c */
    put_content(folder, text.data, text.size);
    destination = opened(folder);
    assert_keys(folder, "a d ");
    assert_true(has_key(destination, "d") && !has_key(destination, "b") && !has_key(destination, "c"));
    deliver_keys(destination, (const char *const[]){"b", "c", NULL});
    assert_keys(folder, "a d b c ");
    destination_close(destination);
    memset(text.data, 0, line + 5); /* the first line never came at all */
    put_content(folder, text.data, text.size);
    destination_close(opened(folder));
    assert_keys(folder, "d ");
    buf_deinit(&text);
}

/* Whatever happens to the bytes of the last group: what was synced before stays, what is there is whole, and
 * what the destination says it has is what is there. */
static void damage_behind_the_last_sync_costs_no_line_before_it(void **state)
{
    struct folder *folder = *state;
    struct prng prng = {20};
    for (int round = 0; round < 300; round++) {
        unlink(folder->file);
        struct destination *destination = opened(folder);
        deliver_keys(destination, (const char *const[]){"1", "2", "3", NULL});
        struct buf text = content_of(folder);
        size_t synced = text.size;
        buf_deinit(&text);
        deliver_keys(destination, (const char *const[]){"4", "5", "6", "7", "8", NULL});
        destination_close(destination);
        text = content_of(folder);
        for (uint64_t holes = prng_below(&prng, 4); holes > 0; holes--) {
            size_t from = synced + prng_below(&prng, text.size - synced);
            size_t size = 1 + prng_below(&prng, text.size - from);
            memset(text.data + from, prng_chance(&prng, 70) ? 0 : '"', size);
        }
        size_t left = prng_chance(&prng, 50) ? text.size : synced + prng_below(&prng, text.size - synced);
        put_content(folder, text.data, left);
        destination = opened(folder);
        struct buf after = content_of(folder);
        assert_memory_equal(after.data, text.data, synced);
        buf_put_char(&after, 0);
        for (char key[2] = "1"; key[0] <= '8'; key[0]++) {
            char start[32];
            snprintf(start, sizeof start, "{\"key\":\"%s\"", key);
            assert_int_equal(has_key(destination, key), strstr(after.data, start) != NULL);
            if (!has_key(destination, key))
                deliver_keys(destination, (const char *const[]){key, NULL});
        }
        buf_deinit(&after);
        after = content_of(folder);
        assert_int_equal(after.size, synced / 3 * 8); /* each line once, all of one length */
        buf_deinit(&text);
        buf_deinit(&after);
        destination_close(destination);
    }
}

/* ── what others do ───────────────────────────────────────────────────────── */

static void what_is_not_ours_is_refused_and_left_alone(void **state)
{
    struct folder *folder = *state;
    const struct str others[] = {
        STR("root:x:0:0:root:/root:/bin/bash\n"), STR("{\"name\":1}\n"), STR("\n"), {"\0\0\0\0\1\2\3\n", 8}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        put_content(folder, others[i].data, others[i].size);
        struct destination_settings settings = settings_of(folder->file);
        struct destination *destination;
        struct err_detail detail = {0};
        assert_int_equal(destination_open(&settings, &destination, &detail), ERR_REFUSED);
        assert_string_equal(detail.place, folder->file);
        struct buf text = content_of(folder);
        assert_int_equal(text.size, others[i].size);
        assert_memory_equal(text.data, others[i].data, text.size);
        buf_deinit(&text);
    }
}

static void what_cannot_be_a_file_is_refused(void **state)
{
    struct folder *folder = *state;
    struct destination *destination;
    struct err_detail detail = {0};
    struct destination_settings settings = settings_of(folder->file);
    assert_int_equal(mkfifo(folder->file, 0600), 0);
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_REFUSED);
    assert_non_null(strstr(detail.text, "regular file"));
    unlink(folder->file);
    settings = settings_of(folder->path);
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_IO);
    assert_non_null(strstr(detail.text, "directory"));
    settings = settings_of("/nowhere/at/all");
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_IO);
    assert_string_equal(detail.place, "/nowhere/at/all");
}

static void a_file_has_one_writer(void **state)
{
    struct folder *folder = *state;
    struct destination *first = opened(folder), *second;
    struct destination_settings settings = settings_of(folder->file);
    struct err_detail detail = {0};
    assert_int_equal(destination_open(&settings, &second, &detail), ERR_BUSY);
    destination_close(first);
    destination_close(opened(folder));
}

static void a_file_taken_away_is_begun_anew(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    char other[128];
    snprintf(other, sizeof other, "%s/crm.1", folder->path);
    assert_int_equal(rename(folder->file, other), 0);
    deliver_keys(destination, (const char *const[]){"b", NULL});
    assert_keys(folder, "b ");
    assert_int_equal(unlink(folder->file), 0);
    deliver_keys(destination, (const char *const[]){"c", NULL});
    assert_keys(folder, "c ");
    assert_false(has_key(destination, "b"));
    destination_close(destination);
}

static void a_file_that_others_touched_is_looked_over(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    add_content(folder, "hello\n");
    deliver_keys(destination, (const char *const[]){"b", NULL});
    assert_keys(folder, "a b ");
    assert_int_equal(truncate(folder->file, 0), 0);
    deliver_keys(destination, (const char *const[]){"c", NULL});
    assert_keys(folder, "c ");
    destination_close(destination);
}

/* ── a full disk ──────────────────────────────────────────────────────────── */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_group_that_does_not_fit_leaves_nothing_and_goes_later(void **state)
{
    struct folder *folder = *state;
    signal(SIGXFSZ, SIG_IGN);
    struct destination *destination = opened(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    struct buf text = content_of(folder);
    for (size_t room = 0; room < 2 * text.size; room += 7) {
        struct activation items[] = {activation_of("b", ""), activation_of("c", "")};
        struct err_detail detail = {0};
        limit_files(text.size + room);
        enum err err = destination_deliver(destination, items, 2, &detail);
        limit_files(RLIM_INFINITY);
        assert_int_equal(err, ERR_IO);
        assert_string_equal(detail.place, folder->file);
        assert_int_equal(items[0].outcome, ACTIVATION_UNSENT);
        assert_int_equal(items[1].outcome, ACTIVATION_UNSENT);
        assert_keys(folder, "a ");
    }
    deliver_keys(destination, (const char *const[]){"b", "c", NULL});
    assert_keys(folder, "a b c ");
    buf_deinit(&text);
    destination_close(destination);
}

static void what_was_synced_before_the_failure_is_sent(void **state)
{
    struct folder *folder = *state;
    signal(SIGXFSZ, SIG_IGN);
    struct destination *destination = opened(folder);
    enum { LONG = 700 << 10 };
    char *attributes = memory_take(LONG + 1);
    memset(attributes, ' ', LONG);
    memcpy(attributes, "{", 1);
    memcpy(attributes + LONG - 1, "}", 2);
    struct activation items[] = {activation_of("a", attributes), activation_of("b", attributes),
                                 activation_of("c", "")};
    limit_files(1 << 20);
    enum err err = destination_deliver(destination, items, 3, NULL);
    limit_files(RLIM_INFINITY);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(items[0].outcome, ACTIVATION_SENT);
    assert_int_equal(items[1].outcome, ACTIVATION_UNSENT);
    assert_int_equal(items[2].outcome, ACTIVATION_UNSENT);
    assert_keys(folder, "a ");
    assert_int_equal(destination_deliver(destination, items + 1, 2, NULL), ERR_OK);
    assert_keys(folder, "a b c ");
    free(attributes);
    destination_close(destination);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_line_says_all_of_an_activation),
        IN_A_FOLDER(a_line_over_the_limit_fails_alone),
        IN_A_FOLDER(long_lines_are_sent_in_several_syncs),
        IN_A_FOLDER(a_reopened_file_is_gone_on_with),
        IN_A_FOLDER(keys_are_found_in_a_long_file),
        IN_A_FOLDER(a_torn_last_line_is_cut_off),
        IN_A_FOLDER(a_file_with_nothing_but_a_torn_line_begins_again),
        IN_A_FOLDER(a_hole_goes_and_whole_lines_behind_it_stay),
        IN_A_FOLDER(damage_behind_the_last_sync_costs_no_line_before_it),
        IN_A_FOLDER(what_is_not_ours_is_refused_and_left_alone),
        IN_A_FOLDER(what_cannot_be_a_file_is_refused),
        IN_A_FOLDER(a_file_has_one_writer),
        IN_A_FOLDER(a_file_taken_away_is_begun_anew),
        IN_A_FOLDER(a_file_that_others_touched_is_looked_over),
        IN_A_FOLDER(a_group_that_does_not_fit_leaves_nothing_and_goes_later),
        IN_A_FOLDER(what_was_synced_before_the_failure_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
