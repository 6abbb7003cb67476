#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `fault` in a child and gives what it wrote to stderr; fails unless it aborted. */
static void stderr_of_abort(void (*fault)(void), char *ret_text, size_t room)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on in the child */
        dup2(ends[1], STDERR_FILENO);
        fault();
        _exit(0);
    }
    close(ends[1]);
    size_t size = 0;
    for (ssize_t got; size + 1 < room && (got = read(ends[0], ret_text + size, room - 1 - size)) > 0;)
        size += (size_t)got;
    ret_text[size] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void fail_plainly(void)
{
    int answer = 41;
    CHECK(answer == 42);
}

static void fail_in_partition(void)
{
    check_context(7, 12345678901);
    CHECK(0 && "seq rises");
}

static void a_failed_check_prints_expression_and_place_and_aborts(void **state)
{
    (void)state;
    char text[1024];
    stderr_of_abort(fail_plainly, text, sizeof text);
    assert_non_null(strstr(text, "CHECK(answer == 42) failed in fail_plainly at "));
    assert_non_null(strstr(text, "check_test.c:"));
    assert_null(strstr(text, "partition"));
}

static void a_failed_check_names_partition_and_seq_of_its_thread(void **state)
{
    (void)state;
    char text[1024];
    stderr_of_abort(fail_in_partition, text, sizeof text);
    assert_non_null(strstr(text, "(partition 7, seq 12345678901)"));
}

static void a_check_that_holds_evaluates_its_expression_once(void **state)
{
    (void)state;
    int evaluated = 0;
    CHECK(++evaluated);
    assert_int_equal(evaluated, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_check_prints_expression_and_place_and_aborts),
        cmocka_unit_test(a_failed_check_names_partition_and_seq_of_its_thread),
        cmocka_unit_test(a_check_that_holds_evaluates_its_expression_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
