#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

/* What `log_line` writes to stderr, by way of a temporary file in its place. */
static void lines_are_level_message_and_fields(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    log_line(LOG_INFO, "started", "port=%d", 8080);
    log_line(LOG_WARN, "disk nearly full", "%s", "");
    log_line(LOG_ERROR, "long", "%2000d", 1);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    char line[4096];
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "level=info msg=\"started\" port=8080\n");
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "level=warn msg=\"disk nearly full\"\n");
    assert_non_null(fgets(line, sizeof line, file));
    assert_memory_equal(line, "level=error msg=\"long\" ", 23);
    assert_int_equal(strlen(line),
                     23 + 1023 + 1); /* fields are cut at 1,023 bytes, the line ends all the same */
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_level_message_and_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
