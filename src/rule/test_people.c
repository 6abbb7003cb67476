#include "rule/test_people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "json/document.h"

static uint16_t give_name(void *context, enum name_kind kind, struct str name)
{
    struct test_people *people = context;
    uint16_t id = names_find(people->names, kind, name);
    if (id || people->names_left == 0)
        return id;
    people->names_left--;
    return names_add(people->names, kind, name);
}

static uint16_t give_aggregate(void *context, uint16_t event, const struct where *where, uint16_t ring)
{
    struct test_people *people = context;
    array_each (&people->aggregates, i) {
        const struct test_aggregate *known = &people->aggregates.items[i];
        if (known->event == event && known->ring >= ring && where_equal(known->where, where))
            return (uint16_t)i;
    }
    if (people->aggregates_left == 0)
        return UINT16_MAX;
    people->aggregates_left--;
    uint16_t number = (uint16_t)people->aggregates.count;
    *array_push(&people->aggregates) = (struct test_aggregate){event, ring, where};
    past_register(people->past, number, ring);
    return number;
}

void test_people_init(struct test_people *people)
{
    *people = (struct test_people){.names_left = UINT16_MAX, .aggregates_left = 10000};
    people->names = names_new();
    people->contacts = contacts_new();
    people->past = past_new();
    people->reader = json_reader_new();
    people->binder = (struct rule_binder){people, give_name, give_aggregate};
}

void test_people_deinit(struct test_people *people)
{
    array_each (&people->persons, i) {
        struct person *person = &people->persons.items[i];
        array_each (&person->deeds, k)
            json_decref(person->deeds.items[k].properties);
        array_free(&person->deeds);
        json_decref(person->attributes);
    }
    array_free(&people->persons);
    array_free(&people->aggregates);
    json_reader_free(people->reader);
    past_free(people->past);
    contacts_free(people->contacts);
    names_free(people->names);
    arena_deinit(&people->arena);
}

const struct rule_program *test_people_compile(struct test_people *people, const json_t *json)
{
    struct err_detail detail = {0};
    const struct rule *rule = NULL;
    const struct rule_program *program = NULL;
    if (rule_parse(json, "", &people->arena, &rule, &detail) ||
        rule_compile(rule, &people->binder, &people->arena, &program, &detail)) {
        char *text = json_dumps(json, JSON_COMPACT);
        fail_msg("%s was refused: %s: %s", text, detail.place, detail.text);
    }
    return program;
}

static void put_attributes(struct test_people *people, struct contact_id contact, json_t *attributes)
{
    const char *key;
    json_t *json;
    json_object_foreach(attributes, key, json)
    {
        struct value value;
        if (json_is_null(json))
            continue;
        assert_true(document_value(json, &people->arena, &value));
        uint16_t id = give_name(people, NAME_ATTRIBUTE, str_from(key));
        assert_int_not_equal(id, 0);
        assert_true(contacts_set_attribute(people->contacts, contact, id, &value));
    }
}

static void put_deed(struct test_people *people, struct contact_id contact, const struct deed *deed,
                     uint64_t seq)
{
    struct arena arena = {0};
    struct properties properties;
    char *text = deed->properties ? json_dumps(deed->properties, JSON_COMPACT) : NULL;
    struct str body = text ? str_from(text) : STR("{}");
    assert_int_equal(properties_parse(people->reader, body, &arena, &properties, NULL), ERR_OK);
    uint16_t event = give_name(people, NAME_EVENT, str_from(deed->event));
    assert_int_not_equal(event, 0);
    past_count(people->past, contact.n, event, deed->at_ms);
    array_each (&people->aggregates, i) {
        const struct test_aggregate *aggregate = &people->aggregates.items[i];
        if (aggregate->event == event && where_matches(aggregate->where, &properties, deed->at_ms))
            past_add(people->past, contact.n, (uint16_t)i, (struct past_moment){deed->at_ms, seq});
    }
    free(text);
    arena_deinit(&arena);
}

struct contact_id test_people_add(struct test_people *people, struct person person)
{
    char id[32];
    int size = snprintf(id, sizeof id, "contact-%u", contacts_count(people->contacts));
    struct str external_id = {id, (size_t)size};
    struct contact_id contact = contacts_add(people->contacts, external_id, contact_hash(external_id));
    put_attributes(people, contact, person.attributes);
    array_each (&person.deeds, i)
        put_deed(people, contact, &person.deeds.items[i], (uint64_t)contact.n * 1000 + i + 1);
    *array_push(&people->persons) = person;
    return contact;
}

struct rule_people test_people_view(const struct test_people *people)
{
    return (struct rule_people){people->contacts, people->past};
}
