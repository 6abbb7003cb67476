#include "contact/strings.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

enum { SEEN_SLOTS = 16384, SIZE_BYTES_MAX = 5, ALLOCATION_BYTES = 16 /* malloc's own, and rounding */ };
#define DICTIONARY_BIT (UINT64_C(1) << HEAP_PLACE_BITS)

/* A list in the heap: this, then the bytes of the strings. Segments do not move, so pointers into them may
 * stand here. */
struct list_piece {
    uint32_t count, size; /* size: of the whole piece */
    struct str items[];
};

void strings_deinit(struct strings *strings)
{
    heap_deinit(&strings->heap);
    array_each (&strings->dictionary, i)
        free(strings->dictionary.items[i].bytes);
    array_free(&strings->dictionary);
    array_free(&strings->free_numbers);
    map_deinit(&strings->numbers);
    free(strings->seen);
    *strings = (struct strings){0};
}

uint64_t strings_bytes(const struct strings *strings)
{
    return heap_bytes(&strings->heap) + array_bytes(&strings->dictionary) +
           array_bytes(&strings->free_numbers) + map_held(&strings->numbers) + strings->dictionary_bytes +
           (strings->seen ? SEEN_SLOTS * sizeof *strings->seen : 0);
}

static uint64_t ref_of(uint64_t place, uint32_t hash_part)
{
    return place << STRINGS_HASH_BITS | hash_part;
}

static uint64_t place_of(uint64_t ref)
{
    return ref >> STRINGS_HASH_BITS;
}

static bool is_shared(uint64_t ref)
{
    return place_of(ref) & DICTIONARY_BIT;
}

static uint32_t number_of(uint64_t ref)
{
    return (uint32_t)(place_of(ref) & ~DICTIONARY_BIT);
}

/* ── the dictionary ───────────────────────────────────────────────────────── */

struct sought {
    const struct strings *strings;
    struct str s;
};

static bool is_sought(const void *context, uint32_t number)
{
    const struct sought *sought = context;
    const struct dictionary_string *found = &sought->strings->dictionary.items[number];
    return str_equal((struct str){found->bytes, found->size}, sought->s);
}

static uint64_t hash_of_number(const void *context, uint32_t number)
{
    const struct strings *strings = context;
    return strings->dictionary.items[number].hash;
}

/* Strings that nobody uses any more stay findable until they are a quarter of a full dictionary. */
static void dictionary_purge(struct strings *strings)
{
    map_deinit(&strings->numbers);
    array_each (&strings->dictionary, i) {
        struct dictionary_string *entry = &strings->dictionary.items[i];
        if (entry->uses > 0) {
            map_add(&strings->numbers, entry->hash, (uint32_t)i, hash_of_number, strings);
        } else if (entry->bytes) {
            strings->dictionary_bytes -= entry->size + ALLOCATION_BYTES;
            free(entry->bytes);
            *entry = (struct dictionary_string){0};
            *array_push(&strings->free_numbers) = (uint32_t)i;
        }
    }
    strings->dictionary_unused = 0;
}

static bool dictionary_has_room(struct strings *strings)
{
    if (strings->numbers.count < DICTIONARY_STRINGS_MAX)
        return true;
    if (strings->dictionary_unused < DICTIONARY_STRINGS_MAX / 4)
        return false;
    dictionary_purge(strings);
    return true;
}

/* Remembers that the string was stored; true where it was remembered already. */
static bool seen_before(struct strings *strings, uint64_t hash)
{
    if (!strings->seen)
        strings->seen = memory_take_zeroed(SEEN_SLOTS, sizeof *strings->seen);
    uint32_t *slot = &strings->seen[hash % SEEN_SLOTS], mark = (uint32_t)(hash >> 32) | 1;
    bool seen = *slot == mark;
    *slot = mark;
    return seen;
}

static uint32_t dictionary_add(struct strings *strings, struct str s, uint64_t hash)
{
    uint32_t number;
    if (strings->free_numbers.count) {
        number = strings->free_numbers.items[--strings->free_numbers.count];
    } else {
        number = (uint32_t)strings->dictionary.count;
        (void)array_push(&strings->dictionary);
    }
    struct dictionary_string entry = {memory_take(s.size), (uint32_t)s.size, 0, hash};
    if (s.size)
        memcpy(entry.bytes, s.data, s.size);
    strings->dictionary.items[number] = entry;
    strings->dictionary_bytes += s.size + ALLOCATION_BYTES;
    strings->dictionary_unused++;
    map_add(&strings->numbers, hash, number, hash_of_number, strings);
    return number;
}

static bool dictionary_take(struct strings *strings, struct str s, uint64_t hash, uint64_t *ret_ref)
{
    if (s.size > DICTIONARY_STRING_BYTES_MAX)
        return false;
    struct sought sought = {strings, s};
    uint32_t number;
    if (!map_find(&strings->numbers, hash, is_sought, &sought, &number)) {
        if (!seen_before(strings, hash) || !dictionary_has_room(strings))
            return false;
        number = dictionary_add(strings, s, hash);
    }
    struct dictionary_string *entry = &strings->dictionary.items[number];
    strings->dictionary_unused -= entry->uses == 0;
    CHECK(entry->uses < UINT32_MAX);
    entry->uses++;
    *ret_ref = ref_of(DICTIONARY_BIT | number, strings_hash_part(hash));
    return true;
}

static void dictionary_release(struct strings *strings, uint32_t number)
{
    struct dictionary_string *entry = &strings->dictionary.items[number];
    CHECK(entry->uses > 0);
    entry->uses--;
    strings->dictionary_unused += entry->uses == 0;
}

/* ── strings in the heap: the size in 7-bit groups, then the bytes ────────── */

static uint32_t put_size(uint8_t *at, uint32_t size)
{
    uint32_t count = 0;
    for (; size >= 0x80; size >>= 7)
        at[count++] = (uint8_t)(size | 0x80);
    at[count++] = (uint8_t)size;
    return count;
}

static struct str string_at(const char *piece)
{
    const uint8_t *at = (const uint8_t *)piece;
    uint32_t size = *at & 0x7f;
    for (unsigned shift = 7; *at++ & 0x80; shift += 7)
        size |= (uint32_t)(*at & 0x7f) << shift;
    return (struct str){(const char *)at, size};
}

static uint64_t heap_store(struct strings *strings, struct str s)
{
    uint8_t size[SIZE_BYTES_MAX];
    CHECK(s.size <= UINT32_MAX - SIZE_BYTES_MAX);
    uint32_t size_bytes = put_size(size, (uint32_t)s.size);
    char *piece;
    uint64_t place = heap_take(&strings->heap, size_bytes + (uint32_t)s.size, 1, &piece);
    memcpy(piece, size, size_bytes);
    if (s.size)
        memcpy(piece + size_bytes, s.data, s.size);
    return place;
}

static void heap_release_string(struct strings *strings, uint64_t place)
{
    const char *piece = heap_at(&strings->heap, place);
    struct str s = string_at(piece);
    heap_release(&strings->heap, place, (uint32_t)(s.data + s.size - piece));
}

/* ── both ─────────────────────────────────────────────────────────────────── */

uint64_t strings_store(struct strings *strings, struct str s, uint64_t hash)
{
    uint64_t ref;
    if (dictionary_take(strings, s, hash, &ref))
        return ref;
    return ref_of(heap_store(strings, s), strings_hash_part(hash));
}

struct str strings_get(const struct strings *strings, uint64_t ref)
{
    if (!is_shared(ref))
        return string_at(heap_at(&strings->heap, place_of(ref)));
    const struct dictionary_string *entry = &strings->dictionary.items[number_of(ref)];
    return (struct str){entry->bytes, entry->size};
}

bool strings_is(const struct strings *strings, uint64_t ref, struct str s, uint64_t hash)
{
    return strings_hash_of(ref) == strings_hash_part(hash) && str_equal(strings_get(strings, ref), s);
}

void strings_release(struct strings *strings, uint64_t ref)
{
    if (is_shared(ref))
        dictionary_release(strings, number_of(ref));
    else
        heap_release_string(strings, place_of(ref));
}

uint64_t strings_move(struct strings *strings, uint64_t ref)
{
    uint64_t place = place_of(ref);
    if (is_shared(ref) || !heap_is_leaving(&strings->heap, place))
        return ref;
    uint64_t to = heap_store(strings, string_at(heap_at(&strings->heap, place)));
    heap_release_string(strings, place);
    return ref_of(to, strings_hash_of(ref));
}

/* ── lists ────────────────────────────────────────────────────────────────── */

static const struct list_piece *list_at(const struct strings *strings, uint64_t place)
{
    return (const struct list_piece *)(const void *)heap_at(&strings->heap, place);
}

uint64_t strings_store_list(struct strings *strings, const struct str *items, uint32_t count)
{
    uint64_t size = sizeof(struct list_piece) + count * sizeof(struct str), hash = count;
    for (uint32_t i = 0; i < count; i++) {
        size += items[i].size;
        hash = hash_str_seeded(items[i], hash);
    }
    CHECK(size <= UINT32_MAX);
    char *piece;
    uint64_t place = heap_take(&strings->heap, (uint32_t)size, _Alignof(struct list_piece), &piece);
    struct list_piece *list = (void *)piece;
    *list = (struct list_piece){count, (uint32_t)size};
    char *bytes = (char *)(list->items + count);
    for (uint32_t i = 0; i < count; i++) {
        list->items[i] = (struct str){bytes, items[i].size};
        if (items[i].size)
            memcpy(bytes, items[i].data, items[i].size);
        bytes += items[i].size;
    }
    return ref_of(place, strings_hash_part(hash));
}

const struct str *strings_get_list(const struct strings *strings, uint64_t ref, uint32_t *ret_count)
{
    const struct list_piece *list = list_at(strings, place_of(ref));
    *ret_count = list->count;
    return list->items;
}

void strings_release_list(struct strings *strings, uint64_t ref)
{
    heap_release(&strings->heap, place_of(ref), list_at(strings, place_of(ref))->size);
}

uint64_t strings_move_list(struct strings *strings, uint64_t ref)
{
    if (!heap_is_leaving(&strings->heap, place_of(ref)))
        return ref;
    uint32_t count;
    const struct str *items = strings_get_list(strings, ref, &count);
    uint64_t to = strings_store_list(strings, items, count);
    strings_release_list(strings, ref);
    return to;
}
