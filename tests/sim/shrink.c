#include "shrink.h"

#include <time.h>

#include "base/check.h"
#include "generate.h"
#include "run.h"

struct shrinking {
    json_t *best;
    time_t until;
};

/* Takes the candidate over where it fails too. The candidate is consumed. */
static bool try(struct shrinking *shrinking, json_t *candidate)
{
    struct buf out = {0};
    uint64_t steps;
    scenario_mend(candidate);
    bool fails =
        !json_equal(candidate, shrinking->best) && run_apart(candidate, true, &out, &steps) == RUN_DIFFERENT;
    buf_deinit(&out);
    if (fails) {
        json_decref(shrinking->best);
        shrinking->best = candidate;
    } else {
        json_decref(candidate);
    }
    return fails;
}

static bool time_is_up(const struct shrinking *shrinking)
{
    return time(NULL) >= shrinking->until;
}

/* ── places in the document ───────────────────────────────────────────────── */

/* What may be taken away or made smaller: every member of every object and array, by a path of keys and
 * indexes. */
struct place {
    const char *key; /* in an object; NULL: `index` of an array */
    size_t index;
};
enum { DEPTH_MAX = 24 };
struct path {
    struct place places[DEPTH_MAX];
    size_t depth;
};

static json_t *container_of(json_t *root, const struct path *path)
{
    json_t *at = root;
    for (size_t i = 0; at && i + 1 < path->depth; i++) {
        const struct place *place = &path->places[i];
        at = place->key ? json_object_get(at, place->key) : json_array_get(at, place->index);
    }
    return at;
}

static json_t *member_of(json_t *root, const struct path *path)
{
    const struct place *place = &path->places[path->depth - 1];
    json_t *container = container_of(root, path);
    return place->key ? json_object_get(container, place->key) : json_array_get(container, place->index);
}

static bool take_away(json_t *root, const struct path *path)
{
    const struct place *place = &path->places[path->depth - 1];
    json_t *container = container_of(root, path);
    return container && (place->key ? json_object_del(container, place->key)
                                    : json_array_remove(container, place->index)) == 0;
}

static bool put(json_t *root, const struct path *path, json_t *value)
{
    const struct place *place = &path->places[path->depth - 1];
    json_t *container = container_of(root, path);
    return place->key ? json_object_set_new(container, place->key, value) == 0
                      : json_array_set_new(container, place->index, value) == 0;
}

/* ── steps ────────────────────────────────────────────────────────────────── */

/* Runs of members of an array, ever shorter ones. */
static bool cut_array(struct shrinking *shrinking, const struct path *path)
{
    bool any = false;
    size_t count = json_array_size(member_of(shrinking->best, path));
    for (size_t run = count; run > 0; run /= 2) {
        for (size_t at = 0; at < json_array_size(member_of(shrinking->best, path));) {
            if (time_is_up(shrinking))
                return any;
            json_t *candidate = json_deep_copy(shrinking->best), *array = member_of(candidate, path);
            for (size_t i = 0; i < run && at < json_array_size(array); i++)
                json_array_remove(array, at);
            if (try(shrinking, candidate))
                any = true;
            else
                at += run;
        }
    }
    return any;
}

static struct path path_of(const char *first, size_t index, const char *last)
{
    struct path path = {{{first, 0}, {NULL, index}, {last, 0}}, last ? 3 : 1};
    return path;
}

static bool cut_steps(struct shrinking *shrinking)
{
    struct path steps = path_of("steps", 0, NULL);
    bool any = cut_array(shrinking, &steps);
    for (size_t s = 0; s < json_array_size(json_object_get(shrinking->best, "steps")); s++) {
        struct path inputs = path_of("steps", s, "inputs"), faults = path_of("steps", s, "faults");
        any |= cut_array(shrinking, &inputs);
        if (member_of(shrinking->best, &faults))
            any |= cut_array(shrinking, &faults);
    }
    return any;
}

/* ── definitions and the rest ─────────────────────────────────────────────── */

/* Keys without which nothing has a meaning. */
static bool is_needed(const char *key)
{
    static const char *const needed[] = {"steps", "now",     "inputs", "do",         "contact", "name",
                                         "nodes", "entry",   "start",  "type",       "over",    "attribute",
                                         "fault", "journey", "event",  "attributes", "status",  "call"};
    for (size_t i = 0; key && i < sizeof needed / sizeof *needed; i++)
        if (strcmp(key, needed[i]) == 0)
            return true;
    return false;
}

static void mend_definitions(json_t *scenario)
{
    json_t *steps = json_object_get(scenario, "steps");
    for (size_t s = 0; s < json_array_size(steps); s++) {
        json_t *inputs = json_object_get(json_array_get(steps, s), "inputs");
        for (size_t i = 0; i < json_array_size(inputs); i++) {
            json_t *journey = json_object_get(json_array_get(inputs, i), "journey");
            if (json_is_object(journey))
                definition_mend(journey);
        }
    }
}

static bool try_mended(struct shrinking *shrinking, json_t *candidate)
{
    mend_definitions(candidate);
    return try(shrinking, candidate);
}

/* A node becomes a stop; a rule made of parts becomes one of them. */
static bool make_smaller(struct shrinking *shrinking, const struct path *path)
{
    const json_t *member = member_of(shrinking->best, path);
    const char *type = json_string_value(json_object_get(member, "type"));
    if (type && strcmp(type, "stop") != 0) {
        json_t *candidate = json_deep_copy(shrinking->best);
        put(candidate, path, json_pack("{s:s}", "type", "stop"));
        return try_mended(shrinking, candidate);
    }
    static const char *const joins[] = {"all", "any"};
    for (size_t j = 0; j < 2; j++) {
        size_t count = json_array_size(json_object_get(member, joins[j]));
        for (size_t i = 0; i < count; i++) {
            json_t *candidate = json_deep_copy(shrinking->best);
            put(candidate, path, json_deep_copy(json_array_get(json_object_get(member, joins[j]), i)));
            if (try_mended(shrinking, candidate))
                return true;
        }
    }
    return false;
}

static bool visit(struct shrinking *shrinking, struct path *path);

static bool visit_member(struct shrinking *shrinking, struct path *path, const char *key, size_t index)
{
    path->places[path->depth++] = (struct place){key, index};
    bool any = false;
    if (!is_needed(key)) {
        json_t *candidate = json_deep_copy(shrinking->best);
        take_away(candidate, path);
        any = try_mended(shrinking, candidate);
    }
    if (!any)
        any = make_smaller(shrinking, path);
    if (!any && path->depth < DEPTH_MAX)
        any = visit(shrinking, path);
    path->depth--;
    return any;
}

/* True as soon as one thing went: the walk then begins again, as the document is another. */
static bool visit(struct shrinking *shrinking, struct path *path)
{
    json_t *at = path->depth ? member_of(shrinking->best, path) : shrinking->best;
    if (time_is_up(shrinking))
        return false;
    if (json_is_array(at)) {
        for (size_t i = 0; i < json_array_size(at); i++)
            if (visit_member(shrinking, path, NULL, i))
                return true;
    } else if (json_is_object(at)) {
        const char *key;
        json_t *value;
        json_object_foreach(at, key, value)
        {
            if (visit_member(shrinking, path, key, 0))
                return true;
        }
    }
    return false;
}

json_t *shrink_scenario(json_t *scenario, int seconds)
{
    struct shrinking shrinking = {json_deep_copy(scenario), time(NULL) + seconds};
    bool any = true;
    while (any && !time_is_up(&shrinking)) {
        any = cut_steps(&shrinking);
        struct path path = {.depth = 0};
        while (visit(&shrinking, &path)) {
            any = true;
            path.depth = 0;
        }
    }
    return shrinking.best;
}
