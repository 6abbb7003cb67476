/* A scenario's inputs as production takes them. */
#include "base/hash.h"
#include "world_state.h"
#include "json/document.h"

static bool is_record(const json_t *input)
{
    return json_object_get(input, "contact") != NULL;
}

/* ── control ──────────────────────────────────────────────────────────────── */

static enum err act(struct world *world, const json_t *input, const struct control_by *by,
                    struct err_detail *detail)
{
    struct control *control = world->owner->control;
    const char *kind = world_text(input, "do");
    const json_t *journey = json_object_get(input, "journey");
    uint16_t version;
    if (strcmp(kind, "publish") == 0)
        return control_publish(control, journey, by, &version, detail);
    enum action_kind action = strcmp(kind, "pause") == 0    ? ACTION_PAUSE
                              : strcmp(kind, "resume") == 0 ? ACTION_RESUME
                                                            : ACTION_STOP;
    const json_t *asked = json_object_get(input, "hold");
    enum version_hold hold = action == ACTION_PAUSE ? HOLD_ALL : HOLD_NONE;
    CHECK(!asked || version_hold_parse(str_from(json_string_value(asked)), &hold));
    return control_act(control, action, hold, str_from(json_string_value(journey)), by, detail);
}

static void name_all(struct control *control, const json_t *input)
{
    json_t *attributes = json_object_get(input, "attributes"), *value;
    const char *name;
    if (strcmp(world_text(input, "do"), "track") == 0)
        control_name(control, NAME_EVENT, str_from(world_text(input, "event")));
    json_object_foreach(attributes, name, value)
    {
        control_name(control, NAME_ATTRIBUTE, str_from(name));
    }
}

enum err world_do_actions(struct world *world, size_t step, struct err_detail *detail)
{
    const json_t *inputs = json_object_get(json_array_get(world->steps, step), "inputs");
    int64_t now_ms = scenario_now(json_array_get(world->steps, step));
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *input = json_array_get(inputs, i);
        char key[32];
        snprintf(key, sizeof key, "%zu-%zu", step, i);
        const struct control_by by = {.actor = STR("simulator"), .key = str_from(key), .at_ms = now_ms};
        enum err err = ERR_OK;
        if (is_record(input))
            name_all(world->owner->control, input);
        else
            err = act(world, input, &by, detail);
        if (!err)
            err = control_error(world->owner->control, detail);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* ── records ──────────────────────────────────────────────────────────────── */

static struct str text_of(struct arena *arena, const json_t *json)
{
    struct buf text = {0};
    document_write(json, &text);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

static void put_properties(struct world *world, const json_t *properties, struct arena *arena,
                           struct record *ret)
{
    struct err_detail detail;
    if (properties == NULL)
        return;
    ret->body = text_of(arena, properties);
    CHECK(properties_parse(world->reader, ret->body, arena, &ret->properties, &detail) == ERR_OK);
}

static void put_track(struct world *world, const json_t *input, int64_t now_ms, struct arena *arena,
                      struct record *ret)
{
    const struct names *names = control_names(world->owner->control);
    const json_t *at = json_object_get(input, "at"), *properties = json_object_get(input, "properties");
    ret->kind = EVENT_TRACK;
    ret->history = json_is_true(json_object_get(input, "history"));
    ret->at_ms = now_ms;
    CHECK(!at || instant_parse(str_from(json_string_value(at)), &ret->at_ms));
    ret->name = names_find(names, NAME_EVENT, str_from(world_text(input, "event")));
    put_properties(world, properties, arena, ret);
}

static void put_enroll(struct world *world, const json_t *input, int64_t now_ms, struct arena *arena,
                       struct record *ret)
{
    const struct plan *plan = control_plan(world->owner->control);
    uint16_t version = plan_find(plan, str_from(world_text(input, "journey")));
    CHECK(version != VERSION_NONE);
    ret->kind = EVENT_ENROLL;
    ret->at_ms = now_ms;
    ret->journey = plan_version(plan, version)->journey;
    put_properties(world, json_object_get(input, "properties"), arena, ret);
}

static void put_identify(struct world *world, const json_t *input, int64_t now_ms, struct arena *arena,
                         struct record *ret)
{
    const struct names *names = control_names(world->owner->control);
    json_t *attributes = json_object_get(input, "attributes"), *value;
    struct trait *traits = arena_take_array(arena, json_object_size(attributes), sizeof *traits);
    const char *name;
    ret->kind = EVENT_IDENTIFY;
    ret->at_ms = now_ms;
    ret->body = text_of(arena, attributes);
    ret->traits = traits;
    json_object_foreach(attributes, name, value)
    {
        struct trait *trait = &traits[ret->trait_count++];
        trait->attribute = names_find(names, NAME_ATTRIBUTE, str_from(name));
        if (!json_is_null(value))
            CHECK(document_value(value, arena, &trait->value));
    }
}

struct world_inputs world_inputs_of(struct world *world, size_t step, uint32_t partition, struct arena *arena)
{
    const json_t *inputs = json_object_get(json_array_get(world->steps, step), "inputs");
    int64_t now_ms = scenario_now(json_array_get(world->steps, step));
    size_t count = json_array_size(inputs);
    struct world_inputs ret = {arena_take_array(arena, count, sizeof(struct input)),
                               arena_take_array(arena, count, sizeof(const json_t *)), 0};
    uint64_t number = world->first_numbers.items[step];
    for (size_t i = 0; i < count; i++) {
        const json_t *json = json_array_get(inputs, i);
        if (!is_record(json))
            continue;
        struct str id = str_from(world_text(json, "contact"));
        struct record record = {.external_id = id, .hash = contact_hash(id)};
        uint64_t own = number++;
        if (partition_of(record.hash, world->partitions) != partition)
            continue;
        const char *kind = world_text(json, "do");
        struct input *input = &ret.items[ret.count];
        ret.json[ret.count++] = json;
        *input =
            (struct input){.kind = strcmp(kind, "answer") == 0 ? INPUT_RESULT : INPUT_RECORD, .number = own};
        if (input->kind == INPUT_RESULT)
            continue;
        if (strcmp(kind, "track") == 0)
            put_track(world, json, now_ms, arena, &record);
        else if (strcmp(kind, "enroll") == 0)
            put_enroll(world, json, now_ms, arena, &record);
        else
            put_identify(world, json, now_ms, arena, &record);
        const char *message = json_string_value(json_object_get(json, "message"));
        record.message = message ? hash_str_seeded(str_from(message), record.hash) : 0;
        input->record = record;
    }
    return ret;
}

/* ── answers ──────────────────────────────────────────────────────────────── */

static bool find_asking(const struct world *world, uint32_t partition, const json_t *json,
                        struct enrollment_view *ret)
{
    const struct engine *engine = partition_engine(world->owner->partitions[partition]);
    const struct plan *plan = control_plan(world->owner->control);
    struct str id = str_from(world_text(json, "contact"));
    uint16_t version = plan_find(plan, str_from(world_text(json, "journey")));
    struct contact_id contact;
    return version != VERSION_NONE &&
           contacts_find(engine_contacts(engine), id, contact_hash(id), &contact) &&
           engine_enrollment(engine, contact, plan_version(plan, version)->journey, ret) && ret->pending;
}

/* One that nobody has asked for is to be ignored. */
struct result world_answer_of(const struct world *world, uint32_t partition, const json_t *json)
{
    struct enrollment_view view;
    struct result result = {
        .enrollment = UINT32_MAX - 1, .visit = 1, .failed = json_is_true(json_object_get(json, "fails"))};
    if (!find_asking(world, partition, json, &view))
        return result;
    const struct definition *definition =
        plan_version(control_plan(world->owner->control), view.version)->definition;
    const struct node *node = &definition->nodes[view.node];
    result.enrollment = view.id;
    result.visit = view.visits;
    while (!str_equal(node->activate.destinations[result.destination], STR("slow")) ||
           !(view.pending & (1u << result.destination)))
        result.destination++;
    CHECK(result.destination < node->activate.count);
    return result;
}
