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
    char which[16] = "";
    scenario_put_offset(&at, fact->at_ms);
    buf_put_char(&at, 0);
    if (fact->which >= 0)
        snprintf(which, sizeof which, " %d", fact->which);
    lines_add(lines, oracle_contact_id(oracle, fact->contact), fact->journey, "%s %s %s#%u %s%s%s%s %s%s%s%s",
              at.data, oracle_contact_id(oracle, fact->contact), oracle_journey_name(oracle, fact->journey),
              fact->passage, fact->enters ? "enters, " : "", fact->path, fact->path[0] ? " " : "",
              fact->leaves ? "leaves at" : "rests at", fact->node, fact->leaves ? ": " : "",
              fact->leaves ? fact->reason : "", which);
    buf_deinit(&at);
}

static void add_activation(struct lines *lines, const struct oracle *oracle,
                           const struct oracle_activation *a)
{
    struct buf at = {0};
    scenario_put_offset(&at, a->at_ms);
    buf_put_char(&at, 0);
    lines_add(lines, oracle_contact_id(oracle, a->contact), LINES_ACTIVATIONS + a->journey,
              "%s %s %s#%u activates %s by %s, visit %u", at.data, oracle_contact_id(oracle, a->contact),
              oracle_journey_name(oracle, a->journey), a->passage, a->destination, a->node, a->visit);
    buf_deinit(&at);
}

void scenario_add_facts(struct lines *lines, const struct oracle *oracle, size_t *facts, size_t *activations)
{
    for (; *facts < oracle_facts(oracle); ++*facts)
        add_fact(lines, oracle, oracle_fact(oracle, *facts));
    for (; *activations < oracle_activations(oracle); ++*activations)
        add_activation(lines, oracle, oracle_activation(oracle, *activations));
}
