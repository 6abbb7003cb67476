/* Whatever is taken as a rule compiles within the limits of its kind, is judged and scanned alike, and a
 * verdict changes only after now; whatever is refused names its place. */
#include "base/check.h"
#include "base/hash.h"
#include "calendar/instant.h"
#include "fuzz.h"
#include "rule/rule.h"
#include "json/document.h"

enum { IDS = 8, CONTACTS = 70 };
static const int64_t now_ms = 1767225600000; /* 2026-01-01T00:00:00Z */

static uint16_t name_id(void *context, enum name_kind kind, struct str name)
{
    (void)context;
    (void)kind;
    return (uint16_t)(1 + hash_str(name) % IDS);
}

/* One aggregate a question, with up to ten moments for each contact. */
static uint16_t aggregate_id(void *context, uint16_t event, const struct where *where, uint16_t ring)
{
    struct past *past = context;
    CHECK(where_equal(where, where) && ring <= PAST_RING_MAX && event >= 1 && event <= IDS);
    uint16_t number = past_aggregates(past);
    past_register(past, number, ring);
    for (uint32_t contact = 0; contact < CONTACTS; contact++)
        for (uint32_t i = 0; i < contact % 11; i++)
            past_add(past, contact, number,
                     (struct past_moment){now_ms - i * contact * MINUTE_MS, contact * 16 + i + 1});
    return number;
}

static struct value value_for(uint32_t n)
{
    static const struct str list[] = {{"a", 1}, {"pro", 3}};
    switch (n % 7) {
    case 0: return (struct value){.type = VALUE_STRING, .string = STR("pro")};
    case 1: return (struct value){.type = VALUE_NUMBER, .number = n};
    case 2: return (struct value){.type = VALUE_BOOL, .boolean = n & 1};
    case 3: return (struct value){.type = VALUE_INSTANT, .instant_ms = now_ms + (n - 40) * HOUR_MS};
    case 4: return (struct value){.type = VALUE_LIST, .list = list, .count = 2};
    case 5: return (struct value){.type = VALUE_STRING, .string = STR("2026-01-01")};
    default: return (struct value){.type = VALUE_MISSING};
    }
}

static const struct contacts *people(void)
{
    static struct contacts *contacts; /* the same for every input */
    if (contacts)
        return contacts;
    contacts = contacts_new();
    for (uint32_t n = 0; n < CONTACTS; n++) {
        char id[16];
        struct str external_id = {id, (size_t)snprintf(id, sizeof id, "%u", n)};
        struct contact_id contact = contacts_add(contacts, external_id, contact_hash(external_id));
        for (uint16_t attribute = 1; attribute <= IDS; attribute++) {
            struct value value = value_for(n + attribute);
            contacts_set_attribute(contacts, contact, attribute, &value);
        }
    }
    return contacts;
}

static void check_rule(const struct rule *rule, struct arena *arena)
{
    struct past *past = past_new();
    struct rule_binder binder = {past, name_id, aggregate_id};
    struct rule_people view = {people(), past};
    const struct rule_program *program = NULL;
    uint64_t bits[CONTACTS / 64 + 1];
    for (uint32_t contact = 0; contact < CONTACTS; contact++)
        past_count(past, contact, (uint16_t)(1 + contact % IDS), now_ms - contact * HOUR_MS);
    CHECK(rule_compile(rule, &binder, arena, &program, NULL) == ERR_OK);
    rule_scan(program, &view, 0, CONTACTS, now_ms, bits);
    for (uint32_t n = 0; n < CONTACTS; n++) {
        struct verdict verdict = rule_judge(program, &view, (struct contact_id){n}, now_ms);
        CHECK(verdict.holds == (bits[n / 64] >> n % 64 & 1));
        CHECK(verdict.changes_ms > now_ms);
        CHECK(verdict.changes_ms == INSTANT_NEVER || rule_needs(program)->time);
    }
    past_free(past);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = NULL;
    if (document_parse((struct str){(const char *)data, size}, "body", &json, NULL))
        return 0;
    struct arena arena = {0};
    struct err_detail detail = {"", ""};
    const struct rule *rule = NULL;
    struct event_rule event = {0};
    if (rule_parse(json, "/r", &arena, &rule, &detail) == ERR_OK)
        check_rule(rule, &arena);
    else
        CHECK(!rule && strncmp(detail.place, "/r", 2) == 0 && detail.text[0]);
    if (event_rule_parse(json, "/e", &arena, &event, &detail) == ERR_OK)
        CHECK(rule_is_event_rule(json) && event.event.size && event.at_least > 0 && event.within_ms >= 0);
    else
        CHECK(!event.event.data && strncmp(detail.place, "/e", 2) == 0 && detail.text[0]);
    arena_deinit(&arena);
    json_decref(json);
    return 0;
}
