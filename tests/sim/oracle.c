#include "oracle.h"

#include "oracle_state.h"

#define KNOWN_MS INT64_C(86400000) /* a message id */

struct oracle *oracle_new(void)
{
    return memory_take_zeroed(1, sizeof(struct oracle));
}

static void contact_free(struct oracle_contact *contact)
{
    array_each (&contact->events, i) {
        json_decref(contact->events.items[i].properties);
    }
    array_each (&contact->enrollments, i) {
        free(contact->enrollments.items[i]);
    }
    array_free(&contact->events);
    array_free(&contact->enrollments);
    array_free(&contact->questions);
    json_decref(contact->attributes);
    free(contact);
}

void oracle_free(struct oracle *oracle)
{
    array_each (&oracle->contacts, i) {
        contact_free(oracle->contacts.items[i]);
    }
    array_each (&oracle->journeys, i) {
        array_free(&oracle->journeys.items[i]->open);
        json_decref(oracle->journeys.items[i]->definition);
        free(oracle->journeys.items[i]);
    }
    array_each (&oracle->facts, i) {
        free(oracle->facts.items[i].path);
    }
    array_free(&oracle->contacts);
    array_free(&oracle->journeys);
    array_free(&oracle->marks);
    array_free(&oracle->facts);
    array_free(&oracle->activations);
    array_free(&oracle->endings);
    array_each (&oracle->inputs, i) {
        json_decref(oracle->inputs.items[i]);
    }
    array_free(&oracle->inputs);
    array_free(&oracle->messages);
    free(oracle);
}

/* ── inputs ───────────────────────────────────────────────────────────────── */

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    CHECK(text);
    return text;
}

static struct oracle_contact *contact_named(struct oracle *oracle, const char *id, int64_t now_ms)
{
    array_each (&oracle->contacts, i) {
        if (strcmp(oracle->contacts.items[i]->id, id) == 0)
            return oracle->contacts.items[i];
    }
    struct oracle_contact *contact = memory_take_zeroed(1, sizeof *contact);
    contact->id = id;
    contact->number = (uint32_t)oracle->contacts.count;
    contact->attributes = json_object();
    contact->clock_ms = now_ms - 1;
    *array_push(&oracle->contacts) = contact;
    return contact;
}

static void take_track(struct oracle *oracle, int64_t now_ms, json_t *input)
{
    struct oracle_contact *contact = contact_named(oracle, text_at(input, "contact"), now_ms);
    const json_t *at = json_object_get(input, "at");
    json_t *properties = json_object_get(input, "properties");
    int64_t own_ms = at ? oracle_instant(at) : now_ms;
    struct oracle_event event = {
        .order = ++oracle->order,
        .arrived_ms = now_ms,
        .own_ms = own_ms < now_ms ? own_ms : now_ms,
        .name = text_at(input, "event"),
        .properties = properties ? json_incref(properties) : json_object(),
    };
    *array_push(&contact->events) = event;
    oracle->events++;
    const struct oracle_change change = {&event, NULL, event.own_ms};
    if (json_is_true(json_object_get(input, "history")))
        oracle_learn(oracle, contact, &change, now_ms);
    else
        oracle_settle(oracle, contact, &change, now_ms);
    oracle_answer(oracle, contact, now_ms);
}

static void take_identify(struct oracle *oracle, int64_t now_ms, json_t *input)
{
    struct oracle_contact *contact = contact_named(oracle, text_at(input, "contact"), now_ms);
    json_t *attributes = json_object_get(input, "attributes"), *changed = json_object(), *value;
    const char *name;
    json_object_foreach(attributes, name, value)
    {
        oracle_set_attribute(contact, name, value, changed);
    }
    if (json_object_size(changed) > 0)
        oracle_settle(oracle, contact, &(struct oracle_change){NULL, changed, now_ms}, now_ms);
    json_decref(changed);
    oracle_answer(oracle, contact, now_ms);
}

/* ── actions ──────────────────────────────────────────────────────────────── */

/* A call of the API is an event that nobody but its journey knows: no other name has a colon. */
static json_t *api_event(const char *journey)
{
    return json_sprintf("api:%s", journey);
}

static json_t *with_api_events(json_t *definition)
{
    json_t *copy = json_deep_copy(definition), *rule;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(copy, "entry"), "rules"), i, rule)
    {
        if (json_object_del(rule, "api") == 0)
            json_object_set_new(rule, "event", api_event(text_at(copy, "name")));
    }
    return copy;
}

static void take_publish(struct oracle *oracle, int64_t now_ms, json_t *definition)
{
    struct oracle_journey *journey = memory_take_zeroed(1, sizeof *journey);
    journey->definition = definition = with_api_events(definition);
    journey->name = text_at(definition, "name");
    journey->nodes = json_object_get(definition, "nodes");
    journey->published_ms = now_ms;
    *array_push(&journey->open) = (struct oracle_span){now_ms, ORACLE_NEVER};
    *array_push(&oracle->journeys) = journey;
}

static uint32_t journey_named(const struct oracle *oracle, const char *name)
{
    for (uint32_t n = 0; n < oracle->journeys.count; n++)
        if (strcmp(oracle->journeys.items[n]->name, name) == 0)
            return n;
    CHECK(!"actions name a journey that is published");
    return 0;
}

static void take_enroll(struct oracle *oracle, int64_t now_ms, const json_t *input)
{
    json_t *event = json_pack("{s:O, s:o}", "contact", json_object_get(input, "contact"), "event",
                              api_event(text_at(input, "journey")));
    json_object_set(event, "properties", json_object_get(input, "properties"));
    *array_push(&oracle->inputs) = event;
    take_track(oracle, now_ms, event);
}

static void take_answer(struct oracle *oracle, int64_t now_ms, const json_t *input)
{
    const char *name = text_at(input, "journey");
    struct oracle_contact *contact = NULL;
    array_each (&oracle->contacts, i) {
        if (strcmp(oracle->contacts.items[i]->id, text_at(input, "contact")) == 0)
            contact = oracle->contacts.items[i];
    }
    for (uint32_t n = 0; contact && n < oracle->journeys.count; n++) {
        struct oracle_enrollment *e = oracle_open_enrollment(contact, n);
        if (e && strcmp(oracle->journeys.items[n]->name, name) == 0)
            oracle_answer_slow(oracle, contact, e, json_is_true(json_object_get(input, "fails")), now_ms);
    }
    if (contact)
        oracle_answer(oracle, contact, now_ms);
}

/* What the hold has kept back goes on, wherever the journey goes to but to a stop. */
static void let_go(struct oracle *oracle, uint32_t n, int64_t now_ms)
{
    array_each (&oracle->contacts, i) {
        oracle_resume(oracle, oracle->contacts.items[i], n, now_ms);
    }
}

static void stop(struct oracle *oracle, uint32_t n, int64_t now_ms)
{
    struct oracle_met stopped = oracle_reason("version_stopped");
    array_each (&oracle->contacts, i) {
        struct oracle_enrollment *e = oracle_open_enrollment(oracle->contacts.items[i], n);
        if (e)
            oracle_leave(oracle, oracle->contacts.items[i], e, &stopped, now_ms);
    }
}

static enum oracle_state state_after(const char *action, const json_t *hold)
{
    if (strcmp(action, "pause") == 0)
        return hold && strcmp(json_string_value(hold), "entries") == 0 ? ORACLE_CLOSED : ORACLE_HELD;
    CHECK(strcmp(action, "resume") == 0 || strcmp(action, "stop") == 0);
    return action[0] == 'r' ? ORACLE_RUNNING : ORACLE_STOPPED;
}

static void take_action(struct oracle *oracle, int64_t now_ms, const json_t *input)
{
    uint32_t n = journey_named(oracle, text_at(input, "journey"));
    struct oracle_journey *journey = oracle->journeys.items[n];
    enum oracle_state before = journey->state,
                      after = state_after(text_at(input, "do"), json_object_get(input, "hold"));
    journey->state = after;
    if (before == ORACLE_RUNNING)
        journey->open.items[journey->open.count - 1].to_ms = now_ms;
    if (after == ORACLE_RUNNING)
        *array_push(&journey->open) = (struct oracle_span){now_ms, ORACLE_NEVER};
    if (after == ORACLE_STOPPED)
        stop(oracle, n, now_ms);
    else if (before == ORACLE_HELD)
        let_go(oracle, n, now_ms);
}

static void run_all(struct oracle *oracle, int64_t limit_ms)
{
    array_each (&oracle->contacts, i) {
        oracle_run(oracle, oracle->contacts.items[i], limit_ms);
    }
}

/* The same contact's same message within 24 hours: answered as taken, and nothing happens. */
static bool is_repeated(struct oracle *oracle, int64_t now_ms, const json_t *input)
{
    const char *contact = json_string_value(json_object_get(input, "contact"));
    const char *message = json_string_value(json_object_get(input, "message"));
    if (!message)
        return false;
    for (size_t i = 0; i < oracle->messages.count; i++) {
        const struct oracle_message *taken = &oracle->messages.items[i];
        if (strcmp(taken->contact, contact) == 0 && strcmp(taken->message, message) == 0 &&
            now_ms - taken->at_ms <= KNOWN_MS)
            return true;
    }
    *array_push(&oracle->messages) = (struct oracle_message){contact, message, now_ms};
    return false;
}

void oracle_take(struct oracle *oracle, int64_t now_ms, json_t *input)
{
    *array_push(&oracle->inputs) = json_incref(input); /* its strings are names and ids from here on */
    const char *kind = text_at(input, "do");
    run_all(oracle, now_ms - 1);
    if (is_repeated(oracle, now_ms, input))
        return;
    if (strcmp(kind, "track") == 0)
        take_track(oracle, now_ms, input);
    else if (strcmp(kind, "identify") == 0)
        take_identify(oracle, now_ms, input);
    else if (strcmp(kind, "enroll") == 0)
        take_enroll(oracle, now_ms, input);
    else if (strcmp(kind, "answer") == 0)
        take_answer(oracle, now_ms, input);
    else if (strcmp(kind, "publish") == 0)
        take_publish(oracle, now_ms, json_object_get(input, "journey"));
    else
        take_action(oracle, now_ms, input);
}

void oracle_instant_over(struct oracle *oracle, int64_t now_ms)
{
    run_all(oracle, now_ms);
}

/* ── reading ──────────────────────────────────────────────────────────────── */

size_t oracle_contacts(const struct oracle *oracle)
{
    return oracle->contacts.count;
}

const char *oracle_contact_id(const struct oracle *oracle, size_t contact)
{
    return oracle->contacts.items[contact]->id;
}

json_t *oracle_contact_attributes(const struct oracle *oracle, size_t contact)
{
    return oracle->contacts.items[contact]->attributes;
}

size_t oracle_journeys(const struct oracle *oracle)
{
    return oracle->journeys.count;
}

const char *oracle_journey_name(const struct oracle *oracle, size_t journey)
{
    return oracle->journeys.items[journey]->name;
}

size_t oracle_facts(const struct oracle *oracle)
{
    return oracle->facts.count;
}

const struct oracle_fact *oracle_fact(const struct oracle *oracle, size_t fact)
{
    return &oracle->facts.items[fact];
}

size_t oracle_activations(const struct oracle *oracle)
{
    return oracle->activations.count;
}

const struct oracle_activation *oracle_activation(const struct oracle *oracle, size_t activation)
{
    return &oracle->activations.items[activation];
}

size_t oracle_endings(const struct oracle *oracle)
{
    return oracle->endings.count;
}

const struct oracle_ending *oracle_ending(const struct oracle *oracle, size_t ending)
{
    return &oracle->endings.items[ending];
}

size_t oracle_marks(const struct oracle *oracle)
{
    return oracle->marks.count;
}

int64_t oracle_mark_ms(const struct oracle *oracle, size_t mark)
{
    return oracle->marks.items[mark].at_ms;
}

void oracle_each_inside(const struct oracle *oracle, void on(void *context, const struct oracle_inside *),
                        void *context)
{
    array_each (&oracle->contacts, c) {
        const struct oracle_contact *contact = oracle->contacts.items[c];
        array_each (&contact->enrollments, i) {
            const struct oracle_enrollment *e = contact->enrollments.items[i];
            if (e->open)
                on(context, &(struct oracle_inside){contact->number, e->journey, e->visits, e->node,
                                                    e->entered_ms, e->arrived_ms, e->due_ms, e->timeout_ms});
        }
    }
}
