/* The file destination and what a disk may do: torn lines, holes, no room, syncs that fail. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/prng.h"
#include "delivery/file_folder.h"

/* These take the place of libc's: they count and fail as they are told. */
static struct {
    int syncs, directory_syncs;
    bool sync_fails, cut_fails;
} disk;

int fdatasync(int fd)
{
    disk.syncs++;
    if (disk.sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    struct stat at;
    disk.directory_syncs += fstat(fd, &at) == 0 && S_ISDIR(at.st_mode);
    return (int)syscall(SYS_fsync, fd);
}

int ftruncate64(int fd, off64_t size)
{
    if (disk.cut_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

/* ── what crashes leave ───────────────────────────────────────────────────── */

static void a_torn_last_line_is_cut_off(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", "b", NULL});
    destination_close(destination);
    struct buf text = folder_content(folder);
    size_t second = text.size / 2;
    for (size_t size = second; size < text.size; size++) {
        folder_put(folder, text.data, size);
        destination = folder_open(folder);
        folder_assert_keys(folder, "a ");
        assert_false(has_key(destination, "b"));
        deliver_keys(destination, (const char *const[]){"b", NULL});
        folder_assert_keys(folder, "a b ");
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
        folder_put(folder, left[i].data, left[i].size);
        struct destination *destination = folder_open(folder);
        deliver_keys(destination, (const char *const[]){"a", NULL});
        folder_assert_keys(folder, "a ");
        destination_close(destination);
    }
}

static void a_hole_goes_and_whole_lines_behind_it_stay(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", "b", "c", "d", NULL});
    destination_close(destination);
    struct buf text = folder_content(folder);
    size_t line = text.size / 4;
    memset(text.data + line + 5, 0, line); /* most of b and the beginning of c */
    folder_put(folder, text.data, text.size);
    destination = folder_open(folder);
    folder_assert_keys(folder, "a d ");
    assert_true(has_key(destination, "d") && !has_key(destination, "b") && !has_key(destination, "c"));
    deliver_keys(destination, (const char *const[]){"b", "c", NULL});
    folder_assert_keys(folder, "a d b c ");
    destination_close(destination);
    memset(text.data, 0, line + 5); /* the first line never came at all */
    folder_put(folder, text.data, text.size);
    destination_close(folder_open(folder));
    folder_assert_keys(folder, "d ");
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
        struct destination *destination = folder_open(folder);
        deliver_keys(destination, (const char *const[]){"1", "2", "3", NULL});
        struct buf text = folder_content(folder);
        size_t synced = text.size;
        buf_deinit(&text);
        deliver_keys(destination, (const char *const[]){"4", "5", "6", "7", "8", NULL});
        destination_close(destination);
        text = folder_content(folder);
        for (uint64_t holes = prng_below(&prng, 4); holes > 0; holes--) {
            size_t from = synced + prng_below(&prng, text.size - synced);
            size_t size = 1 + prng_below(&prng, text.size - from);
            memset(text.data + from, prng_chance(&prng, 70) ? 0 : '"', size);
        }
        size_t left = prng_chance(&prng, 50) ? text.size : synced + prng_below(&prng, text.size - synced);
        folder_put(folder, text.data, left);
        destination = folder_open(folder);
        struct buf after = folder_content(folder);
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
        after = folder_content(folder);
        assert_int_equal(after.size, synced / 3 * 8); /* each line once, all of one length */
        buf_deinit(&text);
        buf_deinit(&after);
        destination_close(destination);
    }
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
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    struct buf text = folder_content(folder);
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
        folder_assert_keys(folder, "a ");
    }
    deliver_keys(destination, (const char *const[]){"b", "c", NULL});
    folder_assert_keys(folder, "a b c ");
    buf_deinit(&text);
    destination_close(destination);
}

static void what_was_synced_before_the_failure_is_sent(void **state)
{
    struct folder *folder = *state;
    signal(SIGXFSZ, SIG_IGN);
    struct destination *destination = folder_open(folder);
    char *attributes = attributes_of(700 << 10);
    struct activation items[] = {activation_of("a", attributes), activation_of("b", attributes),
                                 activation_of("c", "")};
    limit_files(1 << 20);
    enum err err = destination_deliver(destination, items, 3, NULL);
    limit_files(RLIM_INFINITY);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(items[0].outcome, ACTIVATION_SENT);
    assert_int_equal(items[1].outcome, ACTIVATION_UNSENT);
    assert_int_equal(items[2].outcome, ACTIVATION_UNSENT);
    folder_assert_keys(folder, "a ");
    assert_int_equal(destination_deliver(destination, items + 1, 2, NULL), ERR_OK);
    folder_assert_keys(folder, "a b c ");
    free(attributes);
    destination_close(destination);
}

/* ── syncs ────────────────────────────────────────────────────────────────── */

static void a_group_costs_one_sync_and_an_open_file_two(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    assert_int_equal(disk.syncs, 1); /* what stood there counts from now on */
    assert_int_equal(disk.directory_syncs, 1);
    struct activation items[] = {activation_of("a", ""), activation_of("b", ""), activation_of("c", "")};
    assert_int_equal(destination_deliver(destination, items, 3, NULL), ERR_OK);
    assert_int_equal(disk.syncs, 2);
    assert_int_equal(disk.directory_syncs, 1);
    destination_close(destination);
}

static void what_could_not_be_synced_is_cut_off(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    struct activation item;
    disk.sync_fails = true;
    assert_int_equal(deliver_one(destination, "b", &item), ERR_IO);
    assert_int_equal(item.outcome, ACTIVATION_UNSENT);
    folder_assert_keys(folder, "a ");
    disk.sync_fails = false;
    deliver_keys(destination, (const char *const[]){"b", NULL});
    folder_assert_keys(folder, "a b ");
    destination_close(destination);
}

/* A sync that succeeds after one that failed says nothing about the pages of the first. */
static void what_can_neither_be_synced_nor_cut_off_never_counts(void **state)
{
    struct folder *folder = *state;
    struct destination *destination = folder_open(folder);
    deliver_keys(destination, (const char *const[]){"a", NULL});
    struct activation item;
    struct str key = STR("b");
    bool has = true;
    disk.sync_fails = disk.cut_fails = true;
    assert_int_equal(deliver_one(destination, "b", &item), ERR_IO);
    assert_int_equal(item.outcome, ACTIVATION_OPEN);
    disk.sync_fails = false;
    assert_int_equal(destination_has(destination, &key, 1, &has, NULL), ERR_IO);
    assert_int_equal(deliver_one(destination, "c", &item), ERR_IO);
    assert_int_equal(item.outcome, ACTIVATION_UNSENT);
    disk.cut_fails = false;
    assert_false(has_key(destination, "b"));
    deliver_keys(destination, (const char *const[]){"b", NULL});
    folder_assert_keys(folder, "a b ");
    destination_close(destination);
}

static void a_file_that_cannot_be_synced_is_not_folder_open(void **state)
{
    struct folder *folder = *state;
    struct destination_settings settings = folder_settings(folder->file);
    struct destination *destination;
    struct err_detail detail = {0};
    disk.sync_fails = true;
    assert_int_equal(destination_open(&settings, &destination, &detail), ERR_IO);
    assert_non_null(strstr(detail.text, "syncing"));
}

static int begin(void **state)
{
    memset(&disk, 0, sizeof disk);
    return folder_make(state);
}

#define ON_A_DISK(test) cmocka_unit_test_setup_teardown(test, begin, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_DISK(a_torn_last_line_is_cut_off),
        ON_A_DISK(a_file_with_nothing_but_a_torn_line_begins_again),
        ON_A_DISK(a_hole_goes_and_whole_lines_behind_it_stay),
        ON_A_DISK(damage_behind_the_last_sync_costs_no_line_before_it),
        ON_A_DISK(a_group_that_does_not_fit_leaves_nothing_and_goes_later),
        ON_A_DISK(what_was_synced_before_the_failure_is_sent),
        ON_A_DISK(a_group_costs_one_sync_and_an_open_file_two),
        ON_A_DISK(what_could_not_be_synced_is_cut_off),
        ON_A_DISK(what_can_neither_be_synced_nor_cut_off_never_counts),
        ON_A_DISK(a_file_that_cannot_be_synced_is_not_folder_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
