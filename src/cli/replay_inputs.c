#include "cli/replay_inputs.h"

#include "base/hash.h"
#include "cli/document_file.h"
#include "cli/finding_rows.h"
#include "journey/definition.h"

/* ── journeys ─────────────────────────────────────────────────────────────── */

static void digest_of(struct str bytes, char ret_hex[33])
{
    struct hash_stream *stream = hash_stream_new();
    hash_stream_put(stream, bytes);
    hash_stream_hex(stream, ret_hex);
    hash_stream_free(stream);
}

static bool check_journey(struct replay_journey *journey, struct arena *arena, FILE *err)
{
    struct findings findings = {0};
    checklist_run(journey->document, arena, &findings);
    bool sound = findings.errors == 0;
    if (!sound)
        finding_errors_print(err, journey->path, &findings);
    array_free(&findings.rows);
    if (!sound)
        return false;
    struct definition definition;
    struct err_detail detail;
    if (definition_parse(journey->document, arena, &definition, &detail)) {
        complain(err, journey->path, "%s%s%s", detail.place, detail.place[0] ? ": " : "", detail.text);
        return false;
    }
    journey->name = definition.name;
    return true;
}

static bool read_journey(const char *path, struct arena *arena, FILE *err, struct replay_journey *ret)
{
    struct err_detail detail;
    struct buf text = {0};
    ret->path = path;
    if (document_file_read(path, NULL, &ret->document, &text, &detail)) {
        complain_detail(err, &detail);
        return false;
    }
    digest_of(buf_str(&text), ret->digest);
    buf_deinit(&text);
    return check_journey(ret, arena, err);
}

static bool read_journeys(const struct arguments *arguments, FILE *err, struct replay_inputs *inputs)
{
    const char *const *paths = arguments_all(arguments, "journey", &inputs->journey_count);
    inputs->journeys = arena_take_array(&inputs->arena, inputs->journey_count, sizeof *inputs->journeys);
    bool sound = true;
    for (size_t i = 0; i < inputs->journey_count; i++) {
        struct replay_journey *journey = &inputs->journeys[i];
        sound &= read_journey(paths[i], &inputs->arena, err, journey);
        for (size_t other = 0; sound && other < i; other++) {
            if (str_equal(inputs->journeys[other].name, journey->name)) {
                complain(err, paths[i], "/name: \"%.*s\" is the name of the journey in %s too; rename one",
                         STR_ARG(journey->name), paths[other]);
                sound = false;
            }
        }
    }
    return sound;
}

/* ── records and actions ──────────────────────────────────────────────────── */

static bool open_file(const char *path, enum file_kind kind, FILE *err, struct file **ret)
{
    struct err_detail detail;
    struct str key;
    uint64_t line;
    if (file_open(path, kind, ret, &detail)) {
        complain_detail(err, &detail);
        return false;
    }
    if (file_ignored_key(*ret, &key, &line))
        complain(err, path,
                 "note: the key \"%.*s\", first in line %llu, is not part of Segment's form and is ignored",
                 STR_ARG(key), (unsigned long long)line);
    return true;
}

static bool read_instants(const struct arguments *arguments, FILE *err, struct replay_inputs *inputs)
{
    if (!arguments_instant(arguments, "from", err, &inputs->from_ms) ||
        !arguments_instant(arguments, "until", err, &inputs->until_ms))
        return false;
    bool any = file_count(inputs->events) > 0;
    int64_t first_ms = any ? file_entry_get(inputs->events, 0)->at_ms : INSTANT_NEVER;
    if (inputs->from_ms == INSTANT_NEVER)
        inputs->from_ms = first_ms;
    if (inputs->from_ms == INSTANT_NEVER) {
        complain(err, arguments_get(arguments, "events"),
                 "has no event, so --from must say when the journeys are published");
        return false;
    }
    inputs->start_ms = first_ms < inputs->from_ms ? first_ms : inputs->from_ms;
    if (inputs->until_ms < inputs->from_ms) {
        complain(err, "--until",
                 "lies before the journeys are published (--from, by default the first event)");
        return false;
    }
    return true;
}

static bool read_actions(const struct arguments *arguments, FILE *err, struct replay_inputs *inputs)
{
    inputs->actions_path = arguments_get(arguments, "actions");
    if (!inputs->actions_path)
        return true;
    struct str *names = arena_take_array(&inputs->arena, inputs->journey_count, sizeof *names);
    for (size_t i = 0; i < inputs->journey_count; i++)
        names[i] = inputs->journeys[i].name;
    struct err_detail detail;
    if (replay_actions_read(inputs->actions_path, names, inputs->journey_count, inputs->from_ms,
                            &inputs->arena, &inputs->actions, &detail)) {
        complain_detail(err, &detail);
        return false;
    }
    return true;
}

bool replay_inputs_read(const struct arguments *arguments, FILE *err, struct replay_inputs *ret)
{
    *ret = (struct replay_inputs){0};
    const char *contacts = arguments_get(arguments, "contacts");
    return read_journeys(arguments, err, ret) &&
           (!contacts || open_file(contacts, FILE_CONTACTS, err, &ret->contacts)) &&
           open_file(arguments_get(arguments, "events"), FILE_EVENTS, err, &ret->events) &&
           read_instants(arguments, err, ret) && read_actions(arguments, err, ret);
}

void replay_inputs_free(struct replay_inputs *inputs)
{
    for (size_t i = 0; i < inputs->journey_count; i++)
        json_decref(inputs->journeys[i].document);
    file_close(inputs->contacts);
    file_close(inputs->events);
    array_free(&inputs->actions.items);
    arena_deinit(&inputs->arena);
}

/* ── the manifest ─────────────────────────────────────────────────────────── */

static json_t *file_json(const struct file *file)
{
    char digest[33];
    if (!file)
        return json_null();
    file_digest(file, digest);
    return json_string(digest);
}

static json_t *instant_json(int64_t ms)
{
    char text[32];
    if (ms == INSTANT_NEVER)
        return json_null();
    instant_print(ms, false, text);
    return json_string(text);
}

json_t *replay_manifest(const struct replay_inputs *inputs)
{
    json_t *journeys = json_array();
    for (size_t i = 0; i < inputs->journey_count; i++)
        json_array_append_new(journeys, json_string(inputs->journeys[i].digest));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "journeys", journeys, "contacts",
                     file_json(inputs->contacts), "events", file_json(inputs->events), "actions",
                     inputs->actions_path ? json_string(inputs->actions.digest) : json_null(), "from",
                     instant_json(inputs->from_ms), "until", instant_json(inputs->until_ms));
}

static void describe(const char *key, const json_t *there, const json_t *now, char *text, size_t size)
{
    const char *was = json_is_string(there) ? json_string_value(there) : NULL;
    bool instant = strcmp(key, "from") == 0 || strcmp(key, "until") == 0;
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s--%s%s", used ? ", " : "",
             strcmp(key, "journeys") == 0 ? "journey" : key,
             json_is_null(there) ? " (there was none)"
             : json_is_null(now) ? " (there was one)"
             : instant && was    ? " (it was "
                                 : "");
    used = strlen(text);
    if (instant && was && !json_is_null(now))
        snprintf(text + used, size - used, "%s)", was);
}

void replay_manifest_compare(const json_t *there, const json_t *now, char *ret_text, size_t size)
{
    static const char *const keys[] = {"journeys", "contacts", "events", "actions", "from", "until"};
    ret_text[0] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *a = json_object_get(there, keys[i]), *b = json_object_get(now, keys[i]);
        if (!json_equal(a, b))
            describe(keys[i], a, b, ret_text, size);
    }
}
