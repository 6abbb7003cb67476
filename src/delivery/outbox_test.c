#include "delivery/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "delivery/outbox_caller.h"

static void assert_state(struct caller *caller, enum outbox_state state, uint64_t count)
{
    if (outbox_count(caller->outbox, state) != count)
        fail_msg("%lu effects are %s, not %lu", (unsigned long)outbox_count(caller->outbox, state),
                 outbox_state_name(state), (unsigned long)count);
}

static void assert_each_once(const struct basket *basket, const struct caller *caller)
{
    size_t count = 0;
    array_each (&caller->pending, i) {
        const struct pending *pending = &caller->pending.items[i];
        if (!str_equal(pending->row.destination_name, basket->base.name))
            continue;
        assert_int_equal(basket_count(basket, pending), 1);
        count++;
    }
    assert_int_equal(basket->keys.count, count);
}

/* ── the usual way ────────────────────────────────────────────────────────── */

/* That each attempt is durable before its first byte leaves is asserted by the basket itself. */
static void what_is_committed_goes_out_once_and_is_answered(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    assert_int_equal(outbox_next_ms(caller.outbox), INSTANT_NEVER);
    caller_open(&caller, 1, 3, "crm", 0);
    caller_open(&caller, 0, 2, "mailer", 0);
    assert_int_equal(outbox_next_ms(caller.outbox), INT64_MIN);
    assert_int_equal(caller_deliver(&caller), 5);
    assert_state(&caller, OUTBOX_RETURNED, 5);
    assert_int_equal(outbox_next_ms(caller.outbox), INSTANT_NEVER);
    assert_int_equal(caller_deliver(&caller), 0);
    caller_close_returned(&caller, SIZE_MAX);
    assert_true(outbox_is_empty(caller.outbox));
    assert_each_once(&caller.crm, &caller);
    assert_each_once(&caller.mailer, &caller);
    assert_int_equal(caller_rows(&caller, EFFECT_ATTEMPTED), 5);
    caller_end(&caller);
}

static void a_partition_keeps_its_order(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    for (int i = 0; i < 5; i++) {
        caller_open(&caller, 2, 1, "crm", 0);
        caller_open(&caller, 2, 1, "mailer", 0);
    }
    caller_drain(&caller);
    for (size_t i = 0; i < 5; i++) {
        char key[EFFECT_KEY_BYTES];
        effect_key(2, &caller.pending.items[2 * i].row, key);
        assert_string_equal(caller.crm.keys.items[i], key);
    }
    assert_int_equal(caller.crm.calls + caller.mailer.calls, 2); /* one sync a destination and group */
    caller_end(&caller);
}

static void a_group_has_a_limit_and_partitions_take_turns(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller_open(&caller, 0, 2 * OUTBOX_GROUP_MAX, "crm", 0);
    assert_int_equal(caller_deliver(&caller), OUTBOX_GROUP_MAX);
    caller_open(&caller, 1, 5, "crm", 0); /* its turn is next: it does not wait for the backlog */
    assert_int_equal(caller_deliver(&caller), OUTBOX_GROUP_MAX);
    for (size_t i = caller.pending.count - 5; i < caller.pending.count; i++)
        assert_true(caller.pending.items[i].returned);
    assert_int_equal(caller_deliver(&caller), 5);
    caller_end(&caller);
}

static void a_group_of_large_contacts_is_a_small_one(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.attribute_bytes = OUTBOX_GROUP_BYTES_MAX / 4;
    caller_open(&caller, 0, 6, "crm", 0);
    assert_int_equal(caller_deliver(&caller), 4);
    assert_int_equal(caller_deliver(&caller), 2);
    caller_end(&caller);
}

static void what_the_destination_refuses_is_answered_failed(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.crm.fault = BASKET_REFUSES;
    caller_open(&caller, 0, 1, "crm", 0);
    const struct outbox_result *results;
    size_t count;
    assert_int_equal(outbox_deliver(caller.outbox, 1, &results, &count, NULL), ERR_OK);
    assert_int_equal(count, 1);
    assert_true(results[0].result.failed);
    assert_string_equal(results[0].reason, "it does not like it");
    caller_end(&caller);
}

static void what_has_left_is_not_handed_over(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller_open(&caller, 0, 3, "crm", 0);
    caller_cancel(&caller, 1);            /* committed: its row closes it */
    caller.pending.items[2].open = false; /* decided, not committed yet: the engine says so */
    assert_int_equal(caller_deliver(&caller), 1);
    assert_int_equal(basket_count(&caller.crm, &caller.pending.items[0]), 1);
    assert_int_equal(caller.crm.keys.count, 1);
    caller_end(&caller);
}

/* ── crashes ──────────────────────────────────────────────────────────────── */

static void a_result_lost_in_a_crash_is_found_again_without_a_second_sending(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller_open(&caller, 0, 4, "crm", 0);
    assert_int_equal(caller_deliver(&caller), 4);
    caller_close_returned(&caller, 1);
    caller_crash(&caller);
    assert_state(&caller, OUTBOX_UNCERTAIN, 3);
    assert_int_equal(caller_deliver(&caller), 3);
    assert_int_equal(caller.crm.asked, 3);
    assert_int_equal(caller.crm.calls, 1);
    caller_close_returned(&caller, SIZE_MAX);
    assert_each_once(&caller.crm, &caller);
    caller_crash(&caller);
    assert_true(outbox_is_empty(caller.outbox));
    caller_end(&caller);
}

static void an_attempt_that_took_nothing_is_made_again(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.crm.fault = BASKET_UNSENT;
    caller_open(&caller, 0, 4, "crm", 0);
    assert_int_equal(caller_deliver(&caller), 0);
    caller.crm.fault = BASKET_WELL;
    caller_crash(&caller);
    caller_drain(&caller);
    assert_each_once(&caller.crm, &caller);
    assert_int_equal(caller_rows(&caller, EFFECT_ATTEMPTED), 4); /* the first attempt's row speaks for all */
    assert_int_equal(caller_open_count(&caller), 0);
    caller_end(&caller);
}

/* The engine takes its seqs in blocks: those of its later rows lie below those of delivery's. */
static void a_closing_row_below_its_attempt_closes_it(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller_open(&caller, 0, 2, "crm", 0);
    caller_drain(&caller);
    caller_crash(&caller);
    assert_true(outbox_is_empty(caller.outbox));
    assert_int_equal(outbox_next_ms(caller.outbox), INSTANT_NEVER);
    caller_end(&caller);
}

static void without_keys_an_open_attempt_is_unknown_and_never_repeated(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.mailer.base.honours_keys = false;
    caller_open(&caller, 0, 2, "mailer", 0);
    assert_int_equal(caller_deliver(&caller), 2);
    caller_open(&caller, 0, 1, "mailer", 0);
    for (int starts = 0; starts < 2; starts++) {
        caller_crash(&caller);
        caller_drain(&caller);
        assert_state(&caller, OUTBOX_UNKNOWN, 2);
        struct outbox_problem problem;
        assert_true(outbox_problem(caller.outbox, 0, &problem));
        assert_int_equal(problem.state, OUTBOX_UNKNOWN);
        assert_int_equal(problem.effects, 2);
        assert_true(str_equal(problem.destination, STR("mailer")));
        assert_false(outbox_problem(caller.outbox, 1, &problem));
        assert_false(outbox_is_empty(caller.outbox));
    }
    assert_each_once(&caller.mailer, &caller);
    assert_int_equal(caller_open_count(&caller), 2);
    caller.mailer.base.honours_keys = true; /* defined anew, it can be asked */
    outbox_define(caller.outbox, &caller.mailer.base);
    caller_drain(&caller);
    assert_each_once(&caller.mailer, &caller);
    assert_int_equal(caller_open_count(&caller), 0);
    caller_end(&caller);
}

static void a_destination_that_does_not_know_what_it_took_is_asked(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller_open(&caller, 0, 6, "crm", 0);
    caller.crm.fault = BASKET_OPEN_TAKEN;
    assert_int_equal(caller_deliver(&caller), 0);
    assert_state(&caller, OUTBOX_UNCERTAIN, 6);
    caller.crm.fault = BASKET_WELL;
    caller_drain(&caller);
    assert_state(&caller, OUTBOX_UNCERTAIN, 6); /* not before its time comes */
    caller.now_ms += OUTBOX_RETRY_MS_MIN;
    caller_drain(&caller);
    assert_each_once(&caller.crm, &caller);
    assert_true(outbox_is_empty(caller.outbox));
    caller_end(&caller);
}

/* ── causes that last ─────────────────────────────────────────────────────── */

static void what_is_held_stays_until_it_is_looked_at_again(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.held[1] = true;
    caller_open(&caller, 0, 3, "crm", 1);
    caller_open(&caller, 0, 2, "crm", 0);
    caller_drain(&caller);
    assert_int_equal(caller.crm.keys.count, 2);
    assert_state(&caller, OUTBOX_HELD, 3);
    assert_int_equal(outbox_next_ms(caller.outbox), INSTANT_NEVER);
    caller.held[1] = false;
    outbox_look_again(caller.outbox);
    caller_drain(&caller);
    assert_each_once(&caller.crm, &caller);
    caller_end(&caller);
}

static void a_destination_that_is_not_defined_keeps_its_effects(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    outbox_undefine(caller.outbox, STR("mailer"));
    caller_open(&caller, 0, 3, "mailer", 0);
    caller_open(&caller, 0, 1, "crm", 0);
    caller_drain(&caller);
    struct outbox_problem problem;
    assert_true(outbox_problem(caller.outbox, 0, &problem));
    assert_int_equal(problem.state, OUTBOX_UNDEFINED);
    assert_int_equal(problem.effects, 3);
    assert_int_equal(problem.retry_ms, INSTANT_NEVER);
    assert_true(str_equal(problem.destination, STR("mailer")));
    outbox_define(caller.outbox, &caller.mailer.base);
    assert_false(outbox_problem(caller.outbox, 0, &problem));
    caller_drain(&caller);
    assert_each_once(&caller.mailer, &caller);
    caller_end(&caller);
}

static void what_an_undefined_destination_may_have_stays_uncertain(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.undefined = OUTBOX_FAIL; /* whether it failed is not known */
    caller_open(&caller, 0, 2, "mailer", 0);
    assert_int_equal(caller_deliver(&caller), 2);
    caller_crash(&caller);
    outbox_undefine(caller.outbox, STR("mailer"));
    caller_drain(&caller);
    struct outbox_problem problem;
    assert_true(outbox_problem(caller.outbox, 0, &problem));
    assert_int_equal(problem.state, OUTBOX_UNDEFINED);
    assert_int_equal(problem.effects, 2);
    outbox_define(caller.outbox, &caller.mailer.base);
    caller_drain(&caller);
    assert_each_once(&caller.mailer, &caller);
    assert_int_equal(caller_open_count(&caller), 0);
    caller_end(&caller);
}

static void a_destination_that_is_not_defined_fails_where_the_caller_says_so(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    outbox_undefine(caller.outbox, STR("mailer"));
    caller.undefined = OUTBOX_FAIL;
    caller.held[1] = true;
    caller_open(&caller, 0, 1, "mailer", 0);
    caller_open(&caller, 0, 1, "mailer", 1);
    const struct outbox_result *results;
    size_t count;
    assert_int_equal(outbox_deliver(caller.outbox, 1, &results, &count, NULL), ERR_OK);
    assert_int_equal(count, 1);
    assert_true(results[0].result.failed);
    assert_non_null(strstr(results[0].reason, "not defined"));
    assert_state(&caller, OUTBOX_HELD, 1);
    assert_int_equal(caller_rows(&caller, EFFECT_ATTEMPTED), 0);
    caller_end(&caller);
}

static void a_failing_destination_is_tried_less_and_less_often(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.crm.fault = BASKET_UNSENT;
    caller_open(&caller, 0, 3, "crm", 0);
    caller_open(&caller, 0, 2, "mailer", 0);
    const int64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        caller_drain(&caller);
        assert_int_equal(caller.crm.calls, i + 1);
        struct outbox_problem problem;
        assert_true(outbox_problem(caller.outbox, 0, &problem));
        assert_int_equal(problem.state, OUTBOX_WAITING);
        assert_int_equal(problem.effects, 3);
        assert_int_equal(problem.retry_ms, caller.now_ms + pauses_ms[i]);
        assert_string_equal(problem.cause.text, "it was told to fail");
        assert_int_equal(outbox_next_ms(caller.outbox), caller.now_ms + pauses_ms[i]);
        caller.now_ms += pauses_ms[i];
    }
    assert_each_once(&caller.mailer, &caller);
    caller.crm.fault = BASKET_WELL;
    caller_drain(&caller);
    assert_each_once(&caller.crm, &caller);
    struct outbox_problem problem;
    assert_false(outbox_problem(caller.outbox, 0, &problem));
    assert_int_equal(outbox_next_ms(caller.outbox), INSTANT_NEVER);
    caller_end(&caller);
}

static void a_destination_that_cannot_say_is_asked_again_later(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller_open(&caller, 0, 2, "crm", 0);
    assert_int_equal(caller_deliver(&caller), 2);
    caller_crash(&caller);
    caller.crm.has_fails = true;
    caller_drain(&caller);
    assert_state(&caller, OUTBOX_UNCERTAIN, 2);
    assert_int_equal(outbox_next_ms(caller.outbox), caller.now_ms + OUTBOX_RETRY_MS_MIN);
    caller.crm.has_fails = false;
    caller.now_ms += OUTBOX_RETRY_MS_MIN;
    assert_int_equal(caller_deliver(&caller), 2);
    struct outbox_problem problem;
    assert_false(outbox_problem(caller.outbox, 0, &problem));
    caller_close_returned(&caller, SIZE_MAX);
    caller_drain(&caller);
    assert_each_once(&caller.crm, &caller);
    assert_int_equal(caller_open_count(&caller), 0);
    caller_end(&caller);
}

static void a_store_that_fails_lets_nothing_out_and_nothing_is_lost(void **state)
{
    (void)state;
    for (int crashes = 0; crashes < 2; crashes++) {
        struct caller caller;
        caller_begin(&caller, 0);
        for (uint32_t p = 0; p < CALLER_PARTITIONS; p++)
            caller_open(&caller, p, 2, "crm", 0);
        const struct outbox_result *results;
        size_t count;
        store_memory_fail_at(caller.store, 1,
                             COMMIT_FAILED); /* the attempts of all partitions are one call */
        assert_int_equal(outbox_deliver(caller.outbox, 1, &results, &count, NULL), ERR_IO);
        assert_int_equal(caller.crm.calls, 0);
        if (crashes) {
            caller_crash(&caller);
            assert_state(&caller, OUTBOX_UNCERTAIN, 0);
        }
        caller_drain(&caller);
        assert_each_once(&caller.crm, &caller);
        assert_int_equal(caller_open_count(&caller), 0);
        caller_end(&caller);
    }
}

static void results_come_through_a_failure_of_the_store(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    outbox_undefine(caller.outbox, STR("mailer"));
    caller.undefined = OUTBOX_FAIL;
    caller_open(&caller, 0, 1, "mailer", 0);
    caller_open(&caller, 0, 1, "crm", 0);
    store_memory_fail_at(caller.store, 1, COMMIT_FAILED);
    assert_int_equal(caller_deliver(&caller), 1);
    assert_int_equal(caller.crm.calls, 0);
    assert_int_equal(caller_deliver(&caller), 1);
    caller_end(&caller);
}

static void an_outbox_that_cannot_read_says_so(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    const struct outbox_options options = {.store = caller.store};
    struct outbox *outbox;
    struct err_detail detail = {0};
    store_memory_fail_at(caller.store, 1, COMMIT_FAILED);
    assert_int_equal(outbox_open(&options, &outbox, &detail), ERR_IO);
    caller_end(&caller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_goes_out_once_and_is_answered),
        cmocka_unit_test(a_partition_keeps_its_order),
        cmocka_unit_test(a_group_has_a_limit_and_partitions_take_turns),
        cmocka_unit_test(a_group_of_large_contacts_is_a_small_one),
        cmocka_unit_test(what_the_destination_refuses_is_answered_failed),
        cmocka_unit_test(what_has_left_is_not_handed_over),
        cmocka_unit_test(a_result_lost_in_a_crash_is_found_again_without_a_second_sending),
        cmocka_unit_test(an_attempt_that_took_nothing_is_made_again),
        cmocka_unit_test(a_closing_row_below_its_attempt_closes_it),
        cmocka_unit_test(without_keys_an_open_attempt_is_unknown_and_never_repeated),
        cmocka_unit_test(a_destination_that_does_not_know_what_it_took_is_asked),
        cmocka_unit_test(what_is_held_stays_until_it_is_looked_at_again),
        cmocka_unit_test(a_destination_that_is_not_defined_keeps_its_effects),
        cmocka_unit_test(what_an_undefined_destination_may_have_stays_uncertain),
        cmocka_unit_test(a_destination_that_is_not_defined_fails_where_the_caller_says_so),
        cmocka_unit_test(a_failing_destination_is_tried_less_and_less_often),
        cmocka_unit_test(a_destination_that_cannot_say_is_asked_again_later),
        cmocka_unit_test(a_store_that_fails_lets_nothing_out_and_nothing_is_lost),
        cmocka_unit_test(results_come_through_a_failure_of_the_store),
        cmocka_unit_test(an_outbox_that_cannot_read_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
