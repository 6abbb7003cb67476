#include "world.h"

#include <stdarg.h>
#include <stdio.h>

#include "world_state.h"

enum {
    DEDUPE_IDS_MAX = 100000,
    AWAY_MAX = 6,        /* batches of one partition that are taken and not durable */
    STARTS_MAX = 100,    /* one failure is told at a time, so a start that fails this often never succeeds */
    COMMITS_MAX = 100000 /* the same for commits with faults off */
};

enum world_result world_fail(struct world *world, enum world_result result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (world->trouble[0] == 0) /* the first is the cause */
        vsnprintf(world->trouble, sizeof world->trouble, format, args);
    va_end(args);
    return result;
}

const char *world_trouble(const struct world *world)
{
    return world->trouble;
}

static enum world_result result_of(const struct world *world)
{
    return world->trouble[0] ? WORLD_BROKEN : WORLD_OK;
}

/* ── owners ───────────────────────────────────────────────────────────────── */

static bool answer(void *context, const struct effect_row *effect, bool *ret_failed)
{
    (void)context;
    if (str_equal(effect->destination_name, STR("slow")))
        return false;
    *ret_failed = str_equal(effect->destination_name, STR("broken"));
    return true;
}

static void owner_free(struct owner *owner)
{
    if (owner == NULL)
        return;
    for (uint32_t p = 0; p < WORLD_PARTITIONS_MAX; p++)
        partition_close(owner->partitions[p]);
    control_close(owner->control);
    array_free(&owner->queue);
    free(owner);
}

static enum err owner_open(struct world *world, struct owner **ret, struct err_detail *detail)
{
    struct owner *owner = memory_take_zeroed(1, sizeof *owner);
    owner->world = world;
    enum err err = control_open(world->store, false, &owner->control, detail);
    struct partition_options options[WORLD_PARTITIONS_MAX];
    for (uint32_t p = 0; p < world->partitions; p++)
        options[p] = (struct partition_options){.id = p,
                                                .store = world->store,
                                                .control = owner->control,
                                                .answer = answer,
                                                .late_tolerance = true,
                                                .dedupe_ids_max = DEDUPE_IDS_MAX,
                                                .cycle_rows = world->cycle_rows};
    if (!err)
        err = partition_open_all(options, world->partitions, owner->partitions, detail);
    if (!err)
        err = partition_remember(owner->partitions, world->partitions, INT64_MIN, detail);
    if (err)
        owner_free(owner);
    else
        *ret = owner;
    return err;
}

/* ── commits ──────────────────────────────────────────────────────────────── */

static void zombie_answered(struct owner *owner, const enum commit_status *statuses)
{
    for (size_t i = 0; i < owner->away; i++)
        if (statuses[i] != COMMIT_FENCED)
            world_fail(owner->world, WORLD_BROKEN, "a former owner's batch was answered: %s",
                       commit_status_name(statuses[i]));
    owner->away = 0;
}

/* What was not taken goes again, in its old order, before what came later. */
static void on_done(void *context, const enum commit_status *statuses, size_t count,
                    const struct err_detail *detail)
{
    struct owner *owner = context;
    CHECK(count == owner->away);
    if (owner->zombie) {
        zombie_answered(owner, statuses);
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < owner->queue.count; i++) {
        const struct batch *batch = owner->queue.items[i];
        enum commit_status status = i < count ? statuses[i] : COMMIT_RETRY;
        if (status == COMMIT_DONE) {
            partition_batch_done(owner->partitions[batch->partition], batch);
            continue;
        }
        if (status == COMMIT_FENCED)
            world_fail(owner->world, WORLD_BROKEN, "the owner's batch was refused: %s", detail->text);
        owner->world->must_restart |= status == COMMIT_FAILED;
        owner->queue.items[kept++] = batch;
    }
    owner->queue.count = kept;
    owner->away = 0;
}

/* At most one batch a partition is under way: a later one would rest on an earlier one that may fail. */
static void bring_to_front(struct owner *owner)
{
    bool seen[WORLD_PARTITIONS_MAX] = {false};
    for (size_t i = 0; i < owner->queue.count; i++) {
        const struct batch *batch = owner->queue.items[i];
        if (seen[batch->partition])
            continue;
        seen[batch->partition] = true;
        memmove(&owner->queue.items[owner->away + 1], &owner->queue.items[owner->away],
                (i - owner->away) * sizeof batch);
        owner->queue.items[owner->away++] = batch;
    }
}

static void commit_some(struct world *world, int64_t commits)
{
    struct owner *owner = world->owner;
    for (int64_t i = 0; i < commits && !world->must_restart; i++) {
        if (owner->away == 0 && owner->queue.count == 0)
            return;
        if (owner->away == 0) {
            bring_to_front(owner);
            store_commit(world->store, owner->queue.items, owner->away, on_done, owner);
        }
        store_memory_run(world->store, 1);
    }
    if (!world->must_restart && owner->away == 0 &&
        owner->queue.count > 0) { /* one is always under way, as a writer keeps it */
        bring_to_front(owner);
        store_commit(world->store, owner->queue.items, owner->away, on_done, owner);
    }
}

static size_t taken_of(const struct owner *owner, uint32_t partition)
{
    size_t count = 0;
    array_each (&owner->queue, i)
        count += owner->queue.items[i]->partition == partition;
    return count;
}

static void take_batches(struct world *world)
{
    for (uint32_t p = 0; p < world->partitions; p++) {
        if (taken_of(world->owner, p) >= AWAY_MAX)
            continue;
        const struct batch *batch = partition_take_batch(world->owner->partitions[p]);
        if (batch == NULL)
            continue;
        world_take_batch(world, batch);
        *array_push(&world->owner->queue) = batch;
    }
}

/* ── starting ─────────────────────────────────────────────────────────────── */

static enum world_result start_owner(struct world *world)
{
    struct err_detail detail = {0};
    for (int i = 0; i < STARTS_MAX; i++) {
        enum err err = owner_open(world, &world->owner, &detail);
        if (!err && !(err = world_read_back(world, &detail)))
            return result_of(world);
        owner_free(world->owner);
        world->owner = NULL;
        if (err != ERR_IO)
            break;
    }
    return world_fail(world, WORLD_BROKEN, "no start: %s %s", detail.place, detail.text);
}

/* An answer goes by itself: what it answers depends on all before it. */
static enum err step_partition(struct world *world, size_t step, uint32_t p, struct arena *arena,
                               struct err_detail *detail)
{
    struct partition *partition = world->owner->partitions[p];
    const json_t *json = json_array_get(world->steps, step);
    struct world_inputs inputs = world_inputs_of(world, step, p, arena);
    int64_t now_ms = scenario_now(json);
    uint64_t control = world->controls.items[step];
    size_t from = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < inputs.count && !err; i++) {
        if (inputs.items[i].kind != INPUT_RESULT)
            continue;
        err = partition_step(partition, now_ms, control, &inputs.items[from], i - from, false, detail);
        if (err)
            return err;
        inputs.items[i].result = world_answer_of(world, p, inputs.json[i]);
        err = partition_step(partition, now_ms, control, &inputs.items[i], 1, false, detail);
        from = i + 1;
    }
    return err ? err
               : partition_step(partition, now_ms, control, &inputs.items[from], inputs.count - from,
                                scenario_is_over(json), detail);
}

/* As a crew does: all act before any goes on. Every other step, since a partition by itself does the same. */
static enum err act_together(struct world *world, size_t step, struct err_detail *detail)
{
    const json_t *json = json_array_get(world->steps, step);
    struct partition *acting[WORLD_PARTITIONS_MAX];
    size_t count = 0;
    enum err err = ERR_OK;
    if (json_is_true(json_object_get(json, "run")) || step % 2 == 0)
        return ERR_OK;
    for (uint32_t p = 0; p < world->partitions && !err; p++) {
        struct partition *partition = world->owner->partitions[p];
        if (scenario_now(json) < partition_head(partition)->now_ms)
            continue; /* going on after a crash */
        acting[count++] = partition;
        err = partition_act(partition, scenario_now(json), world->controls.items[step], detail);
    }
    return err ? err : partition_backfill(acting, count, detail);
}

static enum err hand_over(struct world *world, size_t step, struct err_detail *detail)
{
    const json_t *json = json_array_get(world->steps, step);
    struct arena arena = {0};
    enum err err = act_together(world, step, detail);
    for (uint32_t p = 0; p < world->partitions && !err; p++) {
        struct partition *partition = world->owner->partitions[p];
        struct engine_alert alert;
        if (scenario_now(json) < partition_head(partition)->now_ms)
            continue; /* going on after a crash */
        if (json_is_true(json_object_get(json, "run")))
            err = partition_run_until(partition, scenario_now(json), detail);
        else
            err = step_partition(world, step, p, &arena, detail);
        if (partition_take_alert(partition, &alert))
            world_fail(world, WORLD_BROKEN, "the system held version %u", alert.version);
    }
    arena_deinit(&arena);
    return err;
}

/* From the store's position on to where it was: partitions skip what they have taken. */
static enum world_result catch_up(struct world *world)
{
    struct err_detail detail = {0};
    for (size_t s = 0; s < world->controls.count; s++) {
        if (!hand_over(world, s, &detail))
            continue;
        world->must_restart = true;
        return WORLD_OK;
    }
    return result_of(world);
}

static enum world_result start_again(struct world *world)
{
    enum world_result result;
    do {
        world->must_restart = false;
        store_memory_crash(world->store);
        owner_free(world->owner);
        world->owner = NULL;
        result = start_owner(world);
        if (result == WORLD_OK)
            result = catch_up(world);
    } while (result == WORLD_OK && world->must_restart);
    return result;
}

/* The old owner lives on, knowing nothing, until the store has answered its commit. */
static enum world_result take_over(struct world *world)
{
    world->owner->zombie = true;
    *array_push(&world->zombies) = world->owner;
    world->owner = NULL;
    enum world_result result = start_owner(world);
    return result == WORLD_OK ? catch_up(world) : result;
}

/* ── steps ────────────────────────────────────────────────────────────────── */

static void arm_failures(struct world *world, const json_t *step)
{
    const json_t *faults = json_object_get(step, "faults");
    for (size_t i = 0; i < json_array_size(faults); i++) {
        const json_t *fault = json_array_get(faults, i);
        if (strcmp(world_text(fault, "fault"), "fail") != 0)
            continue;
        const char *status = world_text(fault, "status");
        store_memory_fail_at(world->store, (uint64_t)json_integer_value(json_object_get(fault, "call")),
                             strcmp(status, "retry") == 0     ? COMMIT_RETRY
                             : strcmp(status, "unknown") == 0 ? COMMIT_UNKNOWN
                                                              : COMMIT_FAILED);
    }
}

static enum world_result suffer(struct world *world, const json_t *step)
{
    const json_t *faults = json_object_get(step, "faults");
    enum world_result result = WORLD_OK;
    for (size_t i = 0; i < json_array_size(faults) && result == WORLD_OK; i++) {
        const char *fault = world_text(json_array_get(faults, i), "fault");
        if (strcmp(fault, "kill") == 0)
            result = start_again(world);
        else if (strcmp(fault, "takeover") == 0)
            result = take_over(world);
        else if (strcmp(fault, "checkpoint") == 0)
            for (uint32_t p = 0; p < world->partitions; p++)
                partition_checkpoint(world->owner->partitions[p]);
        if (result == WORLD_OK && world->must_restart)
            result = start_again(world);
    }
    return result;
}

/* Actions first; a failing log ends the process, which starts again and repeats them under the same key. */
static enum world_result act(struct world *world, size_t step)
{
    struct err_detail detail = {0};
    enum err err;
    while ((err = world_do_actions(world, step, &detail)) == ERR_IO) {
        enum world_result result = start_again(world);
        if (result != WORLD_OK)
            return result;
    }
    if (err)
        return world_fail(world, err == ERR_INVALID ? WORLD_REFUSED : WORLD_BROKEN,
                          "an action was refused: %s %s", detail.place, detail.text);
    *array_push(&world->controls) = control_position(world->owner->control);
    return WORLD_OK;
}

enum world_result world_step(struct world *world)
{
    size_t step = world->next++;
    const json_t *json = json_array_get(world->steps, step);
    struct err_detail detail = {0};
    arm_failures(world, json);
    enum world_result result = act(world, step);
    if (result != WORLD_OK)
        return result;
    if (hand_over(world, step, &detail))
        result = start_again(world);
    if (result == WORLD_OK && json_is_true(json_object_get(json, "take")))
        take_batches(world);
    if (result == WORLD_OK)
        commit_some(world, json_integer_value(json_object_get(json, "commits")));
    if (result == WORLD_OK && world->must_restart)
        result = start_again(world);
    return result == WORLD_OK ? suffer(world, json) : result;
}

enum world_result world_settle(struct world *world)
{
    store_memory_fail_at(world->store, 0, COMMIT_DONE);
    for (int i = 0; i < COMMITS_MAX; i++) {
        take_batches(world);
        if (world->owner->queue.count == 0)
            return result_of(world);
        commit_some(world, 1);
        if (world->must_restart && start_again(world) != WORLD_OK)
            return WORLD_BROKEN;
    }
    return world_fail(world, WORLD_BROKEN, "with faults off the commits do not come to an end");
}

enum world_result world_restart(struct world *world)
{
    for (uint32_t p = 0; p < world->partitions; p++)
        partition_checkpoint(world->owner->partitions[p]);
    enum world_result result = world_settle(world);
    return result == WORLD_OK ? start_again(world) : result;
}

bool world_facts(struct world *world, const struct lines **ret)
{
    for (uint32_t p = 0; p < world->partitions; p++)
        if (partition_open_rows(world->owner->partitions[p]) > 0)
            return false;
    *ret = &world->facts;
    return true;
}

/* ── life ─────────────────────────────────────────────────────────────────── */

static void number_records(struct world *world)
{
    uint64_t number = 1;
    for (size_t s = 0; s < json_array_size(world->steps); s++) {
        const json_t *inputs = json_object_get(json_array_get(world->steps, s), "inputs");
        *array_push(&world->first_numbers) = number;
        for (size_t i = 0; i < json_array_size(inputs); i++)
            number += json_object_get(json_array_get(inputs, i), "contact") != NULL;
    }
}

static uint32_t number_of(const json_t *scenario, const char *key, uint32_t otherwise)
{
    const json_t *number = json_object_get(scenario, key);
    return number ? (uint32_t)json_integer_value(number) : otherwise;
}

struct world *world_new(const json_t *scenario)
{
    struct world *world = memory_take_zeroed(1, sizeof *world);
    world->steps = json_object_get(scenario, "steps");
    world->partitions = number_of(scenario, "partitions", 1);
    world->cycle_rows = number_of(scenario, "cycle_rows", 1000);
    CHECK(world->partitions <= WORLD_PARTITIONS_MAX);
    world->store = store_memory_new(world->partitions);
    store_memory_set_manual(world->store, true);
    world->reader = json_reader_new();
    number_records(world);
    CHECK(start_owner(world) == WORLD_OK);
    return world;
}

void world_free(struct world *world)
{
    store_memory_crash(world->store);
    owner_free(world->owner);
    array_each (&world->zombies, i)
        owner_free(world->zombies.items[i]);
    array_free(&world->zombies);
    store_close(world->store);
    json_reader_free(world->reader);
    world_forget(world);
    for (uint32_t p = 0; p < WORLD_PARTITIONS_MAX; p++)
        array_free(&world->tracked[p]);
    array_free(&world->opened);
    lines_free(&world->facts);
    array_free(&world->controls);
    array_free(&world->first_numbers);
    free(world);
}
