#include "partition/control.h"

#include <inttypes.h>

#include "base/check.h"
#include "journey/checklist.h"
#include "json/document.h"

struct note {
    struct str kind, body;
};

struct taken { /* an action that came with an Idempotency-Key */
    struct str key;
    uint64_t position;
};

struct control {
    struct store *store;
    bool read_only;
    uint64_t position;
    struct names *names;
    struct plan *plan;
    struct arena arena;
    ARRAY(struct action) actions;
    ARRAY(struct version_status) statuses; /* by version */
    ARRAY(struct note) notes;
    ARRAY(struct taken) keys;
    int64_t now_ms; /* of the newest entry: names are dated with it */
    enum err failed;
    struct err_detail failure;
};

/* ── the log ──────────────────────────────────────────────────────────────── */

static uint16_t known_name(void *context, enum name_kind kind, struct str name)
{
    const struct control *control = context;
    return names_find(control->names, kind, name);
}

static uint16_t appended_name(void *context, enum name_kind kind, struct str name)
{
    return control_name(context, kind, name);
}

/* False where the version is in no state for it. */
static bool take_action(struct control *control, const struct action *action)
{
    struct version_status *status = &control->statuses.items[action->version];
    if (!lifecycle_move(*status, action->kind, action->hold, status))
        return false;
    *array_push(&control->actions) = *action;
    return true;
}

static enum err take_publish(struct control *control, const json_t *document, uint64_t position,
                             int64_t at_ms, plan_name_id *name_id, struct err_detail *detail)
{
    uint16_t version;
    enum err err = plan_publish(control->plan, document, position, name_id, control, &version, detail);
    if (err)
        return err;
    *array_push(&control->statuses) = (struct version_status){VERSION_DRAFT, HOLD_NONE};
    CHECK(take_action(
        control,
        &(struct action){.kind = ACTION_PUBLISH, .version = version, .position = position, .at_ms = at_ms}));
    return ERR_OK;
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
    return take_action(control, &action) ? ERR_OK : ERR_CORRUPT;
}

static enum err replay_entry(struct control *control, const struct control_entry *entry, const json_t *body,
                             struct err_detail *detail)
{
    if (str_equal(entry->kind, STR("name")))
        return replay_name(control, body);
    if (str_equal(entry->kind, STR("publish")))
        return take_publish(control, body, entry->position, entry->at_ms, known_name, detail);
    for (enum action_kind kind = ACTION_PAUSE; kind <= ACTION_STOP; kind++) {
        if (str_equal(entry->kind, str_from(action_kind_name(kind))))
            return replay_action(control, kind, entry, body);
    }
    *array_push(&control->notes) =
        (struct note){arena_str(&control->arena, entry->kind), arena_str(&control->arena, entry->body)};
    return ERR_OK;
}

static void remember_key(struct control *control, struct str key, uint64_t position)
{
    if (key.size)
        *array_push(&control->keys) = (struct taken){arena_str(&control->arena, key), position};
}

static bool on_entry(void *context, const struct control_entry *entry)
{
    struct control *control = context;
    json_t *body = NULL;
    enum err err = document_parse(entry->body, "control", &body, &control->failure);
    if (!err)
        err = replay_entry(control, entry, body, &control->failure);
    json_decref(body);
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
    enum err err = store_control_after(store, 0, on_entry, control, detail);
    if (!err && control->failed) {
        err = control->failed;
        if (detail)
            *detail = control->failure;
    }
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
    plan_free(control->plan);
    names_free(control->names);
    arena_deinit(&control->arena);
    array_free(&control->actions);
    array_free(&control->statuses);
    array_free(&control->notes);
    array_free(&control->keys);
    free(control);
}

/* ── appending ────────────────────────────────────────────────────────────── */

static enum err append(struct control *control, struct str kind, struct str body, const struct control_by *by,
                       struct err_detail *detail)
{
    if (control->read_only)
        return err_fail(detail, ERR_REFUSED, "", "the directory is open for reading only");
    const struct control_entry entry = {
        .at_ms = by->at_ms, .kind = kind, .actor = by->actor, .key = by->key, .body = body};
    uint64_t position;
    enum err err = store_control_append(control->store, &entry, &position, detail);
    if (err)
        return err;
    CHECK(position == control->position + 1);
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
    enum err err = append(control, str_from(kind), buf_str(&text), by, detail);
    buf_deinit(&text);
    return err;
}

bool control_find_key(const struct control *control, struct str key, uint64_t *ret_position)
{
    array_each (&control->keys, i) {
        if (key.size && str_equal(control->keys.items[i].key, key)) {
            *ret_position = control->keys.items[i].position;
            return true;
        }
    }
    return false;
}

/* A retried action: it has been taken, and its answer is the same again. */
static bool is_taken(const struct control *control, const struct control_by *by)
{
    uint64_t position;
    return control_find_key(control, by->key, &position);
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
    return control->failed ? 0 : names_add(control->names, kind, name);
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

static enum err check_document(const json_t *document, struct err_detail *detail)
{
    struct arena arena = {0};
    struct findings findings = {0};
    checklist_run(document, &arena, &findings);
    enum err err = ERR_OK;
    if (findings.errors) {
        const struct finding *first = &findings.rows.items[0];
        err = err_fail(detail, ERR_INVALID, first->pointer, "%s %s", first->message, first->fix);
    }
    array_free(&findings.rows);
    arena_deinit(&arena);
    return err;
}

/* The document is compiled twice: first by itself, so that what is appended is known to be publishable. */
static enum err try_plan(struct control *control, const json_t *document, struct err_detail *detail)
{
    enum err err = plan_try(control->plan, document, appended_name, control, detail);
    enum err failed = control_error(control, detail);
    return failed ? failed : err;
}

/* Node numbers follow the document's order, and what is stored has its keys sorted: the stored form is what
 * is published, now as after every restart. */
static enum err publish_stored(struct control *control, const json_t *document, const struct control_by *by,
                               uint16_t *ret_version, struct err_detail *detail)
{
    struct buf text = {0};
    document_write(document, &text);
    json_t *stored;
    enum err err = document_parse(buf_str(&text), "definition", &stored, detail);
    if (!err) {
        err = try_plan(control, stored, detail);
        if (!err)
            err = append(control, STR("publish"), buf_str(&text), by, detail);
        if (!err)
            CHECK(take_publish(control, stored, control->position, by->at_ms, known_name, detail) == ERR_OK);
        json_decref(stored);
    }
    buf_deinit(&text);
    if (!err)
        *ret_version = (uint16_t)(plan_version_count(control->plan) - 1);
    return err;
}

enum err control_publish(struct control *control, const json_t *document, const struct control_by *by,
                         uint16_t *ret_version, struct err_detail *detail)
{
    enum err err = check_document(document, detail);
    if (err)
        return err;
    const json_t *name = json_object_get(document, "name");
    struct str text = {json_string_value(name), json_string_length(name)};
    uint16_t there = plan_find(control->plan, text);
    if (there != VERSION_NONE && is_taken(control, by)) {
        *ret_version = there;
        return ERR_OK;
    }
    if (there != VERSION_NONE)
        return err_fail(detail, ERR_REFUSED, "/name",
                        "a journey named \"%.*s\" is published already; versions come with a later release, "
                        "rename this one",
                        STR_ARG(text));
    return publish_stored(control, document, by, ret_version, detail);
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
    if (is_taken(control, by))
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
    action.position = control->position;
    if (!err)
        CHECK(take_action(control, &action));
    return err;
}

enum err control_note(struct control *control, struct str kind, struct str body, const struct control_by *by,
                      struct err_detail *detail)
{
    if (is_taken(control, by))
        return ERR_OK;
    enum err err = append(control, kind, body, by, detail);
    if (!err)
        *array_push(&control->notes) =
            (struct note){arena_str(&control->arena, kind), arena_str(&control->arena, body)};
    return err;
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
