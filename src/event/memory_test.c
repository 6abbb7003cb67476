/* What a contact costs in memory, against the figure of architecture.md §9. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"
#include "contact/contacts.h"
#include "event/past.h"

/* Just over 70 % of a power of two: the index of external ids has just doubled, so this is the dearest
 * moment. */
enum { CONTACTS = 92000, BYTES_MAX = 300 };
#define SECOND_MS INT64_C(1000)

/* Every allocation of the program passes through here (--wrap in meson.build), under a sanitizer too. */
enum { ALLOCATION_OVERHEAD = 16 };
static size_t memory_used;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *taken);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *taken);

static size_t size_of(void *taken)
{
    return taken ? malloc_usable_size(taken) + ALLOCATION_OVERHEAD : 0;
}

static void *counted(void *taken)
{
    memory_used += size_of(taken);
    return taken;
}

void *__wrap_malloc(size_t size)
{
    return counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return counted(__real_calloc(count, size));
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    memory_used -= size_of(old);
    return counted(__real_reallocarray(old, count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *taken)
{
    memory_used -= size_of(taken);
    __real_free(taken);
}

static struct str uuid(struct prng *prng, char text[40])
{
    uint64_t a = prng_next(prng), b = prng_next(prng);
    int size = snprintf(text, 40, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
                        (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                        (unsigned)(b >> 48 & 0x3fff) | 0x8000, (unsigned long long)(b & 0xffffffffffff));
    return (struct str){text, (size_t)size};
}

static void set_string(struct contacts *contacts, struct contact_id id, uint16_t attribute, struct str s)
{
    struct value v = {.type = VALUE_STRING, .string = s};
    contacts_set_attribute(contacts, id, attribute, &v);
}

/* 4 coded strings, a unique one of 24 bytes, 3 numbers, a boolean, an instant. */
static void give_attributes(struct prng *prng, struct contacts *contacts, struct contact_id id)
{
    static const char *const cities[] = {"Berlin", "Hamburg",           "München",
                                         "Köln",   "Frankfurt am Main", "Stuttgart"};
    char text[40];
    for (uint16_t attribute = 1; attribute <= 4; attribute++)
        set_string(contacts, id, attribute, str_from(cities[prng_below(prng, 3 + attribute % 4)]));
    snprintf(text, sizeof text, "%012llx@example.org",
             (unsigned long long)(prng_next(prng) & 0xffffffffffff));
    set_string(contacts, id, 5, str_from(text));
    for (uint16_t attribute = 6; attribute <= 8; attribute++) {
        struct value v = {.type = VALUE_NUMBER, .number = (double)prng_below(prng, 100000) / 100};
        contacts_set_attribute(contacts, id, attribute, &v);
    }
    struct value opt_in = {.type = VALUE_BOOL, .boolean = prng_chance(prng, 50)};
    contacts_set_attribute(contacts, id, 9, &opt_in);
    struct value since = {.type = VALUE_INSTANT,
                          .instant_ms = (int64_t)prng_below(prng, 1800000000) * SECOND_MS};
    contacts_set_attribute(contacts, id, 10, &since);
}

/* `by_turns`: everybody's first event, then everybody's second …, else each contact's events at once. */
static double bytes_of_a_contact(bool by_turns)
{
    struct prng prng = {11};
    char text[40];
    assert_int_equal(memory_used, 0);
    struct contacts *contacts = contacts_new();
    struct past *past = past_new();
    for (uint32_t n = 0; n < CONTACTS; n++) {
        struct str external_id = uuid(&prng, text);
        give_attributes(&prng, contacts, contacts_add(contacts, external_id, contact_hash(external_id)));
    }
    for (uint32_t turn = 0; turn < 3 * CONTACTS; turn++) {
        uint32_t n = by_turns ? turn % CONTACTS : turn / 3;
        past_count(past, n, (uint16_t)(1 + (by_turns ? turn / CONTACTS : turn % 3)),
                   (int64_t)turn * SECOND_MS);
    }
    size_t used = memory_used;
    assert_int_equal(contacts_count(contacts), CONTACTS);
    assert_int_equal(past_get(past, CONTACTS - 1, 3).count, 1);
    past_free(past);
    contacts_free(contacts);
    assert_int_equal(memory_used, 0); /* nothing is lost, and the measure itself is right */
    return (double)used / CONTACTS;
}

static void a_contact_costs_at_most_300_bytes(void **state)
{
    (void)state;
    double at_once = bytes_of_a_contact(false), by_turns = bytes_of_a_contact(true);
    print_message("bytes a contact: %.1f, its events one by one among others: %.1f\n", at_once, by_turns);
    assert_true(at_once <= BYTES_MAX);
    assert_true(by_turns <= BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_contact_costs_at_most_300_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
