#include "event/names.h"

#include "base/arena.h"
#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/map.h"

struct names {
    struct arena arena; /* the texts */
    struct {
        ARRAY(struct str) texts; /* of id i at i - 1 */
        struct map ids;
    } of[NAME_KINDS];
};

static const uint16_t limits[NAME_KINDS] = {
    [NAME_EVENT] = NAMES_EVENT_MAX, [NAME_ATTRIBUTE] = NAMES_ATTRIBUTE_MAX};

struct names *names_new(void)
{
    return memory_take_zeroed(1, sizeof(struct names));
}

void names_free(struct names *names)
{
    if (!names)
        return;
    for (int kind = 0; kind < NAME_KINDS; kind++) {
        array_free(&names->of[kind].texts);
        map_deinit(&names->of[kind].ids);
    }
    arena_deinit(&names->arena);
    free(names);
}

struct sought {
    const struct names *names;
    enum name_kind kind;
    struct str name;
};

static bool is_sought(const void *context, uint32_t id)
{
    const struct sought *sought = context;
    return str_equal(names_get(sought->names, sought->kind, (uint16_t)id), sought->name);
}

static uint64_t hash_of_id(const void *context, uint32_t id)
{
    const struct sought *grown = context;
    return hash_str(names_get(grown->names, grown->kind, (uint16_t)id));
}

uint16_t names_find(const struct names *names, enum name_kind kind, struct str name)
{
    struct sought sought = {names, kind, name};
    uint32_t id;
    return map_find(&names->of[kind].ids, hash_str(name), is_sought, &sought, &id) ? (uint16_t)id : 0;
}

uint16_t names_add(struct names *names, enum name_kind kind, struct str name)
{
    CHECK(names_find(names, kind, name) == 0);
    if (names->of[kind].texts.count >= limits[kind])
        return 0;
    *array_push(&names->of[kind].texts) = arena_str(&names->arena, name);
    uint16_t id = names_count(names, kind);
    struct sought grown = {names, kind, name};
    map_add(&names->of[kind].ids, hash_str(name), id, hash_of_id, &grown);
    return id;
}

struct str names_get(const struct names *names, enum name_kind kind, uint16_t id)
{
    CHECK(id > 0 && id <= names->of[kind].texts.count);
    return names->of[kind].texts.items[id - 1];
}

uint16_t names_count(const struct names *names, enum name_kind kind)
{
    return (uint16_t)names->of[kind].texts.count;
}
