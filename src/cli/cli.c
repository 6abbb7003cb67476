#include "cli/cli.h"

#include "base/check.h"
#include "base/spelling.h"

enum { OPTION_COLUMN = 22, COMMANDS_MAX = 40 };

typedef const struct command *const *command_table;

static void print_overview(command_table commands, FILE *out)
{
    fputs("Sojourn moves contacts through journeys.\n\nusage: sojourn COMMAND …\n\n", out);
    for (size_t i = 0; commands[i]; i++)
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

static const struct command *find_command(const struct environment *environment, command_table commands,
                                          const char *name)
{
    struct str names[COMMANDS_MAX];
    size_t count = 0;
    for (; commands[count]; count++) {
        CHECK(count < COMMANDS_MAX);
        names[count] = str_from(commands[count]->name);
        if (strcmp(commands[count]->name, name) == 0)
            return commands[count];
    }
    struct str nearest = spelling_nearest(str_from(name), names, count);
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

static enum exit_status show_help(const struct environment *environment, command_table commands,
                                  const char *name)
{
    if (!name) {
        print_overview(commands, environment->out);
        return EXIT_DONE;
    }
    const struct command *command = find_command(environment, commands, name);
    if (command)
        print_help(command, environment->out);
    return command ? EXIT_DONE : EXIT_USAGE;
}

enum exit_status cli_run(const struct environment *environment, command_table commands,
                         const char *const *words, size_t count)
{
    if (count == 0) {
        print_overview(commands, environment->err);
        return EXIT_USAGE;
    }
    if (is_help(words[0]) || strcmp(words[0], "help") == 0)
        return show_help(environment, commands, count > 1 ? words[1] : NULL);
    if (strcmp(words[0], "--version") == 0) {
        fputs("sojourn " SOJOURN_VERSION "\n", environment->out);
        return EXIT_DONE;
    }
    const struct command *command = find_command(environment, commands, words[0]);
    if (!command)
        return EXIT_USAGE;
    for (size_t i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        if (is_help(words[i]))
            return show_help(environment, commands, command->name);
    }
    struct arguments arguments;
    enum exit_status status = EXIT_USAGE;
    if (arguments_parse(command, words + 1, count - 1, environment->err, &arguments))
        status = command->run(environment, &arguments);
    arguments_free(&arguments);
    return status;
}
