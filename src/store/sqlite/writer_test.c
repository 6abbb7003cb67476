/* Many threads at one writer, for the thread sanitizer: owners that pipeline commits, readers, an operator.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/check.h"
#include "store/exercise.h"
#include "store/sqlite/store_sqlite.h"

enum { OWNERS = 4, BATCHES = 60, IN_FLIGHT = 8, ENTRIES = 40 };

struct owner {
    struct author author;
    struct batch *batches[BATCHES];
    atomic_uint answered; /* written by the writer's thread, in order */
    atomic_uint not_done;
    pthread_t thread;
};

struct crowd {
    struct store *store;
    struct owner owners[OWNERS];
    atomic_bool stop;
    atomic_uint wrong;
};

struct asked {
    struct owner *owner;
    uint32_t number;
};

static void take_answer(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)detail, (void)count;
    struct asked *asked = context;
    if (statuses[0] != COMMIT_DONE || atomic_fetch_add(&asked->owner->answered, 1) != asked->number)
        atomic_fetch_add(&asked->owner->not_done, 1);
    free(asked);
}

static void *own(void *context)
{
    struct owner *owner = context;
    for (uint32_t i = 0; i < BATCHES; i++) {
        while (i - atomic_load(&owner->answered) >= IN_FLIGHT)
            usleep(100);
        owner->batches[i] = author_decide(
            &owner->author, (struct batch_shape){.events = 10 + i, .ledger = i, .blocks = i % 3});
        struct asked *asked = memory_take(sizeof *asked);
        *asked = (struct asked){owner, i};
        const struct batch *batch = owner->batches[i];
        store_commit(owner->author.store, &batch, 1, take_answer, asked);
        if (i % 16 == 0)
            store_flush(owner->author.store);
    }
    store_flush(owner->author.store);
    return NULL;
}

static bool count_row(void *context, const struct store_row *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return true;
}

static void *read_along(void *context)
{
    struct crowd *crowd = context;
    for (uint32_t p = 0; !atomic_load(&crowd->stop); p = (p + 1) % OWNERS) {
        uint64_t before = 0, after = 0;
        struct partition_head head;
        if (store_rows(crowd->store, p, 0, UINT64_MAX, count_row, &before, NULL) != ERR_OK ||
            store_head(crowd->store, p, &head, NULL) != ERR_OK ||
            store_rows(crowd->store, p, 0, head.seq, count_row, &after, NULL) != ERR_OK || after < before)
            atomic_fetch_add(&crowd->wrong, 1);
    }
    return NULL;
}

static void *operate(void *context)
{
    struct crowd *crowd = context;
    for (uint64_t i = 1; i <= ENTRIES; i++) {
        struct control_entry entry = {.kind = STR("pause"), .body = STR("{}")};
        uint64_t position = 0, epoch;
        struct partition_head head;
        if (store_control_append(crowd->store, &entry, &position, NULL) != ERR_OK || position != i ||
            store_claim(crowd->store, OWNERS, &epoch, &head, NULL) != ERR_OK || epoch != i)
            atomic_fetch_add(&crowd->wrong, 1);
    }
    return NULL;
}

static void begin_owner(struct crowd *crowd, uint32_t partition)
{
    struct owner *owner = &crowd->owners[partition];
    owner->author.prng.state = partition;
    author_begin(&owner->author, crowd->store, partition);
    assert_int_equal(pthread_create(&owner->thread, NULL, own, owner), 0);
}

/* The partition holds what its owner decided, row by row. */
static void end_owner(struct crowd *crowd, uint32_t partition)
{
    struct owner *owner = &crowd->owners[partition];
    assert_int_equal(pthread_join(owner->thread, NULL), 0);
    assert_int_equal(atomic_load(&owner->answered), BATCHES);
    assert_int_equal(atomic_load(&owner->not_done), 0);
    struct buf wanted = {0}, found = {0};
    text_of_head(&wanted, &owner->author.head);
    for (uint32_t i = 0; i < BATCHES; i++) {
        text_of_batch_rows(&wanted, owner->batches[i]);
        author_discard(owner->batches[i]);
    }
    assert_int_equal(text_of_partition(&found, crowd->store, partition, NULL), ERR_OK);
    text_end(&found);
    *strstr(found.data, "\nblock ") = '\0';
    text_end(&wanted);
    wanted.data[wanted.size - 1] = '\0';
    assert_string_equal(found.data, wanted.data);
    buf_deinit(&wanted);
    buf_deinit(&found);
}

static void a_crowd_at_one_writer_keeps_every_order(void **state)
{
    (void)state;
    char directory[] = "/tmp/sojourn-writer-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct crowd *crowd = memory_take_zeroed(1, sizeof *crowd);
    assert_int_equal(store_sqlite_open(directory, NULL, &crowd->store, NULL), ERR_OK);
    pthread_t readers[2], operator;
    for (uint32_t p = 0; p < OWNERS; p++)
        begin_owner(crowd, p);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_along, crowd), 0);
    assert_int_equal(pthread_create(&operator, NULL, operate, crowd), 0);
    for (uint32_t p = 0; p < OWNERS; p++)
        end_owner(crowd, p);
    assert_int_equal(pthread_join(operator, NULL), 0);
    atomic_store(&crowd->stop, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(atomic_load(&crowd->wrong), 0);
    store_close(crowd->store);
    free(crowd);
    static const char *const names[] = {"sojourn.db", "sojourn.lock"};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(directory), 0);
}

static void closing_does_what_is_queued_first(void **state)
{
    (void)state;
    char directory[] = "/tmp/sojourn-writer-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct owner owner = {0};
    struct store *store;
    assert_int_equal(store_sqlite_open(directory, NULL, &store, NULL), ERR_OK);
    author_begin(&owner.author, store, 0);
    for (uint32_t i = 0; i < BATCHES; i++) {
        owner.batches[i] = author_decide(&owner.author, (struct batch_shape){.events = 3});
        struct asked *asked = memory_take(sizeof *asked);
        *asked = (struct asked){&owner, i};
        const struct batch *batch = owner.batches[i];
        store_commit(store, &batch, 1, take_answer, asked);
    }
    store_close(store);
    assert_int_equal(atomic_load(&owner.answered), BATCHES);
    assert_int_equal(atomic_load(&owner.not_done), 0);
    for (uint32_t i = 0; i < BATCHES; i++)
        author_discard(owner.batches[i]);
    static const char *const names[] = {"sojourn.db", "sojourn.lock"};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_at_one_writer_keeps_every_order),
        cmocka_unit_test(closing_does_what_is_queued_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
