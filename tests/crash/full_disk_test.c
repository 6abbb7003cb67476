/* A disk that fills up at every possible page of a workload: what does not fit is answered RETRY and leaves
 * nothing, what was answered DONE stays, and once there is room the same bytes go in. Twice: by SQLite's own
 * limit of pages, and by a disk whose writes fail, which meets the WAL and the checkpoints first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>
#include <unistd.h>

#include "base/check.h"
#include "powercut_vfs.h"
#include "store/memory/store_memory.h"
#include "store/sqlite/store_sqlite.h"
#include "store/store_author.h"

enum { PARTITIONS = 3, BATCHES = 30, PAGE_BYTES = 4096, PAGES_EACH = 2, BYTES_EACH = 20000 };

struct disk {
    char directory[64];
    struct store *store;
    struct author authors[PARTITIONS];
    struct batch *batches[BATCHES];
    enum commit_status statuses[BATCHES]; /* COMMIT_RETRY until done */
    size_t order[BATCHES], answered;      /* of the commits under way */
};

static uint32_t owner_of(size_t batch)
{
    return (uint32_t)(batch * 7 / 3 % PARTITIONS);
}

/* ── the workload, the same each time ───────────────────────────────────────── */

static enum err open_store(struct disk *disk, const char *vfs, uint32_t pages_max, struct err_detail *detail)
{
    struct store_sqlite_options options = {.vfs = vfs, .pages_max = pages_max, .wal_pages = 8};
    return store_sqlite_open(disk->directory, &options, &disk->store, detail);
}

static void decide_all(struct disk *disk)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        disk->authors[p] = (struct author){.prng = {p}};
        author_begin(&disk->authors[p], disk->store, p);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        struct batch_shape shape = {.events = i % 5 * 12,
                                    .ledger = i % 4 * 9,
                                    .effects = i % 3,
                                    .stats = i % 6,
                                    .blocks = i % 4 == 1 ? 3 : 0};
        disk->batches[i] = author_decide(&disk->authors[owner_of(i)], shape);
        disk->statuses[i] = COMMIT_RETRY;
    }
}

static void take_answer(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    struct disk *disk = context;
    CHECK(count == 1); /* on the writer's thread, where cmocka's assertions can't be used */
    CHECK(statuses[0] == COMMIT_DONE || (statuses[0] == COMMIT_RETRY && detail->text[0]));
    disk->statuses[disk->order[disk->answered++]] = statuses[0];
}

/* All that are not done yet, as a partition pipelines them. True: now they are. */
static bool commit_all(struct disk *disk)
{
    size_t asked = 0;
    disk->answered = 0;
    for (size_t i = 0; i < BATCHES; i++) {
        if (disk->statuses[i] == COMMIT_DONE)
            continue;
        const struct batch *batch = disk->batches[i];
        disk->order[asked++] = i;
        store_commit(disk->store, &batch, 1, take_answer, disk);
        if (i % 4 == 3)
            store_flush(disk->store); /* more than one transaction */
    }
    store_flush(disk->store);
    assert_int_equal(disk->answered, asked);
    for (size_t i = 0; i < BATCHES; i++) {
        if (disk->statuses[i] != COMMIT_DONE)
            return false;
    }
    return true;
}

/* The store holds the batches that were answered DONE and nothing else. */
static void assert_holds_what_was_done(struct disk *disk)
{
    struct store *memory = store_memory_new(PARTITIONS);
    struct author claims[PARTITIONS] = {0};
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        while (claims[p].epoch < disk->authors[p].epoch)
            author_begin(&claims[p], memory, p);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        if (disk->statuses[i] == COMMIT_DONE)
            assert_int_equal(author_commit(&claims[owner_of(i)], disk->batches[i]), COMMIT_DONE);
    }
    struct buf wanted = {0}, found = {0};
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(text_of_partition(&wanted, memory, p, NULL), ERR_OK);
        assert_int_equal(text_of_partition(&found, disk->store, p, NULL), ERR_OK);
    }
    assert_string_equal(text_end(&found), text_end(&wanted));
    buf_deinit(&wanted);
    buf_deinit(&found);
    store_close(memory);
}

/* ── the two kinds of full disk ─────────────────────────────────────────────── */

static void begin(struct disk *disk)
{
    *disk = (struct disk){.directory = "/tmp/sojourn-full-XXXXXX"};
    assert_non_null(mkdtemp(disk->directory));
}

static void end(struct disk *disk)
{
    static const char *const names[] = {"sojourn.db", "sojourn.db-wal", "sojourn.db-shm",
                                        "sojourn.db-journal", "sojourn.lock"};
    store_close(disk->store);
    for (size_t i = 0; i < BATCHES; i++) {
        if (disk->batches[i])
            author_discard(disk->batches[i]);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", disk->directory, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(disk->directory), 0);
}

static void at_every_page_what_does_not_fit_waits_for_room(void **state)
{
    (void)state;
    bool fits = false;
    size_t refused = 0;
    for (uint32_t pages = 1; !fits; pages += PAGES_EACH) {
        struct disk disk;
        struct err_detail detail = {0};
        begin(&disk);
        enum err err = open_store(&disk, NULL, pages, &detail);
        if (err) { /* not even the tables: a later start makes them */
            assert_int_equal(err, ERR_FULL);
            assert_non_null(strstr(detail.place, "sojourn.db"));
            assert_int_equal(open_store(&disk, NULL, 0, &detail), ERR_OK);
            assert_int_equal(store_sqlite_set_pages_max(disk.store, pages, NULL), ERR_OK);
        }
        decide_all(&disk);
        fits = commit_all(&disk);
        refused += !fits;
        assert_holds_what_was_done(&disk);
        assert_int_equal(store_sqlite_set_pages_max(disk.store, 0, NULL), ERR_OK);
        assert_true(commit_all(&disk));
        assert_holds_what_was_done(&disk);
        end(&disk);
    }
    assert_true(refused > 15);
}

static void room_that_comes_bit_by_bit_is_used_bit_by_bit(void **state)
{
    (void)state;
    struct disk disk;
    size_t rounds = 0;
    bool fits = false;
    begin(&disk);
    assert_int_equal(open_store(&disk, NULL, 0, NULL), ERR_OK);
    decide_all(&disk);
    for (uint32_t pages = 1; !fits; pages += PAGES_EACH, rounds++) {
        assert_int_equal(store_sqlite_set_pages_max(disk.store, pages, NULL), ERR_OK);
        fits = commit_all(&disk);
        assert_holds_what_was_done(&disk);
    }
    assert_true(rounds > 15);
    end(&disk);
}

static void a_full_disk_under_the_wal_loses_nothing(void **state)
{
    (void)state;
    bool fits = false;
    size_t refused = 0;
    for (uint64_t room = 0; !fits; room += BYTES_EACH) {
        struct disk disk;
        powercut_begin(1, false);
        begin(&disk);
        assert_int_equal(open_store(&disk, POWERCUT_VFS, 0, NULL), ERR_OK);
        decide_all(&disk);
        powercut_set_room(powercut_used() + room);
        fits = commit_all(&disk);
        refused += !fits;
        assert_holds_what_was_done(&disk);
        powercut_set_room(UINT64_MAX);
        assert_true(commit_all(&disk));
        assert_holds_what_was_done(&disk);
        end(&disk);
        powercut_end();
    }
    assert_true(refused > 4);
}

static void a_start_on_a_full_disk_says_so_and_a_later_one_finds_everything(void **state)
{
    (void)state;
    struct disk disk;
    struct err_detail detail = {0};
    powercut_begin(1, false);
    begin(&disk);
    powercut_set_room(PAGE_BYTES * 3);
    assert_int_equal(open_store(&disk, POWERCUT_VFS, 0, &detail), ERR_FULL);
    assert_non_null(strstr(detail.text, "disk is full"));
    powercut_set_room(UINT64_MAX);
    assert_int_equal(open_store(&disk, POWERCUT_VFS, 0, &detail), ERR_OK);
    decide_all(&disk);
    assert_true(commit_all(&disk));
    store_close(disk.store);
    powercut_set_room(0); /* nothing may grow: reading still goes, claiming does not */
    assert_int_equal(open_store(&disk, POWERCUT_VFS, 0, &detail), ERR_OK);
    assert_holds_what_was_done(&disk);
    uint64_t epoch;
    struct partition_head head;
    assert_int_equal(store_claim(disk.store, 0, &epoch, &head, &detail), ERR_FULL);
    powercut_set_room(UINT64_MAX);
    assert_int_equal(store_claim(disk.store, 0, &epoch, &head, &detail), ERR_OK);
    assert_int_equal(epoch, disk.authors[0].epoch + 1);
    end(&disk);
    powercut_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_page_what_does_not_fit_waits_for_room),
        cmocka_unit_test(room_that_comes_bit_by_bit_is_used_bit_by_bit),
        cmocka_unit_test(a_full_disk_under_the_wal_loses_nothing),
        cmocka_unit_test(a_start_on_a_full_disk_says_so_and_a_later_one_finds_everything),
    };
    powercut_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
