#include "vectors.h"

#include <stdio.h>

#include "base/check.h"
#include "calendar/instant.h"
#include "scenario.h"

enum { LINE_BYTES_MAX = 1000 };

struct loading {
    const char *path;
    int line;
    FILE *file;
    char text[LINE_BYTES_MAX], *words; /* a line, without its indent */
    struct vectors *ret;
    json_t *journeys, *step;
    struct buf expected;
    bool expecting;
};

static void fail(const struct loading *loading, const char *why)
{
    fprintf(stderr, "%s:%d: %s\n", loading->path, loading->line, why);
    exit(2);
}

static bool next_line(struct loading *loading)
{
    if (fgets(loading->text, sizeof loading->text, loading->file) == NULL)
        return false;
    loading->line++;
    loading->text[strcspn(loading->text, "\n")] = 0;
    loading->words = loading->text + strspn(loading->text, " ");
    return true;
}

/* The word at the front, cut off; NULL where nothing is left. */
static char *take_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    if (*word == 0)
        return NULL;
    *rest = word + strcspn(word, " ");
    if (**rest)
        *(*rest)++ = 0;
    return word;
}

static int64_t offset_of(const struct loading *loading, char *text)
{
    int64_t ms = 0, more = 0;
    char *plus = strchr(text, '+');
    if (plus) {
        *plus = 0;
        more = strtoll(plus + 1, NULL, 10);
    }
    if (strcmp(text, "0m") != 0 && !duration_parse(str_from(text), &ms))
        fail(loading, "no such instant");
    return SCENARIO_START_MS + ms + more;
}

static json_t *json_of(const struct loading *loading, const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL)
        fail(loading, "this is no JSON");
    return json;
}

static struct vector *current(const struct loading *loading)
{
    if (loading->ret->items.count == 0)
        fail(loading, "the file begins with a vector");
    return &loading->ret->items.items[loading->ret->items.count - 1];
}

static void finish_vector(struct loading *loading)
{
    if (loading->ret->items.count == 0)
        return;
    buf_put_char(&loading->expected, 0);
    current(loading)->expected = loading->expected.data;
    loading->expected = (struct buf){0};
    json_object_clear(loading->journeys);
    loading->expecting = false;
}

static void read_journey(struct loading *loading)
{
    struct buf text = {0};
    buf_put_text(&text, loading->words + strlen("journey"));
    json_t *definition = NULL;
    for (;;) {
        buf_put_char(&text, 0);
        if ((definition = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL)))
            break;
        text.size--;
        if (!next_line(loading))
            fail(loading, "a definition does not end");
        buf_put_text(&text, loading->words);
    }
    json_object_set_new(loading->journeys, json_string_value(json_object_get(definition, "name")),
                        definition);
    buf_deinit(&text);
}

static json_t *action_of(const struct loading *loading, const char *action, const char *name,
                         const char *hold)
{
    json_t *journey = json_object_get(loading->journeys, name);
    if (journey == NULL)
        fail(loading, "there is no such journey");
    if (strcmp(action, "publish") == 0)
        return json_pack("{s:s, s:O}", "do", action, "journey", journey);
    json_t *input = json_pack("{s:s, s:s}", "do", action, "journey", name);
    if (hold)
        json_object_set_new(input, "hold", json_string(hold));
    return input;
}

static json_t *record_of(const struct loading *loading, const char *contact, const char *event, char *rest)
{
    char *at = strrchr(rest, '@');
    if (strcmp(event, "is") == 0)
        return json_pack("{s:s, s:s, s:o}", "do", "identify", "contact", contact, "attributes",
                         json_of(loading, rest));
    if (strcmp(event, "asks") == 0)
        return json_pack("{s:s, s:s, s:s}", "do", "enroll", "contact", contact, "journey", take_word(&rest));
    bool history = strcmp(event, "did") == 0;
    if (history)
        event = take_word(&rest);
    json_t *record = json_pack("{s:s, s:s, s:s}", "do", "track", "contact", contact, "event", event);
    if (history)
        json_object_set_new(record, "history", json_true());
    if (at) {
        *at = 0;
        json_object_set_new(record, "at", scenario_instant(offset_of(loading, at + 1)));
    }
    if (strchr(rest, '{'))
        json_object_set_new(record, "properties", json_of(loading, rest));
    return record;
}

static void add_step(struct loading *loading, json_t *now)
{
    loading->step = json_pack("{s:o, s:[], s:b, s:b}", "now", now, "inputs", "over", 1, "take", 1);
    json_array_append_new(json_object_get(current(loading)->scenario, "steps"), loading->step);
}

/* In a step actions come first: one that comes after a record begins another at the same instant. */
static void read_input(struct loading *loading)
{
    char *rest = loading->words, *first = take_word(&rest), *second = take_word(&rest);
    if (loading->step == NULL || second == NULL)
        fail(loading, "this is no input");
    bool acts = strcmp(first, "publish") == 0 || strcmp(first, "pause") == 0 ||
                strcmp(first, "resume") == 0 || strcmp(first, "stop") == 0;
    const json_t *inputs = json_object_get(loading->step, "inputs");
    const json_t *last = json_array_get(inputs, json_array_size(inputs) - 1);
    if (acts && json_object_get(last, "contact")) {
        json_object_set_new(loading->step, "over", json_false());
        add_step(loading, json_incref(json_object_get(loading->step, "now")));
    }
    json_array_append_new(json_object_get(loading->step, "inputs"),
                          acts ? action_of(loading, first, second, take_word(&rest))
                               : record_of(loading, first, second, rest));
}

static void read_line(struct loading *loading)
{
    if (loading->words[0] == 0 || loading->words[0] == '#')
        return;
    if (strncmp(loading->words, "vector ", 7) == 0) {
        finish_vector(loading);
        *array_push(&loading->ret->items) =
            (struct vector){.name = strdup(loading->words + 7), .scenario = json_pack("{s:[]}", "steps")};
    } else if (strncmp(loading->words, "journey ", 8) == 0) {
        read_journey(loading);
    } else if (strncmp(loading->words, "at ", 3) == 0) {
        add_step(loading, scenario_instant(offset_of(loading, loading->words + strlen("at "))));
    } else if (strcmp(loading->words, "expect") == 0) {
        loading->expecting = true;
    } else if (loading->expecting) {
        buf_put_text(&loading->expected, loading->words);
        buf_put_char(&loading->expected, '\n');
    } else {
        read_input(loading);
    }
}

void vectors_load(const char *path, struct vectors *ret)
{
    struct loading loading = {.path = path, .file = fopen(path, "r"), .ret = ret, .journeys = json_object()};
    *ret = (struct vectors){0};
    if (loading.file == NULL)
        fail(&loading, "cannot be read");
    while (next_line(&loading))
        read_line(&loading);
    finish_vector(&loading);
    json_decref(loading.journeys);
    fclose(loading.file);
}

void vectors_free(struct vectors *vectors)
{
    array_each (&vectors->items, i) {
        free(vectors->items.items[i].name);
        free(vectors->items.items[i].expected);
        json_decref(vectors->items.items[i].scenario);
    }
    array_free(&vectors->items);
}
