/* The strings of one partition's attributes, behind 64-bit references:
 *
 *     | 1 bit: dictionary | 39 bits: its number there, or the place in the heap | 24 bits of the hash |
 *
 * so that unequal strings are told apart by their references alone (the same string may have several). A
 * string seen twice within a short while enters the dictionary, if there is room, and is shared from then on;
 * the rest stand in the heap, one copy a reference. Every reference is released once. What `get` gives lives
 * until its reference is released or moved. One thread. */
#ifndef CONTACT_STRINGS_H
#define CONTACT_STRINGS_H
#include "base/map.h"
#include "base/str.h"
#include "contact/heap.h"

enum {
    DICTIONARY_STRINGS_MAX = 32768, /* bounds the dictionary to a few MB a partition */
    DICTIONARY_STRING_BYTES_MAX = 128,
    STRINGS_HASH_BITS = 24
};

struct dictionary_string {
    char *bytes; /* NULL: the number is free */
    uint32_t size, uses;
    uint64_t hash;
};

struct strings {
    struct heap heap;
    ARRAY(struct dictionary_string) dictionary;
    ARRAY(uint32_t) free_numbers;
    struct map numbers;         /* of the dictionary, by hash */
    uint32_t dictionary_unused; /* strings there that nobody refers to just now */
    uint64_t dictionary_bytes;  /* of the strings themselves */
    uint32_t *seen;             /* hashes of strings stored lately, by their lower bits */
};

void strings_deinit(struct strings *strings); /* a zeroed one is empty */
uint64_t strings_bytes(const struct strings *strings);

static inline uint32_t strings_hash_of(uint64_t ref)
{
    return (uint32_t)ref & ((1 << STRINGS_HASH_BITS) - 1);
}
/* The part of a string's hash (hash_str) that stands in its references. */
static inline uint32_t strings_hash_part(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - STRINGS_HASH_BITS));
}

uint64_t strings_store(struct strings *strings, struct str s, uint64_t hash);
struct str strings_get(const struct strings *strings, uint64_t ref);
bool strings_is(const struct strings *strings, uint64_t ref, struct str s, uint64_t hash);
void strings_release(struct strings *strings, uint64_t ref);

/* A list of strings stands in the heap as one piece, ready to be read as an array. */
uint64_t strings_store_list(struct strings *strings, const struct str *items, uint32_t count);
const struct str *strings_get_list(const struct strings *strings, uint64_t ref, uint32_t *ret_count);
void strings_release_list(struct strings *strings, uint64_t ref);

/* While the heap is rewritten (heap.h), whoever holds references passes each through here and keeps what it
 * gives. */
uint64_t strings_move(struct strings *strings, uint64_t ref);
uint64_t strings_move_list(struct strings *strings, uint64_t ref);

#endif
