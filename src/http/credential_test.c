#include "http/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

/* NULL = none. */
static void assert_credential(bool basic, const char *header, const char *wanted)
{
    struct arena arena = {0};
    struct str got = {0};
    bool found =
        basic ? credential_basic(str_from(header), &arena, &got) : credential_bearer(str_from(header), &got);
    assert_int_equal(found, wanted != NULL);
    if (wanted)
        assert_true(str_equal(got, str_from(wanted)));
    arena_deinit(&arena);
}

static void the_user_name_of_basic_is_the_key(void **state)
{
    (void)state;
    assert_credential(true, "Basic a2V5Og==", "key");              /* key: */
    assert_credential(true, "Basic a2V5Og", "key");                /* without padding */
    assert_credential(true, "basic  a2V5OnNlY3JldA== ", "key");    /* key:secret */
    assert_credential(true, "BASIC a2V5OmE6Yg==", "key");          /* key:a:b */
    assert_credential(true, "Basic w6nDoDo=", "\xC3\xA9\xC3\xA0"); /* éà: */
}

static void what_is_no_basic_credential_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "Basic",
                                        "Basic ",
                                        "Basica2V5Og==",
                                        "Bearer a2V5Og==",
                                        "Basic a2V5",         /* key */
                                        "Basic OnNlY3JldA==", /* :secret */
                                        "Basic a2V5Og=",
                                        "Basic a2V5Og===",
                                        "Basic a2V5O",
                                        "Basic a2V5Oh==",
                                        "Basic a2V5*Og==",
                                        "Basic a2 V5Og=",
                                        "Basic ====",
                                        "Basic ="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_credential(true, wrong[i], NULL);
}

static void a_bearer_token_is_one_word(void **state)
{
    (void)state;
    assert_credential(false, "Bearer abc.def", "abc.def");
    assert_credential(false, "bearer  abc ", "abc");
    assert_credential(false, "Bearer", NULL);
    assert_credential(false, "Bearer  ", NULL);
    assert_credential(false, "Bearer a b", NULL);
    assert_credential(false, "Basic a2V5Og==", NULL);
    assert_credential(false, "", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_user_name_of_basic_is_the_key),
        cmocka_unit_test(what_is_no_basic_credential_is_none),
        cmocka_unit_test(a_bearer_token_is_one_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
