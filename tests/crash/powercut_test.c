/* powercut [--seeds N] [--first SEED] [--ignore-sync]
 *
 * Each seed: the real SQLite store on a disk that loses power at some operation, up to three times in a row,
 * with random batches over several partitions, blocks, totals, effects and control entries. After each cut
 * the store is opened again and must hold, of each partition, exactly the batches up to some one that is not
 * before the last answered DONE: no batch half, no block ahead of its head. The memory store, given the same
 * batches, says what that looks like.
 *
 * A seed does the same each time but for where exactly the writer's checkpoint stands when the power goes
 * between two actions.
 *
 * With --ignore-sync the disk keeps nothing at a sync; the test then succeeds only if it finds that something
 * was lost. */
#include <getopt.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/check.h"
#include "powercut_vfs.h"
#include "store/memory/store_memory.h"
#include "store/sqlite/store_sqlite.h"
#include "store/store_author.h"

enum { PARTITIONS = 4, CUTS_MAX = 3, ACTIONS_MAX = 40, IN_ONE_COMMIT_MAX = 3 };

struct decided {
    struct batch *batch;
    bool done; /* answered so */
};

struct attempt { /* an effect row of delivery's own, known by its time */
    int64_t at_ms;
    bool done, seen;
};

struct world {
    uint64_t seed;
    struct prng prng;
    char directory[64];
    struct store *store;
    struct author authors[PARTITIONS];
    uint64_t epochs[PARTITIONS]; /* claimed and answered */
    ARRAY(struct decided) batches[PARTITIONS];
    ARRAY(struct attempt) attempts;
    uint64_t done; /* batches, since the last cut */
    uint64_t control_done, control_asked, attempts_asked;
    char trouble[1024];
};

static bool complain(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool complain(struct world *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(world->trouble, sizeof world->trouble, format, args);
    va_end(args);
    return false;
}

/* ── until the power goes ───────────────────────────────────────────────────── */

static struct batch_shape some_shape(struct prng *prng)
{
    uint32_t scale = prng_chance(prng, 10) ? 400 : 12;
    return (struct batch_shape){.events = (uint32_t)prng_below(prng, scale),
                                .ledger = (uint32_t)prng_below(prng, scale),
                                .effects = (uint32_t)prng_below(prng, 4),
                                .stats = (uint32_t)prng_below(prng, 8),
                                .blocks = prng_chance(prng, 40) ? (uint32_t)prng_below(prng, 6) : 0};
}

struct commit {
    struct world *world;
    uint32_t partitions[IN_ONE_COMMIT_MAX];
    size_t at[IN_ONE_COMMIT_MAX];
};

static void take_answers(void *context, const enum commit_status *statuses, size_t count,
                         const struct err_detail *detail)
{
    struct commit *commit = context;
    for (size_t i = 0; i < count; i++) {
        bool done = statuses[i] == COMMIT_DONE;
        commit->world->batches[commit->partitions[i]].items[commit->at[i]].done = done;
        commit->world->done += done;
        if (!done && (statuses[i] != COMMIT_FAILED || detail->text[0] == '\0'))
            complain(commit->world, "a commit without power was answered %s '%s'",
                     commit_status_name(statuses[i]), detail->text);
    }
}

static void commit_some(struct world *world)
{
    struct commit commit = {.world = world};
    const struct batch *batches[IN_ONE_COMMIT_MAX];
    size_t count = 1 + prng_below(&world->prng, IN_ONE_COMMIT_MAX);
    for (size_t i = 0; i < count; i++) {
        uint32_t partition = (uint32_t)prng_below(&world->prng, PARTITIONS);
        struct batch *batch = author_decide(&world->authors[partition], some_shape(&world->prng));
        *array_push(&world->batches[partition]) = (struct decided){.batch = batch};
        commit.partitions[i] = partition;
        commit.at[i] = world->batches[partition].count - 1;
        batches[i] = batch;
    }
    store_commit(world->store, batches, count, take_answers, &commit);
    store_flush(world->store); /* each group is then one commit, and a seed always does the same */
}

static void put_attempts(struct world *world)
{
    int64_t at_ms = (int64_t)++world->attempts_asked;
    struct store_effect attempt = {
        0, {.seq = store_seq_take(world->store, 0, 1), .at_ms = at_ms, .kind = EFFECT_ATTEMPTED}};
    bool done = store_effects_put(world->store, &attempt, 1, NULL) == ERR_OK;
    *array_push(&world->attempts) = (struct attempt){.at_ms = at_ms, .done = done};
}

static void append_control(struct world *world)
{
    struct control_entry entry = {
        .kind = STR("pause"), .body = STR("{}"), .at_ms = (int64_t)++world->control_asked};
    uint64_t position;
    if (store_control_append(world->store, &entry, &position, NULL) == ERR_OK)
        world->control_done = position;
}

/* Of the partition's batches, those up to the stored head are there; the others are lost, which none may be
 * that was answered DONE. */
static bool settle(struct world *world, uint32_t partition, const struct partition_head *head)
{
    struct decided *items = world->batches[partition].items;
    size_t count = world->batches[partition].count;
    while (count > 0 && (items[count - 1].batch->head.seq != head->seq ||
                         items[count - 1].batch->head.now_ms != head->now_ms))
        count--;
    if (count == 0 && head->seq != 0)
        return complain(world, "partition %u: no batch ends at the stored seq %" PRIu64, partition,
                        head->seq);
    for (size_t i = count; i < world->batches[partition].count; i++) {
        if (items[i].done)
            return complain(world, "partition %u: batch %zu was answered DONE and is lost", partition, i);
    }
    while (world->batches[partition].count > count)
        author_discard(items[--world->batches[partition].count].batch);
    return true;
}

/* Opens, claims, works. False: the store found fault with what the last cut had left. */
static bool work(struct world *world)
{
    struct store_sqlite_options options = {.vfs = POWERCUT_VFS,
                                           .wal_pages = 1 + (uint32_t)prng_below(&world->prng, 60)};
    struct err_detail detail = {0};
    enum err err = store_sqlite_open(world->directory, &options, &world->store, &detail);
    if (err)
        return powercut_is_cut() || complain(world, "open: %s: %s", detail.place, detail.text);
    bool fine = true;
    uint32_t claimed = 0;
    for (; claimed < PARTITIONS; claimed++) {
        struct author *author = &world->authors[claimed];
        author->store = world->store;
        author->partition = claimed;
        if (store_claim(world->store, claimed, &author->epoch, &author->head, NULL) != ERR_OK)
            break;
        world->epochs[claimed] = author->epoch;
        fine = fine && settle(world, claimed, &author->head);
    }
    fine = fine && (claimed == PARTITIONS || powercut_is_cut() || complain(world, "claim failed"));
    size_t actions = prng_below(&world->prng, ACTIONS_MAX);
    for (size_t i = 0; claimed == PARTITIONS && i < actions && fine && !powercut_is_cut(); i++) {
        if (prng_chance(&world->prng, 8))
            append_control(world);
        else if (prng_chance(&world->prng, 8))
            put_attempts(world);
        else
            commit_some(world);
    }
    if (prng_chance(&world->prng, 70))
        powercut_cut(); /* else closing may be cut too */
    store_close(world->store);
    world->store = NULL;
    powercut_cut();
    return fine && world->trouble[0] == '\0';
}

/* ── what is left ───────────────────────────────────────────────────────────── */

static bool put_effect(void *text, uint32_t partition, const struct effect_row *row)
{
    text_of_effect(text, partition, row);
    return true;
}

static bool put_stat(void *text, const struct stat_row *row)
{
    text_of_stat(text, row);
    return true;
}

static bool put_totals(struct buf *text, struct store *store, uint32_t partition)
{
    bool read = true;
    for (uint16_t version = 0; version < 2; version++) {
        read = read && store_stat_keys(store, partition, version, INT64_MAX, put_stat, text, NULL) == ERR_OK;
        for (uint8_t kind = 0; kind < STAT_KINDS; kind++) {
            struct stat_row row = {0};
            struct stat_key key = {.version = version, .node = 1, .kind = kind, .outcome = 1};
            read = read && store_stat(store, partition, key, 10, &row, NULL) == ERR_OK;
            text_of_stat(text, &row);
        }
    }
    return read;
}

/* The limit turns 0 where a block is not below it. */
static bool check_block(void *context, const struct block *block)
{
    uint64_t *limit = context;
    if (block->seq >= *limit)
        *limit = 0;
    return *limit != 0;
}

static bool check_head(struct world *world, uint32_t partition)
{
    struct partition_head head;
    struct err_detail detail = {0};
    if (store_head(world->store, partition, &head, &detail) != ERR_OK)
        return complain(world, "head of partition %u: %s", partition, detail.text);
    uint64_t limit = head.seq + 1;
    if (store_blocks(world->store, partition, check_block, &limit, &detail) != ERR_OK)
        return complain(world, "blocks of partition %u: %s", partition, detail.text);
    if (limit == 0)
        return complain(world, "partition %u: a block is ahead of seq %" PRIu64, partition, head.seq);
    return settle(world, partition, &head);
}

static void keep_status(void *context, const enum commit_status *statuses, size_t count,
                        const struct err_detail *detail)
{
    (void)detail, (void)count;
    *(enum commit_status *)context = statuses[0];
}

/* The same batches in a store that can't lose power. */
static void repeat(struct world *world, struct store *memory, uint32_t partition)
{
    uint64_t epoch = 0;
    array_each (&world->batches[partition], i) {
        const struct batch *batch = world->batches[partition].items[i].batch;
        struct partition_head head;
        while (epoch < batch->epoch)
            CHECK(store_claim(memory, partition, &epoch, &head, NULL) == ERR_OK);
        enum commit_status status = COMMIT_FAILED;
        store_commit(memory, &batch, 1, keep_status, &status);
        CHECK(status == COMMIT_DONE);
    }
}

static bool compare_partition(struct world *world, struct store *memory, uint32_t partition)
{
    struct buf wanted = {0}, found = {0};
    struct err_detail detail = {0};
    CHECK(text_of_partition(&wanted, memory, partition, NULL) == ERR_OK &&
          put_totals(&wanted, memory, partition));
    if (text_of_partition(&found, world->store, partition, &detail) != ERR_OK ||
        !put_totals(&found, world->store, partition))
        complain(world, "reading partition %u: %s", partition, detail.text);
    bool equal = str_equal(buf_str(&wanted), buf_str(&found));
    size_t at = 0;
    while (!equal && at < wanted.size && at < found.size && wanted.data[at] == found.data[at])
        at++;
    if (!equal && !world->trouble[0])
        complain(world, "partition %u differs from its batches: …%.60s… instead of …%.60s…", partition,
                 text_end(&found) + at, text_end(&wanted) + at);
    buf_deinit(&wanted);
    buf_deinit(&found);
    return equal;
}

struct effects_seen {
    struct world *world;
    struct buf of_batches;
};

static bool take_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct effects_seen *seen = context;
    array_each (&seen->world->attempts, i) {
        struct attempt *attempt = &seen->world->attempts.items[i];
        if (row->at_ms == attempt->at_ms && partition == 0) {
            attempt->seen = true;
            return true;
        }
    }
    text_of_effect(&seen->of_batches, partition, row);
    return true;
}

static bool check_effects(struct world *world, struct store *memory)
{
    struct buf wanted = {0};
    struct effects_seen seen = {.world = world};
    array_each (&world->attempts, i)
        world->attempts.items[i].seen = false;
    CHECK(store_effects(memory, 0, put_effect, &wanted, NULL) == ERR_OK);
    bool equal = store_effects(world->store, 0, take_effect, &seen, NULL) == ERR_OK &&
                 str_equal(buf_str(&wanted), buf_str(&seen.of_batches));
    buf_deinit(&wanted);
    buf_deinit(&seen.of_batches);
    if (!equal)
        return complain(world, "the effect rows differ from those of the batches");
    size_t kept = 0;
    array_each (&world->attempts, i) {
        const struct attempt *attempt = &world->attempts.items[i];
        if (attempt->done && !attempt->seen)
            return complain(world, "attempt %" PRId64 " was answered and is lost", attempt->at_ms);
        if (attempt->seen)
            world->attempts.items[kept++] = (struct attempt){.at_ms = attempt->at_ms, .done = true};
    }
    world->attempts.count = kept;
    return true;
}

static bool count_control(void *context, const struct control_entry *entry)
{
    uint64_t *count = context;
    return entry->position == ++*count;
}

static bool check_control(struct world *world)
{
    uint64_t count = 0;
    if (store_control_after(world->store, 0, count_control, &count, NULL) != ERR_OK ||
        count < world->control_done || count > world->control_asked)
        return complain(world, "%" PRIu64 " control entries were answered and %" PRIu64 " are there",
                        world->control_done, count);
    world->control_done = world->control_asked = count;
    return true;
}

static bool check_epochs(struct world *world)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint64_t epoch = 0;
        struct partition_head head;
        if (store_claim(world->store, p, &epoch, &head, NULL) != ERR_OK || epoch <= world->epochs[p])
            return complain(world, "partition %u: epoch %" PRIu64 " was given twice", p, epoch);
        world->epochs[p] = epoch;
    }
    return true;
}

static bool check_integrity(struct world *world)
{
    char path[96];
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    snprintf(path, sizeof path, "%s/sojourn.db", world->directory);
    bool fine = false;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, POWERCUT_VFS) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        fine = strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    if (!fine)
        complain(world, "integrity_check: %s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return fine;
}

static bool check_store(struct world *world)
{
    struct store *memory = store_memory_new(PARTITIONS);
    bool fine = true;
    for (uint32_t p = 0; fine && p < PARTITIONS; p++) {
        fine = check_head(world, p);
        if (fine)
            repeat(world, memory, p);
        fine = fine && compare_partition(world, memory, p);
    }
    fine = fine && check_effects(world, memory) && check_control(world) && check_epochs(world);
    store_close(memory);
    return fine;
}

/* Looks at what the cut left, with the power on. */
static bool check(struct world *world)
{
    struct err_detail detail = {0};
    struct store_sqlite_options options = {.vfs = POWERCUT_VFS};
    enum err err = store_sqlite_open(world->directory, &options, &world->store, &detail);
    if (err)
        return complain(world, "open after the cut: %s: %s", detail.place, detail.text);
    bool fine = check_store(world);
    store_close(world->store);
    world->store = NULL;
    return fine && check_integrity(world);
}

/* ── seeds ──────────────────────────────────────────────────────────────────── */

struct tally {
    uint64_t cuts, operations, by_op[POWERCUT_NONE + 1][2], done;
};

static void world_deinit(struct world *world)
{
    static const char *const names[] = {"sojourn.db", "sojourn.db-wal", "sojourn.db-shm",
                                        "sojourn.db-journal", "sojourn.lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", world->directory, names[i]);
        unlink(path);
    }
    rmdir(world->directory);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        array_each (&world->batches[p], i)
            author_discard(world->batches[p].items[i].batch);
        array_free(&world->batches[p]);
    }
    array_free(&world->attempts);
}

/* Mostly in the midst of work, at times while the file is being made, at times at the rarer operations. */
static void arm(struct prng *prng)
{
    switch (prng_below(prng, 8)) {
    case 0: powercut_arm(POWERCUT_NONE, 1 + prng_below(prng, 40)); break;
    case 1: powercut_arm(POWERCUT_SYNC, 1 + prng_below(prng, 40)); break;
    case 2: powercut_arm(POWERCUT_TRUNCATE, 1 + prng_below(prng, 3)); break;
    case 3: powercut_arm(POWERCUT_DELETE, 1 + prng_below(prng, 2)); break;
    default: powercut_arm(POWERCUT_NONE, 1 + prng_below(prng, 500)); break;
    }
}

static bool run_seed(uint64_t seed, bool ignore_syncs, struct tally *tally, char trouble[1024])
{
    struct world world = {.seed = seed, .prng = {seed}};
    snprintf(world.directory, sizeof world.directory, "/tmp/sojourn-powercut-XXXXXX");
    CHECK(mkdtemp(world.directory));
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)seed, NULL);
    powercut_begin(seed, ignore_syncs);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        world.authors[p].prng.state = prng_next(&world.prng);
    bool fine = true;
    size_t cuts = 1 + prng_below(&world.prng, CUTS_MAX);
    for (size_t i = 0; fine && i < cuts; i++) {
        world.prng.state = seed * CUTS_MAX + i; /* whatever the threads' timing drew before */
        arm(&world.prng);
        fine = work(&world);
        if (!fine)
            break;
        struct powercut_report report = powercut_restore();
        tally->cuts++;
        tally->operations += report.operations;
        tally->by_op[report.at][report.of_wal]++;
        tally->done += world.done;
        world.done = 0;
        bool look =
            i + 1 == cuts || prng_chance(&world.prng, 50); /* else the next cut may hit the recovery */
        fine = !look || check(&world);
    }
    snprintf(trouble, 1024, "%s", world.trouble);
    powercut_end();
    world_deinit(&world);
    return fine;
}

static void print_tally(const struct tally *tally)
{
    static const char *const ops[] = {"write", "truncate", "sync", "delete", "none"};
    printf("%" PRIu64 " cuts, after %" PRIu64 " operations and %" PRIu64 " batches answered DONE:",
           tally->cuts, tally->operations, tally->done);
    for (size_t op = 0; op <= POWERCUT_NONE; op++)
        printf(" %s %" PRIu64 " database, %" PRIu64 " WAL;", ops[op], tally->by_op[op][0],
               tally->by_op[op][1]);
    printf("\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
                                            {"first", required_argument, NULL, 'f'},
                                            {"ignore-sync", no_argument, NULL, 'i'},
                                            {0}};
    int64_t seeds = 100, first = 1;
    bool ignore_syncs = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool valid = option == 'i' || (option == 'n' && str_to_int64(str_from(optarg), &seeds)) ||
                     (option == 'f' && str_to_int64(str_from(optarg), &first));
        ignore_syncs = ignore_syncs || option == 'i';
        if (!valid) {
            fprintf(stderr, "usage: powercut [--seeds N] [--first SEED] [--ignore-sync]\n");
            return 2;
        }
    }
    int64_t rounds;
    const char *soak =
        getenv("CRASH_ROUNDS"); /* of `make soak`: a round of the others takes as long as 20 seeds */
    if (soak && !ignore_syncs && str_to_int64(str_from(soak), &rounds) && rounds * 20 > seeds)
        seeds = rounds * 20;
    powercut_register();
    struct tally tally = {0};
    int64_t lost = 0;
    for (int64_t seed = first; seed < first + seeds; seed++) {
        char trouble[1024];
        if (run_seed((uint64_t)seed, ignore_syncs, &tally, trouble))
            continue;
        lost++;
        if (!ignore_syncs)
            printf("seed %" PRId64 ": %s\n  again: powercut --first %" PRId64 " --seeds 1\n", seed, trouble,
                   seed);
    }
    print_tally(&tally);
    printf("%" PRId64 " of %" PRId64 " seeds lost something%s\n", lost, seeds,
           ignore_syncs ? ", as they must where syncs are ignored" : "");
    return ignore_syncs ? lost == 0 : lost != 0;
}
