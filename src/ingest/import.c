#include "ingest/import.h"

#include <stdatomic.h>
#include <time.h>

#include "base/check.h"
#include "ingest/naming.h"

/* Chunks are small: what a partition takes at once delays a live record behind it. Three on their way keep
 * reader, engines and writer busy; the fourth waits until the first is durable. */
enum { CHUNK_ROWS_MAX = 1024, CHUNK_BYTES_MAX = 2 << 20, CHUNKS = 3, WAIT_MS = 5 };

struct import;
struct chunk_mail {
    struct mail mail; /* first */
    struct chunk *chunk;
};

struct chunk {
    struct import *import;
    struct arena arena;
    ARRAY(struct segment) segments;
    ARRAY(uint64_t) places;
    bool *repeated; /* of each, by the partitions */
    struct chunk_mail mails[STORE_PARTITIONS];
    _Atomic uint32_t left; /* mails that are not durable */
    bool away;             /* guarded by the import's mutex */
    size_t room;
    struct import_counts counts; /* what it adds */
};

struct import {
    const struct import_options *options;
    struct rows *rows;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct chunk chunks[CHUNKS];
    struct import_counts counts;
    uint64_t rejected; /* read so far */
};

/* ── marks ────────────────────────────────────────────────────────────────── */

enum err import_marks_read(struct store *store, uint64_t base, struct import_marks *ret,
                           struct err_detail *detail)
{
    struct import_marks marks = {0};
    for (uint32_t id = 0; id < store->partitions; id++) {
        struct partition_head head;
        enum err err = store_head(store, id, &head, detail);
        if (err)
            return err;
        marks.places[id] = head.input > base ? head.input - base : 0;
    }
    *ret = marks;
    return ERR_OK;
}

enum err import_base(struct store *store, uint64_t *ret_base, struct err_detail *detail)
{
    struct import_marks marks;
    enum err err = import_marks_read(store, 0, &marks, detail);
    if (err)
        return err;
    *ret_base = 0;
    for (uint32_t id = 0; id < store->partitions; id++)
        *ret_base = marks.places[id] > *ret_base ? marks.places[id] : *ret_base;
    return ERR_OK;
}

/* ── chunks ───────────────────────────────────────────────────────────────── */

static void on_durable(struct mail *mail, enum err err)
{
    struct chunk *chunk = ((struct chunk_mail *)mail)->chunk;
    struct import *import = chunk->import;
    CHECK(err == ERR_OK); /* whoever runs the crew ends imports before it */
    if (atomic_fetch_sub(&chunk->left, 1) > 1)
        return;
    pthread_mutex_lock(&import->mutex);
    chunk->away = false;
    pthread_cond_signal(&import->changed);
    pthread_mutex_unlock(&import->mutex);
}

static void add_counts(struct import_counts *to, const struct import_counts *from)
{
    to->bytes = from->bytes;
    to->rows += from->rows;
    to->taken += from->taken;
    to->rejected += from->rejected;
    to->duplicates += from->duplicates;
}

/* Waits until it is durable, counts it, and makes it empty. */
static void reap(struct import *import, struct chunk *chunk)
{
    if (chunk->counts.rows == 0)
        return;
    pthread_mutex_lock(&import->mutex);
    while (chunk->away)
        pthread_cond_wait(&import->changed, &import->mutex);
    pthread_mutex_unlock(&import->mutex);
    crew_room_give(import->options->crew, chunk->room);
    array_each (&chunk->segments, i) {
        chunk->counts.taken -= chunk->repeated[i];
        chunk->counts.duplicates += chunk->repeated[i];
    }
    add_counts(&import->counts, &chunk->counts);
    chunk->counts = (struct import_counts){0};
    chunk->room = 0;
    array_clear(&chunk->segments);
    array_clear(&chunk->places);
    arena_reset(&chunk->arena);
    import->options->on_counts(import->options->context, &import->counts);
}

/* ── reading ──────────────────────────────────────────────────────────────── */

static void reject(struct import *import, struct chunk *chunk, const struct row *row)
{
    chunk->counts.rejected++;
    import->rejected++;
    rejects_put(import->options->rejects, import->rows, row);
    import->options->on_reject(import->options->context, row);
}

/* Keeps a row for posting unless its partition has it. */
static void keep(struct import *import, struct chunk *chunk, const struct row *row)
{
    const struct import_options *o = import->options;
    uint32_t partition = partition_of(row->segment.hash, crew_partitions(o->crew));
    if (row->place <= o->before.places[partition]) {
        chunk->counts.duplicates++;
        return;
    }
    chunk->counts.taken++;
    if (row->place <= o->own.places[partition])
        return;
    struct segment *segment = array_push(&chunk->segments);
    *segment = row->segment;
    if (o->form == SEGMENT_CONTACT)
        segment->at_ms = INSTANT_NEVER; /* it is so from now on */
    *array_push(&chunk->places) = row->place;
}

/* True where the file goes on behind it. */
static bool read_chunk(struct import *import, struct chunk *chunk, enum err *ret_err,
                       struct err_detail *detail)
{
    struct row row;
    bool more = true;
    while (chunk->counts.rows < CHUNK_ROWS_MAX && chunk->arena.bytes < CHUNK_BYTES_MAX) {
        more = rows_next(import->rows, &chunk->arena, &row, ret_err, detail);
        if (!more)
            break;
        chunk->counts.rows++;
        if (row.rejected)
            reject(import, chunk, &row);
        else
            keep(import, chunk, &row);
    }
    chunk->counts.bytes = rows_position(import->rows);
    if (import->rejected > IMPORT_REJECTS_MAX) {
        *ret_err = err_fail(detail, ERR_LIMIT, "", "more than %d rows are rejected; look at the first ones",
                            IMPORT_REJECTS_MAX);
        return false;
    }
    return more;
}

/* ── posting ──────────────────────────────────────────────────────────────── */

static void wait_a_little(void)
{
    const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
    nanosleep(&pause, NULL);
}

/* Live records go first: where there is no room, the import waits. What is larger than all room goes alone.
 */
static bool take_room(struct import *import, struct chunk *chunk)
{
    struct crew *crew = import->options->crew;
    for (;;) {
        if (crew_room_take(crew, chunk->arena.bytes)) {
            chunk->room = chunk->arena.bytes;
            return true;
        }
        for (size_t i = 0; i < CHUNKS; i++) {
            if (&import->chunks[i] != chunk)
                reap(import, &import->chunks[i]);
        }
        if (crew_room_used(crew) == 0)
            return true;
        if (!import->options->go_on(import->options->context))
            return false;
        wait_a_little();
    }
}

/* A store that is full or busy may take the names later. */
static enum err ensure_names(struct import *import, struct chunk *chunk, struct err_detail *detail)
{
    const struct import_options *o = import->options;
    for (;;) {
        enum err err =
            naming_ensure(o->crew, o->control, chunk->segments.items, chunk->segments.count, detail);
        if (err != ERR_FULL && err != ERR_BUSY)
            return err;
        if (!o->go_on(o->context))
            return ERR_REFUSED;
        wait_a_little();
    }
}

static struct input input_of(const struct import_options *options, const struct segment *segment,
                             uint64_t place, struct binding *binding, struct arena *arena)
{
    struct input input = {.kind = INPUT_RECORD,
                          .number = options->base + place,
                          .record = segment_record(segment, binding, arena)};
    input.record.history = !options->live && segment->kind == EVENT_TRACK;
    return input;
}

/* Each partition's inputs side by side, in the order of the file. */
static void bind(struct import *import, struct chunk *chunk)
{
    const struct import_options *o = import->options;
    struct binding binding = {.control = o->control};
    uint32_t partitions = crew_partitions(o->crew);
    size_t counts[STORE_PARTITIONS] = {0};
    struct input *inputs[STORE_PARTITIONS];
    array_each (&chunk->segments, i)
        counts[partition_of(chunk->segments.items[i].hash, partitions)]++;
    for (uint32_t p = 0; p < partitions; p++) {
        inputs[p] = counts[p] ? arena_take_array(&chunk->arena, counts[p], sizeof *inputs[p]) : NULL;
        chunk->mails[p] = (struct chunk_mail){
            .mail = {.lane = LANE_RECORDS, .done = on_durable, .inputs = {inputs[p], counts[p]}},
            .chunk = chunk};
        counts[p] = 0;
    }
    chunk->repeated = arena_take_array(&chunk->arena, chunk->segments.count, sizeof *chunk->repeated);
    crew_control_read(o->crew);
    array_each (&chunk->segments, i) {
        const struct segment *segment = &chunk->segments.items[i];
        uint32_t p = partition_of(segment->hash, partitions);
        struct input *input = &inputs[p][counts[p]++];
        *input = input_of(o, segment, chunk->places.items[i], &binding, &chunk->arena);
        input->record.repeated = &chunk->repeated[i];
    }
    crew_control_unlock(o->crew);
}

static enum err post(struct import *import, struct chunk *chunk, struct err_detail *detail)
{
    struct crew *crew = import->options->crew;
    uint32_t partitions = crew_partitions(crew), wanted = 0;
    if (chunk->segments.count == 0)
        return ERR_OK;
    enum err err = ensure_names(import, chunk, detail);
    if (err)
        return err;
    bind(import, chunk);
    if (!take_room(import, chunk))
        return err_fail(detail, ERR_REFUSED, "", "stopped");
    for (uint32_t p = 0; p < partitions; p++)
        wanted += chunk->mails[p].mail.inputs.count > 0;
    atomic_store(&chunk->left, wanted);
    chunk->away = true;
    for (uint32_t p = 0; p < partitions; p++) {
        if (chunk->mails[p].mail.inputs.count)
            crew_post(crew, p, &chunk->mails[p].mail);
    }
    return ERR_OK;
}

/* ── the whole ────────────────────────────────────────────────────────────── */

static enum err run(struct import *import, struct err_detail *detail)
{
    const struct import_options *o = import->options;
    size_t next = 0;
    enum err err = ERR_OK;
    for (bool more = true; more && !err; next = (next + 1) % CHUNKS) {
        struct chunk *chunk = &import->chunks[next];
        reap(import, chunk);
        if (!o->go_on(o->context))
            err = err_fail(detail, ERR_REFUSED, "", "stopped");
        else
            more = read_chunk(import, chunk, &err, detail);
        /* what was read before the file's fault is taken: the marks say so when it comes again */
        struct err_detail unposted = {"", ""};
        enum err failed = chunk->counts.rows ? post(import, chunk, &unposted) : ERR_OK;
        if (failed) {
            chunk->counts = (struct import_counts){0}; /* nothing of it was taken */
            err = failed;
            *detail = unposted;
        }
    }
    for (size_t i = 0; i < CHUNKS; i++)
        reap(import, &import->chunks[(next + i) % CHUNKS]);
    enum err unwritten = rejects_finish(o->rejects, err ? NULL : detail);
    return err ? err : unwritten;
}

enum err import_run(const struct import_options *options, struct err_detail *detail)
{
    struct import *import = memory_take_zeroed(1, sizeof *import);
    import->options = options;
    import->rows = rows_new(options->fd, options->name, options->form);
    CHECK(pthread_mutex_init(&import->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&import->changed, NULL) == 0);
    for (size_t i = 0; i < CHUNKS; i++)
        import->chunks[i].import = import;
    enum err err = run(import, detail);
    for (size_t i = 0; i < CHUNKS; i++) {
        array_free(&import->chunks[i].segments);
        array_free(&import->chunks[i].places);
        arena_deinit(&import->chunks[i].arena);
    }
    pthread_cond_destroy(&import->changed);
    pthread_mutex_destroy(&import->mutex);
    rows_free(import->rows);
    free(import);
    return err;
}
