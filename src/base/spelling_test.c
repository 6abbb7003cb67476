#include "base/spelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct str known[] = {STR("userId"), STR("timestamp"), STR("event"), STR("properties")};

static void assert_nearest(const char *word, const char *expected)
{
    struct str nearest = spelling_nearest(str_from(word), known, sizeof known / sizeof known[0]);
    if (!str_equal(nearest, str_from(expected)))
        fail_msg("nearest to \"%s\" is \"%.*s\", not \"%s\"", word, STR_ARG(nearest), expected);
}

static void a_slip_of_a_letter_or_two_is_recognized(void **state)
{
    (void)state;
    assert_nearest("userid", "userId");
    assert_nearest("user_id", "userId");
    assert_nearest("tiemstamp", "timestamp");
    assert_nearest("evnet", "event");
    assert_nearest("proprties", "properties");
    assert_nearest("events", "event");
}

static void a_word_that_is_merely_another_is_not_guessed_at(void **state)
{
    (void)state;
    assert_nearest("props", "");
    assert_nearest("context", "");
    assert_nearest("x", "");
    assert_nearest("", "");
}

static void a_long_word_is_not_guessed_at(void **state)
{
    (void)state;
    char word[SPELLING_BYTES_MAX + 2];
    memset(word, 'e', sizeof word);
    word[sizeof word - 1] = '\0';
    assert_nearest(word, "");
    word[SPELLING_BYTES_MAX] = '\0';
    assert_nearest(word, "");
}

static void of_equally_near_words_the_first_is_taken(void **state)
{
    (void)state;
    const struct str both[] = {STR("pause"), STR("paust")};
    assert_true(str_equal(spelling_nearest(STR("pausx"), both, 2), STR("pause")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_a_letter_or_two_is_recognized),
        cmocka_unit_test(a_word_that_is_merely_another_is_not_guessed_at),
        cmocka_unit_test(a_long_word_is_not_guessed_at),
        cmocka_unit_test(of_equally_near_words_the_first_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
