#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/prng.h"
#include "contact/contacts.h"

enum { ATTRIBUTES = 12, JOURNEYS = 6, STRING_MAX = 24, LIST_MAX = 5 };
static const struct value missing = {.type = VALUE_MISSING};

/* What a test wants a contact to have; contacts are made from it by more than one history. */
struct wish {
    char external_id[40];
    uint64_t head;
    bool left[JOURNEYS];
    struct contact_left left_journey[JOURNEYS];
    struct value values[ATTRIBUTES];
    char text[ATTRIBUTES][LIST_MAX][STRING_MAX];
    struct str lists[ATTRIBUTES][LIST_MAX];
};

static struct str random_string(struct prng *prng, char text[STRING_MAX])
{
    static const char *const few[] = {"", "gold", "silver", "de", "a city of some name"};
    int size = prng_chance(prng, 70)
                   ? snprintf(text, STRING_MAX, "%s", few[prng_below(prng, 5)])
                   : snprintf(text, STRING_MAX, "%llx", (unsigned long long)prng_next(prng));
    return (struct str){text, (size_t)size};
}

static double random_number(struct prng *prng)
{
    static const double special[] = {
        0, -0.0, 1, -1, 0.1, -2.5e300, 9007199254740991.0, 9007199254740992.0, -9e18, 5e-324};
    return prng_chance(prng, 50) ? special[prng_below(prng, 10)] : (double)(int64_t)prng_below(prng, 1000);
}

static struct value random_value(struct prng *prng, struct wish *wish, uint32_t a, enum value_type type)
{
    struct value v = {.type = type};
    if (type == VALUE_STRING)
        v.string = random_string(prng, wish->text[a][0]);
    else if (type == VALUE_NUMBER)
        v.number = random_number(prng);
    else if (type == VALUE_BOOL)
        v.boolean = prng_chance(prng, 50);
    else if (type == VALUE_INSTANT) {
        v.instant_ms = (int64_t)prng_below(prng, 315537897600000) - INT64_C(62135596800000);
        v.millis = prng_chance(prng, 50);
    } else if (type == VALUE_LIST) {
        v.count = (uint32_t)prng_below(prng, LIST_MAX + 1);
        v.list = wish->lists[a];
        for (uint32_t i = 0; i < v.count; i++)
            wish->lists[a][i] = random_string(prng, wish->text[a][i]);
    }
    return v;
}

/* Attribute a is of one type in most contacts (a % 5), of any type in the last two; some nobody has. */
static void wish_make(struct prng *prng, struct wish *wish, uint32_t n)
{
    snprintf(wish->external_id, sizeof wish->external_id, "c%u%s", n,
             prng_chance(prng, 50) ? "@example.org" : "");
    wish->head = prng_chance(prng, 80) ? prng_next(prng) >> prng_below(prng, 63) : 0;
    for (uint32_t j = 0; j < JOURNEYS; j++) {
        wish->left[j] = prng_chance(prng, 15);
        wish->left_journey[j] =
            (struct contact_left){(int64_t)prng_next(prng) >> prng_below(prng, 60), prng_next(prng) >> 16};
    }
    for (uint32_t a = 0; a < ATTRIBUTES; a++) {
        uint32_t type = a >= ATTRIBUTES - 2 ? (uint32_t)prng_below(prng, 5) : a % 5;
        bool has = a == 0 || (a != 7 && prng_chance(prng, 60));
        wish->values[a] = has ? random_value(prng, wish, a, VALUE_STRING + type) : missing;
    }
}

static uint16_t journey_number(uint32_t j)
{
    static const uint16_t numbers[JOURNEYS] = {0, 1, 2, 500, 501, UINT16_MAX - 1};
    return numbers[j];
}

/* By the short way: each once and in order. By the long way: other values first, backwards, and taken back.
 */
static void give(struct contacts *contacts, struct contact_id id, const struct wish *wish, bool long_way,
                 struct prng *prng)
{
    struct value detour = {.type = VALUE_STRING, .string = STR("gold")};
    contacts_set_head(contacts, id, wish->head);
    for (uint32_t k = 0; k < JOURNEYS; k++) {
        uint32_t j = long_way ? JOURNEYS - 1 - k : k;
        if (wish->left[j] && long_way)
            contacts_set_left_journey(contacts, id, journey_number(j), (struct contact_left){12345, 7});
        if (wish->left[j])
            contacts_set_left_journey(contacts, id, journey_number(j), wish->left_journey[j]);
    }
    for (uint32_t k = 0; k < ATTRIBUTES; k++) {
        uint32_t a = long_way ? ATTRIBUTES - 1 - k : k;
        if (long_way && prng_chance(prng, 60))
            contacts_set_attribute(contacts, id, (uint16_t)(a + 1), &detour);
        contacts_set_attribute(contacts, id, (uint16_t)(a + 1), &wish->values[a]);
    }
}

static struct contacts *made(const struct wish *wishes, uint32_t count, bool long_way, struct prng *prng)
{
    struct contacts *contacts = contacts_new();
    for (uint32_t n = 0; n < count; n++) {
        struct str external_id = str_from(wishes[n].external_id);
        contacts_add(contacts, external_id, contact_hash(external_id));
    }
    for (uint32_t k = 0; k < count; k++) {
        uint32_t n = long_way ? count - 1 - k : k;
        give(contacts, (struct contact_id){n}, &wishes[n], long_way, prng);
    }
    return contacts;
}

static void assert_value(struct value found, const struct value *wished)
{
    assert_int_equal(found.type, wished->type);
    switch (wished->type) {
    case VALUE_MISSING: break;
    case VALUE_STRING: assert_true(str_equal(found.string, wished->string)); break;
    case VALUE_NUMBER: assert_memory_equal(&found.number, &wished->number, sizeof found.number); break;
    case VALUE_BOOL: assert_int_equal(found.boolean, wished->boolean); break;
    case VALUE_INSTANT:
        assert_int_equal(found.instant_ms, wished->instant_ms);
        assert_int_equal(found.millis, wished->millis);
        break;
    case VALUE_LIST:
        assert_int_equal(found.count, wished->count);
        for (uint32_t i = 0; i < found.count; i++)
            assert_true(str_equal(found.list[i], wished->list[i]));
        break;
    }
}

static void assert_contacts(const struct contacts *contacts, const struct wish *wishes, uint32_t count)
{
    assert_int_equal(contacts_count(contacts), count);
    for (uint32_t n = 0; n < count; n++) {
        struct contact_id id = {n}, found;
        struct str external_id = str_from(wishes[n].external_id);
        assert_true(contacts_find(contacts, external_id, contact_hash(external_id), &found));
        assert_int_equal(found.n, n);
        assert_true(contacts_head(contacts, id) == wishes[n].head);
        for (uint32_t j = 0; j < JOURNEYS; j++) {
            struct contact_left left = {0};
            assert_int_equal(contacts_left_journey(contacts, id, journey_number(j), &left),
                             wishes[n].left[j]);
            const struct contact_left none = {0},
                                      *wish = wishes[n].left[j] ? &wishes[n].left_journey[j] : &none;
            assert_true(left.at_ms == wish->at_ms && left.seq == wish->seq);
        }
        for (uint32_t a = 0; a < ATTRIBUTES; a++)
            assert_value(contacts_attribute(contacts, id, (uint16_t)(a + 1)), &wishes[n].values[a]);
    }
}

static struct wish *wishes_made(struct prng *prng, uint32_t count)
{
    struct wish *wishes = memory_take_zeroed(count, sizeof *wishes);
    for (uint32_t n = 0; n < count; n++)
        wish_make(prng, &wishes[n], n);
    return wishes;
}

static uint32_t chunks_of(uint32_t count)
{
    return (count + CONTACTS_CHUNK - 1) / CONTACTS_CHUNK;
}

static void decoded_contacts_have_what_was_encoded(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct prng prng = {seed};
        uint32_t count = 1 + (uint32_t)prng_below(&prng, seed % 4 ? 100 : 2500);
        struct wish *wishes = wishes_made(&prng, count);
        struct contacts *contacts = made(wishes, count, false, &prng), *loaded = contacts_new();
        assert_contacts(contacts, wishes, count);
        for (uint32_t chunk = 0; chunk < chunks_of(count); chunk++) {
            struct buf block = {0}, again = {0};
            contacts_encode(contacts, chunk, &block);
            struct reader r = reader_of(buf_str(&block));
            assert_int_equal(contacts_decode(loaded, chunk, &r, NULL), ERR_OK);
            assert_true(reader_done(&r));
            contacts_encode(loaded, chunk, &again);
            assert_true(str_equal(buf_str(&block), buf_str(&again)));
            buf_deinit(&block);
            buf_deinit(&again);
        }
        assert_contacts(loaded, wishes, count);
        contacts_free(contacts);
        contacts_free(loaded);
        free(wishes);
    }
}

static void equal_contacts_give_equal_bytes_whatever_their_history(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 130; seed++) {
        struct prng prng = {seed};
        uint32_t count = 1 + (uint32_t)prng_below(&prng, seed % 5 ? 150 : 1500);
        struct wish *wishes = wishes_made(&prng, count);
        struct contacts *short_way = made(wishes, count, false, &prng),
                        *long_way = made(wishes, count, true, &prng);
        for (uint32_t chunk = 0; chunk < chunks_of(count); chunk++) {
            struct buf a = {0}, b = {0};
            contacts_encode(short_way, chunk, &a);
            contacts_encode(long_way, chunk, &b);
            assert_true(str_equal(buf_str(&a), buf_str(&b)));
            buf_deinit(&a);
            buf_deinit(&b);
        }
        contacts_free(short_way);
        contacts_free(long_way);
        free(wishes);
    }
}

static void decoding_replaces_what_contacts_had(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct prng prng = {5};
    struct wish *before = wishes_made(&prng, COUNT), *after = wishes_made(&prng, COUNT);
    for (uint32_t n = 0; n < COUNT; n++)
        memcpy(after[n].external_id, before[n].external_id, sizeof after[n].external_id);
    struct contacts *contacts = made(before, COUNT, false, &prng), *source = made(after, COUNT, false, &prng);
    struct buf block = {0};
    contacts_encode(source, 0, &block);
    contacts_set_enrollments(contacts, (struct contact_id){3}, 33);
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(contacts_decode(contacts, 0, &r, NULL), ERR_OK);
    assert_contacts(contacts, after, COUNT);
    assert_int_equal(contacts_enrollments(contacts, (struct contact_id){3}), 33);
    buf_deinit(&block);
    contacts_free(contacts);
    contacts_free(source);
    free(before);
    free(after);
}

static void blocks_that_do_not_fit_are_refused_with_the_place(void **state)
{
    (void)state;
    struct prng prng = {6};
    struct wish *wishes = wishes_made(&prng, CONTACTS_CHUNK + 10);
    struct contacts *source = made(wishes, CONTACTS_CHUNK + 10, false, &prng), *empty = contacts_new();
    struct buf block = {0};
    struct err_detail detail = {0};
    contacts_encode(source, 1, &block);
    struct reader r = reader_of(buf_str(&block));
    assert_int_equal(contacts_decode(empty, 1, &r, &detail),
                     ERR_CORRUPT); /* the block before it was not decoded */
    assert_string_equal(detail.place, "contacts");
    assert_non_null(strstr(detail.text, "block 1 of contacts is damaged at its place"));
    assert_int_equal(contacts_count(empty), 0);
    r = reader_of(buf_str(&block));
    assert_int_equal(contacts_decode(source, 0, &r, &detail),
                     ERR_CORRUPT); /* other external ids stand there */
    assert_non_null(strstr(detail.text, "an external id that another contact has"));
    r = reader_of(buf_str(&block));
    assert_int_equal(contacts_decode(empty, UINT32_MAX, &r, &detail), ERR_CORRUPT);
    contacts_add(empty, STR("zoe"), contact_hash(STR("zoe")));
    buf_clear(&block);
    contacts_encode(source, 0, &block);
    r = reader_of(buf_str(&block));
    assert_int_equal(contacts_decode(empty, 0, &r, &detail),
                     ERR_CORRUPT); /* somebody unknown in place of zoe */
    assert_int_equal(contacts_count(empty), 1);
    buf_deinit(&block);
    contacts_free(source);
    contacts_free(empty);
    free(wishes);
}

/* Whatever the bytes, decoding ends in ERR_CORRUPT or in contacts that can be encoded, decoded and changed.
 */
static void decode_and_use(struct str bytes, bool expect_corrupt)
{
    struct contacts *contacts = contacts_new(), *copy = contacts_new();
    struct reader r = reader_of(bytes);
    enum err err = contacts_decode(contacts, 0, &r, NULL);
    assert_true(err == ERR_CORRUPT || (err == ERR_OK && !expect_corrupt));
    if (contacts_count(contacts) > 0) {
        struct buf first = {0}, second = {0};
        contacts_encode(contacts, 0, &first);
        struct reader again = reader_of(buf_str(&first));
        assert_int_equal(contacts_decode(copy, 0, &again, NULL), ERR_OK);
        contacts_encode(copy, 0, &second);
        assert_true(str_equal(buf_str(&first), buf_str(&second)));
        buf_deinit(&first);
        buf_deinit(&second);
    }
    for (uint32_t n = 0; n < contacts_count(contacts); n++)
        contacts_set_attribute(contacts, (struct contact_id){n}, 1, &missing);
    contacts_free(contacts);
    contacts_free(copy);
}

static void damaged_blocks_are_refused_or_make_sense(void **state)
{
    (void)state;
    struct prng prng = {8};
    struct wish *wishes = wishes_made(&prng, 12);
    struct contacts *source = made(wishes, 12, false, &prng);
    struct buf block = {0};
    contacts_encode(source, 0, &block);
    for (size_t size = 0; size < block.size; size++) {
        char *cut = memory_take(size); /* of its exact size, so that reading over its end is seen */
        memcpy(cut, block.data, size);
        decode_and_use((struct str){cut, size}, true);
        free(cut);
    }
    for (size_t bit = 0; bit < block.size * 8; bit++) {
        block.data[bit / 8] ^= (char)(1 << bit % 8);
        decode_and_use(buf_str(&block), false);
        block.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (int round = 0; round < 1500; round++) {
        char *copy = memory_take(block.size);
        memcpy(copy, block.data, block.size);
        for (uint64_t flips = 1 + prng_below(&prng, 6); flips > 0; flips--)
            copy[prng_below(&prng, block.size)] = (char)prng_next(&prng);
        decode_and_use((struct str){copy, block.size}, false);
        free(copy);
    }
    buf_deinit(&block);
    contacts_free(source);
    free(wishes);
}

static void a_column_with_fewer_values_than_it_says_is_refused(void **state)
{
    (void)state;
    struct buf block = {0};
    buf_put_varint(&block, 1); /* format */
    buf_put_varint(&block, 3);
    buf_put_sized(&block, STR("ann"));
    buf_put_sized(&block, STR("ben"));
    buf_put_sized(&block, STR("cy"));
    buf_put(&block, "\0\0\0", 3); /* heads */
    buf_put_varint(&block, 0);    /* journeys */
    buf_put(&block, "\1\1\2", 3); /* one column, attribute 1, two values */
    size_t presence = block.size;
    buf_put(&block, "\5", 1); /* of ann and cy */
    buf_put_char(&block, VALUE_BOOL);
    buf_put(&block, "\1\0", 2);
    for (int damaged = 0; damaged < 2; damaged++) {
        struct contacts *contacts = contacts_new();
        struct reader r = reader_of(buf_str(&block));
        assert_int_equal(contacts_decode(contacts, 0, &r, NULL), damaged ? ERR_CORRUPT : ERR_OK);
        if (!damaged) {
            assert_true(contacts_attribute(contacts, (struct contact_id){0}, 1).boolean);
            assert_int_equal(contacts_attribute(contacts, (struct contact_id){1}, 1).type, VALUE_MISSING);
            assert_false(contacts_attribute(contacts, (struct contact_id){2}, 1).boolean);
        }
        contacts_free(contacts);
        block.data[presence] = 4; /* cy alone */
    }
    buf_deinit(&block);
}

static void a_list_that_would_fill_memory_is_refused(void **state)
{
    (void)state;
    enum { STRING_BYTES = 1 << 20, ITEMS = 4096 };
    struct buf block = {0};
    buf_put_varint(&block, 1); /* format */
    buf_put_varint(&block, 1);
    buf_put_sized(&block, STR("ann"));
    buf_put_varint(&block, 0); /* head */
    buf_put_varint(&block, 0); /* journeys */
    buf_put_varint(&block, 1); /* columns */
    buf_put_varint(&block, 1);
    buf_put_varint(&block, 1);
    buf_put_char(&block, VALUE_LIST);
    buf_put_varint(&block, ITEMS);
    buf_put_varint(&block, 0);
    buf_put_varint(&block, STRING_BYTES);
    memset(buf_reserve(&block, STRING_BYTES), 'x', STRING_BYTES);
    block.size += STRING_BYTES;
    for (int i = 1; i < ITEMS; i++)
        buf_put_varint(&block, 1);
    struct contacts *contacts = contacts_new();
    struct reader r = reader_of(buf_str(&block));
    struct err_detail detail;
    assert_int_equal(contacts_decode(contacts, 0, &r, &detail), ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "a list's strings"));
    contacts_free(contacts);
    buf_deinit(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoded_contacts_have_what_was_encoded),
        cmocka_unit_test(equal_contacts_give_equal_bytes_whatever_their_history),
        cmocka_unit_test(decoding_replaces_what_contacts_had),
        cmocka_unit_test(blocks_that_do_not_fit_are_refused_with_the_place),
        cmocka_unit_test(damaged_blocks_are_refused_or_make_sense),
        cmocka_unit_test(a_column_with_fewer_values_than_it_says_is_refused),
        cmocka_unit_test(a_list_that_would_fill_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
