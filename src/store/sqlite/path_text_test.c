#include "store/sqlite/path_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

static void paths_are_json_and_come_back(void **state)
{
    (void)state;
    struct passage path[] = {{0, 0}, {9, 10}, {99, 100}, {255, 255}};
    char text[64];
    struct passages parsed = {0};
    size_t size = path_text_print(path, 4, text);
    assert_true(str_equal((struct str){text, size}, STR("[[0,0],[9,10],[99,100],[255,255]]")));
    assert_true(path_text_parse((struct str){text, size}, &parsed));
    assert_int_equal(parsed.count, 4);
    assert_memory_equal(parsed.items, path, sizeof path);
    assert_true(path_text_parse(STR(""), &parsed));
    assert_int_equal(parsed.count, 0);
    static const char *const damaged[] = {
        "[",        "[]",       "[[1,2]",   "[[1,2]]]",     "[[1]]",      "[[1,256]]", "[[1,]]",
        "[[1,2],]", "[[1,2] ]", "[[-1,2]]", "[[1,2][3,4]]", "[[1000,2]]", "x",         "[[1,2]]\n"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        assert_false(path_text_parse(str_from(damaged[i]), &parsed));
    array_free(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths_are_json_and_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
