#include "scenario.h"

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

static void put_fact(struct buf *out, const struct oracle *oracle, const struct oracle_fact *fact)
{
    scenario_put_offset(out, fact->at_ms);
    buf_printf(out, " %s %s#%u %s%s%s%s %s", oracle_contact_id(oracle, fact->contact),
               oracle_journey_name(oracle, fact->journey), fact->passage, fact->enters ? "enters, " : "",
               fact->path, fact->path[0] ? " " : "", fact->leaves ? "leaves at" : "rests at", fact->node);
    if (fact->leaves)
        buf_printf(out, ": %s", fact->reason);
    if (fact->which >= 0)
        buf_printf(out, " %d", fact->which);
    buf_put_char(out, '\n');
}

static void put_activation(struct buf *out, const struct oracle *oracle, const struct oracle_activation *a)
{
    scenario_put_offset(out, a->at_ms);
    buf_printf(out, " %s %s#%u activates %s, visit %u\n", oracle_contact_id(oracle, a->contact),
               oracle_journey_name(oracle, a->journey), a->passage, a->node, a->visit);
}

void scenario_put_facts(struct buf *out, const struct oracle *oracle)
{
    for (size_t c = 0; c < oracle_contacts(oracle); c++) {
        for (size_t i = 0; i < oracle_facts(oracle); i++)
            if (oracle_fact(oracle, i)->contact == c)
                put_fact(out, oracle, oracle_fact(oracle, i));
        for (size_t i = 0; i < oracle_activations(oracle); i++)
            if (oracle_activation(oracle, i)->contact == c)
                put_activation(out, oracle, oracle_activation(oracle, i));
    }
}
