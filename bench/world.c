#include "bench/world.h"

#include <stdio.h>

#include "base/check.h"
#include "json/document.h"

enum { ID_BYTES = 16 };

struct world {
    const struct bench *bench;
    struct data_directory directory;
    struct crew *crew;
    _Atomic int64_t now_ms;   /* where the clock stands */
    _Atomic int64_t ahead_ms; /* where it runs: how far ahead of the real one */
    _Atomic bool runs;
    world_durable *on_durable;
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t posted, answered; /* mails; guarded */
};

/* One a partition and post; goes with its answer. */
struct parcel {
    struct mail mail; /* first */
    struct world *world;
    struct input *inputs;
    char (*ids)[ID_BYTES];
};

int64_t world_now(const struct world *world)
{
    if (atomic_load(&world->runs))
        return world->bench->environment->wall_ms() + atomic_load(&world->ahead_ms);
    return atomic_load(&world->now_ms);
}

void world_run(struct world *world, int64_t from_ms)
{
    atomic_store(&world->ahead_ms, from_ms - world->bench->environment->wall_ms());
    atomic_store(&world->runs, true);
}

static int64_t clock_of(void *context)
{
    return world_now(context);
}

static void on_durable(void *context, const struct batch *batch)
{
    struct world *world = context;
    if (world->on_durable)
        world->on_durable(world->context, batch);
}

/* A bench has nothing to save. */
static void on_broken(void *context, const struct err_detail *detail)
{
    (void)context;
    fprintf(stderr, "sojourn: the store failed: %s\n", detail ? detail->text : "");
    _Exit(EXIT_REFUSED);
}

enum err world_open(const struct bench *bench, const char *name, int64_t now_ms, world_durable *hook,
                    void *context, struct world **ret, struct err_detail *detail)
{
    char path[256];
    struct world *world = memory_take_zeroed(1, sizeof *world);
    *world = (struct world){.bench = bench, .on_durable = hook, .context = context};
    atomic_store(&world->now_ms, now_ms);
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->changed, NULL);
    enum err err = data_directory_open(bench_path(bench, name, path), false, &world->directory, detail);
    const struct crew_options options = {.store = world->directory.store,
                                         .control = world->directory.control,
                                         .workers = bench->environment->processors(),
                                         .clock = clock_of,
                                         .clock_context = world,
                                         .room_bytes = SIZE_MAX,
                                         .on_durable = on_durable,
                                         .on_broken = on_broken,
                                         .context = world};
    if (!err)
        err = crew_new(&options, &world->crew, detail);
    if (err) {
        data_directory_close(&world->directory);
        free(world);
        return err;
    }
    crew_start(world->crew);
    *ret = world;
    return ERR_OK;
}

void world_close(struct world *world)
{
    if (!world)
        return;
    crew_stop(world->crew);
    crew_free(world->crew);
    data_directory_close(&world->directory);
    pthread_cond_destroy(&world->changed);
    pthread_mutex_destroy(&world->mutex);
    free(world);
}

struct control *world_control(struct world *world)
{
    return world->directory.control;
}

const struct environment *world_environment(const struct world *world)
{
    return world->bench->environment;
}

enum err world_name(struct world *world, const char *event, uint16_t *ret, struct err_detail *detail)
{
    crew_control_write(world->crew);
    *ret = control_name(world->directory.control, NAME_EVENT, str_from(event));
    enum err err = control_error(world->directory.control, detail);
    crew_control_unlock(world->crew);
    return err;
}

/* ── mails ────────────────────────────────────────────────────────────────── */

static void on_answer(struct mail *mail, enum err err)
{
    struct parcel *parcel = (struct parcel *)mail;
    struct world *world = parcel->world;
    CHECK(err == ERR_OK);
    free(parcel->inputs);
    free(parcel->ids);
    free(parcel);
    pthread_mutex_lock(&world->mutex);
    if (++world->answered == world->posted)
        pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
}

static struct parcel *parcel_new(struct world *world, enum lane lane)
{
    struct parcel *parcel = memory_take_zeroed(1, sizeof *parcel);
    parcel->world = world;
    parcel->mail.lane = lane;
    parcel->mail.done = on_answer;
    return parcel;
}

static void post(struct world *world, uint32_t partition, struct parcel *parcel)
{
    pthread_mutex_lock(&world->mutex);
    world->posted++;
    pthread_mutex_unlock(&world->mutex);
    crew_post(world->crew, partition, &parcel->mail);
}

void world_wait(struct world *world)
{
    pthread_mutex_lock(&world->mutex);
    while (world->answered < world->posted)
        pthread_cond_wait(&world->changed, &world->mutex);
    pthread_mutex_unlock(&world->mutex);
}

static void look(struct mail *mail, const struct partition *partition)
{
    (void)mail, (void)partition;
}

/* A read is answered when what its step decided is durable. */
void world_set_now(struct world *world, int64_t now_ms)
{
    atomic_store(&world->now_ms, now_ms);
    for (uint32_t id = 0; id < crew_partitions(world->crew); id++) {
        struct parcel *parcel = parcel_new(world, LANE_READ);
        parcel->mail.read = look;
        post(world, id, parcel);
    }
    world_wait(world);
}

enum err world_publish(struct world *world, const char *definition, uint16_t *ret_version,
                       struct err_detail *detail)
{
    json_t *document;
    const struct control_by by = {.actor = STR("bench"), .at_ms = world_now(world)};
    enum err err = document_parse(str_from(definition), "definition", &document, detail);
    if (err)
        return err;
    crew_control_write(world->crew);
    err = control_publish(world->directory.control, document, &by, ret_version, detail);
    uint64_t position = control_position(world->directory.control);
    crew_control_unlock(world->crew);
    json_decref(document);
    for (uint32_t id = 0; id < crew_partitions(world->crew) && !err; id++) {
        struct parcel *parcel = parcel_new(world, LANE_CONTROL);
        parcel->mail.control_to = position;
        post(world, id, parcel);
    }
    world_wait(world);
    return err;
}

static struct input input_of(const struct world_record *record, char id[ID_BYTES], uint64_t hash,
                             size_t id_size)
{
    struct input input = {.kind = INPUT_RECORD};
    input.record.kind = EVENT_TRACK;
    input.record.external_id = (struct str){id, id_size};
    input.record.hash = hash;
    input.record.at_ms = INSTANT_NEVER;
    input.record.name = record->event;
    input.record.body = record->body;
    return input;
}

void world_post(struct world *world, const struct world_record *records, size_t count)
{
    uint32_t partitions = crew_partitions(world->crew);
    struct parcel *parcels[STORE_PARTITIONS];
    size_t room = count / partitions * 2 + 64, filled[STORE_PARTITIONS] = {0}, rooms[STORE_PARTITIONS];
    for (uint32_t p = 0; p < partitions; p++) {
        parcels[p] = parcel_new(world, LANE_RECORDS);
        parcels[p]->inputs = memory_take(room * sizeof(struct input));
        parcels[p]->ids = memory_take(room * ID_BYTES);
        rooms[p] = room;
    }
    for (size_t i = 0; i < count; i++) {
        char id[ID_BYTES];
        size_t size = (size_t)snprintf(id, sizeof id, "u%08u", records[i].contact);
        uint64_t hash = contact_hash((struct str){id, size});
        uint32_t p = partition_of(hash, partitions);
        CHECK(filled[p] < rooms[p]); /* hashes are even: twice the mean is never reached */
        char *own = parcels[p]->ids[filled[p]];
        memcpy(own, id, sizeof id);
        parcels[p]->inputs[filled[p]++] = input_of(&records[i], own, hash, size);
    }
    for (uint32_t p = 0; p < partitions; p++) {
        parcels[p]->mail.inputs.items = parcels[p]->inputs;
        parcels[p]->mail.inputs.count = filled[p];
        post(world, p, parcels[p]);
    }
}

double world_take(struct world *world, const struct world_record *records, size_t count)
{
    double begin = world->bench->environment->seconds();
    world_post(world, records, count);
    world_wait(world);
    return world->bench->environment->seconds() - begin;
}
