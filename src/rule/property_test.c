/* Random rules over random people: rule_judge, rule_scan and the oracle agree on everybody, and no verdict
 * changes by time alone before the instant that it names. Times are few and whole seconds, so that window
 * ends are hit exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"
#include "calendar/instant.h"
#include "rule/test_oracle.h"

enum { RULES = 120, PEOPLE = 2 * CONTACTS_CHUNK + 300, FOLLOWED = 40, SPAN_SECONDS_MAX = 15 };

static const char *const attributes[] = {"a", "b", "c", "unique"};
static const char *const events[] = {"X", "Y", "Z"};
/* 2026-01-01T00:00:00Z; everything happens within the 20 seconds before `now`, or is due within 10 after it.
 */
static const int64_t begin_ms = 1767225600000, now_ms = 1767225600000 + 20 * SECOND_MS;

static const char *pick(struct prng *prng, const char *const *of, size_t count)
{
    return of[prng_below(prng, count)];
}

static json_t *random_instant(struct prng *prng)
{
    char text[32];
    int64_t at_ms = begin_ms + (int64_t)prng_below(prng, 31) * SECOND_MS;
    instant_print(at_ms, prng_chance(prng, 20), text);
    if (prng_chance(prng, 25)) { /* the same instant as text that is only read as one: no type of its own */
        text[19] = '\0';
        return json_sprintf("%s+00:00", text);
    }
    return json_string(text);
}

static json_t *random_string(struct prng *prng)
{
    static const char *const strings[] = {"", "a", "ab", "abc", "b", "pro", "team", "2026-01-01", "1"};
    return json_string(pick(prng, strings, sizeof strings / sizeof *strings));
}

static json_t *random_number(struct prng *prng)
{
    static const double numbers[] = {-1e300, -1.5, -1, 0, 0.1, 1, 2, 2.5, 10, 1e300};
    double number = numbers[prng_below(prng, sizeof numbers / sizeof *numbers)];
    return number == (int)number && prng_chance(prng, 50) ? json_integer((json_int_t)number)
                                                          : json_real(number);
}

static json_t *random_list(struct prng *prng)
{
    json_t *list = json_array();
    for (uint64_t i = prng_below(prng, 3); i > 0; i--)
        json_array_append_new(list, random_string(prng));
    return list;
}

static json_t *random_scalar(struct prng *prng)
{
    switch (prng_below(prng, 5)) {
    case 0: return random_number(prng);
    case 1: return json_boolean(prng_chance(prng, 50));
    case 2: return random_instant(prng);
    default: return random_string(prng);
    }
}

static json_t *random_span(struct prng *prng)
{
    return json_sprintf("%ds", 1 + (int)prng_below(prng, SPAN_SECONDS_MAX));
}

/* Two of one kind, the least first. */
static json_t *random_range(struct prng *prng)
{
    json_t *a, *b;
    bool instants = prng_chance(prng, 50);
    a = instants ? random_instant(prng) : random_number(prng);
    b = instants ? random_instant(prng) : random_number(prng);
    int64_t a_ms, b_ms;
    bool turned = instants ? instant_parse(str_from(json_string_value(a)), &a_ms) &&
                                 instant_parse(str_from(json_string_value(b)), &b_ms) && a_ms > b_ms
                           : json_number_value(a) > json_number_value(b);
    return turned ? json_pack("[o,o]", b, a) : json_pack("[o,o]", a, b);
}

static json_t *random_set(struct prng *prng)
{
    json_t *set = json_array();
    for (uint64_t i = 1 + prng_below(prng, 5); i > 0; i--)
        json_array_append_new(set, random_scalar(prng));
    return set;
}

static json_t *random_operand(struct prng *prng, const char *op)
{
    if (strcmp(op, "eq") == 0 || strcmp(op, "ne") == 0)
        return prng_chance(prng, 15) ? random_list(prng) : random_scalar(prng);
    if (strcmp(op, "in") == 0 || strcmp(op, "not_in") == 0)
        return random_set(prng);
    if (strcmp(op, "between") == 0)
        return random_range(prng);
    if (strcmp(op, "exists") == 0 || strcmp(op, "missing") == 0)
        return json_boolean(prng_chance(prng, 50));
    if (strcmp(op, "contains") == 0 || strcmp(op, "starts_with") == 0)
        return prng_chance(prng, 10) ? json_string("2026-01-01T00:00:1") : random_string(prng);
    if (strncmp(op, "within", 6) == 0)
        return random_span(prng);
    bool instant = strcmp(op, "before") == 0 || strcmp(op, "after") == 0 || prng_chance(prng, 50);
    return instant ? random_instant(prng) : random_number(prng);
}

static json_t *random_comparison(struct prng *prng, const char *field_key, const char *field)
{
    static const char *const operators[] = {
#define X(name, key) #key,
        RULE_OPERATOR_TABLE(X)
#undef X
    };
    const char *op = pick(prng, operators, sizeof operators / sizeof *operators);
    return json_pack("{s:s,s:o}", field_key, field, op, random_operand(prng, op));
}

typedef json_t *random_leaf(struct prng *prng, uint32_t depth);

static json_t *random_tree(struct prng *prng, uint32_t depth, random_leaf *leaf)
{
    static const char *const kinds[] = {"all", "any", "not"};
    if (depth == 0 || prng_chance(prng, 30))
        return leaf(prng, depth);
    const char *kind = pick(prng, kinds, 3);
    if (kind[0] == 'n')
        return json_pack("{s:o}", kind, random_tree(prng, depth - 1, leaf));
    json_t *parts = json_array();
    for (uint64_t i = 1 + prng_below(prng, 4); i > 0; i--)
        json_array_append_new(parts, random_tree(prng, depth - 1, leaf));
    return json_pack("{s:o}", kind, parts);
}

static json_t *random_where_leaf(struct prng *prng, uint32_t depth)
{
    (void)depth;
    return random_comparison(prng, "property", prng_chance(prng, 50) ? "p" : "q");
}

static json_t *random_did(struct prng *prng, unsigned within_percent)
{
    static const char *const quantities[] = {"at_least", "at_most", "exactly"};
    json_t *did = json_pack("{s:s}", prng_chance(prng, 25) ? "did_not" : "did", pick(prng, events, 3));
    if (prng_chance(prng, 60)) {
        const char *quantity = pick(prng, quantities, 3);
        int least = quantity[3] == 'l';
        json_object_set_new(did, quantity, json_integer(least + (int)prng_below(prng, 4)));
    }
    if (prng_chance(prng, within_percent))
        json_object_set_new(did, "within", random_span(prng));
    if (prng_chance(prng, 40))
        json_object_set_new(did, "where", random_tree(prng, 2, random_where_leaf));
    return did;
}

static json_t *random_question(struct prng *prng, uint32_t depth)
{
    (void)depth;
    return prng_chance(prng, 60) ? random_comparison(prng, "attribute", pick(prng, attributes, 4))
                                 : random_did(prng, 60);
}

/* One whose truth changes by time alone. */
static json_t *random_timed_question(struct prng *prng, uint32_t depth)
{
    (void)depth;
    if (prng_chance(prng, 50))
        return random_did(prng, 100);
    return json_pack("{s:s,s:o}", "attribute", prng_chance(prng, 50) ? "a" : "b",
                     prng_chance(prng, 50) ? "within_last" : "within_next", random_span(prng));
}

static json_t *random_value(struct prng *prng)
{
    uint64_t kind = prng_below(prng, 8);
    return kind == 0 ? random_list(prng) : kind < 4 ? random_instant(prng) : random_scalar(prng);
}

/* `n` decides what is rare: nobody of the middle chunk has b, few have c. */
static struct person random_person(struct prng *prng, uint32_t n)
{
    struct person person = {.attributes = json_object()};
    if (prng_chance(prng, 80))
        json_object_set_new(person.attributes, "a", random_value(prng));
    if (n / CONTACTS_CHUNK != 1 && prng_chance(prng, 50))
        json_object_set_new(person.attributes, "b", random_value(prng));
    if (prng_chance(prng, 2))
        json_object_set_new(person.attributes, "c", random_value(prng));
    json_object_set_new(person.attributes, "unique", json_sprintf("%s%u", n % 3 ? "ab" : "pro", n));
    for (uint64_t i = prng_below(prng, 7); i > 0; i--) {
        struct deed *deed = array_push(&person.deeds);
        snprintf(deed->event, sizeof deed->event, "%s", pick(prng, events, 3));
        deed->at_ms = begin_ms + (int64_t)prng_below(prng, 21) * SECOND_MS;
        deed->properties = json_object();
        if (prng_chance(prng, 70))
            json_object_set_new(deed->properties, "p", random_value(prng));
        if (prng_chance(prng, 40))
            json_object_set_new(deed->properties, "q", random_value(prng));
    }
    return person;
}

struct world {
    struct test_people people;
    json_t *rules[RULES];
    const struct rule_program *programs[RULES];
};

static void world_init(struct world *world, uint64_t seed, random_leaf *leaf)
{
    struct prng prng = {seed};
    test_people_init(&world->people);
    for (uint32_t r = 0; r < RULES; r++) {
        world->rules[r] = random_tree(&prng, (uint32_t)prng_below(&prng, 5), leaf);
        world->programs[r] = test_people_compile(&world->people, world->rules[r]);
    }
    for (uint32_t n = 0; n < PEOPLE; n++)
        test_people_add(&world->people, random_person(&prng, n));
}

static void world_deinit(struct world *world)
{
    for (uint32_t r = 0; r < RULES; r++)
        json_decref(world->rules[r]);
    test_people_deinit(&world->people);
}

static void fail_rule(const struct world *world, uint32_t rule, uint32_t contact, const char *what)
{
    char *text = json_dumps(world->rules[rule], JSON_COMPACT);
    char *person = json_dumps(world->people.persons.items[contact].attributes, JSON_COMPACT);
    fail_msg("%s: %s over contact %u %s", what, text, contact, person);
}

static void for_seeds(random_leaf *leaf, void (*check)(struct world *world, struct prng *prng))
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct world world;
        struct prng prng = {seed * 977};
        world_init(&world, seed, leaf);
        check(&world, &prng);
        world_deinit(&world);
    }
}

static void check_agreement(struct world *world, struct prng *prng)
{
    (void)prng;
    static uint64_t bits[PEOPLE / 64 + 1];
    struct rule_people view = test_people_view(&world->people);
    uint32_t mixed = 0;
    for (uint32_t r = 0; r < RULES; r++) {
        uint32_t holding = 0;
        rule_scan(world->programs[r], &view, 0, PEOPLE, now_ms, bits);
        for (uint32_t n = 0; n < PEOPLE; n++) {
            bool holds = rule_judge(world->programs[r], &view, (struct contact_id){n}, now_ms).holds;
            if (holds != (bits[n / 64] >> n % 64 & 1))
                fail_rule(world, r, n, "scan and judge differ");
            if (holds != oracle_holds(world->rules[r], &world->people.persons.items[n], now_ms))
                fail_rule(world, r, n, "judge and oracle differ");
            holding += holds;
        }
        mixed += holding > 0 && holding < PEOPLE;
    }
    assert_true(mixed > RULES / 2); /* the test would be worth nothing over rules that hold for all or none */
}

static void judge_scan_and_oracle_agree_on_everybody(void **state)
{
    (void)state;
    for_seeds(random_question, check_agreement);
}

static void check_ranges(struct world *world, struct prng *prng)
{
    enum { CANARY = 0x5a };
    uint64_t whole[PEOPLE / 64 + 1], part[PEOPLE / 64 + 2];
    struct rule_people view = test_people_view(&world->people);
    for (uint32_t r = 0; r < RULES; r++) {
        rule_scan(world->programs[r], &view, 0, PEOPLE, now_ms, whole);
        uint32_t first = (uint32_t)prng_below(prng, PEOPLE / 64) * 64;
        uint32_t count = (uint32_t)prng_below(prng, PEOPLE - first + 1), words = (count + 63) / 64;
        memset(part, CANARY, sizeof part);
        rule_scan(world->programs[r], &view, first, count, now_ms, part);
        for (uint32_t i = 0; i < count; i++)
            if ((part[i / 64] >> i % 64 & 1) != (whole[(first + i) / 64] >> i % 64 & 1))
                fail_rule(world, r, first + i, "a part of the scan and the whole differ");
        if (count % 64)
            assert_int_equal(part[words - 1] >> count % 64, 0); /* nobody beyond the last one asked for */
        assert_int_equal(part[words] & 0xff, CANARY);
    }
}

static void a_scan_of_a_part_says_what_the_whole_says(void **state)
{
    (void)state;
    for_seeds(random_question, check_ranges);
}

/* Whole seconds, and the millisecond after each: every end of every window, and all between. */
enum { STEPS = 2 * (10 + 30) };
static int64_t step_ms(uint32_t step)
{
    return now_ms + 1 + step / 2 * SECOND_MS + (step % 2 ? SECOND_MS - 1 : 0);
}

static void check_changes(struct world *world, struct prng *prng)
{
    struct rule_people view = test_people_view(&world->people);
    uint32_t changing = 0, early = 0;
    for (uint32_t r = 0; r < RULES; r++) {
        bool joined = json_object_get(world->rules[r], "all") || json_object_get(world->rules[r], "any") ||
                      json_object_get(world->rules[r], "not");
        for (uint32_t i = 0; i < FOLLOWED; i++) {
            struct contact_id contact = {(uint32_t)prng_below(prng, PEOPLE)};
            struct person *person = &world->people.persons.items[contact.n];
            struct verdict verdict = rule_judge(world->programs[r], &view, contact, now_ms);
            uint32_t step = 0;
            while (step < STEPS && oracle_holds(world->rules[r], person, step_ms(step)) == verdict.holds)
                step++;
            int64_t changes_ms = step < STEPS ? step_ms(step) : INSTANT_NEVER;
            if (verdict.changes_ms <= now_ms || verdict.changes_ms > changes_ms)
                fail_rule(world, r, contact.n, "the verdict changes earlier than it says");
            if (!joined && verdict.changes_ms != changes_ms)
                fail_rule(world, r, contact.n, "a single question does not change when it says");
            if (verdict.changes_ms != INSTANT_NEVER && !rule_needs(world->programs[r])->time)
                fail_rule(world, r, contact.n, "a program that does not need time says when it changes");
            changing += changes_ms != INSTANT_NEVER;
            early += verdict.changes_ms != changes_ms;
        }
    }
    assert_true(changing > RULES * FOLLOWED / 20);
    assert_true(early < changing / 2); /* conservative now and then, not as a rule */
}

static void no_verdict_changes_before_it_says_so(void **state)
{
    (void)state;
    for_seeds(random_timed_question, check_changes);
}

/* Whoever waits arms a timer for the change, judges again then, and so on: the chain ends and meets every
 * change. */
static void check_chains(struct world *world, struct prng *prng)
{
    struct rule_people view = test_people_view(&world->people);
    for (uint32_t r = 0; r < RULES; r++) {
        struct contact_id contact = {(uint32_t)prng_below(prng, PEOPLE)};
        struct person *person = &world->people.persons.items[contact.n];
        struct verdict verdict = rule_judge(world->programs[r], &view, contact, now_ms);
        uint32_t links = 0;
        for (uint32_t step = 0; step < STEPS; step++) {
            while (verdict.changes_ms <= step_ms(step)) {
                int64_t at_ms = verdict.changes_ms;
                verdict = rule_judge(world->programs[r], &view, contact, at_ms);
                assert_true(verdict.changes_ms > at_ms);
                assert_true(++links < 2 * RULE_TERMS_MAX);
            }
            if (verdict.holds != oracle_holds(world->rules[r], person, step_ms(step)))
                fail_rule(world, r, contact.n, "a change was missed");
        }
        assert_true(verdict.changes_ms == INSTANT_NEVER);
    }
}

static void who_judges_again_at_each_change_misses_none(void **state)
{
    (void)state;
    for_seeds(random_timed_question, check_chains);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_scan_and_oracle_agree_on_everybody),
        cmocka_unit_test(a_scan_of_a_part_says_what_the_whole_says),
        cmocka_unit_test(no_verdict_changes_before_it_says_so),
        cmocka_unit_test(who_judges_again_at_each_change_misses_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
