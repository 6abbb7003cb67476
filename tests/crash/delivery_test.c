/* A process that delivers is killed with -9 at random moments, at writes and syncs of its own, and started
 * again on what it left, until CRASH_ROUNDS (100) kills are done. After some of the kills, bytes of lines
 * that no closing row speaks of are torn or holed, as a power cut would have done. In the end each activation
 * that the ledger calls sent stands in its destination's file once, and nothing else does. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h needs what is above */
#include <cmocka.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/prng.h"
#include "delivery_worker.h"
#include "store/sqlite/store_sqlite.h"
#include "json/reader.h"

enum { RECORDS = 2000, SECONDS_MAX = 120 };
static const char *const destinations[] = {"crm", "mailer"};

struct effect { /* of the store */
    char key[EFFECT_KEY_BYTES];
    uint64_t seq;
    uint8_t destination; /* number in `destinations` */
    uint8_t closed;      /* EFFECT_OPENED = it is open */
    uint32_t attempts, lines;
};

struct ledger {
    ARRAY(struct effect) effects; /* by seq */
    struct map by_key;
    struct str sought;
};

struct tally {
    uint64_t kills, kills_by_itself, uncertain, damaged, sent, cancelled;
};

/* ── what the store says ──────────────────────────────────────────────────── */

static bool is_key(const void *context, uint32_t value)
{
    const struct ledger *ledger = context;
    return str_equal(str_from(ledger->effects.items[value].key), ledger->sought);
}

static uint64_t hash_of(const void *context, uint32_t value)
{
    const struct ledger *ledger = context;
    return hash_str(str_from(ledger->effects.items[value].key));
}

static struct effect *find_key(struct ledger *ledger, struct str key)
{
    uint32_t index;
    ledger->sought = key;
    return map_find(&ledger->by_key, hash_str(key), is_key, ledger, &index) ? &ledger->effects.items[index]
                                                                            : NULL;
}

static bool on_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct ledger *ledger = context;
    char key[EFFECT_KEY_BYTES];
    effect_key(partition, row, key);
    struct effect *effect = find_key(ledger, str_from(key));
    if (row->kind == EFFECT_OPENED) {
        assert_null(effect); /* no key is given twice */
        effect = array_push(&ledger->effects);
        *effect = (struct effect){.seq = row->seq, .closed = EFFECT_OPENED};
        memcpy(effect->key, key, sizeof key);
        effect->destination = !str_equal(row->destination_name, str_from(destinations[0]));
        map_add(&ledger->by_key, hash_str(str_from(effect->key)), (uint32_t)ledger->effects.count - 1,
                hash_of, ledger);
        return true;
    }
    assert_non_null(effect);
    assert_int_equal(effect->seq, row->effect);
    if (row->kind == EFFECT_ATTEMPTED) {
        effect->attempts++;
        return true;
    }
    assert_int_equal(effect->closed, EFFECT_OPENED); /* nothing is closed twice */
    effect->closed = row->kind;
    return true;
}

static void read_ledger(const struct worker_options *options, struct ledger *ret)
{
    const struct store_sqlite_options read_only = {.read_only = true};
    struct store *store;
    struct err_detail detail = {0};
    *ret = (struct ledger){0};
    enum err err = store_sqlite_open(options->directory, &read_only, &store, &detail);
    if (err == ERR_NOT_FOUND)
        return; /* killed before there was anything */
    if (err)
        fail_msg("the store: %s %s", detail.place, detail.text);
    assert_int_equal(store_effects(store, 0, on_effect, ret, &detail), ERR_OK);
    store_close(store);
}

static void free_ledger(struct ledger *ledger)
{
    array_free(&ledger->effects);
    map_deinit(&ledger->by_key);
}

/* ── what the files say ───────────────────────────────────────────────────── */

static struct buf read_file(const struct worker_options *options, const char *destination)
{
    char path[WORKER_PATH_BYTES], bytes[16384];
    struct buf text = {0};
    worker_file(options, destination, path);
    int fd = open(path, O_RDONLY);
    for (ssize_t count; fd >= 0 && (count = read(fd, bytes, sizeof bytes)) > 0;)
        buf_put(&text, bytes, (size_t)count);
    if (fd >= 0)
        close(fd);
    return text;
}

static struct str key_of(struct json_reader *reader, struct str line, const char *destination)
{
    struct json_node root, key = {{0}}, name = {{0}};
    if (json_reader_parse(reader, line, &root, NULL) || !json_node_find(root, STR("key"), &key) ||
        !json_node_find(root, STR("destination"), &name))
        fail_msg("no line of ours: %.*s", STR_ARG(line));
    assert_true(str_equal(json_node_string(name), str_from(destination)));
    return json_node_string(key);
}

static void count_lines(const struct worker_options *options, struct ledger *ledger, uint8_t number)
{
    struct buf text = read_file(options, destinations[number]);
    struct json_reader *reader = json_reader_new();
    struct str rest = buf_str(&text);
    while (rest.size) {
        const char *newline = memchr(rest.data, '\n', rest.size);
        assert_non_null(newline); /* no torn line */
        struct str line = {rest.data, (size_t)(newline - rest.data)};
        struct effect *effect = find_key(ledger, key_of(reader, line, destinations[number]));
        if (!effect)
            fail_msg("the ledger does not know this one: %.*s", STR_ARG(line));
        assert_int_equal(effect->destination, number);
        effect->lines++;
        rest.data += line.size + 1;
        rest.size -= line.size + 1;
    }
    json_reader_free(reader);
    buf_deinit(&text);
}

static void check_end(const struct worker_options *options, struct tally *tally)
{
    struct ledger ledger;
    read_ledger(options, &ledger);
    for (uint8_t d = 0; d < 2; d++)
        count_lines(options, &ledger, d);
    array_each (&ledger.effects, i) {
        const struct effect *effect = &ledger.effects.items[i];
        bool sent = effect->closed == EFFECT_SENT;
        if (!sent && effect->closed != EFFECT_CANCELLED)
            fail_msg("%s is %s", effect->key, effect_kind_name(effect->closed));
        /* one that was attempted in vain may be held at the next start, and leave */
        bool attempted = sent ? effect->attempts == 1 : effect->attempts <= 1;
        if (effect->lines != sent || !attempted)
            fail_msg("%s, %s, has %u lines and %u attempts", effect->key, effect_kind_name(effect->closed),
                     effect->lines, effect->attempts);
        tally->sent += sent;
        tally->cancelled += !sent;
    }
    assert_true(ledger.effects.count > RECORDS / 2);
    free_ledger(&ledger);
}

/* ── what a power cut would have done ─────────────────────────────────────── */

/* Where the last lines begin that no closing row speaks of. */
static size_t open_from(struct ledger *ledger, struct str text)
{
    static const size_t before_key = sizeof "{\"key\":\"" - 1;
    size_t from = text.size;
    while (from > 0) {
        const char *newline = from > 1 ? memrchr(text.data, '\n', from - 1) : NULL;
        size_t begin = newline ? (size_t)(newline + 1 - text.data) : 0;
        const char *quote = from - begin > before_key
                                ? memchr(text.data + begin + before_key, '"', from - begin - before_key)
                                : NULL;
        if (quote) {
            struct str key = {text.data + begin + before_key, 0};
            key.size = (size_t)(quote - key.data);
            const struct effect *effect = find_key(ledger, key);
            if (effect && effect->closed != EFFECT_OPENED)
                break;
        }
        from = begin;
    }
    return from;
}

static void damage(const struct worker_options *options, struct ledger *ledger, struct prng *prng,
                   struct tally *tally)
{
    for (uint8_t d = 0; d < 2; d++) {
        struct buf text = read_file(options, destinations[d]);
        size_t from = open_from(ledger, buf_str(&text));
        if (from < text.size && prng_chance(prng, 60)) {
            size_t hole = from + prng_below(prng, text.size - from),
                   size = 1 + prng_below(prng, text.size - hole);
            if (prng_chance(prng, 50))
                memset(text.data + hole, 0, size);
            else
                text.size = hole;
            char path[WORKER_PATH_BYTES];
            worker_file(options, destinations[d], path);
            int fd = open(path, O_WRONLY | O_TRUNC);
            assert_true(fd >= 0);
            assert_int_equal(write(fd, text.data, text.size), (ssize_t)text.size);
            close(fd);
            tally->damaged++;
        }
        buf_deinit(&text);
    }
}

static void after_kill(const struct worker_options *options, struct prng *prng, struct tally *tally)
{
    struct ledger ledger;
    bool uncertain = false;
    read_ledger(options, &ledger);
    array_each (&ledger.effects, i)
        uncertain |= ledger.effects.items[i].attempts > 0 && ledger.effects.items[i].closed == EFFECT_OPENED;
    tally->uncertain += uncertain;
    if (prng_chance(prng, 80))
        damage(options, &ledger, prng, tally);
    free_ledger(&ledger);
}

/* ── killing ──────────────────────────────────────────────────────────────── */

/* Lets it work for some rounds and a moment; true where it was killed in time. */
static bool run_and_kill(struct worker_options *options, struct prng *prng, bool kill_it, struct tally *tally)
{
    int pipe_ends[2], status;
    char bytes[64];
    bool by_itself = kill_it && prng_chance(prng, 50);
    assert_int_equal(pipe(pipe_ends), 0);
    options->progress = pipe_ends[1];
    options->die_at = by_itself ? 1 + prng_below(prng, 1500) : 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipe_ends[0]);
        alarm(SECONDS_MAX);
        worker_run(options);
    }
    close(pipe_ends[1]);
    int64_t rounds = kill_it && !by_itself ? (int64_t)prng_below(prng, 30) : INT64_MAX;
    for (ssize_t count;
         rounds > 0 && (count = read(pipe_ends[0], bytes, rounds < 64 ? (size_t)rounds : 64)) > 0;)
        rounds -= count;
    if (kill_it && !by_itself) {
        usleep((useconds_t)prng_below(prng, 12000));
        kill(pid, SIGKILL);
    }
    close(pipe_ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the process ended by itself, wait status %d", status);
    tally->kills++;
    tally->kills_by_itself += by_itself;
    return true;
}

static void make_directory(struct worker_options *options)
{
    *options = (struct worker_options){.records = RECORDS};
    snprintf(options->directory, sizeof options->directory, "/tmp/sojourn-delivery-XXXXXX");
    assert_non_null(mkdtemp(options->directory));
}

static void remove_directory(const struct worker_options *options)
{
    char command[WORKER_PATH_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf %s", options->directory);
    assert_int_equal(system(command), 0);
}

static void killed_at_any_moment_each_activation_goes_out_once(void **state)
{
    (void)state;
    const char *asked = getenv("CRASH_ROUNDS");
    int64_t rounds = 100;
    if (asked && !str_to_int64(str_from(asked), &rounds))
        fail_msg("CRASH_ROUNDS is to be a number, not %s", asked);
    struct tally tally = {0};
    struct prng prng = {7};
    while ((int64_t)tally.kills < rounds || tally.sent == 0) {
        struct worker_options options;
        make_directory(&options);
        while (run_and_kill(&options, &prng, (int64_t)tally.kills < rounds, &tally))
            after_kill(&options, &prng, &tally);
        check_end(&options, &tally);
        remove_directory(&options);
    }
    print_message(
        "# %lu kills, %lu of them at a write or sync; effects were uncertain after %lu; %lu files damaged; "
        "%lu sent, %lu cancelled\n",
        (unsigned long)tally.kills, (unsigned long)tally.kills_by_itself, (unsigned long)tally.uncertain,
        (unsigned long)tally.damaged, (unsigned long)tally.sent, (unsigned long)tally.cancelled);
    assert_true(tally.cancelled > 0);
    if (rounds >= 100) /* else the test has not looked at what it is for */
        assert_true(tally.uncertain > 0 && tally.damaged > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment_each_activation_goes_out_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
