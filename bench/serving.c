#include "bench/serving.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/sender.h"

extern char **environ;

enum { PRINTED_MAX = 4096 };

/* The last word of the line that begins so. */
static void take_word(const char *printed, const char *begins, char *ret, size_t size)
{
    const char *at = strstr(printed, begins), *end = at ? strchr(at, '\n') : NULL;
    if (!end)
        return;
    const char *word = end;
    while (word > at && word[-1] != ' ')
        word--;
    snprintf(ret, size, "%.*s", (int)(end - word), word);
}

/* Reads what it prints until it says where it listens. */
static enum err wait_until_listening(struct serving *serving, struct err_detail *detail)
{
    char printed[PRINTED_MAX] = "";
    for (size_t size = 0; size < sizeof printed - 1;) {
        ssize_t got = read(serving->out, printed + size, sizeof printed - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
        const char *at = strstr(printed, "is at http://127.0.0.1:");
        if (!at || !strchr(at, '\n'))
            continue;
        serving->port = (uint16_t)strtoul(at + strlen("is at http://127.0.0.1:"), NULL, 10);
        take_word(printed, "  write key", serving->write_key, sizeof serving->write_key);
        take_word(printed, "  admin token", serving->admin_token, sizeof serving->admin_token);
        return ERR_OK;
    }
    return err_fail(detail, ERR_IO, "sojourn serve", "did not start: %s", printed);
}

enum err serving_start(const char *data, struct serving *ret, struct err_detail *detail)
{
    const char *const words[] = {"sojourn", "serve", "--data", data, "--listen", "127.0.0.1:0", NULL};
    char *arguments[sizeof words / sizeof *words];
    memcpy(arguments, words, sizeof arguments);
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return err_fail(detail, ERR_IO, "pipe", "%s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    int failure = posix_spawn(&ret->pid, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    ret->out = pipes[0];
    if (failure)
        return err_fail(detail, ERR_IO, "sojourn serve", "%s", strerror(failure));
    return wait_until_listening(ret, detail);
}

void serving_end(struct serving *serving, int signal)
{
    if (serving->pid <= 0)
        return;
    kill(serving->pid, signal);
    while (waitpid(serving->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(serving->out);
    serving->pid = 0;
}

enum err serving_ask(const struct serving *serving, const char *method, const char *path, struct str body,
                     struct buf *out, struct err_detail *detail)
{
    char bearer[192];
    struct buf request = {0};
    struct sender sender;
    struct str answer;
    snprintf(bearer, sizeof bearer, "Bearer %s", serving->admin_token);
    sender_request(&request, method, path, bearer, body);
    enum err err = sender_connect(&sender, serving->port, detail);
    if (!err)
        err = sender_ask(&sender, buf_str(&request), &answer, detail);
    if (!err)
        buf_put_str(out, answer);
    sender_close(&sender);
    buf_deinit(&request);
    return err;
}
