#include "cli/cli.h"

#include "base/spelling.h"
#include "cli/commands.h"

static const struct command *const commands[] = {&command_serve, &command_replay, &command_check,
                                                 &command_pause, &command_resume, &command_stop,
                                                 &command_trace, &command_status};
enum { COMMANDS = sizeof commands / sizeof commands[0], OPTION_COLUMN = 22 };

static void print_overview(FILE *out)
{
    fputs("Sojourn moves contacts through journeys.\n\nusage: sojourn COMMAND …\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "`sojourn COMMAND --help` says what a command takes and shows examples; `sojourn --version` says "
          "which\n"
          "version this is. Begin with a journey in a JSON file:\n\n"
          "  sojourn check cart-rescue.json\n"
          "  sojourn replay --data demo --journey cart-rescue.json --events events.ndjson\n\n"
          "Exit status: 0 done, 1 failed or refused, 2 wrong usage.\n",
          out);
}

static void print_help(const struct command *command, FILE *out)
{
    fprintf(out, "%s\n\nusage: sojourn %s %s\n\n", command->summary, command->name, command->usage);
    for (const struct option *option = command->options; option->name; option++) {
        char shown[64];
        int size = snprintf(shown, sizeof shown, "--%s%s%s", option->name, option->value ? " " : "",
                            option->value ? option->value : "");
        for (const char *c = shown; *c; c++)
            size -= ((unsigned char)*c & 0xc0) == 0x80; /* columns count characters, not bytes */
        fprintf(out, "  %s%*s", shown, size < OPTION_COLUMN ? OPTION_COLUMN - size : 1, "");
        for (const char *c = option->text; *c; c++) {
            fputc(*c, out);
            if (*c == '\n')
                fprintf(out, "%*s", OPTION_COLUMN + 2, "");
        }
        fputc('\n', out);
    }
    fprintf(out, "\n%s", command->text);
}

static const struct command *find_command(const struct environment *environment, const char *name)
{
    struct str names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = str_from(commands[i]->name);
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    struct str nearest = spelling_nearest(str_from(name), names, COMMANDS);
    if (nearest.size)
        complain(environment->err, "", "there is no command \"%s\"; did you mean `sojourn %.*s`?", name,
                 STR_ARG(nearest));
    else
        complain(environment->err, "", "there is no command \"%s\"; `sojourn --help` lists them", name);
    return NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static enum exit_status show_help(const struct environment *environment, const char *name)
{
    if (!name) {
        print_overview(environment->out);
        return EXIT_DONE;
    }
    const struct command *command = find_command(environment, name);
    if (command)
        print_help(command, environment->out);
    return command ? EXIT_DONE : EXIT_USAGE;
}

enum exit_status cli_run(const struct environment *environment, const char *const *words, size_t count)
{
    if (count == 0) {
        print_overview(environment->err);
        return EXIT_USAGE;
    }
    if (is_help(words[0]) || strcmp(words[0], "help") == 0)
        return show_help(environment, count > 1 ? words[1] : NULL);
    if (strcmp(words[0], "--version") == 0) {
        fputs("sojourn " SOJOURN_VERSION "\n", environment->out);
        return EXIT_DONE;
    }
    const struct command *command = find_command(environment, words[0]);
    if (!command)
        return EXIT_USAGE;
    for (size_t i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        if (is_help(words[i]))
            return show_help(environment, command->name);
    }
    struct arguments arguments;
    enum exit_status status = EXIT_USAGE;
    if (arguments_parse(command, words + 1, count - 1, environment->err, &arguments))
        status = command->run(environment, &arguments);
    arguments_free(&arguments);
    return status;
}
