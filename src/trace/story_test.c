/* Stories of contacts whose history is known row by row. */
#include "trace/story.h"

#include "partition/world_test.h"

#define IN_AND_WAIT                                                                                          \
    "{'name':'J','entry':{'rules':[{'event':'In'}],'reentry':{'allowed':true}},"                             \
    "'exits':[{'event':'Out'}],'nodes':{'a':{'type':'wait_for','rule':{'event':'Go'},"                       \
    "'timeout':'30d','on':{'yes':'c','timed_out':'z'}},'c':{'type':'activate',"                              \
    "'destinations':['crm'],'next':'z'},'z':{'type':'stop'}},'start':'a'}"

struct telling {
    struct arena arena;
    struct trace_chain chain;
    struct trace_story story;
};

static void tell(const struct world *w, const char *contact, uint32_t rows_max, struct telling *ret)
{
    const struct contacts *contacts = engine_contacts(partition_engine(w->partition));
    struct trace_contact look;
    struct contact_id id;
    *ret = (struct telling){0};
    assert_true(contacts_find(contacts, str_from(contact), contact_hash(str_from(contact)), &id));
    trace_look(w->partition, control_plan(w->control), id, &ret->arena, &look);
    assert_int_equal(trace_chain_read(w->store, &look, rows_max, &ret->arena, &ret->chain, NULL), ERR_OK);
    trace_story_tell(w->control, &look, &ret->chain, 0, &ret->arena, &ret->story);
}

static void told(struct telling *telling)
{
    trace_story_free(&telling->story);
    trace_chain_free(&telling->chain);
    arena_deinit(&telling->arena);
}

static void a_story_names_every_cause(void **state)
{
    struct world *w = *state;
    struct telling t;
    world_publish(w, "10:00", IN_AND_WAIT);
    world_event(w, "10:01", "ann", "In", "{'n':1}");
    world_event(w, "10:02", "ann", "Go", NULL);
    world_result(w, "10:03", "ann", "J", 0, false);
    tell(w, "ann", TRACE_ROWS_ALL, &t);
    assert_false(t.chain.truncated);
    assert_int_equal(t.story.facts.count, 3);
    const struct trace_fact *facts = t.story.facts.items;
    assert_int_equal(facts[0].cause.kind, TRACE_EVENT);
    assert_true(str_equal(facts[0].cause.body, STR("{\"n\":1}")));
    assert_true(str_equal(facts[1].cause.name, STR("Go")));
    assert_int_equal(facts[2].cause.kind, TRACE_ANSWER);
    assert_true(str_equal(facts[2].cause.name, STR("crm")) && !facts[2].cause.failed);
    assert_true(t.story.entered && !t.story.inside);
    told(&t);
}

static void a_cause_before_the_part_that_is_read_is_found_all_the_same(void **state)
{
    struct world *w = *state;
    struct telling t;
    world_publish(w, "10:00", IN_AND_WAIT);
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:02", "ann", "Go", "{'n':7}");
    tell(w, "ann", 1, &t);
    assert_true(t.chain.truncated);
    assert_int_equal(t.chain.since_ms, world_instant("10:02"));
    assert_int_equal(t.story.facts.count, 1);
    assert_int_equal(t.story.facts.items[0].cause.kind, TRACE_EVENT);
    assert_true(str_equal(t.story.facts.items[0].cause.body, STR("{\"n\":7}")));
    told(&t);
    world_result(w, "10:03", "ann", "J", 0, true);
    tell(w, "ann", 1, &t);
    assert_int_equal(t.story.facts.items[0].cause.kind, TRACE_ANSWER);
    assert_true(t.story.facts.items[0].cause.failed);
    told(&t);
}

static void who_entered_before_the_part_that_is_read_is_known_to_have(void **state)
{
    struct world *w = *state;
    struct telling t;
    world_publish(w, "10:00", IN_AND_WAIT);
    world_event(w, "10:01", "ann", "In", NULL);
    world_event(w, "10:01", "bob", "In", NULL);
    world_event(w, "10:02", "bob", "Out", NULL);
    for (int i = 0; i < 3; i++) {
        world_event(w, "10:03", "ann", "In", NULL);
        world_event(w, "10:03", "bob", "Noise", NULL);
        world_event(w, "10:03", "cid", "Noise", NULL);
    }
    tell(w, "ann", 3, &t);
    assert_true(t.chain.truncated && t.story.entered && t.story.inside);
    assert_int_equal(t.story.facts.count + t.story.missed.count + t.story.reasons.count, 0);
    told(&t);
    tell(w, "bob", 3, &t);
    assert_true(t.chain.truncated && t.story.entered && !t.story.inside);
    assert_int_equal(t.story.reasons.count, 0);
    told(&t);
    tell(w, "cid", 2, &t);
    assert_true(!t.story.entered && !t.story.inside);
    assert_string_equal(t.story.reasons.items[0],
                        "the entry rules may have been met before the part of the history that was read");
    told(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_story_names_every_cause, world_open, world_over),
        cmocka_unit_test_setup_teardown(a_cause_before_the_part_that_is_read_is_found_all_the_same,
                                        world_open, world_over),
        cmocka_unit_test_setup_teardown(who_entered_before_the_part_that_is_read_is_known_to_have, world_open,
                                        world_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
