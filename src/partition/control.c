#include <inttypes.h>

#include "base/check.h"
#include "base/hash.h"
#include "partition/control_state.h"
#include "json/document.h"

/* ── the log ──────────────────────────────────────────────────────────────── */

uint16_t control_known_name(void *context, enum name_kind kind, struct str name)
{
    const struct control *control = context;
    return names_find(control->names, kind, name);
}

bool control_take_action(struct control *control, const struct action *action)
{
    struct version_status *status = &control->statuses.items[action->version];
    if (!lifecycle_move(*status, action->kind, action->hold, status))
        return false;
    *array_push(&control->actions) = *action;
    control_touch(control, action->version, action->position);
    return true;
}

static enum err replay_name(struct control *control, const json_t *body)
{
    const json_t *event = json_object_get(body, "event"), *attribute = json_object_get(body, "attribute");
    const json_t *name = event ? event : attribute;
    if (!json_is_string(name))
        return ERR_CORRUPT;
    struct str text = {json_string_value(name), json_string_length(name)};
    return names_add(control->names, event ? NAME_EVENT : NAME_ATTRIBUTE, text) ? ERR_OK : ERR_CORRUPT;
}

static enum err replay_action(struct control *control, enum action_kind kind,
                              const struct control_entry *entry, const json_t *body)
{
    const json_t *version = json_object_get(body, "version"), *hold = json_object_get(body, "hold");
    if (!json_is_integer(version) || json_integer_value(version) < 0 ||
        (size_t)json_integer_value(version) >= control->statuses.count)
        return ERR_CORRUPT;
    struct action action = {.kind = kind,
                            .hold = kind == ACTION_PAUSE ? HOLD_ALL : HOLD_NONE,
                            .version = (uint16_t)json_integer_value(version),
                            .position = entry->position,
                            .at_ms = entry->at_ms};
    if (hold &&
        (!json_is_string(hold) || !version_hold_parse(str_from(json_string_value(hold)), &action.hold)))
        return ERR_CORRUPT;
    return control_take_action(control, &action) ? ERR_OK : ERR_CORRUPT;
}

static enum err replay_entry(struct control *control, const struct control_entry *entry, const json_t *body,
                             struct err_detail *detail)
{
    if (str_equal(entry->kind, STR("name")))
        return replay_name(control, body);
    if (str_equal(entry->kind, STR("publish")))
        return control_replay_publish(control, entry, body, detail);
    if (str_equal(entry->kind, STR("discard")))
        return control_replay_discard(control, entry, body);
    for (enum action_kind kind = ACTION_PAUSE; kind <= ACTION_STOP; kind++) {
        if (str_equal(entry->kind, str_from(action_kind_name(kind))))
            return replay_action(control, kind, entry, body);
    }
    *array_push(&control->notes) =
        (struct note){arena_str(&control->arena, entry->kind), arena_str(&control->arena, entry->body)};
    return ERR_OK;
}

static uint64_t hash_of_key(const void *context, uint32_t index)
{
    const struct control *control = context;
    return hash_str(control->keys.items[index].key);
}

static void remember_key(struct control *control, struct str key, uint64_t position)
{
    if (key.size == 0)
        return;
    *array_push(&control->keys) = (struct taken){arena_str(&control->arena, key), position};
    map_add(&control->key_map, hash_str(key), (uint32_t)(control->keys.count - 1), hash_of_key, control);
}

static enum err parse_entry(struct control *control, const struct control_entry *entry,
                            struct err_detail *detail)
{
    json_t *body;
    enum err err = document_parse(entry->body, "control", &body, detail);
    if (err)
        return err;
    err = replay_entry(control, entry, body, detail);
    json_decref(body);
    return err;
}

static bool on_entry(void *context, const struct control_entry *entry)
{
    struct control *control = context;
    enum err err = str_equal(entry->kind, STR("draft"))
                       ? control_replay_draft(control, entry, &control->failure)
                       : parse_entry(control, entry, &control->failure);
    if (err) {
        char place[64];
        snprintf(place, sizeof place, "control entry %" PRIu64 " ", entry->position);
        err_prefix(&control->failure, place);
        control->failed = err == ERR_INVALID ? ERR_CORRUPT : err;
        return false;
    }
    remember_key(control, entry->key, entry->position);
    control->position = entry->position;
    control->now_ms = entry->at_ms;
    return true;
}

enum err control_open(struct store *store, bool read_only, struct control **ret, struct err_detail *detail)
{
    struct control *control = memory_take_zeroed(1, sizeof *control);
    control->store = store;
    control->read_only = read_only;
    control->names = names_new();
    control->plan = plan_new(control->names);
    control->reader = json_reader_new();
    enum err err = store_control_after(store, 0, on_entry, control, detail);
    if (!err && control->failed) {
        err = control->failed;
        if (detail)
            *detail = control->failure;
    }
    json_reader_free(control->reader);
    control->reader = NULL;
    if (err) {
        control_close(control);
        return err;
    }
    *ret = control;
    return ERR_OK;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    control_journeys_free(control);
    plan_free(control->plan);
    names_free(control->names);
    arena_deinit(&control->arena);
    array_free(&control->actions);
    array_free(&control->statuses);
    array_free(&control->notes);
    array_free(&control->keys);
    map_deinit(&control->key_map);
    free(control);
}

void control_set_guard(struct control *control, const struct control_guard *guard)
{
    control->guard = *guard;
}

void control_enter(const struct control *control)
{
    if (control->guard.enter)
        control->guard.enter(control->guard.context);
}

void control_leave(const struct control *control)
{
    if (control->guard.leave)
        control->guard.leave(control->guard.context);
}

/* ── appending ────────────────────────────────────────────────────────────── */

struct wanted_key {
    const struct control *control;
    struct str key;
};

static bool is_wanted_key(const void *context, uint32_t index)
{
    const struct wanted_key *wanted = context;
    return str_equal(wanted->control->keys.items[index].key, wanted->key);
}

bool control_find_key(const struct control *control, struct str key, uint64_t *ret_position)
{
    const struct wanted_key wanted = {control, key};
    uint32_t index;
    if (key.size == 0 || !map_find(&control->key_map, hash_str(key), is_wanted_key, &wanted, &index))
        return false;
    *ret_position = control->keys.items[index].position;
    return true;
}

bool control_is_taken(const struct control *control, const struct control_by *by)
{
    uint64_t position;
    return control_find_key(control, by->key, &position);
}

enum err control_append(struct control *control, struct str kind, struct str body,
                        const struct control_by *by, struct err_detail *detail)
{
    if (control->read_only)
        return err_fail(detail, ERR_REFUSED, "", "the directory is open for reading only");
    if (control_is_taken(control, by))
        return err_fail(detail, ERR_REFUSED, "Idempotency-Key",
                        "was used for something else before; every change has a key of its own");
    const struct control_entry entry = {
        .at_ms = by->at_ms, .kind = kind, .actor = by->actor, .key = by->key, .body = body};
    uint64_t position;
    enum err err = store_control_append(control->store, &entry, &position, detail);
    if (err)
        return err;
    CHECK(position == control->position + 1);
    control_enter(control);
    remember_key(control, by->key, position);
    control->position = position;
    control->now_ms = by->at_ms;
    return ERR_OK;
}

static enum err append_json(struct control *control, const char *kind, const json_t *body,
                            const struct control_by *by, struct err_detail *detail)
{
    struct buf text = {0};
    document_write(body, &text);
    enum err err = control_append(control, str_from(kind), buf_str(&text), by, detail);
    buf_deinit(&text);
    return err;
}

uint16_t control_name(struct control *control, enum name_kind kind, struct str name)
{
    uint16_t id = names_find(control->names, kind, name);
    uint16_t limit = kind == NAME_EVENT ? NAMES_EVENT_MAX : NAMES_ATTRIBUTE_MAX;
    if (id || control->failed || names_count(control->names, kind) == limit)
        return id;
    json_t *body = json_pack("{s:s%}", kind == NAME_EVENT ? "event" : "attribute", name.data, name.size);
    CHECK(body); /* names are valid UTF-8: every way in has checked that */
    const struct control_by by = {.actor = STR("system"), .at_ms = control->now_ms};
    control->failed = append_json(control, "name", body, &by, &control->failure);
    json_decref(body);
    if (control->failed)
        return 0;
    id = names_add(control->names, kind, name);
    control_leave(control);
    return id;
}

enum err control_error(const struct control *control, struct err_detail *detail)
{
    if (control->failed && detail)
        *detail = control->failure;
    return control->failed;
}

void control_forget_error(struct control *control)
{
    control->failed = ERR_OK;
}

static enum err refuse(const struct action *action, struct str journey, struct version_status status,
                       struct err_detail *detail)
{
    char is[LIFECYCLE_TEXT_BYTES], wanted[LIFECYCLE_TEXT_BYTES], allowed[LIFECYCLE_TEXT_BYTES];
    lifecycle_status_text(status, is);
    lifecycle_action_text(action->kind, action->hold, wanted);
    lifecycle_allowed_text(status, allowed);
    return err_fail(detail, ERR_REFUSED, "/action", "\"%.*s\" is %s: %s is not allowed; allowed is %s",
                    STR_ARG(journey), is, wanted, allowed);
}

enum err control_act(struct control *control, enum action_kind kind, enum version_hold hold,
                     struct str journey, const struct control_by *by, struct err_detail *detail)
{
    uint16_t version = plan_find(control->plan, journey);
    if (version == VERSION_NONE)
        return err_fail(detail, ERR_NOT_FOUND, "/journey", "no journey is named \"%.*s\"", STR_ARG(journey));
    if (control_is_taken(control, by))
        return ERR_OK;
    struct action action = {.kind = kind, .hold = hold, .version = version, .at_ms = by->at_ms};
    struct version_status status = control->statuses.items[version], to;
    if (!lifecycle_move(status, kind, hold, &to))
        return refuse(&action, journey, status, detail);
    json_t *body = json_pack("{s:i}", "version", (int)version);
    if (hold != HOLD_NONE)
        json_object_set_new(body, "hold", json_string(version_hold_name(hold)));
    enum err err = append_json(control, action_kind_name(kind), body, by, detail);
    json_decref(body);
    if (err)
        return err;
    action.position = control->position;
    CHECK(control_take_action(control, &action));
    control_leave(control);
    return ERR_OK;
}

enum err control_note(struct control *control, struct str kind, struct str body, const struct control_by *by,
                      struct err_detail *detail)
{
    if (control_is_taken(control, by))
        return ERR_OK;
    enum err err = control_append(control, kind, body, by, detail);
    if (err)
        return err;
    *array_push(&control->notes) =
        (struct note){arena_str(&control->arena, kind), arena_str(&control->arena, body)};
    control_leave(control);
    return ERR_OK;
}

/* ── reading ──────────────────────────────────────────────────────────────── */

const struct plan *control_plan(const struct control *control)
{
    return control->plan;
}

const struct names *control_names(const struct control *control)
{
    return control->names;
}

uint64_t control_position(const struct control *control)
{
    return control->position;
}

bool control_note_at(const struct control *control, struct str kind, size_t index, struct str *ret_body)
{
    array_each (&control->notes, i) {
        if (str_equal(control->notes.items[i].kind, kind) && index-- == 0) {
            *ret_body = control->notes.items[i].body;
            return true;
        }
    }
    return false;
}

bool control_find_note(const struct control *control, struct str kind, struct str *ret_body)
{
    return control_note_at(control, kind, 0, ret_body);
}

struct version_status control_version_status(const struct control *control, uint16_t version)
{
    return version < control->statuses.count ? control->statuses.items[version]
                                             : (struct version_status){VERSION_DRAFT, HOLD_NONE};
}

bool control_action(const struct control *control, size_t index, struct action *ret)
{
    if (index >= control->actions.count)
        return false;
    *ret = control->actions.items[index];
    return true;
}
