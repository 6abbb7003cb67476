#include "engine/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

enum { IDS = 50 };
static const int64_t MORNING = INT64_C(1772323200000); /* 2026-03-01T00:00:00Z */

/* What an engine is to its timers: it knows what each id waits for, and when its journey times out. */
struct waiters {
    struct timers *timers;
    int64_t due_ms[2][IDS]; /* by timer_kind */
};

static void refine(void *context, uint32_t id, int64_t from_ms, int64_t to_ms)
{
    struct waiters *w = context;
    assert_int_equal(from_ms % HOUR_MS, 0);
    assert_int_equal(to_ms - from_ms, HOUR_MS);
    for (uint32_t kind = 0; kind < 2; kind++) {
        int64_t due_ms = w->due_ms[kind][id];
        if (due_ms >= from_ms && due_ms < to_ms)
            timers_add(w->timers, (struct timer){due_ms, id, kind});
    }
}

static void waiters_begin(struct waiters *w)
{
    w->timers = timers_new(refine, w);
    for (size_t i = 0; i < IDS; i++)
        w->due_ms[0][i] = w->due_ms[1][i] = INSTANT_NEVER;
}

static void wait_until(struct waiters *w, uint32_t id, enum timer_kind kind, int64_t due_ms)
{
    w->due_ms[kind][id] = due_ms;
    timers_add(w->timers, (struct timer){due_ms, id, kind});
}

static void assert_takes(struct waiters *w, int64_t until_ms, int64_t due_ms, uint32_t id,
                         enum timer_kind kind)
{
    struct timer timer;
    assert_true(timers_next(w->timers) <= due_ms);
    assert_true(timers_take(w->timers, until_ms, &timer));
    assert_int_equal(timer.due_ms, due_ms);
    assert_int_equal(timer.id, id);
    assert_int_equal(timer.kind, kind);
}

static void assert_takes_none(struct waiters *w, int64_t until_ms)
{
    struct timer timer;
    assert_false(timers_take(w->timers, until_ms, &timer));
}

static void nothing_is_due_where_nothing_was_added(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    assert_int_equal(timers_next(w.timers), INSTANT_NEVER);
    assert_takes_none(&w, INSTANT_NEVER);
    timers_free(w.timers);
    timers_free(NULL);
}

static void equal_due_times_fire_timeouts_first_then_in_id_order(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    int64_t due_ms = MORNING + 90 * MINUTE_MS;
    wait_until(&w, 3, TIMER_NODE, due_ms);
    wait_until(&w, 9, TIMER_TIMEOUT, due_ms);
    wait_until(&w, 1, TIMER_NODE, due_ms);
    wait_until(&w, 7, TIMER_TIMEOUT, due_ms);
    wait_until(&w, 2, TIMER_NODE, due_ms - 1);
    assert_takes(&w, due_ms, due_ms - 1, 2, TIMER_NODE);
    assert_takes(&w, due_ms, due_ms, 7, TIMER_TIMEOUT);
    assert_takes(&w, due_ms, due_ms, 9, TIMER_TIMEOUT);
    assert_takes(&w, due_ms, due_ms, 1, TIMER_NODE);
    assert_takes(&w, due_ms, due_ms, 3, TIMER_NODE);
    assert_takes_none(&w, INSTANT_NEVER);
    timers_free(w.timers);
}

static void nothing_is_taken_before_it_is_due_to_the_millisecond(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    int64_t dues[] = {MORNING, MORNING + HOUR_MS - 1, MORNING + HOUR_MS, MORNING + 26 * HOUR_MS};
    for (uint32_t i = 0; i < 4; i++)
        wait_until(&w, i, TIMER_NODE, dues[i]);
    for (uint32_t i = 0; i < 4; i++) {
        assert_takes_none(&w, dues[i] - 1);
        assert_takes(&w, dues[i], dues[i], i, TIMER_NODE);
    }
    timers_free(w.timers);
}

static void the_same_timer_twice_is_taken_once(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    wait_until(&w, 4, TIMER_NODE, MORNING);
    wait_until(&w, 4, TIMER_NODE, MORNING);
    wait_until(&w, 5, TIMER_NODE, MORNING);
    wait_until(&w, 4, TIMER_NODE, MORNING);
    assert_takes(&w, MORNING, MORNING, 4, TIMER_NODE);
    assert_takes(&w, MORNING, MORNING, 5, TIMER_NODE);
    assert_takes_none(&w, MORNING);
    timers_free(w.timers);
}

static void a_timer_added_again_after_it_was_taken_is_taken_again(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    wait_until(&w, 4, TIMER_NODE, MORNING);
    assert_takes(&w, MORNING, MORNING, 4, TIMER_NODE);
    wait_until(&w, 4, TIMER_NODE, MORNING);
    assert_takes(&w, MORNING, MORNING, 4, TIMER_NODE);
    assert_takes_none(&w, MORNING);
    timers_free(w.timers);
}

static void what_is_added_while_taking_comes_in_its_place(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    wait_until(&w, 5, TIMER_NODE, MORNING + 10);
    wait_until(&w, 8, TIMER_NODE, MORNING + 10);
    assert_takes(&w, MORNING + HOUR_MS, MORNING + 10, 5, TIMER_NODE);
    wait_until(&w, 6, TIMER_NODE, MORNING + 10);        /* the same instant, between the two */
    wait_until(&w, 1, TIMER_NODE, MORNING + 11);        /* the same second */
    wait_until(&w, 2, TIMER_NODE, MORNING + SECOND_MS); /* the next */
    wait_until(&w, 3, TIMER_NODE, MORNING + HOUR_MS);   /* the next hour */
    assert_takes(&w, MORNING + HOUR_MS, MORNING + 10, 6, TIMER_NODE);
    assert_takes(&w, MORNING + HOUR_MS, MORNING + 10, 8, TIMER_NODE);
    assert_takes(&w, MORNING + HOUR_MS, MORNING + 11, 1, TIMER_NODE);
    assert_takes(&w, MORNING + HOUR_MS, MORNING + SECOND_MS, 2, TIMER_NODE);
    assert_takes(&w, MORNING + HOUR_MS, MORNING + HOUR_MS, 3, TIMER_NODE);
    timers_free(w.timers);
}

static void an_id_whose_due_has_left_the_hour_is_passed_over(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    wait_until(&w, 1, TIMER_NODE, MORNING + 5 * MINUTE_MS);
    wait_until(&w, 1, TIMER_NODE, MORNING + 3 * HOUR_MS);
    assert_takes_none(&w, MORNING + 3 * HOUR_MS - 1);
    assert_takes(&w, MORNING + 3 * HOUR_MS, MORNING + 3 * HOUR_MS, 1, TIMER_NODE);
    timers_free(w.timers);
}

/* A bare id would be asked, and knows nothing of a look that somebody wants now. */
static void what_is_added_to_the_hour_they_start_in_is_taken_without_asking(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    int64_t now_ms = MORNING + 90 * MINUTE_MS + 7;
    timers_start(w.timers, now_ms);
    assert_int_equal(timers_next(w.timers), INSTANT_NEVER);
    timers_add(w.timers, (struct timer){now_ms, 3, TIMER_NODE});
    timers_add(w.timers, (struct timer){now_ms + 20 * MINUTE_MS, 1, TIMER_NODE});
    timers_add(w.timers, (struct timer){now_ms, 2, TIMER_NODE});
    timers_add(w.timers, (struct timer){now_ms + HOUR_MS, 4, TIMER_NODE}); /* asked: it waits for nothing */
    assert_takes(&w, INSTANT_NEVER - 1, now_ms, 2, TIMER_NODE);
    assert_takes(&w, INSTANT_NEVER - 1, now_ms, 3, TIMER_NODE);
    assert_takes(&w, INSTANT_NEVER - 1, now_ms + 20 * MINUTE_MS, 1, TIMER_NODE);
    assert_takes_none(&w, INSTANT_NEVER - 1);
    timers_free(w.timers);
}

static void instants_before_1970_are_in_order_too(void **state)
{
    (void)state;
    struct waiters w;
    waiters_begin(&w);
    wait_until(&w, 1, TIMER_NODE, 1);
    wait_until(&w, 2, TIMER_NODE, -1);
    wait_until(&w, 3, TIMER_NODE, -HOUR_MS);
    wait_until(&w, 4, TIMER_NODE, -HOUR_MS - 1);
    assert_takes(&w, 1, -HOUR_MS - 1, 4, TIMER_NODE);
    assert_takes(&w, 1, -HOUR_MS, 3, TIMER_NODE);
    assert_takes(&w, 1, -1, 2, TIMER_NODE);
    assert_takes(&w, 1, 1, 1, TIMER_NODE);
    timers_free(w.timers);
}

/* ── against a list that is searched from end to end ──────────────────────── */

static bool is_first(const struct waiters *w, uint32_t kind, uint32_t id, int64_t until_ms,
                     const struct timer *best)
{
    int64_t due_ms = w->due_ms[kind][id];
    if (due_ms > until_ms)
        return false;
    if (best->due_ms != due_ms)
        return due_ms < best->due_ms;
    return kind != best->kind ? kind < best->kind : id < best->id;
}

static bool naive_take(const struct waiters *w, int64_t until_ms, struct timer *ret)
{
    *ret = (struct timer){.due_ms = INSTANT_NEVER};
    for (uint32_t kind = 0; kind < 2; kind++) {
        for (uint32_t id = 0; id < IDS; id++) {
            if (is_first(w, kind, id, until_ms, ret))
                *ret = (struct timer){w->due_ms[kind][id], id, kind};
        }
    }
    return ret->due_ms != INSTANT_NEVER;
}

/* Near ones often, at borders of seconds and hours often, far ones now and then. */
static int64_t some_instant(struct prng *prng, int64_t now_ms)
{
    static const int64_t spans[] = {1, 3, SECOND_MS, 3 * SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS, 40 * DAY_MS};
    int64_t ms = now_ms + (int64_t)prng_below(prng, (uint64_t)spans[prng_below(prng, 8)]);
    if (prng_chance(prng, 30))
        ms = (ms / SECOND_MS + 1) * SECOND_MS - (int64_t)prng_below(prng, 2);
    if (prng_chance(prng, 20))
        ms = (ms / HOUR_MS + 1) * HOUR_MS - (int64_t)prng_below(prng, 2);
    return ms;
}

/* The timers may still hold what an id waited for before; whoever takes passes that over, as engine_fire
 * does. */
static bool take_valid(struct waiters *w, int64_t until_ms, struct timer *ret)
{
    while (timers_take(w->timers, until_ms, ret)) {
        if (w->due_ms[ret->kind][ret->id] == ret->due_ms)
            return true;
    }
    return false;
}

static void add_some(struct waiters *w, struct prng *prng, int64_t now_ms)
{
    for (uint64_t n = prng_below(prng, 4); n > 0; n--)
        wait_until(w, (uint32_t)prng_below(prng, IDS), (uint32_t)prng_below(prng, 2),
                   some_instant(prng, now_ms));
}

static void take_up_to(struct waiters *w, struct prng *prng, int64_t until_ms)
{
    struct timer expected, taken;
    while (naive_take(w, until_ms, &expected)) {
        assert_true(timers_next(w->timers) <= expected.due_ms);
        assert_true(take_valid(w, until_ms, &taken));
        assert_int_equal(taken.due_ms, expected.due_ms);
        assert_int_equal(taken.kind, expected.kind);
        assert_int_equal(taken.id, expected.id);
        w->due_ms[taken.kind][taken.id] = INSTANT_NEVER;
        if (prng_chance(prng, 20))
            add_some(w, prng, taken.due_ms);
    }
    assert_false(take_valid(w, until_ms, &taken));
}

static void any_order_of_adding_is_taken_in_order_of_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct prng prng = {seed};
        struct waiters w;
        waiters_begin(&w);
        int64_t now_ms = MORNING + (int64_t)prng_below(&prng, DAY_MS);
        for (int round = 0; round < 60; round++) {
            add_some(&w, &prng, now_ms);
            int64_t until_ms = some_instant(&prng, now_ms);
            take_up_to(&w, &prng, until_ms);
            now_ms = until_ms;
        }
        take_up_to(&w, &prng, INSTANT_NEVER - 1);
        assert_int_equal(timers_next(w.timers), INSTANT_NEVER);
        timers_free(w.timers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due_where_nothing_was_added),
        cmocka_unit_test(equal_due_times_fire_timeouts_first_then_in_id_order),
        cmocka_unit_test(nothing_is_taken_before_it_is_due_to_the_millisecond),
        cmocka_unit_test(the_same_timer_twice_is_taken_once),
        cmocka_unit_test(a_timer_added_again_after_it_was_taken_is_taken_again),
        cmocka_unit_test(what_is_added_while_taking_comes_in_its_place),
        cmocka_unit_test(an_id_whose_due_has_left_the_hour_is_passed_over),
        cmocka_unit_test(what_is_added_to_the_hour_they_start_in_is_taken_without_asking),
        cmocka_unit_test(instants_before_1970_are_in_order_too),
        cmocka_unit_test(any_order_of_adding_is_taken_in_order_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
