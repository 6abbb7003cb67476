/* A rule over many contacts: one chunk of columns at a time, one step at a time over the whole chunk,
 * outcomes as bitmaps. A group carries the bits of the contacts that still meet all of it, and each step
 * looks only at words in which there are some: a selective first part makes the rest cheap. */
#include <math.h>

#include "base/check.h"
#include "rule/comparison.h"
#include "rule/program.h"

/* Columns are read by the widest instructions that the processor has; sanitizers cannot start programs that
 * choose. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif
#define WITHIN                                                                                               \
    static inline __attribute__((always_inline)) /* part of a WIDE function, compiled as wide as that */

enum { WORD_BITS = 64, CHUNK_WORDS = CONTACTS_CHUNK / WORD_BITS, ANSWERS = 64 };

struct bits {
    uint64_t words[CHUNK_WORDS];
};

struct scan {
    const struct rule_people *people;
    int64_t now_ms;
    uint32_t chunk;
};

struct frame {
    struct bits open; /* contacts that meet every part so far */
    uint32_t end;
    bool negated;
};

/* ── how a column answers ─────────────────────────────────────────────────── */

static void test_numbers(struct cell_test *test, enum rule_operator op, const struct value *operands)
{
    double number = operands[0].number;
    test->mode = CELLS_NUMBERS;
    test->least = op == RULE_LT || op == RULE_LTE ? -INFINITY
                  : op == RULE_GT                 ? nextafter(number, INFINITY)
                                                  : number;
    test->most = op == RULE_GT || op == RULE_GTE ? INFINITY
                 : op == RULE_BETWEEN            ? operands[1].number
                 : op == RULE_LT                 ? nextafter(number, -INFINITY)
                                                 : number;
}

static void test_instants(struct cell_test *test, enum rule_operator op, const struct value *operands)
{
    test->mode = CELLS_INSTANTS;
    test->from_ms = INT64_MIN;
    test->to_ms = INT64_MAX;
    test->parses = op != RULE_EQ && op != RULE_NE;
    if (op == RULE_WITHIN_LAST || op == RULE_WITHIN_NEXT)
        return;
    int64_t at_ms = operands[0].instant_ms;
    if (op == RULE_GT || op == RULE_AFTER)
        test->from_ms = at_ms + 1;
    else if (op != RULE_LT && op != RULE_LTE && op != RULE_BEFORE)
        test->from_ms = at_ms;
    if (op == RULE_LT || op == RULE_BEFORE)
        test->to_ms = at_ms - 1;
    else if (op == RULE_BETWEEN)
        test->to_ms = operands[1].instant_ms;
    else if (op != RULE_GT && op != RULE_GTE && op != RULE_AFTER)
        test->to_ms = at_ms;
}

struct cell_test cell_test_of(const struct rule_comparison *c)
{
    struct cell_test test = {.mode = CELLS_VALUES, .inverted = c->op == RULE_NE || c->op == RULE_NOT_IN};
    bool is_set = c->op == RULE_IN || c->op == RULE_NOT_IN;
    if (c->op == RULE_EXISTS || c->op == RULE_MISSING) {
        test.mode = CELLS_THERE;
    } else if (c->op == RULE_WITHIN_LAST || c->op == RULE_WITHIN_NEXT ||
               (!is_set && c->operands[0].type == VALUE_INSTANT)) {
        test_instants(&test, c->op, c->operands);
    } else if (!is_set && c->operands[0].type == VALUE_NUMBER) {
        test_numbers(&test, c->op, c->operands);
    } else if (is_set || c->op == RULE_EQ || c->op == RULE_NE) {
        for (uint32_t i = 0; i < c->count; i++)
            if (c->operands[i].type == VALUE_STRING)
                test.hashes |= UINT64_C(1) << contacts_string_hash(c->operands[i].string) % WORD_BITS;
    } else {
        test.hashes = UINT64_MAX;
    }
    return test;
}

/* Answers already got for cells of this column: recurring strings share a cell, so few are looked at twice.
 */
struct answers {
    struct {
        uint64_t cell;
        uint8_t kind; /* 0 = free */
        bool holds;
    } slots[ANSWERS];
};

static bool ask(const struct scan *scan, const struct rule_step *step, uint8_t kind, uint64_t cell)
{
    struct value value = contacts_cell(scan->people->contacts, kind, cell);
    return comparison_judge(&step->comparison, &value, scan->now_ms).holds;
}

static bool ask_once(const struct scan *scan, const struct rule_step *step, uint8_t kind, uint64_t cell,
                     struct answers *answers)
{
    uint32_t slot = (uint32_t)((cell * 0x9e3779b97f4a7c15) >> 58);
    if (answers->slots[slot].cell != cell || answers->slots[slot].kind != kind) {
        answers->slots[slot].cell = cell;
        answers->slots[slot].kind = kind;
        answers->slots[slot].holds = ask(scan, step, kind, cell);
    }
    return answers->slots[slot].holds;
}

/* The lowest bits of 64 bytes as one word: the product brings those of eight into its highest byte. */
WITHIN uint64_t word_of_bytes(const uint8_t bytes[WORD_BITS])
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < WORD_BITS; i += 8) {
        uint64_t eight;
        memcpy(&eight, &bytes[i], sizeof eight);
        bits |= (((eight & 0x0101010101010101) * 0x0102040810204080) >> 56) << i;
    }
    return bits;
}

/* Byte by byte and not bit by bit, which compilers turn into vector instructions. */
WITHIN uint64_t word_of_kind(const uint8_t *kinds, uint8_t kind)
{
    uint8_t is[WORD_BITS];
    for (uint32_t i = 0; i < WORD_BITS; i++)
        is[i] = kinds[i] == kind;
    return word_of_bytes(is);
}

WITHIN uint64_t word_numbers(const uint8_t *kinds, const uint64_t *cells, double least, double most)
{
    uint8_t is[WORD_BITS];
    for (uint32_t i = 0; i < WORD_BITS; i++) {
        double number;
        memcpy(&number, &cells[i], sizeof number);
        is[i] = (number >= least) & (number <= most);
    }
    return word_of_bytes(is) & word_of_kind(kinds, VALUE_NUMBER);
}

WITHIN uint64_t word_instants(const uint8_t *kinds, const uint64_t *cells, int64_t from_ms, int64_t to_ms)
{
    uint8_t is[WORD_BITS];
    for (uint32_t i = 0; i < WORD_BITS; i++) {
        int64_t at_ms = contacts_cell_instant(cells[i]);
        is[i] = (at_ms >= from_ms) & (at_ms <= to_ms);
    }
    return word_of_bytes(is) & word_of_kind(kinds, VALUE_INSTANT);
}

/* Values that may pass: all but strings of which the hash alone says no. */
WITHIN uint64_t word_of_hashes(const uint8_t *kinds, const uint64_t *cells, uint64_t hashes)
{
    uint8_t is[WORD_BITS];
    for (uint32_t i = 0; i < WORD_BITS; i++)
        is[i] =
            (kinds[i] != VALUE_STRING) | (uint8_t)(hashes >> contacts_cell_hash(cells[i]) % WORD_BITS & 1);
    return word_of_bytes(is) & ~word_of_kind(kinds, VALUE_MISSING);
}

WIDE static void scan_numbers(const struct rule_step *step, const struct contact_column *column,
                              const struct bits *open, struct bits *ret)
{
    for (uint32_t w = 0; w < CHUNK_WORDS; w++)
        if (open->words[w])
            ret->words[w] = word_numbers(&column->kinds[w * WORD_BITS], &column->cells[w * WORD_BITS],
                                         step->cells.least, step->cells.most);
}

WIDE static void scan_instants(const struct scan *scan, const struct rule_step *step,
                               const struct contact_column *column, const struct bits *open, struct bits *ret)
{
    int64_t from_ms = step->cells.from_ms, to_ms = step->cells.to_ms;
    if (step->comparison.op == RULE_WITHIN_LAST) {
        from_ms = scan->now_ms - step->comparison.span_ms;
        to_ms = scan->now_ms;
    } else if (step->comparison.op == RULE_WITHIN_NEXT) {
        from_ms = scan->now_ms;
        to_ms = scan->now_ms + step->comparison.span_ms;
    }
    for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
        if (!open->words[w])
            continue;
        const uint8_t *kinds = &column->kinds[w * WORD_BITS];
        const uint64_t *cells = &column->cells[w * WORD_BITS];
        ret->words[w] = word_instants(kinds, cells, from_ms, to_ms);
        uint64_t strings = step->cells.parses ? word_of_kind(kinds, VALUE_STRING) & open->words[w] : 0;
        for (; strings; strings &= strings - 1) {
            int i = __builtin_ctzll(strings);
            ret->words[w] |= (uint64_t)ask(scan, step, VALUE_STRING, cells[i]) << i;
        }
    }
}

WIDE static void scan_values(const struct scan *scan, const struct rule_step *step,
                             const struct contact_column *column, const struct bits *open, struct bits *ret)
{
    struct answers answers = {0};
    for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
        if (!open->words[w])
            continue;
        const uint8_t *kinds = &column->kinds[w * WORD_BITS];
        const uint64_t *cells = &column->cells[w * WORD_BITS];
        uint64_t left = word_of_hashes(kinds, cells, step->cells.hashes) & open->words[w];
        for (; left; left &= left - 1) {
            int i = __builtin_ctzll(left);
            bool passes = ask_once(scan, step, kinds[i], cells[i], &answers) != step->cells.inverted;
            ret->words[w] |= (uint64_t)passes << i;
        }
    }
}

static void scan_column(const struct scan *scan, const struct rule_step *step, const struct bits *open,
                        struct bits *ret)
{
    const struct contact_column *column = contacts_column(scan->people->contacts, step->id, scan->chunk);
    memset(ret, 0, sizeof *ret);
    if (!column)
        return;
    switch (step->cells.mode) {
    case CELLS_THERE: break;
    case CELLS_NUMBERS: scan_numbers(step, column, open, ret); break;
    case CELLS_INSTANTS: scan_instants(scan, step, column, open, ret); break;
    case CELLS_VALUES: scan_values(scan, step, column, open, ret); break;
    }
    if (step->cells.mode != CELLS_THERE && !step->cells.inverted)
        return;
    for (uint32_t w = 0; w < CHUNK_WORDS; w++)
        if (open->words[w])
            ret->words[w] = ~word_of_kind(&column->kinds[w * WORD_BITS], VALUE_MISSING) & ~ret->words[w];
}

/* ── the walk ─────────────────────────────────────────────────────────────── */

/* Whether the bits of who has ever done it say all that a step asks. */
static bool asks_ever(const struct rule_step *step)
{
    return step->kind == STEP_COUNT && step->least <= 1 && step->most == COUNT_UNLIMITED;
}

/* Who has never done it needs no look-up: a count of nothing fails whatever asks for one. */
static void scan_past(const struct scan *scan, const struct rule_step *step, const struct bits *open,
                      struct bits *ret)
{
    bool named = step->kind == STEP_LAST || (step->kind == STEP_COUNT && step->least > 0);
    const uint64_t *doers = named ? past_doers(scan->people->past, scan->chunk, step->id) : NULL;
    for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
        uint64_t bits = 0, asked = open->words[w];
        if (named)
            asked &= doers ? doers[w] : 0;
        if (named && asks_ever(step)) {
            ret->words[w] = asked;
            continue;
        }
        for (uint64_t left = asked; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left);
            uint32_t contact = scan->chunk * CONTACTS_CHUNK + w * WORD_BITS + i;
            bits |= (uint64_t)past_judge(step, scan->people->past, contact, scan->now_ms).holds << i;
        }
        ret->words[w] = bits;
    }
}

/* Returns the step to go on with: the group's end where nobody is left who meets it. */
static uint32_t frame_take(struct frame *frame, const struct bits *part, bool negated, uint32_t next)
{
    uint64_t left = 0, flip = negated ? UINT64_MAX : 0;
    for (uint32_t w = 0; w < CHUNK_WORDS; w++)
        left |= frame->open.words[w] &= part->words[w] ^ flip;
    return left ? next : frame->end;
}

/* `open` of the outermost frame is whom to judge, and in the end for whom it holds. */
static void scan_chunk(const struct scan *scan, const struct rule_program *program, struct bits *asked)
{
    struct frame frames[PROGRAM_FRAMES_MAX], *frame = frames;
    *frame = (struct frame){*asked, program->count, false};
    uint32_t at = 0;
    for (;;) {
        struct bits part;
        bool negated;
        if (at == frame->end) {
            if (frame == frames)
                break;
            part = frame->open;
            negated = frame->negated;
            frame--;
        } else {
            const struct rule_step *step = &program->steps[at++];
            negated = step->negated;
            if (step->kind == STEP_ALL) {
                frame[1] = (struct frame){frame->open, step->end, negated};
                frame++;
                continue;
            }
            if (step->kind == STEP_COMPARE)
                scan_column(scan, step, &frame->open, &part);
            else
                scan_past(scan, step, &frame->open, &part);
        }
        at = frame_take(frame, &part, negated, at);
    }
    *asked = frame->open;
}

void rule_scan(const struct rule_program *program, const struct rule_people *people, uint32_t first,
               uint32_t count, int64_t now_ms, uint64_t *ret_bits)
{
    CHECK(first % WORD_BITS == 0);
    CHECK((uint64_t)first + count <= contacts_count(people->contacts));
    uint32_t end = first + count;
    while (first < end) {
        struct scan scan = {people, now_ms, first / CONTACTS_CHUNK};
        uint32_t chunk_end = (scan.chunk + 1) * CONTACTS_CHUNK; /* 0 behind the last chunk there can be */
        uint32_t piece = (chunk_end - first < end - first ? chunk_end : end) - first;
        uint32_t word = first % CONTACTS_CHUNK / WORD_BITS, words = (piece + WORD_BITS - 1) / WORD_BITS;
        struct bits asked = {0};
        for (uint32_t w = 0; w < words; w++)
            asked.words[word + w] = UINT64_MAX;
        if (piece % WORD_BITS)
            asked.words[word + words - 1] = (UINT64_C(1) << piece % WORD_BITS) - 1;
        scan_chunk(&scan, program, &asked);
        memcpy(ret_bits, &asked.words[word], words * sizeof *ret_bits);
        ret_bits += words;
        first += piece;
    }
}
