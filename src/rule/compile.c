#include "base/check.h"
#include "rule/comparison.h"
#include "rule/program.h"

struct compiler {
    const struct rule_binder *binder;
    struct arena *arena;
    struct err_detail *detail;
    struct rule_step *steps;
    uint32_t count;
    uint16_t *events, *attributes;
    struct rule_needs needs;
};

static uint32_t rule_size(const struct rule *rule)
{
    uint32_t size = 1;
    for (uint32_t i = 0; i < rule->count; i++)
        size += rule_size(rule->parts[i]);
    return size;
}

/* Keeps the ids sorted, each once. */
static void need(uint16_t *ids, uint32_t *count, uint16_t id)
{
    uint32_t at = *count;
    while (at > 0 && ids[at - 1] >= id)
        at--;
    if (at < *count && ids[at] == id)
        return;
    memmove(&ids[at + 1], &ids[at], (*count - at) * sizeof *ids);
    ids[at] = id;
    ++*count;
}

static enum err bind_name(const struct compiler *c, enum name_kind kind, struct str name, uint16_t *ret)
{
    *ret = c->binder->name(c->binder->context, kind, name);
    if (*ret)
        return ERR_OK;
    bool is_event = kind == NAME_EVENT;
    return err_fail(c->detail, ERR_LIMIT, "", "all %d %s names are used up: a rule cannot ask about `%.*s`",
                    is_event ? NAMES_EVENT_MAX : NAMES_ATTRIBUTE_MAX, is_event ? "event" : "attribute",
                    STR_ARG(name));
}

static struct rule_step *step_add(struct compiler *c, enum step_kind kind, bool negated)
{
    struct rule_step *step = &c->steps[c->count++];
    step->kind = kind;
    step->negated = negated;
    step->end = c->count;
    return step;
}

static enum err compile_comparison(struct compiler *c, const struct rule_comparison *comparison, bool negated)
{
    uint16_t id;
    enum err err = bind_name(c, NAME_ATTRIBUTE, comparison->field, &id);
    if (err)
        return err;
    bool missing = comparison->op == RULE_MISSING;
    struct rule_step *step = step_add(c, STEP_COMPARE, negated != missing);
    step->id = id;
    step->comparison = comparison_copy(comparison, c->arena);
    if (missing) /* one test less for both judges: missing is "not there" */
        step->comparison.op = RULE_EXISTS;
    step->cells = cell_test_of(&step->comparison);
    need(c->attributes, &c->needs.attribute_count, id);
    c->needs.time |= comparison->op == RULE_WITHIN_LAST || comparison->op == RULE_WITHIN_NEXT;
    return ERR_OK;
}

static enum err compile_aggregate(struct compiler *c, const struct rule *rule, uint16_t event,
                                  struct rule_step *step)
{
    const struct event_rule *did = &rule->did;
    uint32_t ring = 0; /* without a window the count tells */
    if (did->within_ms)
        ring = step->most == COUNT_UNLIMITED ? step->least : step->most + 1;
    if (ring > PAST_RING_MAX)
        return err_fail(c->detail, ERR_LIMIT, "", "`%.*s` is counted to %u within a window; the limit is %d",
                        STR_ARG(did->event), ring, PAST_RING_MAX);
    step->kind = did->within_ms ? STEP_COUNT_WITHIN : STEP_COUNT_WHERE;
    step->id = c->binder->aggregate(c->binder->context, event, did->where, (uint16_t)ring);
    if (step->id == UINT16_MAX)
        return err_fail(c->detail, ERR_LIMIT, "", "all aggregates are used up: a rule cannot count `%.*s`",
                        STR_ARG(did->event));
    return ERR_OK;
}

static enum err compile_did(struct compiler *c, const struct rule *rule, bool negated)
{
    const struct event_rule *did = &rule->did;
    uint16_t event;
    enum err err = bind_name(c, NAME_EVENT, did->event, &event);
    if (err)
        return err;
    struct rule_step *step = step_add(c, STEP_COUNT, negated);
    step->id = event;
    step->least = rule->quantity == RULE_AT_MOST ? 0 : did->at_least;
    step->most = rule->quantity == RULE_AT_LEAST ? COUNT_UNLIMITED : did->at_least;
    step->within_ms = did->within_ms;
    need(c->events, &c->needs.event_count, event);
    c->needs.time |= did->within_ms != 0;
    if (!did->where && !did->within_ms)
        return ERR_OK;
    bool never = step->most == 0, once = step->least == 1 && step->most == COUNT_UNLIMITED;
    if (did->where || !(never || once))
        return compile_aggregate(c, rule, event, step);
    step->kind = STEP_LAST;
    step->negated ^= never;
    return ERR_OK;
}

static enum err compile(struct compiler *c, const struct rule *rule, bool negated, uint32_t frames);

/* Columns are read fastest and past events slowest, so a group asks in that order; the outcome is the same in
 * any. */
static int part_cost(const struct rule *rule)
{
    while (rule->kind == RULE_NOT)
        rule = rule->parts[0];
    return rule->kind == RULE_COMPARE ? 0 : rule->kind == RULE_DID ? 2 : 1;
}

static enum err compile_group(struct compiler *c, const struct rule *rule, bool negated, uint32_t frames)
{
    bool any = rule->kind == RULE_ANY;
    struct rule_step *step = NULL;
    if (rule->count == 1)
        return compile(c, rule->parts[0], negated, frames);
    if (negated != any) { /* otherwise it is an all inside an all, and its parts are the outer one's */
        if (++frames > PROGRAM_FRAMES_MAX)
            return err_fail(c->detail, ERR_LIMIT, "", "all, any and not are nested more than %d deep",
                            RULE_DEPTH_MAX);
        step = step_add(c, STEP_ALL, true);
    }
    for (int cost = 0; cost <= 2; cost++) {
        for (uint32_t i = 0; i < rule->count; i++) {
            enum err err =
                part_cost(rule->parts[i]) == cost ? compile(c, rule->parts[i], any, frames) : ERR_OK;
            if (err)
                return err;
        }
    }
    if (step)
        step->end = c->count;
    return ERR_OK;
}

static enum err compile(struct compiler *c, const struct rule *rule, bool negated, uint32_t frames)
{
    switch (rule->kind) {
    case RULE_COMPARE: return compile_comparison(c, &rule->compare, negated);
    case RULE_DID: return compile_did(c, rule, negated);
    case RULE_NOT: return compile(c, rule->parts[0], !negated, frames);
    case RULE_ALL:
    case RULE_ANY: return compile_group(c, rule, negated, frames);
    }
    CHECK(!"a rule outside its kinds");
}

enum err rule_compile(const struct rule *rule, const struct rule_binder *binder, struct arena *arena,
                      const struct rule_program **ret, struct err_detail *detail)
{
    uint32_t size = rule_size(rule);
    struct compiler c = {.binder = binder, .arena = arena, .detail = detail};
    c.steps = arena_take_array(arena, size, sizeof *c.steps);
    c.events = arena_take_array(arena, size, sizeof *c.events);
    c.attributes = arena_take_array(arena, size, sizeof *c.attributes);
    enum err err = compile(&c, rule, false, 1);
    if (err)
        return err;
    struct rule_program *program = arena_take(arena, sizeof *program);
    *program = (struct rule_program){.count = c.count, .steps = c.steps, .needs = c.needs};
    program->needs.events = c.events;
    program->needs.attributes = c.attributes;
    *ret = program;
    return ERR_OK;
}

const struct rule_needs *rule_needs(const struct rule_program *program)
{
    return &program->needs;
}
