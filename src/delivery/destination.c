#include "delivery/destination.h"

#include "base/array.h"
#include "base/check.h"
#include "base/spelling.h"
#include "delivery/file.h"
#include "journey/definition.h"
#include "json/document.h"

typedef enum err settings_parse(const json_t *json, struct arena *arena, struct destination_settings *ret,
                                struct err_detail *detail);
typedef enum err settings_place(struct destination_settings *settings,
                                const struct destination_places *places, struct arena *arena,
                                struct err_detail *detail);
typedef struct destination *settings_new(const struct destination_settings *settings);

struct kind {
    struct str name;
    bool honours_keys;
    settings_parse *parse;
    settings_place *place;
    settings_new *new;
    const struct str *keys; /* of its settings, besides name and kind; ends with an empty one */
};

static const struct kind kinds[] = {
#define X(name, key, honours_keys)                                                                           \
    {STR(#key), honours_keys, key##_parse, key##_place, key##_new, key##_settings},
    DESTINATION_KIND_TABLE(X)
#undef X
};

const char *destination_kind_name(enum destination_kind kind)
{
    return kinds[kind].name.data;
}

const char *activation_outcome_name(enum activation_outcome outcome)
{
    static const char *const names[] = {
#define X(name, key) #key,
        ACTIVATION_OUTCOME_TABLE(X)
#undef X
    };
    return names[outcome];
}

/* ── settings ─────────────────────────────────────────────────────────────── */

static struct str string_of(const json_t *json)
{
    return json_is_string(json) ? (struct str){json_string_value(json), json_string_length(json)}
                                : (struct str){0};
}

static size_t characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static enum err parse_name(const json_t *json, struct arena *arena, struct str *ret,
                           struct err_detail *detail)
{
    struct str name = string_of(json);
    size_t blank = 0;
    while (blank < name.size && strchr(" \t\r\n", name.data[blank]))
        blank++;
    if (blank == name.size)
        return err_fail(detail, ERR_INVALID, "/name",
                        "a destination needs a name: write the one that activate nodes give it, such as "
                        "\"crm\"");
    if (characters(name) > DEFINITION_NAME_MAX)
        return err_fail(detail, ERR_LIMIT, "/name", "the name has %zu characters: shorten it to %d",
                        characters(name), DEFINITION_NAME_MAX);
    *ret = arena_str(arena, name);
    return ERR_OK;
}

static enum err parse_kind(const json_t *json, enum destination_kind *ret, struct err_detail *detail)
{
    static const struct str names[] = {
#define X(name, key, honours_keys) STR(#key),
        DESTINATION_KIND_TABLE(X)
#undef X
    };
    struct str wanted = string_of(json);
    for (size_t i = 0; i < DESTINATION_KINDS; i++) {
        if (str_equal(wanted, names[i])) {
            *ret = (enum destination_kind)i;
            return ERR_OK;
        }
    }
    static const char all[] =
#define X(name, key, honours_keys) " \"" #key "\""
        DESTINATION_KIND_TABLE(X)
#undef X
        ;
    return err_fail(detail, ERR_INVALID, "/kind", "a destination needs a kind that this version has:%s", all);
}

static bool is_known(struct str key, const struct kind *kind)
{
    if (str_equal(key, STR("name")) || str_equal(key, STR("kind")))
        return true;
    for (const struct str *known = kind->keys; known->size; known++) {
        if (str_equal(key, *known))
            return true;
    }
    return false;
}

static enum err refuse_unknown_keys(json_t *json, const struct kind *kind, struct arena *arena,
                                    struct err_detail *detail)
{
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        if (is_known(str_from(key), kind))
            continue;
        ARRAY(struct str) all = {0};
        *array_push(&all) = STR("name");
        *array_push(&all) = STR("kind");
        for (const struct str *known = kind->keys; known->size; known++)
            *array_push(&all) = *known;
        struct str meant = spelling_nearest(str_from(key), all.items, all.count);
        array_free(&all);
        const char *pointer = pointer_join(arena, "", key);
        if (meant.size)
            return err_fail(detail, ERR_INVALID, pointer, "unknown key: did you mean \"%.*s\"?",
                            STR_ARG(meant));
        return err_fail(detail, ERR_INVALID, pointer,
                        "unknown key: remove it, a destination of kind %s does not have it", kind->name.data);
    }
    return ERR_OK;
}

enum err destination_parse(json_t *json, struct arena *arena, struct destination_settings *ret,
                           struct err_detail *detail)
{
    if (!json_is_object(json))
        return err_fail(detail, ERR_INVALID, "",
                        "a destination is an object: write {\"name\":…,\"kind\":\"file\",\"path\":…}");
    struct destination_settings settings;
    enum err err = parse_kind(json_object_get(json, "kind"), &settings.kind, detail);
    if (!err)
        err = refuse_unknown_keys(json, &kinds[settings.kind], arena, detail);
    if (!err)
        err = parse_name(json_object_get(json, "name"), arena, &settings.name, detail);
    if (!err)
        err = kinds[settings.kind].parse(json, arena, &settings, detail);
    if (!err)
        *ret = settings;
    return err;
}

enum err destination_place(struct destination_settings *settings, const struct destination_places *places,
                           struct arena *arena, struct err_detail *detail)
{
    return kinds[settings->kind].place(settings, places, arena, detail);
}

/* ── calls ────────────────────────────────────────────────────────────────── */

struct destination *destination_new(const struct destination_settings *settings)
{
    struct destination *destination = kinds[settings->kind].new(settings);
    destination->honours_keys = kinds[settings->kind].honours_keys;
    return destination;
}

enum err destination_try(struct destination *destination, struct err_detail *detail)
{
    return destination->calls->open(destination, detail);
}

enum err destination_open(const struct destination_settings *settings, struct destination **ret,
                          struct err_detail *detail)
{
    struct destination *destination = destination_new(settings);
    enum err err = destination_try(destination, detail);
    if (err)
        destination_close(destination);
    else
        *ret = destination;
    return err;
}

enum err destination_deliver(struct destination *destination, struct activation *items, size_t count,
                             struct err_detail *detail)
{
    for (size_t i = 0; i < count; i++) {
        items[i].outcome = ACTIVATION_OPEN;
        items[i].reason = NULL;
    }
    enum err err = destination->calls->deliver(destination, items, count, detail);
    for (size_t i = 0; i < count && !err; i++)
        CHECK(items[i].outcome == ACTIVATION_SENT || items[i].outcome == ACTIVATION_FAILED);
    return err;
}

enum err destination_has(struct destination *destination, const struct str *keys, size_t count, bool *ret,
                         struct err_detail *detail)
{
    CHECK(destination->honours_keys);
    memset(ret, 0, count * sizeof *ret);
    return destination->calls->has(destination, keys, count, ret, detail);
}

void destination_close(struct destination *destination)
{
    if (destination)
        destination->calls->close(destination);
}
