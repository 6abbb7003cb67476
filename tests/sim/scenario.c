#include "scenario.h"

#include <stdio.h>

#include "base/check.h"
#include "calendar/instant.h"

int64_t scenario_now(const json_t *step)
{
    int64_t ms = 0;
    const char *text = json_string_value(json_object_get(step, "now"));
    CHECK(text && instant_parse(str_from(text), &ms));
    return ms;
}

bool scenario_is_over(const json_t *step)
{
    return json_is_true(json_object_get(step, "over"));
}

void scenario_feed(struct oracle *oracle, const json_t *step)
{
    const json_t *inputs = json_object_get(step, "inputs");
    int64_t now_ms = scenario_now(step);
    oracle_instant_over(oracle, now_ms - 1);
    for (size_t i = 0; i < json_array_size(inputs); i++)
        oracle_take(oracle, now_ms, json_array_get(inputs, i));
    if (scenario_is_over(step))
        oracle_instant_over(oracle, now_ms);
}

json_t *scenario_instant(int64_t ms)
{
    char text[32];
    instant_print(ms, false, text);
    return json_string(text);
}

void scenario_put_offset(struct buf *out, int64_t ms)
{
    int64_t since_ms = ms - SCENARIO_START_MS, seconds_ms = since_ms - since_ms % SECOND_MS;
    char text[32];
    if (seconds_ms > 0 && duration_print(seconds_ms, text) > 0)
        buf_put_text(out, text);
    else
        buf_printf(out, "%lldm", (long long)(seconds_ms / MINUTE_MS));
    if (since_ms != seconds_ms)
        buf_printf(out, "+%lldms", (long long)(since_ms - seconds_ms));
}

static void add_fact(struct lines *lines, const struct oracle *oracle, const struct oracle_fact *fact)
{
    struct buf at = {0};
    char which[64] = "";
    scenario_put_offset(&at, fact->at_ms);
    buf_put_char(&at, 0);
    if (fact->which >= 0 && fact->value != 0)
        snprintf(which, sizeof which, " %d worth %.15g", fact->which, fact->value);
    else if (fact->which >= 0)
        snprintf(which, sizeof which, " %d", fact->which);
    lines_add(lines, oracle_contact_id(oracle, fact->contact), fact->journey, "%s %s %s#%u %s%s%s%s %s%s%s%s",
              at.data, oracle_contact_id(oracle, fact->contact), oracle_journey_name(oracle, fact->journey),
              fact->passage, fact->enters ? "enters, " : "", fact->path, fact->path[0] ? " " : "",
              fact->leaves ? "leaves at" : "rests at", fact->node, fact->leaves ? ": " : "",
              fact->leaves ? fact->reason : "", which);
    buf_deinit(&at);
}

static void add_activation(struct lines *lines, const struct oracle *oracle, uint32_t group,
                           const struct oracle_activation *a, int64_t at_ms, const char *verb)
{
    struct buf at = {0};
    scenario_put_offset(&at, at_ms);
    buf_put_char(&at, 0);
    lines_add(lines, oracle_contact_id(oracle, a->contact), group + a->journey,
              "%s %s %s#%u %s %s by %s, visit %u", at.data, oracle_contact_id(oracle, a->contact),
              oracle_journey_name(oracle, a->journey), a->passage, verb, a->destination, a->node, a->visit);
    buf_deinit(&at);
}

void scenario_add_facts(struct lines *lines, const struct oracle *oracle, struct scenario_seen *seen)
{
    for (; seen->facts < oracle_facts(oracle); seen->facts++)
        add_fact(lines, oracle, oracle_fact(oracle, seen->facts));
    for (; seen->activations < oracle_activations(oracle); seen->activations++) {
        const struct oracle_activation *a = oracle_activation(oracle, seen->activations);
        add_activation(lines, oracle, LINES_ACTIVATIONS, a, a->at_ms, "activates");
    }
    for (; seen->endings < oracle_endings(oracle); seen->endings++) {
        const struct oracle_ending *ending = oracle_ending(oracle, seen->endings);
        add_activation(lines, oracle, LINES_ENDINGS, oracle_activation(oracle, ending->activation),
                       ending->at_ms, ending->end);
    }
}

/* ── state ────────────────────────────────────────────────────────────────── */

static void put_instant(struct buf *out, const char *name, int64_t ms)
{
    buf_printf(out, ", %s ", name);
    if (ms == INSTANT_NEVER)
        buf_put_text(out, "never");
    else
        scenario_put_offset(out, ms);
}

void scenario_add_inside(struct lines *lines, const struct scenario_inside *inside)
{
    struct buf text = {0};
    buf_printf(&text, "%s %s is inside at %s, visit %u", inside->contact, inside->journey, inside->node,
               inside->visits);
    put_instant(&text, "entered", inside->entered_ms);
    put_instant(&text, "arrived", inside->arrived_ms);
    put_instant(&text, "due", inside->due_ms);
    put_instant(&text, "timeout", inside->timeout_ms);
    buf_put_char(&text, 0);
    lines_add(lines, inside->contact, LINES_INSIDE + inside->number, "%s", text.data);
    buf_deinit(&text);
}

static void put_value(struct buf *out, const json_t *value)
{
    if (json_is_number(value)) {
        buf_printf(out, "%.15g", json_number_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    buf_put_text(out, text);
    free(text);
}

void scenario_add_attribute(struct lines *lines, const char *contact, const char *name, const json_t *value)
{
    struct buf text = {0};
    put_value(&text, value);
    buf_put_char(&text, 0);
    lines_add(lines, contact, LINES_ATTRIBUTES + (uint32_t)name[0], "%s %s is %s", contact, name, text.data);
    buf_deinit(&text);
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_figure(struct lines *lines, const char *path, json_t *figure);

static void add_object(struct lines *lines, const char *path, json_t *object)
{
    size_t count = 0;
    const char **names = memory_take_zeroed(json_object_size(object) + 1, sizeof *names), *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        names[count++] = name;
    }
    qsort(names, count, sizeof *names, name_compare);
    for (size_t i = 0; i < count; i++) {
        struct buf inner = {0};
        buf_printf(&inner, "%s %s%c", path, names[i], 0);
        add_figure(lines, inner.data, json_object_get(object, names[i]));
        buf_deinit(&inner);
    }
    free(names);
}

static void add_figure(struct lines *lines, const char *path, json_t *figure)
{
    if (json_is_object(figure)) {
        add_object(lines, path, figure);
    } else if (json_is_array(figure)) {
        for (size_t i = 0; i < json_array_size(figure); i++) {
            struct buf inner = {0};
            buf_printf(&inner, "%s %zu%c", path, i, 0);
            add_figure(lines, inner.data, json_array_get(figure, i));
            buf_deinit(&inner);
        }
    } else if (json_number_value(figure) != 0) {
        lines_add(lines, "", LINES_FIGURES, "figures%s: %.15g", path, json_number_value(figure));
    }
}

void scenario_add_figures(struct lines *lines, json_t *figures)
{
    add_figure(lines, "", figures);
}

struct adding {
    struct lines *lines;
    const struct oracle *oracle;
};

static void on_inside(void *context, const struct oracle_inside *inside)
{
    const struct adding *adding = context;
    scenario_add_inside(adding->lines, &(struct scenario_inside){
                                           oracle_contact_id(adding->oracle, inside->contact),
                                           oracle_journey_name(adding->oracle, inside->journey), inside->node,
                                           inside->journey, inside->visits, inside->entered_ms,
                                           inside->arrived_ms, inside->due_ms, inside->timeout_ms});
}

void scenario_add_state(struct lines *lines, const struct oracle *oracle)
{
    oracle_each_inside(oracle, on_inside, &(struct adding){lines, oracle});
    for (size_t c = 0; c < oracle_contacts(oracle); c++) {
        const char *name;
        json_t *value;
        json_object_foreach(oracle_contact_attributes(oracle, c), name, value)
        {
            scenario_add_attribute(lines, oracle_contact_id(oracle, c), name, value);
        }
    }
    json_t *figures = oracle_figures(oracle, INT64_MAX);
    scenario_add_figures(lines, figures);
    json_decref(figures);
}

void scenario_add_past(struct lines *lines, const struct oracle *oracle, int64_t until_ms)
{
    json_t *figures = oracle_figures(oracle, until_ms);
    json_object_del(figures, "contacts");
    json_object_del(figures, "events");
    scenario_add_figures(lines, figures);
    json_decref(figures);
}
