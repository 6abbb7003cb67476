/* The outbox with room for few: what has none is read back, and nothing goes out twice or is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "delivery/outbox_world.h"

enum { ROOM = 16 };

static uint64_t in_memory(const struct world *world)
{
    uint64_t count = 0;
    for (enum outbox_state state = 0; state < OUTBOX_STATES; state++)
        count += outbox_count(world->outbox, state);
    return count;
}

/* Each effect once where it was to go; those cancelled at most once. */
static void assert_each_once(const struct world *world)
{
    array_each (&world->pending, i) {
        const struct pending *pending = &world->pending.items[i];
        bool crm = str_equal(pending->row.destination_name, STR("crm"));
        assert_int_equal(basket_count(crm ? &world->crm : &world->mailer, pending), 1);
    }
    assert_int_equal(world->crm.keys.count + world->mailer.keys.count, world->pending.count);
}

static void a_backlog_is_read_back_in_parts(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ROOM);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
            world_open(&world, p, 5 + round % 3, round % 2 ? "crm" : "mailer", 0);
        assert_true(in_memory(&world) <= ROOM);
    }
    while (outbox_next_ms(world.outbox) <= world.now_ms) {
        (void)world_deliver(&world);
        assert_true(in_memory(&world) <= ROOM);
        world_close_returned(&world, SIZE_MAX);
    }
    assert_each_once(&world);
    assert_true(outbox_is_empty(world.outbox));
    assert_int_equal(world_open_count(&world), 0);
    world_end(&world);
}

static void a_start_with_a_backlog_reads_it_in_parts(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ROOM);
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        world_open(&world, p, 60, "crm", 0);
    world_crash(&world);
    assert_true(in_memory(&world) <= ROOM);
    world_drain(&world);
    assert_each_once(&world);
    world_end(&world);
}

/* More was under way than the next start has room for: what is uncertain is kept all the same. */
static void uncertain_effects_are_kept_beyond_the_room(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, 0);
    world.held[1] = true;
    world_open(&world, 0, 30, "mailer", 1); /* these come first and fill the room */
    world_open(&world, 0, 40, "crm", 0);
    world_open(&world, 1, 20, "crm", 0);
    assert_int_equal(world_deliver(&world), 60);
    world_close_returned(&world, 10);
    world.held_max = ROOM;
    world_crash(&world);
    assert_int_equal(outbox_count(world.outbox, OUTBOX_UNCERTAIN), 50);
    world_drain(&world);
    world.held[1] = false;
    outbox_look_again(world.outbox);
    world_drain(&world);
    assert_each_once(&world);
    assert_int_equal(world_open_count(&world), 0);
    world_end(&world);
}

static void held_effects_make_room_for_others(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ROOM);
    world.held[1] = world.held[2] = true;
    for (uint32_t round = 0; round < 10; round++) {
        world_open(&world, round % WORLD_PARTITIONS, 9, "crm", 1);
        world_open(&world, round % WORLD_PARTITIONS, 9, "mailer", 2);
        world_open(&world, round % WORLD_PARTITIONS, 3, "crm", 0);
        world_drain(&world);
        assert_int_equal(world.crm.keys.count, 3 * (round + 1));
        assert_true(in_memory(&world) <= ROOM);
    }
    assert_false(outbox_is_empty(world.outbox));
    world.held[2] = false;
    outbox_look_again(world.outbox);
    world_drain(&world);
    assert_int_equal(world.mailer.keys.count, 90);
    world.held[1] = false;
    outbox_look_again(world.outbox);
    world_drain(&world);
    assert_each_once(&world);
    assert_true(outbox_is_empty(world.outbox));
    world_end(&world);
}

static void a_failing_destination_makes_room_for_others(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ROOM);
    world.mailer.fault = BASKET_UNSENT;
    for (uint32_t round = 0; round < 20; round++) {
        world_open(&world, round % WORLD_PARTITIONS, 9, "mailer", 0);
        world_open(&world, round % WORLD_PARTITIONS, 3, "crm", 0);
        world.now_ms += OUTBOX_RETRY_MS_MIN;
        world_drain(&world);
        assert_int_equal(world.crm.keys.count, 3 * (round + 1));
    }
    struct outbox_problem problem;
    assert_true(outbox_problem(world.outbox, 0, &problem));
    assert_int_equal(problem.effects, 180);
    world.mailer.fault = BASKET_WELL;
    world.now_ms += OUTBOX_RETRY_MS_MAX;
    world_drain(&world);
    assert_each_once(&world);
    assert_true(outbox_is_empty(world.outbox));
    world_end(&world);
}

static void an_undefined_destination_makes_room_for_others(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ROOM);
    outbox_undefine(world.outbox, STR("mailer"));
    for (uint32_t round = 0; round < 10; round++) {
        world_open(&world, 1, 9, "mailer", 0);
        world_open(&world, 1, 3, "crm", 0);
        world_drain(&world);
        assert_int_equal(world.crm.keys.count, 3 * (round + 1));
    }
    struct outbox_problem problem;
    assert_true(outbox_problem(world.outbox, 0, &problem));
    assert_int_equal(problem.effects, 90);
    outbox_define(world.outbox, &world.mailer.base);
    world_drain(&world);
    assert_each_once(&world);
    world_end(&world);
}

/* ── anything at all ──────────────────────────────────────────────────────── */

static void do_anything(struct world *world, struct prng *prng)
{
    static const char *const names[] = {"crm", "mailer"};
    struct basket *basket = prng_chance(prng, 50) ? &world->crm : &world->mailer;
    switch (prng_below(prng, 14)) {
    case 0:
    case 1:
    case 2:
        world_open(world, (uint32_t)prng_below(prng, WORLD_PARTITIONS), 1 + (uint32_t)prng_below(prng, 9),
                   names[prng_below(prng, 2)], (uint16_t)prng_below(prng, WORLD_VERSIONS));
        break;
    case 3:
    case 4:
    case 5: (void)world_deliver(world); break;
    case 6:
    case 7: world_close_returned(world, prng_below(prng, 30)); break;
    case 8: world->held[prng_below(prng, WORLD_VERSIONS)] ^= true; break;
    case 9: basket->fault = (enum basket_fault)prng_below(prng, BASKET_REFUSES); break;
    case 10:
        if (prng_chance(prng, 30))
            world_crash(world);
        else if (prng_chance(prng, 50))
            outbox_undefine(world->outbox, basket->base.name);
        else
            outbox_define(world->outbox, &basket->base);
        break;
    case 11:
        world->now_ms += (int64_t)prng_below(prng, 3000);
        outbox_look_again(world->outbox);
        break;
    case 12: world->lags = prng_chance(prng, 60); break;
    case 13: world_take(world, prng_below(prng, 5)); break;
    }
}

static void whatever_happens_each_goes_out_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng prng = {seed};
        struct world world;
        world_begin(&world, 4 + (uint32_t)prng_below(&prng, 40));
        for (int i = 0; i < 150; i++)
            do_anything(&world, &prng);
        memset(world.held, 0, sizeof world.held);
        world.crm.fault = world.mailer.fault = BASKET_WELL;
        world.now_ms += OUTBOX_RETRY_MS_MAX;
        outbox_define(world.outbox, &world.crm.base);
        outbox_define(world.outbox, &world.mailer.base);
        outbox_look_again(world.outbox);
        world_close_returned(&world, SIZE_MAX);
        world_drain(&world);
        assert_each_once(&world);
        assert_int_equal(world_open_count(&world), 0);
        assert_true(outbox_is_empty(world.outbox));
        world_end(&world);
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
        cmocka_unit_test(whatever_happens_each_goes_out_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
