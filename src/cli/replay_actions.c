#include "cli/replay_actions.h"

#include <errno.h>
#include <inttypes.h>

#include "base/hash.h"
#include "base/spelling.h"
#include "ingest/binding.h"
#include "ingest/quote.h"
#include "json/document.h"

enum { READ_BYTES = 1 << 16 };

static const struct {
    struct str name;
    enum action_kind kind;
} kinds[] = {{STR("pause"), ACTION_PAUSE}, {STR("resume"), ACTION_RESUME}, {STR("stop"), ACTION_STOP}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const struct str later[] = {STR("publish"),   STR("run"),  STR("archive"),
                                   STR("unarchive"), STR("edit"), STR("remove")};

struct reading {
    const struct str *journeys;
    size_t journey_count;
    int64_t from_ms;
    struct arena *arena;
};

static enum err text_of(const json_t *object, const char *key, const char *pointer, bool needed,
                        struct str *ret, struct err_detail *detail)
{
    const json_t *value = json_object_get(object, key);
    *ret = (struct str){0};
    if (!value && !needed)
        return ERR_OK;
    if (!value)
        return err_fail(detail, ERR_INVALID, pointer, "is missing");
    if (!json_is_string(value))
        return err_fail(detail, ERR_INVALID, pointer, "a string is expected here");
    *ret = (struct str){json_string_value(value), json_string_length(value)};
    return ERR_OK;
}

static enum err kind_of(struct str text, enum action_kind *ret, struct err_detail *detail)
{
    struct str names[KINDS];
    char quoted[QUOTE_BYTES];
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (str_equal(kinds[i].name, text)) {
            *ret = kinds[i].kind;
            return ERR_OK;
        }
    }
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (str_equal(later[i], text))
            return err_fail(detail, ERR_UNSUPPORTED, "/action",
                            "\"%.*s\" comes with a later version; this one takes pause, resume and stop",
                            STR_ARG(text));
    }
    struct str nearest = spelling_nearest(text, names, KINDS);
    if (nearest.size)
        return err_fail(detail, ERR_INVALID, "/action", "%s is no action; did you mean \"%.*s\"?",
                        quote(text, quoted), STR_ARG(nearest));
    return err_fail(detail, ERR_INVALID, "/action", "%s is no action; there are pause, resume and stop",
                    quote(text, quoted));
}

static enum err check_keys(json_t *object, enum action_kind kind, struct err_detail *detail)
{
    static const char *const own[] = {
        [ACTION_PAUSE] = "hold", [ACTION_RESUME] = "policy", [ACTION_STOP] = "confirm"};
    const struct str known[] = {STR("at"), STR("action"), STR("journey"), str_from(own[kind])};
    enum { KNOWN = sizeof known / sizeof known[0] };
    const char *key;
    json_t *value;
    char quoted[QUOTE_BYTES];
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (i < KNOWN && !str_equal(known[i], str_from(key)))
            i++;
        if (i < KNOWN)
            continue;
        struct str nearest = spelling_nearest(str_from(key), known, KNOWN);
        return err_fail(detail, ERR_INVALID, "", "the key %s is unknown here; %s%.*s%s",
                        quote(str_from(key), quoted),
                        nearest.size ? "did you mean \"" : "there are at, action, journey and ",
                        STR_ARG(nearest.size ? nearest : known[KNOWN - 1]), nearest.size ? "\"?" : "");
    }
    return ERR_OK;
}

/* The one field that each action has of its own. */
static enum err take_own(const json_t *object, struct str journey, struct replay_action *ret,
                         struct err_detail *detail)
{
    struct str text;
    char quoted[QUOTE_BYTES];
    ret->hold = ret->kind == ACTION_PAUSE ? HOLD_ALL : HOLD_NONE;
    enum err err = text_of(object, "hold", "/hold", false, &text, detail);
    if (!err && json_object_get(object, "hold") && !version_hold_parse(text, &ret->hold))
        return err_fail(detail, ERR_INVALID, "/hold", "%s is no hold; there are \"entries\" and \"all\"",
                        quote(text, quoted));
    if (!err)
        err = text_of(object, "policy", "/policy", false, &text, detail);
    if (!err && text.size && !str_equal(text, STR("continue"))) {
        bool known = str_equal(text, STR("shift")) || str_equal(text, STR("spread"));
        return known
                   ? err_fail(detail, ERR_UNSUPPORTED, "/policy",
                              "\"%.*s\" comes with a later version; this one has \"continue\"", STR_ARG(text))
                   : err_fail(detail, ERR_INVALID, "/policy",
                              "%s is no overdue policy; there is \"continue\"", quote(text, quoted));
    }
    if (!err)
        err = text_of(object, "confirm", "/confirm", false, &text, detail);
    if (!err && ret->kind == ACTION_STOP && json_object_get(object, "confirm") && !str_equal(text, journey))
        return err_fail(detail, ERR_INVALID, "/confirm", "is not the journey's name, \"%.*s\"",
                        STR_ARG(journey));
    return err;
}

static enum err check_journey(const struct reading *reading, struct str name, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    for (size_t i = 0; i < reading->journey_count; i++) {
        if (str_equal(reading->journeys[i], name))
            return ERR_OK;
    }
    struct str nearest = spelling_nearest(name, reading->journeys, reading->journey_count);
    return err_fail(detail, ERR_NOT_FOUND, "/journey", "no journey of this replay is named %s%s%.*s%s",
                    quote(name, quoted), nearest.size ? "; did you mean \"" : "", STR_ARG(nearest),
                    nearest.size ? "\"?" : "");
}

static enum err take_action(const struct reading *reading, json_t *object, struct replay_action *ret,
                            struct err_detail *detail)
{
    struct str action, journey, at;
    if (!json_is_object(object))
        return err_fail(detail, ERR_INVALID, "", "one JSON object a line is expected here");
    enum err err = text_of(object, "action", "/action", true, &action, detail);
    if (!err)
        err = kind_of(action, &ret->kind, detail);
    if (!err)
        err = check_keys(object, ret->kind, detail);
    if (!err)
        err = text_of(object, "at", "/at", true, &at, detail);
    if (!err)
        err = event_time_parse(at, "/at", &ret->at_ms, detail);
    if (!err)
        err = text_of(object, "journey", "/journey", true, &journey, detail);
    if (!err)
        err = check_journey(reading, journey, detail);
    if (!err)
        err = take_own(object, journey, ret, detail);
    if (!err && ret->at_ms < reading->from_ms)
        err = err_fail(detail, ERR_INVALID, "/at",
                       "lies before the journey is published (--from, by default the first event)");
    if (!err)
        ret->journey = arena_str(reading->arena, journey);
    return err;
}

static enum err take_line(const struct reading *reading, const char *path, struct str line, uint64_t number,
                          struct replay_action *ret, struct err_detail *detail)
{
    json_t *object = NULL;
    char prefix[sizeof detail->place];
    enum err err = document_parse(line, "", &object, detail);
    if (err) {
        detail->place[0] = '\0'; /* it says the line within this one line */
        snprintf(prefix, sizeof prefix, "%s:%" PRIu64, path, number);
    } else {
        err = take_action(reading, object, ret, detail);
        snprintf(prefix, sizeof prefix, "%s:%" PRIu64 "%s", path, number,
                 err && detail->place[0] ? ": " : "");
    }
    if (err)
        err_prefix(detail, prefix);
    ret->line = number;
    json_decref(object);
    return err;
}

static void insert_by_time(struct replay_actions *actions, struct replay_action action)
{
    size_t at = actions->items.count;
    (void)array_push(&actions->items);
    for (; at > 0 && actions->items.items[at - 1].at_ms > action.at_ms; at--)
        actions->items.items[at] = actions->items.items[at - 1];
    actions->items.items[at] = action;
}

static bool is_blank(struct str line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

static enum err take_text(const struct reading *reading, const char *path, struct str text,
                          struct replay_actions *ret, struct err_detail *detail)
{
    enum err err = ERR_OK;
    size_t at = str_starts(text, STR("\xef\xbb\xbf")) ? 3 : 0;
    for (uint64_t number = 1; at < text.size && !err; number++) {
        const char *feed = memchr(text.data + at, '\n', text.size - at);
        struct str line = {text.data + at, feed ? (size_t)(feed - text.data) - at : text.size - at};
        at += line.size + 1;
        if (is_blank(line))
            continue;
        struct replay_action action = {0};
        err = take_line(reading, path, line, number, &action, detail);
        if (!err)
            insert_by_time(ret, action);
    }
    return err;
}

static enum err read_text(const char *path, struct buf *text, struct err_detail *detail)
{
    FILE *stream = fopen(path, "re");
    if (!stream)
        return err_fail(detail, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, "%s", strerror(errno));
    size_t size;
    while ((size = fread(buf_reserve(text, READ_BYTES), 1, READ_BYTES, stream)) > 0)
        text->size += size;
    enum err err = ferror(stream) ? err_fail(detail, ERR_IO, path, "%s", strerror(errno)) : ERR_OK;
    fclose(stream);
    return err;
}

enum err replay_actions_read(const char *path, const struct str *journeys, size_t journey_count,
                             int64_t from_ms, struct arena *arena, struct replay_actions *ret,
                             struct err_detail *detail)
{
    struct reading reading = {journeys, journey_count, from_ms, arena};
    struct buf text = {0};
    enum err err = read_text(path, &text, detail);
    if (!err)
        err = take_text(&reading, path, buf_str(&text), ret, detail);
    struct hash_stream *stream = hash_stream_new();
    hash_stream_put(stream, buf_str(&text));
    hash_stream_hex(stream, ret->digest);
    hash_stream_free(stream);
    buf_deinit(&text);
    return err;
}
