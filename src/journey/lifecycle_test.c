#include "journey/lifecycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

static const struct version_status draft = {VERSION_DRAFT, HOLD_NONE}, running = {VERSION_RUNNING, HOLD_NONE},
                                   closed = {VERSION_PAUSED, HOLD_ENTRIES}, held = {VERSION_PAUSED, HOLD_ALL},
                                   stopped = {VERSION_STOPPED, HOLD_NONE};

/* spec/lifecycle.md §2, as far as this version goes; what is not here is refused. */
static const struct row {
    const struct version_status *from;
    enum action_kind action;
    enum version_hold hold;
    const struct version_status *to;
} rows[] = {
    {&draft, ACTION_PUBLISH, HOLD_NONE, &running}, {&running, ACTION_PAUSE, HOLD_ENTRIES, &closed},
    {&running, ACTION_PAUSE, HOLD_ALL, &held},     {&closed, ACTION_PAUSE, HOLD_ALL, &held},
    {&held, ACTION_PAUSE, HOLD_ENTRIES, &closed},  {&closed, ACTION_RESUME, HOLD_NONE, &running},
    {&held, ACTION_RESUME, HOLD_NONE, &running},   {&running, ACTION_STOP, HOLD_NONE, &stopped},
    {&closed, ACTION_STOP, HOLD_NONE, &stopped},   {&held, ACTION_STOP, HOLD_NONE, &stopped},
};

static const struct row *find_row(const struct version_status *from, enum action_kind action,
                                  enum version_hold hold)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].from == from && rows[i].action == action && rows[i].hold == hold)
            return &rows[i];
    }
    return NULL;
}

static void every_pair_of_status_and_action_is_as_the_table_of_the_specification_says(void **state)
{
    (void)state;
    const struct version_status *const all[] = {&draft, &running, &closed, &held, &stopped};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (enum action_kind action = 0; action < ACTION_KINDS; action++) {
            for (enum version_hold hold = 0; hold < VERSION_HOLDS; hold++) {
                struct version_status to = {VERSION_STATES, VERSION_HOLDS};
                const struct row *row = find_row(all[i], action, hold);
                assert_int_equal(lifecycle_move(*all[i], action, hold, &to), row != NULL);
                assert_int_equal(to.state, row ? row->to->state : VERSION_STATES);
                assert_int_equal(to.hold, row ? row->to->hold : VERSION_HOLDS);
            }
        }
    }
}

static void a_hold_on_entries_closes_the_entry_alone(void **state)
{
    (void)state;
    assert_true(lifecycle_lets_in(running) && lifecycle_moves(running));
    assert_true(!lifecycle_lets_in(closed) && lifecycle_moves(closed));
    assert_true(!lifecycle_lets_in(held) && !lifecycle_moves(held));
    assert_true(!lifecycle_lets_in(stopped) && !lifecycle_moves(stopped));
    assert_true(!lifecycle_lets_in(draft) && !lifecycle_moves(draft));
}

static void what_is_allowed_is_said_in_words(void **state)
{
    (void)state;
    char text[LIFECYCLE_TEXT_BYTES];
    lifecycle_allowed_text(running, text);
    assert_string_equal(text, "pause with hold entries, pause with hold all, stop");
    lifecycle_allowed_text(held, text);
    assert_string_equal(text, "pause with hold entries, resume, stop");
    lifecycle_allowed_text(stopped, text);
    assert_string_equal(text, "nothing");
    lifecycle_status_text(closed, text);
    assert_string_equal(text, "paused with hold entries");
    lifecycle_action_text(ACTION_RESUME, HOLD_NONE, text);
    assert_string_equal(text, "resume");
}

static void a_pause_asks_for_one_of_two_holds(void **state)
{
    (void)state;
    enum version_hold hold = HOLD_NONE;
    assert_true(version_hold_parse(STR("entries"), &hold));
    assert_int_equal(hold, HOLD_ENTRIES);
    assert_true(version_hold_parse(STR("all"), &hold));
    assert_int_equal(hold, HOLD_ALL);
    assert_false(version_hold_parse(STR("none"), &hold));
    assert_false(version_hold_parse(STR(""), &hold));
    assert_int_equal(hold, HOLD_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_status_and_action_is_as_the_table_of_the_specification_says),
        cmocka_unit_test(a_hold_on_entries_closes_the_entry_alone),
        cmocka_unit_test(what_is_allowed_is_said_in_words),
        cmocka_unit_test(a_pause_asks_for_one_of_two_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
