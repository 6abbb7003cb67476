#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "store/exercise.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/store_sqlite.h"

/* ── a directory of its own for each test ───────────────────────────────────── */

struct place {
    char directory[64], database[96];
};

static int place_begin(void **state)
{
    struct place *place = memory_take_zeroed(1, sizeof *place);
    snprintf(place->directory, sizeof place->directory, "/tmp/sojourn-store-XXXXXX");
    CHECK(mkdtemp(place->directory));
    snprintf(place->database, sizeof place->database, "%s/sojourn.db", place->directory);
    *state = place;
    return 0;
}

static int place_end(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"sojourn.db", "sojourn.db-wal", "sojourn.db-shm",
                                        "sojourn.db-journal", "sojourn.lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", place->directory, names[i]);
        unlink(path);
    }
    CHECK(rmdir(place->directory) == 0);
    free(place);
    return 0;
}

static struct store *must_open(const char *directory, const struct store_sqlite_options *options)
{
    struct store *store = NULL;
    struct err_detail detail = {0};
    enum err err = store_sqlite_open(directory, options, &store, &detail);
    if (err)
        fail_msg("%s: %s", detail.place, detail.text);
    return store;
}

/* Runs SQL on the closed database, as a person with the shell would. */
static void tamper(const struct place *place, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(place->database, &db), SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static struct str ask(const struct place *place, const char *sql, char ret[256])
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(place->database, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    size_t used = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);
            used += (size_t)snprintf(ret + used, 256 - used, "%s%s",
                                     i      ? "|"
                                     : used ? "\n"
                                            : "",
                                     text ? text : "-");
        }
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return (struct str){ret, used};
}

/* ── opening ────────────────────────────────────────────────────────────────── */

static void a_directory_in_use_is_refused_and_its_user_named(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL), *second;
    struct err_detail detail = {0};
    assert_int_equal(store_sqlite_open(place->directory, NULL, &second, &detail), ERR_BUSY);
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    assert_non_null(strstr(detail.text, pid));
    assert_string_equal(detail.place, place->directory);
    store_close(store);
    store_close(must_open(place->directory, NULL));
}

static void a_newer_format_is_refused_and_left_alone(void **state)
{
    struct place *place = *state;
    store_close(must_open(place->directory, NULL));
    tamper(place, "PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    struct store *store;
    struct err_detail detail = {0};
    assert_int_equal(store_sqlite_open(place->directory, NULL, &store, &detail), ERR_NEWER);
    assert_non_null(strstr(detail.text, "99"));
    assert_string_equal(detail.place, place->database);
    char text[256];
    assert_true(str_equal(ask(place, "PRAGMA journal_mode", text), STR("delete")));
    struct store_sqlite_options read_only = {.read_only = true};
    assert_int_equal(store_sqlite_open(place->directory, &read_only, &store, &detail), ERR_NEWER);
}

static void a_database_of_another_program_is_refused(void **state)
{
    struct place *place = *state;
    tamper(place, "CREATE TABLE mine(a); INSERT INTO mine VALUES(1)");
    struct store *store;
    struct err_detail detail = {0};
    assert_int_equal(store_sqlite_open(place->directory, NULL, &store, &detail), ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "another program"));
    char text[256];
    assert_true(str_equal(ask(place, "SELECT name FROM sqlite_schema", text), STR("mine")));
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct place *place = *state;
    int fd = open(place->database, O_CREAT | O_WRONLY, 0600);
    char noise[8192];
    memset(noise, 'x', sizeof noise);
    assert_int_equal(write(fd, noise, sizeof noise), sizeof noise);
    close(fd);
    struct store *store;
    struct err_detail detail = {0};
    assert_int_equal(store_sqlite_open(place->directory, NULL, &store, &detail), ERR_CORRUPT);
    assert_string_equal(detail.place, place->database);
}

static void a_directory_that_cannot_be_is_an_error_with_its_path(void **state)
{
    (void)state;
    struct store *store;
    struct err_detail detail = {0};
    assert_int_equal(store_sqlite_open("/dev/null", NULL, &store, &detail), ERR_INVALID);
    assert_string_equal(detail.place, "/dev/null");
    assert_int_equal(store_sqlite_open("/nowhere/at/all", NULL, &store, &detail), ERR_IO);
    assert_string_equal(detail.place, "/nowhere/at/all");
}

static void reading_only_needs_data_to_read(void **state)
{
    struct place *place = *state;
    struct store_sqlite_options read_only = {.read_only = true};
    struct store *store;
    struct err_detail detail = {0};
    assert_int_equal(store_sqlite_open(place->directory, &read_only, &store, &detail), ERR_NOT_FOUND);
    assert_int_equal(store_sqlite_open("/nowhere/at/all", &read_only, &store, &detail), ERR_NOT_FOUND);
    tamper(place, "VACUUM");
    assert_int_equal(store_sqlite_open(place->directory, &read_only, &store, &detail), ERR_NOT_FOUND);
}

static void a_reader_beside_the_owner_sees_what_is_durable(void **state)
{
    struct place *place = *state;
    struct store_sqlite_options read_only = {.read_only = true};
    struct store *owner = must_open(place->directory, NULL),
                 *reader = must_open(place->directory, &read_only);
    struct author author = {0};
    author_begin(&author, owner, 0);
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 5, .ledger = 5, .blocks = 2});
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    struct buf seen = {0}, there = {0};
    assert_int_equal(text_of_partition(&seen, reader, 0, NULL), ERR_OK);
    assert_int_equal(text_of_partition(&there, owner, 0, NULL), ERR_OK);
    assert_string_equal(text_end(&seen), text_end(&there));
    uint64_t number;
    struct partition_head head;
    struct err_detail detail = {0};
    struct control_entry entry = {.kind = STR("stop")};
    assert_int_equal(store_claim(reader, 0, &number, &head, &detail), ERR_REFUSED);
    assert_int_equal(store_control_append(reader, &entry, &number, &detail), ERR_REFUSED);
    assert_int_equal(store_effects_put(reader, NULL, 0, &detail), ERR_REFUSED);
    store_flush(reader);
    store_close(owner);
    buf_clear(&seen);
    assert_int_equal(text_of_partition(&seen, reader, 0, NULL), ERR_OK);
    assert_string_equal(text_end(&seen), text_end(&there));
    store_close(reader);
    reader = must_open(place->directory, &read_only); /* nobody owns it now */
    buf_clear(&seen);
    assert_int_equal(text_of_partition(&seen, reader, 0, NULL), ERR_OK);
    assert_string_equal(text_end(&seen), text_end(&there));
    store_close(reader);
    buf_deinit(&seen);
    buf_deinit(&there);
    author_discard(batch);
}

/* The child commits, says so and is killed; the parent finds all of it. */
static void what_was_answered_outlives_a_kill(void **state)
{
    struct place *place = *state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = must_open(place->directory, NULL);
        struct author author = {0};
        author_begin(&author, store, 0);
        for (;;) {
            struct batch *batch = author_decide(&author, (struct batch_shape){.events = 50, .ledger = 50});
            if (author_commit(&author, batch) != COMMIT_DONE ||
                write(pipes[1], &batch->head.seq, sizeof batch->head.seq) != sizeof batch->head.seq)
                _exit(1);
            author_discard(batch);
        }
    }
    close(pipes[1]);
    uint64_t answered = 0, next;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(read(pipes[0], &answered, sizeof answered), sizeof answered);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(pipes[0], &next, sizeof next) == sizeof next)
        answered = next;
    close(pipes[0]);
    struct store_sqlite_options read_only = {.read_only = true};
    struct store *store = must_open(place->directory, &read_only);
    struct partition_head head;
    assert_int_equal(store_head(store, 0, &head, NULL), ERR_OK);
    assert_true(head.seq >= answered);
    store_close(store);
    store = must_open(place->directory, NULL);
    assert_int_equal(store_head(store, 0, &head, NULL), ERR_OK);
    assert_true(head.seq >= answered && answered >= 2000);
    assert_int_equal(store_seq_take(store, 0, 1), head.seq + 1);
    store_close(store);
}

/* ── damage ─────────────────────────────────────────────────────────────────── */

static bool no_block(void *context, const struct block *block)
{
    (void)context, (void)block;
    return true;
}

static bool no_row(void *context, const struct store_row *row)
{
    (void)context, (void)row;
    return true;
}

static void commit_some(struct store *store)
{
    struct author author = {0};
    author_begin(&author, store, 0);
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 3, .ledger = 3});
    *array_push(&batch->blocks) = (struct block){batch->head.seq, 7, BLOCK_PAST, STR("seven")};
    *array_push(&batch->blocks) = (struct block){batch->head.seq, 8, BLOCK_PAST, STR("eight")};
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    author_discard(batch);
}

static void assert_block_7_is_damaged(struct place *place, const char *sql)
{
    tamper(place, sql);
    struct store *store = must_open(place->directory, NULL);
    struct err_detail detail = {0};
    assert_int_equal(store_blocks(store, 0, no_block, NULL, &detail), ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "partition 0, past block 7"));
    store_close(store);
}

static void a_damaged_block_is_found_and_named(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    commit_some(store);
    assert_int_equal(store_blocks(store, 0, no_block, NULL, NULL), ERR_OK);
    store_close(store);
    assert_block_7_is_damaged(place, "UPDATE block SET body = CAST('sevem' AS BLOB) WHERE number = 7");
    assert_block_7_is_damaged(
        place, "UPDATE block SET body = CAST('seven' AS BLOB), seq = seq - 1 WHERE number = 7");
    assert_block_7_is_damaged(place, "DELETE FROM block WHERE number = 7; UPDATE block SET number = 7");
}

static void a_damaged_path_or_chain_is_found(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    commit_some(store);
    store_close(store);
    tamper(place, "UPDATE ledger SET path = '[[1,2]'; UPDATE event SET prev = seq");
    store = must_open(place->directory, NULL);
    struct err_detail detail = {0};
    assert_int_equal(store_rows(store, 0, 0, UINT64_MAX, no_row, NULL, &detail), ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "the path of row"));
    assert_int_equal(store_walk(store, 0, 1, no_row, NULL, &detail), ERR_CORRUPT);
    store_close(store);
}

static void an_event_kind_that_is_none_is_found(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    commit_some(store);
    store_close(store);
    tamper(place, "UPDATE event SET kind = 200");
    store = must_open(place->directory, NULL);
    assert_int_equal(store_rows(store, 0, 0, UINT64_MAX, no_row, NULL, NULL), ERR_CORRUPT);
    store_close(store);
}

static void the_data_are_private(void **state)
{
    struct place *place = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/new", place->directory);
    struct store *store = must_open(path, NULL);
    struct stat status;
    static const char *const names[] = {"", "/sojourn.db", "/sojourn.db-wal", "/sojourn.lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, names[i]);
        assert_int_equal(stat(name, &status), 0);
        assert_int_equal(status.st_mode & 077, 0);
    }
    store_close(store);
    for (size_t i = sizeof names / sizeof *names; i-- > 0;) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, names[i]);
        remove(name);
    }
}

static void a_partition_row_changed_from_outside_ends_the_store(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    struct author author = {0};
    author_begin(&author, store, 0);
    tamper(place, "UPDATE partition SET seq = 5 WHERE id = 0");
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 9});
    assert_int_equal(author_commit(&author, batch), COMMIT_FAILED);
    uint64_t position;
    struct control_entry entry = {.kind = STR("stop")};
    struct err_detail detail = {0};
    assert_int_equal(store_control_append(store, &entry, &position, &detail), ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "partition 0 was changed"));
    author_discard(batch);
    store_close(store);
}

static void a_locked_database_is_tried_again(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    struct author author = {0};
    author_begin(&author, store, 0);
    sqlite3 *shell;
    assert_int_equal(sqlite3_open(place->database, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct batch *batch = author_decide(&author, (struct batch_shape){.events = 9});
    assert_int_equal(author_commit(&author, batch), COMMIT_RETRY);
    sqlite3_close(shell);
    assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
    author_discard(batch);
    store_close(store);
}

/* ── what is in the file ────────────────────────────────────────────────────── */

static void views_spread_what_is_packed(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    struct author author = {0};
    author_begin(&author, store, 3);
    uint64_t seq = store_seq_take(store, 3, 3);
    assert_int_equal(seq, 1);
    struct passage path[] = {{3, 0}, {200, 15}};
    struct batch batch = {.partition = 3, .epoch = author.epoch, .head = {.seq = 3}};
    *array_push(&batch.events) = (struct event_row){
        .seq = 1, .kind = EVENT_IDENTIFY, .at_ms = 1500, .received_ms = INSTANT_NEVER, .created = STR("ann")};
    *array_push(&batch.ledger) = (struct ledger_row){.seq = 2,
                                                     .at_ms = DAY_MS,
                                                     .due_ms = INSTANT_NEVER,
                                                     .cause = -4,
                                                     .flags = LEDGER_LEAVES | LEDGER_BARS,
                                                     .reason = 1,
                                                     .which = 6,
                                                     .visits = 5,
                                                     .pending = 9,
                                                     .goals = 3,
                                                     .failed = 1,
                                                     .path = path,
                                                     .path_count = 2};
    *array_push(&batch.effects) = (struct effect_row){.seq = 3,
                                                      .effect = 3,
                                                      .enrollment = 8,
                                                      .node = 2,
                                                      .visit = 1,
                                                      .destination = 4,
                                                      .destination_name = STR("crm")};
    *array_push(&batch.stats) = (struct stat_row){{1, 2, STAT_MOVED, 0}, 3, 44, 0};
    *array_push(&batch.blocks) = (struct block){3, 2, BLOCK_PAST, STR("12345")};
    assert_int_equal(author_commit(&author, &batch), COMMIT_DONE);
    batch_deinit(&batch);
    store_close(store);
    char text[256];
    assert_string_equal(ask(place, "SELECT at, received, kind, created, body FROM event_view", text).data,
                        "1970-01-01T00:00:01.500Z|-|identify|ann|{}");
    assert_string_equal(
        ask(place,
            "SELECT at, due, cause_seq, cause_control, enters, leaves, bars, reason, which, failed,"
            " visits, pending, goals FROM ledger_view",
            text)
            .data,
        "1970-01-02T00:00:00.000Z|-|-|4|0|1|1|goal|6|1|5|9|3");
    assert_string_equal(ask(place, "SELECT seq, nth, node, outcome FROM step", text).data,
                        "2|0|3|0\n2|1|200|15");
    assert_string_equal(ask(place, "SELECT kind, key, destination_name FROM effect_view", text).data,
                        "opened|3-8-2-1-4|crm");
    assert_string_equal(ask(place, "SELECT kind, until, total FROM stat_view", text).data,
                        "moved|1970-01-01T01:00:00Z|44");
    assert_string_equal(ask(place, "SELECT kind, first_id, bytes FROM block_view", text).data, "past|2048|5");
}

struct reading {
    struct store *store;
    atomic_bool stop;
    atomic_uint reads;
};

static void *read_all_the_time(void *context)
{
    struct reading *reading = context;
    while (!atomic_load(&reading->stop)) {
        CHECK(store_rows(reading->store, 0, 0, UINT64_MAX, no_row, NULL, NULL) == ERR_OK);
        atomic_fetch_add(&reading->reads, 1);
    }
    return NULL;
}

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

/* Commits 300,000 rows; the largest size that the WAL had. */
static off_t largest_wal(const struct place *place, struct store *store)
{
    struct author author = {0};
    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", place->database);
    off_t largest = 0;
    author_begin(&author, store, 0);
    for (int i = 0; i < 60; i++) {
        struct batch *batch = author_decide(&author, (struct batch_shape){.events = 2500, .ledger = 2500});
        assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
        author_discard(batch);
        largest = size_of(wal) > largest ? size_of(wal) : largest;
    }
    assert_true(size_of(place->database) > 20000000);
    return largest;
}

static void the_wal_stays_small_under_load(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place->directory, NULL);
    assert_true(largest_wal(place, store) < 12000000);
    store_close(store);
}

/* Commits until the database is larger than twice its WAL, which a WAL that never starts over does not let
 * happen. */
static bool wal_starts_over(const struct place *place, struct store *store)
{
    struct author author = {0};
    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", place->database);
    author_begin(&author, store, 0);
    for (int i = 0; i < 600; i++) {
        struct batch *batch = author_decide(&author, (struct batch_shape){.events = 2500, .ledger = 2500});
        assert_int_equal(author_commit(&author, batch), COMMIT_DONE);
        author_discard(batch);
        if (size_of(place->database) > 20000000 && size_of(place->database) > 2 * size_of(wal))
            return true;
    }
    return false;
}

static void readers_do_not_let_the_wal_grow_for_ever(void **state)
{
    struct place *place = *state;
    struct reading reading = {.store = must_open(place->directory, NULL)};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &reading), 0);
    assert_true(wal_starts_over(place, reading.store));
    atomic_store(&reading.stop, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(atomic_load(&reading.reads) > 2);
    store_close(reading.store);
}

/* ── the suite ──────────────────────────────────────────────────────────────── */

struct sqlite_factory {
    struct store_factory base;
    void *place;
};

static struct store *make(struct store_factory *factory)
{
    struct sqlite_factory *f = (struct sqlite_factory *)factory;
    place_begin(&f->place);
    return must_open(((struct place *)f->place)->directory, NULL);
}

static struct store *reopen(struct store_factory *factory, struct store *store)
{
    struct sqlite_factory *f = (struct sqlite_factory *)factory;
    store_close(store);
    return must_open(((struct place *)f->place)->directory, NULL);
}

static void discard(struct store_factory *factory, struct store *store)
{
    struct sqlite_factory *f = (struct sqlite_factory *)factory;
    store_close(store);
    place_end(&f->place);
}

static bool fail_next(struct store_factory *factory, struct store *store, enum commit_status status)
{
    (void)factory;
    if (status != COMMIT_RETRY)
        return false;
    assert_int_equal(store_sqlite_set_pages_max(store, 1, NULL), ERR_OK); /* SQLite takes the present size */
    return true;
}

static void heal(struct store_factory *factory, struct store *store)
{
    (void)factory;
    assert_int_equal(store_sqlite_set_pages_max(store, 0, NULL), ERR_OK);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_begin, place_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_directory_in_use_is_refused_and_its_user_named),
        IN_PLACE(a_newer_format_is_refused_and_left_alone),
        IN_PLACE(a_database_of_another_program_is_refused),
        IN_PLACE(a_file_that_is_no_database_is_refused),
        cmocka_unit_test(a_directory_that_cannot_be_is_an_error_with_its_path),
        IN_PLACE(reading_only_needs_data_to_read),
        IN_PLACE(a_reader_beside_the_owner_sees_what_is_durable),
        IN_PLACE(what_was_answered_outlives_a_kill),
        IN_PLACE(a_damaged_block_is_found_and_named),
        IN_PLACE(a_damaged_path_or_chain_is_found),
        IN_PLACE(an_event_kind_that_is_none_is_found),
        IN_PLACE(the_data_are_private),
        IN_PLACE(a_partition_row_changed_from_outside_ends_the_store),
        IN_PLACE(a_locked_database_is_tried_again),
        IN_PLACE(views_spread_what_is_packed),
        IN_PLACE(the_wal_stays_small_under_load),
        IN_PLACE(readers_do_not_let_the_wal_grow_for_ever),
    };
    struct sqlite_factory factory = {{.name = "sqlite",
                                      .make = make,
                                      .reopen = reopen,
                                      .discard = discard,
                                      .fail_next = fail_next,
                                      .heal = heal}};
    int failed = store_exercise(&factory.base);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
