#include "partition/crew_state.h"

#include "base/check.h"
#include "base/wait.h"

static void worker_init(struct crew *crew, struct worker *worker)
{
    worker->crew = crew;
    wait_init(&worker->changed);
    CHECK(pthread_mutex_init(&worker->mutex, NULL) == 0);
}

/* The partitions of one worker, opened by a thread of their own in one pass over the rows: most of a start is
 * decoding. */
struct opening {
    struct crew *crew;
    const struct worker *worker;
    pthread_t thread;
    enum err err;
    struct err_detail detail;
};

static void *open_share(void *context)
{
    struct opening *opening = context;
    const struct crew_options *options = &opening->crew->options;
    uint32_t partitions = opening->crew->partitions;
    size_t count = opening->worker->post_count;
    struct partition_options wanted[STORE_PARTITIONS] = {0};
    struct partition *opened[STORE_PARTITIONS];
    for (size_t i = 0; i < count; i++)
        wanted[i] = (struct partition_options){
            .id = (uint32_t)(opening->worker->posts[i] - opening->crew->posts),
            .store = options->store,
            .control = options->control,
            .late_tolerance = true,
            .dedupe_ids_max = (uint32_t)((options->dedupe_ids_max + partitions - 1) / partitions)};
    opening->err = partition_open_all(wanted, count, opened, &opening->detail);
    for (size_t i = 0; i < count && !opening->err; i++)
        opening->worker->posts[i]->partition = opened[i];
    return NULL;
}

static enum err open_shares(struct crew *crew, struct err_detail *detail)
{
    uint32_t count = crew->options.workers;
    struct opening *openings = memory_take_zeroed(count, sizeof *openings);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < count; i++) {
        openings[i].crew = crew;
        openings[i].worker = &crew->workers[i];
        CHECK(pthread_create(&openings[i].thread, NULL, open_share, &openings[i]) == 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        CHECK(pthread_join(openings[i].thread, NULL) == 0);
        if (openings[i].err && !err) {
            err = openings[i].err;
            if (detail)
                *detail = openings[i].detail;
        }
    }
    free(openings);
    return err;
}

static enum err open_partitions(struct crew *crew, struct err_detail *detail)
{
    struct partition *opened[STORE_PARTITIONS];
    for (uint32_t id = 0; id < crew->partitions; id++) {
        struct worker *worker = crew_worker(crew, id);
        worker->posts[worker->post_count++] = &crew->posts[id];
    }
    enum err err = open_shares(crew, detail);
    for (uint32_t id = 0; id < crew->partitions; id++)
        opened[id] = crew->posts[id].partition;
    if (!err)
        err = partition_remember(opened, crew->partitions, crew->options.clock(crew->options.clock_context),
                                 detail);
    for (uint32_t id = 0; id < crew->partitions && !err; id++)
        crew_tell_figures(&crew->posts[id], true);
    return err;
}

enum err crew_new(const struct crew_options *options, struct crew **ret, struct err_detail *detail)
{
    struct crew *crew = memory_take_zeroed(1, sizeof *crew);
    crew->options = *options;
    atomic_store(&crew->room_max, options->room_bytes);
    crew->partitions = options->store->partitions;
    CHECK(options->workers > 0 && crew->partitions <= STORE_PARTITIONS);
    control_lock_init(&crew->control_lock, options->control);
    crew->workers = memory_take_zeroed(options->workers, sizeof *crew->workers);
    for (uint32_t i = 0; i < options->workers; i++)
        worker_init(crew, &crew->workers[i]);
    enum err err = open_partitions(crew, detail);
    if (err) {
        crew_free(crew);
        return err;
    }
    *ret = crew;
    return ERR_OK;
}
