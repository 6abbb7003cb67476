#include "bench/people.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/prng.h"

static const int64_t start_ms = INT64_C(1767225600000);

static void set_string(struct people *people, struct contact_id id, uint16_t attribute, const char *text)
{
    const struct value value = {.type = VALUE_STRING, .string = str_from(text)};
    contacts_set_attribute(people->contacts, id, attribute, &value);
}

static void set_attributes(struct people *people, struct contact_id id, struct prng *prng)
{
    char text[32];
    snprintf(text, sizeof text, "u%07" PRIx64 "@mail.example.org", prng_next(prng) >> 36);
    set_string(people, id, PEOPLE_UNIQUE, text);
    for (uint16_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "value-%" PRIu64, prng_below(prng, 5));
        set_string(people, id, (uint16_t)(PEOPLE_CODED + i), text);
    }
    for (uint16_t i = 0; i < 3; i++) {
        const struct value value = {.type = VALUE_NUMBER, .number = (double)prng_below(prng, 1000)};
        contacts_set_attribute(people->contacts, id, (uint16_t)(PEOPLE_NUMBERS + i), &value);
    }
    const struct value boolean = {.type = VALUE_BOOL, .boolean = prng_chance(prng, 50)};
    const struct value instant = {.type = VALUE_INSTANT,
                                  .instant_ms = start_ms - (int64_t)prng_below(prng, 1000) * 86400000};
    contacts_set_attribute(people->contacts, id, PEOPLE_BOOLEAN, &boolean);
    contacts_set_attribute(people->contacts, id, PEOPLE_INSTANT, &instant);
}

void people_make(struct people *people, uint32_t count, uint64_t seed)
{
    struct prng prng = {seed};
    *people = (struct people){contacts_new(), past_new()};
    for (uint32_t i = 0; i < count; i++) {
        char uuid[40];
        uint64_t high = prng_next(&prng), low = prng_next(&prng);
        int size = snprintf(uuid, sizeof uuid, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(high >> 32),
                            (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff, (unsigned)(low >> 48),
                            low & 0xffffffffffff);
        struct str id = {uuid, (size_t)size};
        struct contact_id contact = contacts_add(people->contacts, id, contact_hash(id));
        set_attributes(people, contact, &prng);
        for (uint16_t event = 1; event <= PEOPLE_EVENTS; event++)
            past_count(people->past, contact.n, event, start_ms - (int64_t)prng_below(&prng, 86400000));
    }
}

void people_free(struct people *people)
{
    contacts_free(people->contacts);
    past_free(people->past);
}
