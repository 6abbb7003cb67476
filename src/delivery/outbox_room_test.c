/* The outbox with room for few: what has none is read back, and nothing goes out twice or is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "delivery/outbox_caller.h"

enum { ROOM = 16 };

static uint64_t in_memory(const struct caller *caller)
{
    uint64_t count = 0;
    for (enum outbox_state state = 0; state < OUTBOX_STATES; state++)
        count += outbox_count(caller->outbox, state);
    return count;
}

/* Each effect once where it was to go; those cancelled at most once. */
static void assert_each_once(const struct caller *caller)
{
    array_each (&caller->pending, i) {
        const struct pending *pending = &caller->pending.items[i];
        bool crm = str_equal(pending->row.destination_name, STR("crm"));
        assert_int_equal(basket_count(crm ? &caller->crm : &caller->mailer, pending), 1);
    }
    assert_int_equal(caller->crm.keys.count + caller->mailer.keys.count, caller->pending.count);
}

static void a_backlog_is_read_back_in_parts(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t p = 0; p < CALLER_PARTITIONS; p++)
            caller_open(&caller, p, 5 + round % 3, round % 2 ? "crm" : "mailer", 0);
        assert_true(in_memory(&caller) <= ROOM);
    }
    while (outbox_next_ms(caller.outbox) <= caller.now_ms) {
        (void)caller_deliver(&caller);
        assert_true(in_memory(&caller) <= ROOM);
        caller_close_returned(&caller, SIZE_MAX);
    }
    assert_each_once(&caller);
    assert_true(outbox_is_empty(caller.outbox));
    assert_int_equal(caller_open_count(&caller), 0);
    caller_end(&caller);
}

static void a_start_with_a_backlog_reads_it_in_parts(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    for (uint32_t p = 0; p < CALLER_PARTITIONS; p++)
        caller_open(&caller, p, 60, "crm", 0);
    caller_crash(&caller);
    assert_true(in_memory(&caller) <= ROOM);
    caller_drain(&caller);
    assert_each_once(&caller);
    caller_end(&caller);
}

/* More was under way than the next start has room for: what is uncertain is kept all the same. */
static void uncertain_effects_are_kept_beyond_the_room(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, 0);
    caller.held[1] = true;
    caller_open(&caller, 0, 30, "mailer", 1); /* these come first and fill the room */
    caller_open(&caller, 0, 40, "crm", 0);
    caller_open(&caller, 1, 20, "crm", 0);
    assert_int_equal(caller_deliver(&caller), 60);
    caller_close_returned(&caller, 10);
    caller.held_max = ROOM;
    caller_crash(&caller);
    assert_int_equal(outbox_count(caller.outbox, OUTBOX_UNCERTAIN), 50);
    caller_drain(&caller);
    caller.held[1] = false;
    outbox_look_again(caller.outbox);
    caller_drain(&caller);
    assert_each_once(&caller);
    assert_int_equal(caller_open_count(&caller), 0);
    caller_end(&caller);
}

static void held_effects_make_room_for_others(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    caller.held[1] = caller.held[2] = true;
    for (uint32_t round = 0; round < 10; round++) {
        caller_open(&caller, round % CALLER_PARTITIONS, 9, "crm", 1);
        caller_open(&caller, round % CALLER_PARTITIONS, 9, "mailer", 2);
        caller_open(&caller, round % CALLER_PARTITIONS, 3, "crm", 0);
        caller_drain(&caller);
        assert_int_equal(caller.crm.keys.count, 3 * (round + 1));
        assert_true(in_memory(&caller) <= ROOM);
    }
    assert_false(outbox_is_empty(caller.outbox));
    caller.held[2] = false;
    outbox_look_again(caller.outbox);
    caller_drain(&caller);
    assert_int_equal(caller.mailer.keys.count, 90);
    caller.held[1] = false;
    outbox_look_again(caller.outbox);
    caller_drain(&caller);
    assert_each_once(&caller);
    assert_true(outbox_is_empty(caller.outbox));
    caller_end(&caller);
}

static void a_failing_destination_makes_room_for_others(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    caller.mailer.fault = BASKET_UNSENT;
    for (uint32_t round = 0; round < 20; round++) {
        caller_open(&caller, round % CALLER_PARTITIONS, 9, "mailer", 0);
        caller_open(&caller, round % CALLER_PARTITIONS, 3, "crm", 0);
        caller.now_ms += OUTBOX_RETRY_MS_MIN;
        caller_drain(&caller);
        assert_int_equal(caller.crm.keys.count, 3 * (round + 1));
    }
    struct outbox_problem problem;
    assert_true(outbox_problem(caller.outbox, 0, &problem));
    assert_int_equal(problem.effects, 180);
    caller.mailer.fault = BASKET_WELL;
    caller.now_ms += OUTBOX_RETRY_MS_MAX;
    caller_drain(&caller);
    assert_each_once(&caller);
    assert_true(outbox_is_empty(caller.outbox));
    caller_end(&caller);
}

static void an_undefined_destination_makes_room_for_others(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    outbox_undefine(caller.outbox, STR("mailer"));
    for (uint32_t round = 0; round < 10; round++) {
        caller_open(&caller, 1, 9, "mailer", 0);
        caller_open(&caller, 1, 3, "crm", 0);
        caller_drain(&caller);
        assert_int_equal(caller.crm.keys.count, 3 * (round + 1));
    }
    struct outbox_problem problem;
    assert_true(outbox_problem(caller.outbox, 0, &problem));
    assert_int_equal(problem.effects, 90);
    outbox_define(caller.outbox, &caller.mailer.base);
    caller_drain(&caller);
    assert_each_once(&caller);
    caller_end(&caller);
}

/* What was to go out when it failed stays in memory, so it is that which is tried again. */
static void a_failing_destination_is_tried_with_one_group(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    caller.mailer.fault = BASKET_UNSENT;
    for (uint32_t p = 0; p < CALLER_PARTITIONS; p++)
        caller_open(&caller, p, 40, "mailer", 0);
    for (int tries = 0; tries < 10; tries++) {
        caller_drain(&caller);
        caller.now_ms += OUTBOX_RETRY_MS_MAX;
    }
    assert_int_equal(caller_rows(&caller, EFFECT_ATTEMPTED), ROOM / 8 + 1);
    caller.mailer.fault = BASKET_WELL;
    caller_drain(&caller);
    assert_each_once(&caller);
    assert_int_equal(caller_rows(&caller, EFFECT_ATTEMPTED), caller.pending.count);
    caller_end(&caller);
}

struct noted {
    ARRAY(uint64_t) effects;
};

static bool note_effect(void *context, uint32_t partition, const struct effect_row *effect,
                        enum outbox_state state)
{
    struct noted *noted = context;
    (void)partition;
    assert_int_equal(state, OUTBOX_WAITING);
    *array_push(&noted->effects) = effect->effect;
    return true;
}

/* Those in memory have left, or are about to by what the engine has decided and not committed. */
static void what_waits_elsewhere_is_fetched_when_none_waits_here(void **state)
{
    (void)state;
    for (int committed = 0; committed < 2; committed++) {
        struct caller caller;
        caller_begin(&caller, ROOM);
        caller.mailer.fault = BASKET_UNSENT;
        caller_open(&caller, 0, 30, "mailer", 0);
        caller_drain(&caller);
        struct noted here = {0};
        outbox_each(caller.outbox, note_effect, &here);
        for (size_t i = 0; i < caller.pending.count; i++) {
            array_each (&here.effects, k) {
                if (caller.pending.items[i].row.effect != here.effects.items[k])
                    continue;
                if (committed)
                    caller_cancel(&caller, i);
                else
                    caller.pending.items[i].open = false;
            }
        }
        size_t left = caller_open_count(&caller);
        assert_int_equal(left, 30 - here.effects.count);
        assert_true(left > 0);
        caller.mailer.fault = BASKET_WELL;
        caller.now_ms += OUTBOX_RETRY_MS_MIN;
        caller_drain(&caller);
        assert_int_equal(caller.mailer.keys.count, left);
        assert_true(outbox_is_empty(caller.outbox));
        array_free(&here.effects);
        caller_end(&caller);
    }
}

static void results_come_before_a_reading_that_fails(void **state)
{
    (void)state;
    struct caller caller;
    caller_begin(&caller, ROOM);
    caller_open(&caller, 0, 60, "crm", 0);
    for (int groups = 0; groups < 5; groups++) {
        (void)caller_deliver(&caller);
        caller_close_returned(&caller, SIZE_MAX);
    }
    size_t sent = caller_deliver(&caller);
    assert_true(sent > 0);
    caller_crash(&caller);
    assert_true(in_memory(&caller) * 2 < ROOM); /* most that came first are closed: more is wanted */
    store_memory_fail_at(caller.store, 1, COMMIT_FAILED);
    assert_int_equal(caller_deliver(&caller), sent);
    store_memory_fail_at(caller.store, 0, COMMIT_DONE);
    caller_close_returned(&caller, SIZE_MAX);
    caller_drain(&caller);
    assert_each_once(&caller);
    caller_end(&caller);
}

/* ── anything at all ──────────────────────────────────────────────────────── */

static void do_anything(struct caller *caller, struct prng *prng)
{
    static const char *const names[] = {"crm", "mailer"};
    struct basket *basket = prng_chance(prng, 50) ? &caller->crm : &caller->mailer;
    switch (prng_below(prng, 14)) {
    case 0:
    case 1:
    case 2:
        caller_open(caller, (uint32_t)prng_below(prng, CALLER_PARTITIONS), 1 + (uint32_t)prng_below(prng, 9),
                    names[prng_below(prng, 2)], (uint16_t)prng_below(prng, CALLER_VERSIONS));
        break;
    case 3:
    case 4:
    case 5: (void)caller_deliver(caller); break;
    case 6:
    case 7: caller_close_returned(caller, prng_below(prng, 30)); break;
    case 8: caller->held[prng_below(prng, CALLER_VERSIONS)] ^= true; break;
    case 9: basket->fault = (enum basket_fault)prng_below(prng, BASKET_REFUSES); break;
    case 10:
        if (prng_chance(prng, 30))
            caller_crash(caller);
        else if (prng_chance(prng, 50))
            outbox_undefine(caller->outbox, basket->base.name);
        else
            outbox_define(caller->outbox, &basket->base);
        break;
    case 11:
        caller->now_ms += (int64_t)prng_below(prng, 3000);
        outbox_look_again(caller->outbox);
        break;
    case 12: caller->lags = prng_chance(prng, 60); break;
    case 13: caller_take(caller, prng_below(prng, 5)); break;
    }
}

static void whatever_happens_each_goes_out_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng prng = {seed};
        struct caller caller;
        caller_begin(&caller, 4 + (uint32_t)prng_below(&prng, 40));
        for (int i = 0; i < 150; i++)
            do_anything(&caller, &prng);
        memset(caller.held, 0, sizeof caller.held);
        caller.crm.fault = caller.mailer.fault = BASKET_WELL;
        caller.now_ms += OUTBOX_RETRY_MS_MAX;
        outbox_define(caller.outbox, &caller.crm.base);
        outbox_define(caller.outbox, &caller.mailer.base);
        outbox_look_again(caller.outbox);
        caller_close_returned(&caller, SIZE_MAX);
        caller_drain(&caller);
        assert_each_once(&caller);
        assert_int_equal(caller_open_count(&caller), 0);
        assert_true(outbox_is_empty(caller.outbox));
        caller_end(&caller);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backlog_is_read_back_in_parts),
        cmocka_unit_test(a_start_with_a_backlog_reads_it_in_parts),
        cmocka_unit_test(uncertain_effects_are_kept_beyond_the_room),
        cmocka_unit_test(held_effects_make_room_for_others),
        cmocka_unit_test(a_failing_destination_makes_room_for_others),
        cmocka_unit_test(an_undefined_destination_makes_room_for_others),
        cmocka_unit_test(a_failing_destination_is_tried_with_one_group),
        cmocka_unit_test(what_waits_elsewhere_is_fetched_when_none_waits_here),
        cmocka_unit_test(results_come_before_a_reading_that_fails),
        cmocka_unit_test(whatever_happens_each_goes_out_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
